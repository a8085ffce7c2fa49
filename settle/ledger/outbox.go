package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gongji/settle"
)

// RecoverDispatches marks every dispatch that was sent and never ended as unknown, and its report too. It is called
// once at start and returns how many there were.
func (l *Ledger) RecoverDispatches(ctx context.Context) (count int, err error) {
	now := l.options.Clock()
	err = l.write(ctx, func(t *tx) error {
		reports, err := t.records("SELECT report FROM dispatch WHERE state = 'sent' ORDER BY sent, msgid")
		if err != nil {
			return err
		}
		count = len(reports)
		if count == 0 {
			return nil
		}
		if err := t.run("UPDATE dispatch SET state = ? WHERE state = 'sent'", settle.DispatchUnknown); err != nil {
			return err
		}
		for _, report := range reports {
			if err := t.run("UPDATE report SET state = ?, next = ? WHERE id = ? AND done = 0", settle.ReportUnknown, millis(now), report); err != nil {
				return err
			}
			if err := t.raiseAttention(report, settle.ReportUnknown, false, "", now); err != nil {
				return err
			}
		}
		return nil
	})
	return count, err
}

const reportColumns = `r.id, r.kind, COALESCE(s.ref, ''), ` + subjectID + `, p.pid, r.state, r.done, r.created, r.attempts,
	r.next, r.fault, r.amount`

const reportTables = ` FROM report r JOIN person p ON p.id = r.person LEFT JOIN settlement s ON s.id = r.settlement ` + subjectTables

// subjectID is the till's id of what a report is about besides a settlement: a return, a request, a contribution or its
// cancellation.
const subjectID = `COALESCE(f.return_id, k.cancel_id, m.premium_id, q.request_id, '')`

const subjectTables = ` LEFT JOIN refund f ON f.id = r.refund LEFT JOIN premium m ON m.id = r.premium
	LEFT JOIN premium_cancel k ON k.record = r.record LEFT JOIN request q ON q.id = r.request `

func scanReport(scan func(dest ...any) error, more ...any) (r settle.Report, err error) {
	var pid []byte
	var created, next int64
	err = scan(append([]any{&r.ID, &r.Kind, &r.Settlement, &r.Return, &pid, &r.State, &r.Done, &created, &r.Attempts, &next,
		&r.Fault, &r.Amount}, more...)...)
	r.Person, r.CreatedAt, r.NextAt = personID(pid), instant(created), instant(next)
	return r, err
}

// atHead keeps the order within a person: only the oldest unfinished report of each.
const atHead = ` r.done = 0 AND NOT EXISTS (SELECT 1 FROM report o WHERE o.person = r.person AND o.done = 0 AND o.id < r.id)`

// horizon is farther than any pause of the worker. A report that waits beyond it was written while the PC's clock was
// ahead; holding it until then would hold everything behind it.
const horizon = time.Hour

// DueReports lists, oldest first and at most n, the oldest unfinished report of each person whose time has come. A
// person whose oldest report waits has none in the list: order is kept per person.
func (l *Ledger) DueReports(ctx context.Context, now time.Time, n int) (list []settle.Report, err error) {
	err = l.read(ctx, func(t *tx) error {
		return t.each("SELECT "+reportColumns+reportTables+"WHERE"+atHead+" AND (r.next <= ? OR r.next > ?) ORDER BY r.id LIMIT ?",
			[]any{millis(now), millis(now.Add(horizon)), n}, func(scan func(dest ...any) error) error {
				report, err := scanReport(scan)
				list = append(list, report)
				return err
			})
	})
	return list, err
}

// NextDue is when the next unfinished report may be tried; zero when there is none. A report beyond the horizon is due
// already.
func (l *Ledger) NextDue(ctx context.Context) (next time.Time, err error) {
	err = l.read(ctx, func(t *tx) error {
		var ms sql.NullInt64
		err := t.get("SELECT MIN(r.next) FROM report r WHERE"+atHead, nil, &ms)
		next = instant(ms.Int64)
		if now := l.options.Clock(); next.After(now.Add(horizon)) {
			next = now
		}
		return err
	})
	return next, err
}

