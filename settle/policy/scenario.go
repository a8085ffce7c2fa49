package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"gongji/settle"
)

// scenarioFile is a file of worked cases. Its defaults are a complete policy; named policies are laid over them.
type scenarioFile struct {
	Defaults map[string]any            `json:"defaults"`
	Policies map[string]map[string]any `json:"policies"`
	Cases    []json.RawMessage         `json:"cases"`
}

// scenarioCase is one case; fields it does not know are ignored.
type scenarioCase struct {
	ID          string             `json:"id"`
	Op          string             `json:"op"`
	Policy      string             `json:"policy"`
	AsOf        string             `json:"as_of"`
	Patient     scenarioPatient    `json:"patient"`
	Presenter   scenarioPresenter  `json:"presenter"`
	Credential  scenarioCredential `json:"credential"`
	Venue       scenarioVenue      `json:"venue"`
	MedGroup    settle.MedGroup    `json:"med_group"`
	Lines       []scenarioLine     `json:"lines"`
	Accounts    []scenarioAccount  `json:"accounts"`
	Bindings    []scenarioBinding  `json:"bindings"`
	Usage       scenarioUsage      `json:"usage"`
	Selected    []settle.PersonID  `json:"selected"`
	Asked       bool               `json:"asked"`
	BillFlags   []string           `json:"bill_flags"`
	Original    scenarioOriginal   `json:"original"`
	ReturnLines []string           `json:"return_lines"`
	Premium     scenarioPremium    `json:"premium"`
	// GiverUsage is what givers already gave, by giver, for caps.*_per_giver.
	GiverUsage     map[settle.PersonID]scenarioUsage `json:"giver_usage"`
	IdempotencyKey string                            `json:"idempotency_key"`
	Expect         map[string]any                    `json:"expect"`
}

type scenarioPatient struct {
	ID      settle.PersonID `json:"id"`
	Pool    string          `json:"pool"`
	Status  settle.Status   `json:"status"`
	Waiting bool            `json:"waiting"`
}

type scenarioVenue struct {
	Designated bool   `json:"designated"`
	Kind       string `json:"kind"` // hospital, clinic, pharmacy, for venue.kinds; absent: not checked
	Area       string `json:"area"` // 6 digits, for venue.area; absent: not checked
}

type scenarioPresenter struct {
	ID             settle.PersonID `json:"id"`
	PatientPresent *bool           `json:"patient_present"`
	Docs           []string        `json:"docs"`
}

type scenarioCredential struct {
	Kind    settle.CredentialKind `json:"kind"`
	Owner   settle.PersonID       `json:"owner"`
	ShownBy settle.PersonID       `json:"shown_by"`
}

type scenarioLine struct {
	ID       string   `json:"id"`
	Class    string   `json:"class"`
	Total    int64    `json:"total"`
	Fund     int64    `json:"fund"`
	Dedc     int64    `json:"dedc"`
	Ratio    int64    `json:"ratio"`
	Presel   int64    `json:"presel"`
	Over     int64    `json:"over"`
	AboveCap int64    `json:"abovecap"`
	Full     int64    `json:"full"`
	Trace    []string `json:"trace"`
	NoCode   bool     `json:"no_code"`
	Code     string   `json:"code"` // national item code, for scope.device_list
	Rx       bool     `json:"rx"`   // for caps.single_otc
}

type scenarioAccount struct {
	ID         settle.PersonID `json:"id"`
	Name       string          `json:"name"`
	Pool       string          `json:"pool"`
	Status     settle.Status   `json:"status"`
	Balance    int64           `json:"balance"`
	Current    *int64          `json:"current"`
	Prior      *int64          `json:"prior"`
	Mutual     int64           `json:"mutual"`
	Frozen     int64           `json:"frozen"`
	GiverLimit *int64          `json:"giver_limit"`
	GiverUsed  int64           `json:"giver_used"`
}

