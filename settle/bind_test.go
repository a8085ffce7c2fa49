package settle

import (
	"errors"
	"fmt"
	"testing"
)

// bindFacts are a request that passes under the national baseline: a child binds a parent.
func bindFacts() BindingFacts {
	return BindingFacts{
		Day:         20260310,
		Giver:       Person{ID: "G", Insurance: InsuranceEmployee, Status: StatusNormal, Area: "430100"},
		Beneficiary: Person{ID: "P", Insurance: InsuranceResident, Status: StatusNormal, Area: "430200"},
		Request:     BindingRequest{Action: BindingBind, Giver: "G", Beneficiary: "P", Relation: Parent, Commitment: true},
	}
}

// members are n open bindings of the giver G.
func members(n int, relation Relation) (bindings []Binding) {
	for i := range n {
		bindings = append(bindings, Binding{
			ID: fmt.Sprintf("B%d", i), Giver: "G", Beneficiary: PersonID(fmt.Sprintf("M%d", i)), Relation: relation, BoundAt: 20250101,
		})
	}
	return bindings
}

func TestCheckBinding(t *testing.T) {
	for _, c := range []struct {
		name   string
		rules  func(*Rules)
		facts  func(*BindingFacts)
		reason Reason // empty: passes
		rule   string
	}{
		{"a child binds a parent", nil, nil, "", ""},
		{"oneself", nil, func(f *BindingFacts) { f.Beneficiary.ID = "G" }, EBindingSelf, "binding.relations"},
		{"no relation of the law", nil, func(f *BindingFacts) { f.Request.Relation = SpouseParent }, EBindingRelation, "binding.relations"},
		{"a region's own relation", func(r *Rules) { r.Binding.ExtraRelations = []Relation{SpouseParent} },
			func(f *BindingFacts) { f.Request.Relation = SpouseParent }, "", ""},
		{"a limited region", func(r *Rules) { r.Binding.Relations = []Relation{Spouse, Child} }, nil, EBindingRelation, "binding.relations"},
		{"a resident gives", nil, func(f *BindingFacts) { f.Giver.Insurance = InsuranceResident }, EBindingKind, RuleGiverKind},
		{"frozen giver", func(r *Rules) { r.Giver.StatusOK = []Status{StatusFrozen} },
			func(f *BindingFacts) { f.Giver.Status = StatusFrozen }, EBindingStatus, RuleLockedStatus},
		{"deceased beneficiary", nil, func(f *BindingFacts) { f.Beneficiary.Status = StatusDeceased }, EBindingStatus, RuleLockedStatus},
		{"paused giver", nil, func(f *BindingFacts) { f.Giver.Status = StatusPaused }, EBindingStatus, "giver.status_ok"},
		{"not insured", nil, func(f *BindingFacts) { f.Beneficiary.Status = StatusEnded }, EBindingStatus, "beneficiary.insured_required"},
		{"need not be insured", func(r *Rules) { r.Beneficiary.InsuredRequired = false },
			func(f *BindingFacts) { f.Beneficiary.Status, f.Beneficiary.Insurance = StatusEnded, "" }, "", ""},
		{"kind not accepted", func(r *Rules) { r.Beneficiary.Kinds = []string{"employee"} }, nil, EBindingKind, "beneficiary.kinds"},
		{"another province", nil, func(f *BindingFacts) { f.Beneficiary.Area = "440300" }, EBindingArea, "area.rule"},
		{"an allowed pair", func(r *Rules) { r.Area.AllowList = []string{"430100-440300"} },
			func(f *BindingFacts) { f.Beneficiary.Area = "440300" }, "", ""},
		{"another pool", func(r *Rules) { r.Area.Rule = SamePool }, nil, EBindingArea, "area.rule"},
		{"a second giver across pools", func(r *Rules) { r.Area.CrossPoolMaxGivers = 1 },
			func(f *BindingFacts) { f.CrossPoolGivers = 1 }, EBindingArea, "area.cross_pool_max_givers"},
		{"a second giver inside the pool", func(r *Rules) { r.Area.CrossPoolMaxGivers = 1 },
			func(f *BindingFacts) { f.CrossPoolGivers, f.Beneficiary.Area = 1, "430100" }, "", ""},
		{"bound already", nil, func(f *BindingFacts) {
			f.GiverBindings = []Binding{{Giver: "G", Beneficiary: "P", Relation: Parent}}
		}, EBindingDuplicate, "binding.relations"},
		{"bound before", nil, func(f *BindingFacts) {
			f.GiverBindings = []Binding{{Giver: "G", Beneficiary: "P", Relation: Parent, ValidTo: 20260309}}
		}, "", ""},
		{"both ways allowed", nil, func(f *BindingFacts) { f.GiverBindings = []Binding{{Giver: "P", Beneficiary: "G"}} }, "", ""},
		{"both ways barred", func(r *Rules) { r.Binding.MutualAllowed = false },
			func(f *BindingFacts) { f.GiverBindings = []Binding{{Giver: "P", Beneficiary: "G"}} }, EBindingRole, "binding.mutual_allowed"},
		{"the giver receives", func(r *Rules) { r.Binding.RoleExclusive = true },
			func(f *BindingFacts) { f.GiverBindings = []Binding{{Giver: "X", Beneficiary: "G"}} }, EBindingRole, "binding.role_exclusive"},
		{"the beneficiary gives", func(r *Rules) { r.Binding.RoleExclusive = true },
			func(f *BindingFacts) { f.BeneficiaryBindings = []Binding{{Giver: "P", Beneficiary: "X"}} }, EBindingRole, "binding.role_exclusive"},
		{"the sixth of five", func(r *Rules) { r.Members.Max = 5 },
			func(f *BindingFacts) { f.GiverBindings = members(5, Child) }, EBindingMembers, "members.max"},
		{"the fifth of five", func(r *Rules) { r.Members.Max = 5 }, func(f *BindingFacts) { f.GiverBindings = members(4, Child) }, "", ""},
		{"eight with the holder", func(r *Rules) { r.Members.Max, r.Members.CountHolder = 8, true },
			func(f *BindingFacts) { f.GiverBindings = members(7, Child) }, EBindingMembers, "members.max"},
		{"seven with the holder", func(r *Rules) { r.Members.Max, r.Members.CountHolder = 8, true },
			func(f *BindingFacts) { f.GiverBindings = members(6, Child) }, "", ""},
		{"a second spouse", nil, func(f *BindingFacts) {
			f.Request.Relation, f.GiverBindings = Spouse, members(1, Spouse)
		}, EBindingMembers, "binding.relation_limits"},
		{"a third parent", nil, func(f *BindingFacts) { f.GiverBindings = members(2, Parent) }, EBindingMembers, "binding.relation_limits"},
		{"a tenth child", nil, func(f *BindingFacts) { f.Request.Relation, f.GiverBindings = Child, members(9, Child) }, "", ""},
		{"the twenty-first ever", func(r *Rules) { r.Members.LifetimeMax = 20 },
			func(f *BindingFacts) { f.GiverLifetime = 20 }, EBindingMembers, "members.lifetime_max"},
		{"one of the twenty again", func(r *Rules) { r.Members.LifetimeMax = 20 },
			func(f *BindingFacts) { f.GiverLifetime, f.BoundBefore = 20, true }, "", ""},
		{"a second giver", func(r *Rules) { r.Binding.MaxGiversPerBeneficiary = 1 },
			func(f *BindingFacts) { f.BeneficiaryBindings = []Binding{{Giver: "X", Beneficiary: "P"}} },
			EBindingGivers, "binding.max_givers_per_beneficiary"},
		{"a giver who has left", func(r *Rules) { r.Binding.MaxGiversPerBeneficiary = 1 },
			func(f *BindingFacts) {
				f.BeneficiaryBindings = []Binding{{Giver: "X", Beneficiary: "P", ValidTo: 20251231}}
			}, "", ""},
		{"no commitment", nil, func(f *BindingFacts) { f.Request.Commitment = false }, EBindingProof, "binding.proof"},
		{"no papers", func(r *Rules) { r.Binding.Proof = "both" }, nil, EBindingProof, "binding.proof"},
		{"papers alone", func(r *Rules) { r.Binding.Proof = "documents" },
			func(f *BindingFacts) {
				f.Request.Commitment, f.Request.Evidence = false, []string{"household_register"}
			}, "", ""},
		{"begins too early", func(r *Rules) { r.Binding.EffectiveDelay = "next_day" },
			func(f *BindingFacts) { f.Request.ValidFrom = 20260310 }, EBindingTerm, "binding.effective_delay"},
		{"ends before it begins", nil,
			func(f *BindingFacts) { f.Request.ValidFrom, f.Request.ValidTo = 20260401, 20260331 }, EBindingTerm, "binding.default_term"},
		{"too small a limit", func(r *Rules) { r.Alloc.MinChunk = 50000 },
			func(f *BindingFacts) { f.Request.Limit = CapOf(49999) }, EBindingLimit, "alloc.min_chunk"},
	} {
		rules, facts := DefaultRules(), bindFacts()
		if c.rules != nil {
			c.rules(rules)
		}
		if c.facts != nil {
			c.facts(&facts)
		}
		wantReason(t, c.name, CheckBinding(rules, facts), c.reason, c.rule)
	}
}

