package session

import (
	"context"
	"fmt"
	"slices"

	"gongji/settle"
)

// Quote plans a sale for what the patient shows, which is a card, a 医保码 or an identity card, and changes nothing. BAD_REQUEST, the codes of the card,
// PERSON_CARD_MISMATCH, PERSON_UNKNOWN, READER_DOWN, what the ledger refuses, and where the centre is asked in line
// UPSTREAM_REFUSED (member centre_message). A sale id that is settled is answered before everything else: ALREADY_SETTLED with the
// settlement that stands.
func (s *Session) Quote(ctx context.Context, r SaleRequest) (settle.Quote, error) {
	checked, bad := r.Check()
	if err := faults(bad).err(); err != nil {
		return settle.Quote{}, err
	}
	return s.QuoteChecked(ctx, r.POS, checked)
}

// QuoteChecked is Quote of a sale of the till pos that was checked already.
func (s *Session) QuoteChecked(ctx context.Context, pos string, checked CheckedSale) (settle.Quote, error) {
	p := *checked.sale
	p.sale.POS = pos
	if err := s.unsettled(ctx, pos, p.sale.ID); err != nil {
		return settle.Quote{}, err
	}
	who, err := s.patient(ctx, p)
	if err != nil {
		return settle.Quote{}, err
	}
	sale, err := s.build(ctx, p, settle.Credential{Kind: who.credential(), Owner: who.person.ID}, nil)
	if err != nil {
		return settle.Quote{}, err
	}
	var quote settle.Quote
	if s.o.Inline != nil {
		quote, err = s.quoteInline(ctx, &p, who, sale)
	} else {
		quote, err = s.o.Ledger.Quote(ctx, sale, s.o.Centre.Offline())
	}
	s.metrics.count(err)
	return quote, refusal(err)
}

// unsettled refuses to plan a sale again that the till has settled.
func (s *Session) unsettled(ctx context.Context, pos, saleID string) error {
	stored, err := s.o.Ledger.SettlementBySale(ctx, pos, saleID)
	switch {
	case err == nil && stored.Sale.POS == pos:
		return settle.SettledBefore(&stored)
	case err != nil && !isCode(err, settle.NotFound):
		return refusal(err)
	}
	return nil
}

// Settle settles a sale for what the patient shows; replayed is true where the sale id was settled before with the same
// content, for which no card is needed. Errors as Quote, and QUOTE_CHANGED, IDEMPOTENCY_CONFLICT, CARD_REMOVED, STORE_FULL,
// STORE_BROKEN; where the centre is asked in line, UPSTREAM_REFUSED (member centre_message).
func (s *Session) Settle(ctx context.Context, r SettleRequest) (result settle.Settlement, replayed bool, err error) {
	checked, bad := r.Check()
	if err := faults(bad).err(); err != nil {
		return settle.Settlement{}, false, err
	}
	return s.SettleChecked(ctx, r.POS, checked)
}

// SettleChecked is Settle of a sale of the till pos that was checked already.
func (s *Session) SettleChecked(ctx context.Context, pos string, checked CheckedSale) (result settle.Settlement, replayed bool, err error) {
	p := *checked.sale
	p.sale.POS = pos
	stored, err := s.o.Ledger.SettlementBySale(ctx, pos, p.sale.ID)
	switch {
	case err == nil && stored.Sale.POS == pos:
		return s.repeat(ctx, p, stored)
	case err != nil && !isCode(err, settle.NotFound):
		return settle.Settlement{}, false, refusal(err)
	}
	who, err := s.patient(ctx, p)
	if err != nil {
		return settle.Settlement{}, false, err
	}
	presence, err := s.presence(who, p.sale.PersonCheck)
	if err != nil {
		return settle.Settlement{}, false, err
	}
	sale, err := s.build(ctx, p, settle.Credential{Kind: who.credential(), Owner: who.person.ID}, nil)
	if err != nil {
		return settle.Settlement{}, false, err
	}
	order := settle.SettleOrder{
		Sale: sale, Presence: presence, QuoteDigest: p.digest, Confirm: func() error { return s.confirmSale(who, p) },
	}
	if s.o.Inline != nil {
		result, replayed, err = s.settleInline(ctx, p, who, order)
	} else {
		order.Offline = s.o.Centre.Offline()
		result, replayed, err = s.o.Ledger.Settle(ctx, order)
	}
	if err == nil {
		s.spend(&p)
	}
	if isCode(err, settle.RuleRefused) {
		err = s.refuse(ctx, p.attempt(), who, err)
	} else {
		s.metrics.count(err) // a card that is not the patient's the ledger has recorded itself
	}
	return result, replayed, refusal(err)
}

func (p *parsedSale) attempt() attempt {
	return attempt{p.sale.POS, p.sale.Terminal, p.sale.Operator.ID, p.sale.ID}
}

// confirmSale is the last look at card and agent before the commit.
func (s *Session) confirmSale(who holder, p parsedSale) error {
	if err := who.confirm(); err != nil {
		return err
	}
	return s.checkAgent(p, p.sale.Terminal)
}

