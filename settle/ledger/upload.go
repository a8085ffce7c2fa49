package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gongji/settle"
)

// queueUpload writes the upload that follows a report: 3505 once a sale with trace codes is accepted, 3506 once the
// return of such goods is. Nothing is written where the configuration has uploads off, where nothing has a trace code,
// or where the sale itself was never uploaded; asking again changes nothing.
func (t *tx) queueUpload(report int64, at time.Time) error {
	if !t.ledger.options.Goods {
		return nil
	}
	var kind settle.ReportKind
	var state settle.ReportState
	var settlement, sold, own sql.NullInt64
	err := t.get(`SELECT r.kind, r.state, r.settlement, s.record, r.record FROM report r LEFT JOIN settlement s ON s.id = r.settlement
		WHERE r.id = ?`, []any{report}, &kind, &state, &settlement, &sold, &own)
	if err != nil || !settlement.Valid || state != settle.ReportAccepted && state != settle.ReportAdjusted {
		return err
	}
	switch kind {
	case settle.ReportSettle:
		return t.queueSold(report, settlement.Int64, sold.Int64, at)
	case settle.ReportReverse, settle.ReportRefund:
		return t.queueReturned(report, settlement.Int64, sold.Int64, own.Int64, at)
	}
	return nil
}

func (t *tx) queueSold(report, settlement, sold int64, at time.Time) error {
	var sealed []byte
	if err := t.get("SELECT booking FROM settlement WHERE id = ?", []any{settlement}, &sealed); err != nil || sealed == nil {
		return err
	}
	var booking settle.Booking
	if err := t.vault().unsealJSON(KindBooking, sealed, &booking); err != nil {
		return err
	}
	var record settlementRecord
	if err := t.record(sold, &record); err != nil {
		return err
	}
	return t.addUpload(settle.UploadSold, report, settlement, booking.SetlID, tracedLines(record.Settlement.Sale.Lines), at)
}

func (t *tx) queueReturned(report, settlement, sold, own int64, at time.Time) error {
	var setlID string
	err := t.get("SELECT setl_id FROM upload WHERE settlement = ? AND kind = ?", []any{settlement, settle.UploadSold}, &setlID)
	if errors.Is(err, errNoRows) {
		return t.forgetBack(report)
	}
	if err != nil {
		return err
	}
	lines, err := t.cameBack(settlement, sold, own)
	if err != nil {
		return err
	}
	return t.addUpload(settle.UploadReturned, report, settlement, setlID, lines, at)
}

// addUpload writes an upload with a row for each line; none for no lines.
func (t *tx) addUpload(kind settle.UploadKind, report, settlement int64, setlID string, lines []settle.Line, at time.Time) error {
	if len(lines) == 0 {
		return nil
	}
	result, err := t.exec(`INSERT INTO upload (kind, report, settlement, setl_id, state, done, created, attempts, next, fault)
		VALUES (?, ?, ?, ?, ?, 0, ?, 0, ?, '') ON CONFLICT (report) DO NOTHING`,
		kind, report, settlement, setlID, settle.ReportPending, millis(at), millis(at))
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return err
	}
	id, err := result.LastInsertId()
	if err != nil {
		return err
	}
	for n := range lines {
		err := t.run("INSERT INTO upload_row (upload, n, line, state, fault) VALUES (?, ?, ?, ?, '')", id, n, lines[n].ID, settle.ReportPending)
		if err != nil {
			return err
		}
	}
	return nil
}

// tracedLines are the lines whose packs have trace codes.
func tracedLines(lines []settle.Line) []settle.Line {
	return slices.DeleteFunc(slices.Clone(lines), func(l settle.Line) bool { return len(l.TraceCodes) == 0 })
}

