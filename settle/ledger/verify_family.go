package ledger

import (
	"errors"

	"gongji/settle"
)

// requestColumns are the columns of a request that never change.
type requestColumns struct {
	POS, Action, Binding string
	Giver, Beneficiary   settle.PersonID
	At, Record           int64
}

func (v *verifier) checkRequest(l *link) error {
	var record requestRecord
	if err := l.read(&record); err != nil {
		v.found(FoundChanged, 7, l.seq, l.where(), "the record does not decode")
		return nil
	}
	var table requestColumns
	var giver, beneficiary []byte
	var state settle.RequestState
	err := v.get(`SELECT q.pos, q.action, q.binding, g.pid, p.pid, q.at, q.record, q.state FROM request q JOIN person g ON g.id = q.giver
		JOIN person p ON p.id = q.beneficiary WHERE q.record = ?`, []any{l.seq},
		&table.POS, &table.Action, &table.Binding, &giver, &beneficiary, &table.At, &table.Record, &state)
	if errors.Is(err, errNoRows) {
		v.found(FoundRemoved, 3, l.seq, l.where(), "the request's row is gone")
		return nil
	}
	if err != nil {
		return err
	}
	table.Giver, table.Beneficiary = v.vault().personID(giver), v.vault().personID(beneficiary)
	q := &record.Request
	v.differs(l, "the request's row", requestColumns{
		POS: q.POS, Action: string(q.Action), Binding: q.Binding, Giver: q.Giver, Beneficiary: q.Beneficiary, At: millis(q.At), Record: l.seq,
	}, table)
	shown := func() error { return v.checkPresence(l, 0, &record.Presence) }
	if record.Ending != nil { // nobody asked, so nobody showed a card
		shown = func() error { return v.checkEnding(l, &record) }
	}
	return errors.Join(v.checkAnswered(l, state), shown(), v.checkReport(l, settle.ReportBinding, 0))
}

// checkAnswered: a request is confirmed or refused only by an answer that the journal holds, or confirmed by a snapshot,
// whose binding is in the tables.
func (v *verifier) checkAnswered(l *link, state settle.RequestState) error {
	if state == settle.RequestPending {
		return nil
	}
	records, err := v.records(`SELECT d.record FROM dispatch d JOIN report r ON r.id = d.report
		WHERE r.record = ? AND d.record IS NOT NULL ORDER BY d.record`, l.seq)
	if err != nil {
		return err
	}
	for _, seq := range records {
		var outcome dispatchRecord
		if v.record(seq, &outcome) == nil && outcome.RequestState == state {
			return nil
		}
	}
	if state == settle.RequestRefused { // held: it could never be sent
		var held int
		if err := v.get("SELECT COUNT(*) FROM report WHERE record = ? AND state = 'refused' AND done = 1 AND fault <> ''", []any{l.seq}, &held); err != nil || held > 0 {
			return err
		}
	}
	var shown int
	err = v.get(`SELECT COUNT(*) FROM request q JOIN binding b ON b.giver = q.giver AND b.beneficiary = q.beneficiary
		WHERE q.record = ? AND (q.action = 'bind' OR (q.action = 'unbind' AND b.ref = q.binding AND b.active = 0))`, []any{l.seq}, &shown)
	if state != settle.RequestConfirmed || shown == 0 {
		v.found(FoundChanged, 3, l.seq, l.where(), "it is %s, and no answer of the centre says so", state)
	}
	return err
}

// premiumColumns are the columns of a contribution that never change.
type premiumColumns struct {
	POS, Receipt, Kind string
	Payer, Beneficiary settle.PersonID
	Year               int
	Amount             settle.Fen
	At                 int64
	Day                settle.Date
}

