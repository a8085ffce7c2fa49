package centre

import (
	"cmp"
	"context"
	"math/rand/v2"
	"time"
)

// tidyBatch is how many records one transaction of Tidy looks at.
const tidyBatch = 200

// Tidy gives back allowances whose time is over, forgets files, codes and sign-ins that have ended, numbers changes that
// nobody asked for, and writes the sums of rows that an older program wrote. A centre in memory does the first two with
// every message. Any process may do it at any time, and several at once.
func (c *Centre) Tidy(ctx context.Context) error {
	now := c.options.Clock()
	if c.options.Store == nil {
		return c.within(ctx, "", (*work).sweep)
	}
	if err := c.options.Store.Number(ctx); err != nil {
		return err
	}
	for _, step := range []func(w *work) (int, error){
		func(w *work) (int, error) {
			var due []grant
			for _, g := range w.grants.between("release", "", releaseAt(now), tidyBatch) {
				due = append(due, *g)
			}
			return len(due), w.release(due)
		},
		func(w *work) (int, error) {
			w.load(w.rows, Query{Table: tableRow, Unsummed: true, Limit: tidyBatch})
			w.rows.rewrite()
			return len(w.rows.rows), nil
		},
	} {
		for left := tidyBatch; left == tidyBatch; {
			err := c.within(ctx, "", func(w *work) (err error) {
				left, err = step(w)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return c.options.Store.Tidy(ctx, now)
}

// tidyEvery is how often a process tidies up, give or take a half, so that several do not meet.
const tidyEvery = 10 * time.Second

// Run tidies up from time to time until the context ends.
func (c *Centre) Run(ctx context.Context) {
	for {
		timer := time.NewTimer(tidyEvery/2 + rand.N(tidyEvery)) //nolint:gosec // jitter
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		if err := c.Tidy(ctx); err != nil && ctx.Err() == nil {
			c.options.Logger.Warn("could not tidy up; the next try comes soon", "err", err.Error())
		}
	}
}

// Ready says whether messages could be answered now, and why not.
func (c *Centre) Ready(ctx context.Context) error {
	if c.options.Store != nil {
		return c.options.Store.Ready(ctx)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return cmp.Or(c.whole.broken, c.options.Journal.broken())
}

// forget drops files and codes that have ended. A store's are dropped by its Tidy.
func (w *work) forget(now time.Time) {
	for no, f := range w.files.rows {
		if !f.Until.After(now) {
			w.files.drop(no)
			w.contents.drop(no)
		}
	}
	for code, until := range w.spent.rows {
		if now.After(until) {
			w.spent.drop(code)
		}
	}
}
