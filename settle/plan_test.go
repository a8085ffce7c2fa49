package settle

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// drawRules draws a policy from every corner of the rules that the planner reads.
func drawRules(t *rapid.T) *Rules {
	r := DefaultRules()
	r.ShareFrom = rapid.SampledFrom([]ShareFrom{ShareBalance, SharePriorOnly, ShareMutualOnly}).Draw(t, "share_from")
	r.Pots = rapid.SampledFrom([]Pots{PotsSingle, PotsCurrentPriorMutual}).Draw(t, "pots")
	r.Own.First = rapid.Bool().Draw(t, "own.first")
	r.Own.Gate = rapid.SampledFrom([]Gate{GateSplit, GateSplit, GateZeroOnly}).Draw(t, "own.gate")
	r.Own.PotOrder = rapid.SampledFrom([][]Pot{
		{PotBalance, PotCurrent, PotPrior}, {PotPrior, PotCurrent, PotBalance}, {PotPrior}, {PotPrior, PotMutual, PotCurrent},
	}).Draw(t, "own.pot_order")
	r.Order.Source = rapid.SampledFrom([]OrderSource{
		OrderBoundRank, OrderBindTimeAsc, OrderBindTimeDesc, OrderBalanceDesc, OrderManualSelect, OrderSingle,
	}).Draw(t, "order.source")
	r.Order.TieBreak = rapid.SampledFrom([]TieBreak{TieName, TieBindTime, TieID}).Draw(t, "order.tiebreak")
	r.Order.MaxGiversPerSettlement = rapid.IntRange(0, 3).Draw(t, "order.max_givers")
	r.Caps.GiverLimitScope = rapid.SampledFrom([]LimitScope{LimitAll, LimitEach}).Draw(t, "limit_scope")
	r.Caps.SettlementPerGiver = drawCap(t, "per_giver")
	r.Caps.SettlementSharedTotal = drawCap(t, "shared_total")
	r.Caps.DaySharedPerBeneficiary = drawCap(t, "day_shared")
	r.Caps.DayPerGiver = drawCap(t, "day_per_giver")
	r.Caps.YearPharmacyTotal = drawCap(t, "year_pharmacy")
	r.Order.SamePoolFirst = rapid.Bool().Draw(t, "same_pool_first")
	r.Reserve.MinAfter = drawFen(t, "reserve", 500)
	if rapid.Bool().Draw(t, "special scope") {
		r.Scope.Shared = Scope{Buckets: []string{"dedc", "ratio"}, FullOK: []string{"drug_out"}}
		r.Scope.OwnPrior = Scope{FullOK: []string{"drug_a", "drug_out"}}
	}
	return r
}

func drawFen(t *rapid.T, name string, most int64) Fen {
	return Fen(rapid.Int64Range(0, most).Draw(t, name))
}

func drawCap(t *rapid.T, name string) Cap {
	if rapid.IntRange(0, 2).Draw(t, name+" set") > 0 {
		return Cap{}
	}
	return CapOf(drawFen(t, name, 3000))
}

func drawLine(t *rapid.T, i int) Line {
	line := Line{
		ID:    fmt.Sprintf("L%d", i),
		Class: rapid.SampledFrom([]string{"drug_a", "drug_out", "device_reg", "food", "vaccine_other"}).Draw(t, "class"),
		Fund:  drawFen(t, "fund", 1000), NoCode: true,
	}
	for b := range line.Personal {
		line.Personal[b] = drawFen(t, BucketNames[b], 800)
	}
	line.Total = line.Fund + line.PersonalSum()
	return line
}

func drawAccount(t *rapid.T, id PersonID) Account {
	a := Account{
		ID: id, Name: rapid.SampledFrom([]string{"甲", "乙", "Z", "a"}).Draw(t, "name"), Area: rapid.SampledFrom([]string{"430100", "430200"}).Draw(t, "area"),
		Status:  rapid.SampledFrom([]Status{StatusNormal, StatusNormal, StatusNormal, StatusPaused, StatusDeceased}).Draw(t, "status"),
		TwoPots: rapid.Bool().Draw(t, "two pots"), Frozen: drawFen(t, "frozen", 600),
		Limit: drawCap(t, "limit"), LimitUsed: drawFen(t, "limit used", 600),
	}
	if a.TwoPots {
		a.Current, a.Prior = drawFen(t, "current", 3000), drawFen(t, "prior", 3000)
		a.Mutual = drawFen(t, "mutual", 3000)
	} else {
		a.Balance = drawFen(t, "balance", 5000)
	}
	return a
}

