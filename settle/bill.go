package settle

// Bill is everything a plan depends on: the sale and the facts of the counter and the ledger at one moment. Two equal
// bills under equal rules give equal plans.
type Bill struct {
	Day             Date // policy date, Beijing
	Patient         Person
	Presenter       Presenter
	Credential      Credential
	VenueDesignated bool
	MedGroup        MedGroup
	Lines           []Line
	Accounts        []Account // the patient's own, if any, and the givers'
	Bindings        []Binding
	Usage           Usage
	Selected        []PersonID
	Asked           bool
	ThirdParty      bool
	NoAccounts      bool // the till asked that no account pays

	// GiverUsage is what each giver's account already gave to all relatives together: DayShared, MonthShared and
	// YearShared, for caps.*_per_giver. A giver that is not in it gave nothing.
	GiverUsage map[PersonID]Usage `json:",omitempty"`
	VenueArea  string             `json:",omitempty"` // 6 digits, for venue.area; empty: not checked
	VenueKind  string             `json:",omitempty"` // hospital, clinic or pharmacy, for venue.kinds; empty: not checked
}

// Usage is what was already used before this bill, in fen.
type Usage struct {
	DayShared          Fen
	MonthShared        Fen
	YearShared         Fen
	MonthPharmacyTotal Fen

	DayPharmacyTimes int `json:",omitempty"` // pharmacy bills settled today
	YearPharmacyPaid Fen `json:",omitempty"` // account money, own and shared, spent at pharmacies this year
}

// Pay is one debit: amount fen from one pot of one account.
type Pay struct {
	Account PersonID `json:"account"`
	Pot     Pot      `json:"pot"`
	Amount  Fen      `json:"amount"`
}

// Shares reports whether the pay is shared money, seen from the patient.
func (p Pay) Shares(patient PersonID) bool { return p.Account != patient }

// Skip is a giver (or, for a third party's bill, the own account) that did not pay, and the first reason why.
type Skip struct {
	Account PersonID `json:"account"`
	Reason  Reason   `json:"reason"`
}

// Allocation says which payer covers which part of which line. Pay is an index into the plan's pays; CashPayer stands
// for the patient's own cash.
type Allocation struct {
	Line   string `json:"line"`
	Bucket Bucket `json:"bucket"`
	Pay    int    `json:"pay"`
	Amount Fen    `json:"amount"`
}

// CashPayer is Allocation.Pay of what nobody's account covered.
const CashPayer = -1

// Trial is one account that was looked at: what it had, what it could have paid, what it paid, and what stopped it.
type Trial struct {
	Account   PersonID `json:"account"`
	Own       bool     `json:"own"`
	Pot       Pot      `json:"pot,omitempty"`
	Payable   Fen      `json:"payable"`   // of the bill, when this account's turn came
	Available Fen      `json:"available"` // of the account, floor and limits taken off
	Taken     Fen      `json:"taken"`
	Reason    Reason   `json:"reason,omitempty"` // why it paid nothing, or less than payable
	Rule      string   `json:"rule"`             // the policy key that decided
}

// Plan is the answer to a bill. For an accepted bill the pays, the cash and the fund sum to the bill's total.
type Plan struct {
	Refusal       Reason // empty: accepted
	Pays          []Pay
	Cash          Fen
	Fund          Fen
	Skipped       []Skip
	Allocations   []Allocation
	LineCash      map[string]Fen // unpaid rest of every line
	Trials        []Trial
	ProxyRecorded bool
	Hint          string
}

// Own is what the patient's own account pays.
func (p *Plan) Own(patient PersonID) (sum Fen) {
	for _, pay := range p.Pays {
		if !pay.Shares(patient) {
			sum += pay.Amount
		}
	}
	return sum
}

// Shared is what relatives' accounts pay.
func (p *Plan) Shared(patient PersonID) (sum Fen) {
	for _, pay := range p.Pays {
		if pay.Shares(patient) {
			sum += pay.Amount
		}
	}
	return sum
}

// HintFamilyCode tells the cashier that a family code shows a credential and shares no money (亲情账户, S-027).
const HintFamilyCode = "FAMILY_CODE_IS_NOT_SHARING"

// HintOTCAbove tells the cashier that non-prescription medicines exceed what one purchase normally may be
// (caps.single_otc). It bars nothing; a hint about the family code goes before it.
const HintOTCAbove = "OTC_ABOVE_USUAL_AMOUNT"

// HintRemote tells the cashier that the patient is insured in another province: the centre asks for a filing (异地就医备案), and
// decides (S-108, S-194). It bars nothing; the other hints go before it.
const HintRemote = "REMOTE_PATIENT"
