package settle

import (
	"slices"
	"strings"
)

// Rules is the policy of one insured region on one day: every value the planner, the ledger and the session decide
// with. Values come from settle/policy, which reads them from the region files, checks them and records where each
// came from; the tag `rule` is the key under which a policy file writes the value. Money is fen.
//
// A Rules value is read by many goroutines at once and never changed after it was loaded. Who wants a variant (a test,
// a scenario) works on a [Rules.Clone].
//
// The following is locked by law and therefore no key: excluded classes ([Excluded]) are never paid, locked statuses
// ([Status.Locked]) never pay, the credential is the patient's own, the fund part is never shared, account money is
// never paid out in cash.
type Rules struct {
	ID            string // "CN", or the administrative code of the region (430100)
	Version       string
	Name          string   // Chinese name of the region
	Parents       []string // id@version of the policies it inherits from, the baseline first
	EffectiveFrom Date
	EffectiveTo   Date // 0: still in force

	Binding       BindingRules       `rule:"binding"`
	Members       MemberRules        `rule:"members"`
	Area          AreaRules          `rule:"area"`
	Venue         VenueRules         `rule:"venue"`
	CrossProvince CrossProvinceRules `rule:"cross_province"`
	Wallet        WalletRules        `rule:"wallet"`

	Pots         Pots             `rule:"pots"`
	ShareFrom    ShareFrom        `rule:"share_from"`
	Own          OwnRules         `rule:"own"`
	OwnMedGroups []MedGroup       `rule:"own_med_groups"`
	Giver        GiverRules       `rule:"giver"`
	Beneficiary  BeneficiaryRules `rule:"beneficiary"`
	Shared       SharedRules      `rule:"shared"`
	Order        OrderRules       `rule:"order"`
	Scope        ScopeRules       `rule:"scope"`
	Caps         CapRules         `rule:"caps"`
	Reserve      ReserveRules     `rule:"reserve"`
	MedGroupMap  MedGroupMap      `rule:"med_group_map"`
	Inpatient    InpatientRules   `rule:"inpatient"`
	Remote       RemoteRules      `rule:"remote"`
	Alloc        AllocRules       `rule:"alloc"`

	Premium     PremiumRules     `rule:"premium"`
	Credential  CredentialRules  `rule:"credential"`
	Proxy       ProxyRules       `rule:"proxy"`
	Trace       TraceRules       `rule:"trace"`
	Rx          RxRules          `rule:"rx"`
	Refund      RefundRules      `rule:"refund"`
	Year        YearRules        `rule:"year"`
	Offline     OfflineRules     `rule:"offline"`
	Platform    PlatformRules    `rule:"platform"`
	Idempotency IdempotencyRules `rule:"idempotency"`
	Records     RecordRules      `rule:"records"`

	Confirm  ConfirmRules  `rule:"confirm"`
	Notices  NoticeRules   `rule:"notices"`
	Guidance GuidanceRules `rule:"guidance"` // the texts are in the region files alone

	// Provenance says of every key where its value comes from. Nil or a missing key: nothing is known.
	Provenance map[string]Origin
	// Sources are the documents that Provenance names by code.
	Sources map[string]Source
}

// Confidence is how far a value can be trusted.
type Confidence string

// The grades of a source or value, best first.
const (
	ConfidenceGov       Confidence = "gov"       // text of an authority, or a law
	ConfidencePress     Confidence = "press"     // press, or a close re-post of an authority's text
	ConfidenceSecondary Confidence = "secondary" // a page of low trust, or an old rule
	ConfidenceAssumed   Confidence = "assumed"   // no source found
)

// Origin is where the value of one key comes from.
type Origin struct {
	Policy     string     `json:"policy"`         // id of the policy that set or confirmed the value
	Src        []string   `json:"src,omitempty"`  // codes of Sources
	Confidence Confidence `json:"confidence"`     // empty: unknown
	Note       string     `json:"note,omitempty"` // Chinese
	File       string     `json:"file,omitempty"`
	Line       int        `json:"line,omitempty"`
}

// Source is a document that a policy cites.
type Source struct {
	Code  string
	Title string
	URL   string
	Grade Confidence
}

