package simulate

import (
	"math/rand/v2"
	"syscall"
)

// heldUp lets up to so many real nanoseconds pass. A goroutine in a system call does not count as waiting, so a bubble's clock stands.
func heldUp(most int64) {
	held := syscall.NsecToTimespec(10_000 + rand.Int64N(most)) //nolint:gosec // not a secret
	_ = syscall.Nanosleep(&held, nil)                          // shorter is as good
}
