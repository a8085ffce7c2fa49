package ledger

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"testing"

	"gongji/settle"
)

// anonymousKiB is the memory of this process in KiB, without pages of files: heap, stacks, and what SQLite holds.
func anonymousKiB(t *testing.T) (kib int) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, "RssAnon:"); found {
			if _, err := fmt.Sscan(rest, &kib); err != nil {
				t.Fatal(err)
			}
		}
	}
	return kib
}

// TestMemoryStopsGrowing: a ledger's memory grows while the page caches of its connections fill, two megabytes each, and then no
// more, however much is sold: from 4,000 sales to 16,000 it changes by less than a cache or two.
func TestMemoryStopsGrowing(t *testing.T) {
	if raceDetector || testing.Short() {
		t.Skip("16,000 sales, and the race detector has a memory of its own")
	}
	h := newHouse(t)
	sell := func(n int) {
		orders := make(chan settle.SettleOrder)
		var tills sync.WaitGroup
		for range 8 {
			tills.Go(func() {
				for order := range orders {
					s, _, err := h.Settle(t.Context(), order)
					if err == nil {
						_, err = h.Settlement(t.Context(), s.ID)
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		for range n {
			order := h.order(h.stranger, line("1", 1))
			order.Sale.UseAccounts = false
			orders <- order
		}
		close(orders)
		tills.Wait()
		debug.FreeOSMemory()
	}
	sell(4000)
	before := anonymousKiB(t)
	sell(12000)
	after := anonymousKiB(t)
	t.Logf("%d KiB after 4,000 sales, %d KiB after 16,000", before, after)
	if after > before+6<<10 {
		t.Errorf("%d KiB after 4,000 sales, %d KiB after 16,000", before, after)
	}
}
