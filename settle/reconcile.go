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
	Sure       bool           `json:"sure"`   // the rules decide it; else a person does
	Advice     string         `json:"advice"` // Chinese, what to do
}

// SideAmounts are the amounts of a row on one side.
type SideAmounts struct {
	Total   Fen `json:"total"`
	Fund    Fen `json:"fund"`
	Account Fen `json:"account"` // mutual aid included
}
