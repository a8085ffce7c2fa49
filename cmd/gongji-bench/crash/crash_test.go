package crash

import (
	"os"
	"testing"
	"time"

	"gongji/cmd/gongji-bench/shop"
)

// TestKills is a short run of the rig: a shop of each kind, killed, drained and held against its centre.
func TestKills(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and kills the real binary")
	}
	binary, err := shop.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().Unix()) //nolint:gosec // any seed
	tally := NewTally()
	dir, err := os.MkdirTemp("", "gongji-crash-")
	if err != nil {
		t.Fatal(err)
	}
	if err := Run(t.Context(), Options{Binary: binary, Dir: dir, Kills: 12, PerLot: 3, Tally: tally, Seed: seed}); err != nil {
		t.Fatal(err) // the directory stays, to be looked at
	}
	tally.Print(t.Output())
	if tally.All() < 12 || len(tally.Shops) != len(kinds) || tally.Sales == 0 || tally.Verified == 0 || tally.Rows == 0 {
		t.Errorf("the rig did not do its work: %+v", tally)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Error(err)
	}
}

// TestDifferSeesOneSale: the comparison with the centre names a sale that is missing, and one that is doubled.
func TestDifferSeesOneSale(t *testing.T) {
	a, b := kept{total: 100, own: 100}, kept{total: 250, shared: 250}
	if err := differ("counter-1", []kept{b, a}, []kept{a, b}); err != nil {
		t.Error(err)
	}
	for _, have := range [][]kept{{a}, {a, b, b}, {a, a}} {
		if err := differ("counter-1", []kept{a, b}, have); err == nil {
			t.Errorf("%v passed for %v", have, []kept{a, b})
		}
	}
}
