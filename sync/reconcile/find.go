package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gongji/settle"
	"gongji/sync/nhsa"
)

// Wanted is a sale that the centre may have booked under a message that nobody here remembers: the ledger was restored from a
// backup that is older than the message.
type Wanted struct {
	Identity settle.Identity
	Figures  settle.Figures
	Sold     settle.Date
	Today    settle.Date // it may have been reported on any day since
	// Journal are the sale's messages that are remembered: what they booked is the outbox's business.
	Journal []settle.Dispatch
}

// The reasons why a booking cannot be named.
var (
	// ErrNotBooked: every office was asked, and none has a row that fits.
	ErrNotBooked = errors.New("the centre has no row of that person and amount that is not known here")
	// ErrManyBooked: rows of the same person and amounts cannot be told apart.
	ErrManyBooked = errors.New("the centre has several such rows")
	// ErrCannotTell: no office is known at which the person could be cleared.
	ErrCannotTell = errors.New("no clearing office of the person is known")
)

// Find looks in the centre's item results for a settlement that only the centre has and that is the wanted one by person and
// amounts (total, fund, accounts), and reads its booking. NOT_FOUND with the cause ErrNotBooked or ErrManyBooked,
// NOT_CONFIGURED with ErrCannotTell; otherwise the errors of [Runner.Day].
func (r *Runner) Find(ctx context.Context, w Wanted) (*settle.Booking, error) {
	offices, err := r.offices(ctx, w.Identity.Area)
	if err != nil {
		return nil, err
	}
	if len(offices) == 0 {
		return nil, settle.NewError(settle.NotConfigured, ErrCannotTell)
	}
	rows, err := r.options.Store.BookedRows(ctx, w.Sold, w.Today)
	if err != nil {
		return nil, err
	}
	known := make(map[string]bool, len(rows))
	for i := range rows {
		known[rows[i].SetlID] = true
	}
	var found []nhsa.ResultRow
	for _, office := range offices {
		judged, err := r.details(ctx, office, w.Sold, w.Today, ofOffice(rows, office))
		if err != nil {
			return nil, err
		}
		for i := range judged.rows {
			if row := &judged.rows[i]; !known[row.SetlID] && w.fits(row, r.options.Client.Dialect()) {
				known[row.SetlID] = true // an office may be asked about under two names
				found = append(found, *row)
			}
		}
	}
	if len(found) != 1 {
		cause := ErrNotBooked
		if len(found) > 1 {
			cause = ErrManyBooked
		}
		return nil, settle.NewError(settle.NotFound, fmt.Errorf("%w (%d)", cause, len(found)))
	}
	q := Question{Dispatch: settle.Dispatch{MsgID: found[0].MsgID}, Identity: w.Identity}
	return r.booking(ctx, q, &found[0])
}

// fits reports whether a row can be the wanted sale. One without amounts fits nobody: the person alone does not tell.
func (w *Wanted) fits(row *nhsa.ResultRow, d *nhsa.Dialect) bool {
	remembered := func(m settle.Dispatch) bool { return m.MsgID == row.MsgID }
	if row.Result == nhsa.ResultVenueOnly || row.Refund || row.PsnNo != w.Identity.PsnNo || slices.ContainsFunc(w.Journal, remembered) {
		return false
	}
	theirs := theirAmounts(row, d)
	return theirs == settle.SideAmounts{Total: w.Figures.Total, Fund: w.Figures.Fund, Account: w.Figures.Own + w.Figures.Shared}
}
