package settle

import (
	"testing"

	"pgregory.net/rapid"
)

// A premium is paid in full or not at all, nobody below the floor, and a refusal moves nothing.
func TestPremiumIsAllOrNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules, bill := drawRules(t), drawBill(t)
		rules.Premium.ThresholdMode = rapid.SampledFrom([]ThresholdMode{ThresholdNone, ThresholdGate, ThresholdExcess}).Draw(t, "mode")
		rules.Premium.Threshold = drawFen(t, "threshold", 2000)
		rules.Premium.SplitAcrossGivers = rapid.Bool().Draw(t, "split")
		in := PremiumInput{
			Day: bill.Day, Patient: bill.Patient, Payer: "G0", Amount: 1 + drawFen(t, "amount", 4000), Year: 2026,
			Accounts: bill.Accounts, Bindings: bill.Bindings, Selected: bill.Selected,
		}
		plan := MakePremium(rules, in)
		if plan.Refusal != "" && len(plan.Pays) > 0 {
			t.Fatalf("refused with %s and pays %v", plan.Refusal, plan.Pays)
		}
		if plan.Refusal == "" && sumPays(plan.Pays) != in.Amount {
			t.Fatalf("pays %v do not sum to %d", plan.Pays, in.Amount)
		}
		byAccount := map[PersonID]Fen{}
		for _, p := range plan.Pays {
			if p.Pot != PotQuota {
				byAccount[p.Account] += p.Amount
			}
		}
		for i := range bill.Accounts {
			a := &bill.Accounts[i]
			if x := byAccount[a.ID]; x > 0 && a.money()-a.Frozen-x < rules.Reserve.MinAfter {
				t.Fatalf("%s is left with less than the floor", a.ID)
			}
		}
	})
}

func TestPremiumExempt(t *testing.T) {
	rules := DefaultRules()
	rules.Premium.ExemptCategories = []string{"disabled_1", "disabled_2"}
	plan := MakePremium(rules, PremiumInput{Day: 20260310, Amount: 100, Categories: []string{"disabled_2"}})
	if plan.Refusal != EPremiumExempt {
		t.Errorf("refusal %q, want %s", plan.Refusal, EPremiumExempt)
	}
}
