package feed

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gongji/settle"
)

// The wire form of a snapshot. Money is a string with two decimals, dates are 2006-01-02, times are Beijing time with
// milliseconds. Pointers tell "absent" from "empty": a mandatory member that is absent refuses the whole snapshot, an
// unknown member is ignored.
type wireSnapshot struct {
	ID         *string        `json:"snapshot_id"`
	CentreTime *centreTime    `json:"centre_time"`
	Full       *bool          `json:"full"`
	Cursor     *string        `json:"cursor"`
	People     *[]wirePerson  `json:"people"`
	Accounts   *[]wireAccount `json:"accounts"`
	Bindings   *[]wireBinding `json:"bindings"`
	Usage      []wireUsage    `json:"usage,omitempty"`
	Ended      *wireEnded     `json:"ended,omitempty"`
}

type wirePerson struct {
	PsnNo     string     `json:"psn_no"`
	IDNumber  string     `json:"certno"`
	Name      string     `json:"psn_name"`
	Insurance string     `json:"insutype"`
	Status    string     `json:"status"`
	Area      string     `json:"area"`
	Waiting   bool       `json:"waiting,omitempty"`
	Cards     []wireCard `json:"cards"`
}

type wireCard struct {
	Number     string   `json:"number"`
	Identifier string   `json:"identifier"`
	Status     string   `json:"status"`
	Expires    openDate `json:"expires"`
}

type wireAccount struct {
	PsnNo           string                `json:"psn_no"`
	Status          string                `json:"status"`
	Pots            map[string]settle.Fen `json:"pots"`
	Frozen          *settle.Fen           `json:"frozen,omitempty"`
	Reserved        *settle.Fen           `json:"reserved_elsewhere,omitempty"`
	Limit           *wireLimit            `json:"limit,omitempty"`
	ContainsThrough map[string]centreTime `json:"contains_through,omitempty"`
	Allowance       *wireAllowance        `json:"allowance,omitempty"`
}

type wireLimit struct {
	Amount settle.Fen `json:"amount"`
	Used   settle.Fen `json:"used"`
	Scope  string     `json:"scope,omitempty"` // of a binding's limit: all (default) or each
}

type wireAllowance struct {
	Amount settle.Fen `json:"amount"`
	Until  centreTime `json:"until"`
}

type wireBinding struct {
	ID          string      `json:"binding_id"`
	Giver       string      `json:"giver"`
	Beneficiary string      `json:"beneficiary"`
	Relation    string      `json:"relation"`
	Rank        *int        `json:"rank"`
	BoundAt     settle.Date `json:"bound_at"`
	ValidFrom   settle.Date `json:"valid_from"`
	ValidTo     openDate    `json:"valid_to"`
	Mode        string      `json:"mode,omitempty"`
	QuotaTotal  *settle.Fen `json:"quota_total"`
	QuotaUsed   *settle.Fen `json:"quota_used"`
	Limit       *wireLimit  `json:"limit"`
	State       string      `json:"state"`
	AuthMethod  string      `json:"auth_method,omitempty"`
	Network     string      `json:"network,omitempty"`
}

// maxTold is the longest text about a binding that decides nothing.
const maxTold = 64

type wireUsage struct {
	PsnNo string      `json:"psn_no"`
	Day   settle.Fen  `json:"day_shared"`
	Month settle.Fen  `json:"month_shared"`
	Year  settle.Fen  `json:"year_shared"`
	AsOf  settle.Date `json:"as_of"`
}

type wireEnded struct {
	Bindings []string `json:"bindings"`
	People   []string `json:"people"`
}

// openDate is a date that may be open: null where there is none.
type openDate settle.Date

func (d openDate) MarshalJSON() ([]byte, error) {
	if d == 0 {
		return []byte("null"), nil
	}
	return settle.Date(d).MarshalJSON()
}

func (d *openDate) UnmarshalJSON(data []byte) error { return (*settle.Date)(d).UnmarshalJSON(data) }

// centreTime is a time of the centre with milliseconds.
type centreTime time.Time

const centreTimeLayout = "2006-01-02 15:04:05.000"

func (t centreTime) MarshalJSON() ([]byte, error) {
	return json.Marshal(time.Time(t).In(settle.Beijing).Format(centreTimeLayout))
}

func (t *centreTime) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return errCentreTime
	}
	at, err := time.ParseInLocation(time.DateTime, text, settle.Beijing) // reads a fraction where there is one
	if err != nil {
		return errCentreTime
	}
	*t = centreTime(at)
	return nil
}

var errCentreTime = errors.New(`time must be written as "2006-01-02 15:04:05.000"`)

// decoder collects what is wrong with a snapshot, by position and never by value.
type decoder struct{ faults []settle.FieldFault }

// maxFaults keeps the refusal of a large file readable.
const maxFaults = 20

