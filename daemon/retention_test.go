package daemon

import (
	"context"
	"errors"
	"testing"
	"time"

	"gongji/settle"
	"gongji/settle/ledger"
)

// shelf is a store that notes what it was asked to remove.
type shelf struct {
	before []time.Time
	kinds  []string
	fails  int
}

func (s *shelf) Prune(_ context.Context, before time.Time) (ledger.Pruned, error) {
	s.before = append(s.before, before)
	if s.fails > 0 {
		s.fails--
		return ledger.Pruned{}, errors.New("the disk is full")
	}
	return ledger.Pruned{Messages: 3}, nil
}

func (s *shelf) RecordIncident(_ context.Context, kind string, detail map[string]string) error {
	s.kinds = append(s.kinds, kind+" "+detail["messages"])
	return nil
}

// TestRetentionRunsOnceANight through three days on a clock of the test's: at night, once, again where it failed, and five
// years back to the day.
func TestRetentionRunsOnceANight(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, settle.Beijing)
	end := now.AddDate(0, 0, 3)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	s := &shelf{fails: 1}
	failed := 0
	r := &retention{years: 5, store: s, clock: func() time.Time { return now }, fail: func(error) { failed++ }}
	ticks := make(chan time.Time, 1)
	r.after = func(d time.Duration) <-chan time.Time {
		if now = now.Add(d); now.After(end) {
			stop()
			return nil
		}
		ticks <- now
		return ticks
	}
	if err := r.run(ctx); err != nil {
		t.Fatal(err)
	}
	if len(s.before) != 4 || failed != 1 || len(s.kinds) != 3 || s.kinds[0] != "RETENTION 3" {
		t.Errorf("%d runs, %d failed, recorded %v", len(s.before), failed, s.kinds)
	}
	if want := time.Date(2021, 11, 23, 0, 0, 0, 0, settle.Beijing); len(s.before) == 0 || !s.before[0].Equal(want) {
		t.Errorf("the first night removed from before %v, want %v", s.before, want)
	}
}
