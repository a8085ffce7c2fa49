package health

import (
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// OpenFiles counts this process's open files; ok is false where that cannot be told. When none is left the count itself
// cannot be made, and the limit stands for it.
func OpenFiles() (f Files, ok bool) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return f, false
	}
	f.Limit = int(min(limit.Cur, math.MaxInt32)) //nolint:gosec // it fits
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		f.Open = f.Limit
		return f, !os.IsPermission(err) && !os.IsNotExist(err)
	}
	f.Open = len(entries) - 1 // without the directory itself
	return f, true
}
