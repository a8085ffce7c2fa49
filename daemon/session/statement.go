package session

import (
	"context"

	"gongji/settle"
)

// Statements is the ledger's side of a person's statement. *ledger.Ledger is one.
type Statements interface {
	// Statement is all of a person's use in this venue over a period. PERSON_UNKNOWN, BAD_REQUEST, STORE_BROKEN.
	Statement(ctx context.Context, person settle.PersonID, from, to settle.Date) (settle.Statement, error)
}

// StatementViewed is the kind of incident under which a look at a statement is remembered (S-147).
const StatementViewed = "STATEMENT_VIEWED"

// Statement is the statement of the holder of the card now in the terminal's reader, and of nobody else; each look is
// remembered. The codes of the card, PERSON_UNKNOWN, BAD_REQUEST, STORE_BROKEN.
func (s *Session) Statement(ctx context.Context, from Statements, pos, terminal string, first, last settle.Date) (settle.Statement, error) {
	a := attempt{pos: pos, terminal: terminal}
	who, err := s.ownCard(ctx, a, 0)
	if err != nil {
		return settle.Statement{}, err
	}
	statement, err := from.Statement(ctx, who.person.ID, first, last)
	if err != nil {
		return settle.Statement{}, refusal(err)
	}
	// The card must still be there: what is shown is shown to its holder.
	if err := who.confirm(); err != nil {
		return settle.Statement{}, refusal(err)
	}
	s.remember(ctx, StatementViewed, a, who, nil)
	return statement, nil
}

// PersonByNumber finds a person of the ledger by the identity number, for a manager's statement; PERSON_UNKNOWN.
func (s *Session) PersonByNumber(ctx context.Context, number settle.IDNumber) (settle.PersonID, error) {
	person, err := s.o.Ledger.PersonByNumber(ctx, s.o.Ledger.Index(kindNumber, number.Reveal()))
	return person.ID, refusal(err)
}