// BindingRules say who may be bound to whom (家庭共济绑定).
type BindingRules struct {
	Model                   string         `rule:"model"` // direct | network (a household with a holder); shown only
	ModeAllowed             []BindingMode  `rule:"mode_allowed"`
	Relations               []Relation     `rule:"relations"`       // what the patient may be to the giver (S-014)
	ExtraRelations          []Relation     `rule:"extra_relations"` // a region's own kinds besides the eight
	RelationLimits          map[string]int `rule:"relation_limits"` // most relatives of a kind; parents: father + mother
	Proof                   string         `rule:"proof"`           // commitment | documents | both
	NeedsAccept             bool           `rule:"needs_accept"`
	MaxGiversPerBeneficiary int            `rule:"max_givers_per_beneficiary"` // 0: no limit
	RoleExclusive           bool           `rule:"role_exclusive"`             // a giver cannot receive, nor the reverse
	MutualAllowed           bool           `rule:"mutual_allowed"`             // two people may bind each other
	EffectiveDelay          string         `rule:"effective_delay"`            // now | minutes:N | next_day
	DefaultTerm             string         `rule:"default_term"`               // unlimited | days:N
	Review                  string         `rule:"review"`                     // none | yearly: the centre's own re-check; shown
	WaitingDays             int            `rule:"waiting_days"`
	UnbindEffect            string         `rule:"unbind_effect"` // now | next_day
	UnbindLockDays          int            `rule:"unbind_lock_days"`
	// AutoEndOn are insurance_moved, insurance_ended, death, divorce: the centre then ends the binding by itself and its snapshot says
	// so; here statuses and areas bar payment at once, whatever the list says.
	AutoEndOn []string `rule:"auto_end_on"`
}

// MemberRules limit how many relatives one giver may bind.
type MemberRules struct {
	Max         int  `rule:"max"` // 0: no limit
	CountHolder bool `rule:"count_holder"`
	LifetimeMax int  `rule:"lifetime_max"` // different persons ever; 0: no limit
}

// AreaRule compares the insured areas of giver and patient.
type AreaRule string

// The area rules: equal codes, equal first two digits, no condition.
const (
	SamePool     AreaRule = "same_pool"
	SameProvince AreaRule = "same_province"
	National     AreaRule = "national"
)

// AreaRules say which insured areas may share.
type AreaRules struct {
	Rule      AreaRule `rule:"rule"`
	AllowList []string `rule:"allow_list"` // further pairs "430100-440300", either way round
	// CrossPoolMaxGivers is how many givers of other pooling areas one relative may have (Shanxi: 1); 0: no limit.
	CrossPoolMaxGivers int `rule:"cross_pool_max_givers"`
}

// VenueRules say where the cost may arise for shared money to pay it: the venue's area seen from the patient's.
type VenueRules struct {
	Area  string   `rule:"area"`  // same_pool | province | national
	Kinds []string `rule:"kinds"` // hospital, clinic, pharmacy
}

// CrossProvinceMode says whether a wallet binding may pass the area rule.
type CrossProvinceMode string

// The modes of cross-province sharing.
const (
	CrossNone        CrossProvinceMode = "none"
	CrossWalletQuota CrossProvinceMode = "wallet_quota"
)

// CrossProvinceRules are the rules of sharing between provinces (医保钱包).
type CrossProvinceRules struct {
	Mode CrossProvinceMode `rule:"mode"`
	// MedGroups are the groups of treatment that a wallet binding may pay across the area; shared.med_groups counts too.
	MedGroups []MedGroup `rule:"med_groups"`
}

// WalletRules are what the wallet app enforces; shown, not enforced here.
type WalletRules struct {
	MaxTransfersPerDay int    `rule:"max_transfers_per_day"`
	MaxTransfer        Fen    `rule:"max_transfer"`
	QuietHours         string `rule:"quiet_hours"`
}

// Pots says what the accounts of a region are made of. One pot or two is also told by each account itself, which stands;
// a mutual account is money only where the region's rules say so.
type Pots string

// The choices.
const (
	PotsSingle             Pots = "single"
	PotsCurrentPrior       Pots = "current_prior"
	PotsCurrentPriorMutual Pots = "current_prior_mutual"
)

// Known is the account as far as these rules know its pots: where they know no mutual account (S-255), its money pays
// nothing and counts for nothing.
func (r *Rules) Known(a Account) Account {
	if r.Pots != PotsCurrentPriorMutual {
		a.Mutual = 0
	}
	return a
}

// ShareFrom says which money of a giver is shared.
type ShareFrom string

// The choices: all money but a mutual account, money of earlier years only (Zhejiang, Shanghai), or the mutual account only.
const (
	ShareBalance    ShareFrom = "balance"
	SharePriorOnly  ShareFrom = "prior_only"
	ShareMutualOnly ShareFrom = "mutual_only"
)

