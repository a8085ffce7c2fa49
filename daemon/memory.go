package daemon

import (
	"os"
	"runtime/debug"
)

// What a daemon at a counter does with memory: it lets the heap grow to three times what is alive before it collects, which
// halves the work of collecting under load, and collects harder before the heap reaches the bound, so that the whole process
// stays under 128 MiB.
const (
	heapGrowth = 200
	heapBound  = 64 << 20
)

// UseMemory sets how this process collects garbage. GOGC and GOMEMLIMIT, where set, stand.
func UseMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(heapBound)
	}
}
