package simulate

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// sameAgain runs a seed that failed once more and says whether the world went the same way: what is printed for a failing seed is
// of use only if it does.
func sameAgain(t *testing.T, seed uint64, c Config, first *Result) string {
	t.Helper()
	again := Result{Log: []string{"(it could not be run to its end)"}}
	t.Run(fmt.Sprintf("seed=%d again", seed), func(t *testing.T) { again = Run(t, seed, c) })
	if difference := apart(first.Log, again.Log); difference != "" {
		return fmt.Sprintf("seed %d does NOT replay: the findings above are of one of its ways. %s", seed, difference)
	}
	if !slices.Equal(first.Findings, again.Findings) {
		return fmt.Sprintf("seed %d replays its log and not its findings; now: %s", seed, strings.Join(again.Findings, "; "))
	}
	return fmt.Sprintf("seed %d replays: log %s, twice", seed, first.Hash)
}

// apart is where two logs part, with what is around it; empty: nowhere.
func apart(one, two []string) string {
	for i := range max(len(one), len(two)) {
		if i >= len(one) || i >= len(two) || one[i] != two[i] {
			return fmt.Sprintf("The logs part at event %d, of %d and %d:\n%s\n\n%s", i, len(one), len(two), around(one, i), around(two, i))
		}
	}
	return ""
}

// around are a few events before and after one.
func around(log []string, i int) string {
	return strings.Join(log[min(len(log), max(0, i-6)):min(len(log), i+4)], "\n")
}