// cameBack are the traced lines of a return, each with the quantity and the codes that came back by it: what was kept
// before it less what is kept after it.
func (t *tx) cameBack(settlement, sold, own int64) ([]settle.Line, error) {
	var record settlementRecord
	if err := t.record(sold, &record); err != nil {
		return nil, err
	}
	before := record.Settlement.Sale.Lines
	var earlier int64
	err := t.get("SELECT record FROM refund WHERE settlement = ? AND record < ? ORDER BY id DESC LIMIT 1", []any{settlement, own}, &earlier)
	switch {
	case err == nil:
		var last returnRecord
		if err := t.record(earlier, &last); err != nil {
			return nil, err
		}
		before = last.Kept
	case !errors.Is(err, errNoRows):
		return nil, err
	}
	var back returnRecord
	if err := t.record(own, &back); err != nil {
		return nil, err
	}
	var lines []settle.Line
	for _, line := range tracedLines(before) {
		if part, err := partBack(line, back.Kept); err != nil {
			return nil, err
		} else if len(part.TraceCodes) > 0 {
			lines = append(lines, part)
		}
	}
	return lines, nil
}

// partBack is what of a line is not kept. Parts of an opened pack share its code, so a part that comes back names it.
func partBack(line settle.Line, kept []settle.Line) (settle.Line, error) {
	at := slices.IndexFunc(kept, func(l settle.Line) bool { return l.ID == line.ID })
	if at < 0 {
		return line, nil
	}
	had, err := settle.QuantityUnits(line.Quantity)
	if err != nil {
		return line, broken("a stored line has no quantity")
	}
	has, err := settle.QuantityUnits(kept[at].Quantity)
	if err != nil {
		return line, broken("a kept line has no quantity")
	}
	if !line.SplitPack || had == has {
		line.TraceCodes = slices.DeleteFunc(slices.Clone(line.TraceCodes), func(code string) bool {
			return slices.Contains(kept[at].TraceCodes, code)
		})
	}
	line.Quantity = unitsText(had - has)
	return line, nil
}

// unitsText writes ten-thousandths of a pack as a quantity.
func unitsText(units int64) string {
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%d.%04d", units/10000, units%10000), "0"), ".")
}

const uploadColumns = `u.id, u.kind, s.ref, p.pid, u.setl_id, u.state, u.done, u.created, u.attempts, u.next, u.fault`

const uploadTables = ` FROM upload u JOIN settlement s ON s.id = u.settlement JOIN person p ON p.id = s.person `

// uploadAtHead keeps the order within a settlement: what comes back was sold first.
const uploadAtHead = ` u.done = 0 AND NOT EXISTS (SELECT 1 FROM upload o WHERE o.settlement = u.settlement AND o.done = 0 AND o.id < u.id)`

func (t *tx) scanUpload(scan func(dest ...any) error, more ...any) (u settle.Upload, err error) {
	var pid []byte
	var created, next int64
	err = scan(append([]any{&u.ID, &u.Kind, &u.Settlement, &pid, &u.SetlID, &u.State, &u.Done, &created, &u.Attempts, &next, &u.Fault}, more...)...)
	u.Person, u.CreatedAt, u.NextAt = t.vault().personID(pid), instant(created), instant(next)
	return u, err
}

// DueUploads lists, oldest first and at most n, the oldest unfinished upload of each settlement whose time has come.
// STORE_BROKEN.
func (l *Ledger) DueUploads(ctx context.Context, now time.Time, n int) (list []settle.Upload, err error) {
	err = l.read(ctx, func(t *tx) error {
		return t.each("SELECT "+uploadColumns+uploadTables+"WHERE"+uploadAtHead+" AND (u.next <= ? OR u.next > ?) ORDER BY u.next, u.id LIMIT ?",
			[]any{millis(now), millis(now.Add(horizon)), n}, func(scan func(dest ...any) error) error {
				upload, err := t.scanUpload(scan)
				list = append(list, upload)
				return err
			})
	})
	return list, err
}

// UploadDossier gathers what an upload's next message needs; NOT_FOUND, STORE_BROKEN.
func (l *Ledger) UploadDossier(ctx context.Context, id int64) (d settle.UploadDossier, err error) {
	err = l.read(ctx, func(t *tx) (err error) {
		d, err = t.uploadDossier(id)
		return err
	})
	return d, err
}

