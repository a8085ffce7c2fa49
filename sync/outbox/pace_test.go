package outbox

import (
	"context"
	"sync"
	"testing"
	"time"
)

// TestRoom: beside a counter a near centre has many people worked on and few messages on their way, and a far one many of both;
// one that hangs holds nobody back.
func TestRoom(t *testing.T) {
	w := &Worker{options: Options{Parallel: 16, GiveWay: func(context.Context) {}}}
	if people, messages := w.room(), w.lanes(0); people != 16 || messages != 16 {
		t.Errorf("before the first answer %d people, %d messages", people, messages)
	}
	for trip, want := range map[time.Duration][2]int{time.Millisecond: {64, 2}, 9 * time.Millisecond: {64, 4}, time.Second: {16, 16}} {
		w.trip.Store(0)
		for range 100 {
			w.took(trip)
		}
		if got := [2]int{w.room(), w.lanes(trip)}; got != want {
			t.Errorf("%s away: %v, want %v", trip, got, want)
		}
	}
	w.trip.Store(int64(time.Millisecond))
	if n := w.lanes(time.Second); n != 16 {
		t.Errorf("beside a message that hangs %d", n)
	}
	w.options.GiveWay = nil
	if people, messages := w.room(), w.lanes(0); people != 16 || messages != 16 {
		t.Errorf("without a counter %d people, %d messages", people, messages)
	}
}

// TestGate: never are more messages on their way than there are lanes, everybody gets through, and whoever gives up in between
// takes no lane with them.
func TestGate(t *testing.T) {
	var g gate
	two := func(time.Duration) int { return 2 }
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	var mu sync.Mutex
	inside, most, through := 0, 0, 0
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			ctx := t.Context()
			if i%5 == 0 {
				ctx = ended
			}
			left, ok := g.enter(ctx, two)
			if !ok {
				return
			}
			mu.Lock()
			inside++
			most, through = max(most, inside), through+1
			mu.Unlock()
			mu.Lock()
			inside--
			mu.Unlock()
			g.leave(left)
		})
	}
	all.Wait()
	if most > 2 || through < 160 || len(g.since) != 0 || len(g.waiting) != 0 {
		t.Errorf("%d at once, %d through, %d lanes taken and %d places left", most, through, len(g.since), len(g.waiting))
	}
}

// TestMetronome: messages leave a beat apart, those that were held up catch up by a few, and a pause saves nothing up beyond that.
func TestMetronome(t *testing.T) {
	var m metronome
	start := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	leave := func(now time.Time, n int) (last time.Duration) {
		for range n {
			last = max(0, m.wait(now))
		}
		return last
	}
	if wait := leave(start, mostBeats+1); wait != 0 {
		t.Errorf("the first few wait %s", wait)
	}
	if wait := leave(start, 10); wait != 10*beat {
		t.Errorf("the tenth behind them waits %s, want %s", wait, 10*beat)
	}
	if wait := leave(start.Add(11*beat), 1); wait != 0 {
		t.Errorf("one that comes on its beat waits %s", wait)
	}
	if wait := leave(start.Add(time.Hour), mostBeats+2); wait != beat {
		t.Errorf("after an hour the last of %d waits %s, want %s", mostBeats+2, wait, beat)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	began := time.Now()
	w := &Worker{options: Options{GiveWay: func(context.Context) {}}}
	w.metronome.next = began.Add(time.Hour)
	w.keepPace(ended)
	w.options.GiveWay = nil
	w.keepPace(t.Context()) // nobody is there to make way for
	if took := time.Since(began); took > time.Minute {
		t.Errorf("an end of the work, or nobody at a counter, was waited through for %s", took)
	}
}
