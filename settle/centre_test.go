package settle

import (
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestCentrePlanPaysWhatTheCentreSays: whatever the facts and the rules, the own account, the relatives and the cash pay the
// centre's figures to the fen, nobody pays past their money, and every fen of the bill is covered once.
func TestCentrePlanPaysWhatTheCentreSays(t *testing.T) {
	forced, found := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		rules, bill := drawRules(t), drawBill(t)
		own := MakePlan(rules, bill)
		if own.Refusal != "" {
			t.Skip(own.Refusal)
		}
		var total Fen
		for i := range bill.Lines {
			total += bill.Lines[i].Total
		}
		target := Figures{Total: total, Fund: drawFen(t, "centre fund", int64(total))}
		target.Own = drawFen(t, "centre own", int64(total-target.Fund))
		target.Shared = drawFen(t, "centre shared", int64(total-target.Fund-target.Own))
		target.Cash = total - target.Fund - target.Own - target.Shared
		before := append([]Line(nil), bill.Lines...)
		bill.Lines = CentreLines(before, target.Fund)
		plan, word := MakeCentrePlan(rules, bill, target)
		if plan.Refusal != "" {
			t.Fatalf("refused: %s", plan.Refusal)
		}
		if got := FiguresOf("P", bill.Lines, plan.Pays, plan.Cash); got != target {
			t.Fatalf("the plan pays %+v, the centre says %+v", got, target)
		}
		checkCentrePlan(t, rules, bill, &plan, word)
		if word.Forced {
			forced++
		} else {
			found++
		}
	})
	if forced == 0 || found == 0 {
		t.Errorf("%d plans were forced and %d found; the drawing shows one side only", forced, found)
	}
}

func checkCentrePlan(t *rapid.T, rules *Rules, bill *Bill, plan *Plan, word CentreWord) {
	var rest CentreWord
	paid := map[Pay]Fen{}
	for _, pay := range plan.Pays {
		switch {
		case pay.Pot != PotDifference:
			paid[Pay{Account: pay.Account, Pot: pay.Pot}] += pay.Amount
		case pay.Account == "P":
			rest.RestOwn += pay.Amount
		case pay.Account == "":
			rest.RestShared += pay.Amount
		}
	}
	if rest.RestOwn != word.RestOwn || rest.RestShared != word.RestShared || word.Forced != (rest.RestOwn+rest.RestShared > 0) {
		t.Fatalf("the pays leave %+v, the word says %+v", rest, word)
	}
	for i := range bill.Accounts {
		a := &bill.Accounts[i]
		for _, pot := range []Pot{PotBalance, PotCurrent, PotPrior} {
			if taken := paid[Pay{Account: a.ID, Pot: pot}]; taken > 0 && taken > a.free(pot) {
				t.Fatalf("%s pays %s of %s in %s", a.ID, taken, a.free(pot), pot)
			}
		}
	}
	covered := map[string]Fen{}
	for _, a := range plan.Allocations {
		covered[a.Line] += a.Amount
	}
	for i := range bill.Lines {
		line := &bill.Lines[i]
		if covered[line.ID] != line.PersonalSum() || line.Fund < 0 || line.Fund+line.PersonalSum() != line.Total {
			t.Fatalf("line %s is covered with %s of %s", line.ID, covered[line.ID], line.PersonalSum())
		}
	}
	for _, e := range Explain(rules, bill, plan) {
		if e.Taken > 0 && e.Rule == RuleCentre && !strings.Contains(e.Chinese, "中心结算") {
			t.Fatalf("not explained: %s", e.Chinese)
		}
	}
}

// TestCentrePlanOfOurOwnFigures: where the centre says what we would have said, the plan is the same in everything that a
// patient agreed to, so that a quote by one and a settlement by the other have one digest.
func TestCentrePlanOfOurOwnFigures(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules, bill := drawRules(t), drawBill(t)
		own := MakePlan(rules, bill)
		if own.Refusal != "" {
			t.Skip(own.Refusal)
		}
		target := FiguresOf("P", bill.Lines, own.Pays, own.Cash)
		plan, word := MakeCentrePlan(rules, bill, target)
		if !reflect.DeepEqual(word, CentreWord{}) || bill.Digest(PolicyRef{}, &plan) != bill.Digest(PolicyRef{}, &own) {
			t.Fatalf("another plan: %+v\n%+v\n%+v", word, plan, own)
		}
	})
}

// TestForcedRefund: what the centre took past our scopes comes back to whoever paid it.
func TestForcedRefund(t *testing.T) {
	rules := DefaultRules()
	bill := &Bill{
		Day: 20260310, Patient: Person{ID: "P", Status: StatusNormal, Area: "430100"}, Presenter: Presenter{SamePerson: true},
		Credential: Credential{Kind: CredentialCard, Owner: "P"}, VenueDesignated: true, MedGroup: Pharmacy,
		Accounts: []Account{{ID: "P", Status: StatusNormal, Area: "430100", Balance: 1000}},
		Lines: []Line{
			{ID: "1", Class: "food", Total: 600, NoCode: true, Personal: [BucketCount]Fen{OwnExpense: 600}},
			{ID: "2", Class: "drug_a", Total: 400, NoCode: true, Personal: [BucketCount]Fen{Coinsurance: 400}},
		},
	}
	plan, word := MakeCentrePlan(rules, bill, Figures{Total: 1000, Own: 700, Shared: 200, Cash: 100})
	if !word.Forced || word.RestOwn != 300 || word.RestShared != 200 {
		t.Fatalf("the scope let %+v", word)
	}
	for _, mode := range []RefundMode{RefundCancelResettle, RefundLineOrigin, RefundProportional} {
		rules.Refund.Mode = mode
		back := MakeRefund(rules, RefundInput{
			Day: 20260310, Patient: "P", Lines: bill.Lines, Pays: plan.Pays, Cash: plan.Cash, Returns: []ReturnPart{{Line: "1"}}, Forced: true,
		})
		sum := back.CashRefund
		for _, amount := range back.Back {
			sum += amount
		}
		if back.Refusal != "" || sum != 600 {
			t.Errorf("%s gives %s of 6.00 back: %+v", mode, sum, back)
		}
	}
}
