package ledger

import (
	"context"
	"strings"

	"gongji/settle"
)

// StatementLimit is the most rows of one statement.
const StatementLimit = 5000

// statementRecords are the records of a person's money and bills, in the order of the chain. ?1 the person, ?2 and ?3 days.
const statementRecords = `SELECT record FROM posting WHERE person = ?1 AND day BETWEEN ?2 AND ?3
	UNION SELECT record FROM posting WHERE patient = ?1 AND person <> patient AND day BETWEEN ?2 AND ?3
	UNION SELECT record FROM settlement WHERE person = ?1 AND day BETWEEN ?2 AND ?3
	UNION SELECT f.record FROM settlement s JOIN refund f ON f.settlement = s.id WHERE s.person = ?1 AND f.day BETWEEN ?2 AND ?3
	UNION SELECT a.record FROM settlement s JOIN adjustment a ON a.settlement = s.id
		WHERE s.person = ?1 AND a.day BETWEEN ?2 AND ?3 AND a.transit = 0
	UNION SELECT record FROM premium WHERE beneficiary = ?1 AND day BETWEEN ?2 AND ?3
	ORDER BY 1 LIMIT ?4`

// Statement is all of a person's use in this venue over a period: own bills, what the account paid for relatives, what
// relatives paid, contributions, and what came back (S-021, S-152). PERSON_UNKNOWN; BAD_REQUEST where the period holds more
// than StatementLimit rows; STORE_BROKEN.
func (l *Ledger) Statement(ctx context.Context, person settle.PersonID, from, to settle.Date) (s settle.Statement, err error) {
	s = settle.Statement{From: from, To: to}
	err = l.read(ctx, func(t *tx) error {
		row, err := t.known(person)
		if err != nil {
			return err
		}
		who, err := t.identity(&row)
		if err != nil {
			return err
		}
		s.Person, s.Number = row.person, settle.MaskNumber(who.Certno)
		records, err := t.records(statementRecords, row.key, from, untilDay(to), StatementLimit+1)
		if err != nil {
			return err
		}
		if len(records) > StatementLimit {
			return badField("from", "明细太多，请缩短查询区间。", "the period holds too many rows")
		}
		for _, seq := range records {
			entry, received, err := t.statementEntry(seq, person)
			if err != nil {
				return err
			}
			addEntry(&s, entry, received)
		}
		return nil
	})
	return s, err
}

// addEntry adds a row and its sums. received is what relatives paid of the person's own bill or contribution.
func addEntry(s *settle.Statement, e settle.StatementEntry, received settle.Fen) {
	s.Entries = append(s.Entries, e)
	s.Received += received
	if e.Other == "" {
		s.Own += e.Paid
	} else {
		s.Given += e.Paid
	}
}

func (t *tx) statementEntry(seq int64, me settle.PersonID) (e settle.StatementEntry, received settle.Fen, err error) {
	var kind string
	if err := t.get("SELECT kind FROM chain WHERE seq = ?", []any{seq}, &kind); err != nil {
		return e, 0, err
	}
	var postings []settle.Posting
	switch kind {
	case recordSettlement:
		var r settlementRecord
		if err := t.record(seq, &r); err != nil {
			return e, 0, err
		}
		e, postings = ofBill(&r.Settlement, me), r.Settlement.Postings
	case recordReturn:
		var r returnRecord
		if err := t.record(seq, &r); err != nil {
			return e, 0, err
		}
		sold, err := t.settlementBy(settlementQuery+"s.ref = ?", r.Return.Settlement)
		if err != nil {
			return e, 0, err
		}
		e, postings = ofReturn(&r.Return, &sold, me), r.Return.Postings
	case recordAdjustment:
		var r adjustmentRecord
		if err := t.record(seq, &r); err != nil {
			return e, 0, err
		}
		sold, err := t.settlementBy(settlementQuery+"s.ref = ?", r.Adjustment.Settlement)
		if err != nil {
			return e, 0, err
		}
		e, postings = ofAdjustment(&r.Adjustment, &sold, me), r.Adjustment.Postings
	default:
		if e, postings, err = t.contributionEntry(seq, kind, me); err != nil {
			return e, 0, err
		}
	}
	e.Record, e.Day = seq, settle.DateOf(e.At)
	for i := range postings {
		p := &postings[i]
		switch {
		case p.Person == me:
			e.Paid += p.Amount
			if p.Pot != settle.PotAgency {
				e.After = &p.After
			}
		case e.Other == "":
			received += p.Amount
		}
	}
	return e, received, nil
}

// ofBill is a bill as the patient or, without its items, as a giver sees it.
func ofBill(s *settle.Settlement, me settle.PersonID) settle.StatementEntry {
	e := settle.StatementEntry{Receipt: s.ReceiptNo, At: s.At}
	if s.Sale.Patient != me {
		e.Kind, e.Other = settle.StatementRelative, s.Presence.MaskedHolder
		return e
	}
	e.Kind, e.Figures = settle.StatementOwn, s.Figures
	names := make([]string, len(s.Sale.Lines))
	for i := range s.Sale.Lines {
		names[i] = s.Sale.Lines[i].Name + "×" + s.Sale.Lines[i].Quantity
	}
	e.Items = strings.Join(names, "；")
	return e
}

func ofReturn(back *settle.Return, sold *settle.Settlement, me settle.PersonID) settle.StatementEntry {
	e := settle.StatementEntry{Receipt: back.ReceiptNo, At: back.At, Kind: settle.StatementBack}
	if sold.Sale.Patient != me {
		e.Other = sold.Presence.MaskedHolder
		return e
	}
	f := &back.Figures
	e.Figures = settle.Figures{Total: -f.Total, Fund: -f.Fund, Own: -f.Own, Shared: -f.Shared, Cash: -f.Cash}
	return e
}

func ofAdjustment(a *settle.Adjustment, sold *settle.Settlement, me settle.PersonID) settle.StatementEntry {
	e := settle.StatementEntry{Receipt: sold.ReceiptNo, At: a.At, Kind: settle.StatementAdjusted}
	if sold.Sale.Patient != me {
		e.Other = sold.Presence.MaskedHolder
	} else if !a.Transit {
		e.Figures = settle.Figures{
			Fund: a.After.Fund - a.Before.Fund, Own: a.After.Own - a.Before.Own,
			Shared: a.After.Shared - a.Before.Shared, Cash: a.After.Cash - a.Before.Cash,
		}
	}
	return e
}

// contributionEntry is a contribution, or one that was taken back.
func (t *tx) contributionEntry(seq int64, kind string, me settle.PersonID) (e settle.StatementEntry, postings []settle.Posting, err error) {
	if kind == recordPremiumCancel {
		var r premiumCancelRecord
		if err := t.record(seq, &r); err != nil {
			return e, nil, err
		}
		paid, _, err := t.premiumBy("m.premium_id = ?", r.Premium)
		if err != nil {
			return e, nil, err
		}
		e = settle.StatementEntry{Receipt: r.Cancel.ReceiptNo, At: r.At, Kind: settle.StatementBack}
		if paid.Beneficiary != me {
			e.Other = paid.BeneficiaryMasked
		}
		return e, r.Cancel.Postings, nil
	}
	paid, _, err := t.premiumBy("m.record = ?", seq)
	if err != nil {
		return e, nil, err
	}
	e = settle.StatementEntry{Receipt: paid.ReceiptNo, At: paid.At, Kind: settle.StatementPremium}
	if paid.Beneficiary != me {
		e.Other = paid.BeneficiaryMasked
	}
	return e, paid.Postings, nil
}
