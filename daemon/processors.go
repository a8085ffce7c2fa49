package daemon

import (
	"os"
	"runtime"
)

// fewestLanes is how many goroutines may at least run at a time. With as many as processors, a till's request that comes while
// each of two works for the outbox is noticed when one of them has nothing left to do, or after up to ten milliseconds by
// the runtime's watchman. With twice as many a thread is there that waits for the network, and the kernel shares the processors
// out in smaller pieces: beside a backlog the slowest sale in a hundred takes two thirds of the time, at 5 % of the settlements
// that 16 tills could have at most.
const fewestLanes = 4

// UseProcessors sets how many goroutines may run at a time. GOMAXPROCS, where set, stands.
func UseProcessors() {
	if os.Getenv("GOMAXPROCS") == "" && runtime.GOMAXPROCS(0) < fewestLanes {
		runtime.GOMAXPROCS(fewestLanes)
	}
}
