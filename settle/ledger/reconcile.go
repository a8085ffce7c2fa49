package ledger

import (
	"context"
	"database/sql"
	"errors"

	"gongji/settle"
)

// The clearing types (clr_type): what a clinic's messages book and what a pharmacy's do.
const (
	clearingClinic   = "11"
	clearingPharmacy = "41"
)

// changesBook picks the messages that change the centre's book of settlements: booking and cancelling, of a pharmacy
// (2102, 2103) and of a clinic (2207, 2208). books picks those that book.
const (
	changesBook = "d.infno IN ('2102', '2103', '2207', '2208')"
	books       = "d.infno IN ('2102', '2207')"
)

// bookedMessage is an accepted message of the journal on its way to becoming a row.
type bookedMessage struct {
	msgid, infno, ref string
	cancels           bool
	outcome           int64 // its record in the chain
	report            int64
	settlement, sold  int64 // the settlement's key and record; 0 for an orphan
	pid               []byte
}

// BookedRows lists what the centre has acknowledged on the days from begin to end, both included, by its setl_time (by the
// time of its answer where it told none) and in the order of it: settlements, and each accepted cancellation as a row of its
// own, on its own day, with negative figures. What a confirmed 2601 undid is left out. STORE_BROKEN.
func (l *Ledger) BookedRows(ctx context.Context, begin, end settle.Date) (rows []settle.BookedRow, err error) {
	err = l.read(ctx, func(t *tx) error {
		messages, err := t.bookedMessages(begin, end)
		if err != nil {
			return err
		}
		for i := range messages {
			row, told, err := t.bookedRow(&messages[i])
			if err != nil {
				return err
			}
			if told {
				rows = append(rows, row)
			}
		}
		return nil
	})
	return rows, err
}

func (t *tx) bookedMessages(begin, end settle.Date) (list []bookedMessage, err error) {
	err = t.each(`SELECT d.msgid, d.infno, d.cancelled, d.record, r.id, COALESCE(s.id, 0), COALESCE(s.ref, ''), COALESCE(s.record, 0), p.pid
		FROM dispatch d JOIN report r ON r.id = d.report LEFT JOIN settlement s ON s.id = r.settlement JOIN person p ON p.id = r.person
		WHERE d.state = 'accepted' AND `+changesBook+` AND d.booked >= ? AND d.booked < ? ORDER BY d.booked, d.msgid`,
		[]any{millis(begin.Time()), millis(end.AddDays(1).Time())}, func(scan func(dest ...any) error) error {
			var m bookedMessage
			err := scan(&m.msgid, &m.infno, &m.cancels, &m.outcome, &m.report, &m.settlement, &m.ref, &m.sold, &m.pid)
			list = append(list, m)
			return err
		})
	return list, err
}

// bookedRow is a message as the centre acknowledged it; told is false where the centre named no time, so that nobody knows
// on which day it has the row.
func (t *tx) bookedRow(m *bookedMessage) (row settle.BookedRow, told bool, err error) {
	if row, known := t.ledger.booked.get(m.outcome); known {
		return row, true, nil
	}
	booking, err := t.bookingOf(m.outcome)
	at := instant(bookedAt(&booking))
	if err != nil || at.IsZero() {
		return row, false, err
	}
	row = settle.BookedRow{
		SetlID: booking.SetlID, MdtrtID: booking.MdtrtID, Office: booking.ClrOptins, Figures: booking.Figures,
		MsgID: m.msgid, Settlement: m.ref, ClrType: clearingPharmacy, Refund: m.cancels, At: at,
	}
	if m.infno == "2207" || m.infno == "2208" {
		row.ClrType = clearingClinic
	}
	if m.cancels {
		if err := t.fillCancelled(&row, m); err != nil {
			return row, false, err
		}
	}
	if row.Office == "" {
		row.Office = t.ledger.options.Venue.Area
	}
	if err := t.fillInsured(&row, m); err != nil {
		return row, false, err
	}
	if m.sold != 0 && !m.cancels {
		t.ledger.booked.put(m.outcome, &row)
	}
	return row, true, nil
}

// fillCancelled completes a cancellation from what it cancelled: its answer need not repeat any of it. Reports of a person
// go in order, so that is the last booking before it that stands.
func (t *tx) fillCancelled(row *settle.BookedRow, m *bookedMessage) error {
	var seq int64
	err := t.get(`SELECT d.record FROM report r JOIN dispatch d ON d.report = r.id
		WHERE (r.settlement = ? OR r.id = ?) AND d.state = 'accepted' AND `+books+` AND d.record < ? ORDER BY d.record DESC LIMIT 1`,
		[]any{m.settlement, m.report, m.outcome}, &seq)
	if errors.Is(err, errNoRows) {
		return broken("an accepted cancellation has no booking before it")
	}
	if err != nil {
		return err
	}
	was, err := t.bookingOf(seq)
	if err != nil {
		return err
	}
	f := was.Figures
	row.Figures = settle.Figures{Total: -f.Total, Fund: -f.Fund, Own: -f.Own, Shared: -f.Shared, Cash: -f.Cash}
	for _, member := range []struct {
		own *string
		was string
	}{{&row.SetlID, was.SetlID}, {&row.MdtrtID, was.MdtrtID}, {&row.Office, was.ClrOptins}} {
		if *member.own == "" {
			*member.own = member.was
		}
	}
	return nil
}

