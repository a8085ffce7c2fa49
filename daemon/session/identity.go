package session

import (
	"context"

	"gongji/cardreader"
	"gongji/settle"
)

// errors of the card itself, beside which another credential may be shown: whose card it is stays unknown.
func nameless(err error) bool {
	return isCode(err, settle.CardNeedsAuthentication) || isCode(err, settle.CardUnreadable) || isCode(err, settle.CardNotSocialSecurity)
}

// present finds the person behind what was shown. A social security card in the reader goes first, then the code, then the
// identity card; whatever lies there beside it must be the same person's, else PERSON_CARD_MISMATCH. The codes of identify and
// byCode.
func (s *Session) present(ctx context.Context, x *shown, p *parsedSale) (holder, error) {
	var first holder
	if x.card != nil {
		who, err := s.identify(ctx, *x.card, p.claimed)
		if err != nil && !(nameless(err) && x.other()) {
			return who, err
		}
		if err == nil {
			first = who
		}
	}
	if first.known() && s.o.Centre.Offline() {
		x.scan = nil // nobody can say whose it is, and the card needs no help
	}
	if x.scan != nil || x.voucher != nil {
		who, err := s.byCode(ctx, x, p)
		switch {
		case err == nil && first.known() && who.person.ID != first.person.ID:
			return who, mismatch("card")
		case isCode(err, settle.PersonCardMismatch) || err != nil && !first.known():
			return who, err
		case !first.known():
			first = who
		}
	}
	switch {
	case x.id == nil:
	case !first.known():
		return s.byDocument(ctx, x, p)
	case p.sale.Presenter.SamePerson:
		return first, s.sameDocument(ctx, x.id, first)
	}
	return first, nil
}

func (h *holder) known() bool { return h.person.ID != "" }

func mismatch(differs string) error {
	return (&settle.Error{Code: settle.PersonCardMismatch, Reason: settle.ECardOwnerMismatch}).With("differs", differs)
}

// byDocument finds the person of a resident identity card. The centre is asked as for a card; where it does not answer, whoever
// the ledger knows counts. What the centre says of a social security card does not touch an identity card. PERSON_UNKNOWN,
// PERSON_CARD_MISMATCH, CARD_UNREADABLE.
func (s *Session) byDocument(ctx context.Context, x *shown, p *parsedSale) (holder, error) {
	who := holder{held: *x.id}
	who.kind = settle.CredentialID
	number, err := settle.ParseIDNumber(who.card.IDNumber)
	if number.Zero() {
		return who, settle.NewError(settle.CardUnreadable, err)
	}
	if err := settle.MatchCard(p.claimed, settle.Shown{Number: number, Name: who.card.Name}); err != nil {
		return who, err
	}
	who.evidence = compared(p.claimed)
	s.await(ctx, s.ask(who.reader, who.seq, who.card, false), s.o.RefreshWait)
	person, err := s.byNumber(ctx, number)
	if isCode(err, settle.PersonUnknown) {
		s.await(ctx, s.ask(who.reader, who.seq, who.card, true), s.o.AskWait)
		person, err = s.byNumber(ctx, number)
	}
	if err != nil {
		return who, err
	}
	who.person = person
	who.still = func() error {
		if err := who.stays(); err != nil {
			return err
		}
		return x.undisturbed()
	}
	return who, nil
}

// sameDocument holds an identity card that lies beside another credential against the person who was found.
func (s *Session) sameDocument(ctx context.Context, id *held, who holder) error {
	number, err := settle.ParseIDNumber(id.card.IDNumber)
	if number.Zero() {
		return settle.NewError(settle.CardUnreadable, err)
	}
	person, err := s.o.Ledger.PersonByNumber(ctx, s.o.Ledger.Index(kindNumber, number.Reveal()))
	switch {
	case isCode(err, settle.PersonUnknown) || err == nil && person.ID != who.person.ID:
		return mismatch("card")
	}
	return refusal(err)
}

// undisturbed: the card reader is as it was when the credential beside it was looked at. A card that came in since may be
// another person's.
func (x *shown) undisturbed() error {
	r := x.counter.card
	if r == nil {
		return nil
	}
	status := r.Reader.Status()
	came := status.State == cardreader.StatePresent || status.State == cardreader.StateReading
	if came && status.Seq != x.cardSeq() {
		return settle.NewError(settle.CardRemoved, nil).With("reader", r.Name)
	}
	return nil
}

// cardSeq is the sequence number of the card that was looked at; 0 where there was none.
func (x *shown) cardSeq() uint64 {
	if x.card == nil {
		return 0
	}
	return x.card.seq
}

// shownBy is whose phone shows a code: the patient's own, or that of the agent who buys. Where a third person stands there it
// is not known.
func (s *Session) shownBy(ctx context.Context, p *parsedSale, patient settle.PersonID) (settle.PersonID, error) {
	if !p.agent.Zero() {
		return s.prescribedTo(ctx, p.agent)
	}
	if p.sale.Presenter.SamePerson {
		return patient, nil
	}
	return "", nil
}
