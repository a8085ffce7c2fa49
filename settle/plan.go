package settle

import (
	"slices"
	"strings"
)

// MakePlan splits a bill over the patient's own account, the relatives' accounts and cash (SEMANTICS section 5). It is
// a pure function of its arguments: it reads neither clock nor disk, changes nothing it was given, and gives equal
// answers for bills that differ only in the order of Accounts or Bindings. It may be called from many goroutines.
//
// A bill that a rule refuses has Plan.Refusal and nothing else. A bill with NoAccounts passes the same refusals (it is
// still an insured person's sale) and is then all cash, without skips.
func MakePlan(rules *Rules, bill *Bill) Plan {
	if refusal, _ := refuse(rules, bill); refusal != "" {
		return Plan{Refusal: refusal}
	}
	p := newPlanner(rules, bill)
	switch {
	case bill.ThirdParty:
		p.skipAllForThirdParty()
	case bill.NoAccounts:
	case rules.Own.First:
		p.payOwn()
		p.payShared()
	default:
		p.payShared()
		p.payOwn()
	}
	p.finish()
	return p.plan
}

// refuse is the first refusal of section 5.1 that applies, and the policy key behind it.
func refuse(rules *Rules, bill *Bill) (Reason, string) {
	proxy := bill.Presenter.ProxyPurchase()
	switch {
	case !bill.VenueDesignated:
		return EVenue, RuleLockedVenue
	case bill.Patient.Status == StatusDeceased:
		return EPatientBlocked, RuleLockedStatus
	case bill.Credential.Owner != bill.Patient.ID:
		return ECardOwnerMismatch, RuleLockedPerson
	case proxy && !rules.Proxy.Allowed:
		return EProxyDocs, "proxy.allowed"
	case proxy && !containsAll(bill.Presenter.Documents, rules.Proxy.Docs):
		return EProxyDocs, "proxy.docs"
	case proxy && !containsAll(bill.Presenter.Documents, rules.Proxy.ExtraDocs):
		return EProxyDocs, "proxy.extra_docs"
	}
	if fault := rules.Trace.Fault(bill.Day, bill.Lines); fault.Reason != "" {
		return fault.Reason, fault.Rule
	}
	if bill.MedGroup != Pharmacy {
		return "", ""
	}
	if limit := rules.Caps.MonthPharmacyTotal; limit.Set && bill.Usage.MonthPharmacyTotal > limit.Max {
		return EPharmacyMonthLimit, "caps.month_pharmacy_total"
	}
	if times := rules.Caps.DayPharmacyTimes; times.Set && bill.Usage.DayPharmacyTimes >= times.Max {
		return EPharmacyDayTimes, "caps.day_pharmacy_times"
	}
	return "", ""
}

// Keys of rules that are law and that no policy file holds.
const (
	RuleLockedVenue  = "law.designated_venue"
	RuleLockedPerson = "law.person_card_match"
	RuleLockedStatus = "law.locked_status"
	RuleLockedParty  = "law.third_party"
)

func containsAll(have, want []string) bool {
	for _, w := range want {
		if !slices.Contains(have, w) {
			return false
		}
	}
	return true
}

// planner is a bill on its way to being split.
type planner struct {
	rules    *Rules
	bill     *Bill
	rest     *rest
	accounts []Account // debited as the plan grows
	bindings []*Binding
	ownMoney Fen      // before this settlement, frozen money taken off
	shared   Fen      // shared money taken so far
	paid     Fen      // account money taken so far, own and shared
	target   *Figures // what the centre says must be paid; nil: the rules alone decide
	plan     Plan
}

func newPlanner(rules *Rules, bill *Bill) *planner {
	p := &planner{
		rules: rules, bill: bill, rest: newRest(bill.Lines, rules, bill.MedGroup),
		accounts: slices.Clone(bill.Accounts), bindings: patientBindings(bill.Bindings, bill.Patient.ID),
	}
	for i := range p.accounts {
		p.accounts[i] = rules.Known(p.accounts[i])
	}
	if own := p.account(bill.Patient.ID); own != nil {
		p.ownMoney = own.money() - own.Frozen
	}
	payers := len(p.accounts) + 1 // a second pot of the own account; more are rare
	p.plan.Pays = make([]Pay, 0, payers)
	p.plan.Trials = make([]Trial, 0, payers)
	p.plan.Allocations = make([]Allocation, 0, openBuckets(bill.Lines)+payers)
	return p
}

