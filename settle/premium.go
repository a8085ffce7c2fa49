package settle

import "slices"

// PremiumInput is everything the payment of a relative's yearly contribution depends on.
type PremiumInput struct {
	Day         Date
	Patient     Person // whose contribution is paid
	Payer       PersonID
	Amount      Fen
	Year        int
	AlreadyPaid bool
	Categories  []string // of the patient, as premium.exempt_categories names them
	Accounts    []Account
	Bindings    []Binding
	Selected    []PersonID
	Kind        string   // of insurance, as premium.kinds names it; empty: resident, and not compared
	Actor       PersonID // whose card is at the counter, for premium.actor; empty: not compared
	// StillDue: somebody has made sure that the contribution is due although the patient is insured for the year.
	StillDue bool
}

// The kinds of contributions that the rules speak of; premium.kinds names the others.
const KindResident = "resident"

// PremiumPlan is the answer: either a refusal, or pays that sum to the amount. There is no cash part.
type PremiumPlan struct {
	Refusal Reason
	Skipped []Skip // the payer and its reason, where it may not give at all
	Pays    []Pay
	// WaitDays: paid outside the collection window but in the late one, so the insurance begins that many days later.
	WaitDays int
}

// MakePremium decides who pays a contribution (SEMANTICS section 7). It is pure, like [MakePlan].
func MakePremium(rules *Rules, in PremiumInput) PremiumPlan {
	premium := &rules.Premium
	switch {
	case !premium.Enabled, in.Kind != "" && !slices.Contains(premium.Kinds, in.Kind):
		return PremiumPlan{Refusal: EPremiumDisabled}
	case premium.Actor == "giver" && in.Actor != "" && in.Actor != in.Payer:
		return PremiumPlan{Refusal: EPremiumActor}
	case slices.ContainsFunc(in.Categories, func(c string) bool { return slices.Contains(premium.ExemptCategories, c) }):
		return PremiumPlan{Refusal: EPremiumExempt}
	case !premium.open(in.Day) && !premium.late(in.Day):
		return PremiumPlan{Refusal: EPremiumWindow}
	case premium.OncePerYear && in.AlreadyPaid:
		return PremiumPlan{Refusal: EPremiumDuplicate}
	case in.Kind == KindResident && in.Patient.Status == StatusNormal && in.Patient.Insurance == InsuranceEmployee:
		return PremiumPlan{Refusal: EPremiumInsured}
	case in.Kind == KindResident && in.Patient.insuredIn(in.Year, in.Day) && !in.StillDue:
		return PremiumPlan{Refusal: EPremiumCovered}
	}
	p := premiumPlanner(rules, in)
	payer, reason := p.premiumPayer(in.Payer)
	if reason != "" {
		return PremiumPlan{Refusal: EPremiumBalance, Skipped: []Skip{{Account: in.Payer, Reason: reason}}}
	}
	participants := append([]candidate{payer}, p.premiumHelpers(in.Payer)...)
	plan := p.payPremium(participants, in.Amount)
	if plan.Refusal == "" && !premium.open(in.Day) {
		plan.WaitDays = premium.LateWaitDays
	}
	return plan
}

// insuredIn reports whether a resident is insured for the year on the day: so the contribution of that year is paid, wherever it
// was (S-186). Nothing is known of a year that has not begun.
func (p *Person) insuredIn(year int, day Date) bool {
	return p.Insurance == InsuranceResident && p.Status == StatusNormal && year == day.Year() && !p.Waiting
}

// PremiumBarred is why a payer may not pay the patient's contribution at all (SEMANTICS section 7, 4); empty: it may. Whoever may
// not is told nothing of what was paid for the patient.
func PremiumBarred(rules *Rules, in PremiumInput) Reason {
	_, reason := premiumPlanner(rules, in).premiumPayer(in.Payer)
	return reason
}

// open reports whether contributions are collected on the day.
func (r *PremiumRules) open(day Date) bool {
	return len(r.Windows) == 0 || slices.ContainsFunc(r.Windows, func(s Span) bool { return s.Contains(day) })
}

// late reports whether contributions are taken late on the day, with a waiting period.
func (r *PremiumRules) late(day Date) bool {
	return slices.ContainsFunc(r.LateWindow, func(s Span) bool { return s.Contains(day) })
}

// premiumPlanner reuses the planner of a bill for its accounts, bindings and debits; the bill has no lines.
func premiumPlanner(rules *Rules, in PremiumInput) *planner {
	return newPlanner(rules, &Bill{
		Day: in.Day, Patient: in.Patient, Accounts: in.Accounts, Bindings: in.Bindings, Selected: in.Selected,
	})
}

// premiumFault is the first reason why a giver may not pay contributions. The patient's status is not examined: a
// contribution is often paid to become insured.
func (p *planner) premiumFault(b *Binding, account *Account) Reason {
	if reason, _ := p.rules.bindingFault(b, account, p.bill.Day); reason != "" {
		return reason
	}
	if !p.rules.areaFits(b, account, &p.bill.Patient) {
		return KArea
	}
	return ""
}

func (p *planner) premiumPayer(id PersonID) (candidate, Reason) {
	for _, b := range p.bindings {
		if b.Giver == id {
			account := p.account(id)
			return candidate{binding: b, account: account}, p.premiumFault(b, account)
		}
	}
	return candidate{}, KNotBound
}

// premiumHelpers are the other givers that pay what the payer cannot, in the order of givers.
func (p *planner) premiumHelpers(payer PersonID) []candidate {
	order := &p.rules.Order
	if !p.rules.Premium.SplitAcrossGivers || order.Source == OrderSingle {
		return nil
	}
	var helpers []candidate
	for _, b := range p.bindings {
		account := p.account(b.Giver)
		if b.Giver == payer || p.premiumFault(b, account) != "" {
			continue
		}
		c := candidate{binding: b, account: account, available: p.rules.fundsOf(b, account).available}
		if order.Source == OrderManualSelect {
			if c.selected = slices.Index(p.bill.Selected, b.Giver); c.selected < 0 {
				continue
			}
		}
		helpers = append(helpers, c)
	}
	order.sortCandidates(helpers, p.bill.Patient.Area)
	return helpers
}

// openMoney is how much of the amount the threshold lets a giver with that money pay.
func (r *PremiumRules) openMoney(money, amount Fen) Fen {
	switch {
	case r.ThresholdMode == ThresholdExcess:
		return min(amount, max(0, money-r.Threshold))
	case r.ThresholdMode == ThresholdGate && money <= r.Threshold:
		return 0
	}
	return amount
}

// payPremium lets the participants pay in order, if they can pay all of it.
func (p *planner) payPremium(participants []candidate, amount Fen) PremiumPlan {
	usable := make([]Fen, len(participants))
	var open, sum Fen
	for i := range participants {
		funds := p.rules.fundsOf(participants[i].binding, participants[i].account)
		mine := p.rules.Premium.openMoney(funds.money, amount)
		usable[i] = min(mine, funds.available)
		open += mine
		sum += usable[i]
	}
	switch {
	case open < amount:
		return PremiumPlan{Refusal: EPremiumThreshold}
	case sum < amount:
		return PremiumPlan{Refusal: EPremiumBalance}
	}
	for i := range participants {
		x := min(usable[i], amount)
		amount -= x
		if x > 0 {
			p.payFrom(&participants[i], x)
		}
	}
	return PremiumPlan{Pays: p.plan.Pays}
}
