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

// undecided picks the messages after which it is open whether money moved. The others of a clinic's settlement, from 2201
// to 2206, book nothing: they are looked up or sent again.
const undecided = "(d.infno NOT LIKE '220%' OR d.infno = '2207' OR d.infno = '2208') AND d.infno <> '5201'"

// RecoverDispatches marks every dispatch that was sent and never ended as unknown, and its report too where money may
// have moved. It is called once at start and returns how many there were.
func (l *Ledger) RecoverDispatches(ctx context.Context) (count int, err error) {
	now := l.options.Clock()
	err = l.write(ctx, func(t *tx) error {
		if err := t.run("UPDATE upload_message SET state = ? WHERE state = 'sent'", settle.DispatchUnknown); err != nil {
			return err
		}
		if err := t.get("SELECT COUNT(*) FROM dispatch WHERE state = 'sent'", nil, &count); err != nil || count == 0 {
			return err
		}
		reports, err := t.records("SELECT DISTINCT d.report FROM dispatch d WHERE d.state = 'sent' AND " + undecided + " ORDER BY d.report")
		if err != nil {
			return err
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
const subjectID = `COALESCE(f.return_id, k.cancel_id, m.premium_id, q.request_id, n.sale_id, '')`

const subjectTables = ` LEFT JOIN refund f ON f.id = r.refund LEFT JOIN premium m ON m.id = r.premium
	LEFT JOIN premium_cancel k ON k.record = r.record LEFT JOIN request q ON q.id = r.request
	LEFT JOIN intent n ON n.id = r.intent `

func (t *tx) scanReport(scan func(dest ...any) error, more ...any) (r settle.Report, err error) {
	var pid []byte
	var created, next int64
	err = scan(append([]any{&r.ID, &r.Kind, &r.Settlement, &r.Return, &pid, &r.State, &r.Done, &created, &r.Attempts, &next,
		&r.Fault, &r.Amount}, more...)...)
	r.Person, r.CreatedAt, r.NextAt = t.vault().personID(pid), instant(created), instant(next)
	return r, err
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
			d.Report, err = t.scanReport(scan, &sold, &own, &booking)
			return err
		})
	if err != nil {
		return d, err
	}
	if !found {
		return d, settle.NewError(settle.NotFound, nil)
	}
	presence, pays, err := t.fillDossier(&d, sold.Int64, own)
	if err != nil {
		return d, err
	}
	if booking != nil {
		d.Booked = &settle.Booking{}
		if err := t.vault().unsealJSON(KindBooking, booking, d.Booked); err != nil {
			return d, err
		}
	}
	if err := t.identify(&d, presence); err != nil {
		return d, err
	}
	if d.Pays, err = t.whoPays(&d, pays); err != nil {
		return d, err
	}
	if d.Leave, err = t.leave(&d, own); err != nil {
		return d, err
	}
	if d.Report.Kind == settle.ReportOrphan {
		if d.Booked, err = t.orphanBooking(report); err != nil {
			return d, err
		}
	}
	d.Journal, err = t.journal(report)
	return d, err
}

// fillDossier reads what a report is about: from the settlement's record and the report's own. pays are what the accounts pay
// of what is to be booked.
func (t *tx) fillDossier(d *settle.Dossier, sold, own int64) (presence *settle.Presence, pays []coveredPay, err error) {
	switch d.Report.Kind {
	case settle.ReportBinding:
		presence, err = t.fillRequest(d, own)
		return presence, nil, err
	case settle.ReportPremium, settle.ReportPremiumCancel:
		presence, err = t.fillPremium(d, own)
		return presence, nil, err
	case settle.ReportOrphan:
		return nil, nil, t.fillOrphan(d, own)
	}
	var record soldRecord
	if err := t.record(sold, &record); err != nil {
		return nil, nil, err
	}
	s := &record.Settlement
	for i := range s.Postings {
		p := &s.Postings[i]
		pays = append(pays, coveredPay{settle.Pay{Account: p.Person, Pot: p.Pot, Amount: p.Amount}, p.Covered})
	}
	d.Sale, d.Figures, d.At, d.ReceiptNo, d.Credential = s.Sale, s.Figures, s.At, s.ReceiptNo, s.Presence.Kind
	if d.Report.Kind != settle.ReportSettle {
		var back returnRecord
		if err := t.record(own, &back); err != nil {
			return nil, nil, err
		}
		pays = nil
		for _, pay := range back.Remaining {
			pays = append(pays, coveredPay{Pay: pay})
		}
		d.Sale.Lines, d.Figures, d.At, d.ReceiptNo = back.Kept, back.KeptFigures, back.Return.At, back.Return.ReceiptNo
	}
	return &s.Presence, pays, nil
}

// whoPays names who pays how much, so that the centre can debit the very accounts that the till has debited. Where the centre
// settled in line or has booked otherwise since, the split is the centre's own and nobody is named.
func (t *tx) whoPays(d *settle.Dossier, pays []coveredPay) (list []settle.PersonPay, err error) {
	var order []settle.PersonID
	sums := make(map[settle.PersonID]settle.PersonPay, len(pays))
	var all, own settle.Fen
	for _, p := range pays {
		if p.Amount == 0 {
			continue
		}
		if p.Account == "" { // a part that no account bears: the split is the centre's own
			return nil, nil
		}
		sum, known := sums[p.Account]
		if !known {
			order = append(order, p.Account)
		}
		sum.Amount, sum.Covered = sum.Amount+p.Amount, sum.Covered+p.covered
		sums[p.Account] = sum
		if all += p.Amount; p.Account == d.Report.Person {
			own += p.Amount
		}
	}
	if all != d.Figures.Own+d.Figures.Shared || own != d.Figures.Own {
		return nil, nil
	}
	for _, person := range order {
		who := d.Identity
		if person != d.Report.Person {
			if who, err = t.inClear(person); err != nil {
				return nil, err
			}
		}
		sum := sums[person]
		sum.PsnNo = who.PsnNo
		list = append(list, sum)
	}
	return list, nil
}

// coveredPay is a pay with what an allowance guarantees of it.
type coveredPay struct {
	settle.Pay
	covered settle.Fen
}

// leave lists what sales before and after a record, not acknowledged yet, may take of the allowances on the accounts that a
// report may debit.
func (t *tx) leave(d *settle.Dossier, record int64) ([]settle.PersonPay, error) {
	beneficiary := d.Report.Person
	if d.Premium != nil {
		beneficiary = d.Premium.Beneficiary
	}
	return t.promised(beneficiary, record)
}

// promised is leave for a patient's message. What is covered of a sale was reckoned with all that came before it taken off, so
// earlier sales count in full and later ones with what is covered of them; then no order in which they are booked takes from any
// what is covered of it. A sale that the centre has refused takes nothing more, and what is booked anew after a return has its
// money kept.
func (t *tx) promised(patient settle.PersonID, record int64) (list []settle.PersonPay, err error) {
	name, _ := t.vault().pid(patient)
	var people []settle.PersonID
	err = t.each(`SELECT p.pid, SUM(CASE WHEN o.record < ?3 THEN o.amount ELSE o.covered END) AS sum
		FROM posting o JOIN report r ON r.id = o.report JOIN person p ON p.id = o.person
		WHERE o.person IN (SELECT id FROM person WHERE pid = ?1 UNION
				SELECT b.giver FROM binding b JOIN person q ON q.id = b.beneficiary WHERE q.pid = ?1 AND b.active = 1)
			AND o.centre = ?2 AND o.leg = 0 AND o.amount > 0 AND o.pot NOT IN ('quota', 'agency') AND o.record <> ?3 AND r.done = 0
		GROUP BY o.person HAVING sum > 0 ORDER BY o.person`, []any{name, open, record}, func(scan func(dest ...any) error) error {
		var pid []byte
		var pay settle.PersonPay
		err := scan(&pid, &pay.Amount)
		people, list = append(people, t.vault().personID(pid)), append(list, pay)
		return err
	})
	for i := 0; err == nil && i < len(list); i++ {
		var who settle.Identity
		who, err = t.inClear(people[i])
		list[i].PsnNo = who.PsnNo
	}
	return list, err
}

// soldRecord is what a report needs of a settlementRecord; a backlog of reports does not decode the rest.
type soldRecord struct {
	Settlement struct {
		ReceiptNo string          `json:"receipt_no"`
		Sale      settle.Sale     `json:"sale"`
		Presence  settle.Presence `json:"presence"`
		At        time.Time       `json:"at"`
		Figures   settle.Figures  `json:"figures"`

		Postings []struct {
			Person  settle.PersonID `json:"person"`
			Pot     settle.Pot      `json:"pot"`
			Amount  settle.Fen      `json:"amount"`
			Covered settle.Fen      `json:"covered"`
		} `json:"postings"`
	} `json:"settlement"`
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
	return t.vault().unsealJSON(KindCard, presence.CardSealed, &d.Card)
}

// inClear is a person as the wire must name them.
func (t *tx) inClear(person settle.PersonID) (settle.Identity, error) {
	pid, _ := t.vault().pid(person)
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
	err = t.each(`SELECT msgid, report, infno, original, state, sent, ended, fault, visit, batch, known, answered FROM dispatch WHERE report = ?
		ORDER BY turn, sent, msgid`,
		[]any{report}, func(scan func(dest ...any) error) error {
			var d settle.Dispatch
			var sent, ended, known, answered int64
			err := scan(&d.MsgID, &d.Report, &d.Infno, &d.Original, &d.State, &sent, &ended, &d.Fault, &d.Visit, &d.Batch, &known, &answered)
			d.SentAt, d.EndedAt = instant(sent), instant(ended)
			d.SentCentre, d.AnsweredCentre = instant(known), instant(answered)
			list = append(list, d)
			return err
		})
	return list, err
}

// BeginDispatch writes a message to the journal as sent. Only after it has returned may the message leave. The error holds
// settle.ErrMoved where the report has ended, is held, or has another message than the dossier knew.
func (l *Ledger) BeginDispatch(ctx context.Context, d settle.Dispatch) error {
	if d.MsgID == "" || d.Infno == "" {
		return badField("msgid", "缺少报文编号。", "msgid and infno are required")
	}
	sent := d.SentAt
	if sent.IsZero() {
		sent = l.options.Clock()
	}
	return l.writeLate(ctx, func(t *tx) error {
		m, err := t.stillNext(&d)
		if err != nil {
			return err
		}
		newest, err := t.metaInt(metaSnapshot)
		if err != nil {
			return err
		}
		err = t.run(`INSERT INTO dispatch (msgid, report, infno, original, state, body, sent, ended, fault, centre, visit, batch, known, turn)
			VALUES (?, ?, ?, ?, ?, ?, ?, 0, '', ?, ?, ?, ?, ?)`,
			d.MsgID, d.Report, d.Infno, d.Original, settle.DispatchSent, l.vault().seal(KindBody, d.Body), millis(sent), newest+1,
			d.Visit, d.Batch, millis(d.SentCentre), m.turn)
		if err != nil {
			return err
		}
		return t.presume(&m)
	})
}

// stillNext is the message's report, as long as nothing has come between: dossiers are read ahead, and meanwhile a person may
// have ended the report or held it.
func (t *tx) stillNext(d *settle.Dispatch) (m sentMessage, err error) {
	var done bool
	var next int64
	m.report = d.Report
	err = t.get("SELECT kind, done, next, (SELECT COUNT(*) FROM dispatch WHERE report = r.id) FROM report r WHERE id = ?", []any{d.Report},
		&m.kind, &done, &next, &m.turn)
	if err != nil {
		return m, notFound(err)
	}
	if d.Turn != nil && (done || next == held || *d.Turn != m.turn) {
		return m, settle.NewError(settle.StoreBroken, settle.ErrMoved)
	}
	return m, nil
}

// presume decides what a cancellation that is on its way, or was sent and not answered, means for the money it gives
// back. The centre may have booked it any moment since it was sent, so every snapshot newer than those that were here
// before may contain it: were it still added to such a balance, it could be spent twice. (A debit is subtracted in the
// same doubt; both err on the side of the account.) One that was undone (2601) stood for a while, and a snapshot may be of
// that while. Once no such message is left, the money is counted as not contained again, unless the cancellation is through.
func (t *tx) presume(m *sentMessage) error {
	switch m.kind {
	case settle.ReportSettle, settle.ReportPremium, settle.ReportBinding, settle.ReportOrphan:
		return nil
	}
	var through bool
	var since sql.NullInt64
	err := t.get(`SELECT COALESCE(MAX(cancelled), 0), MIN(CASE WHEN state IN ('sent', 'unknown', 'reversed') THEN centre END) FROM dispatch
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
		if len(sealed) == 0 { // older than records are kept
			return settle.NewError(settle.NotFound, nil)
		}
		body, err = l.vault().unseal(KindBody, sealed)
		return err
	})
	return body, err
}

// FinishDispatch writes the outcome of a message and moves its report, in one transaction: the journal, the chain, the
// booking, the centre time from which postings are contained, and what a person must look at. A booking whose figures
// differ from ours makes the report ADJUSTED: the centre is right, and the difference is posted.
func (l *Ledger) FinishDispatch(ctx context.Context, r settle.DispatchResult) error {
	return l.writeLate(ctx, func(t *tx) error { return t.finishDispatch(&r) })
}

// sentMessage is a journal row that an outcome belongs to.
type sentMessage struct {
	report     int64
	infno      string
	state      settle.DispatchState
	centre     int64 // the earliest centre time at which it can have been booked, or the time at which it was
	kind       settle.ReportKind
	turn       int // its place in the journal of its report; of one that is being begun only
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
	seq, err := t.link(recordDispatch, r.MsgID, &dispatchRecord{
		MsgID: r.MsgID, Infno: m.infno, Report: m.report, State: r.State, Booking: r.Booking, Unbooked: r.Unbooked,
		Undone: r.Undone, Visit: r.Visit, Fault: r.Fault, At: r.At.Round(0).In(settle.Beijing), ReportState: r.ReportState, Done: r.Done,
		RequestState: r.RequestState, RequestAnswer: r.RequestAnswer,
	})
	if err != nil {
		return err
	}
	centre, err := t.book(&m, r)
	if err != nil {
		return err
	}
	if adjusted, err := t.adjustBooking(&m, r); err != nil {
		return err
	} else if adjusted != "" {
		detail = adjusted
	}
	if err := t.rememberOffice(m.report, r.Booking); err != nil {
		return err
	}
	err = t.run(`UPDATE dispatch SET state = ?, ended = ?, fault = ?, centre = ?, cancelled = ?, record = ?, booked = ?, answered = ?,
		visit = CASE WHEN ? <> '' THEN ? ELSE visit END WHERE msgid = ?`,
		r.State, millis(r.At), r.Fault, centre, r.Unbooked, seq, bookedAt(r.Booking), millis(r.Answered), r.Visit, r.Visit, r.MsgID)
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
	if r.Done {
		if err := t.queueUpload(m.report, r.At); err != nil {
			return err
		}
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
	ours, err := t.expected(m)
	if err != nil || ours == theirs {
		return "", err
	}
	r.ReportState = settle.ReportAdjusted
	text, err := json.Marshal(map[string]settle.Figures{"ours": ours, "centre": theirs})
	return string(text), err
}

// expected are the figures that a report asks the centre to book.
func (t *tx) expected(m *sentMessage) (f settle.Figures, err error) {
	if m.kind == settle.ReportSettle {
		err = t.get("SELECT total, fund, own, shared, cash FROM settlement WHERE id = ?", []any{m.settlement},
			&f.Total, &f.Fund, &f.Own, &f.Shared, &f.Cash)
		return f, err
	}
	d, err := t.dossier(m.report)
	return d.Figures, err
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
		sealed, err := t.vault().sealJSON(KindBooking, r.Booking)
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

// cancelledAt is from when on a snapshot may contain a cancellation that the centre has confirmed. An earlier copy, whose
// answer was lost, may have been booked when it arrived: of a message that is repeated (G104), or of one that was undone
// (2601) before this one was sent; that it was undone may itself be unheard, so that the day's items say rightly that it is not
// there. Money that came back then must not be added to a snapshot that has it already, so the earliest time counts. told is 0
// where the centre named no time.
func (t *tx) cancelledAt(m *sentMessage, msgid string, told int64) (int64, error) {
	if told == 0 {
		told = m.centre // as long as it was in doubt; see presume
	}
	var earliest sql.NullInt64
	err := t.get(`SELECT MIN(d.centre) FROM dispatch d WHERE d.report = ? AND d.infno = ? AND d.msgid <> ? AND (d.state IN ('sent', 'unknown', 'reversed')
		OR EXISTS (SELECT 1 FROM dispatch u WHERE u.report = d.report AND u.original = d.msgid AND u.state IN ('sent', 'unknown', 'accepted')))`,
		[]any{m.report, m.infno, msgid}, &earliest)
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
	var cancelled bool
	if err := t.get("SELECT cancelled FROM dispatch WHERE msgid = ?", []any{msgid}, &cancelled); err != nil {
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
	if cancelled {
		return t.restoreBooking(&m)
	}
	var booking []byte
	if err := t.get("SELECT booking FROM settlement WHERE id = ?", []any{m.settlement}, &booking); err != nil || booking == nil {
		return err
	}
	var booked settle.Booking
	if err := t.vault().unsealJSON(KindBooking, booking, &booked); err != nil {
		return err
	}
	if booked.MsgID != msgid {
		return nil
	}
	return errors.Join(t.contain(m.report, m.leg(false), open), t.run("UPDATE settlement SET booking = NULL WHERE id = ?", m.settlement))
}

// restoreBooking puts back what a cancellation had taken that a confirmed 2601 has now undone: the last booking of the
// settlement that stands. The next step then starts from what the centre has.
func (t *tx) restoreBooking(m *sentMessage) error {
	var seq int64
	err := t.get(`SELECT d.record FROM report r JOIN dispatch d ON d.report = r.id
		WHERE r.settlement = ? AND d.state = 'accepted' AND `+books+` AND d.report <= ? ORDER BY d.record DESC LIMIT 1`,
		[]any{m.settlement, m.report}, &seq)
	if errors.Is(err, errNoRows) {
		return broken("an undone cancellation has no booking before it")
	}
	if err != nil {
		return err
	}
	booking, err := t.bookingOf(seq)
	if err != nil {
		return err
	}
	sealed, err := t.vault().sealJSON(KindBooking, booking)
	if err != nil {
		return err
	}
	return t.run("UPDATE settlement SET booking = ? WHERE id = ?", sealed, m.settlement)
}

// PostponeReport moves a report to later without a message (nothing could be built, or it must wait); NOT_FOUND.
func (l *Ledger) PostponeReport(ctx context.Context, report int64, until time.Time, state settle.ReportState, fault string, done bool) error {
	now := l.options.Clock()
	return l.writeLate(ctx, func(t *tx) error {
		result, err := t.exec("UPDATE report SET state = ?, done = ?, next = ?, fault = ? WHERE id = ?", state, done, millis(until), fault, report)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, settle.NewError(settle.NotFound, fmt.Errorf("report %d", report)))
		}
		if done && state == settle.ReportRefused { // a request that can never be sent is no request that waits
			err := t.run(`UPDATE request SET state = ?, answer = ? WHERE state = ? AND id = (SELECT request FROM report WHERE id = ?)`,
				settle.RequestRefused, t.vault().seal(KindNote, []byte(fault)), settle.RequestPending, report)
			if err != nil {
				return err
			}
		}
		if done {
			if err := t.queueUpload(report, now); err != nil {
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
		err := t.get(`SELECT COUNT(*), COALESCE(SUM(amount), 0), COALESCE(SUM(state = 'unknown'), 0), MIN(created) FROM report o
			WHERE done = 0 AND NOT `+deciding, nil, &totals.Unsent, &totals.UnsentAmount, &totals.Unknown, &oldest)
		if err != nil {
			return err
		}
		totals.OldestUnsent = instant(oldest.Int64)
		// What a person has decided is refused for ever and waits for nobody.
		return t.get("SELECT COUNT(*) FROM attention WHERE closed IS NULL AND kind = ?", []any{AttentionRefused}, &totals.Refused)
	})
	return totals, err
}
