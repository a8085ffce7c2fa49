package session

// The requests are what a till writes: identities, money and quantities as text. The struct tags are the wire names and
// what the OpenAPI document says of them; Check holds every rule, so a caller that is not HTTP is checked as strictly.

// OperatorRequest is who works the till.
type OperatorRequest struct {
	ID   string `json:"id" maxLength:"30" minLength:"1" doc:"Operator's number at the shop" example:"1001"`
	Name string `json:"name,omitempty" maxLength:"50" doc:"Operator's name" example:"李敏"`
}

// PatientRequest is the patient as the till states them.
type PatientRequest struct {
	IDNumber string `json:"id_number,omitempty" maxLength:"18" doc:"Citizen identity number, GB 11643"`
	Name     string `json:"name,omitempty" maxLength:"50" doc:"Name, compared with the card's after folding of spaces and dots"`
}

// SplitRequest is how the insurance scheme splits a line: the fund's part and the six parts of the personal share. A part
// left out is 0.00.
type SplitRequest struct {
	Fund         string `json:"fund,omitempty" maxLength:"16" example:"20.00" doc:"Paid by the fund (统筹基金)"`
	Deductible   string `json:"deductible,omitempty" maxLength:"16" example:"0.00" doc:"起付线"`
	Coinsurance  string `json:"coinsurance,omitempty" maxLength:"16" example:"5.00" doc:"比例自付"`
	FirstSelfPay string `json:"first_self_pay,omitempty" maxLength:"16" example:"0.00" doc:"先行自付"`
	OverLimit    string `json:"over_limit,omitempty" maxLength:"16" example:"0.00" doc:"超限价自费"`
	AboveCap     string `json:"above_cap,omitempty" maxLength:"16" example:"0.00" doc:"超封顶线"`
	OwnExpense   string `json:"own_expense,omitempty" maxLength:"16" example:"0.00" doc:"全自费"`
}

// LineRequest is one line of the bill.
type LineRequest struct {
	ID        string        `json:"id" minLength:"1" maxLength:"30" doc:"Unique in the bill" example:"1"`
	Code      string        `json:"code" minLength:"1" maxLength:"50" doc:"National item code (医保目录编码)" example:"XA01ABD075A002010100483"`
	ShopCode  string        `json:"shop_code,omitempty" maxLength:"50" doc:"The shop's own code" example:"6901"`
	Name      string        `json:"name" minLength:"1" maxLength:"200" doc:"Item name" example:"阿莫西林胶囊"`
	Class     string        `json:"class" minLength:"1" maxLength:"32" doc:"Class of the item in the region's policy" example:"drug_a"`
	Quantity  string        `json:"quantity" maxLength:"16" doc:"Above 0, up to 4 decimals" example:"2"`
	UnitPrice string        `json:"unit_price" maxLength:"20" doc:"Yuan, 1 to 6 decimals" example:"12.50"`
	Total     string        `json:"total" maxLength:"16" doc:"Yuan, two decimals; quantity × unit_price within 0.01" example:"25.00"`
	Split     *SplitRequest `json:"split,omitempty" doc:"Left out: an in-catalogue line is all coinsurance, any other all own_expense"`

	TraceCodes   []string `json:"trace_codes,omitempty" maxItems:"500" doc:"Drug trace codes (药品追溯码), one for each pack"`
	NoCode       bool     `json:"no_code,omitempty" doc:"Stock on the no-code list"`
	SplitPack    bool     `json:"split_pack,omitempty" doc:"An opened pack is sold in parts (拆零); never more than a pack out of one code"`
	UnitsPerPack string   `json:"units_per_pack,omitempty" maxLength:"16" doc:"How many units of quantity one pack holds, where quantity counts tablets; left out: quantity counts packs" example:"24"`
	Rx           bool     `json:"rx,omitempty" doc:"Prescription goods: sold on a prescription only"`
	RxGroup      string   `json:"rx_group,omitempty" maxLength:"32" doc:"Group that may need an electronic prescription" example:"dual_channel"`

	Batch        string `json:"batch,omitempty" maxLength:"50"`
	MadeOn       string `json:"made_on,omitempty" maxLength:"10" doc:"YYYY-MM-DD"`
	ExpiresOn    string `json:"expires_on,omitempty" maxLength:"10" doc:"YYYY-MM-DD"`
	Manufacturer string `json:"manufacturer,omitempty" maxLength:"200"`
	Unit         string `json:"unit,omitempty" maxLength:"10"`
	Spec         string `json:"spec,omitempty" maxLength:"200"`
	DeptCode     string `json:"dept_code,omitempty" maxLength:"30" doc:"Clinics: ordering department"`
	DoctorCode   string `json:"doctor_code,omitempty" maxLength:"30" doc:"Clinics: ordering doctor"`
	Approval     string `json:"hosp_appr_flag,omitempty" maxLength:"3" doc:"Clinics: hospital approval flag"`
	ExpContent   string `json:"exp_content,omitempty" maxLength:"4000" doc:"Extension content, passed on"`
}

