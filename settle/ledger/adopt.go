package ledger

import (
	"context"
	"fmt"
	"time"

	"gongji/settle"
)

// HeldSale is the sale behind an item of the work list whose report is held since a restore, as it would be reported; held
// is false for every other item. NOT_FOUND where the item is not open; STORE_BROKEN.
func (l *Ledger) HeldSale(ctx context.Context, attention int64) (d settle.Dossier, held bool, err error) {
	err = l.read(ctx, func(t *tx) error {
		item, err := t.openItem(attention)
		if err != nil {
			return err
		}
		waiting, err := t.heldReport(&item)
		if err != nil || !waiting || item.reportKind != settle.ReportSettle {
			return err
		}
		held = true
		if d, err = t.dossier(item.report.Int64); err != nil {
			return err
		}
		if d.Identity, err = t.inClear(d.Report.Person); err != nil {
			return err
		}
		d.Journal, err = t.journal(item.report.Int64)
		return err
	})
	return d, held, storeError(err)
}

// heldReport reports whether an item is about a report that nothing but a decision sends.
func (t *tx) heldReport(i *openItem) (waiting bool, err error) {
	if i.kind != AttentionHeld || !i.report.Valid {
		return false, nil
	}
	err = t.get("SELECT done = 0 AND next = ? FROM report WHERE id = ?", []any{held, i.report}, &waiting)
	return waiting, err
}

// heldStake says what may be decided about such a report. It may be sent, where the centre does not have it; a sale that the
// centre has may be taken over.
func heldStake(i *openItem, p *position, s *stake) {
	s.decisions = []settle.Decision{settle.DecideReReport}
	if i.reportKind == settle.ReportSettle {
		f := p.figures()
		s.amount, s.decisions = f.Fund+f.Own+f.Shared, append(s.decisions, settle.DecideAdopt)
	}
}

// closeOpen ends the messages of a report whose outcome was open when the backup was made. Another message of the report
// has been booked since, which no daemon sends before it knows that the earlier ones are not: they count as never sent.
func (t *tx) closeOpen(report int64, at time.Time, by string) error {
	journal, err := t.journal(report)
	if err != nil {
		return err
	}
	for _, m := range journal {
		if m.State != settle.DispatchSent && m.State != settle.DispatchUnknown {
			continue
		}
		err := t.finishDispatch(&settle.DispatchResult{
			MsgID: m.MsgID, Report: report, State: settle.DispatchUnsent, At: at, NextAt: at, ReportState: settle.ReportPending,
			Fault: "中心已以另一报文入账：" + by,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// AdoptBooking takes over what the centre has booked of a held sale, in one transaction with the decision: the message that
// booked it joins the journal, its outcome the chain, and the report is done. Figures that differ from ours are an
// adjustment, as with any booking. NOT_FOUND where the item is not open, BAD_REQUEST where it does not allow it.
func (l *Ledger) AdoptBooking(ctx context.Context, order settle.AttentionOrder, booking settle.Booking) error {
	order.Decision = settle.DecideAdopt
	return l.write(ctx, func(t *tx) error {
		item, err := t.openItem(order.ID)
		if err != nil {
			return err
		}
		s, err := t.stakeOf(&item)
		if err != nil {
			return err
		}
		if !allows(s.decisions, settle.DecideAdopt) {
			return undecidable(s.decisions)
		}
		now := l.options.Clock()
		if err := t.decideItem(&item, &order, now); err != nil {
			return err
		}
		if booking.MsgID == "" { // the centre's result file does not say
			booking.MsgID = "adopted-" + booking.SetlID
		}
		if err := t.closeOpen(item.report.Int64, now, booking.MsgID); err != nil {
			return err
		}
		err = t.run(`INSERT INTO dispatch (msgid, report, infno, original, state, body, sent, ended, fault, centre, visit, batch, turn)
			VALUES (?, ?, '2102', '', ?, ?, ?, 0, '', ?, '', '', (SELECT COUNT(*) FROM dispatch WHERE report = ?))`,
			booking.MsgID, item.report, settle.DispatchSent, l.vault().seal(KindBody, nil), millis(now), millis(booking.CentreTime), item.report)
		if err != nil {
			return err
		}
		return t.finishDispatch(&settle.DispatchResult{
			MsgID: booking.MsgID, Report: item.report.Int64, State: settle.DispatchAccepted, Booking: &booking, At: now, NextAt: now,
			ReportState: settle.ReportAccepted, Done: true,
			Fault: fmt.Sprintf("由 %s 认领：中心已有这笔（%s）", order.Operator.ID, booking.SetlID),
		})
	})
}