func (d *decoder) bad(place, detail string) {
	if len(d.faults) < maxFaults {
		d.faults = append(d.faults, settle.FieldFault{Field: place, Message: "账户资料格式不对", Detail: detail})
	}
}

func (d *decoder) need(place, value string) string {
	if value == "" {
		d.bad(place, "is mandatory")
	}
	return value
}

// DecodeSnapshot reads a snapshot. The error is BAD_REQUEST with the members that are wrong; nothing of a refused
// snapshot may be used.
func DecodeSnapshot(data []byte) (settle.Snapshot, error) {
	var wire wireSnapshot
	reader := json.NewDecoder(bytes.NewReader(data))
	if err := reader.Decode(&wire); err != nil {
		return settle.Snapshot{}, settle.NewError(settle.BadRequest, fmt.Errorf("snapshot: %w", shapeOnly(err)))
	}
	if reader.More() {
		return settle.Snapshot{}, settle.NewError(settle.BadRequest, errors.New("snapshot: something follows the JSON object"))
	}
	d := &decoder{}
	s := d.snapshot(&wire)
	if len(d.faults) > 0 {
		return settle.Snapshot{}, &settle.Error{Code: settle.BadRequest, Fields: d.faults}
	}
	return s, nil
}

// shapeOnly keeps the place of a JSON fault and drops the text around it, which may be somebody's name.
func shapeOnly(err error) error {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &kind):
		return fmt.Errorf("%s has the wrong JSON type", kind.Field)
	case errors.As(err, &syntax):
		return fmt.Errorf("broken JSON at byte %d", syntax.Offset)
	case errors.Is(err, errCentreTime):
		return errCentreTime
	}
	return errors.New("a member has the wrong form")
}

func (d *decoder) snapshot(w *wireSnapshot) settle.Snapshot {
	for place, absent := range map[string]bool{
		"snapshot_id": w.ID == nil || *w.ID == "", "centre_time": w.CentreTime == nil, "full": w.Full == nil,
		"cursor": w.Cursor == nil, "people": w.People == nil, "accounts": w.Accounts == nil, "bindings": w.Bindings == nil,
	} {
		if absent {
			d.bad(place, "is mandatory")
		}
	}
	if len(d.faults) > 0 {
		return settle.Snapshot{}
	}
	s := settle.Snapshot{ID: *w.ID, CentreTime: time.Time(*w.CentreTime), Full: *w.Full, Cursor: *w.Cursor}
	for i := range *w.People {
		s.People = append(s.People, d.person(fmt.Sprintf("people[%d]", i), &(*w.People)[i]))
	}
	for i := range *w.Accounts {
		s.Accounts = append(s.Accounts, d.account(fmt.Sprintf("accounts[%d]", i), &(*w.Accounts)[i]))
	}
	for i := range *w.Bindings {
		s.Bindings = append(s.Bindings, d.binding(fmt.Sprintf("bindings[%d]", i), &(*w.Bindings)[i]))
	}
	for i, u := range w.Usage {
		place := fmt.Sprintf("usage[%d]", i)
		s.Usage = append(s.Usage, d.usage(place, &u))
	}
	if w.Ended != nil {
		s.EndedBinds, s.EndedPsnNo = w.Ended.Bindings, w.Ended.People
	}
	return s
}

func (d *decoder) usage(place string, w *wireUsage) settle.SnapshotUsage {
	d.need(place+".psn_no", w.PsnNo)
	if w.AsOf == 0 {
		d.bad(place+".as_of", "is mandatory")
	}
	return settle.SnapshotUsage{PsnNo: w.PsnNo, DayShared: counted(w.Day), MonthShared: counted(w.Month), YearShared: counted(w.Year), AsOf: w.AsOf}
}

// counted is what was used of a limit. A centre that counts a return against a period or a limit that the purchase was
// before says less than nothing; that is nothing, and no reason to refuse everything else on the page.
func counted(used settle.Fen) settle.Fen { return max(0, used) }

func (d *decoder) positive(place string, amounts ...settle.Fen) {
	for _, amount := range amounts {
		if amount < 0 {
			d.bad(place, "holds a negative amount")
			return
		}
	}
}

func (d *decoder) status(place, text string) settle.Status {
	if !settle.KnownStatus(settle.Status(text)) {
		d.bad(place, "is not one of normal, paused, ended, frozen, deceased, closed")
	}
	return settle.Status(text)
}

