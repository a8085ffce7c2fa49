package settle

import (
	"slices"
	"testing"
)

// keyBill is a pharmacy bill of 10 yuan of medicine and 10 yuan of devices; A is of another pooling area and comes
// first by rank, B is of the patient's own. Everybody has 8 yuan.
func keyBill() *Bill {
	bill := &Bill{
		Day: 20260310, Patient: Person{ID: "P", Status: StatusNormal, Area: "430100"}, Presenter: Presenter{SamePerson: true},
		Credential: Credential{Kind: CredentialCard, Owner: "P"}, VenueDesignated: true, MedGroup: Pharmacy, VenueArea: "430100",
		Lines: []Line{
			{ID: "L1", Class: "drug_a", Total: 1000, Personal: [BucketCount]Fen{Coinsurance: 1000}, NoCode: true},
			{ID: "L2", Class: "device_reg", Code: "C1", Total: 1000, Personal: [BucketCount]Fen{OwnExpense: 1000}},
		},
	}
	for i, id := range []PersonID{"P", "A", "B"} {
		area := map[PersonID]string{"A": "430200"}[id]
		if area == "" {
			area = "430100"
		}
		bill.Accounts = append(bill.Accounts, Account{ID: id, Area: area, Status: StatusNormal, Balance: 800})
		if id != "P" {
			bill.Bindings = append(bill.Bindings, Binding{
				ID: "B" + string(id), Giver: id, Beneficiary: "P", Relation: Parent, Rank: i, Mode: Direct,
			})
		}
	}
	return bill
}

// paid is what each account paid, P, A and B, and cash.
func paid(plan *Plan) [4]Fen {
	sums := map[PersonID]Fen{}
	for _, pay := range plan.Pays {
		sums[pay.Account] += pay.Amount
	}
	return [4]Fen{sums["P"], sums["A"], sums["B"], plan.Cash}
}

func TestPolicyKeysOfThePlanner(t *testing.T) {
	for _, c := range []struct {
		name  string
		rules func(*Rules)
		bill  func(*Bill)
		want  [4]Fen // P, A, B, cash
		rule  string // a trial names it; empty: not examined
	}{
		{"none", nil, nil, [4]Fen{800, 800, 400, 0}, ""},
		{"order.same_pool_first", func(r *Rules) { r.Order.SamePoolFirst = true }, nil, [4]Fen{800, 400, 800, 0}, ""},
		{"caps.day_per_giver", func(r *Rules) { r.Caps.DayPerGiver = CapOf(500) }, nil, [4]Fen{800, 500, 500, 200}, "caps.day_per_giver"},
		{"caps.day_per_giver, partly used", func(r *Rules) { r.Caps.DayPerGiver = CapOf(500) },
			func(b *Bill) { b.GiverUsage = map[PersonID]Usage{"A": {DayShared: 450}, "B": {MonthShared: 450}} },
			[4]Fen{800, 50, 500, 650}, "caps.day_per_giver"},
		{"caps.month_per_giver, used up", func(r *Rules) { r.Caps.MonthPerGiver = CapOf(500) },
			func(b *Bill) { b.GiverUsage = map[PersonID]Usage{"A": {MonthShared: 500}} }, [4]Fen{800, 0, 500, 700}, "caps.month_per_giver"},
		{"caps.year_per_giver, used up by more than allowed", func(r *Rules) { r.Caps.YearPerGiver = CapOf(500) },
			func(b *Bill) { b.GiverUsage = map[PersonID]Usage{"B": {YearShared: 900}} }, [4]Fen{800, 500, 0, 700}, "caps.year_per_giver"},
		{"caps.year_pharmacy_total", func(r *Rules) { r.Caps.YearPharmacyTotal = CapOf(1500) },
			func(b *Bill) { b.Usage.YearPharmacyPaid = 300 }, [4]Fen{800, 400, 0, 800}, RulePharmacyYear},
		{"caps.year_pharmacy_total, reached by own money", func(r *Rules) { r.Caps.YearPharmacyTotal = CapOf(300) }, nil,
			[4]Fen{300, 0, 0, 1700}, RulePharmacyYear},
		{"caps.year_pharmacy_total, used up", func(r *Rules) { r.Caps.YearPharmacyTotal = CapOf(300) },
			func(b *Bill) { b.Usage.YearPharmacyPaid = 400 }, [4]Fen{0, 0, 0, 2000}, RulePharmacyYear},
		{"caps.year_pharmacy_total elsewhere", func(r *Rules) { r.Caps.YearPharmacyTotal = CapOf(0) },
			func(b *Bill) { b.MedGroup = Outpatient }, [4]Fen{800, 800, 400, 0}, ""},
		{"scope.device_list without the device", func(r *Rules) { r.Scope.DeviceList = []string{"C2"} }, nil, [4]Fen{800, 200, 0, 1000}, ""},
		{"scope.device_list with the device", func(r *Rules) { r.Scope.DeviceList = []string{"C2", "C1"} }, nil, [4]Fen{800, 800, 400, 0}, ""},
		{"a deposit", func(r *Rules) { r.Scope.Default.Classes = []string{"drug_a", ClassDeposit} },
			func(b *Bill) {
				b.Lines[1] = Line{ID: "L2", Class: ClassDeposit, Total: 1000, Personal: [BucketCount]Fen{1000}}
			},
			[4]Fen{800, 200, 0, 1000}, ""},
		{"inpatient.deposit", func(r *Rules) {
			r.Scope.Default.Classes, r.Inpatient.Deposit = []string{"drug_a", ClassDeposit}, true
		}, func(b *Bill) {
			b.Lines[1] = Line{ID: "L2", Class: ClassDeposit, Total: 1000, Personal: [BucketCount]Fen{1000}}
		},
			[4]Fen{800, 800, 400, 0}, ""},
		{"venue.area, another province", func(r *Rules) { r.Venue.Area = "province" }, func(b *Bill) { b.VenueArea = "440300" },
			[4]Fen{800, 0, 0, 1200}, "venue.area"},
		{"venue.area, another city", func(r *Rules) { r.Venue.Area = "province" }, func(b *Bill) { b.VenueArea = "430900" },
			[4]Fen{800, 800, 400, 0}, ""},
		{"venue.area, another pool", func(r *Rules) { r.Venue.Area = "same_pool" }, func(b *Bill) { b.VenueArea = "430900" },
			[4]Fen{800, 0, 0, 1200}, "venue.area"},
		{"cross_province.med_groups", func(r *Rules) { r.CrossProvince.MedGroups = []MedGroup{Outpatient} },
			func(b *Bill) {
				b.Accounts[1].Area, b.Bindings[0].Mode, b.Bindings[0].QuotaTotal = "440300", Wallet, 800
			}, [4]Fen{800, 0, 800, 400}, "cross_province.med_groups"},
		{"binding.extra_relations", func(r *Rules) { r.Binding.ExtraRelations = []Relation{SpouseParent} },
			func(b *Bill) { b.Bindings[0].Relation = SpouseParent }, [4]Fen{800, 800, 400, 0}, ""},
		{"no extra relations", nil, func(b *Bill) { b.Bindings[0].Relation = SpouseParent }, [4]Fen{800, 0, 800, 400}, "binding.relations"},
	} {
		rules, bill := DefaultRules(), keyBill()
		if c.rules != nil {
			c.rules(rules)
		}
		if c.bill != nil {
			c.bill(bill)
		}
		plan := MakePlan(rules, bill)
		if got := paid(&plan); got != c.want || plan.Refusal != "" {
			t.Errorf("%s: paid %v (%s), want %v", c.name, got, plan.Refusal, c.want)
		}
		if c.rule != "" && !slices.ContainsFunc(plan.Trials, func(x Trial) bool { return x.Rule == c.rule && x.Reason != "" }) {
			t.Errorf("%s: no trial was stopped by %s: %+v", c.name, c.rule, plan.Trials)
		}
	}
}

