package settle

import (
	"math/bits"
	"slices"

	"github.com/shopspring/decimal"
)

// ReturnPart is what comes back of one line. Of 0 returns the whole line; otherwise Quantity of the Of units that are still
// sold come back, both in the same unit ([QuantityUnits]).
type ReturnPart struct {
	Line     string
	Quantity int64
	Of       int64
}

// RefundInput is everything a refund depends on. Lines, Pays and Cash are the settlement as it stands now: for a
// second refund the Kept, Remaining and RemainingCash of the plan of the first. The pays and the cash sum to the
// personal share of all lines.
type RefundInput struct {
	Day       Date // of the refund
	SettledOn Date // of the settlement; 0: unknown, then no pot moves to the next year
	Patient   PersonID
	MedGroup  MedGroup // of the settlement; its scope decides what each payer may have paid
	Lines     []Line
	Returns   []ReturnPart
	Pays      []Pay // in the order in which they were made, with their original pots
	Cash      Fen
	// Forced: the centre decided who pays, past our scopes; so any payer may have paid any part.
	Forced bool
}

// RefundPlan is the answer to a refund. The refunds and the cash refund sum to the personal share of Returned.
type RefundPlan struct {
	Refusal    Reason
	Refunds    []Pay // where money goes, by account and pot, in the order of the pays; pots as they are called today
	Back       []Fen // the same by index of RefundInput.Pays
	CashRefund Fen
	FundBack   Fen   // the fund part of what came back; the centre takes it back, nobody here gets it
	NewPays    []Pay // cancel_resettle: what the payers pay for the kept lines, with the original pots

	Returned      []Line // what came back, with its part of every bucket
	Kept          []Line // what stays sold; a line that came back whole is not in it
	Remaining     []Pay  // what the payers have paid after the refund, pots as in Pays
	RemainingCash Fen
}

// MakeRefund decides who gets back what (SEMANTICS section 6). It moves money back only: it never debits anyone and
// never asks for cash, and nothing of today (bindings, statuses, caps, order) is consulted. The payers and their order
// are those of the settlement.
//
// A line that comes back in part is treated as two lines. Its fund part and its buckets are split by [SplitLine], and
//   - cancel_resettle pays the kept part again like any kept line;
//   - line_origin gives a bucket's returned part back to those who paid the bucket, the last payer first, cash before
//     all, which is what the allocation of the kept part alone would have left over;
//   - proportional needs no more than the returned amount.
//
// The only refusal is E_REFUND_OVER: a line that was not sold, that is named twice, or more of it than was sold.
func MakeRefund(rules *Rules, in RefundInput) RefundPlan {
	var plan RefundPlan
	returned, ok := returnedParts(in)
	if !ok {
		return RefundPlan{Refusal: ERefundOver}
	}
	for i := range in.Lines {
		if returned[i].some {
			plan.Returned = append(plan.Returned, returned[i].part)
			plan.FundBack += returned[i].part.Fund
		}
		if !returned[i].whole {
			plan.Kept = append(plan.Kept, subtractLine(in.Lines[i], returned[i]))
		}
	}
	plan.Back = make([]Fen, len(in.Pays))
	switch rules.Refund.Mode {
	case RefundLineOrigin:
		plan.refundByOrigin(rules, in, returned)
	case RefundProportional:
		plan.refundProportionally(in)
	default:
		plan.cancelAndResettle(rules, in)
	}
	plan.book(rules, in)
	return plan
}

// lineReturn is the part of a line that comes back.
type lineReturn struct {
	part        Line
	some, whole bool
}

// returnedParts is, for each line of the bill, the part that comes back.
func returnedParts(in RefundInput) ([]lineReturn, bool) {
	returned := make([]lineReturn, len(in.Lines))
	for _, back := range in.Returns {
		i := slices.IndexFunc(in.Lines, func(l Line) bool { return l.ID == back.Line })
		if i < 0 || returned[i].some {
			return nil, false
		}
		if back.Of != 0 && (back.Quantity <= 0 || back.Quantity > back.Of) {
			return nil, false
		}
		whole := back.Quantity == back.Of || back.Of == 0
		part := in.Lines[i]
		if !whole {
			part = SplitLine(part, back.Quantity, back.Of)
		}
		returned[i] = lineReturn{part: part, some: true, whole: whole}
	}
	return returned, true
}

// QuantityUnits is a quantity text in ten-thousandths, the finest step a quantity has.
func QuantityUnits(text string) (int64, error) {
	q, err := ParseQuantity(text)
	if err != nil {
		return 0, err
	}
	return q.Shift(4).IntPart(), nil
}

// SplitLine is the part of a line that quantity of its of units make up, 0 < quantity ≤ of. The part's total is the
// line's total × quantity / of, rounded half up to fen. Its fund part and its six buckets are each floored, and the fen
// still missing to that total go, one each, to the largest remainders (ties: fund first, then the buckets in their
// order); so the part sums to its total, and part and remainder sum to the line, bucket by bucket. Where the line's
// Quantity is of units, the part's is quantity units. Trace codes are not split: only the ledger knows which box came back.
func SplitLine(line Line, quantity, of int64) Line {
	amounts := make([]Fen, 0, BucketCount+1)
	amounts = append(amounts, line.Fund)
	amounts = append(amounts, line.Personal[:]...)
	num, den := uint64(quantity), uint64(of)
	hi, lo := bits.Mul64(uint64(line.Total), num)
	total, remainder := bits.Div64(hi, lo, den)
	if remainder >= den-remainder {
		total++
	}
	shares := apportion(amounts, num, den, Fen(total))
	part := line
	part.Total, part.Fund = Fen(total), shares[0]
	copy(part.Personal[:], shares[1:])
	if units, err := QuantityUnits(line.Quantity); err == nil && units == of {
		part.Quantity = decimal.New(quantity, -4).String()
	}
	return part
}

