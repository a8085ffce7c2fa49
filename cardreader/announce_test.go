package cardreader

import (
	"context"
	"testing"
	"time"

	"gongji/cardreader/ccid"
)

// told is a link that ends a wait, or does not.
type told struct {
	cardLink
	moved bool
}

func (l *told) Wait(context.Context, time.Duration) (bool, error) { return l.moved, nil }
func (l *told) Left() bool                                        { return false }

// seen is a slot with or without a card.
type seen struct {
	cardSlot
	state ccid.CardState
}

func (s *seen) Status(context.Context) (ccid.CardState, error) { return s.state, nil }

// TestReaderThatFallsSilentIsLookedAtMoreOften: a reader is left alone for longer only while its notices come.
func TestReaderThatFallsSilentIsLookedAtMoreOften(t *testing.T) {
	link, slot := &told{}, &seen{state: ccid.CardAbsent}
	d := &contact{link: link, slot: slot, tells: true}
	step := func(what string, state ccid.CardState, moved, announces bool) {
		t.Helper()
		link.moved = moved
		if err := d.wait(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		slot.state = state
		if present, _, err := d.look(t.Context()); err != nil || present != (state != ccid.CardAbsent) {
			t.Fatalf("%s: present %v, %v", what, present, err)
		}
		if d.announces() != announces {
			t.Errorf("%s: announces %v", what, d.announces())
		}
	}
	step("nothing moves", ccid.CardAbsent, false, true)
	step("a notice of nothing", ccid.CardAbsent, true, true)
	step("a card comes with a notice", ccid.CardInactive, true, true)
	step("it leaves without one", ccid.CardAbsent, false, false)
	step("nothing moves", ccid.CardAbsent, false, false)
	step("a card comes with a notice", ccid.CardInactive, true, true)
	slot.state = ccid.CardAbsent // found by a look that no wait came before, as after a reading
	if _, _, err := d.look(t.Context()); err != nil || !d.announces() {
		t.Errorf("announces %v, %v", d.announces(), err)
	}
}