// Dossier gathers what a report's next message needs; NOT_FOUND.
func (l *Ledger) Dossier(ctx context.Context, report int64) (d settle.Dossier, err error) {
	err = l.read(ctx, func(t *tx) (err error) {
		d, err = t.dossier(report)
		return err
	})
	return d, err
}

func (t *tx) dossier(report int64) (d settle.Dossier, err error) {
	var sold sql.NullInt64
	var own int64
	var booking []byte
	found := false
	err = t.each("SELECT "+reportColumns+", s.record, r.record, s.booking"+reportTables+"WHERE r.id = ?", []any{report},
		func(scan func(dest ...any) error) (err error) {
			found = true
			d.Report, err = scanReport(scan, &sold, &own, &booking)
			return err
		})
	if err != nil {
		return d, err
	}
	if !found {
		return d, settle.NewError(settle.NotFound, nil)
	}
	presence, err := t.fillDossier(&d, sold.Int64, own)
	if err != nil {
		return d, err
	}
	if booking != nil {
		d.Booked = &settle.Booking{}
		if err := t.ledger.vault.unsealJSON(KindBooking, booking, d.Booked); err != nil {
			return d, err
		}
	}
	if err := t.identify(&d, presence); err != nil {
		return d, err
	}
	d.Journal, err = t.journal(report)
	return d, err
}

// fillDossier reads what a report is about: from the settlement's record and the report's own.
func (t *tx) fillDossier(d *settle.Dossier, sold, own int64) (*settle.Presence, error) {
	switch d.Report.Kind {
	case settle.ReportBinding:
		return t.fillRequest(d, own)
	case settle.ReportPremium, settle.ReportPremiumCancel:
		return t.fillPremium(d, own)
	}
	var record settlementRecord
	if err := t.record(sold, &record); err != nil {
		return nil, err
	}
	s := &record.Settlement
	d.Sale, d.Figures, d.At, d.ReceiptNo, d.Credential = s.Sale, s.Figures, s.At, s.ReceiptNo, s.Presence.Kind
	if d.Report.Kind != settle.ReportSettle {
		var back returnRecord
		if err := t.record(own, &back); err != nil {
			return nil, err
		}
		d.Sale.Lines, d.Figures, d.At, d.ReceiptNo = back.Kept, back.KeptFigures, back.Return.At, back.Return.ReceiptNo
	}
	return &s.Presence, nil
}

// identify opens the identities that the message must carry in clear.
func (t *tx) identify(d *settle.Dossier, presence *settle.Presence) (err error) {
	if d.Identity, err = t.inClear(d.Report.Person); err != nil {
		return err
	}
	if presence == nil || len(presence.CardSealed) == 0 {
		d.Card = settle.CardNumbers{IDNumber: d.Identity.IDNumber}
		return nil
	}
	return t.ledger.vault.unsealJSON(KindCard, presence.CardSealed, &d.Card)
}

// inClear is a person as the wire must name them.
func (t *tx) inClear(person settle.PersonID) (settle.Identity, error) {
	pid, _ := decodePerson(person)
	row, err := t.personBy("pid = ?", pid)
	if err != nil {
		return settle.Identity{}, err
	}
	who, err := t.identity(&row)
	return settle.Identity{
		PsnNo: who.PsnNo, IDNumber: who.Certno, Name: who.Name, Insurance: row.person.Insurance, Area: row.person.Area,
	}, err
}

func (t *tx) journal(report int64) (list []settle.Dispatch, err error) {
	err = t.each(`SELECT msgid, report, infno, original, state, sent, ended, fault FROM dispatch WHERE report = ? ORDER BY sent, msgid`,
		[]any{report}, func(scan func(dest ...any) error) error {
			var d settle.Dispatch
			var sent, ended int64
			err := scan(&d.MsgID, &d.Report, &d.Infno, &d.Original, &d.State, &sent, &ended, &d.Fault)
			d.SentAt, d.EndedAt = instant(sent), instant(ended)
			list = append(list, d)
			return err
		})
	return list, err
}

