package settle

import "slices"

// Scope says which parts of a line a pot may pay. It covers, of a line whose class is in Classes, those buckets that
// are in Buckets, and the own expense (全自费) if the class is also in FullOK. In a special scope a list that is nil
// (not: empty) is the default scope's.
type Scope struct {
	Classes []string `rule:"classes"`
	Buckets []string `rule:"buckets"` // of dedc ratio presel over abovecap
	FullOK  []string `rule:"full_ok"`
}

// ScopeRules are the scope of every pot and the special scopes of some.
type ScopeRules struct {
	Default    Scope `rule:"default"`
	OwnBalance Scope `rule:"own_balance"`
	OwnCurrent Scope `rule:"own_current"`
	OwnPrior   Scope `rule:"own_prior"`
	OwnMutual  Scope `rule:"own_mutual"`
	Shared     Scope `rule:"shared"`
	// DeviceList is a closed list of national item codes (Nantong): a device or consumable that is not on it is payable
	// from no account. Empty: every registered device and consumable.
	DeviceList []string `rule:"device_list"`
	// Pharmacy narrows every scope at a pharmacy (S-193: goods of the catalogue only); a list that is nil narrows nothing.
	Pharmacy Scope `rule:"pharmacy"`
	// Vaccine narrows who pays vaccines outside the public programme: by_class (as the lists of classes say), none, own (no
	// shared money), own_and_shared.
	Vaccine string `rule:"vaccine"`
	// TCMSlicesSingle: herbal slices are payable on their own; false: on a prescription only.
	TCMSlicesSingle bool `rule:"tcm_slices_single"`
}

// The classes that a rule of its own narrows.
const (
	ClassVaccine   = "vaccine_other" // vaccines outside the public programme
	ClassTCMSlices = "tcm_slices"    // herbal slices (中药饮片)
)

// ClassDeposit is the class of a line that is a deposit for a stay (住院押金).
const ClassDeposit = "deposit"

// lineBarred is the policy key that keeps every account from paying a line whatever its class and buckets; empty: none.
func (r *Rules) lineBarred(line *Line) string {
	switch {
	case line.Class == ClassDeposit && !r.Inpatient.Deposit:
		return "inpatient.deposit"
	case len(r.Scope.DeviceList) > 0 && (line.Class == "device_reg" || line.Class == "consumable") &&
		!slices.Contains(r.Scope.DeviceList, line.Code):
		return "scope.device_list"
	case line.Class == ClassVaccine && r.Scope.Vaccine == "none":
		return "scope.vaccine"
	case line.Class == ClassTCMSlices && !r.Scope.TCMSlicesSingle && !line.Rx:
		return "scope.tcm_slices_single"
	}
	return ""
}

// cover is the set of a line's buckets that a scope covers for a group of treatment, with everything that narrows it. bits are
// the scope's bucketBits.
func (r *Rules) cover(kind scopeKind, scope *Scope, bits uint8, line *Line, group MedGroup) uint8 {
	switch {
	case r.lineBarred(line) != "", line.Class == ClassVaccine && r.Scope.Vaccine == "own" && kind == scopeShared:
		return 0
	}
	covered := scope.covers(line.Class, bits)
	if group == Pharmacy {
		covered &= r.Scope.Pharmacy.narrows(line.Class)
	}
	return covered
}

// narrows is the set of buckets that a narrowing scope leaves of a class.
func (s *Scope) narrows(class string) uint8 {
	const all = 1<<BucketCount - 1
	if s.Classes != nil && !slices.Contains(s.Classes, class) {
		return 0
	}
	bits := uint8(all)
	if s.Buckets != nil {
		bits = s.bucketBits() | 1<<OwnExpense
	}
	if s.FullOK != nil && !slices.Contains(s.FullOK, class) {
		bits &^= 1 << OwnExpense
	}
	return bits
}

// Excluded lists the classes that no account ever pays, whatever a policy says (general office of the State Council,
// 2021 no. 14; S-150 and its kin): public health, fitness and wellness, health food, cosmetics, food, daily goods.
var Excluded = []string{
	"public_health", "fitness", "wellness", "health_food", "cosmetic", "cosmetic_service", "food", "daily",
}

// defaultScope is the national baseline: medicines, devices, consumables and services; own expense of registered
// devices and consumables only.
func defaultScope() Scope {
	return Scope{
		Classes: []string{
			"drug_a", "drug_b", "tcm_slices", "device_reg", "consumable", "service_in", "drug_out", "service_out",
		},
		Buckets: []string{"dedc", "ratio", "presel", "over", "abovecap"},
		FullOK:  []string{"device_reg", "consumable"},
	}
}

// scopeKind names the scope of a payment: of an own pot, or of shared money from whatever pot or quota.
type scopeKind uint8

const (
	scopeOwnBalance scopeKind = iota
	scopeOwnCurrent
	scopeOwnPrior
	scopeOwnMutual
	scopeShared
	scopeKinds
)

