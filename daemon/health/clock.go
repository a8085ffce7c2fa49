package health

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The limits of the clock. Time service slews at most half a millisecond a second, so two seconds between two looks are
// a jump; the centre's time travels over a line and is believed within five minutes.
const (
	ClockJumpLimit   = 2 * time.Second
	ClockAgreeLimit  = 5 * time.Minute
	clockEveryCheck  = 2 * time.Second
	clockRoundAmount = time.Second
)

// Clock is the pair of clocks whose difference shows a jump.
type Clock struct {
	Wall func() time.Time     // what people see; may be set
	Run  func() time.Duration // since any fixed moment; never set, and goes on while the PC sleeps
}

// SystemClock holds a wall clock, [time.Now] in a shop, against the time since the system was started.
func SystemClock(wall func() time.Time) Clock {
	return Clock{Wall: func() time.Time { return wall().Round(0) }, Run: sinceBoot()}
}

// ClockWatch raises CLOCK_JUMP when the wall clock moves otherwise than time does, and counts it.
type ClockWatch struct {
	tracker *Tracker
	clock   Clock
	jumps   prometheus.Counter

	mu      sync.Mutex
	wall    time.Time
	run     time.Duration
	drift   time.Duration // sum of the jumps since the warning was raised
	warning bool
}

// NewClockWatch starts watching now. The metric gongji_clock_jump_total is registered with reg.
func NewClockWatch(tracker *Tracker, clock Clock, reg prometheus.Registerer) *ClockWatch {
	w := &ClockWatch{
		tracker: tracker, clock: clock, wall: clock.Wall(), run: clock.Run(),
		jumps: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gongji_clock_jump_total",
			Help: "Times the PC's clock was set by more than two seconds while the daemon ran.",
		}),
	}
	reg.MustRegister(w.jumps)
	return w
}

// Check looks once and returns the jump since the last look, 0 where there was none. A jump that undoes an earlier one
// clears the warning.
func (w *ClockWatch) Check() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	wall, run := w.clock.Wall(), w.clock.Run()
	jump := wall.Sub(w.wall) - (run - w.run)
	w.wall, w.run = wall, run
	if jump.Abs() <= ClockJumpLimit {
		return 0
	}
	w.jumps.Inc()
	w.drift += jump
	w.warning = w.drift.Abs() > ClockJumpLimit
	if !w.warning {
		w.drift = 0
	}
	w.tracker.Put(w.warning, ClockJump, "", Args{"jump": signed(w.drift)})
	return jump
}

// Agree compares the wall clock with the centre's time, which every answer of the centre carries. Agreement clears the
// warning; a difference of more than five minutes raises it, also where the clock was wrong from the start.
func (w *ClockWatch) Agree(centre time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	difference := w.clock.Wall().Sub(centre)
	w.warning = difference.Abs() > ClockAgreeLimit
	if !w.warning {
		w.drift = 0
	} else {
		w.drift = difference
	}
	w.tracker.Put(w.warning, ClockJump, "", Args{"jump": signed(difference)})
}

// Run checks every two seconds until ctx ends and tells jumped of every jump.
func (w *ClockWatch) Run(ctx context.Context, jumped func(time.Duration)) {
	every(ctx, clockEveryCheck, func() {
		if jump := w.Check(); jump != 0 {
			jumped(jump)
		}
	})
}

// signed writes a difference with its direction.
func signed(d time.Duration) string {
	text := d.Round(clockRoundAmount).String()
	if d > 0 {
		text = "+" + text
	}
	return text
}
