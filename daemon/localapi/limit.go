package localapi

import (
	"sync"
	"time"
)

// Limits of the interface.
const (
	maxBodyBytes   = 256 << 10
	maxDepth       = 16
	maxHeaderBytes = 16 << 10
	maxConnections = 256
	maxStreams     = 64               // of events
	bodyTimeout    = 10 * time.Second // for a client to send a body

	failedRate  = 1  // refused tokens a second, all callers together, answered with 401 …
	failedBurst = 20 // … after this many at once; more get 429
	logRate     = 5  // logged refusals a second
	logBurst    = 50
)

// bucket lets events through at a rate, with a burst after a pause.
type bucket struct {
	mu          sync.Mutex
	rate, burst float64
	level       float64
	last        time.Time
}

func newBucket(rate, burst float64) *bucket { return &bucket{rate: rate, burst: burst, level: burst} }

// take reports whether one more event at now is within the rate.
func (b *bucket) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if passed := now.Sub(b.last).Seconds(); !b.last.IsZero() && passed > 0 {
		b.level = min(b.burst, b.level+passed*b.rate)
	}
	b.last = now
	if b.level < 1 {
		return false
	}
	b.level--
	return true
}
