package ledger

import (
	"testing"
	"time"

	"gongji/settle"
)

// units is a line of n units at a price, without trace codes, with a fund part.
func units(id, quantity string, price, fund, personal settle.Fen) settle.Line {
	l := line(id, personal)
	l.Quantity, l.UnitPrice, l.Fund, l.Total = quantity, price.String(), fund, fund+personal
	return l
}

func TestRefundsInParts(t *testing.T) {
	h := newHouse(t)
	sold := h.settle(h.order(h.patient, units("1", "3", 3000, 2000, 7000), units("2", "1", 500, 0, 500)))
	if want := (settle.Figures{Total: 9500, Fund: 2000, Own: 1000, Shared: 6500}); sold.Figures != want {
		t.Fatalf("figures %+v", sold.Figures)
	}
	order := giveBack("R1", sold.ID, settle.ReturnLine{ID: "1", Quantity: "1"})
	first := h.giveBack(order)
	if f := first.Figures; f.Total != 3000 || f.Fund+f.Shared != 3000 || f.Own != 0 || first.State != settle.ShopPartlyRefunded {
		t.Errorf("first refund %+v %s", f, first.State)
	}
	got, replayed, err := h.Return(t.Context(), order)
	if err != nil || !replayed || got.ReceiptNo != first.ReceiptNo {
		t.Errorf("repeat: %v, %v", replayed, err)
	}
	order.Lines[0].Quantity = "2"
	_, _, err = h.Return(t.Context(), order)
	if e := wantCode(t, err, settle.IdempotencyConflict); e.Members["field"] != "lines[0].quantity" {
		t.Errorf("members %v", e.Members)
	}
	for _, lines := range [][]settle.ReturnLine{
		{{ID: "1", Quantity: "2.5"}}, {{ID: "9", Quantity: "1"}}, {{ID: "2", Quantity: "1"}, {ID: "2", Quantity: "1"}},
	} {
		_, _, err = h.Return(t.Context(), giveBack("R2", sold.ID, lines...))
		wantCode(t, err, settle.RefundOver)
	}
	_, _, err = h.Return(t.Context(), giveBack("R2", sold.ID, settle.ReturnLine{ID: "1", Quantity: "none"}))
	wantCode(t, err, settle.BadRequest)
	second := h.giveBack(giveBack("R3", sold.ID, settle.ReturnLine{ID: "1", Quantity: "2"}, settle.ReturnLine{ID: "2", Quantity: "1"}))
	if second.State != settle.ShopRefunded {
		t.Errorf("state %s", second.State)
	}
	now, err := h.Settlement(t.Context(), sold.ID)
	if err != nil || now.Refunded != now.Figures || now.Shop != settle.ShopRefunded {
		t.Errorf("refunded %+v of %+v, %s, %v", now.Refunded, now.Figures, now.Shop, err)
	}
	_, _, err = h.Return(t.Context(), giveBack("R4", sold.ID))
	wantCode(t, err, settle.AlreadyReversed)
	_, _, err = h.Return(t.Context(), giveBack("R4", "none"))
	wantCode(t, err, settle.NotFound)
	h.wantAvailable(h.patient, 1000)
	h.wantAvailable(h.daughter, 5000)
	h.wantAvailable(h.spouse, 20000)
	returns, err := h.Returns(t.Context(), sold.ID)
	if err != nil || len(returns) != 2 || returns[1].ID != "R3" || returns[1].Report != settle.ReportPending {
		t.Errorf("returns %+v, %v", returns, err)
	}
	h.wantVerified()
}

func TestReversalAfterARefundTakesTheRest(t *testing.T) {
	h := newHouse(t)
	sold := h.settle(h.order(h.patient, units("1", "4", 100, 0, 400), units("2", "1", 900, 0, 900)))
	h.giveBack(giveBack("R1", sold.ID, settle.ReturnLine{ID: "1", Quantity: "3"}))
	whole := giveBack("R2", sold.ID)
	whole.Presence, whole.WithoutCard = nil, false
	_, _, err := h.Return(t.Context(), whole)
	wantCode(t, err, settle.CardAbsent)
	whole.WithoutCard = true
	back := h.giveBack(whole)
	if back.Figures.Total != 1000 || !back.Whole || back.State != settle.ShopReversed {
		t.Errorf("reversal %+v", back)
	}
	_, _, err = h.Return(t.Context(), giveBack("R3", sold.ID))
	wantCode(t, err, settle.AlreadyReversed)
	h.wantAvailable(h.patient, 1000)
	h.wantVerified()
}

func TestRefundWindow(t *testing.T) {
	h := newHouse(t)
	h.rules.Refund.MaxDays = settle.Count{Set: true, Max: 1}
	sold := h.buy(h.patient, 100)
	h.clock.add(48 * time.Hour)
	_, _, err := h.Return(t.Context(), giveBack("R1", sold.ID))
	wantCode(t, err, settle.RuleRefused, settle.ERefundWindow)
	h.clock.add(-24 * time.Hour)
	h.giveBack(giveBack("R1", sold.ID))
}

func TestRefundGoesBackToAPayerWhoIsNoLongerBound(t *testing.T) {
	h := newHouse(t)
	sold := h.buy(h.patient, 3000)
	s := h.next("S-2", noon)
	s.EndedBinds, s.EndedPsnNo = []string{"B-1"}, []string{h.daughter.psnNo}
	h.apply(s)
	back := h.giveBack(giveBack("R1", sold.ID))
	if len(back.Postings) != 2 || back.Postings[1].Person != h.id(h.daughter) || back.Postings[1].Amount != -2000 ||
		back.Postings[1].After != 5000 || back.Postings[1].Relation != settle.Parent {
		t.Errorf("postings %+v", back.Postings)
	}
	h.wantVerified()
}
