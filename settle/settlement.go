package settle

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"gongji/settle/canon"
)

// ShopState is what the shop did with a settlement.
type ShopState string

// The shop's side of a settlement.
const (
	ShopSettled        ShopState = "settled"
	ShopPartlyRefunded ShopState = "partly_refunded"
	ShopRefunded       ShopState = "refunded"
	ShopReversed       ShopState = "reversed"
)

// ReportState is what the centre said of the report.
type ReportState string

// The centre's side of a settlement.
const (
	ReportPending  ReportState = "pending"  // not yet acknowledged
	ReportAccepted ReportState = "accepted" // booked as we reported it
	ReportUnknown  ReportState = "unknown"  // sent, outcome open
	ReportRefused  ReportState = "refused"  // refused; a person decides
	ReportAdjusted ReportState = "adjusted" // booked with other figures; the centre's stand
)

// Party is an account holder as a till may see them.
type Party struct {
	Person   PersonID `json:"person"`
	Masked   string   `json:"masked"`
	Relation Relation `json:"relation,omitempty"`  // what the patient is to this giver; empty for the patient
	GiverRef string   `json:"giver_ref,omitempty"` // opaque, stable for the binding
}

// Posting is one booked debit (or, negative, a credit) on one pot of one account, in fen.
type Posting struct {
	Party
	Pot    Pot `json:"pot"`
	Amount Fen `json:"amount"`
	After  Fen `json:"after"` // of the pot, available here after the posting
	// Covered is what of a sale's amount an allowance guarantees; of an offline sale the rest is at risk.
	Covered Fen `json:"covered,omitempty"`
}

// SkippedParty is an account that did not pay.
type SkippedParty struct {
	Party
	Reason Reason `json:"reason"`
}

// Figures are the sums of a settlement in fen. Fund + Own + Shared + Cash = Total (a pharmacy bears no part itself).
type Figures struct {
	Total  Fen `json:"total"`
	Fund   Fen `json:"fund"`
	Own    Fen `json:"own"`
	Shared Fen `json:"shared"`
	Cash   Fen `json:"cash"`
}

// Self is the personal share.
func (f Figures) Self() Fen { return f.Own + f.Shared + f.Cash }

// PolicyRef names the policy that decided.
type PolicyRef struct {
	ID      string `json:"id"`
	Version string `json:"version"`
}

// Settlement is one sale as it stands in the ledger.
type Settlement struct {
	ID        string         `json:"settlement_id"`
	ReceiptNo string         `json:"receipt_no"`
	Sale      Sale           `json:"sale"`
	Presence  Presence       `json:"presence"`
	At        time.Time      `json:"at"`
	Day       Date           `json:"day"`
	Shop      ShopState      `json:"shop"`
	Report    ReportState    `json:"report"`
	Figures   Figures        `json:"figures"` // as settled; refunds do not change them
	Refunded  Figures        `json:"refunded"`
	Postings  []Posting      `json:"postings"` // of the settlement itself
	Skipped   []SkippedParty `json:"skipped"`
	Unpayable []Unpayable    `json:"unpayable,omitempty"` // what of the cash no account may pay
	Plan      Plan           `json:"plan"`
	Policy    PolicyRef      `json:"policy"`
	LedgerAge time.Duration  `json:"ledger_age"`
	Offline   bool           `json:"offline"`
	AtRisk    Fen            `json:"at_risk"`
	Digest    string         `json:"digest"`

	// What the centre, or a person's decision, changed of the split since; oldest first. The figures and postings above
	// stay as settled.
	Adjustments []Adjustment `json:"-"`
	CashState   CashStanding `json:"-"`
	// Left are the lines that are still sold after returns, with the quantity and the packs that are left; nil where nothing
	// came back.
	Left   []Line      `json:"-"`
	Centre *CentreWord `json:"centre,omitempty"` // settled by the centre's answer, in line
}

// Standing are the figures that count: as settled, with what was adjusted since, before what was given back.
func (s *Settlement) Standing() Figures {
	f := s.Figures
	for i := range s.Adjustments {
		if a := &s.Adjustments[i]; !a.Transit {
			f.Fund += a.After.Fund - a.Before.Fund
			f.Own += a.After.Own - a.Before.Own
			f.Shared += a.After.Shared - a.Before.Shared
			f.Cash += a.After.Cash - a.Before.Cash
		}
	}
	return f
}