// Gate bars givers while the patient has own money.
type Gate string

// The gates: GateSplit lets own and shared money pay one bill, GateZeroOnly does not (Shenzhen).
const (
	GateSplit    Gate = "split"
	GateZeroOnly Gate = "zero_only"
)

// OwnRules are the rules of the patient's own account.
type OwnRules struct {
	First    bool     `rule:"first"`
	Gate     Gate     `rule:"gate"`
	PotOrder []Pot    `rule:"pot_order"`
	StatusOK []Status `rule:"status_ok"`
}

// GiverRules are the rules of a giver's account.
type GiverRules struct {
	StatusOK []Status `rule:"status_ok"`
}

// BeneficiaryRules are the conditions on the patient for receiving shared money.
type BeneficiaryRules struct {
	Kinds               []string `rule:"kinds"` // employee, resident; checked when a binding is made
	StatusOK            []Status `rule:"status_ok"`
	InsuredRequired     bool     `rule:"insured_required"` // checked when a binding is made
	WaitingBlocksShared bool     `rule:"waiting_blocks_shared"`
	MinorGuardian       bool     `rule:"minor_guardian"` // a parent may present for a minor who is there
}

// Trigger says when givers are asked.
type Trigger string

// The triggers: always, or only when the patient asks.
const (
	TriggerAuto Trigger = "auto"
	TriggerAsk  Trigger = "ask"
)

// SharedRules are the conditions on the bill for shared money.
type SharedRules struct {
	Trigger   Trigger    `rule:"trigger"`
	MedGroups []MedGroup `rule:"med_groups"`
}

// OrderSource is what orders the givers.
type OrderSource string

// The order sources.
const (
	OrderBoundRank    OrderSource = "bound_rank"
	OrderBindTimeAsc  OrderSource = "bind_time_asc"
	OrderBindTimeDesc OrderSource = "bind_time_desc"
	OrderBalanceDesc  OrderSource = "balance_desc"
	OrderManualSelect OrderSource = "manual_select"
	OrderSingle       OrderSource = "single"
)

// TieBreak orders givers that the source leaves equal.
type TieBreak string

// The tie-breaks; the giver's id decides at last.
const (
	TieName     TieBreak = "name"
	TieBindTime TieBreak = "bind_time"
	TieID       TieBreak = "id"
)

// OrderRules are the order of givers.
type OrderRules struct {
	Source                 OrderSource `rule:"source"`
	TieBreak               TieBreak    `rule:"tiebreak"`
	AdjustableBy           []string    `rule:"adjustable_by"` // giver, beneficiary; empty: nobody
	MaxGiversPerSettlement int         `rule:"max_givers_per_settlement"`
	SamePoolFirst          bool        `rule:"same_pool_first"` // givers of the patient's own pooling area before others
}

// LimitScope says which limit of a giver counts (decision 6).
type LimitScope string

// The scopes: one limit for all relatives together, or one for each.
const (
	LimitAll  LimitScope = "all"
	LimitEach LimitScope = "each"
)

// CapRules limit money in a settlement and over time.
type CapRules struct {
	SettlementSharedTotal     Cap        `rule:"settlement_shared_total"`
	SettlementPerGiver        Cap        `rule:"settlement_per_giver"`
	DaySharedPerBeneficiary   Cap        `rule:"day_shared_per_beneficiary"`
	MonthSharedPerBeneficiary Cap        `rule:"month_shared_per_beneficiary"`
	YearSharedPerBeneficiary  Cap        `rule:"year_shared_per_beneficiary"`
	MonthPharmacyTotal        Cap        `rule:"month_pharmacy_total"`
	GiverLimitScope           LimitScope `rule:"giver_limit_scope"`

	DayPerGiver       Cap   `rule:"day_per_giver"`       // one giver, to all relatives together
	MonthPerGiver     Cap   `rule:"month_per_giver"`     // the same, a calendar month
	YearPerGiver      Cap   `rule:"year_per_giver"`      // the same, a calendar year
	DayPharmacyTimes  Count `rule:"day_pharmacy_times"`  // pharmacy bills of one patient a day
	SingleOTC         Cap   `rule:"single_otc"`          // non-prescription medicines of one bill; above it a hint, no refusal
	YearPharmacyTotal Cap   `rule:"year_pharmacy_total"` // account money for one patient at pharmacies a year; the rest is cash
}

// ReserveRules are the floor a giver keeps.
type ReserveRules struct {
	MinAfter Fen `rule:"min_after"`
}

