package settle

import (
	"slices"
	"time"
)

// PotDifference stands for money that the centre says an account paid and that no account known here can have paid. It is
// no pot: nothing is posted for it, it counts in the figures, and a person finds out whose it is. A pay of it names the
// patient for the own account and nobody for a relative's.
const PotDifference Pot = "difference"

// Payer is a pot from which more may be taken, with what it offers now.
type Payer struct {
	Account   PersonID
	Pot       Pot
	Available Fen
}

// AdjustInput is a settlement as it stands and the split that the centre has booked for it.
type AdjustInput struct {
	Patient PersonID
	Lines   []Line
	Pays    []Pay // in the order in which they were made; with the cash they sum to the personal share of the lines
	Cash    Fen
	Theirs  Figures // the centre's
	More    []Payer // who may be asked for more, in the order of the plan: own pots and relatives', in any mixture
}

// AdjustPlan is how a settlement comes to the centre's figures. The changes and the change of the cash and of the fund's
// part sum to 0.
type AdjustPlan struct {
	Lines   []Line // with the fund's part moved
	Pays    []Pay  // what everybody pays afterwards
	Changes []Pay  // what is taken more, or negative given back, by account and pot; PotDifference among them
	Delta   Figures
}

// MakeAdjustment brings a settlement to the centre's figures, which stand whatever our own rules say. Where an account group pays less, the last payer gives back first; where it pays more, money is taken in the
// order of the plan within what is available, and the rest is a difference. ok is false where the centre's total is not
// the total of the lines, or its figures contradict themselves: then nothing can be adjusted.
func MakeAdjustment(in AdjustInput) (plan AdjustPlan, ok bool) {
	var total, fund Fen
	for i := range in.Lines {
		total += in.Lines[i].Total
		fund += in.Lines[i].Fund
	}
	f := in.Theirs
	if f.Total != total || f.Fund+f.Own+f.Shared+f.Cash != total || min(f.Fund, f.Own, f.Shared, f.Cash) < 0 {
		return plan, false
	}
	was := FiguresOf(in.Patient, in.Lines, in.Pays, in.Cash)
	plan.Delta = Figures{Fund: f.Fund - was.Fund, Own: f.Own - was.Own, Shared: f.Shared - was.Shared, Cash: f.Cash - was.Cash}
	plan.Pays = slices.Clone(in.Pays)
	plan.move(&in, false, plan.Delta.Own)
	plan.move(&in, true, plan.Delta.Shared)
	plan.Pays = slices.DeleteFunc(plan.Pays, func(p Pay) bool { return p.Amount == 0 })
	plan.Lines = moveFund(in.Lines, f.Fund-fund)
	return plan, true
}

// FiguresOf re-adds a settlement from its lines, pays and cash.
func FiguresOf(patient PersonID, lines []Line, pays []Pay, cash Fen) Figures {
	f := Figures{Cash: cash}
	for i := range lines {
		f.Total += lines[i].Total
		f.Fund += lines[i].Fund
	}
	for _, pay := range pays {
		if pay.Shares(patient) {
			f.Shared += pay.Amount
		} else {
			f.Own += pay.Amount
		}
	}
	return f
}

// move takes more from one group of payers, or gives back to it.
func (p *AdjustPlan) move(in *AdjustInput, shared bool, delta Fen) {
	if delta < 0 {
		p.giveBack(in.Patient, shared, -delta)
		return
	}
	for _, payer := range in.More {
		if delta == 0 {
			return
		}
		if (payer.Account != in.Patient) != shared {
			continue
		}
		x := min(delta, max(0, payer.Available))
		p.change(payer.Account, payer.Pot, x)
		delta -= x
	}
	rest := Pay{Account: in.Patient}
	if shared {
		rest.Account = ""
	}
	p.change(rest.Account, PotDifference, delta)
}

// giveBack returns money of a group, a difference first, then the last payer.
func (p *AdjustPlan) giveBack(patient PersonID, shared bool, amount Fen) {
	for _, difference := range []bool{true, false} {
		for i := len(p.Pays) - 1; i >= 0 && amount > 0; i-- {
			pay := p.Pays[i]
			if pay.Shares(patient) != shared || (pay.Pot == PotDifference) != difference {
				continue
			}
			x := min(amount, pay.Amount)
			p.change(pay.Account, pay.Pot, -x)
			amount -= x
		}
	}
}

