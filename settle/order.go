package settle

import (
	"cmp"
	"slices"
)

// candidate is a giver that may pay, with what its place in the order depends on.
type candidate struct {
	binding   *Binding
	account   *Account
	available Fen // before anybody pays
	selected  int // position in Bill.Selected, under manual_select
}

// candidates are the givers that may pay, in paying order; everybody else bound to the patient (or chosen by the
// cashier) is skipped with the first reason that applies.
func (p *planner) candidates() []candidate {
	manual := p.rules.Order.Source == OrderManualSelect
	candidates := make([]candidate, 0, len(p.bindings))
	for _, b := range p.bindings {
		account := p.account(b.Giver)
		c := candidate{binding: b, account: account, available: p.rules.fundsOf(b, account).available}
		if reason, rule := p.fault(b, account); reason != "" {
			p.skip(b.Giver, c.available, reason, rule)
			continue
		}
		if manual {
			if c.selected = slices.Index(p.bill.Selected, b.Giver); c.selected < 0 {
				p.skip(b.Giver, c.available, KNotSelected, "order.source")
				continue
			}
		}
		candidates = append(candidates, c)
	}
	if manual {
		p.skipUnbound()
	}
	p.rules.Order.sortCandidates(candidates, p.bill.Patient.Area)
	return candidates
}

// skipUnbound lists whom the cashier chose although nothing binds them to the patient.
func (p *planner) skipUnbound() {
	for i, id := range p.bill.Selected {
		bound := slices.ContainsFunc(p.bindings, func(b *Binding) bool { return b.Giver == id })
		if !bound && slices.Index(p.bill.Selected, id) == i {
			p.skip(id, 0, KNotBound, "order.source")
		}
	}
}

// fault is the first reason of section 5.4 why a giver may not pay this bill, with the policy key behind it.
func (p *planner) fault(b *Binding, account *Account) (Reason, string) {
	rules, patient := p.rules, &p.bill.Patient
	if reason, rule := rules.bindingFault(b, account, p.bill.Day); reason != "" {
		return reason, rule
	}
	switch {
	case !slices.Contains(rules.Beneficiary.StatusOK, patient.Status):
		return KBenefStatus, "beneficiary.status_ok"
	case rules.Beneficiary.WaitingBlocksShared && patient.Waiting:
		return KBenefStatus, "beneficiary.waiting_blocks_shared"
	case !rules.areaFits(b, account, patient):
		return KArea, "area.rule"
	case !rules.Venue.fits(p.bill.VenueArea, patient.Area):
		return KArea, "venue.area"
	case !rules.Venue.takes(p.bill.VenueKind):
		return KMedGroup, "venue.kinds"
	case !slices.Contains(rules.Shared.MedGroups, p.bill.MedGroup):
		return KMedGroup, "shared.med_groups"
	case !slices.Contains(rules.CrossProvince.MedGroups, p.bill.MedGroup) && !rules.Area.areasFit(account.Area, patient.Area):
		return KMedGroup, "cross_province.med_groups"
	case rules.Own.Gate == GateZeroOnly && p.ownMoney > 0:
		return KOwnNotZero, "own.gate"
	case rules.Shared.Trigger == TriggerAsk && !p.bill.Asked:
		return KNotAsked, "shared.trigger"
	}
	return "", ""
}

// bindingFault is the fault of the binding and the giver's account themselves: relation, term, status. A binding
// whose account nobody knows cannot pay.
func (r *Rules) bindingFault(b *Binding, account *Account, day Date) (Reason, string) {
	switch {
	case !r.Binding.allows(b.Relation):
		return KRelation, "binding.relations"
	case day < b.ValidFrom:
		return KNotYet, RuleBindingTerm
	case b.ValidTo != 0 && day > b.ValidTo:
		return KExpired, RuleBindingTerm
	case account == nil, account.Status.Locked():
		return KGiverStatus, RuleLockedStatus
	case !slices.Contains(r.Giver.StatusOK, account.Status):
		return KGiverStatus, "giver.status_ok"
	}
	return "", ""
}

// areaFits applies the area rule to a binding; a wallet's quota may come from outside where the policy says so.
func (r *Rules) areaFits(b *Binding, account *Account, patient *Person) bool {
	if b.Mode == Wallet && r.CrossProvince.Mode == CrossWalletQuota {
		return true
	}
	return r.Area.areasFit(account.Area, patient.Area)
}

// RuleBindingTerm is the rule key of a binding's own dates: a fact of the binding, not a policy value.
const RuleBindingTerm = "binding.term"

// funds is a giver's money as one patient sees it.
type funds struct {
	money     Fen    // free money of the shared pots, or the quota left
	available Fen    // money less floor and limit, not below 0
	rule      string // the policy key that makes available what it is
}