// DiseaseRequest is the chronic disease a purchase counts for.
type DiseaseRequest struct {
	Code string `json:"code,omitempty" maxLength:"30"`
	Name string `json:"name,omitempty" maxLength:"200"`
}

// PrescriptionRequest is what a prescription drug was sold on.
type PrescriptionRequest struct {
	Number          string `json:"number,omitempty" maxLength:"30"`
	Doctor          string `json:"doctor,omitempty" maxLength:"50"`
	Institution     string `json:"institution,omitempty" maxLength:"200"`
	PatientIDNumber string `json:"patient_id_number,omitempty" maxLength:"18" doc:"Citizen identity number of the person prescribed for"`
	Electronic      bool   `json:"electronic,omitempty" doc:"An electronic prescription that came through the centre"`
}

// PresenterRequest is who stands at the counter. Left out: the patient, or the agent where there is a proxy.
type PresenterRequest struct {
	SamePerson     bool `json:"same_person,omitempty" doc:"The patient stands at the counter"`
	PatientPresent bool `json:"patient_present,omitempty" doc:"The patient is there, somebody else acts"`
	Guardian       bool `json:"guardian,omitempty" doc:"A parent presents for a minor who is there"`
}

// AgentRequest is the person who buys for an absent patient (代购).
type AgentRequest struct {
	IDNumber string `json:"id_number" maxLength:"18" doc:"Citizen identity number"`
	Name     string `json:"name" minLength:"1" maxLength:"50"`
	Phone    string `json:"phone,omitempty" maxLength:"20"`
	Relation string `json:"relation,omitempty" maxLength:"32" example:"child"`
}

// ProxyRequest is a purchase for an absent patient.
type ProxyRequest struct {
	Agent       AgentRequest `json:"agent"`
	Documents   []string     `json:"documents,omitempty" maxItems:"10" doc:"Documents shown: principal_id, agent_id"`
	Reason      string       `json:"reason,omitempty" maxLength:"200" example:"elderly"`
	Signature   string       `json:"signature,omitempty" maxLength:"100" doc:"Where the agent's signature is kept: an image's reference, or paper and folder number"`
	IDReaderSeq uint64       `json:"id_reader_seq,omitempty" doc:"Sequence number of the ID reader when the agent's card was read"`
}

// DiagnosisRequest is one diagnosis of a visit.
type DiagnosisRequest struct {
	Code       string `json:"code" minLength:"1" maxLength:"30"`
	Name       string `json:"name" minLength:"1" maxLength:"200"`
	Type       string `json:"type,omitempty" maxLength:"3"`
	Order      int    `json:"order,omitempty" minimum:"0" maximum:"99"`
	DoctorCode string `json:"doctor_code,omitempty" maxLength:"30"`
	DoctorName string `json:"doctor_name,omitempty" maxLength:"50"`
	Dept       string `json:"dept,omitempty" maxLength:"50"`
	Time       string `json:"time,omitempty" maxLength:"35" doc:"RFC 3339"`
}

// VisitRequest is the visit behind a clinic's bill.
type VisitRequest struct {
	Number     string             `json:"ipt_otp_no,omitempty" maxLength:"30" doc:"Number of the visit (住院/门诊号)"`
	DoctorCode string             `json:"doctor_code,omitempty" maxLength:"30"`
	DoctorName string             `json:"doctor_name,omitempty" maxLength:"50"`
	DeptCode   string             `json:"dept_code,omitempty" maxLength:"30"`
	DeptName   string             `json:"dept_name,omitempty" maxLength:"100"`
	Caty       string             `json:"caty,omitempty" maxLength:"10" doc:"Kind of department (科别)"`
	BeganAt    string             `json:"began_at,omitempty" maxLength:"35" doc:"RFC 3339"`
	Diagnoses  []DiagnosisRequest `json:"diagnoses,omitempty" maxItems:"50"`
}