// change books a change with a payer, who is added behind the others where new.
func (p *AdjustPlan) change(account PersonID, pot Pot, amount Fen) {
	if amount == 0 {
		return
	}
	add := func(list []Pay) []Pay {
		for i := len(list) - 1; i >= 0; i-- {
			if pay := &list[i]; pay.Account == account && pay.Pot == pot && pay.Amount+amount >= 0 {
				pay.Amount += amount
				return list
			}
		}
		return append(list, Pay{Account: account, Pot: pot, Amount: amount})
	}
	p.Pays = add(p.Pays)
	if i := slices.IndexFunc(p.Changes, func(c Pay) bool { return c.Account == account && c.Pot == pot }); i >= 0 {
		p.Changes[i].Amount += amount
		return
	}
	p.Changes = append(p.Changes, Pay{Account: account, Pot: pot, Amount: amount})
}

// fundBuckets is the order in which the fund takes over personal shares: what lies within the scheme first, what the
// patient bears alone last.
var fundBuckets = [BucketCount]Bucket{Coinsurance, Deductible, FirstSelfPay, OverLimit, AboveCap, OwnExpense}

// moveFund moves delta of the personal shares to the fund, or negative back: in proportion to what each line has of it, the
// fen that floors leave over to the largest remainders. What comes back from the fund is co-insurance.
func moveFund(lines []Line, delta Fen) []Line {
	moved := slices.Clone(lines)
	if delta == 0 {
		return moved
	}
	amounts := make([]Fen, len(lines))
	var whole Fen
	for i := range lines {
		if amounts[i] = lines[i].Fund; delta > 0 {
			amounts[i] = lines[i].PersonalSum()
		}
		whole += amounts[i]
	}
	size := max(delta, -delta)
	shares := apportion(amounts, uint64(size), uint64(whole), size)
	for i := range moved {
		line, share := &moved[i], shares[i]
		if delta < 0 {
			line.Fund -= share
			line.Personal[Coinsurance] += share
			continue
		}
		line.Fund += share
		for _, b := range fundBuckets {
			x := min(share, line.Personal[b])
			line.Personal[b] -= x
			share -= x
		}
	}
	return moved
}

// CashStanding is what became of the cash of a settlement that was adjusted.
type CashStanding struct {
	Open Fen `json:"open"` // to be collected from the patient, or negative: to be paid back
	Lost Fen `json:"lost"` // written off: part of the cash that the patient never paid
}

// Unpaid is what of the cash the patient has not paid.
func (c CashStanding) Unpaid() Fen { return max(0, c.Open) + c.Lost }

// Change moves the cash of the settlement: more is to be collected; less is first not collected any more, then not lost
// any more, and the rest is to be paid back.
func (c CashStanding) Change(delta Fen) CashStanding {
	if delta >= 0 {
		c.Open += delta
		return c
	}
	owed := -delta
	x := min(owed, max(0, c.Open))
	c.Open, owed = c.Open-x, owed-x
	x = min(owed, c.Lost)
	c.Lost, owed = c.Lost-x, owed-x
	c.Open -= owed
	return c
}

// Return takes cash that comes back off what was never paid: only the rest is handed out.
func (c CashStanding) Return(cash Fen) (after CashStanding, handed Fen) {
	x := min(cash, max(0, c.Open))
	y := min(cash-x, c.Lost)
	c.Open, c.Lost = c.Open-x, c.Lost-y
	return c, cash - x - y
}

// AdjustCause is why a settlement's split was changed after it was made.
type AdjustCause string

// The causes.
const (
	AdjustCentre   AdjustCause = "centre"    // the centre booked another split, which stands
	AdjustCollect  AdjustCause = "collect"   // the centre refused the sale: the patient paid it in cash
	AdjustWriteOff AdjustCause = "write_off" // the same, and the shop bears it; or cash that nobody will collect
	AdjustPaid     AdjustCause = "paid"      // the open cash was collected, or paid back
)

