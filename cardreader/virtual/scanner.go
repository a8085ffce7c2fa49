package virtual

import (
	"slices"
	"sync"
	"time"
)

// gun is a scanner, or a stripe reader: it only speaks.
type gun struct {
	opts Options

	mu    sync.Mutex
	fault faultPlan
}

func newGun(o Options) *gun { return &gun{opts: o} }

func (g *gun) receive([]byte) []chunk { return nil }
func (g *gun) hungUp()                {}
func (g *gun) powerCycle()            {}

// slowScan is the pause within a slow message; below what ends a message.
const slowScan = 30 * time.Millisecond

// move sends a code. Taking a code away says nothing.
func (g *gun) move(m Medium) []chunk {
	code, ok := m.(Code)
	if !ok {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	b := []byte(g.opts.Prefix + code.Text + g.opts.Suffix)
	half := len(b) / 2
	switch g.fault.next() {
	case FaultBadChecksum: // as a line with the wrong parity shows it
		b[half] |= 0x80
	case FaultTruncate:
		b = b[:half]
	case FaultSilent:
		return nil
	case FaultGarbage:
		b = append(slices.Clone(noise), b...)
	case FaultSlow:
		return []chunk{{bytes: b[:half]}, {pause: slowScan, bytes: b[half:]}}
	}
	return []chunk{{bytes: b}}
}

func (g *gun) setFault(p faultPlan) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fault = p
}