func (d *decoder) person(place string, w *wirePerson) settle.SnapshotPerson {
	p := settle.SnapshotPerson{
		PsnNo: d.need(place+".psn_no", w.PsnNo), IDNumber: d.need(place+".certno", w.IDNumber), Name: d.need(place+".psn_name", w.Name),
		Insurance: d.need(place+".insutype", w.Insurance), Status: d.status(place+".status", w.Status), Area: w.Area, Waiting: w.Waiting,
	}
	if len(w.Area) != 6 {
		d.bad(place+".area", "must be six digits")
	}
	for i, card := range w.Cards {
		inner := fmt.Sprintf("%s.cards[%d]", place, i)
		status := settle.CardStatus(card.Status)
		if status != settle.CardValid && status != settle.CardLost && status != settle.CardExpired {
			d.bad(inner+".status", "is not one of valid, lost, expired")
		}
		p.Cards = append(p.Cards, settle.SnapshotCard{
			Number: d.need(inner+".number", card.Number), Identifier: d.need(inner+".identifier", card.Identifier),
			Status: status, Expires: settle.Date(card.Expires),
		})
	}
	return p
}

func (d *decoder) account(place string, w *wireAccount) settle.SnapshotAccount {
	a := settle.SnapshotAccount{
		PsnNo: d.need(place+".psn_no", w.PsnNo), Status: d.status(place+".status", w.Status),
		Frozen: orZero(w.Frozen), ReservedElsewhere: orZero(w.Reserved),
	}
	balance, one := w.Pots[string(settle.PotBalance)]
	current, first := w.Pots[string(settle.PotCurrent)]
	prior, second := w.Pots[string(settle.PotPrior)]
	mutual, third := w.Pots[string(settle.PotMutual)]
	switch {
	case one && len(w.Pots) == 1:
		a.Balance = balance
	case first && second && len(w.Pots) == 2:
		a.TwoPots, a.Current, a.Prior = true, current, prior
	case first && second && third && len(w.Pots) == 3:
		a.TwoPots, a.Current, a.Prior, a.Mutual = true, current, prior, mutual
	default:
		d.bad(place+".pots", "must hold balance, or current and prior, or these and mutual")
	}
	d.positive(place, balance, current, prior, mutual, a.Frozen, a.ReservedElsewhere)
	if w.Limit != nil {
		d.positive(place+".limit", w.Limit.Amount)
		a.Limit, a.LimitUsed = settle.CapOf(w.Limit.Amount), counted(w.Limit.Used)
	}
	if len(w.ContainsThrough) > 0 {
		a.ContainsThrough = make(map[string]time.Time, len(w.ContainsThrough))
		for venue, at := range w.ContainsThrough {
			a.ContainsThrough[venue] = time.Time(at)
		}
	}
	if w.Allowance != nil {
		d.positive(place+".allowance", w.Allowance.Amount)
		a.Allowance, a.AllowanceUntil = w.Allowance.Amount, time.Time(w.Allowance.Until)
	}
	return a
}

func (d *decoder) binding(place string, w *wireBinding) settle.SnapshotBinding {
	b := settle.SnapshotBinding{
		ID: d.need(place+".binding_id", w.ID), Giver: d.need(place+".giver", w.Giver), Beneficiary: d.need(place+".beneficiary", w.Beneficiary),
		Relation: settle.Relation(w.Relation), BoundAt: w.BoundAt, ValidFrom: w.ValidFrom, ValidTo: settle.Date(w.ValidTo),
		Mode: settle.BindingMode(w.Mode), Active: w.State == stateActive, LimitAll: true,
		AuthMethod: w.AuthMethod, Network: w.Network,
	}
	if len(b.AuthMethod) > maxTold || len(b.Network) > maxTold {
		d.bad(place, "auth_method or network is too long")
	}
	if !knownRelation(b.Relation) {
		d.bad(place+".relation", "is not one of the eight kinds")
	}
	if w.Rank == nil || w.BoundAt == 0 || w.ValidFrom == 0 {
		d.bad(place, "rank, bound_at and valid_from are mandatory")
	} else {
		b.Rank = *w.Rank
	}
	switch b.Mode {
	case "":
		b.Mode = settle.Direct
	case settle.Direct, settle.Wallet:
	default:
		d.bad(place+".mode", "is neither direct nor wallet")
	}
	if w.State == "" {
		d.bad(place+".state", "is mandatory")
	}
	b.QuotaTotal, b.QuotaUsed = orZero(w.QuotaTotal), counted(orZero(w.QuotaUsed))
	if w.Limit != nil {
		b.Limit, b.LimitUsed, b.LimitAll = settle.CapOf(w.Limit.Amount), counted(w.Limit.Used), w.Limit.Scope != scopeEach
		d.positive(place+".limit", w.Limit.Amount)
	}
	d.positive(place, b.QuotaTotal)
	return b
}

func orZero(amount *settle.Fen) settle.Fen {
	if amount == nil {
		return 0
	}
	return *amount
}

const (
	stateActive = "active"
	stateEnded  = "ended"
	scopeAll    = "all"
	scopeEach   = "each"
)

