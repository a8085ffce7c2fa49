package cardreader

import "time"

// EventKind says what happened.
type EventKind string

// The kinds of events.
const (
	// CardInserted: a card came, and it is known whose it is or that it cannot be used. The state is present with a
	// credential, or fault with the reason and as much of the credential as is known (its kind at most). A credential that is
	// not Complete is completed in Status a moment later under the same number. A card that could not be read is tried again
	// while it stays; when that succeeds, it counts as inserted once more, without a removal in between.
	// At a scanner: something was scanned. It takes the place of what was scanned before.
	CardInserted EventKind = "card_inserted"
	// CardRemoved: the card left. At a scanner: the code was used or has expired.
	CardRemoved EventKind = "card_removed"
	// ReaderFault: the reader itself is gone or silent. A card that was in it counts as gone.
	ReaderFault EventKind = "reader_fault"
	// ReaderReady: the reader answers, for the first time or again.
	ReaderReady EventKind = "reader_ready"
)

// State is what a reader is doing now.
type State string

// The states.
const (
	StateAbsent  State = "absent"  // the reader answers, no card
	StateReading State = "reading" // a card came and is being read
	StatePresent State = "present" // a card is there and its credential is known
	StateFault   State = "fault"   // a card is there that cannot be used
	StateDown    State = "down"    // the reader does not answer
)

// Role says what a reader is for.
type Role string

// The roles.
const (
	RoleCard    Role = "card"
	RoleID      Role = "id"
	RoleScanner Role = "scanner"
)

// Event is one thing that happened at a reader. Seq is the reader's number after it.
type Event struct {
	Reader     string      `json:"reader"`
	Seq        uint64      `json:"seq"`
	Kind       EventKind   `json:"kind"`
	At         time.Time   `json:"at"`
	State      State       `json:"state"`
	Credential *Credential `json:"credential,omitempty"`
	Fault      *Fault      `json:"fault,omitempty"`
	// Scan is what was scanned, at a scanner.
	Scan *Scan `json:"scan,omitempty"`
}

// FaultCode is the stable name of a fault.
type FaultCode string

// The codes.
const (
	CodeCardUnreadable          FaultCode = "CARD_UNREADABLE"
	CodeCardNotSocialSecurity   FaultCode = "CARD_NOT_SOCIAL_SECURITY"
	CodeCardNeedsAuthentication FaultCode = "CARD_NEEDS_AUTHENTICATION"
	CodeReaderDown              FaultCode = "READER_DOWN"
)

// Fault says why a card or reader cannot be used: a code, a sentence a cashier can act on, and the cause for a technician.
// Neither holds a person's data.
type Fault struct {
	Code    FaultCode `json:"code"`
	Message string    `json:"message"`
	Err     error     `json:"-"`
}

// Error joins code, sentence and cause.
func (f *Fault) Error() string {
	s := string(f.Code) + ": " + f.Message
	if f.Err != nil {
		s += " (" + f.Err.Error() + ")"
	}
	return s
}

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.Err }

// otherCards are the sentences for cards of another kind.
var otherCards = map[CardKind]string{
	CardHealth:  "这是居民健康卡，不是社会保障卡，请换用社会保障卡。",
	CardBank:    "这是银行卡，不是社会保障卡，请换用社会保障卡。",
	CardUnknown: "这不是社会保障卡，请换用社会保障卡。",
}

// strangerFault says that a card is not a social security card.
func strangerFault(kind CardKind) *Fault {
	return &Fault{Code: CodeCardNotSocialSecurity, Message: otherCards[kind]}
}

// NeedsAuthenticationFault is the fault of a card whose holder nobody could resolve. A reader does not report it by itself,
// since the centre may know the card by its identifier and number; whoever asked the centre in vain does.
func NeedsAuthenticationFault() *Fault {
	return &Fault{Code: CodeCardNeedsAuthentication, Message: "第三代社保卡需要安全认证才能读出姓名和号码，请改用身份证或医保码。"}
}
