package ledger

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"gongji/settle"
)

// The life of an in-line message, from which everything else follows:
//
//	BeginInline    the intent is on disk: message id, body, sale, person. Only then may the message leave.
//	Settle         with the id in its order: the settlement takes the message over, in its own transaction. Booked: the
//	               centre's figures, the journal's row accepted with its booking, the report done. Unknown: the cached
//	               figures, the row and the report unknown, so that the outbox resolves it and never sends a second one.
//	EndInline      the message did nothing: refused, or certainly not sent.
//	AbandonInline  no settlement came of it and it may be booked: a report of its own has it undone by 2601, before
//	               anything else of that person is reported.
//
// A clinic's question is several messages under one intent; see intent_visit.go.
//
// An intent that nobody holds any more (a crash, a full disk) is found by OpenInlines and abandoned. Whoever settles the
// same sale afterwards makes a new settlement, whose report stands behind the orphan's in the person's order: the old
// message is gone from the centre's book before a new one can get in.

// The states of an intent besides those of the journal.
const (
	intentOrphan = "orphan"
	intentQuoted = "quoted" // a clinic's: the split was told, and the visit is kept open for the settlement
)

// intentDoc is what an orphan's report needs of a sale that was never settled.
type intentDoc struct {
	Terminal string          `json:"terminal"`
	Operator settle.Operator `json:"operator"`
	Figures  settle.Figures  `json:"figures"`

	Visit *settle.InlineVisit `json:"visit,omitempty"` // of a clinic's sale
}

// orphanRecord is an in-line message that no settlement came of.
type orphanRecord struct {
	MsgID  string          `json:"msgid"`
	Infno  string          `json:"infno"`
	POS    string          `json:"pos"`
	SaleID string          `json:"sale_id"`
	Person settle.PersonID `json:"person"`
	SentAt time.Time       `json:"sent_at"`
	At     time.Time       `json:"at"`
	Why    string          `json:"why"`
	intentDoc
}

// PrepareInline checks a sale as Settle would and gathers what the centre must be asked with: the dossier, with the figures
// that the ledger expects, and the messages of a quote of this clinic's sale whose visit is open. free is false while
// something else of that person is on its way to the centre or waits for it. Nothing is written. The errors are those of Quote and of the card.
func (l *Ledger) PrepareInline(ctx context.Context, order settle.SettleOrder) (d settle.Dossier, free bool, err error) {
	err = l.read(ctx, func(t *tx) error {
		if err := checkPresence(&order.Presence); err != nil {
			return err
		}
		f, err := t.gather(&order.Sale, false)
		if err != nil {
			return err
		}
		if err := t.checkCard(f, &order); err != nil {
			return err
		}
		quote, err := t.decide(f)
		if err != nil {
			return err
		}
		d = settle.Dossier{
			Report: settle.Report{Kind: settle.ReportSettle, Person: order.Sale.Patient}, Credential: order.Presence.Kind,
			Sale: order.Sale, Figures: quote.Figures, At: f.at,
		}
		if free, err = t.freeFor(f.patient.key, ""); err != nil {
			return err
		}
		if order.Sale.Clinic() {
			if d.Journal, err = t.quotedJournal(&order.Sale); err != nil {
				return err
			}
		}
		if d.Leave, err = t.promised(order.Sale.Patient, open); err != nil {
			return err
		}
		return t.identify(&d, &order.Presence)
	})
	if err != nil && settle.CodeOf(err) == settle.PersonCardMismatch {
		l.noteMismatch(ctx, &order)
	}
	return d, free && err == nil, err
}

// freeFor reports whether nothing of a person is on its way to the centre or waits for it, besides the question itself; a
// request for a binding moves no money and does not count.
func (t *tx) freeFor(person int64, question string) (free bool, err error) {
	err = t.get(`SELECT NOT EXISTS (SELECT 1 FROM report WHERE person = ? AND done = 0 AND kind <> 'binding')
		AND NOT EXISTS (SELECT 1 FROM intent WHERE person = ? AND state = 'sent' AND msgid <> ?)`, []any{person, person, question}, &free)
	return free, err
}