// repeat answers a sale id that is finished: the request is rebuilt around the stored patient and compared by the ledger.
func (s *Session) repeat(ctx context.Context, p parsedSale, stored settle.Settlement) (settle.Settlement, bool, error) {
	patient := stored.Sale.Patient
	if !p.claimed.Number.Zero() {
		person, err := s.o.Ledger.PersonByNumber(ctx, s.o.Ledger.Index(kindNumber, p.claimed.Number.Reveal()))
		switch {
		case isCode(err, settle.PersonUnknown):
			return settle.Settlement{}, false, settle.OtherSale("patient", &stored)
		case err != nil:
			return settle.Settlement{}, false, refusal(err)
		}
		patient = person.ID
	}
	sale, err := s.build(ctx, p, settle.Credential{Owner: patient}, &stored)
	if err != nil {
		return settle.Settlement{}, false, err
	}
	result, replayed, err := s.o.Ledger.Settle(ctx, settle.SettleOrder{
		Sale: sale, Presence: stored.Presence, Offline: s.o.Centre.Offline(),
		// The id is finished, so nothing can be booked here; were the ledger to think otherwise, no card vouches for it.
		Confirm: func() error { return settle.NewError(settle.CardAbsent, nil) },
	})
	return result, replayed, refusal(err)
}

// patient waits for a credential and finds the patient behind it.
func (s *Session) patient(ctx context.Context, p parsedSale) (holder, error) {
	a := p.attempt()
	x, err := s.shownAt(ctx, &p)
	if err != nil {
		return holder{}, s.refuse(ctx, a, holder{}, err)
	}
	who, err := s.present(ctx, &x, &p)
	if err != nil {
		return holder{}, s.refuse(ctx, a, who, err)
	}
	if err := s.checkAgent(p, p.sale.Terminal); err != nil {
		return holder{}, s.refuse(ctx, a, who, err)
	}
	return who, nil
}

// build completes a checked sale with the persons in it. stored is the settlement a repeat is compared with.
func (s *Session) build(ctx context.Context, p parsedSale, by settle.Credential, stored *settle.Settlement) (settle.Sale, error) {
	sale, patient := p.sale, by.Owner
	sale.Patient, sale.Credential = patient, by
	var earlier *settle.Proxy
	if stored != nil {
		earlier, sale.Credential = stored.Sale.Proxy, stored.Sale.Credential
	}
	var err error
	if sale.Credential.Kind == settle.CredentialEvoucher && stored == nil {
		if sale.Credential.ShownBy, err = s.shownBy(ctx, &p, patient); err != nil {
			return settle.Sale{}, err
		}
	}
	if err := s.agentIsAnother(ctx, &p, patient); err != nil {
		return settle.Sale{}, err
	}
	if sale.Proxy, err = s.sealProxy(p, earlier); err != nil {
		return settle.Sale{}, err
	}
	if sale.Prescription.Patient, err = s.prescribedTo(ctx, p.prescribedTo); err != nil {
		return settle.Sale{}, err
	}
	if stored != nil {
		sale.Selected = storedSelection(stored, p.selected)
		return sale, nil
	}
	sale.Selected, err = s.selected(ctx, patient, p.selected)
	return sale, err
}

// storedSelection finds the givers of a repeat by the references that the first answer gave, since a binding may have ended
// in between. A reference it does not know stays a text that equals no giver, so that the ledger sees the difference.
func storedSelection(stored *settle.Settlement, refs []string) []settle.PersonID {
	known := map[string]settle.PersonID{}
	for i := range stored.Postings {
		known[stored.Postings[i].GiverRef] = stored.Postings[i].Person
	}
	for i := range stored.Skipped {
		known[stored.Skipped[i].GiverRef] = stored.Skipped[i].Person
	}
	var givers []settle.PersonID
	for i, ref := range refs {
		giver, ok := known[ref]
		switch {
		case ok:
		case i < len(stored.Sale.Selected) && !named(known, stored.Sale.Selected[i]):
			// Selected, but neither paid nor skipped (the bill was paid before its turn): the stored one stands.
			giver = stored.Sale.Selected[i]
		default:
			giver = settle.PersonID("ref:" + ref)
		}
		givers = append(givers, giver)
	}
	return givers
}

func named(known map[string]settle.PersonID, person settle.PersonID) bool {
	for _, p := range known {
		if p == person {
			return true
		}
	}
	return false
}

// prescribedTo is the person on the prescription, and whoever else a number names. Somebody the ledger does not know stays somebody: an id from the number's
// hash, which equals no patient's.
func (s *Session) prescribedTo(ctx context.Context, number settle.IDNumber) (settle.PersonID, error) {
	if number.Zero() {
		return "", nil
	}
	hash := s.o.Ledger.Index(kindNumber, number.Reveal())
	person, err := s.o.Ledger.PersonByNumber(ctx, hash)
	if isCode(err, settle.PersonUnknown) {
		return settle.PersonID("unlisted:" + hash), nil
	}
	return person.ID, refusal(err)
}

// selected turns the giver_ref values into givers; a foreign one is a bad field.
func (s *Session) selected(ctx context.Context, patient settle.PersonID, refs []string) ([]settle.PersonID, error) {
	var f faults
	var givers []settle.PersonID
	for i, ref := range refs {
		giver, ok, err := s.o.Ledger.GiverByRef(ctx, patient, ref)
		if err != nil {
			return nil, refusal(err)
		}
		if !ok || slices.Contains(givers, giver) {
			f.add(fmt.Sprintf("selected_givers[%d]", i), "没有这位共济人。", "is not a giver_ref of this patient")
			continue
		}
		givers = append(givers, giver)
	}
	return givers, f.err()
}
