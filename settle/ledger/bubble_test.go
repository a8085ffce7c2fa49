package ledger

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"gongji/settle"
)

// TestLedgerAgesInABubble runs the real ledger on the fake time of a bubble, where monotonic and wall clock are what a
// simulation says: a day without the centre makes it stale, and what was aged is aged after a restart too.
func TestLedgerAgesInABubble(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := &house{t: t, rules: settle.DefaultRules(), clock: &testClock{}, patient: invent(1), daughter: invent(2), spouse: invent(3), child: invent(4), stranger: invent(5)}
		h.options = testOptions(dir, h.clock, h.rules)
		h.options.Clock = time.Now
		h.options.Venue.AgreementUntil = 20991231
		h.open()
		defer func() { _ = h.Close() }()
		s := h.family()
		s.CentreTime = time.Now()
		h.apply(s)
		offline := func() error {
			order := h.order(h.patient, line("1", 10))
			order.Offline, order.Presence.MatchedAt = true, time.Now()
			order.Sale.Lines[0].Class = "service_in"
			_, _, err := h.Settle(t.Context(), order)
			return err
		}
		time.Sleep(23 * time.Hour)
		if err := offline(); err != nil {
			t.Fatalf("after 23 hours: %v", err)
		}
		time.Sleep(2 * time.Hour)
		wantCode(t, offline(), settle.LedgerStale)
		h.reopen()
		wantCode(t, offline(), settle.LedgerStale)
	})
}

// TestTheCentresTimeCountsAtOnce: who acts on an answer of the centre goes by its time, and the disk is told without being waited for.
func TestTheCentresTimeCountsAtOnce(t *testing.T) {
	h := openHouse(t)
	truth := h.clock.now()
	h.clock.add(30 * time.Hour)
	if ahead := h.clock.now(); h.Ledger.clock.now().Before(ahead) {
		t.Fatal("the mark does not follow the PC's clock")
	}
	h.persistClock()
	h.ObserveCentreTime(truth)
	if got := h.Ledger.clock.now(); !got.Equal(truth) {
		t.Errorf("the mark is at %s, the centre at %s", got, truth)
	}
	var kept int64
	for deadline := time.Now().Add(20 * time.Second); ; {
		err := h.read(t.Context(), func(t *tx) (err error) { kept, err = t.metaInt(metaClock); return err })
		if err != nil {
			t.Fatal(err)
		}
		if kept == millis(truth) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the disk has %s, the centre said %s", instant(kept), truth)
		}
		runtime.Gosched()
	}
}
