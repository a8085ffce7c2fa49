package ledger

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"gongji/settle"
)

// maxTotal is the largest bill in fen: the largest amount that settle.ParseFen reads back from a record.
const maxTotal settle.Fen = 99_999_999_999

// facts are what a sale is decided on, read in one transaction.
type facts struct {
	at      time.Time
	rules   *settle.Rules
	policy  settle.PolicyRef
	patient personRow
	bill    settle.Bill
	sale    *settle.Sale
	traces  [][]tracePart // by line: the packs it takes; see takeTraces
	holders []*holder     // the own account first, then givers in bound order
	age     time.Duration
	offline bool
	limits  settle.OfflineLimits // the tighter of configuration and region
}

// gather reads everything a sale depends on. PERSON_UNKNOWN, BAD_REQUEST for a sale that cannot be (the session has
// checked it before; money is checked twice).
func (t *tx) gather(sale *settle.Sale, offline bool) (*facts, error) {
	if err := checkSale(sale); err != nil {
		return nil, err
	}
	f := &facts{at: t.ledger.options.Clock().Round(0).In(settle.Beijing), offline: offline, sale: sale}
	day := settle.DateOf(f.at)
	var err error
	if f.rules, err = t.ledger.options.RulesFor(day); err != nil {
		return nil, fmt.Errorf("rules of the day: %w", err)
	}
	f.limits = tightest(t.ledger.options.Offline, &f.rules.Offline)
	f.policy = settle.PolicyRef{ID: f.rules.ID, Version: f.rules.Version}
	group, known := f.rules.GroupOf(sale.MedType)
	if !known {
		return nil, badField("med_type", "本地区没有这种医疗类别。", "is not a kind of treatment of this region")
	}
	// A choice that the region's order does not read would be dropped silently, and another relative would pay.
	if len(sale.Selected) > 0 && f.rules.Order.Source != settle.OrderManualSelect {
		return nil, badField("selected_givers", "本地区按规定的顺序扣款，不能选择由谁出钱。请不选共济人再结算。", "is only read where the region lets the patient choose")
	}
	if f.patient, err = t.known(sale.Patient); err != nil {
		return nil, err
	}
	if f.age, err = t.age(&f.patient); err != nil {
		return nil, err
	}
	if f.holders, err = t.holders(f.rules, &f.patient); err != nil {
		return nil, err
	}
	usage, err := t.usage(&f.rules.Caps, f.patient.key, day)
	if err != nil {
		return nil, err
	}
	f.bill = settle.Bill{
		Day: day, Patient: f.patient.person, Presenter: sale.Presenter, Credential: sale.Credential,
		VenueDesignated: t.ledger.options.Venue.Designated(day), MedGroup: group, Lines: sale.Lines, Usage: usage,
		Selected: sale.Selected, Asked: sale.AskShared, ThirdParty: sale.ThirdParty, NoAccounts: !sale.UseAccounts,
		VenueArea: t.ledger.options.Venue.Area, VenueKind: t.ledger.options.Venue.Kind,
	}
	f.fillAccounts()
	return f, t.giverUsage(f)
}

// giverUsage is what each giver gave here to all relatives together, where the region limits it. The centre says of a
// giver no more than what a limit of the giver's own has used.
func (t *tx) giverUsage(f *facts) error {
	caps := &f.rules.Caps
	if !caps.DayPerGiver.Set && !caps.MonthPerGiver.Set && !caps.YearPerGiver.Set {
		return nil
	}
	day := f.bill.Day
	f.bill.GiverUsage = make(map[settle.PersonID]settle.Usage, len(f.holders))
	for _, h := range f.holders {
		if h.binding == nil {
			continue
		}
		var u settle.Usage
		err := t.get(`SELECT COALESCE(SUM(CASE WHEN day = ?1 THEN amount END), 0), COALESCE(SUM(CASE WHEN day / 100 = ?1 / 100 THEN amount END), 0),
			COALESCE(SUM(amount), 0) FROM posting WHERE person = ?2 AND patient <> person AND settlement IS NOT NULL AND day / 10000 = ?1 / 10000`,
			[]any{day, h.key}, &u.DayShared, &u.MonthShared, &u.YearShared)
		if err != nil {
			return err
		}
		u.DayShared, u.MonthShared, u.YearShared = max(0, u.DayShared), max(0, u.MonthShared), max(0, u.YearShared)
		f.bill.GiverUsage[h.party.Person] = u
	}
	return nil
}