// State joins the two sides for the contract's member "state": the centre's word shows only while nothing was returned.
func (s *Settlement) State() string {
	if s.Shop != ShopSettled {
		return string(s.Shop)
	}
	if s.Report == ReportPending || s.Report == "" {
		return string(ShopSettled)
	}
	return string(s.Report)
}

// Quote is what a settlement would do now. It changes nothing.
type Quote struct {
	Figures   Figures
	Plan      Plan
	Postings  []Posting
	Skipped   []SkippedParty
	Unpayable []Unpayable // what of the cash no account may pay
	Policy    PolicyRef
	LedgerAge time.Duration
	Offline   bool
	AtRisk    Fen
	Digest    string // of everything the quote depended on
	Bill      Bill   // the facts, for the explanation
	Centre    *CentreWord
}

// Digest is a short fingerprint of what the patient agrees to: the sale's lines, the policy, and who pays what and why
// not. Whatever changes any of it changes the digest; a relative who spends money of their own that this bill would not
// have touched does not.
func (b *Bill) Digest(policy PolicyRef, plan *Plan) string {
	data, err := canon.Append(make([]byte, 0, 4<<10), &struct {
		Policy  PolicyRef
		Patient PersonID
		Lines   []Line
		Pays    []Pay
		Cash    Fen
		Fund    Fen
		Skipped []Skip
		Covers  []Allocation
		Hint    string
	}{policy, b.Patient.ID, b.Lines, plan.Pays, plan.Cash, plan.Fund, plan.Skipped, plan.Allocations, plan.Hint})
	if err != nil { // plain data always encodes
		panic("settle: bill does not encode: " + err.Error())
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:16])
}

// SettleOrder asks the ledger to settle a sale.
type SettleOrder struct {
	Sale        Sale
	Presence    Presence
	QuoteDigest string // empty: none
	Offline     bool   // the centre is not reachable now

	// Inline is what the centre was asked for this sale before; nil: it was not asked.
	Inline *InlineAnswer

	// Confirm is called inside the write transaction, after planning and before the commit; an error refuses the sale
	// and nothing is written. The session checks there that the card has not moved since the match.
	Confirm func() error
}

// ReturnOrder asks for a reversal (no lines) or a refund (lines).
type ReturnOrder struct {
	ID         string // reversal_id or refund_id, made by the till
	POS        string
	Settlement string
	Operator   Operator
	Reason     string
	Lines      []ReturnLine // empty: the whole settlement is reversed
	// Presence is the card evidence; nil only where a manager's token said without_card, which is recorded.
	Presence    *Presence
	WithoutCard bool
	Confirm     func() error
}

// ReturnLine is one line of a refund. Quantity is a decimal text, at most what is left of the line.
type ReturnLine struct {
	ID         string   `json:"id"`
	Quantity   string   `json:"quantity"`
	TraceCodes []string `json:"trace_codes,omitempty"`
}

// Return is a booked reversal or refund.
type Return struct {
	ID         string       `json:"id"`
	Settlement string       `json:"settlement_id"`
	At         time.Time    `json:"at"`
	Operator   Operator     `json:"operator"`
	Reason     string       `json:"reason"`
	Lines      []ReturnLine `json:"lines,omitempty"`
	Whole      bool         `json:"whole"`   // reversal
	Figures    Figures      `json:"figures"` // given back, all positive
	// CashOffset is the part of the cash given back that the patient had never paid (it was open after an adjustment, or
	// written off), so that it is not handed out.
	CashOffset Fen         `json:"cash_offset,omitempty"`
	Postings   []Posting   `json:"postings"`
	State      ShopState   `json:"state"` // of the settlement afterwards
	Report     ReportState `json:"report"`
	ReceiptNo  string      `json:"receipt_no"`

	// Goods are the lines a reversal took back: what earlier returns had left of the sale. Filled where a return is looked up.
	Goods []Line `json:"-"`
}

// AccountView is an account behind a card, as GET /v1/people/me/accounts shows it.
type AccountView struct {
	Party
	Status    Status  `json:"status"`
	Available Fen     `json:"available"`
	Binding   Binding `json:"binding"` // zero for the own account
	AsOf      time.Time
}
