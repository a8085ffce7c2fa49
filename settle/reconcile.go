package settle

import "time"

// BookedRow is one row of the venue's book as the centre acknowledged it.
type BookedRow struct {
	SetlID, MdtrtID, PsnNo string
	MsgID                  string
	Settlement             string // of the ledger
	Insurance              string
	ClrType                string // 41 pharmacy, 11 clinic
	Office                 string // clr_optins
	Figures                Figures
	Refund                 bool // a cancellation: the figures are negative
	At                     time.Time
}

// OpenDispatch is a message that changes the centre's book and whose outcome is open.
type OpenDispatch struct {
	Dispatch  Dispatch
	Insurance string
	Area      string // insured area of the person
}

// DifferenceKind is what is wrong with a row that is not the same on both sides.
type DifferenceKind string

// The kinds of differences.
const (
	CentreOnly DifferenceKind = "centre_only" // the centre has it and we do not
	VenueOnly  DifferenceKind = "venue_only"  // we have it and the centre does not
	Different  DifferenceKind = "different"   // both have it, with other amounts
)

// Reconciliation is the outcome of holding one day against the centre's book, as it is kept. It names nobody.
type Reconciliation struct {
	Day         Date                  `json:"day"`
	At          time.Time             `json:"at"`
	Balanced    bool                  `json:"balanced"` // every group balances, and nothing is open
	Unknown     int                   `json:"unknown"`  // messages of the day whose outcome is open
	Groups      []ReconciledGroup     `json:"groups,omitempty"`
	Differences []ReconcileDifference `json:"differences,omitempty"`
}

// DayState is where a day stands with the centre.
type DayState string

// The states of a day.
const (
	DayOpen      DayState = "open"      // not held against the centre yet, or messages are open
	DayAgreed    DayState = "agreed"    // both books say the same
	DayDiffering DayState = "differing" // they do not
	DayClosed    DayState = "closed"    // its month is closed
)

// DayStates lists them in a fixed order.
var DayStates = []DayState{DayOpen, DayAgreed, DayDiffering, DayClosed}

// DayView is a day as it is shown: its latest outcome and what was decided about each difference.
type DayView struct {
	State       DayState
	Known       bool // it was held against the centre at least once; else only Day is set
	Outcome     Reconciliation
	Resolutions []Resolution // of Outcome.Differences, by index
}

// Resolution is what became of a difference. By is empty while nobody has decided and it waits on the work list.
type Resolution struct {
	Attention int64
	By        string
	At        time.Time
	Decision  Decision
	Note      string
}

// ClosedMonth is a month (yyyymm) that was closed: every day of it agrees.
type ClosedMonth struct {
	Month  int       `json:"month"`
	At     time.Time `json:"at"`
	By     Operator  `json:"by"`
	Days   int       `json:"days"` // held against the centre
	Record int64     `json:"-"`    // in the chain
}

// Attestation is the ledger's signature under data that leaves the house.
type Attestation struct {
	Record    int64  `json:"chain_record"` // the end of the chain when it was signed
	Hash      string `json:"chain_hash"`   // of that record, hex
	Signature string `json:"signature"`    // keyed hash over both and the data, hex
}

// ReconciledGroup is what the centre said of one group's totals (3201).
type ReconciledGroup struct {
	Insurance string `json:"insutype"`
	ClrType   string `json:"clr_type"`
	Office    string `json:"setl_optins"`
	Total     Fen    `json:"total"`
	Fund      Fen    `json:"fund"`
	Account   Fen    `json:"account"` // mutual aid included
	Cash      Fen    `json:"cash"`
	Count     int    `json:"count"`
	Result    string `json:"result"`
	Text      string `json:"text,omitempty"` // the centre's, redacted
	// Centre is its side, as far as its rows have told: nil where they were not asked for and the totals differ.
	Centre *SideTotals `json:"centre,omitempty"`
}

// SideTotals are the sums of a group on one side.
type SideTotals struct {
	Count   int `json:"count"`
	Total   Fen `json:"total"`
	Fund    Fen `json:"fund"`
	Account Fen `json:"account"` // mutual aid included
}

// ReconcileDifference is one row that is not the same on both sides. The amounts of a side that does not have the row
// are 0.
type ReconcileDifference struct {
	Kind       DifferenceKind `json:"kind"`
	SetlID     string         `json:"setl_id"`
	MsgID      string         `json:"msgid,omitempty"`
	Settlement string         `json:"settlement_id,omitempty"`
	Ours       SideAmounts    `json:"ours"`
	Centre     SideAmounts    `json:"centre"`
	Insurance  string         `json:"insutype,omitempty"` // of the group it counts in; empty where the centre alone has it and does not say
	Office     string         `json:"setl_optins,omitempty"`
	Refund     bool           `json:"refund,omitempty"` // the row is a cancellation
	Sure       bool           `json:"sure"`             // the rules decide it; else a person does
	Advice     string         `json:"advice"`           // Chinese, what to do
}

// SideAmounts are the amounts of a row on one side.
type SideAmounts struct {
	Total   Fen `json:"total"`
	Fund    Fen `json:"fund"`
	Account Fen `json:"account"` // mutual aid included
}