func (t *tx) uploadDossier(id int64) (d settle.UploadDossier, err error) {
	var settlement, sold, own, report int64
	found := false
	err = t.each("SELECT "+uploadColumns+", s.id, s.record, r.record, r.id"+uploadTables+"JOIN report r ON r.id = u.report WHERE u.id = ?", []any{id},
		func(scan func(dest ...any) error) (err error) {
			found = true
			d.Upload, err = t.scanUpload(scan, &settlement, &sold, &own, &report)
			return err
		})
	if err != nil {
		return d, err
	}
	if !found {
		return d, settle.NewError(settle.NotFound, nil)
	}
	var record settlementRecord
	if err := t.record(sold, &record); err != nil {
		return d, err
	}
	s := &record.Settlement
	d.Sale, d.At, d.Operator, d.ReceiptNo, d.MdtrtSn = s.Sale, s.At, s.Sale.Operator, s.ReceiptNo, visitNumber(s)
	d.Sale.Lines = tracedLines(s.Sale.Lines)
	if d.Upload.Kind == settle.UploadReturned {
		var back returnRecord
		if err := t.record(own, &back); err != nil {
			return d, err
		}
		d.At, d.Operator = back.Return.At, back.Return.Operator
		if d.Sale.Lines, err = t.cameBack(settlement, sold, own); err != nil {
			return d, err
		}
	}
	if d.Identity, err = t.inClear(d.Upload.Person); err != nil {
		return d, err
	}
	if d.Rows, err = t.uploadRows(id); err != nil {
		return d, err
	}
	if len(d.Rows) != len(d.Sale.Lines) {
		return d, broken("an upload has other rows than its sale")
	}
	if err := t.get("SELECT COUNT(*) > 0 FROM upload_message WHERE upload = ? AND state IN ('sent', 'unknown')", []any{id}, &d.Unclear); err != nil {
		return d, err
	}
	if d.Upload.Kind != settle.UploadReturned {
		d.Returning, err = t.returning(d.Sale.Lines, report)
		return d, err
	}
	return d, t.get(`SELECT COUNT(*) > 0 FROM upload s JOIN upload_message m ON m.upload = s.id
		WHERE s.settlement = ? AND s.kind = 'sold' AND m.state IN ('sent', 'unknown')`, []any{settlement}, &d.Late)
}

// noteBack remembers which trace codes a return takes back, so that a pack that is sold again is not uploaded before its return.
func (g *giving) noteBack(t *tx, report int64) error {
	if !t.ledger.options.Goods {
		return nil
	}
	for _, line := range tracedLines(g.lines) {
		part, err := partBack(line, g.back.Kept)
		if err != nil {
			return err
		}
		for _, code := range part.TraceCodes {
			if err := t.run("INSERT OR IGNORE INTO trace_back (code, report) VALUES (?, ?)", code, report); err != nil {
				return err
			}
		}
	}
	return nil
}

// forgetBack forgets the codes of a return of which the centre has been told, or never will be.
func (t *tx) forgetBack(report int64) error {
	return t.run("DELETE FROM trace_back WHERE report = ?", report)
}

// returning reports whether one of the codes came back with a return before a sale, and the centre has not been told so yet: the
// return's own report may be on its way, or its 3506.
func (t *tx) returning(lines []settle.Line, sale int64) (found bool, err error) {
	for i := range lines {
		for _, code := range lines[i].TraceCodes {
			err := t.get(`SELECT EXISTS (SELECT 1 FROM trace_back b JOIN report r ON r.id = b.report LEFT JOIN upload u ON u.report = r.id
				WHERE b.code = ? AND b.report < ? AND (r.done = 0 OR u.done = 0))`, []any{code, sale}, &found)
			if err != nil || found {
				return found, err
			}
		}
	}
	return false, nil
}

// visitNumber is the venue's number of a visit (mdtrt_sn): the clinic's own, or the receipt of a pharmacy's sale.
func visitNumber(s *settle.Settlement) string {
	var visit struct {
		Number string `json:"ipt_otp_no"`
	}
	if s.Sale.Clinic() && json.Unmarshal(s.Sale.Visit, &visit) == nil && visit.Number != "" {
		return visit.Number
	}
	return s.ReceiptNo
}

