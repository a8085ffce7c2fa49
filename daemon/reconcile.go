package daemon

import (
	"context"
	"errors"
	"time"

	"gongji/settle"
	"gongji/settle/ledger"
	"gongji/sync/reconcile"
)

const (
	// reconcileAt is how long after midnight in Beijing the day before is held against the centre's book. By then whatever
	// was sent before midnight has arrived.
	reconcileAt = 30 * time.Minute
	// reconcileBack is how many days back a day that was missed, or did not balance, is taken up again.
	reconcileBack = 31
	// A day that the centre does not answer for is tried again after the first pause, then after twice as long each time,
	// up to the second.
	reconcileLeast = time.Minute
	reconcileMost  = 30 * time.Minute
	// reconcileLook is how often the clock is looked at while nothing is due: a PC sleeps, and its clock jumps.
	reconcileLook = time.Minute
)

// dayReconciler holds one day against the centre's book and records the outcome.
type dayReconciler interface {
	Day(ctx context.Context, day settle.Date) (reconcile.Report, error)
	// SignOut signs everybody out, once the day is held against the centre's book.
	SignOut(ctx context.Context) error
}

// openDays tells which days are not known to balance.
type openDays interface {
	OpenDays(ctx context.Context, begin, end settle.Date) ([]settle.Date, error)
}

var (
	_ dayReconciler = (*reconcile.Runner)(nil)
	_ openDays      = (*ledger.Ledger)(nil)
	_ attester      = (*ledger.Ledger)(nil)
)

// nightly reconciles every day that is over, once a day and at start. A centre that does not answer costs nothing but
// the pause: settling does not depend on it.
type nightly struct {
	d     *Daemon
	days  dayReconciler
	store openDays
	after func(time.Duration) <-chan time.Time // time.After; fake in tests
}

// latestOver is the latest day that is due at an instant.
func latestOver(now time.Time) settle.Date { return settle.DateOf(now.Add(-reconcileAt)).AddDays(-1) }

// reconcileNightly reconciles with the centre that is configured until ctx ends.
func (u *upstream) reconcileNightly(ctx context.Context) error {
	n := &nightly{d: u.d, days: u.d.desk(), store: u.d.ledger, after: time.After}
	return n.run(ctx)
}

// run reconciles until ctx ends.
func (n *nightly) run(ctx context.Context) error {
	pause := reconcileLeast
	var done settle.Date
	for {
		wait := reconcileLook
		if over := latestOver(n.d.o.Clock()); over > done {
			switch err := n.through(ctx, over); {
			case err == nil:
				done, pause = over, reconcileLeast
				n.signOut(ctx)
			case ctx.Err() == nil:
				wait, pause = pause, min(2*pause, reconcileMost)
				n.d.log.Warn("reconciliation will be tried again", "code", string(settle.CodeOf(err)), "in", wait.String(), "err", err.Error())
			}
		}
		select {
		case <-n.after(wait):
		case <-ctx.Done():
			return nil
		}
	}
}

// signOut ends the sign-ins of the day that is over, after it was held against the centre's book and not before: some
// centres refuse it otherwise. The next message signs in again. A centre that does not sign out costs nothing: it ends a
// sign-in by itself.
func (n *nightly) signOut(ctx context.Context) {
	if err := n.days.SignOut(ctx); err != nil && ctx.Err() == nil {
		n.d.log.Warn("the centre did not sign everybody out", "code", string(settle.CodeOf(err)), "err", err.Error())
	}
}

// through takes up every open day as far as the latest that is over. A day that the centre refuses does not keep the
// others waiting; a centre that is silent does.
func (n *nightly) through(ctx context.Context, over settle.Date) error {
	open, err := n.store.OpenDays(ctx, over.AddDays(1-reconcileBack), over)
	if err != nil {
		return err
	}
	var failed error
	for _, day := range open {
		report, err := n.days.Day(ctx, day)
		if err != nil {
			failed = errors.Join(failed, err)
			if settle.CodeOf(err) == settle.UpstreamRefused {
				continue
			}
			return failed
		}
		n.d.log.Info("reconciled", "day", day.String(), "balanced", report.Balanced(), "differences", len(report.Differences), "unknown", report.Unknown)
	}
	return failed
}
