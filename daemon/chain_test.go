package daemon

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"gongji/daemon/health"
	"gongji/settle"
	"gongji/settle/ledger"
)

// chainDesk is a ledger whose verifications end as the test says.
type chainDesk struct {
	now       *time.Time
	at        time.Time
	mark      bool
	bad, fail bool
	asked     []string
}

func (c *chainDesk) verify(ctx context.Context, name string, rest ledger.Rest) (report ledger.VerifyReport, err error) {
	c.asked = append(c.asked, name)
	if err := rest(ctx, time.Millisecond, false); err != nil {
		return report, err
	}
	switch {
	case c.fail:
		return report, errors.New("the disk does not answer")
	case c.bad:
		report.Findings = []ledger.Finding{{Kind: ledger.FoundChanged, Record: 12, Where: "chain record 12"}}
	case name == "all":
		c.at, c.mark = *c.now, false
	}
	return report, nil
}

func (c *chainDesk) VerifyTail(ctx context.Context, rest ledger.Rest) (ledger.VerifyReport, error) {
	return c.verify(ctx, "tail", rest)
}

func (c *chainDesk) Patrol(ctx context.Context, rest ledger.Rest) (ledger.VerifyReport, error) {
	return c.verify(ctx, "all", rest)
}

func (c *chainDesk) LastVerified(context.Context) (time.Time, int64, bool, error) {
	return c.at, 12, c.mark, nil
}

func (c *chainDesk) Condemn(context.Context, ledger.Finding) error {
	c.asked, c.mark = append(c.asked, "condemn"), true
	return nil
}

func (c *chainDesk) RecordIncident(_ context.Context, kind string, _ map[string]string) error {
	c.asked = append(c.asked, kind)
	return nil
}

// TestChainIsVerifiedAtTheStartAndDaily through days on a clock of the test's.
func TestChainIsVerifiedAtTheStartAndDaily(t *testing.T) {
	start := time.Date(2026, 11, 22, 9, 0, 0, 0, settle.Beijing)
	for name, c := range map[string]struct {
		desk  chainDesk
		hours int
		want  []string // of the first things asked
		count int      // of whole verifications
		shows []health.Code
	}{
		"a new ledger":             {chainDesk{}, 12, []string{"tail", "all"}, 1, nil},
		"verified an hour ago":     {chainDesk{at: start.Add(-time.Hour)}, 12, []string{"tail"}, 0, nil},
		"three days":               {chainDesk{at: start.Add(-time.Hour)}, 72, []string{"tail", "all", "all", "all"}, 3, nil},
		"a finding at the start":   {chainDesk{at: start, bad: true}, 1, []string{"tail", "CHAIN_BROKEN", "condemn"}, 0, []health.Code{health.ChainBroken}},
		"was found broken, mended": {chainDesk{at: start, mark: true}, 1, []string{"all"}, 1, nil},
		"was found broken, is":     {chainDesk{at: start, mark: true, bad: true}, 1, []string{"all", "CHAIN_BROKEN", "condemn"}, 1, []health.Code{health.ChainBroken}},
		"it cannot be done":        {chainDesk{at: start, fail: true}, 60, []string{"tail", "all"}, -1, []health.Code{health.ChainUnverified}},
		"a clock set back":         {chainDesk{at: start.AddDate(3, 0, 0)}, 1, []string{"tail", "all"}, 1, nil},
	} {
		t.Run(name, func(t *testing.T) {
			now := start
			desk := c.desk
			desk.now = &now
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			failed := 0
			tracker := health.NewTracker(func() time.Time { return now })
			ticks := make(chan time.Time, 1)
			w := &chainWatch{
				store: &desk, health: tracker, clock: func() time.Time { return now },
				found: func(ledger.Finding, int) {}, fail: func(error) { failed++ },
				after: func(d time.Duration) <-chan time.Time {
					if now = now.Add(d); now.After(start.Add(time.Duration(c.hours) * time.Hour)) {
						stop()
						return nil
					}
					ticks <- now
					return ticks
				},
			}
			w.run(ctx)
			whole := 0
			for _, asked := range desk.asked {
				if asked == "all" {
					whole++
				}
			}
			if len(desk.asked) < len(c.want) || !slices.Equal(desk.asked[:len(c.want)], c.want) || c.count >= 0 && whole != c.count {
				t.Errorf("asked %v", desk.asked)
			}
			var shows []health.Code
			for _, shown := range tracker.Readiness().Warnings {
				shows = append(shows, shown.Code)
			}
			if !slices.Equal(shows, c.shows) || (failed > 0) != c.desk.fail {
				t.Errorf("shows %v, %d failures", shows, failed)
			}
		})
	}
}

// TestVerifyingRestsLongerWhileTheLedgerIsWritten, and not for ever after a slice that was kept waiting itself.
func TestVerifyingRestsLongerWhileTheLedgerIsWritten(t *testing.T) {
	var rested time.Duration
	now := make(chan time.Time)
	close(now)
	w := &chainWatch{after: func(d time.Duration) <-chan time.Time { rested = d; return now }}
	for _, c := range []struct {
		worked, want time.Duration
		busy         bool
	}{
		{time.Millisecond, chainRest, false}, {10 * time.Millisecond, 40 * time.Millisecond, false},
		{10 * time.Millisecond, 490 * time.Millisecond, true}, {time.Second, chainMost, true}, {time.Minute, chainMost, false},
	} {
		if err := w.rest(t.Context(), c.worked, c.busy); err != nil || rested != c.want {
			t.Errorf("%v of work, busy %v: rests %v, want %v; %v", c.worked, c.busy, rested, c.want, err)
		}
	}
}
