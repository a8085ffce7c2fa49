package session

import (
	"context"
	"encoding/json"
	"errors"

	"gongji/cardreader"
	"gongji/settle"
)

// The kinds under which the ledger's vault hashes and seals (see Vault).
const (
	kindNumber = "certno"
	kindCard   = "card"
	kindAgent  = "agent"
)

// holder is the person behind the card in a reader, and the evidence for it.
type holder struct {
	held
	person   settle.Person
	cardHash string
	evidence string // what was compared
}

// identify resolves the card in the reader to a person and refuses a card that is not the claimed patient's own. The order
// is: whose card it is, whether the card still counts, who the person is. PERSON_CARD_MISMATCH, CARD_EXPIRED,
// CARD_REPORTED_LOST, CARD_NOT_SOCIAL_SECURITY, CARD_NEEDS_AUTHENTICATION, CARD_UNREADABLE, PERSON_UNKNOWN.
func (s *Session) identify(ctx context.Context, h held, claimed settle.Claimed) (holder, error) {
	if h.card.Kind != cardreader.CardSocial {
		return holder{}, settle.NewError(settle.CardNotSocialSecurity, nil)
	}
	// A card may carry a number that is not a citizen's: a wrong check character or date is the issuer's business, while a
	// text that is no such number at all leaves the number unknown.
	number, err := settle.ParseIDNumber(h.card.IDNumber)
	if err != nil && number.Zero() && !h.card.NeedsAuthentication && h.card.IDNumber == "" {
		return holder{}, settle.NewError(settle.CardUnreadable, err)
	}
	who := holder{held: h, cardHash: s.o.Ledger.Index(kindCard, h.card.Number+"|"+h.card.Identifier), evidence: "holder"}
	if !number.Zero() {
		if err := settle.MatchCard(claimed, settle.Shown{Number: number, Name: h.card.Name}); err != nil {
			return who, err
		}
		who.evidence = compared(claimed)
	}
	s.await(ctx, s.ask(h.reader, h.seq, h.card, false), s.o.RefreshWait)
	card := s.word(ctx, who)
	person, err := s.resolve(ctx, card, number)
	if isCode(err, settle.PersonUnknown) || err == nil && card.unknown() {
		s.await(ctx, s.ask(h.reader, h.seq, h.card, true), s.o.AskWait)
		card = s.word(ctx, who)
		person, err = s.resolve(ctx, card, number)
	}
	if err == nil && card.unknown() {
		who.person, err = person, settle.NewError(settle.PersonUnknown, errCardUnknown)
	}
	// A card that no longer counts is the first thing to tell, even where the person could not be found either.
	if refused := s.checkCard(card, who, person.ID); refused != nil {
		return who, refused
	}
	if err != nil {
		return who, unresolved(h.card, number, err)
	}
	who.person = person
	if number.Zero() {
		who.evidence = "card_ledger"
		return who, s.matchByOwner(ctx, claimed, person.ID)
	}
	return who, nil
}

// errCardUnknown: whoever the chip names, a card that the centre never answered for proves nothing. The centre would
// refuse the report, after the goods are gone.
var errCardUnknown = errors.New("the centre has not confirmed this card")

// cardWord is what the centre said of a card, as far as the ledger knows.
type cardWord struct {
	settle.Card
	known bool
	err   error
}

func (s *Session) word(ctx context.Context, who holder) (w cardWord) {
	w.Card, w.known, w.err = s.o.Ledger.CardByHash(ctx, who.cardHash)
	return w
}

// unknown reports whether the centre has not named the card as somebody's. Where the ledger cannot say, it answers at the
// commit.
func (w *cardWord) unknown() bool { return !w.known && w.err == nil }

// compared names what the till's claim was compared with.
func compared(claimed settle.Claimed) string {
	switch {
	case !claimed.Number.Zero() && claimed.Name != "":
		return "number+name"
	case !claimed.Number.Zero():
		return "number"
	case claimed.Name != "":
		return "name"
	}
	return "holder"
}