type scenarioBinding struct {
	Giver       settle.PersonID    `json:"giver"`
	Beneficiary settle.PersonID    `json:"beneficiary"`
	Relation    settle.Relation    `json:"relation"`
	Rank        int                `json:"rank"`
	BoundAt     settle.Date        `json:"bound_at"`
	ValidFrom   settle.Date        `json:"valid_from"`
	ValidTo     settle.Date        `json:"valid_to"`
	Mode        settle.BindingMode `json:"mode"`
	QuotaTotal  int64              `json:"quota_total"`
	QuotaUsed   int64              `json:"quota_used"`
}

type scenarioUsage struct {
	DayShared          int64 `json:"day_shared"`
	MonthShared        int64 `json:"month_shared"`
	YearShared         int64 `json:"year_shared"`
	MonthPharmacyTotal int64 `json:"month_pharmacy_total"`
	DayPharmacyTimes   int   `json:"day_pharmacy_times"`
	YearPharmacyPaid   int64 `json:"year_pharmacy_paid"`
}

type scenarioPay struct {
	Account settle.PersonID `json:"account"`
	Pot     settle.Pot      `json:"pot"`
	Amount  int64           `json:"amount"`
}

// scenarioOriginal is the settlement that is refunded, repeated or reversed. Its line_pays state the allocation without
// pots and are not read: replaying the pays gives the same allocation with pots.
type scenarioOriginal struct {
	IdempotencyKey string        `json:"idempotency_key"`
	SameBody       bool          `json:"same_body"`
	Pays           []scenarioPay `json:"pays"`
	Cash           int64         `json:"cash"`
	SettledAt      string        `json:"settled_at"`
}

type scenarioPremium struct {
	Amount      int64           `json:"amount"`
	Year        int             `json:"year"`
	AlreadyPaid bool            `json:"already_paid"`
	Payer       settle.PersonID `json:"payer"`
	Kind        string          `json:"kind"`       // as premium.kinds names it; absent: not compared
	Categories  []string        `json:"categories"` // of the relative, as premium.exempt_categories names them
}

// RunScenarios computes every case of a scenario file, in file order, and compares each with what it expects. A case
// without expect has no differences. The error is that of a file that cannot be read, or joins those of the cases that
// cannot be computed (an unknown policy or operation, a date that is none); the results then lack these cases.
func RunScenarios(r io.Reader) ([]Result, []Diff, error) { return RunScenariosWith(r, nil) }

// RunScenariosWith is [RunScenarios] for a file whose cases may also name a region of the set as their policy; the
// file's own policies go first. The region's rules are those in force on the day of the case. A nil set has no regions.
func RunScenariosWith(r io.Reader, set *Set) ([]Result, []Diff, error) {
	var file scenarioFile
	decoder := json.NewDecoder(r)
	decoder.UseNumber()
	if err := decoder.Decode(&file); err != nil {
		return nil, nil, fmt.Errorf("scenario file: %w", err)
	}
	policies := scenarioPolicies{file: &file, set: set, rules: map[string]*settle.Rules{}}
	results := make([]Result, 0, len(file.Cases))
	var diffs []Diff
	var failures []error
	for i, raw := range file.Cases {
		c, err := readCase(raw)
		if err != nil {
			failures = append(failures, fmt.Errorf("case %d (%s): %w", i+1, c.ID, err))
			continue
		}
		result, err := runCase(&policies, &c)
		if err != nil {
			failures = append(failures, fmt.Errorf("case %s: %w", c.ID, err))
			continue
		}
		results = append(results, result)
		diffs = append(diffs, compare(c.Expect, &result)...)
	}
	return results, diffs, errors.Join(failures...)
}

func readCase(raw json.RawMessage) (c scenarioCase, err error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	return c, decoder.Decode(&c)
}

// UnreadScenarioKeys are the keys in a scenario file's defaults and policies that no rule reads, as
// "policies.NAME.key": most likely misspelt. Comments are not among them. A file that cannot be read has none.
func UnreadScenarioKeys(data []byte) []string {
	var file scenarioFile
	if err := json.Unmarshal(data, &file); err != nil {
		return nil
	}
	keys := unreadKeys("defaults.", "", file.Defaults)
	for name, tree := range file.Policies {
		keys = append(keys, unreadKeys("policies."+name+".", "", tree)...)
	}
	slices.Sort(keys)
	return keys
}