// fillInsured names the person, and the insurance as it was when the sale was made.
func (t *tx) fillInsured(row *settle.BookedRow, m *bookedMessage) error {
	who, err := t.inClear(t.vault().personID(m.pid))
	if err != nil {
		return err
	}
	row.PsnNo, row.Insurance = who.PsnNo, who.Insurance
	if m.sold == 0 {
		return nil
	}
	var record insuredRecord
	if err := t.record(m.sold, &record); err != nil {
		return err
	}
	if insurance := record.Bill.Patient.Insurance; insurance != "" {
		row.Insurance = insurance
	}
	return nil
}

// insuredRecord is what a day's rows need of a settlementRecord; every question about an unknown message reads them all.
type insuredRecord struct {
	Bill struct {
		Patient struct {
			Insurance string `json:"insurance"`
		}
	} `json:"bill"`
}

// bookingOf is what the centre booked by an outcome of the chain; zero where it told nothing.
func (t *tx) bookingOf(seq int64) (settle.Booking, error) {
	var outcome dispatchRecord
	if err := t.record(seq, &outcome); err != nil || outcome.Booking == nil {
		return settle.Booking{}, err
	}
	return *outcome.Booking, nil
}

// UnknownDispatches lists, oldest first, the messages that change the centre's book, were sent on the days from begin to
// end, both included, by the centre's time as far as it was known and else by our clock, and whose outcome is open. Bodies are left out. STORE_BROKEN.
func (l *Ledger) UnknownDispatches(ctx context.Context, begin, end settle.Date) (list []settle.OpenDispatch, err error) {
	err = l.read(ctx, func(t *tx) error {
		return t.each(`SELECT d.msgid, d.report, d.infno, d.original, d.state, d.sent, d.ended, d.fault, p.insurance, p.area
			FROM dispatch d JOIN report r ON r.id = d.report JOIN person p ON p.id = r.person
			WHERE d.state IN ('sent', 'unknown') AND `+changesBook+` AND d.sent > 0 AND CASE d.known WHEN 0 THEN d.sent ELSE d.known END >= ?
			AND CASE d.known WHEN 0 THEN d.sent ELSE d.known END < ? ORDER BY d.sent, d.msgid`,
			[]any{millis(begin.Time()), millis(end.AddDays(1).Time())}, func(scan func(dest ...any) error) error {
				var u settle.OpenDispatch
				var sent, ended int64
				d := &u.Dispatch
				err := scan(&d.MsgID, &d.Report, &d.Infno, &d.Original, &d.State, &sent, &ended, &d.Fault, &u.Insurance, &u.Area)
				d.SentAt, d.EndedAt = instant(sent), instant(ended)
				list = append(list, u)
				return err
			})
	})
	return list, err
}

// ClearingOffices lists the offices (clr_optins) that the centre has named in bookings of people insured in an area; none
// before the first such booking. STORE_BROKEN.
func (l *Ledger) ClearingOffices(ctx context.Context, area string) (offices []string, err error) {
	err = l.read(ctx, func(t *tx) error {
		return t.each("SELECT office FROM clearing WHERE area = ? ORDER BY office", []any{area}, func(scan func(dest ...any) error) error {
			var office string
			err := scan(&office)
			offices = append(offices, office)
			return err
		})
	})
	return offices, err
}

// rememberOffice keeps which office the centre clears a report's person at.
func (t *tx) rememberOffice(report int64, booking *settle.Booking) error {
	if booking == nil || booking.ClrOptins == "" {
		return nil
	}
	return t.run(`INSERT INTO clearing (area, office) SELECT p.area, ? FROM report r JOIN person p ON p.id = r.person WHERE r.id = ?
		ON CONFLICT DO NOTHING`, booking.ClrOptins, report)
}

// OpenDays are the days from begin to end, both included, oldest first, that are not recorded as balanced; none before the
// first settlement of this ledger. STORE_BROKEN.
func (l *Ledger) OpenDays(ctx context.Context, begin, end settle.Date) (days []settle.Date, err error) {
	err = l.read(ctx, func(t *tx) error {
		var first sql.NullInt64
		if err := t.get("SELECT MIN(day) FROM settlement", nil, &first); err != nil || !first.Valid {
			return err
		}
		balanced := map[settle.Date]bool{}
		err := t.each("SELECT day, balanced FROM reconciliation WHERE day BETWEEN ? AND ?", []any{begin, end},
			func(scan func(dest ...any) error) error {
				var day settle.Date
				var is bool
				err := scan(&day, &is)
				balanced[day] = is
				return err
			})
		if err != nil {
			return err
		}
		for day := max(begin, settle.Date(first.Int64)); day <= end; day = day.AddDays(1) {
			if !balanced[day] {
				days = append(days, day)
			}
		}
		return nil
	})
	return days, err
}

// bookedAt is the instant by which the centre puts a row on a day: its setl_time where it told one, else the time of its
// answer; 0 where it told neither.
func bookedAt(booking *settle.Booking) int64 {
	switch {
	case booking == nil:
		return 0
	case !booking.SettledAt.IsZero():
		return millis(booking.SettledAt)
	}
	return millis(booking.CentreTime)
}
