package daemon

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"testing"
	"time"

	"gongji/settle"
	"gongji/sync/reconcile"
)

// nights is a ledger and a centre that a test scripts; its clock moves by what is waited for.
type nights struct {
	at       time.Time
	balanced map[settle.Date]bool
	first    settle.Date
	fail     func(day settle.Date) error
	asked    []settle.Date
	out      []int // how many days had been asked about at each sign-out
	waits    []time.Duration
	stop     func(n *nights) bool
	end      context.CancelFunc
}

func (n *nights) OpenDays(_ context.Context, begin, end settle.Date) (days []settle.Date, err error) {
	for day := max(begin, n.first); day <= end; day = day.AddDays(1) {
		if !n.balanced[day] {
			days = append(days, day)
		}
	}
	return days, nil
}

func (n *nights) Day(_ context.Context, day settle.Date) (reconcile.Report, error) {
	n.asked = append(n.asked, day)
	if n.fail != nil {
		if err := n.fail(day); err != nil {
			return reconcile.Report{}, err
		}
	}
	n.balanced[day] = true
	return reconcile.Report{Day: day}, nil
}

func (n *nights) SignOut(context.Context) error {
	n.out = append(n.out, len(n.asked))
	return nil
}

func (n *nights) after(wait time.Duration) <-chan time.Time {
	n.waits = append(n.waits, wait)
	n.at = n.at.Add(wait)
	ready := make(chan time.Time, 1)
	if n.stop(n) {
		n.end() // and nothing becomes ready
		return ready
	}
	ready <- n.at
	return ready
}

func (n *nights) run(t *testing.T) {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	n.end, n.balanced = end, map[settle.Date]bool{}
	d := &Daemon{o: Options{Clock: func() time.Time { return n.at }}, log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	if err := (&nightly{d: d, days: n, store: n, after: n.after}).run(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestNightlyCatchesUpAndThenRunsAtHalfPastMidnight(t *testing.T) {
	start := settle.Date(20261124).Time().Add(20 * time.Minute) // 00:20: yesterday is not due yet
	var firstNight time.Time
	n := &nights{at: start, first: 20261120, stop: func(n *nights) bool {
		if firstNight.IsZero() && slices.Contains(n.asked, 20261123) {
			firstNight = n.at.Add(-n.waits[len(n.waits)-1])
		}
		return n.at.Sub(start) > 25*time.Hour
	}}
	n.run(t)
	if !slices.Equal(n.asked, []settle.Date{20261120, 20261121, 20261122, 20261123, 20261124}) {
		t.Errorf("asked %v", n.asked)
	}
	if due := settle.Date(20261124).Time().Add(reconcileAt); firstNight.Before(due) || firstNight.Sub(due) > reconcileLook {
		t.Errorf("yesterday was taken up at %s", firstNight)
	}
	// Signed out after each round and never before the days of it were held against the centre's book.
	if !slices.Equal(n.out, []int{3, 4, 5}) {
		t.Errorf("signed out after %v days", n.out)
	}
}

func TestNightlyTakesUpAMonthAtMost(t *testing.T) {
	n := &nights{at: settle.Date(20261124).Time().Add(time.Hour), first: 20250101, stop: func(*nights) bool { return true }}
	n.run(t)
	if len(n.asked) != reconcileBack || n.asked[0] != settle.Date(20261123).AddDays(1-reconcileBack) {
		t.Errorf("asked %d days from %v", len(n.asked), n.asked[0])
	}
}

func TestNightlyPausesWhileTheCentreIsSilent(t *testing.T) {
	silent := 12
	n := &nights{at: settle.Date(20261124).Time().Add(time.Hour), first: 20261122, stop: func(n *nights) bool { return len(n.balanced) == 2 }}
	n.fail = func(settle.Date) error {
		if silent == 0 {
			return nil
		}
		silent--
		return settle.NewError(settle.UpstreamSilent, errors.New("time-out"))
	}
	n.run(t)
	if len(n.asked) != 14 || n.asked[1] != 20261122 { // a silent centre is not asked about the next day
		t.Errorf("asked %v", n.asked)
	}
	if !slices.Equal(n.out, []int{14}) {
		t.Errorf("signed out after %v days: a day that failed does not sign out", n.out)
	}
	if n.waits[0] != reconcileLeast || n.waits[1] != 2*reconcileLeast || n.waits[11] != reconcileMost || slices.Max(n.waits) != reconcileMost {
		t.Errorf("waits %v", n.waits)
	}
}

func TestNightlyGoesOnBehindARefusedDay(t *testing.T) {
	n := &nights{at: settle.Date(20261124).Time().Add(time.Hour), first: 20261121, stop: func(n *nights) bool { return len(n.waits) == 2 }}
	n.fail = func(day settle.Date) error {
		if day == 20261121 {
			return settle.NewError(settle.UpstreamRefused, errors.New("no"))
		}
		return nil
	}
	n.run(t)
	if !slices.Equal(n.asked, []settle.Date{20261121, 20261122, 20261123, 20261121}) {
		t.Errorf("asked %v", n.asked)
	}
}