func unreadKeys(where, prefix string, tree map[string]any) (unread []string) {
	for name, raw := range tree {
		key := prefix + name
		if _, known := fieldByKey[key]; known || strings.HasPrefix(name, "_") {
			continue
		}
		if group, ok := raw.(map[string]any); ok {
			unread = append(unread, unreadKeys(where, key+".", group)...)
			continue
		}
		unread = append(unread, where+key)
	}
	return unread
}

// scenarioPolicies makes the policies of a file when they are first asked for.
type scenarioPolicies struct {
	file  *scenarioFile
	set   *Set
	rules map[string]*settle.Rules
}

func (p *scenarioPolicies) named(name string, day settle.Date) (*settle.Rules, error) {
	if rules := p.rules[name]; rules != nil {
		return rules, nil
	}
	overrides, known := p.file.Policies[name]
	switch {
	case known, name == "":
	case p.set != nil && len(p.set.files[name]) > 0:
		rules, err := p.set.For(name, day)
		return anyCode(rules), err
	case p.set != nil:
		return nil, fmt.Errorf("there is no policy %q in the file, nor a region of that id; there are %s",
			name, strings.Join(p.set.Regions(), ", "))
	default:
		return nil, fmt.Errorf("there is no policy %q in the file", name)
	}
	rules := anyCode(scenarioBaseline())
	rules.ID, rules.Name = name, name
	for _, tree := range []map[string]any{p.file.Defaults, overrides} {
		if err := layTree(rules, "", tree); err != nil {
			return nil, fmt.Errorf("policy %q: %w", name, err)
		}
	}
	p.rules[name] = rules
	return rules, nil
}

// scenarioBaseline holds where a file's defaults leave a key out: the national baseline as the semantics state it,
// that is, without sharing between provinces.
func scenarioBaseline() *settle.Rules {
	rules := settle.DefaultRules()
	rules.CrossProvince.Mode = settle.CrossNone
	return rules
}

// anyCode is the rules without the form of trace codes: in a scenario a code only names a pack.
func anyCode(rules *settle.Rules) *settle.Rules {
	if rules == nil {
		return nil
	}
	loose := *rules
	loose.Trace.CodeForms = nil
	return &loose
}

// layTree lays a tree of overrides over the rules. Objects merge, everything else replaces. Comments (keys that begin
// with "_") and keys that no rule reads are passed over, so that a file may carry what only its author reads.
func layTree(rules *settle.Rules, prefix string, tree map[string]any) error {
	for name, raw := range tree {
		key := prefix + name
		if strings.HasPrefix(name, "_") {
			continue
		}
		if f, known := fieldByKey[key]; known {
			if raw == nil && f.kind != capType && f.kind != countType {
				continue
			}
			if err := assign(rules, key, raw); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			continue
		}
		if group, ok := raw.(map[string]any); ok {
			if err := layTree(rules, key+".", group); err != nil {
				return err
			}
		}
	}
	return nil
}

func runCase(policies *scenarioPolicies, c *scenarioCase) (Result, error) {
	at, err := instant(c.AsOf)
	if err != nil {
		return Result{}, fmt.Errorf("as_of: %w", err)
	}
	day := settle.DateOf(at)
	rules, err := policies.named(c.Policy, day)
	if err != nil {
		return Result{}, err
	}
	result := newResult(c)
	switch c.Op {
	case "settle":
		runSettle(rules, c, day, &result)
	case "refund":
		err = runRefund(rules, c, day, &result)
	case "premium":
		runPremium(rules, c, day, &result)
	case "repeat":
		runRepeat(rules, c, day, &result)
	case "reverse":
		result.State = "reversed"
	default:
		err = fmt.Errorf("unknown op %q; there are settle, refund, premium, repeat, reverse", c.Op)
	}
	return result, err
}

func instant(text string) (time.Time, error) {
	return time.Parse(time.RFC3339, strings.ToUpper(text))
}

