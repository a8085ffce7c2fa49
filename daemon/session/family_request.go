package session

// RelativeRequest is the other person of a binding or a contribution, as the till states them. The ledger must know them:
// from the feed, or because they showed their own card here.
type RelativeRequest struct {
	IDNumber string `json:"id_number" maxLength:"18" doc:"Citizen identity number, GB 11643"`
	Name     string `json:"name" minLength:"1" maxLength:"50" doc:"Compared with the name under the number"`
}

// NoticeRequest is a notice (告知书) that was read before a request.
type NoticeRequest struct {
	ID      string `json:"id" minLength:"1" maxLength:"32" doc:"As GET /v1/guidance or the refusal names it" example:"GD-GJ"`
	Version string `json:"version" minLength:"1" maxLength:"32"`
	ReadBy  string `json:"read_by" enum:"giver,operator" doc:"operator: read aloud to the giver"`
}

// ContactRequest is what a region's form wants to know of a relative. It is sealed, and no answer shows it.
type ContactRequest struct {
	Phone            string `json:"phone,omitempty" maxLength:"20"`
	HouseholdNumber  string `json:"household_number,omitempty" maxLength:"32" doc:"Of the household register (户口簿)"`
	HouseholdAddress string `json:"household_address,omitempty" maxLength:"200"`
}

// ConfirmRequest is the two steps of what people confirm: a preview first, and then the same request with its digest.
type ConfirmRequest struct {
	Preview       bool   `json:"preview,omitempty" doc:"Check everything and write nothing; the answer has confirm_digest"`
	ConfirmDigest string `json:"confirm_digest,omitempty" maxLength:"64" doc:"Of the preview that people confirmed; E_CONFIRM_CHANGED where it would be another request now. Required where the policy's confirm.steps names the step"`
}

// BindRequest asks for a new binding (家庭共济绑定). The giver's own card is in the reader.
type BindRequest struct {
	POS         string          `json:"-"`
	RequestID   string          `json:"request_id" maxLength:"64" doc:"Made by the till; the same id is the same request for ever"`
	Terminal    string          `json:"terminal" minLength:"1" maxLength:"32"`
	Operator    OperatorRequest `json:"operator"`
	Beneficiary RelativeRequest `json:"beneficiary"`
	Relation    string          `json:"relation" maxLength:"32" doc:"What the beneficiary is TO the giver" example:"child"`
	Rank        int             `json:"rank,omitempty" minimum:"0" maximum:"99" doc:"Place in the order of the beneficiary's givers; left out: the centre decides"`
	Limit       string          `json:"limit,omitempty" maxLength:"16" doc:"Most that may be spent; left out: no limit" example:"500.00"`
	ValidFrom   string          `json:"valid_from,omitempty" maxLength:"10" doc:"YYYY-MM-DD; left out: as the region's policy says"`
	ValidTo     string          `json:"valid_to,omitempty" maxLength:"10" doc:"YYYY-MM-DD, the day included; left out: as the region's policy says"`
	Commitment  bool            `json:"commitment,omitempty" doc:"The giver signed the commitment letter (承诺书)"`
	Evidence    []string        `json:"evidence,omitempty" maxItems:"10" doc:"Kinds of papers shown: marriage_certificate, household_register"`
	Notice      *NoticeRequest  `json:"notice,omitempty" doc:"The notice that the giver has read; required where the region has one"`
	AuthMethod  string          `json:"auth_method,omitempty" enum:"card,evoucher,face,window" doc:"How the giver was authenticated; default card"`
	Contact     *ContactRequest `json:"contact,omitempty" doc:"Of the relative, where the region's form wants it"`
	Network     string          `json:"network,omitempty" maxLength:"32" doc:"Number of the household network (家庭共济网), where the region has such"`
	ConfirmRequest
	WaitSeconds int `json:"wait_for_card_s,omitempty" minimum:"0" maximum:"120" doc:"How long to wait for the card"`
}

