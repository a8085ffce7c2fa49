package ledger

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// slowCounter is a ledger in a bubble whose commits take so long on the bubble's clock, on which nothing else takes time.
func slowCounter(t *testing.T, dir string, commit time.Duration) *house {
	h := openHouseIn(t, dir)
	h.writer.beforeFsync = func() { time.Sleep(commit) }
	return h
}

// call writes something and says how long that took.
func (h *house) call(name string) time.Duration {
	began := time.Now()
	if err := h.write(h.t.Context(), func(t *tx) error { return t.setMeta(name, int64(1)) }); err != nil {
		h.t.Error(err)
	}
	return time.Since(began)
}

// calls lets so many callers each come so many times, a while after each answer. It returns the longest answer, and how many
// commits all of them took.
func (h *house) calls(callers, times int, while time.Duration) (longest time.Duration, commits int64) {
	before := h.writer.commits.Load()
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			time.Sleep(time.Duration(i) * time.Millisecond / 4)
			for range times {
				took := h.call(fmt.Sprint("test-", i))
				mu.Lock()
				longest = max(longest, took)
				mu.Unlock()
				time.Sleep(while)
			}
		})
	}
	all.Wait()
	return longest, h.writer.commits.Load() - before
}

const slowSync = 10 * time.Millisecond

// TestCompanySharesACommit: tills that come back soon after their answer go into one commit, and not into two by turns.
func TestCompanySharesACommit(t *testing.T) {
	for _, callers := range []int{4, 16, 64} {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			h := slowCounter(t, dir, slowSync)
			defer func() { _ = h.Close() }()
			const times = 50
			began := time.Now()
			_, commits := h.calls(callers, times, 2*time.Millisecond)
			if most := int64(times + times/5); commits > most {
				t.Errorf("%d callers that came %d times took %d commits, want at most %d", callers, times, commits, most)
			}
			if took, most := time.Since(began), times*15*time.Millisecond; took > most {
				t.Errorf("%d callers took %v, want at most %v", callers, took, most)
			}
		})
	}
}

// TestNobodyWaitsForCompanyThatIsNotExpected: one caller has an answer in one commit; two and three, who come whenever they
// come, wait for the commit under way and for their own, as they would without company.
func TestNobodyWaitsForCompanyThatIsNotExpected(t *testing.T) {
	for callers, most := range map[int]time.Duration{1: slowSync, 2: 2 * slowSync, 3: 2 * slowSync} {
		for _, while := range []time.Duration{0, time.Millisecond, 7 * time.Millisecond, time.Second} {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				h := slowCounter(t, dir, slowSync)
				defer func() { _ = h.Close() }()
				if longest, _ := h.calls(callers, 20, while); longest > most {
					t.Errorf("%d callers, %v between: an answer took %v, want at most %v", callers, while, longest, most)
				}
			})
		}
	}
}

// TestRushThatIsOver: who comes first after a rush waits a quarter of a commit at most, and whoever comes then not at all.
func TestRushThatIsOver(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := slowCounter(t, dir, slowSync)
		defer func() { _ = h.Close() }()
		h.calls(16, 10, time.Millisecond)
		if took, most := h.call("test-late"), slowSync+slowSync/idlePart; took > most {
			t.Errorf("the first after the rush waited %v, want at most %v", took, most)
		}
		for range 5 {
			if took := h.call("test-late"); took != slowSync {
				t.Errorf("an answer long after the rush took %v", took)
			}
		}
	})
}

// TestCompanyIsBounded: on a disk that hangs nobody waits for others longer than the bound, and on a quick one not at all.
func TestCompanyIsBounded(t *testing.T) {
	for _, c := range []struct {
		commit       time.Duration
		crowd, there int
		open, idle   time.Duration
	}{
		{time.Millisecond, 64, 1, joinLeast, 0},
		{slowSync, 1, 1, slowSync, 0},
		{slowSync, 3, 1, slowSync, 0},
		{slowSync, 4, 1, slowSync, slowSync / 4},
		{slowSync, 16, 16, slowSync, 0},
		{3 * time.Second, 16, 15, joinMost, joinMost / 4},
	} {
		if open, idle := openFor(c.commit), idleFor(c.commit, c.crowd, c.there); open != c.open || idle != c.idle {
			t.Errorf("%+v: open for %v, idle for %v", c, open, idle)
		}
	}
}