func runSettle(rules *settle.Rules, c *scenarioCase, day settle.Date, result *Result) {
	plan := settle.MakePlan(rules, c.bill(day))
	if plan.Refusal != "" {
		result.refuse(plan.Refusal)
		return
	}
	result.debit(plan.Pays)
	result.Pays = outPays(plan.Pays)
	result.Cash, result.Fund = int64(plan.Cash), int64(plan.Fund)
	result.Skipped = outSkips(plan.Skipped)
	for line, cash := range plan.LineCash {
		result.LineCash[line] = int64(cash)
	}
	result.ProxyRecorded, result.Hint = plan.ProxyRecorded, plan.Hint
}

func runRefund(rules *settle.Rules, c *scenarioCase, day settle.Date, result *Result) error {
	in := settle.RefundInput{
		Day: day, Patient: c.Patient.ID, MedGroup: c.MedGroup, Lines: c.lines(), Pays: inPays(c.Original.Pays), Cash: settle.Fen(c.Original.Cash),
	}
	if c.Original.SettledAt != "" {
		at, err := instant(c.Original.SettledAt)
		if err != nil {
			return fmt.Errorf("original.settled_at: %w", err)
		}
		in.SettledOn = settle.DateOf(at)
	}
	for _, line := range c.ReturnLines {
		in.Returns = append(in.Returns, settle.ReturnPart{Line: line})
	}
	plan := settle.MakeRefund(rules, in)
	if plan.Refusal != "" {
		result.refuse(plan.Refusal)
		return nil
	}
	result.credit(plan.Refunds)
	result.Refund, result.NewPays = outPays(plan.Refunds), outPays(plan.NewPays)
	result.CashRefund = int64(plan.CashRefund)
	return nil
}

func runPremium(rules *settle.Rules, c *scenarioCase, day settle.Date, result *Result) {
	bill := c.bill(day)
	plan := settle.MakePremium(rules, settle.PremiumInput{
		Day: day, Patient: bill.Patient, Payer: c.Premium.Payer, Amount: settle.Fen(c.Premium.Amount), Year: c.Premium.Year,
		AlreadyPaid: c.Premium.AlreadyPaid, Kind: c.Premium.Kind, Categories: c.Premium.Categories,
		Accounts: bill.Accounts, Bindings: bill.Bindings, Selected: c.Selected,
	})
	result.Skipped = outSkips(plan.Skipped)
	if plan.Refusal != "" {
		result.refuse(plan.Refusal)
		return
	}
	result.debit(plan.Pays)
	result.Pays = outPays(plan.Pays)
}

func runRepeat(rules *settle.Rules, c *scenarioCase, day settle.Date, result *Result) {
	switch settle.DecideRepeat(c.IdempotencyKey, c.Original.IdempotencyKey, c.Original.SameBody) {
	case settle.RepeatReplay:
		result.Pays, result.Cash, result.Replayed = slices.Clone(c.Original.Pays), c.Original.Cash, true
		if result.Pays == nil {
			result.Pays = []scenarioPay{}
		}
	case settle.RepeatConflict:
		result.refuse(settle.EIdempotencyConflict)
	default:
		runSettle(rules, c, day, result)
	}
}

func (c *scenarioCase) lines() []settle.Line {
	lines := make([]settle.Line, len(c.Lines))
	for i, l := range c.Lines {
		lines[i] = settle.Line{
			ID: l.ID, Class: l.Class, Total: settle.Fen(l.Total), Fund: settle.Fen(l.Fund),
			Personal: [settle.BucketCount]settle.Fen{
				settle.Deductible: settle.Fen(l.Dedc), settle.Coinsurance: settle.Fen(l.Ratio),
				settle.FirstSelfPay: settle.Fen(l.Presel), settle.OverLimit: settle.Fen(l.Over),
				settle.AboveCap: settle.Fen(l.AboveCap), settle.OwnExpense: settle.Fen(l.Full),
			},
			TraceCodes: l.Trace, NoCode: l.NoCode, Code: l.Code, Rx: l.Rx,
		}
	}
	return lines
}

