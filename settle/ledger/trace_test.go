package ledger

import (
	"strings"
	"testing"

	"gongji/settle"
)

// parts is a line that sells a quantity out of opened packs.
func parts(quantity, perPack string, codes ...string) settle.Line {
	l := line("1", 100)
	l.Class, l.TraceCodes, l.SplitPack, l.Quantity, l.UnitsPerPack = "drug_a", codes, true, quantity, perPack
	return l
}

// TestOpenedPackIsSoldOnce: the parts that go out of one pack, sale after sale, are never more than the pack.
func TestOpenedPackIsSoldOnce(t *testing.T) {
	h := newHouse(t)
	sell := func(l settle.Line) (settle.Settlement, error) {
		sold, _, err := h.Settle(t.Context(), h.order(h.patient, l))
		return sold, err
	}
	refused := func(l settle.Line, reason settle.Reason) *settle.Error {
		t.Helper()
		_, err := h.Quote(t.Context(), h.order(h.patient, l).Sale, false)
		wantCode(t, err, settle.RuleRefused, reason)
		_, err = sell(l)
		return wantCode(t, err, settle.RuleRefused, reason)
	}
	must := func(l settle.Line) settle.Settlement {
		t.Helper()
		sold, err := sell(l)
		if err != nil {
			t.Fatal(err)
		}
		return sold
	}

	must(parts("0.5", "", "A"))
	second := must(parts("0.5", "", "A"))
	e := refused(parts("0.5", "", "A"), settle.ETracePack)
	if said := settle.SentenceOf(e).Message; !strings.Contains(said, "A") || !strings.Contains(said, "卖出 1 盒") {
		t.Errorf("the cashier reads %q", said)
	}
	refused(parts("0.0001", "", "A"), settle.ETracePack)

	// A third of a pack three times is the pack, in tablets too; a tablet more is not.
	for range 3 {
		must(parts("8", "24", "B"))
	}
	refused(parts("1", "24", "B"), settle.ETracePack)

	// The rest of one pack and the beginning of the next.
	must(parts("0.75", "", "C"))
	refused(parts("0.5", "", "C"), settle.ETracePack)
	must(parts("0.5", "", "C", "D"))
	refused(parts("0.76", "", "D"), settle.ETracePack)
	must(parts("0.75", "", "D"))
	refused(parts("0.5", "", "E", "F"), settle.ETraceCount)

	// What comes back can be sold again, as much as came back and no more.
	h.giveBack(giveBack("R1", second.ID, settle.ReturnLine{ID: "1", Quantity: "0.2", TraceCodes: []string{"A"}}))
	refused(parts("0.21", "", "A"), settle.ETracePack)
	must(parts("0.2", "", "A"))
	h.giveBack(giveBack("R2", second.ID, settle.ReturnLine{ID: "1", Quantity: "0.1"}))
	must(parts("0.1", "", "A"))
	refused(parts("0.1", "", "A"), settle.ETracePack)
	h.giveBack(giveBack("R3", second.ID))
	must(parts("0.2", "", "A"))
	refused(parts("0.1", "", "A"), settle.ETracePack)
	h.wantVerified()
}
