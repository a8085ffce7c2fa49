package ledger

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"gongji/settle"
)

// decisionRecord is what a person decided about an item of the work list.
type decisionRecord struct {
	Attention  int64           `json:"attention"`
	Kind       AttentionKind   `json:"kind"`
	Settlement string          `json:"settlement_id,omitempty"`
	Report     int64           `json:"report,omitempty"`
	Decision   settle.Decision `json:"decision"`
	Operator   settle.Operator `json:"operator"`
	Note       string          `json:"note,omitempty"`
	At         time.Time       `json:"at"`
}

// openItem is an open item of the work list with what a decision about it depends on.
type openItem struct {
	id         int64
	kind       AttentionKind
	settlement sql.NullInt64
	ref        string
	report     sql.NullInt64
	reportKind settle.ReportKind
	state      settle.ReportState
}

func (t *tx) openItem(id int64) (i openItem, err error) {
	i.id = id
	err = t.get(`SELECT a.kind, a.settlement, COALESCE(s.ref, ''), a.report, COALESCE(r.kind, ''), COALESCE(r.state, '') FROM attention a
		LEFT JOIN settlement s ON s.id = a.settlement LEFT JOIN report r ON r.id = a.report WHERE a.id = ? AND a.closed IS NULL`,
		[]any{id}, &i.kind, &i.settlement, &i.ref, &i.report, &i.reportKind, &i.state)
	return i, notFound(err)
}

// stake is what an item is about in money, and what may be decided about it.
type stake struct {
	amount    settle.Fen
	holder    string
	decisions []settle.Decision
}

// seen is the only decision about an item from which nothing follows.
var seen = []settle.Decision{settle.DecideNone}

// stakeOf works out what is at stake. A refused booking is a loss as long as nobody has decided: the goods are gone, the
// centre pays neither the fund's part nor what the accounts were debited here.
func (t *tx) stakeOf(i *openItem) (s stake, err error) {
	s.decisions = seen
	if !i.settlement.Valid {
		return s, nil
	}
	p, err := t.positionOf(i.settlement.Int64)
	if err != nil {
		return s, err
	}
	s.holder = p.patient.person.Masked
	switch {
	case i.kind == AttentionAdjusted && i.report.Valid && p.open.Open != 0:
		s.amount, s.decisions = p.open.Open, []settle.Decision{settle.DecideCashSettled}
		if p.open.Open > 0 {
			s.decisions = append(s.decisions, settle.DecideWriteOff)
		}
	case i.kind == AttentionRefused && i.state == settle.ReportRefused:
		return s, t.refusedStake(i, p, &s)
	case i.kind == AttentionHeld:
		waiting, err := t.heldReport(i)
		if err != nil || !waiting {
			return s, err
		}
		heldStake(i, p, &s)
	case i.kind == AttentionOneSided:
		_, lost, err := t.lostBehind(i)
		if err != nil || !lost {
			return s, err
		}
		f := p.figures()
		s.amount, s.decisions = f.Fund+f.Own+f.Shared, []settle.Decision{settle.DecideReReport, settle.DecideNone}
	}
	return s, nil
}

func (t *tx) refusedStake(i *openItem, p *position, s *stake) error {
	again, err := t.mayReport(i)
	if err != nil {
		return err
	}
	books, err := t.refusedBooking(i)
	if err != nil {
		return err
	}
	if f := p.figures(); books {
		s.amount = f.Fund + f.Own + f.Shared
	}
	switch {
	case s.amount > 0 && again:
		s.decisions = []settle.Decision{settle.DecideReReport, settle.DecideCollect, settle.DecideWriteOff}
	case s.amount > 0:
		s.decisions = []settle.Decision{settle.DecideCollect, settle.DecideWriteOff}
	case again:
		s.decisions = []settle.Decision{settle.DecideReReport, settle.DecideNone}
	}
	return nil
}

// refusedBooking reports whether what was refused is a booking: a sale's, or after a return that of the goods that were
// kept. A refused cancellation is none; there the centre still has the booking.
func (t *tx) refusedBooking(i *openItem) (bool, error) {
	switch i.reportKind {
	case settle.ReportSettle:
		return true, nil
	case settle.ReportRefund:
		var cancelled bool
		err := t.get("SELECT COALESCE(MAX(cancelled), 0) FROM dispatch WHERE report = ? AND state = 'accepted'", []any{i.report}, &cancelled)
		return cancelled, err
	}
	return false, nil
}

// mayReport reports whether a refused report may be sent again: not where a later one has already told the centre what came
// after it, or was finished because there was nothing to cancel.
func (t *tx) mayReport(i *openItem) (bool, error) {
	var later int
	err := t.get("SELECT COUNT(*) FROM report WHERE settlement = ? AND id > ? AND done = 1", []any{i.settlement, i.report}, &later)
	return err == nil && later == 0, err
}

// Decide takes an item off the work list as a person has decided, and carries the decision out in the same transaction.
// NOT_FOUND where it is not open; BAD_REQUEST where the item does not allow the decision; STORE_BROKEN, STORE_FULL.
func (l *Ledger) Decide(ctx context.Context, order settle.AttentionOrder) error {
	return l.write(ctx, func(t *tx) error {
		item, err := t.openItem(order.ID)
		if err != nil {
			return err
		}
		s, err := t.stakeOf(&item)
		if err != nil {
			return err
		}
		// What the centre has booked comes with AdoptBooking; a decision alone does not bring it.
		if !allows(s.decisions, order.Decision) || order.Decision == settle.DecideAdopt {
			return undecidable(s.decisions)
		}
		return t.decideItem(&item, &order, l.options.Clock())
	})
}

func allows(decisions []settle.Decision, d settle.Decision) bool {
	return slices.Contains(decisions, d)
}