// Every key that stops an account is explained, and a line barred by a key names it.
func TestPolicyKeysAreExplained(t *testing.T) {
	rules, bill := DefaultRules(), keyBill()
	rules.Scope.DeviceList = []string{"C2"}
	rules.Caps.YearPharmacyTotal = CapOf(300)
	bill.Bindings = nil
	plan := MakePlan(rules, bill)
	found := map[string]string{}
	for _, e := range Explain(rules, bill, &plan) {
		found[e.Rule] = e.Chinese
	}
	if found["scope.device_list"] != "第 L2 行有 10.00 元须付现金：这类商品不能用个人账户支付。" ||
		found[RulePharmacyYear] != "本人账户可用 8.00 元，轮到时账单可付 10.00 元，实付 3.00 元：已到本年度药店使用账户的限额。" {
		t.Errorf("explained: %v", found)
	}
}

func TestPharmacyTimesADay(t *testing.T) {
	for _, c := range []struct {
		times Count
		used  int
		group MedGroup
		want  Reason
	}{
		{Count{}, 9, Pharmacy, ""}, {Count{Set: true, Max: 1}, 0, Pharmacy, ""},
		{Count{Set: true, Max: 1}, 1, Pharmacy, EPharmacyDayTimes}, {Count{Set: true, Max: 1}, 1, Outpatient, ""},
	} {
		rules, bill := DefaultRules(), keyBill()
		rules.Caps.DayPharmacyTimes, bill.Usage.DayPharmacyTimes, bill.MedGroup = c.times, c.used, c.group
		plan := MakePlan(rules, bill)
		if plan.Refusal != c.want {
			t.Errorf("%v used %d times: %q, want %q", c.times, c.used, plan.Refusal, c.want)
		}
		if c.want != "" {
			if e := Explain(rules, bill, &plan); len(e) != 1 || e[0].Rule != "caps.day_pharmacy_times" {
				t.Errorf("explained as %+v", e)
			}
		}
	}
}

