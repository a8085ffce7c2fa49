package settle

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// BindingFacts is everything the check of a binding request depends on.
type BindingFacts struct {
	Day                Date
	Giver, Beneficiary Person
	Request            BindingRequest
	// GiverBindings and BeneficiaryBindings are the bindings in which the giver, the beneficiary takes part on either
	// side; those that have ended may be among them. Without both sides the rules on roles cannot be checked.
	GiverBindings, BeneficiaryBindings []Binding
	GiverLifetime                      int  // different people the giver ever bound
	BoundBefore                        bool // this beneficiary is one of them, and does not count again
	CrossPoolGivers                    int  // other givers of the beneficiary that are insured in another pooling area
	// Asker is whose credential is at the counter; empty: not known, then order.adjustable_by only bars where nobody may.
	Asker PersonID
}

// CheckBinding applies the policy to a binding request before it is sent to the centre, whose answer alone counts
// (S-014, S-015, S-049, S-051, S-054, S-055, S-060 to S-063, S-079 to S-083, S-099, S-261, S-262). It is pure. The
// error is RULE_REFUSED with an E_BINDING_… reason and the members rule (the policy key), source (where the rule stands,
// if known) and, for numbers, allowed and used; NOT_FOUND where the binding to be changed does not exist.
func CheckBinding(rules *Rules, f BindingFacts) error {
	switch f.Request.Action {
	case BindingBind:
		return rules.checkBind(&f)
	case BindingUnbind:
		return rules.checkUnbind(&f)
	}
	return rules.checkAdjust(&f)
}

// refusal is RULE_REFUSED for a reason with the policy key behind it and, where known, its source.
func (r *Rules) refusal(reason Reason, rule string) *Error {
	err := Refused(reason).With("rule", rule)
	if source := r.Cite(rule).Text(); source != "" {
		err = err.With("source", source)
	}
	return err
}

// refusalOver is refusal for a number that is used up.
func (r *Rules) refusalOver(reason Reason, rule string, allowed, used int) *Error {
	return r.refusal(reason, rule).With("allowed", allowed).With("used", used)
}

func (r *Rules) checkBind(f *BindingFacts) error {
	giver, beneficiary := &f.Giver, &f.Beneficiary
	if giver.ID == beneficiary.ID {
		return r.refusal(EBindingSelf, "binding.relations")
	}
	if !r.Binding.allows(f.Request.Relation) {
		return r.refusal(EBindingRelation, "binding.relations")
	}
	if giver.Insurance != InsuranceEmployee {
		return r.refusal(EBindingKind, RuleGiverKind)
	}
	for _, check := range [...]func(*BindingFacts) error{
		r.checkBindStatus, r.checkBindArea, r.checkBindRoles, r.checkMembers, r.checkGivers, r.checkProof, r.checkBindNotice,
		r.checkTerm, r.checkChunk,
	} {
		if err := check(f); err != nil {
			return err
		}
	}
	return nil
}

// RuleGiverKind is the rule key of the law that only an employee's account has money to share.
const RuleGiverKind = "law.giver_kind"

// allows reports whether the beneficiary may be this to the giver.
func (b *BindingRules) allows(relation Relation) bool {
	return slices.Contains(b.Relations, relation) || slices.Contains(b.ExtraRelations, relation)
}

func (r *Rules) checkBindStatus(f *BindingFacts) error {
	giver, beneficiary := &f.Giver, &f.Beneficiary
	switch {
	case giver.Status.Locked(), beneficiary.Status.Locked():
		return r.refusal(EBindingStatus, RuleLockedStatus)
	case !slices.Contains(r.Giver.StatusOK, giver.Status):
		return r.refusal(EBindingStatus, "giver.status_ok")
	case !slices.Contains(r.Beneficiary.Kinds, insuranceNames[beneficiary.Insurance]) && r.Beneficiary.InsuredRequired:
		return r.refusal(EBindingKind, "beneficiary.kinds")
	case !slices.Contains(r.Beneficiary.StatusOK, beneficiary.Status) && r.Beneficiary.InsuredRequired:
		return r.refusal(EBindingStatus, "beneficiary.insured_required")
	}
	return nil
}

// insuranceNames are the kinds of insurance as policies name them.
var insuranceNames = map[string]string{InsuranceEmployee: "employee", InsuranceResident: "resident"}

func (r *Rules) checkBindArea(f *BindingFacts) error {
	if !r.Area.areasFit(f.Giver.Area, f.Beneficiary.Area) {
		return r.refusal(EBindingArea, "area.rule")
	}
	most := r.Area.CrossPoolMaxGivers
	if most > 0 && f.Giver.Area != f.Beneficiary.Area && f.CrossPoolGivers+1 > most {
		return r.refusalOver(EBindingArea, "area.cross_pool_max_givers", most, f.CrossPoolGivers)
	}
	return nil
}

