package ledger

import (
	"testing"

	"gongji/settle"
)

// A repeat that writes its numbers in another way is the same sale; what differs is named as the till wrote it.
func TestRepeatsNameWhatTheTillWrote(t *testing.T) {
	h := newHouse(t)
	order := h.order(h.patient, line("1", 700))
	order.Sale.Proxy = &settle.Proxy{
		AgentMasked: "赵*", AgentHash: h.Index(KindAgent, "1"), AgentPhoneHash: h.Index(KindAgent, "phone|1"), Relation: "child", Reason: "elderly",
	}
	h.settle(order)
	repeat := func(change func(*settle.Sale, *settle.Proxy)) error {
		again := order
		proxy := *order.Sale.Proxy
		again.Sale.Proxy, again.Sale.Lines = &proxy, []settle.Line{order.Sale.Lines[0]}
		change(&again.Sale, &proxy)
		_, replayed, err := h.Settle(t.Context(), again)
		if err == nil && !replayed {
			t.Error("sold twice")
		}
		return err
	}
	for _, same := range []string{"1", "1.0", "1.0000"} {
		if err := repeat(func(s *settle.Sale, _ *settle.Proxy) { s.Lines[0].Quantity = same }); err != nil {
			t.Errorf("quantity %s is another sale: %v", same, err)
		}
	}
	if err := repeat(func(s *settle.Sale, _ *settle.Proxy) { s.Lines[0].UnitPrice = "7.000" }); err != nil {
		t.Errorf("a price of 7.000 is another sale: %v", err)
	}
	for field, change := range map[string]func(*settle.Sale, *settle.Proxy){
		"proxy.agent.id_number": func(_ *settle.Sale, p *settle.Proxy) { p.AgentHash, p.AgentMasked = h.Index(KindAgent, "2"), "钱*" },
		"proxy.agent.name":      func(_ *settle.Sale, p *settle.Proxy) { p.AgentMasked = "钱*" },
		"proxy.agent.phone":     func(_ *settle.Sale, p *settle.Proxy) { p.AgentPhoneHash = h.Index(KindAgent, "phone|2") },
		"proxy.agent.relation":  func(_ *settle.Sale, p *settle.Proxy) { p.Relation = "sibling" },
		"proxy.reason":          func(_ *settle.Sale, p *settle.Proxy) { p.Reason = "disabled" },
		"selected_givers":       func(s *settle.Sale, _ *settle.Proxy) { s.Selected = []settle.PersonID{h.id(h.spouse)} },
		"lines[0].quantity":     func(s *settle.Sale, _ *settle.Proxy) { s.Lines[0].Quantity = "1.01" },
		"lines[0].split":        func(s *settle.Sale, _ *settle.Proxy) { s.Lines[0].Personal[settle.Deductible]++ },
	} {
		err := repeat(change)
		if got := wantCode(t, err, settle.IdempotencyConflict).Members["field"]; got != field {
			t.Errorf("changed %s, named %v", field, got)
		}
	}
	limited := h.bindOrder("Q1", h.stranger, h.patient, settle.Sibling)
	limited.Request.Limit = settle.CapOf(100)
	h.request(limited)
	limited.Request.Limit = settle.CapOf(200)
	_, _, err := h.RequestBinding(t.Context(), limited)
	if got := wantCode(t, err, settle.IdempotencyConflict).Members["field"]; got != "limit" {
		t.Errorf("another limit is named %v", got)
	}
}
