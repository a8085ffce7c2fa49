package settle_test

import (
	"testing"

	"pgregory.net/rapid"

	"gongji/settle"
)

// drawSplit draws lines, who paid them, and the figures of another split of the same total.
func drawSplit(rt *rapid.T) settle.AdjustInput {
	fen := func(label string, most settle.Fen) settle.Fen {
		return settle.Fen(rapid.IntRange(0, int(most)).Draw(rt, label))
	}
	in := settle.AdjustInput{Patient: "patient"}
	var personal, total settle.Fen
	for i := range rapid.IntRange(1, 4).Draw(rt, "lines") {
		line := settle.Line{ID: string(rune('1' + i)), Quantity: "1", Fund: fen("fund", 2000)}
		line.Total = line.Fund
		for b := range line.Personal {
			line.Personal[b] = fen("bucket", 500)
			line.Total += line.Personal[b]
		}
		total += line.Total
		personal += line.PersonalSum()
		in.Lines = append(in.Lines, line)
	}
	left := personal
	for _, payer := range []settle.Payer{{Account: "patient", Pot: settle.PotPrior}, {Account: "patient", Pot: settle.PotCurrent}, {Account: "g1", Pot: settle.PotBalance}, {Account: "g2", Pot: settle.PotBalance}} {
		x := fen("pay", left)
		if left -= x; x > 0 {
			in.Pays = append(in.Pays, settle.Pay{Account: payer.Account, Pot: payer.Pot, Amount: x})
		}
		payer.Available = fen("available", 1500)
		in.More = append(in.More, payer)
	}
	in.Cash = left
	f := settle.Figures{Total: total}
	f.Fund = fen("theirs fund", total)
	f.Own = fen("theirs own", total-f.Fund)
	f.Shared = fen("theirs shared", total-f.Fund-f.Own)
	f.Cash = total - f.Fund - f.Own - f.Shared
	in.Theirs = f
	return in
}

// TestAdjustmentComesToTheirFigures: whatever the centre booked, the settlement stands at exactly that afterwards; nobody
// pays more than was available, nobody gets back more than was paid, and what nobody can have paid is a difference.
func TestAdjustmentComesToTheirFigures(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		in := drawSplit(rt)
		plan, ok := settle.MakeAdjustment(in)
		if !ok {
			rt.Fatal("was refused")
		}
		if got := settle.FiguresOf(in.Patient, plan.Lines, plan.Pays, in.Theirs.Cash); got != in.Theirs {
			rt.Fatalf("stands at %+v, want %+v", got, in.Theirs)
		}
		for i := range plan.Lines {
			line := &plan.Lines[i]
			if line.Fund < 0 || line.Fund+line.PersonalSum() != in.Lines[i].Total {
				rt.Fatalf("line %d: %+v", i, line)
			}
			for _, part := range line.Personal {
				if part < 0 {
					rt.Fatalf("line %d: %+v", i, line)
				}
			}
		}
		offered, paid := map[settle.Payer]settle.Fen{}, map[settle.Payer]settle.Fen{}
		for _, p := range in.More {
			offered[settle.Payer{Account: p.Account, Pot: p.Pot}] += p.Available
		}
		for _, p := range in.Pays {
			paid[settle.Payer{Account: p.Account, Pot: p.Pot}] += p.Amount
		}
		var sum settle.Fen
		for _, c := range plan.Changes {
			key := settle.Payer{Account: c.Account, Pot: c.Pot}
			sum += c.Amount
			if c.Pot != settle.PotDifference && (c.Amount > offered[key] || -c.Amount > paid[key]) {
				rt.Fatalf("%v moves %s; offered %s, had paid %s", key, c.Amount, offered[key], paid[key])
			}
		}
		if sum != plan.Delta.Own+plan.Delta.Shared || sum+plan.Delta.Fund+plan.Delta.Cash != 0 {
			rt.Fatalf("changes %v do not sum to %+v", plan.Changes, plan.Delta)
		}
		// The way back is as exact: with the settlement's own figures nothing but the fund's place among the lines differs.
		again, ok := settle.MakeAdjustment(settle.AdjustInput{
			Patient: in.Patient, Lines: plan.Lines, Pays: plan.Pays, Cash: in.Theirs.Cash, Theirs: in.Theirs,
		})
		if !ok || len(again.Changes) != 0 || again.Delta != (settle.Figures{}) {
			rt.Fatalf("adjusting to what stands moves %+v", again)
		}
	})
}