// openOn reports whether a binding has not ended before the day; one that begins later is open.
func (b *Binding) openOn(day Date) bool { return b.ValidTo == 0 || day <= b.ValidTo }

// checkBindRoles refuses a second binding of the same pair, and where the policy says so a binding whose reverse exists,
// and people on both sides of bindings.
func (r *Rules) checkBindRoles(f *BindingFacts) error {
	giver, beneficiary := f.Giver.ID, f.Beneficiary.ID
	for _, b := range f.GiverBindings {
		switch {
		case !b.openOn(f.Day):
		case b.Giver == giver && b.Beneficiary == beneficiary:
			return r.refusal(EBindingDuplicate, "binding.relations")
		case !r.Binding.MutualAllowed && b.Giver == beneficiary && b.Beneficiary == giver:
			return r.refusal(EBindingRole, "binding.mutual_allowed")
		case r.Binding.RoleExclusive && b.Beneficiary == giver:
			return r.refusal(EBindingRole, "binding.role_exclusive")
		}
	}
	for _, b := range f.BeneficiaryBindings {
		if r.Binding.RoleExclusive && b.openOn(f.Day) && b.Giver == beneficiary {
			return r.refusal(EBindingRole, "binding.role_exclusive")
		}
	}
	return nil
}

// checkMembers counts whom the giver has bound: all together, of one relation, and ever.
func (r *Rules) checkMembers(f *BindingFacts) error {
	var members, related []PersonID
	for _, b := range f.GiverBindings {
		if b.Giver != f.Giver.ID || !b.openOn(f.Day) {
			continue
		}
		members = appendNew(members, b.Beneficiary)
		if b.Relation == f.Request.Relation {
			related = appendNew(related, b.Beneficiary)
		}
	}
	used := len(members)
	if r.Members.CountHolder {
		used++
	}
	if most := r.Members.Max; most > 0 && used+1 > most {
		return r.refusalOver(EBindingMembers, "members.max", most, used)
	}
	if most, limited := r.Binding.relationLimit(f.Request.Relation); limited && len(related)+1 > most {
		return r.refusalOver(EBindingMembers, "binding.relation_limits", most, len(related))
	}
	if most := r.Members.LifetimeMax; most > 0 && !f.BoundBefore && f.GiverLifetime+1 > most {
		return r.refusalOver(EBindingMembers, "members.lifetime_max", most, f.GiverLifetime)
	}
	return nil
}

// relationLimit is how many relatives of a kind one giver may bind. The feed says parent, not father or mother, and
// nothing here stores a sex; so one father and one mother are two parents.
func (b *BindingRules) relationLimit(relation Relation) (most int, limited bool) {
	if relation == Parent {
		father, oneFather := b.RelationLimits["father"]
		mother, oneMother := b.RelationLimits["mother"]
		if oneFather && oneMother {
			return father + mother, true
		}
	}
	most, limited = b.RelationLimits[string(relation)]
	return most, limited
}

func appendNew(people []PersonID, one PersonID) []PersonID {
	if slices.Contains(people, one) {
		return people
	}
	return append(people, one)
}

func (r *Rules) checkGivers(f *BindingFacts) error {
	var givers []PersonID
	for _, b := range f.BeneficiaryBindings {
		if b.Beneficiary == f.Beneficiary.ID && b.Giver != f.Giver.ID && b.openOn(f.Day) {
			givers = appendNew(givers, b.Giver)
		}
	}
	if most := r.Binding.MaxGiversPerBeneficiary; most > 0 && len(givers)+1 > most {
		return r.refusalOver(EBindingGivers, "binding.max_givers_per_beneficiary", most, len(givers))
	}
	return nil
}

// checkProof wants the commitment letter (S-051, S-222), papers (S-049), or both.
func (r *Rules) checkProof(f *BindingFacts) error {
	commitment, documents := r.Binding.Proof != "documents", r.Binding.Proof != "commitment"
	switch {
	case commitment && !f.Request.Commitment:
		return r.refusal(EBindingProof, "binding.proof").With("missing", "commitment")
	case documents && len(f.Request.Evidence) == 0:
		return r.refusal(EBindingProof, "binding.proof").With("missing", "evidence")
	}
	return nil
}

func (r *Rules) checkBindNotice(f *BindingFacts) error {
	return r.checkNotice(&r.Notices.Binding, f.Request.Notice, "notices.binding")
}