// openBuckets counts the buckets that somebody must pay; every payer but the last can cut one of them in two.
func openBuckets(lines []Line) (n int) {
	for i := range lines {
		for _, part := range lines[i].Personal {
			if part > 0 {
				n++
			}
		}
	}
	return n
}

// patientBindings are the bindings that let somebody pay for the patient, in an order that is not the input's.
func patientBindings(all []Binding, patient PersonID) []*Binding {
	bindings := make([]*Binding, 0, len(all))
	for i := range all {
		if all[i].Beneficiary == patient {
			bindings = append(bindings, &all[i])
		}
	}
	slices.SortFunc(bindings, compareBindings)
	return bindings
}

func (p *planner) account(id PersonID) *Account {
	for i := range p.accounts {
		if p.accounts[i].ID == id {
			return &p.accounts[i]
		}
	}
	return nil
}

func (p *planner) skip(account PersonID, available Fen, reason Reason, rule string) {
	p.plan.Skipped = append(p.plan.Skipped, Skip{Account: account, Reason: reason})
	p.plan.Trials = append(p.plan.Trials, Trial{
		Account: account, Own: account == p.bill.Patient.ID, Payable: p.rest.payable(scopeShared), Available: available,
		Reason: reason, Rule: rule,
	})
}

// skipAllForThirdParty: where somebody else is liable no account of the family is touched.
func (p *planner) skipAllForThirdParty() {
	if p.account(p.bill.Patient.ID) != nil {
		p.skip(p.bill.Patient.ID, max(0, p.ownMoney), KThirdParty, RuleLockedParty)
	}
	for _, b := range p.bindings {
		p.skip(b.Giver, p.rules.fundsOf(b, p.account(b.Giver)).available, KThirdParty, RuleLockedParty)
	}
}

// payOwn lets the own pots pay (SEMANTICS 5.3). Own money that may not pay is no skip, only a trial.
func (p *planner) payOwn() {
	own := p.account(p.bill.Patient.ID)
	if own == nil {
		return
	}
	if rule := p.rules.ownBarred(own.Status, p.bill.MedGroup); rule != "" {
		p.plan.Trials = append(p.plan.Trials, Trial{
			Account: own.ID, Own: true, Payable: p.rest.total(), Available: max(0, p.ownMoney), Rule: rule,
		})
		return
	}
	for _, pot := range p.rules.Own.PotOrder {
		if !own.has(pot) {
			continue
		}
		kind := scopeOf(own.ID, pot, own.ID)
		trial := Trial{Account: own.ID, Own: true, Pot: pot, Payable: p.ownPayable(kind), Available: own.free(pot)}
		trial.Taken = min(trial.Available, trial.Payable)
		trial.Rule = "own.pot_order"
		if trial.Payable == 0 {
			trial.Rule = p.rules.Scope.key(kind)
		}
		if room, limited := p.pharmacyRoom(); limited && room < trial.Taken {
			trial.Taken, trial.Reason, trial.Rule = room, KCap, RulePharmacyYear
		}
		p.pay(own, pot, kind, trial.Taken)
		p.plan.Trials = append(p.plan.Trials, trial)
	}
}

// ownBarred is the policy key that keeps the own account from paying; empty if it may.
func (r *Rules) ownBarred(status Status, group MedGroup) string {
	switch {
	case status.Locked():
		return RuleLockedStatus
	case !slices.Contains(r.Own.StatusOK, status):
		return "own.status_ok"
	case !slices.Contains(r.OwnMedGroups, group):
		return "own_med_groups"
	}
	return ""
}