// subtractLine is what of a line stays sold.
func subtractLine(line Line, back lineReturn) Line {
	if !back.some {
		return line
	}
	line.Total -= back.part.Total
	line.Fund -= back.part.Fund
	for b := range line.Personal {
		line.Personal[b] -= back.part.Personal[b]
	}
	whole, wholeErr := QuantityUnits(line.Quantity)
	part, partErr := QuantityUnits(back.part.Quantity)
	if wholeErr == nil && partErr == nil && part < whole {
		line.Quantity = decimal.New(whole-part, -4).String()
	}
	return line
}

// cancelAndResettle cancels everything and lets the same payers pay the kept lines again, each at most what it paid.
func (p *RefundPlan) cancelAndResettle(rules *Rules, in RefundInput) {
	left := newRest(p.Kept, rules, in.MedGroup)
	left.all = in.Forced
	for i, pay := range in.Pays {
		kind := scopeOf(pay.Account, pay.Pot, in.Patient)
		x := min(pay.Amount, left.payable(kind))
		left.take(kind, x, ignorePart)
		p.Back[i] = pay.Amount - x
		if x > 0 {
			p.NewPays = append(p.NewPays, Pay{Account: pay.Account, Pot: pay.Pot, Amount: x})
		}
	}
	p.CashRefund = max(0, in.Cash-left.total())
}

func ignorePart(int, Bucket, Fen) {}

// refundByOrigin replays the allocation of the settlement and gives every payer what it paid for the returned parts.
func (p *RefundPlan) refundByOrigin(rules *Rules, in RefundInput, returned []lineReturn) {
	left := newRest(in.Lines, rules, in.MedGroup)
	left.all = in.Forced
	// kept is what of each bucket stays sold: the first payers keep paying it, what exceeds it goes back.
	kept := make([][BucketCount]Fen, len(in.Lines))
	for i := range in.Lines {
		for b := range kept[i] {
			kept[i][b] = in.Lines[i].Personal[b] - returned[i].part.Personal[b]
		}
	}
	for i, pay := range in.Pays {
		kind := scopeOf(pay.Account, pay.Pot, in.Patient)
		left.take(kind, min(pay.Amount, left.payable(kind)), func(line int, bucket Bucket, amount Fen) {
			stays := min(amount, kept[line][bucket])
			kept[line][bucket] -= stays
			p.Back[i] += amount - stays
		})
	}
	for i := range in.Lines {
		for b, open := range left.open[i] {
			p.CashRefund += open - kept[i][b]
		}
	}
}

// refundProportionally gives every payer, cash as the last one, its share of the returned amount; the fen that floors
// leave over go to the largest remainders, ties in payer order.
func (p *RefundPlan) refundProportionally(in RefundInput) {
	amounts := make([]Fen, 0, len(in.Pays)+1)
	for _, pay := range in.Pays {
		amounts = append(amounts, pay.Amount)
	}
	amounts = append(amounts, in.Cash)
	var whole, part Fen
	for _, amount := range amounts {
		whole += amount
	}
	for i := range p.Returned {
		part += p.Returned[i].PersonalSum()
	}
	shares := apportion(amounts, uint64(min(part, whole)), uint64(whole), min(part, whole))
	copy(p.Back, shares)
	p.CashRefund = shares[len(in.Pays)]
}

// apportion gives each amount floor(amount × num / den) and hands what is missing to target out, one fen each, to the
// largest remainders, ties in order. amounts are at most den or num at most den, so that no quotient exceeds 64 bits;
// the product has 128 (SEMANTICS section 10).
func apportion(amounts []Fen, num, den uint64, target Fen) []Fen {
	shares := make([]Fen, len(amounts))
	if den == 0 {
		return shares
	}
	remainders := make([]uint64, len(amounts))
	missing := target
	for i, amount := range amounts {
		hi, lo := bits.Mul64(uint64(amount), num)
		quotient, remainder := bits.Div64(hi, lo, den)
		shares[i], remainders[i] = Fen(quotient), remainder
		missing -= Fen(quotient)
	}
	for ; missing > 0; missing-- {
		best := -1
		for i, remainder := range remainders {
			if remainder > 0 && (best < 0 || remainder > remainders[best]) {
				best = i
			}
		}
		if best < 0 {
			break
		}
		shares[best]++
		remainders[best] = 0
	}
	return shares
}

// book fills Refunds and what remains: a refund goes to the pot it came from, except that money of a past account
// year's current pot goes to prior, because that is what it has become.
func (p *RefundPlan) book(rules *Rules, in RefundInput) {
	turned := in.SettledOn != 0 && rules.AccountYear(in.SettledOn) != rules.AccountYear(in.Day)
	p.RemainingCash = in.Cash - p.CashRefund
	for i, pay := range in.Pays {
		if kept := pay.Amount - p.Back[i]; kept > 0 {
			p.Remaining = append(p.Remaining, Pay{Account: pay.Account, Pot: pay.Pot, Amount: kept})
		}
		if p.Back[i] == 0 {
			continue
		}
		if turned && pay.Pot == PotCurrent {
			pay.Pot = PotPrior
		}
		at := slices.IndexFunc(p.Refunds, func(r Pay) bool { return r.Account == pay.Account && r.Pot == pay.Pot })
		if at < 0 {
			at = len(p.Refunds)
			p.Refunds = append(p.Refunds, Pay{Account: pay.Account, Pot: pay.Pot})
		}
		p.Refunds[at].Amount += p.Back[i]
	}
}
