package settle

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func drawRefund(t *rapid.T) (*Rules, *Bill, Plan, RefundInput) {
	rules, bill := drawRules(t), drawBill(t)
	rules.Refund.Mode = rapid.SampledFrom([]RefundMode{RefundCancelResettle, RefundLineOrigin, RefundProportional}).Draw(t, "mode")
	plan := MakePlan(rules, bill)
	in := RefundInput{Day: 20260311, SettledOn: 20260310, Patient: "P", Lines: bill.Lines, Pays: plan.Pays, Cash: plan.Cash}
	for _, line := range bill.Lines {
		of := rapid.Int64Range(0, 7).Draw(t, "of")
		switch {
		case rapid.Bool().Draw(t, "kept"):
		case of == 0:
			in.Returns = append(in.Returns, ReturnPart{Line: line.ID})
		default:
			in.Returns = append(in.Returns, ReturnPart{Line: line.ID, Quantity: rapid.Int64Range(1, of).Draw(t, "quantity"), Of: of})
		}
	}
	return rules, bill, plan, in
}

func sumPays(pays []Pay) (sum Fen) {
	for _, p := range pays {
		sum += p.Amount
	}
	return sum
}

func sumPersonal(lines []Line) (sum Fen) {
	for i := range lines {
		sum += lines[i].PersonalSum()
	}
	return sum
}

// checkRefund is what holds of every refund in every mode.
func checkRefund(t *rapid.T, in RefundInput, out RefundPlan) {
	if out.Refusal != "" {
		t.Fatalf("refused: %s", out.Refusal)
	}
	back, whole := sumPersonal(out.Returned), sumPersonal(in.Lines)
	if sumPays(out.Refunds)+out.CashRefund != back {
		t.Fatalf("refunds %d + cash %d != returned %d", sumPays(out.Refunds), out.CashRefund, back)
	}
	if sumPays(out.Remaining)+out.RemainingCash != whole-back || sumPersonal(out.Kept) != whole-back {
		t.Fatalf("remaining %d + cash %d, kept %d, want %d", sumPays(out.Remaining), out.RemainingCash, sumPersonal(out.Kept), whole-back)
	}
	if out.CashRefund < 0 || out.CashRefund > in.Cash {
		t.Fatalf("cash refund %d of %d", out.CashRefund, in.Cash)
	}
	for i, pay := range in.Pays {
		if out.Back[i] < 0 || out.Back[i] > pay.Amount {
			t.Fatalf("%v gets %d back", pay, out.Back[i])
		}
	}
	checkSplit(t, in, out)
}

// checkSplit holds the parts of the lines to their whole, bucket by bucket.
func checkSplit(t *rapid.T, in RefundInput, out RefundPlan) {
	for _, line := range in.Lines {
		var fund, total Fen
		var personal [BucketCount]Fen
		for _, part := range slices.Concat(out.Kept, out.Returned) {
			if part.ID != line.ID {
				continue
			}
			if part.Total != part.Fund+part.PersonalSum() || part.Fund < 0 {
				t.Fatalf("part of %s does not sum to its total: %+v", line.ID, part)
			}
			fund, total = fund+part.Fund, total+part.Total
			for b := range personal {
				if part.Personal[b] < 0 {
					t.Fatalf("part of %s has %d in bucket %d", line.ID, part.Personal[b], b)
				}
				personal[b] += part.Personal[b]
			}
		}
		if fund != line.Fund || total != line.Total || personal != line.Personal {
			t.Fatalf("parts of %s sum to fund %d total %d %v", line.ID, fund, total, personal)
		}
	}
}

func refundProperty(t *rapid.T) {
	rules, bill, plan, in := drawRefund(t)
	out := MakeRefund(rules, in)
	checkRefund(t, in, out)
	if rules.Refund.Mode == RefundCancelResettle && !slices.Equal(out.NewPays, out.Remaining) {
		t.Fatalf("new pays %v, remaining %v", out.NewPays, out.Remaining)
	}
	if rules.Refund.Mode == RefundLineOrigin {
		checkOrigin(t, plan, in, out)
	}
	// The rest of the sale comes back on top: then everybody has everything back.
	rest := RefundInput{
		Day: in.Day, SettledOn: in.SettledOn, Patient: in.Patient, Lines: out.Kept, Pays: out.Remaining, Cash: out.RemainingCash,
	}
	for _, line := range out.Kept {
		rest.Returns = append(rest.Returns, ReturnPart{Line: line.ID})
	}
	last := MakeRefund(rules, rest)
	checkRefund(t, rest, last)
	if len(last.Remaining) != 0 || last.RemainingCash != 0 || out.FundBack+last.FundBack != sumFund(bill.Lines) {
		t.Fatalf("after everything came back %v and %d cash remain", last.Remaining, last.RemainingCash)
	}
}

func sumFund(lines []Line) (sum Fen) {
	for i := range lines {
		sum += lines[i].Fund
	}
	return sum
}

// checkOrigin compares line_origin, which replays, with the allocation that the plan had stored: two ways to one answer.
func checkOrigin(t *rapid.T, plan Plan, in RefundInput, out RefundPlan) {
	if slices.ContainsFunc(in.Returns, func(r ReturnPart) bool { return r.Of != 0 && r.Quantity != r.Of }) {
		return
	}
	want, cash := make([]Fen, len(in.Pays)), Fen(0)
	for _, a := range plan.Allocations {
		if !slices.ContainsFunc(in.Returns, func(r ReturnPart) bool { return r.Line == a.Line }) {
			continue
		}
		if a.Pay == CashPayer {
			cash += a.Amount
		} else {
			want[a.Pay] += a.Amount
		}
	}
	if !slices.Equal(out.Back, want) || out.CashRefund != cash {
		t.Fatalf("line_origin gives back %v and cash %d; the stored allocation says %v and %d", out.Back, out.CashRefund, want, cash)
	}
}