// fillAccounts puts the holders into the bill. Where the region or the configuration keeps relatives' money out of
// offline sales, the relatives take no part in an offline bill.
func (f *facts) fillAccounts() {
	for _, h := range f.holders {
		if h.binding != nil && f.offline && !f.limits.Shared {
			continue
		}
		if h.hasAccount {
			f.bill.Accounts = append(f.bill.Accounts, h.account)
		}
		if h.binding != nil {
			f.bill.Bindings = append(f.bill.Bindings, *h.binding)
		}
	}
}

func (f *facts) holder(person settle.PersonID) *holder {
	i := slices.IndexFunc(f.holders, func(h *holder) bool { return h.party.Person == person })
	if i < 0 {
		return nil
	}
	return f.holders[i]
}

// usage is what a patient has used of the limits that the region sets; what no limit is set for is not added up.
// Contributions are outside the caps (SEMANTICS section 7).
func (t *tx) usage(caps *settle.CapRules, patient int64, day settle.Date) (usage settle.Usage, err error) {
	if caps.DaySharedPerBeneficiary.Set || caps.MonthSharedPerBeneficiary.Set || caps.YearSharedPerBeneficiary.Set {
		if err := t.sharedUsage(&usage, patient, day); err != nil {
			return usage, err
		}
	}
	if caps.MonthPharmacyTotal.Set || caps.DayPharmacyTimes.Set || caps.YearPharmacyTotal.Set {
		err = t.get(`SELECT COALESCE(SUM(CASE WHEN day / 100 = ?1 / 100 THEN total - back_total END), 0),
			COALESCE(SUM(day = ?1 AND shop <> 'reversed'), 0), COALESCE(SUM(own + shared - back_own - back_shared), 0) FROM settlement
			WHERE person = ?2 AND day BETWEEN ?1 / 10000 * 10000 AND ?1 AND med_group = ?3`,
			[]any{day, patient, string(settle.Pharmacy)}, &usage.MonthPharmacyTotal, &usage.DayPharmacyTimes, &usage.YearPharmacyPaid)
	}
	return usage, err
}

// sharedUsage is the shared money already used for a patient: what the centre knows of all venues, as far as it is of this
// day, month and year, and our own that it does not contain yet.
func (t *tx) sharedUsage(usage *settle.Usage, patient int64, day settle.Date) error {
	var told settle.Usage
	var asOf settle.Date
	var contains int64
	err := t.get("SELECT day_shared, month_shared, year_shared, day, contains FROM usage WHERE person = ?", []any{patient},
		&told.DayShared, &told.MonthShared, &told.YearShared, &asOf, &contains)
	if err != nil && !errors.Is(err, errNoRows) {
		return err
	}
	err = t.get(`SELECT COALESCE(SUM(CASE WHEN day = ?1 THEN amount END), 0), COALESCE(SUM(CASE WHEN day / 100 = ?1 / 100 THEN amount END), 0),
		COALESCE(SUM(amount), 0) FROM posting WHERE patient = ?2 AND person <> patient AND centre > ?3 AND day >= ?1 / 10000 * 10000
		AND settlement IS NOT NULL`,
		[]any{day, patient, contains}, &usage.DayShared, &usage.MonthShared, &usage.YearShared)
	if err != nil {
		return err
	}
	if asOf == day {
		usage.DayShared += told.DayShared
	}
	if asOf.Month() == day.Month() {
		usage.MonthShared += told.MonthShared
	}
	if asOf.Year() == day.Year() {
		usage.YearShared += told.YearShared
	}
	usage.DayShared, usage.MonthShared, usage.YearShared = max(0, usage.DayShared), max(0, usage.MonthShared), max(0, usage.YearShared)
	return nil
}

