package ledger

import (
	"context"

	"gongji/settle"
)

// metaOffices says that the offices of all earlier bookings are in the table.
const metaOffices = "offices_known"

// officePage is how many bookings are read in one transaction.
const officePage = 500

// learnOffices reads the clearing offices out of bookings that were made before they were kept in a table of their own:
// bookings are sealed, so no migration can. It runs once in the life of a ledger, before anybody asks.
func (l *Ledger) learnOffices(ctx context.Context) error {
	todo := false
	err := l.read(ctx, func(t *tx) error {
		known, err := t.meta(metaOffices)
		if err != nil || known != nil {
			return err
		}
		return t.get("SELECT EXISTS (SELECT 1 FROM dispatch d WHERE d.state = 'accepted' AND d.booked >= 0)", nil, &todo)
	})
	if err != nil || !todo {
		return err
	}
	for after := int64(0); ; {
		if err := l.write(ctx, func(t *tx) (err error) {
			after, err = t.learnOffices(after)
			return err
		}); err != nil || after == 0 {
			return err
		}
	}
}

// bookedDispatch is a booking's report and its record in the chain.
type bookedDispatch struct{ report, record int64 }

// learnOffices reads one page of bookings behind a record; next is where the following page begins, 0 at the end.
func (t *tx) learnOffices(after int64) (next int64, err error) {
	var page []bookedDispatch
	err = t.each(`SELECT d.report, c.seq FROM chain c JOIN dispatch d ON d.msgid = c.ref AND d.record = c.seq
		WHERE c.seq > ? AND c.kind = 'dispatch' AND d.state = 'accepted' AND `+books+" ORDER BY c.seq LIMIT ?", []any{after, officePage},
		func(scan func(dest ...any) error) error {
			var d bookedDispatch
			err := scan(&d.report, &d.record)
			page = append(page, d)
			return err
		})
	if err != nil {
		return 0, err
	}
	var booking settle.Booking
	for _, d := range page {
		if booking, err = t.bookingOf(d.record); err != nil {
			return 0, err
		}
		if err := t.rememberOffice(d.report, &booking); err != nil {
			return 0, err
		}
		next = d.record
	}
	if len(page) < officePage {
		return 0, t.setMeta(metaOffices, 1)
	}
	return next, nil
}