func knownRelation(relation settle.Relation) bool {
	for _, known := range settle.Relations {
		if relation == known {
			return true
		}
	}
	return false
}

// EncodeSnapshot writes a snapshot in the wire form; DecodeSnapshot reads it back equal. Own-only snapshots are made
// here from 1101 and have no wire form.
func EncodeSnapshot(s settle.Snapshot) ([]byte, error) {
	at := centreTime(s.CentreTime)
	people, accounts, bindings := make([]wirePerson, 0, len(s.People)), make([]wireAccount, 0, len(s.Accounts)), make([]wireBinding, 0, len(s.Bindings))
	for _, p := range s.People {
		w := wirePerson{p.PsnNo, p.IDNumber, p.Name, p.Insurance, string(p.Status), p.Area, p.Waiting, []wireCard{}}
		for _, c := range p.Cards {
			w.Cards = append(w.Cards, wireCard{c.Number, c.Identifier, string(c.Status), openDate(c.Expires)})
		}
		people = append(people, w)
	}
	for i := range s.Accounts {
		accounts = append(accounts, encodeAccount(&s.Accounts[i]))
	}
	for i := range s.Bindings {
		bindings = append(bindings, encodeBinding(&s.Bindings[i]))
	}
	wire := wireSnapshot{ID: &s.ID, CentreTime: &at, Full: &s.Full, Cursor: &s.Cursor, People: &people, Accounts: &accounts, Bindings: &bindings}
	for _, u := range s.Usage {
		wire.Usage = append(wire.Usage, wireUsage{u.PsnNo, u.DayShared, u.MonthShared, u.YearShared, u.AsOf})
	}
	if len(s.EndedBinds)+len(s.EndedPsnNo) > 0 {
		wire.Ended = &wireEnded{s.EndedBinds, s.EndedPsnNo}
	}
	return json.Marshal(wire)
}

func encodeAccount(a *settle.SnapshotAccount) wireAccount {
	w := wireAccount{PsnNo: a.PsnNo, Status: string(a.Status), Frozen: &a.Frozen, Reserved: &a.ReservedElsewhere}
	if a.TwoPots {
		w.Pots = map[string]settle.Fen{string(settle.PotCurrent): a.Current, string(settle.PotPrior): a.Prior}
		if a.Mutual > 0 {
			w.Pots[string(settle.PotMutual)] = a.Mutual
		}
	} else {
		w.Pots = map[string]settle.Fen{string(settle.PotBalance): a.Balance}
	}
	if a.Limit.Set {
		w.Limit = &wireLimit{Amount: a.Limit.Max, Used: a.LimitUsed}
	}
	if len(a.ContainsThrough) > 0 {
		w.ContainsThrough = make(map[string]centreTime, len(a.ContainsThrough))
		for venue, at := range a.ContainsThrough {
			w.ContainsThrough[venue] = centreTime(at)
		}
	}
	if !a.AllowanceUntil.IsZero() {
		w.Allowance = &wireAllowance{a.Allowance, centreTime(a.AllowanceUntil)}
	}
	return w
}

func encodeBinding(b *settle.SnapshotBinding) wireBinding {
	w := wireBinding{
		ID: b.ID, Giver: b.Giver, Beneficiary: b.Beneficiary, Relation: string(b.Relation), Rank: &b.Rank,
		BoundAt: b.BoundAt, ValidFrom: b.ValidFrom, ValidTo: openDate(b.ValidTo), Mode: string(b.Mode), State: stateEnded,
		AuthMethod: b.AuthMethod, Network: b.Network,
	}
	if b.Active {
		w.State = stateActive
	}
	if b.Mode == settle.Wallet {
		w.QuotaTotal, w.QuotaUsed = &b.QuotaTotal, &b.QuotaUsed
	}
	if b.Limit.Set {
		w.Limit = &wireLimit{b.Limit.Max, b.LimitUsed, scopeAll}
		if !b.LimitAll {
			w.Limit.Scope = scopeEach
		}
	}
	return w
}

// DecodeBinding reads one binding in the wire form of a snapshot, as the answer to a binding request carries it. The
// error is BAD_REQUEST with what does not fit, by place and never by value.
func DecodeBinding(data []byte) (settle.SnapshotBinding, error) {
	var w wireBinding
	if err := json.Unmarshal(data, &w); err != nil {
		return settle.SnapshotBinding{}, settle.NewError(settle.BadRequest, shapeOnly(err))
	}
	var d decoder
	b := d.binding("binding", &w)
	if len(d.faults) > 0 {
		return settle.SnapshotBinding{}, &settle.Error{Code: settle.BadRequest, Fields: d.faults}
	}
	return b, nil
}

// EncodeBinding writes one binding; DecodeBinding reads it back equal.
func EncodeBinding(b settle.SnapshotBinding) ([]byte, error) { return json.Marshal(encodeBinding(&b)) }
