package outbox

import (
	"math/rand/v2"
	"time"
)

// backoff is how long to wait after n failed attempts: doubling from least, never above most, spread over the upper
// half so that reports which failed together do not come back together.
func backoff(n int, least, most time.Duration, jitter func(time.Duration) time.Duration) time.Duration {
	wait := most
	if n < 30 && least<<n < most { // beyond 30 doublings the shift would overflow
		wait = least << n
	}
	return wait/2 + jitter(wait/2)
}

// randomly is the jitter of a shop: anything from 0 to most.
func randomly(most time.Duration) time.Duration { return rand.N(most + 1) } //nolint:gosec // jitter

func (w *Worker) backoff(n int) time.Duration {
	return backoff(n, w.options.LeastWait, w.options.MostWait, w.options.Jitter)
}
