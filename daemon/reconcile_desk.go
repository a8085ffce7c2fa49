package daemon

import (
	"context"
	"errors"
	"sync"

	"gongji/daemon/localapi"
	"gongji/settle"
	"gongji/settle/ledger"
	"gongji/sync/reconcile"
)

// reconcileDesk is what the manager's page and the night share: one day is held against the centre's book at a time, since
// two outcomes of one day would overwrite each other.
type reconcileDesk struct {
	d    *Daemon
	days *reconcile.Runner // nil: no centre is configured
	one  sync.Mutex
}

var (
	_ localapi.Reconciler = (*reconcileDesk)(nil)
	_ dayReconciler       = (*reconcileDesk)(nil)
)

// desk is the daemon's; it is there without a centre, too, so that what was closed can be read.
func (d *Daemon) desk() *reconcileDesk {
	d.deskOnce.Do(func() { d.reconcileDesk = &reconcileDesk{d: d, days: d.up.reconciler} })
	return d.reconcileDesk
}

// Day holds a day against the centre's book and records the outcome.
func (k *reconcileDesk) Day(ctx context.Context, day settle.Date) (reconcile.Report, error) {
	k.one.Lock()
	defer k.one.Unlock()
	return k.days.Day(ctx, day)
}

// SignOut signs everybody out (9002).
func (k *reconcileDesk) SignOut(ctx context.Context) error { return k.days.SignOut(ctx) }

// Days implements localapi.Reconciler.
func (k *reconcileDesk) Days(ctx context.Context, begin, end settle.Date) ([]settle.DayView, []settle.ClosedMonth, error) {
	return k.d.ledger.ReconciledDays(ctx, begin, end)
}

// Reconcile implements localapi.Reconciler.
func (k *reconcileDesk) Reconcile(ctx context.Context, day settle.Date) (settle.DayView, error) {
	view, err := k.day(ctx, day)
	if err != nil || view.State == settle.DayClosed {
		return view, err
	}
	if k.days == nil {
		return view, settle.NewError(settle.NotConfigured, errors.New("no centre is configured"))
	}
	if _, err := k.Day(ctx, day); err != nil {
		return view, err
	}
	return k.day(ctx, day)
}

// day is one day as it is kept. BAD_REQUEST for one that cannot be held against anything.
func (k *reconcileDesk) day(ctx context.Context, day settle.Date) (settle.DayView, error) {
	days, _, err := k.d.ledger.ReconciledDays(ctx, day, day)
	if err == nil && len(days) == 0 {
		err = &settle.Error{Code: settle.BadRequest, Fields: []settle.FieldFault{
			{Field: "day", Message: "这一天还没有到，或早于本机的第一笔结算。", Detail: "is in the future, or before the first settlement of this ledger"},
		}}
	}
	if err != nil {
		return settle.DayView{}, err
	}
	return days[0], nil
}

// CloseMonth implements localapi.Reconciler.
func (k *reconcileDesk) CloseMonth(ctx context.Context, month int, by settle.Operator) (settle.ClosedMonth, error) {
	return k.d.ledger.CloseMonth(ctx, month, by)
}

// Bundle implements localapi.Reconciler.
func (k *reconcileDesk) Bundle(ctx context.Context, month int) ([]byte, string, error) {
	begin, end := ledger.MonthDays(month)
	days, months, err := k.d.ledger.ReconciledDays(ctx, begin, end)
	if err != nil {
		return nil, "", err
	}
	if len(days) == 0 {
		return nil, "", settle.NewError(settle.NotFound, nil)
	}
	rows, err := k.d.ledger.BookedRows(ctx, begin, end)
	if err != nil {
		return nil, "", err
	}
	return bundle(ctx, &bundleInput{
		month: month, venue: VenueOf(k.d.o.Config), days: days, closed: months, rows: rows, at: k.d.o.Clock(), version: k.d.o.Version,
	}, k.d.ledger)
}
