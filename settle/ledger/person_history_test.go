package ledger

import (
	"testing"
	"time"

	"gongji/settle"
)

// Changed personal data replace the old ones, which stay known.
func TestChangedPersonalDataAreKept(t *testing.T) {
	h := newHouse(t)
	h.apply(h.later("S-2", 1, nil))
	if list, err := h.PersonHistory(t.Context(), h.id(h.child)); err != nil || len(list) != 0 {
		t.Fatalf("history of somebody of whom nothing has changed: %+v, %v", list, err)
	}
	h.apply(h.later("S-3", 2, func(s *settle.Snapshot) { s.People[3].Area = "430900" }))
	h.apply(h.later("S-4", 3, func(s *settle.Snapshot) { s.People[3].Area, s.People[3].Name = "430900", "测试新名" }))
	h.apply(h.later("S-0", -30, func(s *settle.Snapshot) { s.People[3].Area = "110000" })) // older than what is known
	list, err := h.PersonHistory(t.Context(), h.id(h.child))
	if err != nil || len(list) != 2 {
		t.Fatalf("history %+v, %v", list, err)
	}
	if list[0].Area != "430100" || list[0].NameChanged || !list[0].Until.Equal(noon.Add(2*time.Minute)) ||
		list[1].Area != "430900" || !list[1].NameChanged || list[1].NumberChanged {
		t.Errorf("history %+v", list)
	}
	if _, err := h.PersonHistory(t.Context(), "nobody"); settle.CodeOf(err) != settle.PersonUnknown {
		t.Errorf("a stranger's history: %v", err)
	}
	h.wantVerified()
}
