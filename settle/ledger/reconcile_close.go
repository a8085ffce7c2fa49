package ledger

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"gongji/settle"
)

// ReconciledDays lists the days from begin to end, both included, oldest first, as far as today and not before the first
// settlement of this ledger, each with its latest outcome and what was decided about it; and the closed months that they
// reach into. STORE_BROKEN.
func (l *Ledger) ReconciledDays(ctx context.Context, begin, end settle.Date) (days []settle.DayView, months []settle.ClosedMonth, err error) {
	err = l.read(ctx, func(t *tx) error {
		days, months, err = t.reconciledDays(begin, end)
		return err
	})
	return days, months, err
}

func (t *tx) reconciledDays(begin, end settle.Date) (days []settle.DayView, months []settle.ClosedMonth, err error) {
	var first settle.Date
	if err := t.get("SELECT COALESCE(MIN(day), 0) FROM settlement", nil, &first); err != nil || first == 0 {
		return nil, nil, err
	}
	if months, err = t.closedMonths(int(begin/100), int(end/100)); err != nil {
		return nil, nil, err
	}
	closed := map[settle.Date]bool{}
	for _, m := range months {
		closed[settle.Date(m.Month)] = true
	}
	end = min(end, settle.DateOf(t.ledger.options.Clock()))
	for day := max(begin, first); day <= end; day = day.AddDays(1) {
		view, err := t.dayView(day)
		if err != nil {
			return nil, nil, err
		}
		if closed[day/100] {
			view.State = settle.DayClosed
		}
		days = append(days, view)
	}
	return days, months, nil
}

// dayView is a day with its latest outcome.
func (t *tx) dayView(day settle.Date) (v settle.DayView, err error) {
	v.State, v.Outcome.Day = settle.DayOpen, day
	var sealed []byte
	err = t.get("SELECT doc FROM reconciliation WHERE day = ?", []any{day}, &sealed)
	if errors.Is(err, errNoRows) {
		return v, nil
	}
	if err != nil {
		return v, err
	}
	if err := t.vault().unsealJSON(KindNote, sealed, &v.Outcome); err != nil {
		return v, err
	}
	v.Known = true
	switch {
	case v.Outcome.Balanced:
		v.State = settle.DayAgreed
	case v.Outcome.Unknown == 0:
		v.State = settle.DayDiffering
	}
	return v, t.resolutions(&v)
}

func (t *tx) resolutions(v *settle.DayView) error {
	found := map[differenceKey]settle.Resolution{}
	var notes map[differenceKey][]byte
	err := t.each(`SELECT f.setl_id, f.kind, COALESCE(a.id, 0), COALESCE(a.closed, 0), COALESCE(a.closed_by, ''), COALESCE(a.decision, ''), a.note
		FROM difference f LEFT JOIN attention a ON a.id = f.attention WHERE f.day = ?`, []any{v.Outcome.Day},
		func(scan func(dest ...any) error) error {
			var key differenceKey
			var r settle.Resolution
			var closed int64
			var note []byte
			if err := scan(&key.setlID, &key.kind, &r.Attention, &closed, &r.By, &r.Decision, &note); err != nil {
				return err
			}
			r.At = instant(closed)
			if note != nil {
				if notes == nil {
					notes = map[differenceKey][]byte{}
				}
				notes[key] = note
			}
			found[key] = r
			return nil
		})
	if err != nil {
		return err
	}
	for i := range v.Outcome.Differences {
		d := &v.Outcome.Differences[i]
		key := differenceKey{d.SetlID, d.Kind}
		r := found[key]
		if note := notes[key]; note != nil {
			text, err := t.vault().unseal(KindNote, note)
			if err != nil {
				return err
			}
			r.Note = string(text)
		}
		v.Resolutions = append(v.Resolutions, r)
	}
	return nil
}

func (t *tx) closedMonths(from, to int) (list []settle.ClosedMonth, err error) {
	records, err := t.records("SELECT record FROM closing WHERE month BETWEEN ? AND ? ORDER BY month", from, to)
	if err != nil {
		return nil, err
	}
	for _, seq := range records {
		var m settle.ClosedMonth
		if err := t.record(seq, &m); err != nil {
			return nil, err
		}
		m.Record = seq
		list = append(list, m)
	}
	return list, nil
}