// wantReason fails unless err is the refusal for the reason, with the policy key as its member rule.
func wantReason(t *testing.T, name string, err error, reason Reason, rule string) {
	t.Helper()
	if reason == "" {
		if err != nil {
			t.Errorf("%s: refused: %v", name, err)
		}
		return
	}
	var e *Error
	if !errors.As(err, &e) || e.Code != RuleRefused || e.Reason != reason || e.Members["rule"] != rule {
		t.Errorf("%s: %v with %v; want %s by %s", name, err, membersOf(e), reason, rule)
	}
}

func membersOf(e *Error) map[string]any {
	if e == nil {
		return nil
	}
	return e.Members
}

func TestCheckBindingTellsTheFigures(t *testing.T) {
	rules, facts := DefaultRules(), bindFacts()
	rules.Members.Max, facts.GiverBindings = 5, members(5, Child)
	rules.Provenance = map[string]Origin{"members.max": {Policy: "430000", Src: []string{"X"}}}
	rules.Sources = map[string]Source{"X": {Title: "某通知"}}
	var e *Error
	if err := CheckBinding(rules, facts); !errors.As(err, &e) || e.Members["allowed"] != 5 || e.Members["used"] != 5 ||
		e.Members["source"] != "依据：某通知" {
		t.Errorf("members %v", membersOf(e))
	}
}