// SaleRequest is a bill to be quoted or settled.
type SaleRequest struct {
	POS          string              `json:"-"` // name of the till's token; the transport fills it in
	SaleID       string              `json:"sale_id" maxLength:"64" doc:"Made by the till, saved before it is sent; the same id is the same sale for ever" example:"C1-20261122-000123"`
	Terminal     string              `json:"terminal" minLength:"1" maxLength:"32" doc:"Till; picks the reader where there are several" example:"counter-1"`
	Operator     OperatorRequest     `json:"operator"`
	Pharmacist   string              `json:"pharmacist,omitempty" maxLength:"50"`
	VenueKind    string              `json:"venue_kind,omitempty" maxLength:"20"`
	MedType      string              `json:"med_type" maxLength:"6" doc:"Kind of treatment (医疗类别); 41 is a pharmacy purchase" example:"41"`
	Patient      PatientRequest      `json:"patient,omitempty" doc:"Left out: the card's holder is the patient"`
	Lines        []LineRequest       `json:"lines" minItems:"1" maxItems:"200"`
	Disease      DiseaseRequest      `json:"disease,omitempty"`
	Prescription PrescriptionRequest `json:"prescription,omitempty"`
	Presenter    *PresenterRequest   `json:"presenter,omitempty"`
	Proxy        *ProxyRequest       `json:"proxy,omitempty"`
	Visit        *VisitRequest       `json:"visit,omitempty" doc:"Required where med_type is not a pharmacy type"`
	UseAccounts  *bool               `json:"use_accounts,omitempty" doc:"Default true; false: no account pays"`
	AskShared    bool                `json:"ask_shared,omitempty" doc:"The patient asked for relatives' accounts"`
	Selected     []string            `json:"selected_givers,omitempty" maxItems:"20" doc:"giver_ref values, in the order chosen"`
	ThirdParty   bool                `json:"third_party,omitempty" doc:"Somebody else is liable"`
	PersonCheck  string              `json:"person_check,omitempty" enum:"card_read,code_read,id_read,face,document_seen" doc:"How the cashier checked the person; default card_read" example:"card_read"`
	WaitSeconds  int                 `json:"wait_for_card_s,omitempty" minimum:"0" maximum:"120" doc:"How long to wait for the card"`
}

// SettleRequest is a bill to be settled.
type SettleRequest struct {
	SaleRequest
	QuoteDigest string `json:"quote_digest,omitempty" maxLength:"64" doc:"Digest of the quote the patient agreed to; QUOTE_CHANGED if anything it depended on changed"`
}

// ReverseRequest cancels a whole settlement.
type ReverseRequest struct {
	POS         string          `json:"-"`
	Settlement  string          `json:"-"`
	ReversalID  string          `json:"reversal_id" maxLength:"64" doc:"Made by the till; the same id is the same reversal for ever"`
	Terminal    string          `json:"terminal,omitempty" maxLength:"32" doc:"Default: the sale's terminal"`
	Operator    OperatorRequest `json:"operator"`
	Reason      string          `json:"reason,omitempty" maxLength:"200"`
	WithoutCard bool            `json:"without_card,omitempty" doc:"Manager only: the card is not there; the reason is recorded"`
	WaitSeconds int             `json:"wait_for_card_s,omitempty" minimum:"0" maximum:"120" doc:"How long to wait for the card"`
}

// RefundLineRequest is one returned line.
type RefundLineRequest struct {
	ID         string   `json:"id" minLength:"1" maxLength:"32" doc:"Line of the sale"`
	Quantity   string   `json:"quantity" maxLength:"16" doc:"Above 0, at most what is left of the line"`
	TraceCodes []string `json:"trace_codes,omitempty" maxItems:"500"`
}

// RefundRequest returns lines or quantities.
type RefundRequest struct {
	POS         string              `json:"-"`
	Settlement  string              `json:"-"`
	RefundID    string              `json:"refund_id" maxLength:"64" doc:"Made by the till; the same id is the same refund for ever"`
	Terminal    string              `json:"terminal,omitempty" maxLength:"32" doc:"Default: the sale's terminal"`
	Operator    OperatorRequest     `json:"operator"`
	Lines       []RefundLineRequest `json:"lines" minItems:"1" maxItems:"200"`
	Reason      string              `json:"reason,omitempty" maxLength:"200"`
	WithoutCard bool                `json:"without_card,omitempty" doc:"Manager only: the card is not there; the reason is recorded"`
	WaitSeconds int                 `json:"wait_for_card_s,omitempty" minimum:"0" maximum:"120" doc:"How long to wait for the card"`
}
