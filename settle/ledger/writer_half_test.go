package ledger

import (
	"errors"
	"sync"
	"testing"

	"gongji/settle"
)

// metas are the values of some names, as a reader finds them.
func (h *house) metas(names ...string) (values []int64) {
	h.t.Helper()
	err := h.read(h.t.Context(), func(t *tx) error {
		for _, name := range names {
			value, err := t.metaInt(name)
			if err != nil {
				return err
			}
			values = append(values, value)
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return values
}

// TestHalfWrittenRequestLeavesNothing: a request that fails in the middle of its writing is undone alone. Whoever was in the
// same transaction is written, once, and hears of it once; and so is the head of the chain that all of them share.
func TestHalfWrittenRequestLeavesNothing(t *testing.T) {
	h := newHouse(t)
	before := h.writer.commits.Load()
	reached, release := make(chan struct{}), make(chan struct{})
	var blocked sync.Once
	ask := func(run func(*tx) error) chan error {
		r := &request{run: run, done: make(chan error, 1)}
		h.writer.queue <- r
		return r.done
	}
	first := ask(func(*tx) error {
		blocked.Do(func() { close(reached); <-release })
		return nil
	})
	<-reached // the writer is busy: what is asked now shares the next transaction
	heard, one, two := 0, h.order(h.patient, line("1", 100)), h.order(h.patient, line("1", 200))
	half := settle.NewError(settle.RuleRefused, nil)
	answers := []chan error{
		ask(func(t *tx) error {
			t.batch.after = append(t.batch.after, func() { heard++ })
			_, _, err := t.settle(&one)
			return errors.Join(err, t.setMeta("test-a", int64(1)))
		}),
		ask(func(t *tx) error {
			_, _, err := t.settle(&two)
			return errors.Join(err, t.setMeta("test-b", int64(1)), half)
		}),
		ask(func(*tx) error { return half }),
		ask(func(t *tx) error {
			n, err := t.metaInt("test-a")
			return errors.Join(err, t.setMeta("test-c", n+1))
		}),
	}
	close(release)
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	for i, want := range []error{nil, half, half, nil} {
		if err := <-answers[i]; (err == nil) != (want == nil) || (want != nil && settle.CodeOf(err) != settle.RuleRefused) {
			t.Errorf("request %d: %v, want %v", i, err, want)
		}
	}
	if got := h.metas("test-a", "test-b", "test-c"); got[0] != 1 || got[1] != 0 || got[2] != 2 {
		t.Errorf("a, b and c are %v", got)
	}
	if commits := h.writer.commits.Load() - before; heard != 1 || commits > 2 {
		t.Errorf("heard of %d times, %d commits", heard, commits)
	}
	h.wantAvailable(h.patient, 900)
	h.wantVerified()
}

// TestLoneHalfWrittenRequestLeavesNothing: also when a transaction is due for another reason.
func TestLoneHalfWrittenRequestLeavesNothing(t *testing.T) {
	h := newHouse(t)
	h.clock.add(2 * clockAlone) // the high-water clock is worth a transaction of its own
	err := h.write(t.Context(), func(t *tx) error {
		if err := t.setMeta("test-a", int64(1)); err != nil {
			return err
		}
		panic("half")
	})
	wantCode(t, err, settle.StoreBroken)
	if got := h.metas("test-a"); got[0] != 0 {
		t.Errorf("a is %v", got)
	}
	h.buy(h.patient, 100)
	h.wantVerified()
}
