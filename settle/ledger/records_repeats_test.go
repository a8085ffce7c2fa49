package ledger

import (
	"testing"

	"gongji/settle"
)

// The same goods in several bills of one day are a pattern; what was reversed, another day and other goods are none.
func TestRepeats(t *testing.T) {
	h := newHouse(t)
	today := settle.DateOf(h.clock.now())
	ask := func(least int) []settle.RepeatedPurchase {
		t.Helper()
		list, err := h.Repeats(t.Context(), today, today, least)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	h.buy(h.patient, 300)
	h.buy(h.child, 300)
	if list := ask(2); len(list) != 0 {
		t.Fatalf("one bill each: %+v", list)
	}
	second := h.buy(h.patient, 200)
	list := ask(2)
	if len(list) != 1 || list[0].Sales != 2 || list[0].Amount != 500 || list[0].Last != second.ID || list[0].Day != today || list[0].Masked == "" {
		t.Fatalf("two bills: %+v", list)
	}
	if list := ask(3); len(list) != 0 {
		t.Errorf("at least three: %+v", list)
	}
	h.giveBack(settle.ReturnOrder{ID: "V1", POS: "till", Settlement: second.ID, Operator: settle.Operator{ID: "1001"}, WithoutCard: true})
	if list := ask(2); len(list) != 0 {
		t.Errorf("after the reversal: %+v", list)
	}
}
