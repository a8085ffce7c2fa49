package ledger

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"gongji/settle"
)

// tamper changes the database behind the ledger's back.
func (h *house) tamper(statement string) {
	h.t.Helper()
	db, err := sql.Open("sqlite3", filepath.Join(h.options.Dir, databaseName))
	if err != nil {
		h.t.Fatal(err)
	}
	_, err = db.Exec(statement)
	if err := errors.Join(err, db.Close()); err != nil {
		h.t.Fatal(err)
	}
}

func noRest(context.Context, time.Duration, bool) error { return nil }

// TestPatrolGoesOnBesideSales: records that are added while it rests are verified too, and it remembers when and how far.
func TestPatrolGoesOnBesideSales(t *testing.T) {
	h, _ := busy(t)
	for range 60 {
		h.buy(h.patient, 1)
	}
	added, sold := 0, false
	report, err := h.Patrol(t.Context(), func(_ context.Context, _ time.Duration, busy bool) error {
		if busy != sold {
			t.Errorf("busy %v, although sold before the slice: %v", busy, sold)
		}
		if sold = added < 70; sold {
			added += 35
			for range 35 {
				h.buy(h.patient, 1)
			}
		}
		return nil
	})
	if err != nil || !report.OK() || report.Records != 9+60+70 {
		t.Errorf("%+v %v", report, err)
	}
	at, _, broken, err := h.LastVerified(t.Context())
	if err != nil || broken || !at.Equal(noon) {
		t.Errorf("verified at %v, broken %v, %v", at, broken, err)
	}
	if report, err = h.VerifyTail(t.Context(), noRest); err != nil || !report.OK() || report.Records != 0 {
		t.Errorf("nothing is new: %+v %v", report, err)
	}
	h.reopen()
	h.buy(h.patient, 1)
	if report, err = h.VerifyTail(t.Context(), noRest); err != nil || !report.OK() || report.Records != 1 {
		t.Errorf("one is new: %+v %v", report, err)
	}
	h.rotate() // the mark was made under the key before
	if report, err = h.VerifyTail(t.Context(), noRest); err != nil || !report.OK() || report.Records != 9+60+70+1 {
		t.Errorf("after a change of keys: %+v %v", report, err)
	}
	stop := errors.New("enough")
	if _, err := h.Patrol(t.Context(), func(context.Context, time.Duration, bool) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("a rest that ends it: %v", err)
	}
}

// TestPatrolFindsWhatVerifyFinds, in a tail and in the whole.
func TestPatrolFindsWhatVerifyFinds(t *testing.T) {
	for name, c := range map[string]struct {
		statement string
		tail      bool // the tail alone shows it
	}{
		"the verified record exchanged": {"UPDATE chain SET hash = zeroblob(32) WHERE seq = 9", true},
		"the verified record removed":   {"DELETE FROM chain WHERE seq = 9", true},
		"a new record exchanged":        {"UPDATE chain SET doc = (SELECT doc FROM chain WHERE seq = 1) WHERE seq = 10", true},
		"a new record cut off":          {"DELETE FROM chain WHERE seq = 10", true},
		"an old posting":                {"UPDATE posting SET amount = amount + 1 WHERE record = 2", false},
		"an old record":                 {"DELETE FROM chain WHERE seq = 3", false},
		"a stray":                       {"UPDATE settlement SET ref = 'forged' WHERE record = 2", false},
		"the head of an earlier day":    {"UPDATE meta SET value = (SELECT value FROM meta WHERE name = 'verified_head') WHERE name = 'chain_head'", true},
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := busy(t)
			if report, err := h.Patrol(t.Context(), noRest); err != nil || !report.OK() {
				t.Fatal(report, err)
			}
			h.buy(h.patient, 1)
			h.tamper(c.statement)
			tail, err := h.VerifyTail(t.Context(), noRest)
			if err != nil || tail.OK() == c.tail {
				t.Errorf("tail: %+v %v", tail.Findings, err)
			}
			whole, err := h.Patrol(t.Context(), noRest)
			if err != nil || whole.OK() {
				t.Errorf("whole: %+v %v", whole.Findings, err)
			}
		})
	}
}

// TestCondemnedLedgerTakesNothing, and remembers it until everything verifies again.
func TestCondemnedLedgerTakesNothing(t *testing.T) {
	h, _ := busy(t)
	if err := h.Condemn(t.Context(), Finding{Record: 7}); err != nil {
		t.Fatal(err)
	}
	_, _, err := h.Settle(t.Context(), h.order(h.patient, line("1", 100)))
	wantCode(t, err, settle.StoreBroken)
	_, _, err = h.Settle(t.Context(), h.order(h.patient, line("1", 100))) // the second is refused as well
	if wantCode(t, err, settle.StoreBroken); !errors.Is(err, ErrChainBroken) || !errors.Is(h.WriteFault(), ErrChainBroken) {
		t.Errorf("%v, %v", err, h.WriteFault())
	}
	h.reopen()
	if _, record, broken, err := h.LastVerified(t.Context()); err != nil || !broken || record != 7 {
		t.Errorf("record %d, broken %v, %v", record, broken, err)
	}
	if report, err := h.Patrol(t.Context(), noRest); err != nil || !report.OK() {
		t.Fatal(report, err)
	}
	if _, _, broken, err := h.LastVerified(t.Context()); err != nil || broken {
		t.Errorf("still broken: %v", err)
	}
	h.buy(h.patient, 100)
}

// TestPatrolMakesWay: a slice ends at the next record while somebody is being answered, and what is left is verified later.
func TestPatrolMakesWay(t *testing.T) {
	h, _ := busy(t)
	for range 20 {
		h.buy(h.patient, 1)
	}
	leave := h.counter.serve()
	slices := 0
	report, err := h.Patrol(t.Context(), func(_ context.Context, _ time.Duration, busy bool) error {
		slices++
		if busy != (slices <= 3) {
			t.Errorf("slice %d: busy %v", slices, busy)
		}
		if slices == 3 {
			leave()
		}
		return nil
	})
	if err != nil || !report.OK() || report.Records != 9+20 || slices != 3+1+1+3 { // three of a record each, the rest, the end, what needs many rows
		t.Errorf("%d slices, %+v %v", slices, report, err)
	}
}