func drawBill(t *rapid.T) *Bill {
	bill := &Bill{
		Day: 20260310, Patient: Person{ID: "P", Status: StatusNormal, Area: "430100"}, Presenter: Presenter{SamePerson: true},
		Credential: Credential{Kind: CredentialCard, Owner: "P"}, VenueDesignated: true, MedGroup: Pharmacy,
		Usage:      Usage{DayShared: drawFen(t, "day used", 1000), YearPharmacyPaid: drawFen(t, "year used", 1000)},
		GiverUsage: map[PersonID]Usage{"G0": {DayShared: drawFen(t, "given", 1000)}},
	}
	for i := range rapid.IntRange(1, 5).Draw(t, "lines") {
		bill.Lines = append(bill.Lines, drawLine(t, i))
	}
	if rapid.Bool().Draw(t, "own account") {
		bill.Accounts = append(bill.Accounts, drawAccount(t, "P"))
	}
	for i := range rapid.IntRange(0, 5).Draw(t, "givers") {
		id := PersonID(fmt.Sprintf("G%d", i))
		bill.Accounts = append(bill.Accounts, drawAccount(t, id))
		bill.Bindings = append(bill.Bindings, drawBinding(t, id))
		if rapid.Bool().Draw(t, "selected") {
			bill.Selected = append(bill.Selected, id)
		}
	}
	return bill
}

func drawBinding(t *rapid.T, giver PersonID) Binding {
	b := Binding{
		ID: "B" + string(giver), Giver: giver, Beneficiary: "P", Relation: rapid.SampledFrom(Relations).Draw(t, "relation"),
		Rank: rapid.IntRange(1, 3).Draw(t, "rank"), BoundAt: rapid.SampledFrom([]Date{20250101, 20250201}).Draw(t, "bound"),
		ValidTo: rapid.SampledFrom([]Date{0, 0, 0, 20260309}).Draw(t, "valid to"), Mode: Direct,
		Limit: drawCap(t, "each limit"), LimitUsed: drawFen(t, "each used", 600),
	}
	if rapid.IntRange(0, 3).Draw(t, "wallet") == 0 {
		b.Mode, b.QuotaTotal, b.QuotaUsed = Wallet, drawFen(t, "quota", 2000), drawFen(t, "quota used", 1000)
	}
	return b
}

// The parts sum to the whole, by bill, by line and by payer.
func TestPlanPartsSumToTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules, bill := drawRules(t), drawBill(t)
		plan := MakePlan(rules, bill)
		var total, personal, paid Fen
		for i := range bill.Lines {
			total += bill.Lines[i].Total
			personal += bill.Lines[i].PersonalSum()
		}
		byPay := make([]Fen, len(plan.Pays))
		for _, p := range plan.Pays {
			if p.Amount <= 0 {
				t.Fatalf("a pay of %d fen", p.Amount)
			}
			paid += p.Amount
		}
		if paid+plan.Cash+plan.Fund != total {
			t.Fatalf("pays %d + cash %d + fund %d != total %d", paid, plan.Cash, plan.Fund, total)
		}
		parts := map[string]*[BucketCount]Fen{}
		lineCash := map[string]Fen{}
		for _, a := range plan.Allocations {
			if parts[a.Line] == nil {
				parts[a.Line] = &[BucketCount]Fen{}
			}
			parts[a.Line][a.Bucket] += a.Amount
			if a.Pay == CashPayer {
				lineCash[a.Line] += a.Amount
			} else {
				byPay[a.Pay] += a.Amount
			}
		}
		for i := range bill.Lines {
			line := &bill.Lines[i]
			if got := parts[line.ID]; line.PersonalSum() > 0 && *got != line.Personal {
				t.Fatalf("line %s: allocated %v, personal %v", line.ID, *got, line.Personal)
			}
			if plan.LineCash[line.ID] != lineCash[line.ID] {
				t.Fatalf("line %s: cash %d, allocated %d", line.ID, plan.LineCash[line.ID], lineCash[line.ID])
			}
		}
		for i, p := range plan.Pays {
			if byPay[i] != p.Amount {
				t.Fatalf("pay %d: %d paid, %d allocated", i, p.Amount, byPay[i])
			}
		}
	})
}

