package ledger

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gongji/settle"
)

// purse is the family's money in a few lines: every fen that left an account and came back.
type purse struct {
	*house
	rt       *rapid.T
	n        int
	left     map[settle.PersonID]settle.Fen
	sales    map[string]int // settlement → units left
	premiums map[string]human
	paid     map[string]settle.Fen
}

func (p *purse) next(prefix string) string {
	p.n++
	return fmt.Sprintf("%s%d", prefix, p.n)
}

func (p *purse) move(postings []settle.Posting) {
	for _, posting := range postings {
		if posting.After < 0 {
			p.rt.Fatalf("a posting left %s", posting.After)
		}
		p.left[posting.Person] -= posting.Amount
	}
}

// refusedOr fails on anything but a refusal of the rules.
func (p *purse) refusedOr(err error) bool {
	var e *settle.Error
	if err == nil {
		return false
	}
	if !errors.As(err, &e) || e.Code != settle.RuleRefused {
		p.rt.Fatalf("error %v", err)
	}
	return true
}

func (p *purse) sell() {
	n, price := rapid.IntRange(1, 3).Draw(p.rt, "units"), rapid.IntRange(1, 3000).Draw(p.rt, "price")
	who := rapid.SampledFrom([]human{p.patient, p.child, p.spouse}).Draw(p.rt, "who")
	s := p.settle(p.order(who, units("1", fmt.Sprint(n), settle.Fen(price), 0, settle.Fen(price*n))))
	p.move(s.Postings)
	p.sales[s.ID] = n
}

func (p *purse) giveSomethingBack() {
	if len(p.sales) > 0 {
		id := slices.Min(slices.Collect(maps.Keys(p.sales)))
		n := p.sales[id]
		units := rapid.IntRange(1, n).Draw(p.rt, "back")
		back := p.giveBack(giveBack(p.next("R"), id, settle.ReturnLine{ID: "1", Quantity: fmt.Sprint(units)}))
		p.move(back.Postings)
		if p.sales[id] = n - units; p.sales[id] == 0 {
			delete(p.sales, id)
		}
	}
}

func (p *purse) premium() {
	payer := rapid.SampledFrom([]human{p.spouse, p.daughter}).Draw(p.rt, "payer")
	order := p.premiumOrder(p.next("P"), payer, p.patient, settle.Fen(rapid.IntRange(1, 15000).Draw(p.rt, "amount")))
	order.Premium.Year = 2027 + rapid.IntRange(0, 9).Draw(p.rt, "year")
	view, _, err := p.PayPremium(p.t.Context(), order)
	if p.refusedOr(err) {
		return
	}
	p.move(view.Postings)
	p.premiums[view.ID], p.paid[view.ID] = payer, order.Premium.Amount
}

func (p *purse) cancel() {
	if len(p.premiums) > 0 {
		id := slices.Min(slices.Collect(maps.Keys(p.premiums)))
		payer := p.premiums[id]
		back, _, err := p.CancelPremium(p.t.Context(), p.cancelOrder(p.next("X"), id, payer))
		if err != nil {
			p.rt.Fatal(err)
		}
		var sum settle.Fen
		for _, posting := range back.Postings {
			sum -= posting.Amount
		}
		if sum != p.paid[id] {
			p.rt.Fatalf("%s came back of %s", sum, p.paid[id])
		}
		p.move(back.Postings)
		delete(p.premiums, id)
	}
}

func (p *purse) check() {
	for _, who := range []human{p.patient, p.daughter, p.spouse} {
		if left, got := p.left[p.id(who)], p.available(who); left < 0 || got != left {
			p.rt.Fatalf("%s has %s, counted %s", who.card, got, left)
		}
	}
}

// TestNothingIsOverdrawn: sales, refunds, contributions, cancellations and restarts in any order leave no account below
// zero, count every fen once, and verify.
func TestNothingIsOverdrawn(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := newHouse(t)
		defer func() { _ = h.Close() }()
		p := &purse{
			house: h, rt: rt, sales: map[string]int{}, premiums: map[string]human{}, paid: map[string]settle.Fen{},
			left: map[settle.PersonID]settle.Fen{h.id(h.patient): 1000, h.id(h.daughter): 5000, h.id(h.spouse): 20000},
		}
		for range rapid.IntRange(4, 16).Draw(rt, "steps") {
			h.clock.add(time.Second)
			switch rapid.IntRange(0, 9).Draw(rt, "what") {
			case 0, 1, 2:
				p.sell()
			case 3, 4:
				p.giveSomethingBack()
			case 5, 6, 7:
				p.premium()
			case 8:
				p.cancel()
			case 9:
				p.reopen()
			}
			p.check()
		}
		if report, err := h.Verify(t.Context(), nil); err != nil || !report.OK() {
			rt.Fatalf("verify: %v, %v", report.Findings, err)
		}
	})
}
