//go:build !linux

package health

import "time"

// sinceBoot counts from now on. Go's monotonic clock goes on while a Windows PC sleeps.
func sinceBoot() func() time.Duration {
	start := time.Now()
	return func() time.Duration { return time.Since(start) }
}