// resolve finds the person by number, or by the card where the number cannot be read. PERSON_UNKNOWN.
func (s *Session) resolve(ctx context.Context, card cardWord, number settle.IDNumber) (settle.Person, error) {
	if !number.Zero() {
		return s.byNumber(ctx, number)
	}
	if card.err != nil {
		return settle.Person{}, refusal(card.err)
	}
	if !card.known || card.Owner == "" {
		return settle.Person{}, settle.NewError(settle.PersonUnknown, nil)
	}
	person, err := s.o.Ledger.Person(ctx, card.Owner)
	return person, refusal(err)
}

func (s *Session) byNumber(ctx context.Context, number settle.IDNumber) (settle.Person, error) {
	person, err := s.o.Ledger.PersonByNumber(ctx, s.o.Ledger.Index(kindNumber, number.Reveal()))
	return person, refusal(err)
}

// unresolved is the error for a holder nobody knows: of a card that shows no number, the card's own code.
func unresolved(card *cardreader.Credential, number settle.IDNumber, err error) error {
	if !isCode(err, settle.PersonUnknown) || !number.Zero() {
		return err
	}
	if card.NeedsAuthentication {
		return settle.NewError(settle.CardNeedsAuthentication, err)
	}
	return settle.NewError(settle.CardUnreadable, err)
}

// matchByOwner compares the claimed number with the owner the centre named for a card that does not show its number. The
// name cannot be compared here.
func (s *Session) matchByOwner(ctx context.Context, claimed settle.Claimed, owner settle.PersonID) error {
	if claimed.Number.Zero() {
		return nil
	}
	person, err := s.o.Ledger.PersonByNumber(ctx, s.o.Ledger.Index(kindNumber, claimed.Number.Reveal()))
	if err != nil && !isCode(err, settle.PersonUnknown) {
		return refusal(err)
	}
	if err != nil || person.ID != owner {
		return (&settle.Error{Code: settle.PersonCardMismatch, Reason: settle.ECardOwnerMismatch}).With("differs", "number")
	}
	return nil
}

// checkCard looks at what the centre says of the card, and at the date printed into it: refused when the ledger says lost
// or expired, or when the card's own date has passed and the ledger does not say valid with a later one. person is empty
// where it is not known.
func (s *Session) checkCard(card cardWord, who holder, person settle.PersonID) error {
	if card.err != nil {
		return refusal(card.err)
	}
	known := card.known
	if known && person != "" && card.Owner != "" && card.Owner != person {
		return (&settle.Error{Code: settle.PersonCardMismatch, Reason: settle.ECardOwnerMismatch}).With("differs", "card")
	}
	if known && card.Status == settle.CardLost {
		return settle.NewError(settle.CardReportedLost, nil)
	}
	if known && card.Status == settle.CardExpired {
		return settle.NewError(settle.CardExpiredCode, nil)
	}
	today := settle.DateOf(s.o.Clock())
	if until, err := settle.ParseDate(who.card.ExpiresOn); err == nil && until != 0 && until < today {
		if !known || card.Status != settle.CardValid || card.Expires < today {
			return settle.NewError(settle.CardExpiredCode, nil).With("expired_on", until.String())
		}
	}
	return nil
}

// presence is the evidence that is stored beside what was booked. Of a code and of an identity card, the person's number is
// what the report names them by.
func (s *Session) presence(who holder, personCheck string) (settle.Presence, error) {
	numbers, err := json.Marshal(settle.CardNumbers{Number: who.card.Number, Identifier: who.card.Identifier, IDNumber: who.card.IDNumber})
	if err != nil {
		return settle.Presence{}, settle.NewError(settle.StoreBroken, errors.New("card numbers do not encode"))
	}
	sealed, err := s.o.Ledger.Seal(kindCard, numbers)
	if err != nil {
		return settle.Presence{}, refusal(err)
	}
	return settle.Presence{
		Reader: who.reader.Name, Seq: who.seq, Kind: who.credential(), CardHash: who.cardHash, CardSealed: sealed,
		MaskedHolder: settle.MaskName(who.card.Name), MatchedAt: who.at, PersonCheck: personCheck, EvidenceSource: who.evidence,
	}, nil
}