// No pot goes below 0, no giver below its floor, no quota above its total, no limit or cap is passed.
func TestPlanKeepsEveryFloorAndLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules, bill := drawRules(t), drawBill(t)
		plan := MakePlan(rules, bill)
		taken := map[Pay]Fen{} // by account and pot, Amount 0
		byAccount := map[PersonID]Fen{}
		var shared Fen
		for _, p := range plan.Pays {
			taken[Pay{Account: p.Account, Pot: p.Pot}] += p.Amount
			byAccount[p.Account] += p.Amount
			if p.Shares("P") {
				shared += p.Amount
			}
		}
		for i := range bill.Accounts {
			a := bill.Accounts[i]
			for _, pot := range []Pot{PotBalance, PotCurrent, PotPrior} {
				before := a.free(pot)
				if x := taken[Pay{Account: a.ID, Pot: pot}]; x > before {
					t.Fatalf("%s %s: %d taken of %d free", a.ID, pot, x, before)
				}
			}
		}
		for _, b := range bill.Bindings {
			a := bill.Accounts[slices.IndexFunc(bill.Accounts, func(a Account) bool { return a.ID == b.Giver })]
			x := byAccount[b.Giver]
			if x > 0 && b.Mode == Wallet && b.QuotaUsed+x > b.QuotaTotal {
				t.Fatalf("%s: quota overdrawn", b.Giver)
			}
			if x > 0 && b.Mode == Direct && a.money()-x < rules.Reserve.MinAfter {
				t.Fatalf("%s: below its floor", b.Giver)
			}
			limit, used := a.Limit, a.LimitUsed
			if rules.Caps.GiverLimitScope == LimitEach {
				limit, used = b.Limit, b.LimitUsed
			}
			if x > 0 && b.Mode == Direct && limit.Set && used+x > limit.Max {
				t.Fatalf("%s: limit passed", b.Giver)
			}
			if limit := rules.Caps.SettlementPerGiver; limit.Set && x > limit.Max {
				t.Fatalf("%s: cap per giver passed", b.Giver)
			}
			if limit := rules.Caps.DayPerGiver; limit.Set && x > 0 && x+bill.GiverUsage[b.Giver].DayShared > limit.Max {
				t.Fatalf("%s: the giver's day passed", b.Giver)
			}
		}
		paid := shared + byAccount["P"]
		if limit := rules.Caps.YearPharmacyTotal; limit.Set && paid > 0 && paid+bill.Usage.YearPharmacyPaid > limit.Max {
			t.Fatalf("%d of account money above the year's cap at pharmacies", paid)
		}
		if limit := rules.Caps.SettlementSharedTotal; limit.Set && shared > limit.Max {
			t.Fatalf("shared %d above the cap", shared)
		}
		if limit := rules.Caps.DaySharedPerBeneficiary; limit.Set && shared > 0 && shared+bill.Usage.DayShared > limit.Max {
			t.Fatalf("shared %d above the day's cap", shared)
		}
	})
}

// A giver pays only if every giver tried before it is exhausted by its money, its limit or the per-giver cap.
func TestPlanRespectsTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules, bill := drawRules(t), drawBill(t)
		plan := MakePlan(rules, bill)
		var payers []*Trial
		for i := range plan.Trials {
			if trial := &plan.Trials[i]; !trial.Own && trial.Taken > 0 {
				payers = append(payers, trial)
			}
		}
		for i, trial := range payers {
			if i == len(payers)-1 {
				break
			}
			perGiver, perDay := rules.Caps.SettlementPerGiver, rules.Caps.DayPerGiver
			atCap := perGiver.Set && trial.Taken == perGiver.Max ||
				perDay.Set && trial.Taken == perDay.Max-bill.GiverUsage[trial.Account].DayShared
			if trial.Taken != trial.Available && !atCap {
				t.Fatalf("%s had %d, gave %d, and %s paid after it", trial.Account, trial.Available, trial.Taken, payers[i+1].Account)
			}
		}
		if limit := rules.Order.limit(); limit > 0 && len(payers) > limit {
			t.Fatalf("%d givers paid, the limit is %d", len(payers), limit)
		}
	})
}