func (r *Rules) checkTerm(f *BindingFacts) error {
	earliest, _ := BindingTerm(r, f.Day)
	begin := cmp.Or(f.Request.ValidFrom, earliest)
	switch {
	case begin < earliest:
		return r.refusal(EBindingTerm, "binding.effective_delay").With("allowed", earliest.String())
	case f.Request.ValidTo != 0 && f.Request.ValidTo < begin:
		return r.refusal(EBindingTerm, "binding.default_term").With("allowed", begin.String())
	}
	return nil
}

// BindingTerm is the first and the last day on which a binding made on a day may pay, where the request says nothing
// else: the delay and the waiting days, then the region's usual term. to is 0 for an open end. Bindings count in days,
// so a delay of minutes or hours lasts as long as the centre takes to confirm, inside the day.
func BindingTerm(rules *Rules, day Date) (from, to Date) {
	delay := rules.Binding.WaitingDays
	if rules.Binding.EffectiveDelay == "next_day" {
		delay++
	} else if minutes, ok := strings.CutPrefix(rules.Binding.EffectiveDelay, "minutes:"); ok {
		if n, err := strconv.Atoi(minutes); err == nil {
			delay += n / (24 * 60)
		}
	}
	if from = day; delay > 0 {
		from = day.AddDays(delay)
	}
	if days, ok := strings.CutPrefix(rules.Binding.DefaultTerm, "days:"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > 0 {
			to = from.AddDays(n - 1)
		}
	}
	return from, to
}

// BindingEnd is the last day on which a binding may still pay when its end is confirmed on a day (S-063): the day itself
// where the policy ends bindings overnight, else the day before, so that nothing is paid any more.
func BindingEnd(rules *Rules, day Date) Date {
	if rules.Binding.UnbindEffect == "next_day" {
		return day
	}
	return day.AddDays(-1)
}

// The reasons for ending a binding (S-099). The first two end it by law of nature; no lock keeps it alive.
const (
	EndDivorce = "divorce"
	EndDeath   = "death"
	EndOther   = "other"
)

func (r *Rules) checkUnbind(f *BindingFacts) error {
	b, err := f.existing()
	if err != nil {
		return err
	}
	if err := r.checkNotice(&r.Notices.Unbinding, f.Request.Notice, "notices.unbinding"); err != nil {
		return err
	}
	if f.Request.EndReason == EndDivorce || f.Request.EndReason == EndDeath || r.Binding.UnbindLockDays == 0 {
		return nil
	}
	if free := b.BoundAt.AddDays(r.Binding.UnbindLockDays); f.Day < free {
		return r.refusal(EBindingLocked, "binding.unbind_lock_days").With("allowed", free.String())
	}
	return nil
}

// checkAdjust is the check of a new rank or limit. A limit protects the giver's money, so only the giver sets it.
func (r *Rules) checkAdjust(f *BindingFacts) error {
	if _, err := f.existing(); err != nil {
		return err
	}
	if f.Request.Action == BindingLimit {
		if f.Asker != "" && f.Asker != f.Giver.ID {
			return r.refusal(EBindingActor, "caps.giver_limit_scope")
		}
		return r.checkChunk(f)
	}
	allowed := r.Order.AdjustableBy
	switch {
	case len(allowed) == 0:
	case f.Asker == "":
		return nil
	case f.Asker == f.Giver.ID && slices.Contains(allowed, "giver"):
		return nil
	case f.Asker == f.Beneficiary.ID && slices.Contains(allowed, "beneficiary"):
		return nil
	}
	return r.refusal(EBindingActor, "order.adjustable_by")
}

// checkChunk wants a limit that the giver sets to be at least the region's smallest one; 0 closes the binding's purse
// and is always allowed.
func (r *Rules) checkChunk(f *BindingFacts) error {
	limit := f.Request.Limit
	if limit.Set && limit.Max > 0 && limit.Max < r.Alloc.MinChunk {
		return r.refusal(EBindingLimit, "alloc.min_chunk").With("allowed", r.Alloc.MinChunk.String())
	}
	return nil
}

// existing is the open binding that a request wants changed: by its id, or else of the two people.
func (f *BindingFacts) existing() (*Binding, error) {
	for i := range f.GiverBindings {
		b := &f.GiverBindings[i]
		samePair := b.Giver == f.Giver.ID && b.Beneficiary == f.Beneficiary.ID
		if samePair && b.openOn(f.Day) && (f.Request.Binding == "" || f.Request.Binding == b.ID) {
			return b, nil
		}
	}
	return nil, NewError(NotFound, nil)
}
