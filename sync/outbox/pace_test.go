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