func (v *verifier) checkPremium(l *link) error {
	var record premiumRecord
	if err := l.read(&record); err != nil {
		v.found(FoundChanged, 7, l.seq, l.where(), "the record does not decode")
		return nil
	}
	var table premiumColumns
	var payer, beneficiary []byte
	var cancelled, cancellations int
	err := v.get(`SELECT m.pos, m.receipt, m.kind, g.pid, p.pid, m.year, m.amount, m.at, m.day, m.cancelled,
		(SELECT COUNT(*) FROM premium_cancel k WHERE k.premium = m.id)
		FROM premium m JOIN person g ON g.id = m.payer JOIN person p ON p.id = m.beneficiary WHERE m.record = ?`, []any{l.seq},
		&table.POS, &table.Receipt, &table.Kind, &payer, &beneficiary, &table.Year, &table.Amount, &table.At, &table.Day,
		&cancelled, &cancellations)
	if errors.Is(err, errNoRows) {
		v.found(FoundRemoved, 3, l.seq, l.where(), "the contribution's row is gone")
		return nil
	}
	if err != nil {
		return err
	}
	table.Payer, table.Beneficiary = v.vault().personID(payer), v.vault().personID(beneficiary)
	p := &record.Premium
	day := settle.DateOf(p.At)
	v.differs(l, "the contribution's row", premiumColumns{
		POS: p.POS, Receipt: p.ReceiptNo, Kind: p.Kind, Payer: p.Payer, Beneficiary: p.Beneficiary, Year: p.Year, Amount: p.Amount,
		At: millis(p.At), Day: day,
	}, table)
	if cancelled != cancellations {
		v.found(FoundChanged, 6, l.seq, l.where(), "it says cancelled %d and has %d cancellations", cancelled, cancellations)
	}
	want, sum := posted(p.Postings, legSettle, day)
	if sum != p.Amount {
		v.found(FoundBroken, 1, l.seq, l.where(), "the postings do not sum to the contribution")
	}
	return errors.Join(v.checkPostings(l, want), v.checkPresence(l, 0, &record.Presence), v.checkReport(l, settle.ReportPremium, p.Amount))
}

func (v *verifier) checkPremiumCancel(l *link) error {
	var record premiumCancelRecord
	if err := l.read(&record); err != nil {
		v.found(FoundChanged, 7, l.seq, l.where(), "the record does not decode")
		return nil
	}
	var id, receipt string
	var amount settle.Fen
	var at int64
	err := v.get(`SELECT m.premium_id, m.amount, k.receipt, k.at FROM premium_cancel k JOIN premium m ON m.id = k.premium
		WHERE k.record = ? AND k.cancel_id = ? AND k.pos = ?`, []any{l.seq, l.ref, record.POS}, &id, &amount, &receipt, &at)
	if errors.Is(err, errNoRows) {
		v.found(FoundRemoved, 6, l.seq, l.where(), "the cancellation's row is gone")
		return nil
	}
	if err != nil {
		return err
	}
	if id != record.Premium || receipt != record.Cancel.ReceiptNo || at != millis(record.At) {
		v.found(FoundChanged, 6, l.seq, l.where(), "the cancellation's row differs from the chain")
	}
	want, sum := posted(record.Cancel.Postings, legCancel, settle.DateOf(record.At))
	if -sum != amount {
		v.found(FoundBroken, 6, l.seq, l.where(), "what comes back is not the contribution")
	}
	err = errors.Join(v.checkPostings(l, want), v.checkReport(l, settle.ReportPremiumCancel, amount))
	if record.Presence != nil {
		err = errors.Join(err, v.checkPresence(l, 0, record.Presence))
	}
	return err
}

// posted are the columns of postings, and their sum.
func posted(postings []settle.Posting, leg int, day settle.Date) (want []postedColumns, sum settle.Fen) {
	for i := range postings {
		p := &postings[i]
		sum += p.Amount
		want = append(want, postedColumns{Person: p.Person, Pot: p.Pot, Leg: leg, Day: day, Amount: p.Amount})
	}
	return want, sum
}