func TestRefundInvariants(t *testing.T) { rapid.Check(t, refundProperty) }

func FuzzRefund(f *testing.F) { f.Fuzz(rapid.MakeFuzz(refundProperty)) }

// Two returns one after the other give what one return of both gives, in the modes that replay.
func TestRefundInStepsIsRefundAtOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules, bill, plan, _ := drawRefund(t)
		rules.Refund.Mode = rapid.SampledFrom([]RefundMode{RefundCancelResettle, RefundLineOrigin}).Draw(t, "replaying mode")
		base := RefundInput{Day: 20260311, Patient: "P", Lines: bill.Lines, Pays: plan.Pays, Cash: plan.Cash}
		var first, all RefundInput
		first, all = base, base
		var second []ReturnPart
		for _, line := range bill.Lines {
			switch rapid.IntRange(0, 2).Draw(t, "step") {
			case 1:
				first.Returns = append(first.Returns, ReturnPart{Line: line.ID})
			case 2:
				second = append(second, ReturnPart{Line: line.ID})
			}
		}
		all.Returns = slices.Concat(first.Returns, second)
		step := MakeRefund(rules, first)
		then := MakeRefund(rules, RefundInput{
			Day: 20260312, Patient: "P", Lines: step.Kept, Pays: step.Remaining, Cash: step.RemainingCash, Returns: second,
		})
		once := MakeRefund(rules, all)
		if !slices.Equal(then.Remaining, once.Remaining) || then.RemainingCash != once.RemainingCash {
			t.Fatalf("in steps %v and cash %d remain, at once %v and %d", then.Remaining, then.RemainingCash, once.Remaining, once.RemainingCash)
		}
	})
}

func TestSplitLine(t *testing.T) {
	line := Line{ID: "L", Quantity: "3", Total: 1000, Fund: 100, Personal: [BucketCount]Fen{Coinsurance: 100, OwnExpense: 800}}
	part := SplitLine(line, 10000, 30000)
	// A third is 333.33: total 333; floors 33 + 33 + 266 = 332; the missing fen goes to own expense, remainder 0.67.
	if part.Total != 333 || part.Fund != 33 || part.Personal[Coinsurance] != 33 || part.Personal[OwnExpense] != 267 {
		t.Errorf("a third of the line is %+v", part)
	}
	if part.Quantity != "1" {
		t.Errorf("quantity %q, want 1", part.Quantity)
	}
	half := SplitLine(Line{ID: "L", Total: 1, Personal: [BucketCount]Fen{Deductible: 1}}, 1, 2)
	if half.Total != 1 {
		t.Errorf("half of a fen is rounded to %d, want half up", half.Total)
	}
}

func TestRefundByQuantity(t *testing.T) {
	in := RefundInput{
		Day: 20260311, Patient: "P",
		Lines: []Line{{ID: "1", Class: "drug_a", Quantity: "2", Total: 5000, Personal: [BucketCount]Fen{Coinsurance: 5000}}},
		Pays:  []Pay{{"P", PotBalance, 2000}, {"A", PotBalance, 2500}}, Cash: 500,
	}
	in.Returns = []ReturnPart{{Line: "1", Quantity: 10000, Of: 20000}}
	for mode, want := range map[RefundMode][3]Fen{
		RefundCancelResettle: {0, 2000, 500}, RefundLineOrigin: {0, 2000, 500}, RefundProportional: {1000, 1250, 250},
	} {
		rules := DefaultRules()
		rules.Refund.Mode = mode
		out := MakeRefund(rules, in)
		if got := [3]Fen{out.Back[0], out.Back[1], out.CashRefund}; got != want {
			t.Errorf("%s: back %v, want %v", mode, got, want)
		}
		if len(out.Kept) != 1 || out.Kept[0].Quantity != "1" || out.Kept[0].Total != 2500 {
			t.Errorf("%s: kept %+v", mode, out.Kept)
		}
	}
	for _, wrong := range []ReturnPart{{Line: "1", Quantity: 20001, Of: 20000}, {Line: "1", Quantity: 0, Of: 20000}, {Line: "1", Quantity: -1, Of: 20000}} {
		in.Returns = []ReturnPart{wrong}
		if out := MakeRefund(DefaultRules(), in); out.Refusal != ERefundOver {
			t.Errorf("%+v: refusal %q, want %s", wrong, out.Refusal, ERefundOver)
		}
	}
}

// Where the account year starts on 1 July, current money of a sale in June has become prior money in July, and in January it has not.
func TestRefundFollowsTheAccountYear(t *testing.T) {
	rules := DefaultRules()
	rules.Year.Start = "07-01"
	in := RefundInput{
		SettledOn: 20251231, Patient: "P", Lines: []Line{{ID: "1", Class: "drug_a", Personal: [BucketCount]Fen{Coinsurance: 10}, Total: 10}},
		Pays: []Pay{{"P", PotCurrent, 10}}, Returns: []ReturnPart{{Line: "1"}},
	}
	for day, want := range map[Date]Pot{20260101: PotCurrent, 20260630: PotCurrent, 20260701: PotPrior} {
		in.Day = day
		if out := MakeRefund(rules, in); len(out.Refunds) != 1 || out.Refunds[0].Pot != want {
			t.Errorf("on %s the money goes to %v, want %s", day, out.Refunds, want)
		}
	}
}
