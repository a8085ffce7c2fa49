package settle

import "time"

// BindingOrder asks the ledger to book a request for a binding, or for a change or the end of one.
type BindingOrder struct {
	// Request is what the till asks. Of a binding that exists only Binding and what is to change are set; the ledger
	// completes giver, beneficiary and relation from its own row. State, Answer and At are the ledger's.
	Request BindingRequest
	// Actor is the holder of the card in the reader: the giver, or where the policy lets beneficiaries re-order, the
	// beneficiary.
	Actor PersonID
	// BeneficiaryName is the name that was typed for a new relative (S-048, S-061). It is compared and not kept.
	BeneficiaryName string
	Presence        Presence
	Confirm         func() error // as SettleOrder.Confirm
	// Confirmed is the digest of the preview that people have confirmed; empty: none was asked for.
	Confirmed string
}

// RequestView is a request as it stands, with the names that a till may see.
type RequestView struct {
	BindingRequest
	GiverMasked       string      `json:"giver_masked"`
	BeneficiaryMasked string      `json:"beneficiary_masked"`
	Report            ReportState `json:"report"`
	// ConfirmDigest is set in a preview: what Confirmed must say.
	ConfirmDigest string `json:"confirm_digest,omitempty"`
}

// BindingView is a binding as one of its two people sees it.
type BindingView struct {
	Binding
	AsGiver  bool   // the person looking is the giver
	Other    Party  // the other one; GiverRef is set where that is the giver
	LimitAll bool   // Limit is one for all relatives of the giver together
	State    string // active, not_yet, expired, ended

	AuthMethod string        // how the giver was authenticated, as the centre tells it; empty: it does not
	Network    string        // number of the household network; empty: none
	End        *BindingEnded // set where the state is ended: the ledger ended it by itself
}

// BindingEnded is why a binding has ended by itself, for people to read.
type BindingEnded struct {
	Ending
	ByCentre bool // the centre has said so too
	Words    Sentence
}

// FamilyView is everything that binds a person to relatives.
type FamilyView struct {
	Bindings []BindingView // those in which the person gives first, each kind in bound order
	Open     []RequestView // requests that the centre has not answered, oldest first

	Households []Household
}

// Household is a household network (家庭共济网) as one of its people sees it: the holder, whose account it opens, and the members; a
// member sees itself alone.
type Household struct {
	Network  string
	Holder   string // masked
	IsHolder bool   // the person looking is the holder
	Members  []Party
}

// PremiumOrder asks the ledger to pay a relative's yearly contribution. Of Premium the till's part is set: ID, POS, Kind,
// Year, Amount, Payer, Beneficiary, Operator.
type PremiumOrder struct {
	Premium Premium
	// BeneficiaryName is the name that was typed for the relative; compared and not kept.
	BeneficiaryName string
	Categories      []string   // of the beneficiary, as premium.exempt_categories names them
	Helpers         []PersonID // givers chosen by the cashier, where the policy lets several pay and the cashier choose
	Presence        Presence
	Offline         bool // the centre is not reachable now
	Confirm         func() error
}

// PremiumCancelOrder asks for the whole contribution back.
type PremiumCancelOrder struct {
	ID          string // made by the till
	POS         string
	Premium     string // premium_id
	Operator    Operator
	Reason      string
	Presence    *Presence // of the payer's card; nil only where a manager's token said without_card
	WithoutCard bool
	Confirm     func() error
	Confirmed   string // as BindingOrder.Confirmed
}

// PremiumView is a contribution as it stands, with the names that a till may see.
type PremiumView struct {
	Premium
	PayerMasked       string    `json:"payer_masked"`
	BeneficiaryMasked string    `json:"beneficiary_masked"`
	AtCounter         bool      `json:"at_counter"` // false: recorded here, collected by the tax authority (S-005, S-177)
	Policy            PolicyRef `json:"policy"`
	LateWaitDays      int       `json:"late_wait_days,omitempty"` // waiting period of a late payment, shown on the slip
}

// PremiumCancel is a booked cancellation of a contribution.
type PremiumCancel struct {
	ID        string      `json:"cancellation_id"`
	POS       string      `json:"pos"`
	Operator  Operator    `json:"operator"`
	Reason    string      `json:"reason"`
	ReceiptNo string      `json:"receipt_no"`
	Postings  []Posting   `json:"postings"` // negative: money back
	Report    ReportState `json:"report"`
	Premium   PremiumView `json:"premium"` // as it stands afterwards
	At        time.Time   `json:"-"`       // when it was cancelled; the record has it once
	// ConfirmDigest is set in a preview, as in RequestView.
	ConfirmDigest string `json:"confirm_digest,omitempty"`
}

// PotAgency is where money of an account that was closed or whose holder has died goes back to: not to a pot and not
// over the counter, but to the agency that settles the account (refund.closed_pot; S-200, S-203).
const PotAgency Pot = "agency"

// AttentionKind is why something waits for a person's decision.
type AttentionKind string

// Attention is one item on the work list.
type Attention struct {
	ID         int64
	Kind       AttentionKind
	Settlement string
	Return     string // the till's id of what the report is about besides a settlement: a return, a premium, a request
	Report     int64
	ReportKind ReportKind // empty where no report is behind it
	OpenedAt   time.Time
	Detail     string // the centre's text, or both sides' figures as JSON; without identities

	Amount    Fen        // what is at stake: a refused sale's fund and account money, or open cash (negative: owed to the patient)
	Holder    string     // masked name of the patient
	Decisions []Decision // what may be decided; DecideNone among them where nothing has to follow
}
