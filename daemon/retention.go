package daemon

import (
	"context"
	"strconv"
	"time"

	"gongji/settle"
	"gongji/settle/ledger"
)

const (
	// Old records go in the hours when no shop is open, Beijing time.
	retainFrom, retainUntil = 3, 5
	retainLook              = 10 * time.Minute
	incidentRetention       = "RETENTION"
)

// pruner removes what is older than records are kept, and remembers that it did.
type pruner interface {
	Prune(ctx context.Context, before time.Time) (ledger.Pruned, error)
	RecordIncident(ctx context.Context, kind string, detail map[string]string) error
}

var _ pruner = (*ledger.Ledger)(nil)

// retention runs once a night.
type retention struct {
	years int
	store pruner
	clock func() time.Time
	after func(time.Duration) <-chan time.Time // time.After; fake in tests
	fail  func(error)
}

// retain removes old records at night until ctx ends.
func (d *Daemon) retain(ctx context.Context) error {
	r := &retention{
		years: d.o.Config.Retention.Years, store: d.ledger, clock: d.o.Clock, after: time.After,
		fail: func(err error) {
			d.log.Warn("old records could not be removed", "code", string(settle.CodeOf(err)), "err", err.Error())
		},
	}
	return r.run(ctx)
}

func (r *retention) run(ctx context.Context) error {
	var done settle.Date
	for {
		now := r.clock().In(settle.Beijing)
		if today := settle.DateOf(now); today > done && now.Hour() >= retainFrom && now.Hour() < retainUntil {
			if err := r.night(ctx, now); err == nil {
				done = today
			} else if ctx.Err() == nil {
				r.fail(err)
			}
		}
		select {
		case <-r.after(retainLook):
		case <-ctx.Done():
			return nil
		}
	}
}

// night removes what is older than the years, counted back from this morning.
func (r *retention) night(ctx context.Context, now time.Time) error {
	before := settle.DateOf(now).Time().AddDate(-r.years, 0, 0)
	pruned, err := r.store.Prune(ctx, before)
	if pruned == (ledger.Pruned{}) {
		return err
	}
	recorded := r.store.RecordIncident(ctx, incidentRetention, map[string]string{
		"before": before.Format(time.DateOnly), "messages": strconv.Itoa(pruned.Messages), "incidents": strconv.Itoa(pruned.Incidents),
		"people": strconv.Itoa(pruned.People), "names": strconv.Itoa(pruned.Names),
	})
	if err == nil {
		err = recorded
	}
	return err
}
