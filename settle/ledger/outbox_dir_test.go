package ledger

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gongji/settle"
)

// TestUndeliveredNeedsNoKey: what would be lost with a directory is told beside a running daemon, and without its key.
func TestUndeliveredNeedsNoKey(t *testing.T) {
	h := newHouse(t)
	count := func() Undelivered {
		t.Helper()
		u, err := UndeliveredDir(t.Context(), h.options.Dir)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	if u := count(); !u.Empty() || !u.Oldest.IsZero() {
		t.Errorf("an empty ledger owes %+v", u)
	}
	first := h.buy(h.patient, 100)
	h.clock.add(time.Minute)
	h.buy(h.stranger, 300)
	if err := os.Rename(filepath.Join(h.options.Dir, keyDirName), filepath.Join(h.options.Dir, "away")); err != nil {
		t.Fatal(err)
	}
	u := count()
	totals, err := h.OutboxTotals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if u.Empty() || u.Reports != 2 || u.Amount != totals.UnsentAmount || !u.Oldest.Equal(first.At) {
		t.Errorf("owes %+v, want 2 reports of %s since %s", u, totals.UnsentAmount, first.At)
	}
	if err := h.PostponeReport(t.Context(), h.due().ID, h.clock.now(), settle.ReportUnknown, "line cut", false); err != nil {
		t.Fatal(err)
	}
	if u := count(); u.Unknown != 1 {
		t.Errorf("owes %+v, want one of unknown outcome", u)
	}
	if err := os.Rename(filepath.Join(h.options.Dir, "away"), filepath.Join(h.options.Dir, keyDirName)); err != nil {
		t.Fatal(err)
	}
	h.accept(h.due(), noon)
	h.accept(h.due(), noon)
	if u := count(); !u.Empty() {
		t.Errorf("all acknowledged, and owes %+v", u)
	}
	if _, err := UndeliveredDir(t.Context(), t.TempDir()); !errors.Is(err, fs.ErrNotExist) || settle.CodeOf(err) != settle.StoreBroken {
		t.Errorf("a directory without a ledger: %v", err)
	}
}