// ChangeBindingRequest asks for a new rank or a new limit of a binding, one of the two.
type ChangeBindingRequest struct {
	POS       string          `json:"-"`
	Binding   string          `json:"-"`
	RequestID string          `json:"request_id" maxLength:"64" doc:"Made by the till; the same id is the same request for ever"`
	Terminal  string          `json:"terminal" minLength:"1" maxLength:"32"`
	Operator  OperatorRequest `json:"operator"`
	Rank      int             `json:"rank,omitempty" minimum:"0" maximum:"99" doc:"New place in the order"`
	Limit     string          `json:"limit,omitempty" maxLength:"16" doc:"New limit" example:"500.00"`
	NoLimit   bool            `json:"no_limit,omitempty" doc:"Lift the limit"`
	ConfirmRequest
	WaitSeconds int `json:"wait_for_card_s,omitempty" minimum:"0" maximum:"120" doc:"How long to wait for the card"`
}

// EndBindingRequest asks for the end of a binding.
type EndBindingRequest struct {
	POS       string          `json:"-"`
	Binding   string          `json:"-"`
	RequestID string          `json:"request_id" maxLength:"64" doc:"Made by the till; the same id is the same request for ever"`
	Terminal  string          `json:"terminal" minLength:"1" maxLength:"32"`
	Operator  OperatorRequest `json:"operator"`
	EndReason string          `json:"end_reason,omitempty" enum:"divorce,death,other" doc:"Default other"`
	Notice    *NoticeRequest  `json:"notice,omitempty" doc:"The notice that the giver has read; required where the region has one"`
	ConfirmRequest
	WaitSeconds int `json:"wait_for_card_s,omitempty" minimum:"0" maximum:"120" doc:"How long to wait for the card"`
}

// PremiumRequest pays a relative's yearly contribution. The payer's own card is in the reader.
type PremiumRequest struct {
	POS         string          `json:"-"`
	PremiumID   string          `json:"premium_id" maxLength:"64" doc:"Made by the till, saved before it is sent; the same id is the same payment for ever"`
	Terminal    string          `json:"terminal" minLength:"1" maxLength:"32"`
	Operator    OperatorRequest `json:"operator"`
	Beneficiary RelativeRequest `json:"beneficiary"`
	Kind        string          `json:"kind,omitempty" maxLength:"32" doc:"Of insurance; default resident" example:"resident"`
	Year        int             `json:"year" minimum:"2020" maximum:"2100" doc:"Year the contribution is for" example:"2027"`
	Amount      string          `json:"amount" maxLength:"16" doc:"Yuan, two decimals; paid whole or not at all" example:"400.00"`
	Categories  []string        `json:"categories,omitempty" maxItems:"10" doc:"Of the beneficiary, where some are exempt"`
	StillDue    bool            `json:"still_due,omitempty" doc:"Somebody has checked that it is due although the centre has the beneficiary as insured for the year (E_PREMIUM_COVERED); recorded"`
	Selected    []string        `json:"selected_givers,omitempty" maxItems:"20" doc:"giver_ref of further givers, where several may pay and the cashier chooses"`
	WaitSeconds int             `json:"wait_for_card_s,omitempty" minimum:"0" maximum:"120" doc:"How long to wait for the card"`
}

// CancelPremiumRequest takes a contribution back.
type CancelPremiumRequest struct {
	POS         string          `json:"-"`
	PremiumID   string          `json:"-"`
	CancelID    string          `json:"cancellation_id" maxLength:"64" doc:"Made by the till; the same id is the same cancellation for ever"`
	Terminal    string          `json:"terminal,omitempty" maxLength:"32"`
	Operator    OperatorRequest `json:"operator"`
	Reason      string          `json:"reason,omitempty" maxLength:"200"`
	WithoutCard bool            `json:"without_card,omitempty" doc:"Manager only: the card is not there; the reason is recorded"`
	ConfirmRequest
	WaitSeconds int `json:"wait_for_card_s,omitempty" minimum:"0" maximum:"120" doc:"How long to wait for the card"`
}

// CloseAttentionRequest takes an item off the work list.
type CloseAttentionRequest struct {
	Operator OperatorRequest `json:"operator"`
	Note     string          `json:"note" minLength:"1" maxLength:"500" doc:"What was decided"`
	// Decision is one of those listed with the item; empty where nothing follows.
	Decision string `json:"decision,omitempty" enum:"re_report,adopt,collect,write_off,cash_settled" doc:"One of those listed with the item: send the report again; the centre has the sale that is held since a restore, and its booking is taken over; the patient has paid the refused sale in cash; the shop bears it; the open cash was collected or paid back"`
}