// payShared lets the relatives pay (SEMANTICS 5.4 to 5.7).
func (p *planner) payShared() {
	if p.sharedPayable() == 0 {
		return
	}
	limit, givers := p.rules.Order.limit(), 0
	for _, c := range p.candidates() {
		payable := p.sharedPayable()
		if payable == 0 {
			return
		}
		funds := p.rules.fundsOf(c.binding, c.account)
		room, roomRule := p.room(c.binding.Giver)
		trial := Trial{Account: c.binding.Giver, Payable: payable, Available: funds.available, Rule: "order.source"}
		switch {
		case limit > 0 && givers >= limit:
			trial.Reason, trial.Rule = KOneGiver, p.rules.Order.limitKey()
		case funds.available == 0:
			trial.Reason, trial.Rule = KZero, funds.rule
		case room <= 0:
			trial.Reason, trial.Rule = KCap, roomRule
		default:
			trial.Taken = min(payable, funds.available, room)
			givers++
			p.payFrom(&c, trial.Taken)
			switch trial.Taken {
			case payable:
			case funds.available:
				trial.Reason, trial.Rule = KZero, funds.rule
			default:
				trial.Reason, trial.Rule = KCap, roomRule
			}
		}
		if trial.Taken == 0 {
			p.plan.Skipped = append(p.plan.Skipped, Skip{Account: trial.Account, Reason: trial.Reason})
		}
		p.plan.Trials = append(p.plan.Trials, trial)
	}
}

// RulePharmacyYear is the key of the yearly cap on account money at pharmacies.
const RulePharmacyYear = "caps.year_pharmacy_total"

// pharmacyRoom is how much account money, own and shared, may still be spent on this bill under the yearly cap at
// pharmacies; limited is false where the cap does not concern the bill.
func (p *planner) pharmacyRoom() (room Fen, limited bool) {
	limit := p.rules.Caps.YearPharmacyTotal
	if !limit.Set || p.bill.MedGroup != Pharmacy {
		return 0, false
	}
	return max(0, limit.Max-p.bill.Usage.YearPharmacyPaid-p.paid), true
}

// room is how much one giver may still pay under the caps, and the key of the tightest. Without caps it is as good as
// endless.
func (p *planner) room(giver PersonID) (room Fen, rule string) {
	caps, usage, given := &p.rules.Caps, &p.bill.Usage, p.bill.GiverUsage[giver]
	room = Fen(1)<<62 - 1
	for _, limit := range [...]struct {
		cap  Cap
		used Fen
		rule string
	}{
		{caps.SettlementPerGiver, 0, "caps.settlement_per_giver"},
		{caps.SettlementSharedTotal, p.shared, "caps.settlement_shared_total"},
		{caps.DaySharedPerBeneficiary, usage.DayShared + p.shared, "caps.day_shared_per_beneficiary"},
		{caps.MonthSharedPerBeneficiary, usage.MonthShared + p.shared, "caps.month_shared_per_beneficiary"},
		{caps.YearSharedPerBeneficiary, usage.YearShared + p.shared, "caps.year_shared_per_beneficiary"},
		{caps.DayPerGiver, given.DayShared, "caps.day_per_giver"},
		{caps.MonthPerGiver, given.MonthShared, "caps.month_per_giver"},
		{caps.YearPerGiver, given.YearShared, "caps.year_per_giver"},
	} {
		if left := limit.cap.Max - limit.used; limit.cap.Set && left < room {
			room, rule = left, limit.rule
		}
	}
	if left, limited := p.pharmacyRoom(); limited && left < room {
		room, rule = left, RulePharmacyYear
	}
	return room, rule
}

// payFrom debits x from a giver: from the quota of a wallet, else from the shared pots as far as each is free.
func (p *planner) payFrom(c *candidate, x Fen) {
	p.shared += x
	if c.binding.Mode == Wallet {
		p.pay(c.account, PotQuota, scopeShared, x)
		return
	}
	for _, pot := range p.rules.sharedPots(c.account) {
		part := min(x, c.account.free(pot))
		p.pay(c.account, pot, scopeShared, part)
		x -= part
	}
}

// pay debits x from a pot and allocates it to the bill.
func (p *planner) pay(account *Account, pot Pot, kind scopeKind, x Fen) {
	if x <= 0 {
		return
	}
	p.paid += x
	at := len(p.plan.Pays)
	p.plan.Pays = append(p.plan.Pays, Pay{Account: account.ID, Pot: pot, Amount: x})
	account.debit(pot, x)
	p.rest.take(kind, x, func(line int, bucket Bucket, amount Fen) {
		p.plan.Allocations = append(p.plan.Allocations, Allocation{
			Line: p.bill.Lines[line].ID, Bucket: bucket, Pay: at, Amount: amount,
		})
	})
}

