package ledger

import (
	"errors"

	"gongji/settle"
)

// checkAdjusted re-adds what was added to a settlement's split, and what of its cash nobody has paid.
func (v *verifier) checkAdjusted(l *link, key int64) error {
	var row, sum settle.Figures
	var open, was settle.CashStanding
	err := v.get("SELECT adj_fund, adj_own, adj_shared, adj_cash, cash_open, cash_lost FROM settlement WHERE id = ?", []any{key},
		&row.Fund, &row.Own, &row.Shared, &row.Cash, &open.Open, &open.Lost)
	if err != nil {
		return err
	}
	var openBack, lostBack settle.Fen
	err = errors.Join(
		v.get(`SELECT COALESCE(SUM(fund), 0), COALESCE(SUM(own), 0), COALESCE(SUM(shared), 0), COALESCE(SUM(cash), 0)
			FROM adjustment WHERE settlement = ? AND transit = 0`, []any{key}, &sum.Fund, &sum.Own, &sum.Shared, &sum.Cash),
		v.get("SELECT COALESCE(SUM(open), 0), COALESCE(SUM(lost), 0) FROM adjustment WHERE settlement = ?", []any{key}, &was.Open, &was.Lost),
		v.get("SELECT COALESCE(SUM(open_back), 0), COALESCE(SUM(lost_back), 0) FROM refund WHERE settlement = ?", []any{key}, &openBack, &lostBack))
	if err != nil {
		return err
	}
	if row != sum {
		v.found(FoundChanged, 1, l.seq, l.where(), "what was adjusted does not sum to its adjustments")
	}
	was.Open, was.Lost = was.Open-openBack, was.Lost-lostBack
	if open != was {
		v.found(FoundChanged, 6, l.seq, l.where(), "its open cash does not sum to its adjustments and returns")
	}
	return nil
}

// adjustedColumns are the columns of an adjustment.
type adjustedColumns struct {
	Settlement string
	Report     int64
	Cause      settle.AdjustCause
	Transit    bool
	At         int64
	Delta      settle.Figures
	Record     int64
}

func (v *verifier) checkAdjustment(l *link) error {
	var record adjustmentRecord
	if err := l.read(&record); err != nil {
		v.found(FoundChanged, 7, l.seq, l.where(), "the record does not decode")
		return nil
	}
	var key int64
	var table adjustedColumns
	d := &table.Delta
	err := v.get(`SELECT s.id, s.ref, a.report, a.cause, a.transit, a.at, a.fund, a.own, a.shared, a.cash, a.record
		FROM adjustment a JOIN settlement s ON s.id = a.settlement WHERE a.ref = ?`, []any{l.ref},
		&key, &table.Settlement, &table.Report, &table.Cause, &table.Transit, &table.At, &d.Fund, &d.Own, &d.Shared, &d.Cash, &table.Record)
	if errors.Is(err, errNoRows) {
		v.found(FoundRemoved, 1, l.seq, l.where(), "the adjustment's row is gone")
		return nil
	}
	if err != nil {
		return err
	}
	adj := &record.Adjustment
	delta := settle.Figures{
		Fund: adj.After.Fund - adj.Before.Fund, Own: adj.After.Own - adj.Before.Own,
		Shared: adj.After.Shared - adj.Before.Shared, Cash: adj.After.Cash - adj.Before.Cash,
	}
	v.differs(l, "the adjustment's row", adjustedColumns{
		adj.Settlement, record.Report, adj.Cause, adj.Transit, millis(adj.At), delta, l.seq,
	}, table)
	v.sumAdjustment(l, &record, delta)
	want := make([]postedColumns, 0, len(record.Moved))
	for _, m := range record.Moved {
		want = append(want, postedColumns{Person: m.Account, Pot: m.Pot, Leg: m.Leg, Day: settle.DateOf(adj.At), Amount: m.Amount})
	}
	return v.checkPostings(l, want)
}

// sumAdjustment: the totals are the same before and after, what moved is the account money of the change, and what moved
// only to be taken back again comes to nothing.
func (v *verifier) sumAdjustment(l *link, record *adjustmentRecord, delta settle.Figures) {
	adj := &record.Adjustment
	var moved, posted settle.Fen
	for _, m := range record.Moved {
		moved += m.Amount
	}
	for i := range adj.Postings {
		posted += adj.Postings[i].Amount
	}
	if adj.Transit && moved != 0 || !adj.Transit && moved != posted {
		v.found(FoundBroken, 1, l.seq, l.where(), "what was posted is not what was adjusted")
	}
	if adj.Before.Total != adj.After.Total || posted+adj.RestOwn+adj.RestShared != delta.Own+delta.Shared {
		v.found(FoundBroken, 1, l.seq, l.where(), "the adjustment does not sum")
	}
}

func (v *verifier) checkDecision(l *link) error {
	var record decisionRecord
	if err := l.read(&record); err != nil {
		v.found(FoundChanged, 7, l.seq, l.where(), "the record does not decode")
		return nil
	}
	var decision settle.Decision
	var who string
	var at, seq int64
	err := v.get("SELECT decision, closed_by, COALESCE(closed, 0), COALESCE(record, 0) FROM attention WHERE id = ?", []any{record.Attention},
		&decision, &who, &at, &seq)
	if errors.Is(err, errNoRows) {
		v.found(FoundRemoved, 7, l.seq, l.where(), "the item that was decided is gone")
		return nil
	}
	if err == nil && (decision != record.Decision || who != record.Operator.ID || at != millis(record.At) || seq != l.seq) {
		v.found(FoundChanged, 7, l.seq, l.where(), "the decided item differs from the chain")
	}
	return err
}

func (v *verifier) checkClosing(l *link) error {
	var record settle.ClosedMonth
	if err := l.read(&record); err != nil {
		v.found(FoundChanged, 7, l.seq, l.where(), "the record does not decode")
		return nil
	}
	var at, seq int64
	var who string
	err := v.get("SELECT at, who, record FROM closing WHERE month = ?", []any{record.Month}, &at, &who, &seq)
	if errors.Is(err, errNoRows) {
		v.found(FoundRemoved, 7, l.seq, l.where(), "the closed month's row is gone")
		return nil
	}
	if err == nil && (at != millis(record.At) || who != record.By.ID || seq != l.seq) {
		v.found(FoundChanged, 7, l.seq, l.where(), "the closed month differs from the chain")
	}
	return err
}