// CloseMonth closes a month (yyyymm) that is over and records it in the chain; one that is closed is returned as it is. A
// day that differs stands in the way until a person has decided about each of its rows. MONTH_OPEN with member days;
// BAD_REQUEST for a month that is not over or that has no day of this ledger; STORE_BROKEN, STORE_FULL.
func (l *Ledger) CloseMonth(ctx context.Context, month int, by settle.Operator) (closed settle.ClosedMonth, err error) {
	err = l.write(ctx, func(t *tx) (err error) {
		closed, err = t.closeMonth(month, by)
		return err
	})
	return closed, err
}

func (t *tx) closeMonth(month int, by settle.Operator) (settle.ClosedMonth, error) {
	begin, end := MonthDays(month)
	at := t.ledger.options.Clock()
	if end >= settle.DateOf(at) {
		return settle.ClosedMonth{}, badField("month", "这个月还没有过完，不能月结。", "is not over")
	}
	days, months, err := t.reconciledDays(begin, end)
	if err != nil {
		return settle.ClosedMonth{}, err
	}
	if len(months) > 0 {
		return months[0], nil
	}
	if len(days) == 0 {
		return settle.ClosedMonth{}, badField("month", "这个月没有结算记录。", "has no day of this ledger")
	}
	var open []string
	for i := range days {
		if blocks(&days[i]) {
			open = append(open, days[i].Outcome.Day.String())
		}
	}
	if len(open) > 0 {
		return settle.ClosedMonth{}, settle.NewError(settle.MonthOpen, nil).With("days", open)
	}
	closed := settle.ClosedMonth{Month: month, At: at.Round(0).In(settle.Beijing), By: by, Days: len(days)}
	if closed.Record, err = t.link(recordClosing, fmt.Sprint(month), closed); err != nil {
		return settle.ClosedMonth{}, err
	}
	return closed, t.run("INSERT INTO closing (month, at, who, record) VALUES (?, ?, ?, ?)", month, millis(closed.At), by.ID, closed.Record)
}

// blocks reports whether a day keeps its month open.
func blocks(v *settle.DayView) bool {
	if v.State != settle.DayDiffering {
		return v.State == settle.DayOpen
	}
	for i := range v.Outcome.Differences {
		if v.Resolutions[i].At.IsZero() {
			return true
		}
	}
	return len(v.Outcome.Differences) == 0 // totals that differ although no row does
}

// MonthDays are the first and the last day of a month (yyyymm).
func MonthDays(month int) (first, last settle.Date) {
	first = settle.Date(month*100 + 1)
	return first, settle.DateOf(first.Time().AddDate(0, 1, 0)).AddDays(-1)
}

// Attest signs data that leaves the house with the key of this ledger and names the end of the chain at that moment: whoever
// doubts the data can have the ledger say again what it signed.
func (l *Ledger) Attest(ctx context.Context, data []byte) (a settle.Attestation, err error) {
	err = l.read(ctx, func(t *tx) error {
		h, err := t.loadHead()
		if err != nil {
			return err
		}
		a.Record, a.Hash = h.seq, hex.EncodeToString(h.hash[:])
		a.Signature = hex.EncodeToString(l.vault().mac(kindAttest, fmt.Sprintf("%d\n%s\n%s", a.Record, a.Hash, data)))
		return nil
	})
	return a, err
}

// Attested reports whether this ledger signed the data.
func (l *Ledger) Attested(data []byte, a settle.Attestation) bool {
	mac := hex.EncodeToString(l.vault().mac(kindAttest, fmt.Sprintf("%d\n%s\n%s", a.Record, a.Hash, data)))
	return mac == a.Signature
}

// ClosedMonth is a closed month (yyyymm); NOT_FOUND where it is not closed.
func (l *Ledger) ClosedMonth(ctx context.Context, month int) (closed settle.ClosedMonth, err error) {
	err = l.read(ctx, func(t *tx) error {
		months, err := t.closedMonths(month, month)
		if err == nil && len(months) == 0 {
			err = settle.NewError(settle.NotFound, nil)
		}
		if err == nil {
			closed = months[0]
		}
		return err
	})
	return closed, err
}