// uploadRows are the rows of an upload. What comes back is sent after what was sold has its last word, so whether the centre
// took it is known by then.
func (t *tx) uploadRows(id int64) (rows []settle.UploadRow, err error) {
	err = t.each(`SELECT w.n, w.line, w.state, w.fault, u.kind = 'returned' AND EXISTS (SELECT 1 FROM upload s JOIN upload_row o ON o.upload = s.id
		WHERE s.settlement = u.settlement AND s.kind = 'sold' AND o.line = w.line AND o.state = 'refused')
		FROM upload_row w JOIN upload u ON u.id = w.upload WHERE w.upload = ? ORDER BY w.n`, []any{id}, func(scan func(dest ...any) error) error {
		var row settle.UploadRow
		err := scan(&row.N, &row.Line, &row.State, &row.Fault, &row.Unsold)
		rows = append(rows, row)
		return err
	})
	return rows, err
}

// BeginUpload writes a message of an upload to the journal as sent. Only after it has returned may the message leave.
// STORE_BROKEN, STORE_FULL.
func (l *Ledger) BeginUpload(ctx context.Context, m settle.UploadMessage) error {
	rows, err := json.Marshal(m.Rows)
	if err != nil {
		return settle.NewError(settle.StoreBroken, err)
	}
	return l.writeLate(ctx, func(t *tx) error {
		return t.run(`INSERT INTO upload_message (msgid, upload, infno, lines, state, body, sent, ended, fault)
			VALUES (?, ?, ?, ?, ?, ?, ?, 0, '')`,
			m.MsgID, m.Upload, m.Infno, string(rows), settle.DispatchSent, l.vault().seal(KindBody, m.Body), millis(m.SentAt))
	})
}

// FinishUpload writes the outcome of a message of an upload, what became of each of its rows, and the upload's own state,
// in one transaction. Rows that are refused for good are put on the work list by name. STORE_BROKEN, STORE_FULL.
func (l *Ledger) FinishUpload(ctx context.Context, r settle.UploadResult) error {
	return l.writeLate(ctx, func(t *tx) error {
		if r.MsgID != "" {
			err := t.run("UPDATE upload_message SET state = ?, ended = ?, fault = ? WHERE msgid = ?", r.State, millis(r.At), r.Fault, r.MsgID)
			if err != nil {
				return err
			}
		}
		for _, row := range r.Rows {
			err := t.run("UPDATE upload_row SET state = ?, fault = ? WHERE upload = ? AND n = ?", row.State, row.Fault, r.Upload, row.N)
			if err != nil {
				return err
			}
		}
		attempts := 0
		if r.Attempt {
			attempts = 1
		}
		err := t.run("UPDATE upload SET state = ?, done = ?, next = ?, attempts = attempts + ?, fault = ? WHERE id = ?",
			r.UploadState, r.Done, millis(r.NextAt), attempts, r.Fault, r.Upload)
		if err != nil || !r.Done {
			return err
		}
		if err := t.run("DELETE FROM trace_back WHERE report = (SELECT report FROM upload WHERE id = ?)", r.Upload); err != nil {
			return err
		}
		if r.UploadState != settle.ReportRefused {
			return nil
		}
		return t.raiseGoods(r.Upload, r.At)
	})
}

// raiseGoods names the refused rows of an upload on the work list.
func (t *tx) raiseGoods(upload int64, at time.Time) error {
	d, err := t.uploadDossier(upload)
	if err != nil {
		return err
	}
	what, detail := "药品销售上传（3505）", ""
	if d.Upload.Kind == settle.UploadReturned {
		what = "药品退货上传（3506）"
	}
	for i := range d.Rows {
		if d.Rows[i].State == settle.ReportRefused {
			detail += fmt.Sprintf("；第 %s 行 %s：%s", d.Rows[i].Line, d.Sale.Lines[i].Name, d.Rows[i].Fault)
		}
	}
	return t.run(`INSERT INTO attention (kind, settlement, upload, opened, detail)
		SELECT ?, settlement, id, ?, ? FROM upload WHERE id = ?
		ON CONFLICT (upload, kind) WHERE closed IS NULL AND upload IS NOT NULL DO UPDATE SET detail = excluded.detail`,
		AttentionGoods, millis(at), t.vault().seal(KindNote, []byte(what+detail)), upload)
}
