package health

import (
	"time"

	"golang.org/x/sys/unix"
)

// sinceBoot counts from the start of the system. Go's own monotonic clock stops while a Linux PC sleeps, so after every
// night the wall clock would seem to have jumped; this one goes on.
func sinceBoot() func() time.Duration {
	start := time.Now()
	return func() time.Duration {
		var spec unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &spec); err != nil {
			return time.Since(start)
		}
		return time.Duration(spec.Nano())
	}
}
