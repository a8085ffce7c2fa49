package settle

import (
	"errors"
	"fmt"
)

// Code is the stable name of an error that a till can act on (HTTP problem member "code").
type Code string

// The codes of the contract.
const (
	CardAbsent              Code = "CARD_ABSENT"
	CardRemoved             Code = "CARD_REMOVED"
	CardUnreadable          Code = "CARD_UNREADABLE"
	CardNotSocialSecurity   Code = "CARD_NOT_SOCIAL_SECURITY"
	CardNeedsAuthentication Code = "CARD_NEEDS_AUTHENTICATION"
	CardExpiredCode         Code = "CARD_EXPIRED"
	CardReportedLost        Code = "CARD_REPORTED_LOST"
	PersonCardMismatch      Code = "PERSON_CARD_MISMATCH"
	PersonUnknown           Code = "PERSON_UNKNOWN"
	LedgerStale             Code = "LEDGER_STALE"
	OfflineLimit            Code = "OFFLINE_LIMIT"
	QuoteChanged            Code = "QUOTE_CHANGED"
	IdempotencyConflict     Code = "IDEMPOTENCY_CONFLICT"
	AlreadyReversed         Code = "ALREADY_REVERSED"
	AlreadySettled          Code = "ALREADY_SETTLED"
	RefundOver              Code = "REFUND_OVER"
	RuleRefused             Code = "RULE_REFUSED"
	BadRequest              Code = "BAD_REQUEST"
	Unauthenticated         Code = "UNAUTHENTICATED"
	Forbidden               Code = "FORBIDDEN"
	BadHost                 Code = "BAD_HOST"
	BadOrigin               Code = "BAD_ORIGIN"
	RateLimited             Code = "RATE_LIMITED"
	NotFound                Code = "NOT_FOUND"
	MethodNotAllowed        Code = "METHOD"
	TooLarge                Code = "TOO_LARGE"
	UnsupportedMedia        Code = "UNSUPPORTED_MEDIA"
	UpstreamRefused         Code = "UPSTREAM_REFUSED"
	NotConfigured           Code = "NOT_CONFIGURED"
	ReaderDown              Code = "READER_DOWN"
	StoreFull               Code = "STORE_FULL"
	StoreBroken             Code = "STORE_BROKEN"
	UpstreamSilent          Code = "UPSTREAM_SILENT"
	MonthOpen               Code = "MONTH_OPEN"
)

// Reason is a reason code of the settlement rules: E_… refuses a bill, K_… skips one giver.
type Reason string