// Adjustment is one change of a settlement's split.
type Adjustment struct {
	ID         string       `json:"id"`
	Settlement string       `json:"settlement_id"`
	Cause      AdjustCause  `json:"cause"`
	Transit    bool         `json:"transit,omitempty"` // the goods were back before: it goes with the cancellation
	At         time.Time    `json:"at"`
	Before     Figures      `json:"before"` // as the settlement stood
	After      Figures      `json:"after"`
	Postings   []Posting    `json:"postings"`               // account money taken more, negative given back
	RestOwn    Fen          `json:"rest_own,omitempty"`     // difference, own account
	RestShared Fen          `json:"rest_shared,omitempty"`  // difference, relatives
	Cash       CashStanding `json:"cash"`                   // afterwards
	Operator   Operator     `json:"operator,omitzero"`      // who decided; zero for the centre
	Note       string       `json:"note,omitempty"`         // of the decision
	Settled    Fen          `json:"settled_cash,omitempty"` // AdjustPaid: cash that changed hands, negative to the patient
	Written    Fen          `json:"written_off,omitempty"`  // AdjustWriteOff: what the shop bears
}

// Decision is what a person decides about an item of the work list.
type Decision string

// The decisions. Which of them an item allows is listed with it.
const (
	DecideNone        Decision = ""             // seen; nothing follows from it
	DecideReReport    Decision = "re_report"    // send a refused report again, or one whose row the centre has lost
	DecideCollect     Decision = "collect"      // a refused sale: the patient has paid it in cash
	DecideWriteOff    Decision = "write_off"    // the shop bears a refused sale, or open cash
	DecideCashSettled Decision = "cash_settled" // open cash was collected, or paid back
	DecideAdopt       Decision = "adopt"        // a sale that is held since a restore: the centre has it, and its booking is taken over
)

// AttentionOrder is a decision on its way to the ledger.
type AttentionOrder struct {
	ID       int64
	Decision Decision
	Operator Operator
	Note     string
}

// Chinese says what changed and why, for the cashier and the slip.
func (a *Adjustment) Chinese() string {
	switch a.Cause {
	case AdjustCollect:
		return "医保中心未予结算，已改为现金支付 " + a.Settled.String() + " 元，账户款项已退回。"
	case AdjustWriteOff:
		return "本店承担 " + a.Written.String() + " 元。"
	case AdjustPaid:
		if a.Settled < 0 {
			return "差额现金 " + (-a.Settled).String() + " 元已退还患者。"
		}
		return "差额现金 " + a.Settled.String() + " 元已补收。"
	}
	return "医保中心入账的分摊与本机不同，以中心为准：" + a.changes()
}

// English is the same for the integrator.
func (a *Adjustment) English() string {
	switch a.Cause {
	case AdjustCollect:
		return "The centre refused the sale; it was paid in cash, and the account money went back."
	case AdjustWriteOff:
		return "The shop bears " + a.Written.String() + " yuan."
	case AdjustPaid:
		return "The open cash of " + a.Settled.String() + " yuan changed hands."
	}
	return "The centre booked another split, which stands: fund " + a.After.Fund.String() + ", own " + a.After.Own.String() +
		", shared " + a.After.Shared.String() + ", cash " + a.After.Cash.String() + "."
}

// changes lists the sums that are not as before.
func (a *Adjustment) changes() string {
	text := ""
	for _, sum := range []struct {
		name        string
		before, now Fen
	}{
		{"统筹基金", a.Before.Fund, a.After.Fund}, {"本人账户", a.Before.Own, a.After.Own},
		{"家庭共济", a.Before.Shared, a.After.Shared}, {"现金", a.Before.Cash, a.After.Cash},
	} {
		if sum.before != sum.now {
			if text != "" {
				text += "，"
			}
			text += sum.name + " " + sum.before.String() + "→" + sum.now.String()
		}
	}
	return text + "。"
}

// Explain is an adjustment as a sentence of the settlement's explanation.
func (a *Adjustment) Explain() Explanation {
	return Explanation{
		Payable: a.After.Own + a.After.Shared, Taken: a.After.Own + a.After.Shared, Rule: RuleAdjusted,
		Source:  Citation{Policy: "law", Confidence: ConfidenceGov, Titles: []string{"医保结算以医保中心入账的结果为准"}},
		Chinese: a.Chinese(), English: a.English(),
	}
}

// RuleAdjusted is the rule key of what was changed after a settlement was made.
const RuleAdjusted = "law.centre_stands"