func TestCheckBindingChanges(t *testing.T) {
	bound := []Binding{{ID: "B1", Giver: "G", Beneficiary: "P", Relation: Parent, BoundAt: 20260301}}
	lock := func(r *Rules) { r.Binding.UnbindLockDays = 90 }
	for _, c := range []struct {
		name    string
		rules   func(*Rules)
		request BindingRequest
		asker   PersonID
		reason  Reason
		rule    string
	}{
		{"unbind", nil, BindingRequest{Action: BindingUnbind}, "", "", ""},
		{"unbind too soon", lock, BindingRequest{Action: BindingUnbind, EndReason: EndOther}, "", EBindingLocked, "binding.unbind_lock_days"},
		{"a divorce does not wait", lock, BindingRequest{Action: BindingUnbind, EndReason: EndDivorce}, "", "", ""},
		{"a death does not wait", lock, BindingRequest{Action: BindingUnbind, EndReason: EndDeath}, "", "", ""},
		{"the lock is over", func(r *Rules) { r.Binding.UnbindLockDays = 9 }, BindingRequest{Action: BindingUnbind}, "", "", ""},
		{"the giver orders", nil, BindingRequest{Action: BindingReorder, Rank: 2}, "G", "", ""},
		{"the beneficiary may not order", nil, BindingRequest{Action: BindingReorder, Rank: 2}, "P", EBindingActor, "order.adjustable_by"},
		{"the beneficiary may order", func(r *Rules) { r.Order.AdjustableBy = []string{"beneficiary"} },
			BindingRequest{Action: BindingReorder}, "P", "", ""},
		{"nobody may order", func(r *Rules) { r.Order.AdjustableBy = nil }, BindingRequest{Action: BindingReorder}, "", EBindingActor, "order.adjustable_by"},
		{"the giver limits", nil, BindingRequest{Action: BindingLimit, Limit: CapOf(1)}, "G", "", ""},
		{"the beneficiary may not limit", nil, BindingRequest{Action: BindingLimit}, "P", EBindingActor, "caps.giver_limit_scope"},
		{"a small limit", func(r *Rules) { r.Alloc.MinChunk = 50000 }, BindingRequest{Action: BindingLimit, Limit: CapOf(1)}, "G",
			EBindingLimit, "alloc.min_chunk"},
		{"closing the purse", func(r *Rules) { r.Alloc.MinChunk = 50000 }, BindingRequest{Action: BindingLimit, Limit: CapOf(0)}, "G", "", ""},
	} {
		rules, facts := DefaultRules(), bindFacts()
		if c.rules != nil {
			c.rules(rules)
		}
		facts.Request, facts.Asker, facts.GiverBindings = c.request, c.asker, bound
		wantReason(t, c.name, CheckBinding(rules, facts), c.reason, c.rule)
	}
	facts := bindFacts()
	facts.GiverBindings = bound
	for _, request := range []BindingRequest{{Action: BindingUnbind, Binding: "B2"}, {Action: BindingReorder, Binding: "B2"}} {
		facts.Request = request
		if err := CheckBinding(DefaultRules(), facts); CodeOf(err) != NotFound {
			t.Errorf("%s of another binding: %v", request.Action, err)
		}
	}
}

