package outbox

import (
	"math/rand/v2"
	"time"
)

// backoff is how long to wait after n failed attempts: doubling from least, never above most, spread over the upper
// half so that reports which failed together do not come back together.
func backoff(n int, least, most time.Duration) time.Duration {
	wait := most
	if n < 30 && least<<n < most { // beyond 30 doublings the shift would overflow
		wait = least << n
	}
	return wait/2 + rand.N(wait/2+1) //nolint:gosec // jitter
}
