package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"gongji/settle"
	"gongji/settle/ledger/faultdisk"
)

// TestPowerLossInUpgrade: the databases that earlier programs left, each with a family, sales, returns and unsent reports, are
// opened by this one, which brings them up to date; power fails at every write of that. Whatever is left opens again, has every
// settlement, balance and unsent report of the earlier program, verifies, and sells.
func TestPowerLossInUpgrade(t *testing.T) {
	for _, g := range goldens(t) {
		t.Run(fmt.Sprintf("schema %d", g.schema), func(t *testing.T) {
			dir := g.unpack(t)
			disk, err := faultdisk.Watch(dir)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(disk.Stop)
			if err := disk.Record(); err != nil {
				t.Fatal(err)
			}
			h := opened(t, dir)
			if err := h.Close(); err != nil {
				t.Fatal(err)
			}
			key, root, states, calls := h.key(), memoryDir(t), 0, 0
			for state := range share(disk, 401) {
				path := filepath.Join(root, strconv.Itoa(states))
				states, calls = states+1, state.After
				if err := errors.Join(restored(path, state, key, keyFileName), g.upgradedIn(t.Context(), h, path)); err != nil {
					t.Fatalf("%s: %v", state.Name, err)
				}
				_ = os.RemoveAll(path)
			}
			t.Logf("%d states of the disk, %d calls", states, calls)
			if states < 3 {
				t.Errorf("only %d states of the disk were tried", states)
			}
		})
	}
}

// upgradedIn opens what a power loss left of an upgrade, and looks for everything that was there before it.
func (g *golden) upgradedIn(ctx context.Context, h *house, dir string) error {
	options := h.options
	options.Dir, options.Registerer = dir, prometheus.NewRegistry()
	l, err := Open(ctx, options)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	defer func() { _ = l.Close() }()
	for i, id := range g.expect.Sold {
		s, err := l.Settlement(ctx, id)
		if err != nil || int64(s.Figures.Total) != g.expect.Totals[i] || s.Sale.Patient != l.PersonID(h.patient.psnNo) {
			return fmt.Errorf("settlement %s: %v %w", id, s.Figures.Total, err)
		}
	}
	for name, who := range map[string]human{"patient": h.patient, "daughter": h.daughter, "spouse": h.spouse} {
		views, err := l.Accounts(ctx, l.PersonID(who.psnNo))
		if err != nil || len(views) == 0 || views[0].Person != l.PersonID(who.psnNo) || views[0].Available != settle.Fen(g.expect.Available[name]) {
			return fmt.Errorf("the %s's account: %+v, %w", name, views, err)
		}
	}
	totals, err := l.OutboxTotals(ctx)
	if err != nil || totals.Unsent != g.expect.Unsent {
		return fmt.Errorf("%d reports unsent, %w", totals.Unsent, err)
	}
	if report, err := l.Verify(ctx, nil); err != nil || !report.OK() {
		return fmt.Errorf("verify: %v, %w", report.Findings, err)
	}
	return settlesOn(ctx, l, h)
}