// scopeOf is the scope under which the account pays from the pot for the patient.
func scopeOf(account PersonID, pot Pot, patient PersonID) scopeKind {
	if account != patient {
		return scopeShared
	}
	switch pot {
	case PotCurrent:
		return scopeOwnCurrent
	case PotPrior:
		return scopeOwnPrior
	case PotMutual:
		return scopeOwnMutual
	case PotQuota:
		return scopeShared
	}
	return scopeOwnBalance
}

// of is the scope of a kind with the default's lists filled in.
func (s *ScopeRules) of(kind scopeKind) Scope {
	special := [scopeKinds]*Scope{&s.OwnBalance, &s.OwnCurrent, &s.OwnPrior, &s.OwnMutual, &s.Shared}[kind]
	scope := *special
	if scope.Classes == nil {
		scope.Classes = s.Default.Classes
	}
	if scope.Buckets == nil {
		scope.Buckets = s.Default.Buckets
	}
	if scope.FullOK == nil {
		scope.FullOK = s.Default.FullOK
	}
	return scope
}

// key is the policy key that holds the scope of a kind: the special one if the policy has it.
func (s *ScopeRules) key(kind scopeKind) string {
	names := [scopeKinds]string{"scope.own_balance", "scope.own_current", "scope.own_prior", "scope.own_mutual", "scope.shared"}
	special := [scopeKinds]*Scope{&s.OwnBalance, &s.OwnCurrent, &s.OwnPrior, &s.OwnMutual, &s.Shared}[kind]
	if special.Classes == nil && special.Buckets == nil && special.FullOK == nil {
		return "scope.default"
	}
	return names[kind]
}

// bucketBits are the buckets of the list that a scope can open; own expense is not among them.
func (s *Scope) bucketBits() (bits uint8) {
	for b := Deductible; b < OwnExpense; b++ {
		if slices.Contains(s.Buckets, BucketNames[b]) {
			bits |= 1 << b
		}
	}
	return bits
}

// covers is the set of buckets (bit = Bucket) of a line of the class that the scope covers; bits are its bucketBits.
func (s *Scope) covers(class string, bits uint8) uint8 {
	if slices.Contains(Excluded, class) || !slices.Contains(s.Classes, class) {
		return 0
	}
	if slices.Contains(s.FullOK, class) {
		bits |= 1 << OwnExpense
	}
	return bits
}

// rest is what is still unpaid of every personal bucket of a bill while it is being split.
type rest struct {
	lines []Line
	rules *Rules
	group MedGroup // of treatment; a pharmacy's scope is narrower
	open  [][BucketCount]Fen
	masks [scopeKinds][]uint8 // by scope, then line; filled when first asked for
	store []uint8
	left  [scopeKinds]Fen // what of each scope that was asked for is still unpaid
	all   bool            // every payer may pay everything; see openToAll
}

// newRest is the rest of a bill nobody has paid anything of.
func newRest(lines []Line, rules *Rules, group MedGroup) *rest {
	r := &rest{
		lines: lines, rules: rules, group: group, open: make([][BucketCount]Fen, len(lines)),
		store: make([]uint8, len(lines)*int(scopeKinds)),
	}
	for i := range lines {
		r.open[i] = lines[i].Personal
	}
	return r
}

// mask is, for each line, the buckets that the scope covers.
func (r *rest) mask(kind scopeKind) []uint8 {
	if r.masks[kind] != nil || len(r.lines) == 0 {
		return r.masks[kind]
	}
	scope := r.rules.Scope.of(kind)
	bits := scope.bucketBits()
	const everything = 1<<BucketCount - 1
	mask := r.store[int(kind)*len(r.lines) : (int(kind)+1)*len(r.lines)]
	r.left[kind] = 0
	for i := range r.lines {
		mask[i] = everything
		if !r.all {
			mask[i] = r.rules.cover(kind, &scope, bits, &r.lines[i], r.group)
		}
		for b, open := range r.open[i] {
			if mask[i]&(1<<b) != 0 {
				r.left[kind] += open
			}
		}
	}
	r.masks[kind] = mask
	return mask
}

// payable is the unpaid rest that the scope covers.
func (r *rest) payable(kind scopeKind) Fen {
	r.mask(kind)
	return r.left[kind]
}

// take pays x of what the scope covers: lines in bill order, inside a line the buckets in their order. visit sees
// every part that was paid. x must not exceed payable.
func (r *rest) take(kind scopeKind, x Fen, visit func(line int, bucket Bucket, amount Fen)) {
	for i, bits := range r.mask(kind) {
		if bits == 0 {
			continue
		}
		for b := range r.open[i] {
			if x <= 0 {
				return
			}
			open := r.open[i][b]
			if bits&(1<<b) == 0 || open == 0 {
				continue
			}
			part := min(open, x)
			r.open[i][b] -= part
			x -= part
			for other := range r.masks {
				if mask := r.masks[other]; mask != nil && mask[i]&(1<<b) != 0 {
					r.left[other] -= part
				}
			}
			visit(i, Bucket(b), part)
		}
	}
}

// line is the unpaid rest of one line.
func (r *rest) line(i int) (sum Fen) {
	for _, open := range r.open[i] {
		sum += open
	}
	return sum
}

// total is the unpaid rest of the bill.
func (r *rest) total() (sum Fen) {
	for i := range r.open {
		sum += r.line(i)
	}
	return sum
}
