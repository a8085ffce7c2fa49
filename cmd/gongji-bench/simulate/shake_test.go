package simulate

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"sync"
	"testing"
)

// TestASeedReplays runs seeds and wants the same log, byte for byte, and the same totals, whatever the scheduler does: once on one
// processor by themselves, and twice at once on several, where goroutines are held up at random and others outside the bubble take
// the processors.
func TestASeedReplays(t *testing.T) {
	busy := small
	busy.Busy, busy.Families, busy.Steps = true, 6, 40
	for _, seed := range []uint64{6, 9, 18, 22, 27} { // worlds that once did not
		replays(t, seed, small)
	}
	if raceDetector { // under which the scheduler chooses at random, and everything takes ten times as long
		return
	}
	for _, seed := range []uint64{1, 2, 3, 4, 5} {
		replays(t, seed, small)
	}
	replays(t, 5000001, busy)
}

func replays(t *testing.T, seed uint64, c Config) {
	var quiet Result
	runs := make([]Result, 2)
	t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
		onProcessors(1, func() { quiet = Run(t, seed, c) })
		onProcessors(max(2, runtime.NumCPU()), func() {
			defer noise()()
			t.Run("shaken", func(t *testing.T) {
				shaken := c
				shaken.shake = shake
				for i := range runs {
					t.Run(fmt.Sprint(i), func(t *testing.T) {
						t.Parallel()
						runs[i] = Run(t, seed, shaken)
					})
				}
			})
		})
	})
	for i := range runs {
		if difference := apart(quiet.Log, runs[i].Log); difference != "" {
			t.Fatalf("seed %d: %s", seed, difference)
		}
		if len(quiet.Log) == 0 || quiet.Hash != runs[i].Hash || !reflect.DeepEqual(quiet.Totals, runs[i].Totals) {
			t.Fatalf("seed %d: %d events, log %s and %s, totals\n%+v\n%+v", seed, len(quiet.Log), quiet.Hash, runs[i].Hash, quiet.Totals, runs[i].Totals)
		}
	}
}

func onProcessors(n int, run func()) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(n))
	run()
}

// noise takes processors now and again until it is ended.
func noise() (end func()) {
	over := make(chan struct{})
	var neighbours sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		neighbours.Go(func() {
			for sum := 0; ; sum++ {
				select {
				case <-over:
					return
				default:
				}
				if sum%1000 == 0 {
					heldUp(500_000)
				}
			}
		})
	}
	return func() { close(over); neighbours.Wait() }
}

// shake makes whoever calls it give way at random, or holds it up for some real microseconds as a preempted thread is. None of that
// comes from the seed.
func shake() {
	switch n := rand.IntN(4); { //nolint:gosec // not a secret
	case n < 3:
		for range 1 + n {
			runtime.Gosched()
		}
	default:
		heldUp(300_000)
	}
}

// TestWhereLogsPart says what is printed of a seed that does not replay.
func TestWhereLogsPart(t *testing.T) {
	for _, c := range []struct {
		one, two []string
		want     string
	}{
		{[]string{"a", "b"}, []string{"a", "b"}, ""},
		{[]string{"a", "b"}, []string{"a", "c"}, "The logs part at event 1, of 2 and 2:\na\nb\n\na\nc"},
		{[]string{"a"}, []string{"a", "c"}, "The logs part at event 1, of 1 and 2:\na\n\na\nc"},
		{nil, []string{"c"}, "The logs part at event 0, of 0 and 1:\n\n\nc"},
	} {
		if got := apart(c.one, c.two); got != c.want {
			t.Errorf("%q and %q: %q", c.one, c.two, got)
		}
	}
}