// InpatientRules are the rules of a stay.
type InpatientRules struct {
	Deposit bool `rule:"deposit"` // false: no account pays a line of class deposit, whatever a scope lists (S-071, S-091)
}

// RemoteRules are about patients treated away from home. The centre decides on the filing and the agency on claims;
// both are shown here, not enforced (S-108, S-194, S-244, S-245).
type RemoteRules struct {
	FiledOK     bool   `rule:"filed_ok"`     // a patient filed as remote may use shared money
	ManualClaim string `rule:"manual_claim"` // export: the counter gives the evidence for a claim at the agency | none
}

// AllocRules limit the amounts that givers set for relatives.
type AllocRules struct {
	MinChunk Fen `rule:"min_chunk"` // smallest limit or allocation that a giver may set (Gansu); 0: any
}

// MedGroupMap says to which group a med_type belongs. A key ending in "*" stands for every code that begins so; the
// longest match counts.
type MedGroupMap map[string]MedGroup

// ThresholdMode is how a premium's threshold works.
type ThresholdMode string

// The modes: no threshold; the payer's money must be above it; only the money above it may be used.
const (
	ThresholdNone   ThresholdMode = "none"
	ThresholdGate   ThresholdMode = "gate"
	ThresholdExcess ThresholdMode = "excess"
)

// Span is a span of dates, both ends included.
type Span struct{ From, To Date }

// Contains reports whether the day lies in the span.
func (s Span) Contains(day Date) bool { return s.From <= day && day <= s.To }

// PremiumRules are the rules for paying a relative's yearly contribution.
type PremiumRules struct {
	Enabled           bool          `rule:"enabled"`
	AtCounter         bool          `rule:"at_counter"` // false: record only, people pay in the tax channel
	Kinds             []string      `rule:"kinds"`      // resident, ltc, critical, commercial
	Threshold         Fen           `rule:"threshold"`
	ThresholdMode     ThresholdMode `rule:"threshold_mode"`
	Windows           []Span        `rule:"windows"`
	LateWindow        []Span        `rule:"late_window"`    // paid then, the insurance begins after LateWaitDays
	LateWaitDays      int           `rule:"late_wait_days"` // days of waiting after a late payment, from the payment on
	OncePerYear       bool          `rule:"once_per_year"`
	SplitAcrossGivers bool          `rule:"split_across_givers"`
	Actor             string        `rule:"actor"` // giver | any
	ExemptCategories  []string      `rule:"exempt_categories"`
}

// CredentialRules say how a patient may show who they are.
type CredentialRules struct {
	Kinds      []CredentialKind `rule:"kinds"`
	FamilyCode bool             `rule:"family_code"` // a code shown on a relative's phone is accepted
	// FaceRequiredAbove is the bill total above which the cashier must have made a face check.
	FaceRequiredAbove Cap `rule:"face_required_above"`
}

// ProxyRules are the rules of buying for somebody who is away (代购).
type ProxyRules struct {
	Allowed          bool     `rule:"allowed"`
	Docs             []string `rule:"docs"`
	ExtraDocs        []string `rule:"extra_docs"` // asked for on top of Docs
	MaxCardsPerVisit int      `rule:"max_cards_per_visit"`
	Signature        bool     `rule:"signature"`
	// IDCheckAbove is the bill total above which the agent's own number is registered; 0: always. The papers of both are
	// law and asked for whatever the amount.
	IDCheckAbove Fen `rule:"id_check_above"`
	// RecordFields must be filled in for every agent, besides what law wants: relation, reason.
	RecordFields []string `rule:"record_fields"`
}

// RxRules are the rules of prescriptions.
type RxRules struct {
	Required    bool     `rule:"required"`
	EOnlyFrom   Date     `rule:"e_only_from"`
	EOnlyGroups []string `rule:"e_only_groups"`
}

// RefundMode is how money goes back.
type RefundMode string

// The modes of SEMANTICS section 6.
const (
	RefundCancelResettle RefundMode = "cancel_resettle"
	RefundLineOrigin     RefundMode = "line_origin"
	RefundProportional   RefundMode = "proportional"
)

// Count is an optional upper limit of a number of things. The zero value is no limit.
type Count struct {
	Set bool
	Max int
}

// RefundRules are the rules of returns.
type RefundRules struct {
	Mode      RefundMode `rule:"mode"`
	MaxDays   Count      `rule:"max_days"`   // days after the settlement; 0: the same day only
	ClosedPot string     `rule:"closed_pot"` // prior | agency: an account closed since
}