// Nothing depends on the order in which accounts and bindings are listed, and nothing given is changed.
func TestPlanIsDeterministic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules, bill := drawRules(t), drawBill(t)
		want := fmt.Sprintf("%+v", MakePlan(rules, bill))
		before := fmt.Sprintf("%+v", *bill)
		shuffled := *bill
		shuffled.Accounts = rapid.Permutation(bill.Accounts).Draw(t, "accounts")
		shuffled.Bindings = rapid.Permutation(bill.Bindings).Draw(t, "bindings")
		if got := fmt.Sprintf("%+v", MakePlan(rules, &shuffled)); got != want {
			t.Fatalf("another order, another plan:\n%s\n%s", want, got)
		}
		if after := fmt.Sprintf("%+v", *bill); after != before {
			t.Fatal("the bill was changed")
		}
	})
}

// More money in one account never means more cash, where no rule looks at how much money there is (the zero gate and
// limits of givers do, and a larger balance may move a giver in the order).
func TestPlanMoreMoneyNeverMeansMoreCash(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules, bill := drawRules(t), drawBill(t)
		rules.Own.Gate = GateSplit
		rules.Order.MaxGiversPerSettlement = 0
		rules.Scope.Shared, rules.Scope.OwnPrior = Scope{}, Scope{}
		if rules.Order.Source == OrderSingle {
			rules.Order.Source = OrderBoundRank
		}
		if len(bill.Accounts) == 0 {
			return
		}
		before := MakePlan(rules, bill).Cash
		richer := *bill
		richer.Accounts = slices.Clone(bill.Accounts)
		a := &richer.Accounts[rapid.IntRange(0, len(bill.Accounts)-1).Draw(t, "who")]
		more := drawFen(t, "more", 3000)
		if a.TwoPots {
			a.Prior += more
		} else {
			a.Balance += more
		}
		if after := MakePlan(rules, &richer).Cash; after > before {
			t.Fatalf("%d fen more for %s raised the cash from %d to %d", more, a.ID, before, after)
		}
	})
}

// Which line comes first decides which line is paid by whom, never how much anybody pays, where all pots have one scope.
func TestPlanLineOrderIsIrrelevantForAmounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules, bill := drawRules(t), drawBill(t)
		rules.Scope.Shared, rules.Scope.OwnPrior = Scope{}, Scope{}
		shuffled := *bill
		shuffled.Lines = rapid.Permutation(bill.Lines).Draw(t, "lines")
		a, b := MakePlan(rules, bill), MakePlan(rules, &shuffled)
		if !slices.Equal(a.Pays, b.Pays) || a.Cash != b.Cash {
			t.Fatalf("line order changed the pays: %v cash %d, %v cash %d", a.Pays, a.Cash, b.Pays, b.Cash)
		}
	})
}

// Every bound giver either pays, is skipped with a reason, or was not reached because the bill was covered.
func TestPlanEveryGiverIsAccountedFor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules, bill := drawRules(t), drawBill(t)
		plan := MakePlan(rules, bill)
		left := newRest(bill.Lines, rules, bill.MedGroup)
		for _, p := range plan.Pays {
			left.take(scopeOf(p.Account, p.Pot, "P"), p.Amount, ignorePart)
		}
		for _, b := range bill.Bindings {
			paid := slices.ContainsFunc(plan.Pays, func(p Pay) bool { return p.Account == b.Giver })
			skipped := slices.ContainsFunc(plan.Skipped, func(s Skip) bool { return s.Account == b.Giver })
			if paid && skipped {
				t.Fatalf("%s pays and is skipped", b.Giver)
			}
			if !paid && !skipped && left.payable(scopeShared) > 0 {
				t.Fatalf("%s neither pays nor is skipped although the bill is open", b.Giver)
			}
		}
	})
}