// The reasons (SEMANTICS section 9 and the decisions page).
const (
	EVenue               Reason = "E_VENUE"
	EPatientBlocked      Reason = "E_PATIENT_BLOCKED"
	EPatientStatus       Reason = "E_PATIENT_STATUS"
	ECardOwnerMismatch   Reason = "E_CARD_OWNER_MISMATCH"
	EProxyDocs           Reason = "E_PROXY_DOCS"
	EProxyTooManyCards   Reason = "E_PROXY_TOO_MANY_CARDS"
	ETraceMissing        Reason = "E_TRACE_MISSING"
	ETraceDuplicate      Reason = "E_TRACE_DUPLICATE"
	ETraceCount          Reason = "E_TRACE_COUNT"
	ETraceForm           Reason = "E_TRACE_FORM"
	ETracePack           Reason = "E_TRACE_PACK"
	ERxMissing           Reason = "E_RX_MISSING"
	ERxPerson            Reason = "E_RX_PERSON"
	EPharmacyMonthLimit  Reason = "E_PHARMACY_MONTH_LIMIT"
	EOfflineRegion       Reason = "E_OFFLINE_REGION"
	EPlatformUnknown     Reason = "E_PLATFORM_UNKNOWN"
	EIdempotencyConflict Reason = "E_IDEMPOTENCY_CONFLICT"
	ERefundOver          Reason = "E_REFUND_OVER"
	ERefundWindow        Reason = "E_REFUND_WINDOW"
	EPremiumDisabled     Reason = "E_PREMIUM_DISABLED"
	EPremiumWindow       Reason = "E_PREMIUM_WINDOW"
	EPremiumDuplicate    Reason = "E_PREMIUM_DUPLICATE"
	EPremiumThreshold    Reason = "E_PREMIUM_THRESHOLD"
	EPremiumBalance      Reason = "E_PREMIUM_BALANCE"
	EPremiumExempt       Reason = "E_PREMIUM_EXEMPT"
	EPremiumActor        Reason = "E_PREMIUM_ACTOR"
	EPremiumInsured      Reason = "E_PREMIUM_INSURED"
	EPremiumCovered      Reason = "E_PREMIUM_COVERED"
	ECredentialKind      Reason = "E_CREDENTIAL_KIND"
	EFaceRequired        Reason = "E_FACE_REQUIRED"
	EGuardian            Reason = "E_GUARDIAN"
	ERxElectronic        Reason = "E_RX_ELECTRONIC"
	EPharmacyDayTimes    Reason = "E_PHARMACY_DAY_TIMES"

	EBindingSelf      Reason = "E_BINDING_SELF"
	EBindingRelation  Reason = "E_BINDING_RELATION"
	EBindingKind      Reason = "E_BINDING_KIND"
	EBindingStatus    Reason = "E_BINDING_STATUS"
	EBindingArea      Reason = "E_BINDING_AREA"
	EBindingDuplicate Reason = "E_BINDING_DUPLICATE"
	EBindingRole      Reason = "E_BINDING_ROLE"
	EBindingMembers   Reason = "E_BINDING_MEMBERS"
	EBindingGivers    Reason = "E_BINDING_GIVERS"
	EBindingProof     Reason = "E_BINDING_PROOF"
	EBindingTerm      Reason = "E_BINDING_TERM"
	EBindingLocked    Reason = "E_BINDING_LOCKED"
	EBindingActor     Reason = "E_BINDING_ACTOR"
	EBindingLimit     Reason = "E_BINDING_LIMIT"
	EBindingNotice    Reason = "E_BINDING_NOTICE"
	EConfirmMissing   Reason = "E_CONFIRM_MISSING"
	EConfirmChanged   Reason = "E_CONFIRM_CHANGED"

	KThirdParty  Reason = "K_THIRD_PARTY"
	KRelation    Reason = "K_RELATION"
	KNotYet      Reason = "K_NOT_YET"
	KExpired     Reason = "K_EXPIRED"
	KGiverStatus Reason = "K_GIVER_STATUS"
	KBenefStatus Reason = "K_BENEF_STATUS"
	KArea        Reason = "K_AREA"
	KMedGroup    Reason = "K_MED_GROUP"
	KOwnNotZero  Reason = "K_OWN_NOT_ZERO"
	KNotAsked    Reason = "K_NOT_ASKED"
	KNotBound    Reason = "K_NOT_BOUND"
	KNotSelected Reason = "K_NOT_SELECTED"
	KOneGiver    Reason = "K_ONE_GIVER"
	KZero        Reason = "K_ZERO"
	KCap         Reason = "K_CAP"
	KClass       Reason = "K_CLASS"
	KBucket      Reason = "K_BUCKET"

	KClassUnknown Reason = "K_CLASS_UNKNOWN"
)

// FieldFault is one bad field of a request.
type FieldFault struct {
	Field   string `json:"field"`   // JSON path, such as lines[0].total
	Message string `json:"message"` // Chinese, for the cashier
	Detail  string `json:"detail"`  // English, for the integrator
}

// Error is an error with a stable code and sentences for people. Its text carries code, reason and cause and never an
// identity or card number; whoever wraps a cause makes sure of that.
type Error struct {
	Code    Code
	Reason  Reason         // RULE_REFUSED: which rule
	Case    Case           // where the code has another sentence; empty: its own
	Fields  []FieldFault   // BAD_REQUEST: every bad field
	Members map[string]any // further members of the problem document (limit, allowed, used, asked …)
	Cause   error
}

// NewError is an error of the code with an optional cause.
func NewError(code Code, cause error) *Error { return &Error{Code: code, Cause: cause} }

// Refused is RULE_REFUSED for a reason.
func Refused(reason Reason) *Error { return &Error{Code: RuleRefused, Reason: reason} }

// With adds a member to the problem document.
func (e *Error) With(name string, value any) *Error {
	if e.Members == nil {
		e.Members = map[string]any{}
	}
	e.Members[name] = value
	return e
}

// Error is the English text for logs.
func (e *Error) Error() string {
	text := string(e.Code)
	if e.Reason != "" {
		text += " (" + string(e.Reason) + ")"
	}
	for _, f := range e.Fields {
		text += fmt.Sprintf("; %s: %s", f.Field, f.Detail)
	}
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Is makes errors.Is(err, settle.NewError(code, nil)) compare codes.
func (e *Error) Is(target error) bool {
	var other *Error
	return errors.As(target, &other) && other.Code == e.Code && (other.Reason == "" || other.Reason == e.Reason)
}

// CodeOf is the code of err; an error without one counts as STORE_BROKEN, the neutral "nothing was settled".
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return StoreBroken
}

// ReasonOf is the rule's reason of err, if it has one.
func ReasonOf(err error) Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}