// BeginDispatch writes a message to the journal as sent. Only after it has returned may the message leave.
func (l *Ledger) BeginDispatch(ctx context.Context, d settle.Dispatch) error {
	if d.MsgID == "" || d.Infno == "" {
		return badField("msgid", "缺少报文编号。", "msgid and infno are required")
	}
	sent := d.SentAt
	if sent.IsZero() {
		sent = l.options.Clock()
	}
	return l.write(ctx, func(t *tx) error {
		newest, err := t.metaInt(metaSnapshot)
		if err != nil {
			return err
		}
		err = t.run(`INSERT INTO dispatch (msgid, report, infno, original, state, body, sent, ended, fault, centre)
			VALUES (?, ?, ?, ?, ?, ?, ?, 0, '', ?)`,
			d.MsgID, d.Report, d.Infno, d.Original, settle.DispatchSent, l.vault.seal(KindBody, d.Body), millis(sent), newest+1)
		if err != nil {
			return err
		}
		m, err := t.sentMessage(d.MsgID)
		if err != nil {
			return err
		}
		return t.presume(&m)
	})
}

// presume decides what a cancellation that is on its way, or was sent and not answered, means for the money it gives
// back. The centre may have booked it any moment since it was sent, so every snapshot newer than those that were here
// before may contain it: were it still added to such a balance, it could be spent twice. (A debit is subtracted in the
// same doubt; both err on the side of the account.) Once no such message is left, the money is counted as not
// contained again, unless the cancellation is through.
func (t *tx) presume(m *sentMessage) error {
	switch m.kind {
	case settle.ReportSettle, settle.ReportPremium, settle.ReportBinding:
		return nil
	}
	var through bool
	var since sql.NullInt64
	err := t.get(`SELECT COALESCE(MAX(cancelled), 0), MIN(CASE WHEN state IN ('sent', 'unknown') THEN centre END) FROM dispatch
		WHERE report = ?`, []any{m.report}, &through, &since)
	if err != nil || through {
		return err
	}
	if !since.Valid {
		since.Int64 = open
	}
	return t.contain(m.report, legCancel, since.Int64)
}

// DispatchBody is the message as it was sent, opened; NOT_FOUND.
func (l *Ledger) DispatchBody(ctx context.Context, msgid string) (body []byte, err error) {
	err = l.read(ctx, func(t *tx) error {
		var sealed []byte
		if err := t.get("SELECT body FROM dispatch WHERE msgid = ?", []any{msgid}, &sealed); err != nil {
			return notFound(err)
		}
		body, err = l.vault.unseal(KindBody, sealed)
		return err
	})
	return body, err
}

// FinishDispatch writes the outcome of a message and moves its report, in one transaction: the journal, the chain, the
// booking, the centre time from which postings are contained, and what a person must look at. A booking whose figures
// differ from ours makes the report ADJUSTED: the centre is right.
func (l *Ledger) FinishDispatch(ctx context.Context, r settle.DispatchResult) error {
	return l.write(ctx, func(t *tx) error { return t.finishDispatch(&r) })
}

// sentMessage is a journal row that an outcome belongs to.
type sentMessage struct {
	report     int64
	infno      string
	state      settle.DispatchState
	centre     int64 // the earliest centre time at which it can have been booked, or the time at which it was
	kind       settle.ReportKind
	settlement sql.NullInt64
	request    sql.NullInt64
}

// leg is the leg of the report's postings that a message of it moves; cancels: it cancels a booking.
func (m *sentMessage) leg(cancels bool) int {
	switch {
	case m.kind == settle.ReportSettle || m.kind == settle.ReportPremium:
		return legSettle
	case cancels || m.kind == settle.ReportPremiumCancel:
		return legCancel
	}
	return legRebook
}

func (t *tx) sentMessage(msgid string) (m sentMessage, err error) {
	err = t.get(`SELECT d.report, d.infno, d.state, d.centre, r.kind, r.settlement, r.request FROM dispatch d
		JOIN report r ON r.id = d.report WHERE d.msgid = ?`,
		[]any{msgid}, &m.report, &m.infno, &m.state, &m.centre, &m.kind, &m.settlement, &m.request)
	return m, notFound(err)
}

