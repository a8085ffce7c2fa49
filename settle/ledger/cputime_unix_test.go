//go:build unix

package ledger

import (
	"syscall"
	"time"
)

// cpuTime is what the process has worked so far, on all processors together.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
