package virtual

import (
	"sync"
	"time"
)

// maxLag bounds what of a late wake-up is made good.
const maxLag = 20 * time.Millisecond

// pace is the clock of a line: when bytes are through it. It keeps an absolute schedule: a machine that wakes up late delivers
// late, but what follows is counted from when the bytes would have been through, so that a thousand late wake-ups do not add
// up to a slower line. The zero pace is as fast as possible. It is safe for concurrent use.
type pace struct {
	mu   sync.Mutex
	baud int
	bits int // of a byte
	// in and out are when the last byte of each direction is through; lag is how late the last delivery was.
	in, out time.Time
	lag     time.Duration
}

func (p *pace) set(baud int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.baud, p.in, p.out, p.lag = baud, time.Time{}, time.Time{}, 0
}

// now is the line's time.
func (p *pace) now() time.Time { return time.Now().Add(-p.lag) }

// span is how long n bytes take.
func (p *pace) span(n int) time.Duration {
	if p.baud == 0 {
		return 0
	}
	return time.Duration(n*p.bits) * time.Second / time.Duration(p.baud)
}

// received returns when n bytes, which the host has just handed over, are through.
func (p *pace) received(n int) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.in = later(p.in, p.now()).Add(p.span(n))
	return p.in
}

// sent returns when n bytes are through that may start at a moment, after those before them.
func (p *pace) sent(n int, start time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out = later(p.out, start).Add(p.span(n))
	return p.out
}

// delivered notes that bytes have been handed over which were due at a moment.
func (p *pace) delivered(due time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lag = 0
	if p.baud != 0 {
		p.lag = min(max(0, time.Since(due)), maxLag)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
