package settle

import "time"

// BindingAction is what a request wants of a binding.
type BindingAction string

// The actions of G103.
const (
	BindingBind    BindingAction = "bind"
	BindingUnbind  BindingAction = "unbind"
	BindingReorder BindingAction = "reorder"
	BindingLimit   BindingAction = "limit"
)

// RequestState is what became of a request to the centre.
type RequestState string

// The states of a request. Only what is confirmed counts.
const (
	RequestPending   RequestState = "pending"
	RequestConfirmed RequestState = "confirmed"
	RequestRefused   RequestState = "refused"
)

// BindingRequest asks the centre for a binding, or for a change or the end of one. A counter has no right to make the
// legal relation itself (S-025, S-143): the request is checked against the policy, sent, and counts when confirmed.
type BindingRequest struct {
	ID          string        `json:"request_id"` // made by the till
	POS         string        `json:"pos"`
	Action      BindingAction `json:"action"`
	Binding     string        `json:"binding_id,omitempty"` // of an existing binding
	Giver       PersonID      `json:"giver"`
	Beneficiary PersonID      `json:"beneficiary"`
	Relation    Relation      `json:"relation,omitempty"`
	Rank        int           `json:"rank,omitempty"`
	Limit       Cap           `json:"limit"`
	LimitAll    bool          `json:"limit_all,omitempty"`
	ValidFrom   Date          `json:"valid_from,omitempty"`
	ValidTo     Date          `json:"valid_to,omitempty"`
	EndReason   string        `json:"end_reason,omitempty"`  // unbind: divorce, death, other (S-099)
	Commitment  bool          `json:"commitment,omitempty"`  // the giver signed the commitment letter (S-051)
	Evidence    []string      `json:"evidence,omitempty"`    // kinds of papers shown (S-049)
	Notice      NoticeRead    `json:"notice,omitzero"`       // the notice that was read (S-064, S-167, S-231)
	AuthMethod  string        `json:"auth_method,omitempty"` // of AuthMethods; empty in requests of older versions
	Contact     Contact       `json:"contact,omitzero"`
	Network     string        `json:"network,omitempty"` // number of the household network, where binding.model is network (S-052, S-247)
	Operator    Operator      `json:"operator"`
	At          time.Time     `json:"at"`
	State       RequestState  `json:"state"`
	Answer      string        `json:"answer,omitempty"` // the centre's reason, without identities
}

// Premium is a relative's yearly contribution paid from givers' accounts (S-163).
type Premium struct {
	ID          string      `json:"premium_id"` // made by the till
	POS         string      `json:"pos"`
	Kind        string      `json:"kind"` // resident, ltc, …: the policy's premium.kinds
	Year        int         `json:"year"`
	Amount      Fen         `json:"amount"`
	Payer       PersonID    `json:"payer"`
	Beneficiary PersonID    `json:"beneficiary"`
	Categories  []string    `json:"categories,omitempty"` // of the beneficiary, as stated at the counter
	StillDue    bool        `json:"still_due,omitempty"`  // checked: due although the beneficiary is insured for the year
	Operator    Operator    `json:"operator"`
	At          time.Time   `json:"at"`
	Cancelled   bool        `json:"cancelled"`
	CancelID    string      `json:"cancel_id,omitempty"`
	Postings    []Posting   `json:"postings"`
	Report      ReportState `json:"report"`
	ReceiptNo   string      `json:"receipt_no"`
}