func TestPlanWithoutAccounts(t *testing.T) {
	bill := benchBill(3, 2)
	bill.NoAccounts = true
	plan := MakePlan(DefaultRules(), bill)
	if len(plan.Pays) != 0 || len(plan.Skipped) != 0 || plan.Cash != 3*1500 || plan.Fund != 3*500 {
		t.Errorf("NoAccounts: %+v", plan)
	}
	bill.VenueDesignated = false
	if plan := MakePlan(DefaultRules(), bill); plan.Refusal != EVenue {
		t.Errorf("NoAccounts outside a designated venue: refusal %q", plan.Refusal)
	}
}

func TestPlanLimitScopeEach(t *testing.T) {
	rules, bill := DefaultRules(), benchBill(1, 1)
	rules.Caps.GiverLimitScope = LimitEach
	bill.Accounts = bill.Accounts[1:]
	bill.Accounts[0].Balance, bill.Accounts[0].Limit = 5000, CapOf(1)
	bill.Bindings[0].Limit, bill.Bindings[0].LimitUsed = CapOf(900), 200
	plan := MakePlan(rules, bill)
	if want := (Pay{Account: "G0", Pot: PotBalance, Amount: 700}); len(plan.Pays) != 1 || plan.Pays[0] != want {
		t.Errorf("pays %v, want %v", plan.Pays, want)
	}
	if trial := plan.Trials[0]; trial.Rule != "caps.giver_limit_scope" || trial.Reason != KZero {
		t.Errorf("trial %+v does not name the limit", trial)
	}
}

// benchBill is a bill of so many lines (15.00 personal, 5.00 fund each) over the own account and so many givers, each
// of which can pay a part.
func benchBill(lines, givers int) *Bill {
	bill := &Bill{
		Day: 20260310, Patient: Person{ID: "P", Status: StatusNormal, Area: "430100"}, Presenter: Presenter{SamePerson: true},
		Credential: Credential{Kind: CredentialCard, Owner: "P"}, VenueDesignated: true, MedGroup: Pharmacy,
		Accounts: []Account{{ID: "P", Name: "P", Area: "430100", Status: StatusNormal, Balance: 1000}},
	}
	for i := range lines {
		line := Line{ID: fmt.Sprintf("L%d", i), Class: "drug_b", Fund: 500, TraceCodes: []string{fmt.Sprintf("%020d", i)}}
		line.Personal = [BucketCount]Fen{300, 700, 200, 100, 100, 100}
		line.Total = line.Fund + line.PersonalSum()
		bill.Lines = append(bill.Lines, line)
	}
	for i := range givers {
		id := PersonID(fmt.Sprintf("G%d", i))
		bill.Accounts = append(bill.Accounts, Account{ID: id, Name: string(id), Area: "430100", Status: StatusNormal, Balance: 3000})
		bill.Bindings = append(bill.Bindings, Binding{
			ID: "B" + string(id), Giver: id, Beneficiary: "P", Relation: Child, Rank: givers - i, BoundAt: 20250101, ValidFrom: 20250101,
		})
	}
	return bill
}

// TestPlanAllocates holds the planner to its budget: a bill of 20 lines over 8 givers in under 60 allocations.
func TestPlanAllocates(t *testing.T) {
	rules, bill := DefaultRules(), benchBill(20, 8)
	if plan := MakePlan(rules, bill); len(plan.Pays) != 9 {
		t.Fatalf("%d pays, the bill should need all 9 accounts", len(plan.Pays))
	}
	if allocs := testing.AllocsPerRun(100, func() { MakePlan(rules, bill) }); allocs >= 60 {
		t.Errorf("%.0f allocations, the budget is below 60", allocs)
	}
}

func BenchmarkPlan20Lines8Givers(b *testing.B) {
	rules, bill := DefaultRules(), benchBill(20, 8)
	b.ReportAllocs()
	for b.Loop() {
		MakePlan(rules, bill)
	}
}
