package ledger

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestLogBeginsAnewUnderLoad: behind a writer that never rests the log is written over and not made longer for ever, whoever
// reads meanwhile, and nothing of what was answered is missing.
func TestLogBeginsAnewUnderLoad(t *testing.T) {
	h := newHouse(t)
	log, err := os.Open(filepath.Join(h.options.Dir, databaseName+"-wal"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	size := func() int64 {
		info, err := log.Stat()
		if err != nil {
			t.Fatal(err)
		}
		return info.Size() / 4096
	}
	// begun is the number the log's head carries (SQLite file format, 4.1): another one each time it begins anew.
	begun := func() uint32 {
		var head [32]byte
		if _, err := log.ReadAt(head[:], 0); err != nil {
			t.Fatal(err)
		}
		return binary.BigEndian.Uint32(head[16:])
	}
	var written atomic.Int64
	var stop atomic.Bool
	var all sync.WaitGroup
	counted := func() (count int64) {
		if err := h.read(t.Context(), func(t *tx) error {
			return t.get("SELECT COALESCE(MAX(value), 0) FROM counter WHERE name = 'test'", nil, &count)
		}); err != nil {
			t.Error(err)
		}
		return count
	}
	for range 2 {
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
			for seen := int64(0); !stop.Load(); {
				count := counted()
				if count < seen {
					t.Errorf("a reader saw %d and then %d", seen, count)
				}
				seen = count
			}
		})
	}
	fills := byte(0)
	fill := func(t *tx) error { // with something else each time: what is as it was is not written
		fills++
		for i := range 16 {
			if err := t.setMeta("test-"+strconv.Itoa(i), bytes.Repeat([]byte{fills}, 1<<16)); err != nil {
				return err
			}
		}
		return nil
	}
	// Somebody reads from before on, so the log cannot begin anew until it is long.
	err = h.read(t.Context(), func(reading *tx) error {
		var rows int64
		if err := reading.get("SELECT COUNT(*) FROM counter", nil, &rows); err != nil {
			return err
		}
		for from := size(); size() < from+longLog; {
			if err := h.write(t.Context(), fill); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	long, before := size(), begun()
	for deadline := time.Now().Add(time.Minute); begun() == before; {
		if time.Now().After(deadline) {
			t.Fatalf("a log of %d pages was copied again and again and never begun anew", long)
		}
		h.writer.sinceSave.Add(1)
		h.checkpoint()
		if err := h.write(t.Context(), fill); err != nil {
			t.Fatal(err)
		}
	}
	stop.Store(true)
	all.Wait()
	if got := counted(); got != written.Load() {
		t.Errorf("counted %d of %d", got, written.Load())
	}
}

// TestLogStaysShortUnderALargeSnapshot: while a large snapshot is staged and moved, with a till beside it, the log is begun anew
// again and again; it does not hold all that was ever written on the way.
func TestLogStaysShortUnderALargeSnapshot(t *testing.T) {
	const people = 20_000
	h := newHouse(t)
	h.apply(crowdOfShoppers(h.next("S-shoppers", noon)))
	h.beside(func() {
		s, err := h.StageSnapshot(t.Context(), noon.Add(time.Minute), false, true)
		if err != nil {
			t.Error(err)
			return
		}
		for from := 0; from < people && err == nil; from += stagePart {
			err = s.Add(t.Context(), townsfolk(from, min(from+stagePart, people)))
		}
		if err == nil {
			err = s.Apply(t.Context(), "S-town", "", nil)
		}
		if err != nil {
			t.Error(err)
		}
	})
	info, err := os.Stat(filepath.Join(h.options.Dir, databaseName+"-wal"))
	if err != nil {
		t.Fatal(err)
	}
	if pages := info.Size() / 4096; pages > veryLong {
		t.Errorf("the log has grown to %d pages", pages)
	}
}