// undecidable names the decisions that an item allows.
func undecidable(allowed []settle.Decision) error {
	names := make([]string, 0, len(allowed))
	for _, d := range allowed {
		if d != settle.DecideNone {
			names = append(names, string(d))
		}
	}
	chinese := "这一条待办只能标记为已处理。"
	if len(names) > 0 {
		chinese = "请先选定处理方式。"
	}
	return (&settle.Error{Code: settle.BadRequest, Fields: []settle.FieldFault{
		{Field: "decision", Message: chinese, Detail: "must be one of those listed with the item"},
	}}).With("decisions", names)
}

func (t *tx) decideItem(i *openItem, order *settle.AttentionOrder, at time.Time) error {
	seq, err := t.link(recordDecision, newID(at), decisionRecord{
		Attention: i.id, Kind: i.kind, Settlement: i.ref, Report: i.report.Int64, Decision: order.Decision,
		Operator: order.Operator, Note: order.Note, At: at.Round(0).In(settle.Beijing),
	})
	if err != nil {
		return err
	}
	err = t.run("UPDATE attention SET closed = ?, closed_by = ?, note = ?, decision = ?, record = ? WHERE id = ?",
		millis(at), order.Operator.ID, t.vault().seal(KindNote, []byte(order.Note)), order.Decision, seq, i.id)
	if err != nil {
		return err
	}
	switch {
	case order.Decision == settle.DecideNone, order.Decision == settle.DecideAdopt:
		return nil
	case order.Decision == settle.DecideReReport && i.kind == AttentionOneSided:
		row, lost, err := t.lostBehind(i)
		if err == nil && !lost {
			err = broken("a row that only this venue has could not be found again")
		}
		if err != nil {
			return err
		}
		return t.reportLost(row, millis(at))
	case order.Decision == settle.DecideReReport && i.kind == AttentionHeld: // its journal says how it goes on
		t.batch.after = append(t.batch.after, t.ledger.wakeOutbox)
		return t.run("UPDATE report SET next = ?, attempts = 0, fault = '' WHERE id = ?", millis(at), i.report)
	case order.Decision == settle.DecideReReport:
		t.batch.after = append(t.batch.after, t.ledger.wakeOutbox)
		return t.run("UPDATE report SET state = ?, done = 0, next = ?, attempts = 0, fault = '' WHERE id = ?",
			settle.ReportPending, millis(at), i.report)
	case i.kind == AttentionRefused:
		return t.release(i, order, at)
	}
	return t.settleCash(i, order, at)
}

// release turns a refused sale into one that was paid in cash, or that the shop bears: the centre has debited nobody, so
// whatever the accounts were debited here flows back.
func (t *tx) release(i *openItem, order *settle.AttentionOrder, at time.Time) error {
	p, err := t.positionOf(i.settlement.Int64)
	if err != nil {
		return err
	}
	f := p.figures()
	stake := f.Fund + f.Own + f.Shared
	a := &adjusting{position: p, cause: settle.AdjustCollect, at: at, report: i.report.Int64, leg: legSettle, decided: order}
	if i.reportKind != settle.ReportSettle {
		a.leg = legRebook
	}
	if order.Decision == settle.DecideWriteOff {
		a.cause = settle.AdjustWriteOff
	}
	a.cashAfter = func(after settle.CashStanding) settle.CashStanding {
		return takeOpen(after, stake, a.cause == settle.AdjustWriteOff)
	}
	done, err := t.adjust(a, settle.Figures{Total: f.Total, Cash: f.Total})
	if err == nil && !done {
		err = broken("a refused sale could not be released")
	}
	return err
}

// takeOpen ends open cash: it is in the till, or written off.
func takeOpen(c settle.CashStanding, amount settle.Fen, lost bool) settle.CashStanding {
	c.Open -= amount
	if lost {
		c.Lost += amount
	}
	return c
}

// settleCash records that open cash was collected, paid back or written off. No account moves.
func (t *tx) settleCash(i *openItem, order *settle.AttentionOrder, at time.Time) error {
	p, err := t.positionOf(i.settlement.Int64)
	if err != nil {
		return err
	}
	f := p.figures()
	a := &adjusting{position: p, cause: settle.AdjustPaid, at: at, report: i.report.Int64, decided: order}
	if order.Decision == settle.DecideWriteOff {
		a.cause = settle.AdjustWriteOff
	}
	a.record = adjustmentRecord{Report: a.report, Lines: p.lines, Pays: p.pays, Adjustment: settle.Adjustment{
		ID: newID(at), Settlement: i.ref, Cause: a.cause, At: at.Round(0).In(settle.Beijing), Before: f, After: f,
		Postings: []settle.Posting{}, Cash: takeOpen(p.open, p.open.Open, a.cause == settle.AdjustWriteOff),
	}}
	a.note()
	return t.storeAdjustment(a)
}

// note adds who decided, and what it came to, to an adjustment that a person caused.
func (a *adjusting) note() {
	if a.decided == nil {
		return
	}
	adj := &a.record.Adjustment
	adj.Operator, adj.Note = a.decided.Operator, a.decided.Note
	moved := a.open.Open + adj.After.Cash - adj.Before.Cash - adj.Cash.Open
	if adj.Cause == settle.AdjustWriteOff {
		adj.Written = moved
	} else {
		adj.Settled = moved
	}
}

// fillStakes completes the items of a list.
func (t *tx) fillStakes(list []Attention) error {
	for i := range list {
		item, err := t.openItem(list[i].ID)
		if err != nil {
			return err
		}
		s, err := t.stakeOf(&item)
		if err != nil {
			return err
		}
		list[i].Amount, list[i].Holder, list[i].Decisions = s.amount, s.holder, s.decisions
	}
	return nil
}
