package ledger

import (
	"errors"
	"fmt"

	"gongji/settle"
)

// receipts is the last receipt number of a day. The writer keeps that of the last day it booked on in memory and writes it
// once in a transaction, however many it gave out; a request that fails gives its numbers back with the rest of its batch.
type receipts struct {
	day  settle.Date
	last int64
}

func (r receipts) counter() string { return fmt.Sprintf("receipt-%d", r.day) }

// receipt is the next receipt number of a day: 20261122-000123.
func (t *tx) receipt(day settle.Date) (string, error) {
	r := &t.batch.receipts
	if r.day != day {
		turned := receipts{day: day}
		err := t.get("SELECT value FROM counter WHERE name = ?", []any{turned.counter()}, &turned.last)
		if err != nil && !errors.Is(err, errNoRows) {
			return "", err
		}
		if err := t.keep(*r); err != nil { // a batch over midnight books on two days
			return "", err
		}
		*r = turned
	}
	r.last++
	return fmt.Sprintf("%d-%06d", day, r.last), nil
}

// keep writes the last number of a day.
func (t *tx) keep(r receipts) error {
	if r.day == 0 {
		return nil
	}
	return t.run("INSERT INTO counter (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = MAX(value, excluded.value)", r.counter(), r.last)
}
