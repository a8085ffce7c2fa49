package ledger

import (
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// TestLogBeginsAnewUnderLoad: behind a writer that never rests the log is written over and not made longer for ever, whoever
// reads meanwhile, and nothing of what was answered is missing.
func TestLogBeginsAnewUnderLoad(t *testing.T) {
	h := newHouse(t)
	size := func() int64 {
		info, err := os.Stat(filepath.Join(h.options.Dir, databaseName+"-wal"))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size() / 4096
	}
	var written atomic.Int64
	var stop atomic.Bool
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for !stop.Load() {
				if err := h.write(t.Context(), func(t *tx) error {
					_, err := t.count("test", 1)
					return err
				}); err != nil {
					t.Error(err)
					return
				}
				written.Add(1)
			}
		})
		all.Go(func() {
			for !stop.Load() {
				if got := h.metas("test"); got[0] != 0 {
					t.Error("a reader saw what nobody wrote")
				}
			}
		})
	}
	fill := func(pages int64) {
		from := size()
		for size() < from+pages && !t.Failed() {
			for range 16 {
				if err := h.write(t.Context(), func(t *tx) error { return t.setMeta("test-fill", make([]byte, 1<<20)) }); err != nil {
					t.Error(err)
				}
			}
		}
	}
	fill(longLog)
	for range 20 {
		h.writer.sinceSave.Add(1)
		h.checkpoint()
	}
	long := size()
	for range 200 {
		if err := h.write(t.Context(), func(t *tx) error { return t.setMeta("test-fill", make([]byte, 1<<16)) }); err != nil {
			t.Fatal(err)
		}
	}
	stop.Store(true)
	all.Wait()
	if size() > long {
		t.Errorf("the log grew from %d to %d pages though all of it was copied", long, size())
	}
	var counted int64
	err := h.read(t.Context(), func(t *tx) error {
		return t.get("SELECT value FROM counter WHERE name = 'test'", nil, &counted)
	})
	if err != nil || counted != written.Load() {
		t.Errorf("counted %d of %d, %v", counted, written.Load(), err)
	}
}
