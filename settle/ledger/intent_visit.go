package ledger

import (
	"context"
	"errors"
	"time"

	"gongji/settle"
)

// A clinic's sale is asked for in line with several messages: 2201, 2203 and 2204 bring the visit and its lines, 2206 says the
// split and only 2207 moves money. One intent stands for them all, under the id of the first:
//
//	BeginInline    with the question's id: one more message is on disk, and may leave.
//	StepInline     what became of it, where the question goes on.
//	ParkInline     the question was a quote: its visit stays open, and the settlement of the same sale goes on from it.
//	Settle         takes all messages over, whatever they have come to: booked, in doubt, or, where 2207 never left, as the
//	               beginning of a report that the outbox goes on with.
//	AbandonInline  the orphan's report has a 2207 that may be booked undone, withdraws the lines and closes the visit. Only
//	               money in doubt is on the work list.

// quoteStands is how long a quoted visit is kept open for its settlement.
const quoteStands = 15 * time.Minute

// StepInline writes the outcome of a message that leaves its question open. STORE_BROKEN, STORE_FULL.
func (l *Ledger) StepInline(ctx context.Context, s settle.InlineStep) error {
	now := l.options.Clock()
	return l.write(ctx, func(t *tx) error {
		return t.run(`UPDATE intent_message SET state = ?, ended = ?, fault = ?, visit = CASE WHEN ? <> '' THEN ? ELSE visit END
			WHERE msgid = ? AND state = 'sent'`, s.State, millis(now), s.Fault, s.Visit, s.Visit, s.MsgID)
	})
}

// ParkInline ends the asking of a quote: the visit stays open until the sale is settled or the quote has grown old. A question
// with a settlement in doubt is not parked.
func (l *Ledger) ParkInline(ctx context.Context, question string) error {
	return l.write(ctx, func(t *tx) error {
		return t.run(`UPDATE intent SET state = ? WHERE msgid = ? AND state = 'sent' AND NOT EXISTS
			(SELECT 1 FROM intent_message m WHERE m.intent = intent.id AND m.infno = '2207' AND m.state = 'sent')`, intentQuoted, question)
	})
}

// goOn adds a message to an open question; began is false where that has ended.
func (t *tx) goOn(i *settle.InlineIntent, doc []byte, centre int64) (began bool, err error) {
	asked, err := t.intentBy(i.Question)
	if errors.Is(err, errNoRows) {
		return false, nil
	}
	if err != nil || !asked.open() || asked.pos != i.POS || asked.saleID != i.SaleID || asked.person != i.Person {
		return false, err
	}
	err = t.run("UPDATE intent SET state = ?, doc = ?, sent = ? WHERE id = ?", settle.DispatchSent, doc, millis(i.SentAt), asked.id)
	if err != nil {
		return false, err
	}
	return true, t.addStep(asked.id, i, centre)
}

func (t *tx) addStep(intent int64, i *settle.InlineIntent, centre int64) error {
	return t.run(`INSERT INTO intent_message (msgid, intent, turn, infno, state, body, sent, centre, known, visit, batch)
		VALUES (?, ?, (SELECT COUNT(*) FROM intent_message WHERE intent = ?), ?, ?, ?, ?, ?, ?, ?, ?)`, i.MsgID, intent, intent, i.Infno,
		settle.DispatchSent, t.vault().seal(KindBody, i.Body), millis(i.SentAt), centre, millis(i.SentCentre), i.Visit, i.Batch)
}

// quotedBy is the question of a quote of this sale whose visit is open; errNoRows.
func (t *tx) quotedBy(sale *settle.Sale) (i intentRow, err error) {
	var msgid string
	err = t.get("SELECT msgid FROM intent WHERE sale_id = ? AND pos = ? AND state = 'quoted' ORDER BY id DESC LIMIT 1", []any{sale.ID, sale.POS}, &msgid)
	if err != nil {
		return i, err
	}
	if i, err = t.intentBy(msgid); err == nil && (i.person != sale.Patient || !i.doc.Visit.Of(sale)) {
		err = errNoRows // somebody else's, or of another visit: its orphan closes it
	}
	return i, err
}

