package outbox

import (
	"context"
	"testing"
	"time"

	"gongji/settle"
)

// TestRoom: beside a counter a near centre has few messages under way and a far one many; one that hangs holds nobody back.
func TestRoom(t *testing.T) {
	w := &Worker{options: Options{Parallel: 16, GiveWay: func(context.Context) {}}, flying: map[settle.PersonID]flight{}}
	if n := w.room(); n != 16 {
		t.Errorf("before the first answer %d", n)
	}
	for trip, want := range map[time.Duration]int{time.Millisecond: 2, 9 * time.Millisecond: 4, time.Second: 16} {
		w.trip.Store(0)
		for range 100 {
			w.took(trip)
		}
		if n := w.room(); n != want {
			t.Errorf("%s away: %d, want %d", trip, n, want)
		}
	}
	w.trip.Store(int64(time.Millisecond))
	w.flying["slow"] = flight{1, time.Now().Add(-time.Second)}
	if n := w.room(); n != 16 {
		t.Errorf("beside a message that hangs %d", n)
	}
	w.options.GiveWay, w.flying = nil, nil
	if n := w.room(); n != 16 {
		t.Errorf("without a counter %d", n)
	}
}