// finish fills in what nobody's account covered (SEMANTICS 5.8).
func (p *planner) finish() {
	p.plan.LineCash = make(map[string]Fen, len(p.bill.Lines))
	for i := range p.bill.Lines {
		line := &p.bill.Lines[i]
		cash := p.rest.line(i)
		p.plan.LineCash[line.ID] = cash
		p.plan.Cash += cash
		p.plan.Fund += line.Fund
		for b, open := range p.rest.open[i] {
			if open > 0 {
				p.plan.Allocations = append(p.plan.Allocations, Allocation{
					Line: line.ID, Bucket: Bucket(b), Pay: CashPayer, Amount: open,
				})
			}
		}
	}
	p.plan.ProxyRecorded = p.bill.Presenter.ProxyPurchase()
	p.plan.Hint = p.hint()
}

// hint warns of a family code (亲情账户): it shows a relative's credential and shares no money (S-027); or else of more
// non-prescription medicines than one purchase normally has.
func (p *planner) hint() string {
	switch {
	case p.familyCode():
		return HintFamilyCode
	case p.otcAbove():
		return HintOTCAbove
	case p.remote():
		return HintRemote
	}
	return ""
}

// remote reports whether the venue lies in another province than the patient's insurance.
func (p *planner) remote() bool {
	venue, home := p.bill.VenueArea, p.bill.Patient.Area
	return venue != "" && home != "" && province(venue) != province(home)
}

// familyCode reports whether the code was shown by somebody who has no binding with the patient.
func (p *planner) familyCode() bool {
	shownBy := p.bill.Credential.ShownBy
	if p.bill.Credential.Kind != CredentialEvoucher || shownBy == "" || shownBy == p.bill.Patient.ID {
		return false
	}
	return !slices.ContainsFunc(p.bindings, func(b *Binding) bool { return b.Giver == shownBy })
}

// otcAbove reports whether the medicines of a pharmacy bill that need no prescription exceed the usual amount.
func (p *planner) otcAbove() bool {
	limit := p.rules.Caps.SingleOTC
	if !limit.Set || p.bill.MedGroup != Pharmacy {
		return false
	}
	var sum Fen
	for i := range p.bill.Lines {
		if line := &p.bill.Lines[i]; !line.Rx && strings.HasPrefix(line.Class, "drug_") {
			sum += line.Total
		}
	}
	return sum > limit.Max
}

// money is everything on the account, frozen money included.
func (a *Account) money() Fen {
	if a.TwoPots {
		return a.Current + a.Prior + a.Mutual
	}
	return a.Balance
}

// has reports whether the account has the pot.
func (a *Account) has(pot Pot) bool {
	switch pot {
	case PotBalance:
		return !a.TwoPots
	case PotCurrent, PotPrior:
		return a.TwoPots
	case PotMutual:
		return a.TwoPots && a.Mutual > 0
	}
	return false
}

// free is a pot less the frozen money lying on it. Frozen money is one amount for the account: it lies on the balance,
// or on prior money first and, as far as it exceeds that, on current money, because only money that may be shared can
// be set aside for relatives; what exceeds both lies on the mutual account.
func (a *Account) free(pot Pot) Fen {
	switch pot {
	case PotBalance:
		return max(0, a.Balance-a.Frozen)
	case PotPrior:
		return max(0, a.Prior-a.Frozen)
	case PotCurrent:
		return max(0, a.Current-max(0, a.Frozen-a.Prior))
	case PotMutual:
		return max(0, a.Mutual-max(0, a.Frozen-a.Prior-a.Current))
	}
	return 0
}

// debit takes x from a pot; a quota lies outside the account.
func (a *Account) debit(pot Pot, x Fen) {
	switch pot {
	case PotBalance:
		a.Balance -= x
	case PotCurrent:
		a.Current -= x
	case PotPrior:
		a.Prior -= x
	case PotMutual:
		a.Mutual -= x
	}
}