func (t *tx) finishDispatch(r *settle.DispatchResult) error {
	m, err := t.sentMessage(r.MsgID)
	if err != nil {
		return err
	}
	if r.Report != 0 && r.Report != m.report {
		return broken("a message's outcome names another report")
	}
	if r.At.IsZero() {
		r.At = t.ledger.options.Clock()
	}
	if m.kind == settle.ReportPremiumCancel && r.State == settle.DispatchAccepted {
		r.Unbooked = true
	}
	detail, err := t.judge(&m, r)
	if err != nil {
		return err
	}
	seq, err := t.link(recordDispatch, r.MsgID, dispatchRecord{
		MsgID: r.MsgID, Infno: m.infno, Report: m.report, State: r.State, Booking: r.Booking, Unbooked: r.Unbooked,
		Undone: r.Undone, Fault: r.Fault, At: r.At.Round(0).In(settle.Beijing), ReportState: r.ReportState, Done: r.Done,
		RequestState: r.RequestState, RequestAnswer: r.RequestAnswer,
	})
	if err != nil {
		return err
	}
	centre, err := t.book(&m, r)
	if err != nil {
		return err
	}
	if err := t.rememberOffice(m.report, r.Booking); err != nil {
		return err
	}
	err = t.run("UPDATE dispatch SET state = ?, ended = ?, fault = ?, centre = ?, cancelled = ?, record = ? WHERE msgid = ?",
		r.State, millis(r.At), r.Fault, centre, r.Unbooked, seq, r.MsgID)
	if err != nil {
		return err
	}
	if err := t.presume(&m); err != nil {
		return err
	}
	if r.Undone != "" {
		if err := t.undo(r.Undone, r.MsgID); err != nil {
			return err
		}
	}
	attempts := 0
	if r.Attempt {
		attempts = 1
	}
	err = t.run("UPDATE report SET state = ?, done = ?, next = ?, attempts = attempts + ?, fault = ? WHERE id = ?",
		r.ReportState, r.Done, millis(r.NextAt), attempts, r.Fault, m.report)
	if err != nil {
		return err
	}
	if detail == "" {
		detail = r.Fault
	}
	return t.raiseAttention(m.report, r.ReportState, r.Done, detail, r.At)
}

// judge is what an answer means for the report, as the ledger sees it: a request that was answered, or a booking whose
// figures may differ from ours. The detail is for the work list.
func (t *tx) judge(m *sentMessage, r *settle.DispatchResult) (detail string, err error) {
	switch {
	case m.kind == settle.ReportBinding:
		return t.answerRequest(m, r)
	case r.Booking == nil || r.Unbooked || m.kind == settle.ReportPremium:
		return "", nil
	}
	return t.compareBooking(m, r)
}

// compareBooking holds the centre's figures against ours. The detail of a difference says both.
func (t *tx) compareBooking(m *sentMessage, r *settle.DispatchResult) (detail string, err error) {
	theirs := r.Booking.Figures
	if theirs == (settle.Figures{}) || (r.ReportState != settle.ReportAccepted && r.ReportState != settle.ReportAdjusted) {
		return "", nil
	}
	d, err := t.dossier(m.report)
	if err != nil || d.Figures == theirs {
		return "", err
	}
	r.ReportState = settle.ReportAdjusted
	text, err := json.Marshal(map[string]settle.Figures{"ours": d.Figures, "centre": theirs})
	return string(text), err
}

// book writes what the centre booked or cancelled, and from which centre time on a snapshot contains it. It returns
// that time; where nothing was booked or its time is not known, the earliest that it can be.
func (t *tx) book(m *sentMessage, r *settle.DispatchResult) (centre int64, err error) {
	if r.Booking != nil {
		centre = millis(r.Booking.CentreTime)
	}
	switch {
	case r.Unbooked:
		if centre, err = t.cancelledAt(m, r.MsgID, centre); err != nil {
			return 0, err
		}
		if err := t.run("UPDATE settlement SET booking = NULL WHERE id = ?", m.settlement); err != nil {
			return 0, err
		}
		return centre, t.contain(m.report, m.leg(true), centre)
	case r.Booking != nil:
		sealed, err := t.ledger.vault.sealJSON(KindBooking, r.Booking)
		if err != nil {
			return 0, err
		}
		if err := t.run("UPDATE settlement SET booking = ? WHERE id = ?", sealed, m.settlement); err != nil {
			return 0, err
		}
		if centre == 0 {
			return m.centre, nil // not contained: what is subtracted too long is seen, what is spent twice is not
		}
		return centre, t.contain(m.report, m.leg(false), centre)
	}
	return m.centre, nil
}

