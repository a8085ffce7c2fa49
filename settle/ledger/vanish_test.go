package ledger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gongji/settle"
)

// TestLostDatabaseIsNotANewLedger: with the database the unsent reports and every sale id would be forgotten, so what
// was settled could be settled and booked again.
func TestLostDatabaseIsNotANewLedger(t *testing.T) {
	for name, lose := range map[string]func(path string) error{
		"removed": os.Remove,
		"emptied": func(path string) error { return os.Truncate(path, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.buy(h.patient, 100)
			if err := h.Close(); err != nil {
				t.Fatal(err)
			}
			files, err := filepath.Glob(filepath.Join(h.options.Dir, databaseName+"*"))
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range files {
				if err := lose(file); err != nil {
					t.Fatal(err)
				}
			}
			_, err = Open(t.Context(), h.options)
			wantCode(t, err, settle.StoreBroken)
			if !errors.Is(err, ErrDatabaseMissing) {
				t.Errorf("open: %v", err)
			}
		})
	}
}

// TestFirstStartCutShort: a start that made the key and nothing else, or everything but the key's name, goes on.
func TestFirstStartCutShort(t *testing.T) {
	h := openHouse(t)
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(h.options.Dir, keyDirName, keyFileName)
	rename := func() {
		t.Helper()
		if err := os.Rename(key, key+freshSuffix); err != nil {
			t.Fatal(err)
		}
	}
	rename() // the database is whole
	h.open()
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	rename() // there is no database yet
	if err := os.Remove(filepath.Join(h.options.Dir, databaseName)); err != nil {
		t.Fatal(err)
	}
	h.open()
	h.apply(h.family())
	h.buy(h.patient, 100)
	h.reopen()
	if _, err := os.Stat(key + freshSuffix); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the key is still called fresh: %v", err)
	}
}

// TestReadsMeetNewQueriesTogether: reads that hold their connections while each waits for a statement must not wait for
// each other for ever.
func TestReadsMeetNewQueriesTogether(t *testing.T) {
	h := newHouse(t)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for round := range 30 {
			var together sync.WaitGroup
			for reader := range 4 * readers {
				together.Go(func() {
					query := fmt.Sprintf("SELECT %d + COUNT(*) FROM person", round*100+reader)
					var n int
					if err := h.read(t.Context(), func(tx *tx) error { return tx.get(query, nil, &n) }); err != nil {
						t.Error(err)
					}
				})
			}
			together.Wait()
		}
	}()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("the reads wait for each other")
	}
}

// TestReportOfAClockThatRanAheadIsDue: it would hold everything of its person until that date.
func TestReportOfAClockThatRanAheadIsDue(t *testing.T) {
	h := newHouse(t)
	h.clock.add(72 * time.Hour)
	h.buy(h.patient, 100)
	h.clock.add(-72 * time.Hour)
	h.buy(h.patient, 100)
	report := h.due()
	next, err := h.NextDue(t.Context())
	if err != nil || next.After(h.clock.now()) {
		t.Errorf("next due %v at %v (%v)", next, h.clock.now(), err)
	}
	h.accept(report, h.clock.now())
	h.accept(h.due(), h.clock.now())
}

// TestDamagedFileIsNotWrittenTo: what is written into a malformed database may be lost, so nothing is acknowledged any
// more, and the fault can be seen from outside.
func TestDamagedFileIsNotWrittenTo(t *testing.T) {
	h := newHouse(t)
	h.buy(h.patient, 100)
	if h.WriteFault() != nil {
		t.Fatalf("fault %v", h.WriteFault())
	}
	err := h.read(t.Context(), func(tx *tx) error {
		return tx.get("SELECT 1 FROM pragma_integrity_check LIMIT 0", nil, new(int))
	})
	if err == nil || h.WriteFault() != nil {
		t.Fatalf("an ordinary fault of a query counts as damage: %v %v", err, h.WriteFault())
	}
	path := filepath.Join(h.options.Dir, databaseName)
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	spoil(t, path)
	l, err := Open(t.Context(), h.options)
	if err != nil {
		if !strings.Contains(err.Error(), "malformed") && !strings.Contains(err.Error(), "not a database") {
			t.Fatalf("open: %v", err)
		}
		return // seen at once
	}
	h.Ledger = l
	_, _, first := l.Settle(t.Context(), h.order(h.patient, line("1", 100)))
	if first == nil {
		t.Fatal("a sale was written into a file of junk")
	}
	wantCode(t, first, settle.StoreBroken)
	if l.WriteFault() == nil {
		t.Error("the damage does not show")
	}
	_, _, second := l.Settle(t.Context(), h.order(h.patient, line("1", 100)))
	wantCode(t, second, settle.StoreBroken)
}

// spoil overwrites every page but the first few, as a dying disk does.
func spoil(t *testing.T, path string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	junk := []byte(strings.Repeat("junk", page/4))
	for at := int64(8 * page); at < info.Size(); at += page {
		if _, err := file.WriteAt(junk, at); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDatabaseTakenAwayWhileRunning: SQLite goes on writing into a file that nobody will find again.
func TestDatabaseTakenAwayWhileRunning(t *testing.T) {
	h := newHouse(t)
	h.buy(h.patient, 100)
	if err := h.CheckPlace(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(h.options.Dir, databaseName)); err != nil {
		t.Fatal(err)
	}
	wantCode(t, h.CheckPlace(), settle.StoreBroken)
	_, _, err := h.Settle(t.Context(), h.order(h.patient, line("1", 100)))
	wantCode(t, err, settle.StoreBroken)
	if h.WriteFault() == nil {
		t.Error("the loss does not show")
	}
}

// TestLimitForAllRelativesIsTheGivers, whichever binding it was set through.
func TestLimitForAllRelativesIsTheGivers(t *testing.T) {
	h := newHouse(t)
	s := h.family()
	s.ID, s.CentreTime = "S-2", s.CentreTime.Add(time.Second)
	patient := h.id(h.patient)
	before, err := h.Quote(t.Context(), h.order(h.patient, line("1", 9_000_00)).Sale, false)
	if err != nil || before.Figures.Shared == 0 {
		t.Fatalf("shared %v, %v", before.Figures.Shared, err)
	}
	giver := before.Plan.Pays[len(before.Plan.Pays)-1].Account
	var psn string
	for _, p := range s.People {
		if h.PersonID(p.PsnNo) == giver {
			psn = p.PsnNo
		}
	}
	other := s.People[0].PsnNo
	for _, p := range s.People {
		if p.PsnNo != psn && h.PersonID(p.PsnNo) != patient {
			other = p.PsnNo
		}
	}
	s.Bindings = append(s.Bindings, settle.SnapshotBinding{
		ID: "B-elsewhere", Giver: psn, Beneficiary: other, Relation: settle.Child, Rank: 9, BoundAt: 20250101, ValidFrom: 20250101,
		Mode: settle.Direct, Limit: settle.CapOf(700), LimitUsed: 200, LimitAll: true, Active: true,
	})
	h.apply(s)
	after, err := h.Quote(t.Context(), h.order(h.patient, line("1", 9_000_00)).Sale, false)
	if err != nil {
		t.Fatal(err)
	}
	var gives settle.Fen
	for _, pay := range after.Plan.Pays {
		if pay.Account == giver {
			gives += pay.Amount
		}
	}
	if gives != 500 {
		t.Errorf("the giver gives %v, with 5.00 left of the limit", gives)
	}
}
