package simulate

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var (
	first  = flag.Uint64("simulate.from", 1, "first seed")
	seeds  = flag.Int("simulate.seeds", 200, "how many seeds")
	logDir = flag.String("simulate.logs", "", "where the logs of worlds that fail go; empty: nowhere")
)

func TestMain(m *testing.M) {
	code := m.Run()
	Clean()
	os.Exit(code)
}

// TestWorlds runs the seeds, a share of them at once. A failing seed is named and replays with -simulate.from.
func TestWorlds(t *testing.T) {
	count := *seeds
	if testing.Short() || raceDetector {
		count = min(count, 20)
	}
	const shares = 4
	totals := make([]Totals, shares)
	t.Run("seeds", func(t *testing.T) {
		for share := range shares {
			t.Run(fmt.Sprint(share), func(t *testing.T) {
				t.Parallel()
				for n := share; n < count; n += shares {
					runSeed(t, *first+uint64(n), &totals[share])
				}
			})
		}
	})
	sum := newTotals()
	for i := range totals {
		sum.Add(&totals[i])
	}
	var text strings.Builder
	sum.Print(&text)
	t.Log("\n" + text.String())
}

// runSeed runs one seed and says what did not hold.
func runSeed(t *testing.T, seed uint64, totals *Totals) {
	t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
		r := Run(t, seed, small)
		totals.Add(&r.Totals)
		for _, finding := range r.Findings {
			t.Error(finding)
		}
		if t.Failed() {
			t.Log(sameAgain(t, seed, small, &r))
		}
		if t.Failed() && *logDir != "" {
			if err := os.WriteFile(filepath.Join(*logDir, fmt.Sprintf("seed-%d.log", seed)), []byte(strings.Join(r.Log, "\n")+"\n"), 0o600); err != nil {
				t.Error(err)
			}
		}
	})
}

// small is the world of a test: large enough for every fault, small enough for a few hundred of them.
var small = Config{Venues: 3, Tills: 2, Families: 2, Steps: 4, Dir: memory()}

// memory is a file system in memory where there is one: a few hundred worlds make more fsyncs than a disk has time for.
func memory() string {
	const shm = "/dev/shm"
	if info, err := os.Stat(shm); err == nil && info.IsDir() {
		return shm
	}
	return ""
}

// before are the kinds that worlds did not have when the older of the seeds were found.
var before = []string{KindRestarts, KindLists, KindRush, KindPlain, KindCodes, KindOwn}

// TestSeedsThatFailed runs the seeds by which faults were found.
func TestSeedsThatFailed(t *testing.T) {
	daily, busy, lists, torn := small, small, small, small
	torn.Steps, torn.Without = 6, []string{KindOwn}
	lists.Steps, lists.Without = 8, before[2:]
	daily.Without, busy.Without = before, before
	daily.Steps = 8
	busy.Busy, busy.Families, busy.Steps = true, 6, 120
	for name, c := range map[string]struct {
		world Config
		seeds []uint64
	}{
		"a later sale took the allowance of an earlier one":             {daily, []uint64{1123, 1268, 1308}},
		"undoing a cancellation was paid out of an allowance":           {daily, []uint64{1025, 1060}},
		"what was kept for a rebooking was granted once more":           {daily, []uint64{1029}},
		"a cancellation that never left was in doubt":                   {torn, []uint64{20422}},
		"a delayed online sale took what is covered of another":         {daily, []uint64{2106}},
		"a death that another venue reported first waited for a person": {lists, []uint64{41, 65}},
		"the same, at a busy shop":                                      {busy, []uint64{1000019}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, seed := range c.seeds {
				for _, finding := range Run(t, seed, c.world).Findings {
					t.Errorf("seed %d: %s", seed, finding)
				}
			}
		})
	}
}