// cancelledAt is from when on a snapshot may contain a cancellation that the centre has confirmed. A message that may be
// repeated (G104) can have been booked when an earlier copy arrived, whose answer was lost: money that came back then must
// not be added to a snapshot that has it already, so the earliest time counts. told is 0 where the centre named no time.
func (t *tx) cancelledAt(m *sentMessage, msgid string, told int64) (int64, error) {
	if told == 0 {
		told = m.centre // as long as it was in doubt; see presume
	}
	if m.kind != settle.ReportPremiumCancel {
		return told, nil
	}
	var earliest sql.NullInt64
	err := t.get("SELECT MIN(centre) FROM dispatch WHERE report = ? AND msgid <> ? AND state IN ('sent', 'unknown')",
		[]any{m.report, msgid}, &earliest)
	if earliest.Valid {
		told = min(told, earliest.Int64)
	}
	return told, err
}

func (t *tx) contain(report int64, leg int, centre int64) error {
	return t.run("UPDATE posting SET centre = ? WHERE report = ? AND leg = ?", centre, report, leg)
}

// undo takes back what a message booked that a confirmed 2601 undid.
func (t *tx) undo(msgid, by string) error {
	m, err := t.sentMessage(msgid)
	if err != nil {
		return err
	}
	if err := t.run("UPDATE dispatch SET state = ?, undone_by = ?, cancelled = 0 WHERE msgid = ?", settle.DispatchReversed, by, msgid); err != nil {
		return err
	}
	if err := t.presume(&m); err != nil {
		return err
	}
	if m.kind == settle.ReportPremium {
		return t.contain(m.report, legSettle, open)
	}
	if !m.settlement.Valid {
		return nil
	}
	var booking []byte
	if err := t.get("SELECT booking FROM settlement WHERE id = ?", []any{m.settlement}, &booking); err != nil || booking == nil {
		return err
	}
	var booked settle.Booking
	if err := t.ledger.vault.unsealJSON(KindBooking, booking, &booked); err != nil {
		return err
	}
	if booked.MsgID != msgid {
		return nil
	}
	return errors.Join(t.contain(m.report, m.leg(false), open), t.run("UPDATE settlement SET booking = NULL WHERE id = ?", m.settlement))
}

// PostponeReport moves a report to later without a message (nothing could be built, or it must wait); NOT_FOUND.
func (l *Ledger) PostponeReport(ctx context.Context, report int64, until time.Time, state settle.ReportState, fault string, done bool) error {
	now := l.options.Clock()
	return l.write(ctx, func(t *tx) error {
		result, err := t.exec("UPDATE report SET state = ?, done = ?, next = ?, fault = ? WHERE id = ?", state, done, millis(until), fault, report)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, settle.NewError(settle.NotFound, fmt.Errorf("report %d", report)))
		}
		if done && state == settle.ReportRefused { // a request that can never be sent is no request that waits
			err := t.run(`UPDATE request SET state = ?, answer = ? WHERE state = ? AND id = (SELECT request FROM report WHERE id = ?)`,
				settle.RequestRefused, t.ledger.vault.seal(KindNote, []byte(fault)), settle.RequestPending, report)
			if err != nil {
				return err
			}
		}
		return t.raiseAttention(report, state, done, fault, now)
	})
}

// OutboxTotals counts the outbox for the metrics.
func (l *Ledger) OutboxTotals(ctx context.Context) (totals settle.OutboxTotals, err error) {
	err = l.read(ctx, func(t *tx) error {
		var oldest sql.NullInt64
		err := t.get(`SELECT COUNT(*), COALESCE(SUM(amount), 0), COALESCE(SUM(state = 'unknown'), 0), MIN(created) FROM report
			WHERE done = 0`, nil, &totals.Unsent, &totals.UnsentAmount, &totals.Unknown, &oldest)
		if err != nil {
			return err
		}
		totals.OldestUnsent = instant(oldest.Int64)
		// What a person has decided is refused for ever and waits for nobody.
		return t.get("SELECT COUNT(*) FROM attention WHERE closed IS NULL AND kind = ?", []any{AttentionRefused}, &totals.Refused)
	})
	return totals, err
}