// The usual amount of non-prescription medicines is a hint: the split stays as it is.
func TestOTCAboveTheUsualAmountIsAHint(t *testing.T) {
	for _, c := range []struct {
		limit Cap
		rx    bool
		want  string
	}{{Cap{}, false, ""}, {CapOf(1000), false, ""}, {CapOf(999), false, HintOTCAbove}, {CapOf(999), true, ""}} {
		rules, bill := DefaultRules(), keyBill()
		plain := MakePlan(rules, bill)
		rules.Caps.SingleOTC, bill.Lines[0].Rx = c.limit, c.rx
		plan := MakePlan(rules, bill)
		if plan.Hint != c.want || paid(&plan) != paid(&plain) {
			t.Errorf("limit %v, prescription %v: hint %q, paid %v", c.limit, c.rx, plan.Hint, paid(&plan))
		}
	}
}

func TestPremiumKindActorAndLateWindow(t *testing.T) {
	rules := DefaultRules()
	rules.Premium.Windows = []Span{{20250901, 20251220}}
	rules.Premium.LateWindow = []Span{{20251221, 20260630}}
	in := func(change func(*PremiumInput)) PremiumInput {
		bill := keyBill()
		in := PremiumInput{
			Day: 20251201, Patient: bill.Patient, Payer: "A", Amount: 380, Year: 2026, Accounts: bill.Accounts, Bindings: bill.Bindings,
		}
		change(&in)
		return in
	}
	for _, c := range []struct {
		name   string
		change func(*PremiumInput)
		want   Reason
		wait   int
	}{
		{"in time", func(*PremiumInput) {}, "", 0},
		{"the payer's own card", func(in *PremiumInput) { in.Actor, in.Kind = "A", "resident" }, "", 0},
		{"the relative's card", func(in *PremiumInput) { in.Actor = "P" }, EPremiumActor, 0},
		{"another kind", func(in *PremiumInput) { in.Kind = "commercial" }, EPremiumDisabled, 0},
		{"late", func(in *PremiumInput) { in.Day = 20260630 }, "", 90},
		{"too late", func(in *PremiumInput) { in.Day = 20260701 }, EPremiumWindow, 0},
		{"late and too dear", func(in *PremiumInput) { in.Day, in.Amount = 20260630, 900 }, EPremiumBalance, 0},
	} {
		plan := MakePremium(rules, in(c.change))
		if plan.Refusal != c.want || plan.WaitDays != c.wait {
			t.Errorf("%s: %q, %d days", c.name, plan.Refusal, plan.WaitDays)
		}
	}
	rules.Premium.Actor = "any"
	if plan := MakePremium(rules, in(func(in *PremiumInput) { in.Actor = "P" })); plan.Refusal != "" {
		t.Errorf("anybody may act, refused with %s", plan.Refusal)
	}
}

// A patient from another province is a hint: the split stays as it is, and the other hints go before it.
func TestRemotePatientIsAHint(t *testing.T) {
	for _, c := range []struct{ venue, home, want string }{
		{"430100", "430100", ""}, {"430100", "430900", ""}, {"440300", "430100", HintRemote}, {"", "430100", ""}, {"440300", "", ""},
	} {
		rules, bill := DefaultRules(), keyBill()
		bill.VenueArea, bill.Patient.Area = c.venue, c.home
		plan := MakePlan(rules, bill)
		bill.VenueArea = ""
		plain := MakePlan(rules, bill)
		if plan.Hint != c.want || paid(&plan) != paid(&plain) {
			t.Errorf("%s at %s: hint %q, paid %v", c.home, c.venue, plan.Hint, paid(&plan))
		}
	}
	rules, bill := DefaultRules(), keyBill()
	rules.Caps.SingleOTC, bill.VenueArea = CapOf(1), "440300"
	if plan := MakePlan(rules, bill); plan.Hint != HintOTCAbove {
		t.Errorf("hint %q", plan.Hint)
	}
}

// What narrows a scope is named where it leaves something to cash.
func TestNarrowedScopesAreExplained(t *testing.T) {
	for _, c := range []struct {
		rule   string
		change func(*Rules, *Bill)
	}{
		{"scope.pharmacy.classes", func(r *Rules, _ *Bill) { r.Scope.Pharmacy.Classes = []string{"drug_a"} }},
		{"scope.vaccine", func(r *Rules, b *Bill) { r.Scope.Vaccine, b.Lines[1].Class = "none", ClassVaccine }},
		{"scope.tcm_slices_single", func(r *Rules, b *Bill) { r.Scope.TCMSlicesSingle, b.Lines[1].Class = false, ClassTCMSlices }},
	} {
		rules, bill := DefaultRules(), keyBill()
		c.change(rules, bill)
		plan := MakePlan(rules, bill)
		if !slices.ContainsFunc(Explain(rules, bill, &plan), func(e Explanation) bool { return e.Rule == c.rule && e.Line == "L2" }) {
			t.Errorf("%s is not named", c.rule)
		}
	}
	rules, bill := DefaultRules(), keyBill()
	rules.Venue.Kinds, bill.VenueKind = []string{"pharmacy"}, "clinic"
	if plan := MakePlan(rules, bill); !slices.ContainsFunc(plan.Trials, func(x Trial) bool { return x.Rule == "venue.kinds" && x.Reason == KMedGroup }) {
		t.Error("venue.kinds is not named")
	}
}