// checkSale refuses a sale whose figures do not add up, so that nothing of that kind is ever stored.
func checkSale(sale *settle.Sale) error {
	var faults []settle.FieldFault
	add := func(field, message, detail string) {
		faults = append(faults, settle.FieldFault{Field: field, Message: message, Detail: detail})
	}
	if sale.POS == "" || sale.ID == "" {
		add("sale_id", "缺少单号。", "till and sale id are required")
	}
	if len(sale.Lines) == 0 {
		add("lines", "账单没有明细。", "a bill has at least one line")
	}
	seen := make(map[string]bool, len(sale.Lines))
	var total settle.Fen
	for i := range sale.Lines {
		line := &sale.Lines[i]
		at := fmt.Sprintf("lines[%d]", i)
		if line.ID == "" || seen[line.ID] {
			add(at+".id", "明细编号缺失或重复。", "must be unique in the bill")
		}
		seen[line.ID] = true
		if negative(line) || line.Fund+line.PersonalSum() != line.Total || line.Total > maxTotal {
			add(at+".split", "分项之和不等于金额。", "parts must not be negative and must sum to total")
			continue
		}
		total += line.Total
	}
	if total > maxTotal {
		add("lines", "账单金额过大。", "the bill's total is too large")
	}
	if len(faults) == 0 {
		return nil
	}
	return &settle.Error{Code: settle.BadRequest, Fields: faults}
}

func negative(line *settle.Line) bool {
	if line.Fund < 0 || line.Total < 0 {
		return true
	}
	for _, part := range line.Personal {
		if part < 0 || part > maxTotal {
			return true
		}
	}
	return line.Fund > maxTotal
}

func badField(field, message, detail string) error {
	return &settle.Error{Code: settle.BadRequest, Fields: []settle.FieldFault{{Field: field, Message: message, Detail: detail}}}
}

// tightest is the tighter of the configuration's and the region's offline limits.
func tightest(limits settle.OfflineLimits, region *settle.OfflineRules) settle.OfflineLimits {
	limits.Allowed = limits.Allowed && region.Allowed
	limits.Shared = limits.Shared && region.Shared
	limits.MaxSale = tighter(limits.MaxSale, region.MaxSettlement)
	limits.MaxTotal = tighter(limits.MaxTotal, region.MaxDay)
	if age := time.Duration(region.MaxAgeMin.Max) * time.Minute; region.MaxAgeMin.Set &&
		(limits.MaxAge == 0 || age < limits.MaxAge) {
		limits.MaxAge = max(age, 1)
	}
	return limits
}

func tighter(a, b settle.Cap) settle.Cap {
	if !a.Set || (b.Set && b.Max < a.Max) {
		return b
	}
	return a
}

// unsynced is what was settled without the centre's acknowledgement, in account money still taken. A report of an
// online sale that is on its way counts only after the grace, or after a failed attempt.
func (t *tx) unsynced(patient int64, at time.Time) (state settle.OfflineState, err error) {
	grace := millis(at.Add(-t.ledger.options.ReportGrace))
	err = t.get(`SELECT COUNT(*), COALESCE(SUM(amount), 0), COALESCE(SUM(CASE WHEN person = ? THEN amount END), 0) FROM (
		SELECT s.person AS person, s.own + s.shared - s.back_own - s.back_shared AS amount FROM report r JOIN settlement s ON s.id = r.settlement
		WHERE r.done = 0 AND r.kind = 'settle' AND (s.offline = 1 OR r.created <= ? OR r.attempts > 0 OR r.state <> 'pending')) WHERE amount <> 0`,
		[]any{patient, grace}, &state.Count, &state.Total, &state.PersonTotal)
	return state, err
}
