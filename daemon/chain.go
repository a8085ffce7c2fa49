package daemon

import (
	"context"
	"strconv"
	"time"

	"gongji/daemon/health"
	"gongji/settle"
	"gongji/settle/ledger"
)

const (
	// chainEvery is how old the last whole verification may be before the next one begins, whatever the hour: many a shop
	// switches its PC off at night.
	chainEvery = 24 * time.Hour
	// chainNotice is how old it may be before somebody should look why.
	chainNotice = 48 * time.Hour
	chainLook   = 10 * time.Minute
	// chainRest is how long a slice rests at least, and chainShare how many times as long as it worked: a fifth of one
	// processor at most, and never two slices in a row while a till waits. While the ledger is written, by tills or by what the
	// centre answers, it is a fiftieth, some hundred records a second: what a cut line has left behind goes to the centre first, and
	// is verified within minutes after it. A slice that was kept waiting itself is no reason to rest for longer than chainMost.
	chainRest     = 20 * time.Millisecond
	chainShare    = 4
	chainBeside   = 49
	chainMost     = 2 * time.Second
	incidentChain = "CHAIN_BROKEN"
)

// chainStore is a ledger that can verify itself.
type chainStore interface {
	VerifyTail(ctx context.Context, rest ledger.Rest) (ledger.VerifyReport, error)
	Patrol(ctx context.Context, rest ledger.Rest) (ledger.VerifyReport, error)
	LastVerified(ctx context.Context) (at time.Time, broken int64, ok bool, err error)
	Condemn(ctx context.Context, f ledger.Finding) error
	RecordIncident(ctx context.Context, kind string, detail map[string]string) error
}

var _ chainStore = (*ledger.Ledger)(nil)

// chainWatch verifies the ledger: at the start what was added since the last time, and everything once a day.
type chainWatch struct {
	store  chainStore
	health *health.Tracker
	clock  func() time.Time
	after  func(time.Duration) <-chan time.Time // time.After; fake in tests
	found  func(f ledger.Finding, findings int)
	fail   func(error)
}

// watchChain verifies the ledger beside the tills until ctx ends.
func (d *Daemon) watchChain(ctx context.Context) error {
	w := &chainWatch{
		store: d.ledger, health: d.health, clock: d.o.Clock, after: time.After,
		found: func(f ledger.Finding, findings int) {
			d.log.Error("the ledger does not verify; settling stops", "findings", findings, "record", f.Record, "first", f.String())
		},
		fail: func(err error) {
			d.log.Warn("the ledger could not be verified", "code", string(settle.CodeOf(err)), "err", err.Error())
		},
	}
	w.run(ctx)
	return nil
}

func (w *chainWatch) run(ctx context.Context) {
	_, record, broken, err := w.store.LastVerified(ctx)
	if err == nil && broken { // it was found broken before: nothing is said to be well before everything has been looked at
		w.show(record)
		w.verify(ctx, w.store.Patrol)
	} else {
		w.verify(ctx, w.store.VerifyTail)
	}
	for {
		w.look(ctx)
		select {
		case <-w.after(chainLook):
		case <-ctx.Done():
			return
		}
	}
}

// look verifies everything where that is due, and says where it is overdue.
func (w *chainWatch) look(ctx context.Context) {
	at, _, _, err := w.store.LastVerified(ctx)
	if err != nil {
		w.ailed(ctx, err)
		return
	}
	if w.clock().Sub(at).Abs() >= chainEvery { // a clock that was set back is no reason to wait for a year
		w.verify(ctx, w.store.Patrol)
		if at, _, _, err = w.store.LastVerified(ctx); err != nil {
			return
		}
	}
	age := w.clock().Sub(at)
	w.health.Put(!at.IsZero() && age >= chainNotice, health.ChainUnverified, "", health.Args{"age": age.Round(time.Hour).String()})
}

func (w *chainWatch) verify(ctx context.Context, how func(context.Context, ledger.Rest) (ledger.VerifyReport, error)) {
	report, err := how(ctx, w.rest)
	switch {
	case err != nil:
		w.ailed(ctx, err)
	case report.OK():
		if _, _, broken, err := w.store.LastVerified(ctx); err == nil && !broken {
			w.health.Clear(health.ChainBroken, "")
		}
	default:
		first := report.Findings[0]
		w.found(first, len(report.Findings))
		if err := w.store.RecordIncident(ctx, incidentChain, map[string]string{"record": strconv.FormatInt(first.Record, 10)}); err != nil {
			w.ailed(ctx, err)
		}
		if err := w.store.Condemn(ctx, first); err != nil {
			w.ailed(ctx, err)
		}
		w.show(first.Record) // once nothing is settled any more
	}
}

func (w *chainWatch) show(record int64) {
	w.health.Set(health.ChainBroken, "", health.Args{"record": strconv.FormatInt(record, 10)})
}

func (w *chainWatch) ailed(ctx context.Context, err error) {
	if ctx.Err() == nil {
		w.fail(err)
	}
}

func (w *chainWatch) rest(ctx context.Context, worked time.Duration, busy bool) error {
	rest := chainShare * worked
	if busy {
		rest = chainBeside * worked
	}
	select {
	case <-w.after(max(chainRest, min(rest, chainMost))):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
