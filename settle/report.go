package settle

import (
	"errors"
	"time"
)

// ReportKind is what a report tells the centre.
type ReportKind string

// The kinds of reports.
const (
	ReportSettle  ReportKind = "settle"
	ReportReverse ReportKind = "reverse"
	ReportRefund  ReportKind = "refund"

	ReportBinding       ReportKind = "binding"        // G103
	ReportPremium       ReportKind = "premium"        // G104 pay
	ReportPremiumCancel ReportKind = "premium_cancel" // G104 cancel

	ReportOrphan ReportKind = "orphan" // 2601 of an in-line message that no settlement came of
)

// Report is one row of the outbox, written in the transaction of what it reports, held until the centre has
// acknowledged it, never dropped. Reports of one person are worked off in the order of their ids.
type Report struct {
	ID         int64
	Kind       ReportKind
	Settlement string // the settlement it belongs to
	Return     string // reversal_id or refund_id
	Person     PersonID
	State      ReportState
	Done       bool // nothing more to send: accepted, adjusted, or refused and waiting for a person
	CreatedAt  time.Time
	Attempts   int
	NextAt     time.Time // not before
	Fault      string    // last fault, without identities
	Amount     Fen       // account money it carries
}

// Identity is who a report is about, in clear, for the wire only.
type Identity struct {
	PsnNo     string // 人员编号
	IDNumber  string // 证件号码
	Name      string
	Insurance string // insutype
	Area      string // insuplc_admdvs
}

// Booking is what the centre answered when it booked a settlement.
type Booking struct {
	SetlID     string    `json:"setl_id"`
	MdtrtID    string    `json:"mdtrt_id"`
	ClrOptins  string    `json:"clr_optins"`
	MsgID      string    `json:"msgid"`
	CentreTime time.Time `json:"centre_time"` // respond_time of the answer
	// SettledAt is the centre's setl_time, by which its day is reckoned; zero where it told none.
	SettledAt time.Time `json:"settled_at,omitzero"`
	Figures   Figures   `json:"figures"`              // the centre's own
	Batch     string    `json:"chrg_bchno,omitempty"` // of a clinic's settlement: the charge batch that it settled
}

// DispatchState is the state of one message in the journal.
type DispatchState string

// The states of the journal. Whatever is DispatchSent when the process starts is DispatchUnknown.
const (
	DispatchPrepared DispatchState = "prepared"
	DispatchSent     DispatchState = "sent"
	DispatchAccepted DispatchState = "accepted"
	DispatchRefused  DispatchState = "refused"
	DispatchUnsent   DispatchState = "unsent"   // certainly did nothing at the centre
	DispatchUnknown  DispatchState = "unknown"  // may or may not have been booked
	DispatchReversed DispatchState = "reversed" // a confirmed 2601 undid it
)

// Dispatch is one message to the centre, in the journal before it is sent.
type Dispatch struct {
	MsgID    string
	Report   int64
	Infno    string
	Original string // msgid that a 2601 undoes
	State    DispatchState
	Body     []byte    // the message as sent; the ledger seals it
	SentAt   time.Time // by this PC's clock, which may be wrong
	EndedAt  time.Time // by this PC's clock
	Fault    string
	// SentCentre is the centre's time when the message was sent, as the centre's last answer before and the monotonic clock
	// tell it: it was sent no earlier. Zero: not known.
	SentCentre time.Time
	// AnsweredCentre is the centre's time in the answer to the message: it was sent no later. Zero: not told.
	AnsweredCentre time.Time
	Visit          string // mdtrt_id that a clinic's message names, or that the answer to its 2201 gave
	Batch          string // chrg_bchno that it names
	Turn           *int   // how many messages of its report the sender knows of; nil: it does not say
}

// ErrMoved is the cause of an error where a report is not as its sender has read it: it has ended, is held for a person, or
// another message of it has left.
var ErrMoved = errors.New("the report has moved on since it was read")

// DueReport is a report whose time has come.
type DueReport struct {
	Report  int64
	Person  PersonID
	Dossier *Dossier // nil: it could not be read
}

// DispatchResult ends a dispatch and moves its report, in one transaction.
type DispatchResult struct {
	MsgID    string
	State    DispatchState
	Booking  *Booking // where the centre booked something
	Unbooked bool     // a cancellation was accepted: the settlement's booking is gone
	Visit    string   // the mdtrt_id that a 2201 was answered, or under which the centre has the visit already
	Undone   string   // msgid of the dispatch that a confirmed 2601 undid
	Fault    string   // Chinese or the centre's text, without identities
	At       time.Time
	Answered time.Time // the centre's time in the answer; zero: not told

	// The report after this message.
	Report      int64
	ReportState ReportState
	Done        bool
	NextAt      time.Time
	Attempt     bool // counts as a failed attempt

	// What the centre said of a binding request (G103): its state and reason, and the binding as it stands there now.
	RequestState  RequestState
	RequestAnswer string
	NoBinding     bool // of a refused request: what it is about does not stand at the centre
	Binding       *SnapshotBinding
}

// PersonPay is what somebody's account pays, all pots together, in fen.
type PersonPay struct {
	PsnNo   string
	Amount  Fen
	Covered Fen // of it an allowance guarantees
}

// Dossier is all that the next message of a report needs.
type Dossier struct {
	Report     Report
	Identity   Identity
	Credential CredentialKind
	Card       CardNumbers
	Sale       Sale    // the lines to be booked: all of them, or after a refund those that are kept
	Figures    Figures // of Sale
	// Pays are what the accounts pay of Figures, by person number in paying order, each once; nil where the ledger leaves it
	// to the centre.
	Pays []PersonPay
	// Leave is what other sales that are not acknowledged yet may take of the venue's allowances before this one: all that earlier
	// ones debit, and of later ones what is covered. Only what is left then, or is covered itself, this message may take.
	Leave     []PersonPay
	At        time.Time
	ReceiptNo string
	Evoucher  string     // in line only: the 医保码 that was shown; never stored
	Booked    *Booking   // the settlement as it stands at the centre now, nil: not booked
	Journal   []Dispatch // of this report, oldest first, without bodies

	// Request or Premium is set instead of Sale for reports of those kinds; Identity is then the giver's or payer's, and
	// Other the beneficiary's.
	Request *BindingRequest
	Premium *Premium
	Other   Identity
}

// OutboxTotals is the outbox at a glance.
type OutboxTotals struct {
	Unsent       int // everything not acknowledged, unknown included
	UnsentAmount Fen // account money in it
	Unknown      int
	Refused      int
	OldestUnsent time.Time // zero when empty
}