// TestRefundOfAnAdjustedSale: in every mode, returns of an adjusted sale come out even and end with nothing left.
func TestRefundOfAnAdjustedSale(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		in := drawSplit(rt)
		plan, _ := settle.MakeAdjustment(in)
		rules := settle.DefaultRules()
		rules.Refund.Mode = rapid.SampledFrom([]settle.RefundMode{settle.RefundCancelResettle, settle.RefundLineOrigin, settle.RefundProportional}).Draw(rt, "mode")
		lines, pays, cash := plan.Lines, plan.Pays, in.Theirs.Cash
		for len(lines) > 0 {
			back := settle.MakeRefund(rules, settle.RefundInput{
				Patient: in.Patient, Lines: lines, Returns: []settle.ReturnPart{{Line: lines[0].ID}}, Pays: pays, Cash: cash, Forced: true,
			})
			sum := back.CashRefund
			for i, amount := range back.Back {
				if amount < 0 || amount > pays[i].Amount {
					rt.Fatalf("a source gets %s of %s", amount, pays[i].Amount)
				}
				sum += amount
			}
			if back.CashRefund < 0 || back.CashRefund > cash || sum != lines[0].PersonalSum() {
				rt.Fatalf("%s comes back for %s (cash %s of %s)", sum, lines[0].PersonalSum(), back.CashRefund, cash)
			}
			lines, pays, cash = back.Kept, back.Remaining, back.RemainingCash
		}
		if len(pays) != 0 || cash != 0 {
			rt.Fatalf("left over: %v, %s", pays, cash)
		}
	})
}

// TestCashStanding: what is unpaid never exceeds the cash of the settlement, and nobody is handed what they never paid.
func TestCashStanding(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		cash := settle.Fen(rapid.IntRange(0, 1000).Draw(rt, "cash"))
		inTill := cash
		var c settle.CashStanding
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			switch x := settle.Fen(rapid.IntRange(0, 300).Draw(rt, "amount")); rapid.IntRange(0, 3).Draw(rt, "what") {
			case 0:
				cash, c = cash+x, c.Change(x)
			case 1:
				x = min(x, cash)
				cash, c = cash-x, c.Change(-x)
			case 2:
				x = min(x, cash)
				after, handed := c.Return(x)
				if handed < 0 || handed > inTill {
					rt.Fatalf("hands out %s of %s", handed, inTill)
				}
				inTill -= handed
				cash, c = cash-x, after
			case 3: // the open cash changes hands
				inTill, c.Open = inTill+c.Open, 0
			}
			if c.Lost < 0 || c.Unpaid() > cash || inTill != cash-c.Open-c.Lost {
				rt.Fatalf("cash %s, in the till %s, %+v", cash, inTill, c)
			}
		}
	})
}

func TestNoAdjustmentToAnotherTotal(t *testing.T) {
	in := settle.AdjustInput{Patient: "p", Lines: []settle.Line{{ID: "1", Total: 100, Personal: [settle.BucketCount]settle.Fen{settle.Coinsurance: 100}}}, Cash: 100}
	for _, theirs := range []settle.Figures{{Total: 90, Cash: 90}, {Total: 100, Cash: 90}, {Total: 100, Own: -10, Cash: 110}} {
		in.Theirs = theirs
		if _, ok := settle.MakeAdjustment(in); ok {
			t.Errorf("%+v was taken", theirs)
		}
	}
}