// QuoteCentre lays the figures that the centre has quoted over the facts. Errors as Quote.
func (l *Ledger) QuoteCentre(ctx context.Context, sale settle.Sale, figures settle.Figures) (quote settle.Quote, err error) {
	err = l.read(ctx, func(t *tx) error {
		f, err := t.gather(&sale, false)
		if err != nil {
			return err
		}
		quote, err = t.decideBy(f, &figures)
		return err
	})
	return quote, err
}

// BeginInline writes an in-line message to the journal as sent. Only after it has returned true may the message leave. It
// is false where the message must not: the sale is settled already, or something else of that person is on its way to the
// centre or waits for it, and the order within a person is kept. STORE_FULL, STORE_BROKEN, PERSON_UNKNOWN.
func (l *Ledger) BeginInline(ctx context.Context, i settle.InlineIntent) (began bool, err error) {
	if i.MsgID == "" || i.Infno == "" || i.SaleID == "" || i.POS == "" {
		return false, badField("sale_id", "缺少单号。", "message, till and sale id are required")
	}
	doc, err := l.vault().sealJSON(KindNote, intentDoc{i.Terminal, i.Operator, i.Figures, i.Notes})
	if err != nil {
		return false, storeError(err)
	}
	err = l.write(ctx, func(t *tx) error {
		pid, _ := t.vault().pid(i.Person)
		person, err := t.personBy("pid = ?", pid)
		if err != nil {
			return err
		}
		if free, err := t.freeFor(person.key, i.Question); err != nil || !free {
			return err
		}
		var settled bool
		err = t.get("SELECT EXISTS (SELECT 1 FROM settlement WHERE sale_id = ? AND pos = ?)", []any{i.SaleID, i.POS}, &settled)
		if err != nil || settled {
			return err
		}
		newest, err := t.metaInt(metaSnapshot)
		if err != nil {
			return err
		}
		if i.Question != "" {
			began, err = t.goOn(&i, doc, newest+1)
			return err
		}
		began = true
		key, err := t.insert(`INSERT INTO intent (msgid, infno, pos, sale_id, person, state, body, doc, sent, centre, known)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, i.MsgID, i.Infno, i.POS, i.SaleID, person.key, settle.DispatchSent,
			l.vault().seal(KindBody, i.Body), doc, millis(i.SentAt), newest+1, millis(i.SentCentre))
		if err != nil || i.Notes == nil {
			return err
		}
		return t.addStep(key, &i, newest+1)
	})
	return began && err == nil, err
}

// EndInline ends a message that did nothing at the centre: refused or unsent. An intent that has ended stays as it is.
func (l *Ledger) EndInline(ctx context.Context, msgid string, state settle.DispatchState, fault string) error {
	now := l.options.Clock()
	return l.write(ctx, func(t *tx) error {
		return t.run("UPDATE intent SET state = ?, ended = ?, fault = ? WHERE msgid = ? AND state = 'sent'", state, millis(now), fault, msgid)
	})
}

// OpenInlines are the questions that were begun and of which nothing has come yet, by their first message: those in doubt,
// and clinics' quotes that nobody has settled for longer than a patient stays.
func (l *Ledger) OpenInlines(ctx context.Context) (msgids []string, err error) {
	stale := l.options.Clock().Add(-quoteStands)
	err = l.read(ctx, func(t *tx) error {
		return t.each(`SELECT msgid FROM intent WHERE state = 'sent'
			UNION ALL SELECT msgid FROM intent WHERE state = 'quoted' AND sent < ?`, []any{millis(stale)}, func(scan func(dest ...any) error) error {
			var msgid string
			err := scan(&msgid)
			msgids = append(msgids, msgid)
			return err
		})
	})
	return msgids, err
}

// AbandonInline makes an orphan of a message that was begun and that no settlement will come of: a report that has it
// undone, on the work list until it is. why is Chinese. A message that a settlement has taken over, or that has ended, is
// left alone, so it may be called after everything.
func (l *Ledger) AbandonInline(ctx context.Context, msgid, why string) (orphaned bool, err error) {
	err = l.write(ctx, func(t *tx) (err error) {
		orphaned, err = t.abandon(msgid, why)
		return err
	})
	return orphaned && err == nil, err
}

func (t *tx) abandon(msgid, why string) (bool, error) {
	i, err := t.intentBy(msgid)
	if errors.Is(err, errNoRows) || err == nil && !i.open() {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	now := t.ledger.options.Clock().Round(0).In(settle.Beijing)
	record := orphanRecord{
		MsgID: msgid, Infno: i.infno, POS: i.pos, SaleID: i.saleID, Person: i.person, SentAt: instant(i.sent), At: now, Why: why, intentDoc: i.doc,
	}
	seq, err := t.link(recordOrphan, msgid, record)
	if err != nil {
		return false, err
	}
	err = t.run("UPDATE intent SET state = ?, ended = ?, fault = ?, record = ? WHERE id = ?", intentOrphan, millis(now), why, seq, i.id)
	if err != nil {
		return false, err
	}
	report, err := t.addReport(settle.ReportOrphan, subject{intent: i.id}, i.key, i.doc.Figures.Own+i.doc.Figures.Shared, now, seq)
	if err != nil {
		return false, err
	}
	t.batch.after = append(t.batch.after, t.ledger.wakeOutbox)
	if i.doc.Visit != nil {
		return true, t.orphanVisit(&i, report, why, now)
	}
	if err := t.takeOver(&i, report, settle.DispatchUnknown, why); err != nil {
		return false, err
	}
	if err := t.run("UPDATE report SET state = ?, fault = ? WHERE id = ?", settle.ReportUnknown, why, report); err != nil {
		return false, err
	}
	return true, t.raiseAttention(report, settle.ReportUnknown, false, why, now)
}

// intentRow is an intent as stored.
type intentRow struct {
	id, key     int64 // key: the person's
	msgid       string
	infno       string
	pos, saleID string
	person      settle.PersonID
	state       settle.DispatchState
	sent        int64
	doc         intentDoc
}

// open reports whether the question is not answered for good.
func (i *intentRow) open() bool { return i.state == settle.DispatchSent || i.state == intentQuoted }

func (t *tx) intentBy(msgid string) (i intentRow, err error) {
	var pid, doc []byte
	i.msgid = msgid
	err = t.get(`SELECT n.id, n.person, n.infno, n.pos, n.sale_id, p.pid, n.state, n.sent, n.doc FROM intent n
		JOIN person p ON p.id = n.person WHERE n.msgid = ?`, []any{msgid},
		&i.id, &i.key, &i.infno, &i.pos, &i.saleID, &pid, &i.state, &i.sent, &doc)
	if err != nil {
		return i, err
	}
	i.person = t.vault().personID(pid)
	return i, t.vault().unsealJSON(KindNote, doc, &i.doc)
}

// takeOver moves a message from its intent into the journal of a report.
func (t *tx) takeOver(i *intentRow, report int64, state settle.DispatchState, fault string) error {
	return t.run(`INSERT INTO dispatch (msgid, report, infno, original, state, body, sent, ended, fault, centre, known)
		SELECT msgid, ?, infno, '', ?, body, sent, 0, ?, centre, known FROM intent WHERE id = ?`, report, state, fault, i.id)
}

// adopt gives a fresh settlement the in-line question that was asked for it. What became of that moves the settlement's
// report, in this same transaction.
func (t *tx) adopt(report int64, order *settle.SettleOrder, s *settle.Settlement) error {
	if s.Sale.Clinic() {
		return t.adoptVisit(report, order, s)
	}
	answer := order.Inline
	if answer == nil || answer.MsgID == "" {
		return nil
	}
	i, err := t.intentBy(answer.MsgID)
	if err != nil {
		return err
	}
	if i.state != settle.DispatchSent || !i.asks(s) {
		return broken("an in-line message belongs to another sale or has ended")
	}
	if err := t.takeOver(&i, report, settle.DispatchSent, ""); err != nil {
		return err
	}
	if err := t.run("DELETE FROM intent WHERE id = ?", i.id); err != nil {
		return err
	}
	return t.concludeInline(report, i.msgid, answer, s)
}

// asks reports whether the question was asked for this settlement's sale.
func (i *intentRow) asks(s *settle.Settlement) bool {
	return i.pos == s.Sale.POS && i.saleID == s.Sale.ID && i.person == s.Sale.Patient
}

// concludeInline moves the report of a fresh settlement by what became of the message that may have booked it.
func (t *tx) concludeInline(report int64, msgid string, answer *settle.InlineAnswer, s *settle.Settlement) error {
	now := t.ledger.options.Clock()
	result := settle.DispatchResult{
		MsgID: msgid, Report: report, At: now, NextAt: now, State: settle.DispatchUnknown, ReportState: settle.ReportUnknown,
		Attempt: true, Fault: answer.Fault,
	}
	if answer.Booking != nil {
		result.State, result.ReportState, result.Done, result.Attempt = settle.DispatchAccepted, settle.ReportAccepted, true, false
		result.Booking = answer.Booking
	}
	if err := t.finishDispatch(&result); err != nil {
		return err
	}
	s.Report = result.ReportState
	return t.raiseDifference(report, s, now)
}

// raiseDifference puts money on the work list that the centre took and that no account known here can have paid.
func (t *tx) raiseDifference(report int64, s *settle.Settlement, at time.Time) error {
	if s.Centre == nil || s.Centre.RestOwn+s.Centre.RestShared == 0 {
		return nil
	}
	return t.openAttention(report, AttentionAdjusted, "中心结算：个人账户 "+s.Centre.RestOwn.String()+" 元、家庭共济 "+s.Centre.RestShared.String()+
		" 元在本机账本上找不到出资账户，请与医保中心核对", at)
}

// fillOrphan is the dossier of an orphan's report.
func (t *tx) fillOrphan(d *settle.Dossier, own int64) error {
	var record orphanRecord
	if err := t.record(own, &record); err != nil {
		return err
	}
	d.Sale.Operator, d.Figures, d.At = record.Operator, record.Figures, record.SentAt
	if visit := record.Visit; visit != nil {
		d.Sale.MedType, d.Sale.Visit = visit.MedType, visit.Visit
	}
	return nil
}

// orphanBooking is what the centre has booked of an orphan, proved by a reconciliation, and what no cancellation has ended
// yet; nil: nothing.
func (t *tx) orphanBooking(report int64) (*settle.Booking, error) {
	var seq sql.NullInt64
	err := t.get(`SELECT MAX(d.record) FROM dispatch d WHERE d.report = ? AND d.state = 'accepted' AND `+books+`
		AND NOT EXISTS (SELECT 1 FROM dispatch c WHERE c.report = d.report AND c.state = 'accepted' AND c.cancelled = 1)`, []any{report}, &seq)
	if err != nil || !seq.Valid {
		return nil, err
	}
	booking, err := t.bookingOf(seq.Int64)
	return &booking, err
}

// checkOrphan compares an orphan's record with its intent and its report.
func (v *verifier) checkOrphan(l *link) error {
	var record orphanRecord
	if err := l.read(&record); err != nil {
		v.found(FoundChanged, 7, l.seq, l.where(), "the record does not decode")
		return nil
	}
	var pos, sale, state string
	var own int64
	err := v.get("SELECT pos, sale_id, state, COALESCE(record, 0) FROM intent WHERE msgid = ?", []any{l.ref}, &pos, &sale, &state, &own)
	switch {
	case errors.Is(err, errNoRows):
		v.found(FoundRemoved, 5, l.seq, l.where(), "the intent's row is gone")
		return nil
	case err != nil:
		return err
	case pos != record.POS || sale != record.SaleID || state != intentOrphan || own != l.seq:
		v.found(FoundChanged, 5, l.seq, l.where(), "the intent's row differs from the chain")
	}
	return v.checkReport(l, settle.ReportOrphan, record.Figures.Own+record.Figures.Shared)
}
