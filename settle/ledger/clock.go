package ledger

import (
	"sync"
	"time"
)

const (
	// clockJump is how far the wall clock may run ahead of the monotonic one before it counts as a jump.
	clockJump = time.Minute
	// clockTolerance is how far the centre's time may differ without being a correction: an answer travels some time.
	clockTolerance = 5 * time.Second
)

// clock is the high-water clock: it only rises. It follows the monotonic clock, and the wall clock where that is
// ahead, so that turning the PC's clock back extends nothing; a clock turned forward ages the ledger at once, and
// only the centre's own time sets it back. Safe for concurrent use.
type clock struct {
	source  func() time.Time
	onJump  func(ahead time.Duration)
	mu      sync.Mutex
	reading time.Time     // last reading of source, with its monotonic part
	high    time.Time     // the high-water mark at that reading
	ahead   time.Duration // how far the wall clock is known to be ahead of the centre's
}

func newClock(source func() time.Time, persisted time.Time, onJump func(time.Duration)) *clock {
	reading := source()
	high := reading.Round(0)
	if persisted.After(high) {
		high = persisted
	}
	return &clock{source: source, onJump: onJump, reading: reading, high: high}
}

// now is the high-water mark.
func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.advance()
}

func (c *clock) advance() time.Time {
	reading := c.source()
	// Sub uses the monotonic parts; the rounded values have none, so their difference is the wall clock's.
	elapsed := max(0, reading.Sub(c.reading))
	step := reading.Round(0).Sub(c.reading.Round(0)) - elapsed
	if step < 0 {
		c.ahead = max(0, c.ahead+step)
	}
	c.reading = reading
	c.high = c.high.Add(elapsed)
	if wall := reading.Round(0).Add(-c.ahead); wall.After(c.high) {
		if jump := wall.Sub(c.high); jump > clockJump {
			c.onJump(jump)
		}
		c.high = wall
	}
	return c.high
}

// correct sets the mark to the centre's time. by is how far it moved, 0 where it was right within the tolerance.
func (c *clock) correct(centre time.Time) (by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	by = centre.Sub(c.advance())
	if by.Abs() <= clockTolerance {
		return 0
	}
	c.high = centre
	c.ahead = max(0, c.reading.Round(0).Sub(centre))
	return by
}

// raise lifts the mark to an instant that has certainly passed.
func (c *clock) raise(passed time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if passed.After(c.advance()) {
		c.high = passed
	}
}