func TestBindingTerm(t *testing.T) {
	for _, c := range []struct {
		delay, term string
		waiting     int
		from, to    Date
	}{
		{"now", "unlimited", 0, 20261231, 0},
		{"minutes:120", "unlimited", 0, 20261231, 0},
		{"minutes:2880", "unlimited", 0, 20270102, 0},
		{"next_day", "days:365", 0, 20270101, 20271231},
		{"now", "days:1", 3, 20270103, 20270103},
	} {
		rules := DefaultRules()
		rules.Binding.EffectiveDelay, rules.Binding.DefaultTerm, rules.Binding.WaitingDays = c.delay, c.term, c.waiting
		if from, to := BindingTerm(rules, 20261231); from != c.from || to != c.to {
			t.Errorf("%s, %s, %d days: %s to %s; want %s to %s", c.delay, c.term, c.waiting, from, to, c.from, c.to)
		}
	}
}

// Of a binding that ended, the planner must see the same as the counter was told.
func TestBindingEnd(t *testing.T) {
	for effect, lastDay := range map[string]Date{"now": 20260309, "next_day": 20260310} {
		rules := DefaultRules()
		rules.Binding.UnbindEffect = effect
		if end := BindingEnd(rules, 20260310); end != lastDay {
			t.Errorf("%s: last day %s, want %s", effect, end, lastDay)
		}
		b, account := &Binding{Relation: Parent, ValidTo: lastDay}, &Account{Status: StatusNormal}
		if reason, _ := rules.bindingFault(b, account, lastDay); reason != "" {
			t.Errorf("%s: barred with %s on the last day", effect, reason)
		}
		if reason, _ := rules.bindingFault(b, account, lastDay.AddDays(1)); reason != KExpired {
			t.Errorf("%s: %q after the last day", effect, reason)
		}
	}
}