// YearRules are the account year.
type YearRules struct {
	Start    string `rule:"start"`    // MM-DD
	Rollover string `rule:"rollover"` // current_to_prior | none
}

// OfflineRules limit settling from the cached ledger while the centre is silent; the configuration limits it too and
// the tighter of each counts (decision 1).
type OfflineRules struct {
	Allowed       bool  `rule:"allowed"`
	Shared        bool  `rule:"shared"` // relatives' money too
	MaxSettlement Cap   `rule:"max_settlement"`
	MaxDay        Cap   `rule:"max_day"`
	MaxAgeMin     Count `rule:"max_age_min"` // minutes
}

// PlatformRules say how the region's centre counts.
type PlatformRules struct {
	AcctPayIncludesMulaid bool `rule:"acct_pay_includes_mulaid"`
	FundIncludesAccount   bool `rule:"fund_includes_account"`
}

// IdempotencyRules are rules for the API.
type IdempotencyRules struct {
	KeyRequired bool `rule:"key_required"`
}

// RecordRules are how long records are kept.
type RecordRules struct {
	RetentionYears int `rule:"retention_years"`
}

// GroupOf is the group of treatment a national or local med_type belongs to; an unknown code has none, and a sale of
// it is refused rather than guessed.
func (r *Rules) GroupOf(medType string) (MedGroup, bool) {
	if group, known := r.MedGroupMap[medType]; known {
		return group, true
	}
	for end := len(medType); end > 0; end-- {
		if group, known := r.MedGroupMap[medType[:end]+"*"]; known {
			return group, true
		}
	}
	return "", false
}

// AccountYear is the account year a day belongs to: the calendar year in which it began. Where Year.Start is 01-01
// that is the calendar year; in a region whose year starts on 1 July, 30 June 2026 belongs to 2025.
func (r *Rules) AccountYear(day Date) int {
	start, err := ParseDate("2000-" + r.Year.Start)
	if err == nil && int(day)%10000 < int(start)%10000 {
		return day.Year() - 1
	}
	return day.Year()
}

// Clone is a copy that can be changed field by field. Lists are shared with the original: replace them, do not write
// into them. Maps are copied.
func (r *Rules) Clone() *Rules {
	c := *r
	c.MedGroupMap = cloneMap(r.MedGroupMap)
	c.Binding.RelationLimits = cloneMap(r.Binding.RelationLimits)
	c.Provenance = cloneMap(r.Provenance)
	return &c
}

func cloneMap[M ~map[K]V, K comparable, V any](m M) M {
	c := make(M, len(m))
	for k, v := range m {
		c[k] = v
	}
	return c
}

// CNID is the id of the national baseline, the root of every region.
const CNID = "CN"