// quotedJournal are the messages of a quote of this sale, oldest first; nil where there is none.
func (t *tx) quotedJournal(sale *settle.Sale) ([]settle.Dispatch, error) {
	i, err := t.quotedBy(sale)
	if errors.Is(err, errNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return t.steps(i.id)
}

// steps are the messages of a clinic's question, oldest first, without bodies.
func (t *tx) steps(intent int64) (list []settle.Dispatch, err error) {
	err = t.each("SELECT msgid, infno, state, sent, ended, fault, visit, batch FROM intent_message WHERE intent = ? ORDER BY turn", []any{intent},
		func(scan func(dest ...any) error) error {
			var d settle.Dispatch
			var sent, ended int64
			err := scan(&d.MsgID, &d.Infno, &d.State, &sent, &ended, &d.Fault, &d.Visit, &d.Batch)
			d.SentAt, d.EndedAt = instant(sent), instant(ended)
			list = append(list, d)
			return err
		})
	return list, err
}

// adoptVisit is adopt for a clinic's sale. A quote's visit is taken over also where nothing more was asked.
func (t *tx) adoptVisit(report int64, order *settle.SettleOrder, s *settle.Settlement) error {
	answer := order.Inline
	var i intentRow
	var err error
	if answer != nil && answer.MsgID != "" {
		i, err = t.intentBy(answer.MsgID)
	} else {
		i, err = t.quotedBy(&s.Sale)
	}
	decided := answer != nil && (answer.Booking != nil || answer.State == settle.InlineUnknown)
	if errors.Is(err, errNoRows) && !decided {
		return nil
	}
	if err != nil {
		return err
	}
	if !i.open() || !i.asks(s) || i.doc.Visit == nil {
		if decided {
			return broken("an in-line question belongs to another sale or has ended")
		}
		return nil // its orphan closes the visit
	}
	doubt, err := t.takeSteps(&i, report)
	if err != nil {
		return err
	}
	if err := t.run("DELETE FROM intent WHERE id = ?", i.id); err != nil {
		return err
	}
	switch {
	case doubt != "":
		if answer == nil {
			answer = &settle.InlineAnswer{State: settle.InlineUnknown}
		}
		return t.concludeInline(report, doubt, answer, s)
	case decided:
		return broken("an in-line answer has no settlement in the journal")
	}
	return nil
}

// takeSteps moves the messages of a clinic's question into the journal of a report, each with its outcome and its place in
// the chain. doubt is the 2207 that may be booked, left as sent; empty: there is none.
func (t *tx) takeSteps(i *intentRow, report int64) (doubt string, err error) {
	steps, err := t.steps(i.id)
	if err != nil {
		return "", err
	}
	err = t.run(`INSERT INTO dispatch (msgid, report, infno, original, state, body, sent, ended, fault, centre, visit, batch, known, turn)
		SELECT msgid, ?, infno, '', 'sent', body, sent, 0, '', centre, visit, batch, known, turn FROM intent_message WHERE intent = ?`, report, i.id)
	if err != nil {
		return "", err
	}
	if err := t.run("DELETE FROM intent_message WHERE intent = ?", i.id); err != nil {
		return "", err
	}
	now := t.ledger.options.Clock()
	for n := range steps {
		step := &steps[n]
		if step.State == settle.DispatchSent {
			if step.Infno == infnoClinicSettle {
				doubt = step.MsgID
				continue
			}
			step.State, step.EndedAt = settle.DispatchUnknown, now
		}
		result := settle.DispatchResult{
			MsgID: step.MsgID, Report: report, State: step.State, Visit: step.Visit, Fault: step.Fault, At: step.EndedAt,
			ReportState: settle.ReportPending, NextAt: now,
		}
		if err := t.finishDispatch(&result); err != nil {
			return "", err
		}
	}
	return doubt, nil
}

const infnoClinicSettle = "2207"

// orphanVisit gives an orphan's report the messages of a clinic's question. A settlement that may be booked is in doubt and on
// the work list; a visit alone is closed quietly.
func (t *tx) orphanVisit(i *intentRow, report int64, why string, now time.Time) error {
	doubt, err := t.takeSteps(i, report)
	if err != nil {
		return err
	}
	if doubt == "" {
		return t.run("UPDATE report SET fault = ? WHERE id = ?", why, report)
	}
	if err := t.run("UPDATE dispatch SET state = ?, fault = ? WHERE msgid = ?", settle.DispatchUnknown, why, doubt); err != nil {
		return err
	}
	if err := t.run("UPDATE report SET state = ?, fault = ? WHERE id = ?", settle.ReportUnknown, why, report); err != nil {
		return err
	}
	return t.raiseAttention(report, settle.ReportUnknown, false, why, now)
}