func (c *scenarioCase) bill(day settle.Date) *settle.Bill {
	present := c.Presenter.PatientPresent == nil || *c.Presenter.PatientPresent
	bill := &settle.Bill{
		Day:     day,
		Patient: settle.Person{ID: c.Patient.ID, Status: c.Patient.Status, Area: c.Patient.Pool, Waiting: c.Patient.Waiting},
		Presenter: settle.Presenter{
			SamePerson: c.Presenter.ID == c.Patient.ID, PatientPresent: present, Documents: c.Presenter.Docs,
		},
		Credential:      settle.Credential{Kind: c.Credential.Kind, Owner: c.Credential.Owner, ShownBy: c.Credential.ShownBy},
		VenueDesignated: c.Venue.Designated, VenueArea: c.Venue.Area, VenueKind: c.Venue.Kind, MedGroup: c.MedGroup, Lines: c.lines(),
		Usage: c.Usage.usage(), GiverUsage: make(map[settle.PersonID]settle.Usage, len(c.GiverUsage)),
		Selected: c.Selected, Asked: c.Asked, ThirdParty: slices.Contains(c.BillFlags, "third_party"),
	}
	for giver, usage := range c.GiverUsage {
		bill.GiverUsage[giver] = usage.usage()
	}
	for _, a := range c.Accounts {
		bill.Accounts = append(bill.Accounts, a.account())
	}
	for _, b := range c.Bindings {
		bill.Bindings = append(bill.Bindings, b.binding())
	}
	return bill
}

func (u scenarioUsage) usage() settle.Usage {
	return settle.Usage{
		DayShared: settle.Fen(u.DayShared), MonthShared: settle.Fen(u.MonthShared), YearShared: settle.Fen(u.YearShared),
		MonthPharmacyTotal: settle.Fen(u.MonthPharmacyTotal), DayPharmacyTimes: u.DayPharmacyTimes,
		YearPharmacyPaid: settle.Fen(u.YearPharmacyPaid),
	}
}

func (a *scenarioAccount) twoPots() bool { return a.Current != nil || a.Prior != nil }

func (a *scenarioAccount) account() settle.Account {
	account := settle.Account{
		ID: a.ID, Name: a.Name, Area: a.Pool, Status: a.Status, TwoPots: a.twoPots(), Balance: settle.Fen(a.Balance),
		Frozen: settle.Fen(a.Frozen), LimitUsed: settle.Fen(a.GiverUsed),
	}
	if account.TwoPots {
		account.Balance, account.Mutual = 0, settle.Fen(a.Mutual)
	}
	if a.Current != nil {
		account.Current = settle.Fen(*a.Current)
	}
	if a.Prior != nil {
		account.Prior = settle.Fen(*a.Prior)
	}
	if a.GiverLimit != nil {
		account.Limit = settle.CapOf(settle.Fen(*a.GiverLimit))
	}
	return account
}

func (b *scenarioBinding) binding() settle.Binding {
	binding := settle.Binding{
		Giver: b.Giver, Beneficiary: b.Beneficiary, Relation: b.Relation, Rank: b.Rank, BoundAt: b.BoundAt,
		ValidFrom: b.ValidFrom, ValidTo: b.ValidTo, Mode: settle.Direct,
		QuotaTotal: settle.Fen(b.QuotaTotal), QuotaUsed: settle.Fen(b.QuotaUsed),
	}
	if b.Mode != "" {
		binding.Mode = b.Mode
	}
	return binding
}

func inPays(pays []scenarioPay) []settle.Pay {
	out := make([]settle.Pay, len(pays))
	for i, p := range pays {
		out[i] = settle.Pay{Account: p.Account, Pot: p.Pot, Amount: settle.Fen(p.Amount)}
	}
	return out
}

func outPays(pays []settle.Pay) []scenarioPay {
	out := make([]scenarioPay, len(pays))
	for i, p := range pays {
		out[i] = scenarioPay{Account: p.Account, Pot: p.Pot, Amount: int64(p.Amount)}
	}
	return out
}

func outSkips(skips []settle.Skip) []settle.Skip {
	return append(make([]settle.Skip, 0, len(skips)), skips...)
}