// DefaultRules is the national baseline in force since 9 January 2026, when sharing between provinces by frozen quotas
// began. settle/policy builds every region on it, and its file CN.yaml cites the sources; a test there keeps the two equal.
func DefaultRules() *Rules {
	return &Rules{
		ID: CNID, Version: "2026.1", Name: "国家基线", EffectiveFrom: 20210422,
		Binding: BindingRules{
			ModeAllowed: []BindingMode{Direct, Wallet}, Relations: Relations, ExtraRelations: []Relation{},
			RelationLimits: map[string]int{"spouse": 1, "father": 1, "mother": 1}, Model: "direct", Review: "none",
			Proof: "commitment", MutualAllowed: true,
			EffectiveDelay: "now", DefaultTerm: "unlimited", UnbindEffect: "now",
			AutoEndOn: []string{"insurance_moved", "insurance_ended", "death", "divorce"},
		},
		Area:          AreaRules{Rule: SameProvince, AllowList: []string{}},
		Venue:         VenueRules{Area: "national", Kinds: []string{"hospital", "clinic", "pharmacy"}},
		CrossProvince: CrossProvinceRules{Mode: CrossWalletQuota, MedGroups: MedGroups},
		Wallet:        WalletRules{MaxTransfersPerDay: 3, MaxTransfer: 200000, QuietHours: "22:00-06:00"},
		Pots:          PotsSingle,
		ShareFrom:     ShareBalance,
		Own: OwnRules{
			First: true, Gate: GateSplit, PotOrder: []Pot{PotBalance}, StatusOK: []Status{StatusNormal, StatusPaused},
		},
		OwnMedGroups: MedGroups,
		Giver:        GiverRules{StatusOK: []Status{StatusNormal}},
		Beneficiary: BeneficiaryRules{
			Kinds: []string{"employee", "resident"}, StatusOK: []Status{StatusNormal}, InsuredRequired: true, MinorGuardian: true,
		},
		Shared:      SharedRules{Trigger: TriggerAuto, MedGroups: MedGroups},
		Order:       OrderRules{Source: OrderBoundRank, TieBreak: TieName, AdjustableBy: []string{"giver"}},
		Scope:       ScopeRules{Default: defaultScope(), DeviceList: []string{}, Vaccine: "by_class", TCMSlicesSingle: true},
		Remote:      RemoteRules{FiledOK: true, ManualClaim: "export"},
		Caps:        CapRules{GiverLimitScope: LimitAll},
		MedGroupMap: nationalMedTypes(),
		Premium: PremiumRules{
			Enabled: true, Kinds: []string{"resident"}, ThresholdMode: ThresholdNone, Windows: []Span{}, LateWindow: []Span{},
			LateWaitDays: 90,
			OncePerYear:  true, Actor: "giver", ExemptCategories: []string{},
		},
		Credential: CredentialRules{
			Kinds: []CredentialKind{CredentialCard, CredentialEvoucher, CredentialID}, FamilyCode: true,
		},
		Proxy: ProxyRules{
			Allowed: true, Docs: []string{"principal_id", "agent_id"}, ExtraDocs: []string{}, MaxCardsPerVisit: 2, Signature: true,
			RecordFields: []string{},
		},
		Trace: TraceRules{
			RequiredFrom: 20250701, FullFrom: 20260101, OnSlip: true, NoCodeList: true,
			Classes: []string{"drug_a", "drug_b", "drug_out"}, RejectDuplicate: true, CodeForms: []string{"n20"},
		},
		Rx:          RxRules{Required: true, EOnlyFrom: 20250101, EOnlyGroups: []string{"dual_channel"}},
		Refund:      RefundRules{Mode: RefundCancelResettle, ClosedPot: "prior"},
		Year:        YearRules{Start: "01-01", Rollover: "none"},
		Offline:     OfflineRules{Allowed: true, Shared: true},
		Platform:    PlatformRules{AcctPayIncludesMulaid: true},
		Idempotency: IdempotencyRules{KeyRequired: true},
		Records:     RecordRules{RetentionYears: 5},
		Confirm:     ConfirmRules{Steps: []string{}},
	}
}

// nationalMedTypes is the national dictionary of med_type, grouped. Regions add their local codes.
func nationalMedTypes() MedGroupMap {
	return MedGroupMap{
		"11": Outpatient, "12": Outpatient, "16": Outpatient,
		"13": Emergency,
		"14": Chronic, "14*": Chronic, "9901": Chronic, "9929": Chronic,
		"21": Inpatient, "21*": Inpatient, "22": Inpatient, "23": Inpatient, "24": Inpatient, "25": Inpatient,
		"26": Inpatient, "27": Inpatient, "28": Inpatient,
		"41": Pharmacy,
		"51": Maternity, "52": Maternity,
	}
}

// areasFit applies the area rule to the insured areas of giver and patient.
func (a *AreaRules) areasFit(giver, patient string) bool {
	switch a.Rule {
	case National:
		return true
	case SameProvince:
		if province(giver) == province(patient) {
			return true
		}
	default:
		if giver == patient {
			return true
		}
	}
	for _, pair := range a.AllowList {
		one, other, _ := strings.Cut(pair, "-")
		if (one == giver && other == patient) || (one == patient && other == giver) {
			return true
		}
	}
	return false
}

// fits reports whether shared money may pay at a venue of the area for a patient insured in the other. A venue whose
// area is not told fits.
func (v *VenueRules) fits(venue, patient string) bool {
	switch {
	case venue == "":
	case v.Area == string(SamePool):
		return venue == patient
	case v.Area == "province":
		return province(venue) == province(patient)
	}
	return true
}

// VenueKinds are the kinds of venues that venue.kinds knows.
var VenueKinds = []string{"hospital", "clinic", VenuePharmacy}

// takes reports whether shared money may pay at a kind of venue; a kind that nobody told, or that is none of the three, is
// not checked.
func (v *VenueRules) takes(kind string) bool {
	return !slices.Contains(VenueKinds, kind) || slices.Contains(v.Kinds, kind)
}

// province is the first two digits of an administrative code.
func province(area string) string {
	if len(area) < 2 {
		return area
	}
	return area[:2]
}