// fundsOf is what a giver could pay through a binding (SEMANTICS 5.6).
func (r *Rules) fundsOf(b *Binding, account *Account) funds {
	if b.Mode == Wallet {
		left := max(0, b.QuotaTotal-b.QuotaUsed)
		return funds{money: left, available: left, rule: "cross_province.mode"}
	}
	f := funds{rule: "share_from"}
	if account == nil {
		return f
	}
	for _, pot := range r.sharedPots(account) {
		f.money += account.free(pot)
	}
	f.available = f.money
	if r.Reserve.MinAfter > 0 {
		f.available, f.rule = f.available-r.Reserve.MinAfter, "reserve.min_after"
	}
	limit, used := account.Limit, account.LimitUsed
	if r.Caps.GiverLimitScope == LimitEach {
		limit, used = b.Limit, b.LimitUsed
	}
	if limit.Set && limit.Max-used < f.available {
		f.available, f.rule = limit.Max-used, "caps.giver_limit_scope"
	}
	f.available = max(0, f.available)
	return f
}

// The pots from which money is shared, in debit order.
var (
	sharedOnePot    = []Pot{PotBalance}
	sharedBothPots  = []Pot{PotPrior, PotCurrent}
	sharedPriorOnly = []Pot{PotPrior}
	sharedMutual    = []Pot{PotMutual}
)

// sharedPots are the pots of a giver's account that are shared. Prior money goes before current money.
func (r *Rules) sharedPots(account *Account) []Pot { return r.SharedPots(account) }

// SharedPots are the pots of a giver's account that relatives may be paid from, in order.
func (r *Rules) SharedPots(account *Account) []Pot {
	switch {
	case r.ShareFrom == SharePriorOnly && account.TwoPots:
		return sharedPriorOnly
	case r.ShareFrom == ShareMutualOnly && account.TwoPots:
		return sharedMutual
	case r.ShareFrom == SharePriorOnly, r.ShareFrom == ShareMutualOnly:
		return nil
	case account.TwoPots:
		return sharedBothPots
	}
	return sharedOnePot
}

// sortCandidates puts the candidates in paying order (SEMANTICS 5.5). Ties go by the tie-break, then by the giver's
// id, then by the binding's id, so that the order never depends on the order of the input. area is the patient's,
// for order.same_pool_first.
func (o *OrderRules) sortCandidates(candidates []candidate, area string) {
	slices.SortFunc(candidates, func(a, b candidate) int {
		if c := o.comparePool(&a, &b, area); c != 0 {
			return c
		}
		if c := o.compareSource(&a, &b); c != 0 {
			return c
		}
		if c := o.compareTie(&a, &b); c != 0 {
			return c
		}
		return compareBindings(a.binding, b.binding)
	})
}

// compareBindings orders by giver, then by the binding's id.
func compareBindings(a, b *Binding) int {
	if c := cmp.Compare(a.Giver, b.Giver); c != 0 {
		return c
	}
	return cmp.Compare(a.ID, b.ID)
}

// comparePool puts givers of the patient's own pooling area first where the policy says so.
func (o *OrderRules) comparePool(a, b *candidate, area string) int {
	near, nearToo := a.account.Area == area, b.account.Area == area
	switch {
	case !o.SamePoolFirst || near == nearToo:
		return 0
	case near:
		return -1
	}
	return 1
}

func (o *OrderRules) compareSource(a, b *candidate) int {
	switch o.Source {
	case OrderBindTimeAsc:
		return cmp.Compare(a.binding.BoundAt, b.binding.BoundAt)
	case OrderBindTimeDesc:
		return cmp.Compare(b.binding.BoundAt, a.binding.BoundAt)
	case OrderBalanceDesc:
		return cmp.Compare(b.available, a.available)
	case OrderManualSelect:
		return cmp.Compare(a.selected, b.selected)
	}
	return cmp.Compare(a.binding.Rank, b.binding.Rank)
}

func (o *OrderRules) compareTie(a, b *candidate) int {
	switch o.TieBreak {
	case TieBindTime:
		return cmp.Compare(a.binding.BoundAt, b.binding.BoundAt)
	case TieID:
		return cmp.Compare(a.binding.Giver, b.binding.Giver)
	}
	return cmp.Compare(a.account.Name, b.account.Name)
}

// limit is how many givers may pay one bill; 0 is no limit.
func (o *OrderRules) limit() int {
	if o.Source == OrderSingle {
		return 1
	}
	return o.MaxGiversPerSettlement
}

// limitKey is the policy key behind limit.
func (o *OrderRules) limitKey() string {
	if o.Source == OrderSingle {
		return "order.source"
	}
	return "order.max_givers_per_settlement"
}
