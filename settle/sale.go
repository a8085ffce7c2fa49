package settle

import "time"

// MedGroup is the group of treatment a med_type belongs to.
type MedGroup string

// The six groups of the rules.
const (
	Outpatient MedGroup = "outpatient"
	Emergency  MedGroup = "emergency"
	Chronic    MedGroup = "chronic"
	Inpatient  MedGroup = "inpatient"
	Pharmacy   MedGroup = "pharmacy"
	Maternity  MedGroup = "maternity"
)

// MedGroups lists the groups in a fixed order.
var MedGroups = []MedGroup{Outpatient, Emergency, Chronic, Inpatient, Pharmacy, Maternity}

// Bucket is one of the six personal parts of a line.
type Bucket uint8

// The buckets in the order in which a payment uses them up.
const (
	Deductible   Bucket = iota // dedc
	Coinsurance                // ratio
	FirstSelfPay               // presel
	OverLimit                  // over
	AboveCap                   // abovecap
	OwnExpense                 // full
	bucketCount
)

// BucketCount is the number of buckets of a line.
const BucketCount = int(bucketCount)

// BucketNames are the names of the buckets in policies and scenario files.
var BucketNames = [BucketCount]string{"dedc", "ratio", "presel", "over", "abovecap", "full"}

// String is the bucket's name in policies.
func (b Bucket) String() string { return BucketNames[b] }

// Line is one line of the bill. Fund and Personal are fen, not negative, and sum to Total.
type Line struct {
	ID         string           `json:"id"`
	Code       string           `json:"code"`      // national item code (med_list_codg)
	ShopCode   string           `json:"shop_code"` // the shop's own code (medins_list_codg)
	Name       string           `json:"name"`
	Class      string           `json:"class"`      // drug_a, drug_b, …: the policy's classes
	Quantity   string           `json:"quantity"`   // decimal text as sold
	UnitPrice  string           `json:"unit_price"` // decimal text, yuan
	Total      Fen              `json:"total"`
	Fund       Fen              `json:"fund"`
	Personal   [BucketCount]Fen `json:"personal"` // by Bucket
	TraceCodes []string         `json:"trace_codes,omitempty"`
	NoCode     bool             `json:"no_code,omitempty"` // stock on the no-code list
	SplitPack  bool             `json:"split_pack,omitempty"`
	// UnitsPerPack is how many units of Quantity one pack holds, as decimal text; empty: Quantity counts packs.
	UnitsPerPack string `json:"units_per_pack,omitempty"`

	Batch        string `json:"batch,omitempty"`
	MadeOn       Date   `json:"made_on,omitempty"`
	ExpiresOn    Date   `json:"expires_on,omitempty"`
	Manufacturer string `json:"manufacturer,omitempty"`
	Unit         string `json:"unit,omitempty"`
	Spec         string `json:"spec,omitempty"`
	DeptCode     string `json:"dept_code,omitempty"`   // clinics
	DoctorCode   string `json:"doctor_code,omitempty"` // clinics
	Approval     string `json:"hosp_appr_flag,omitempty"`
	ExpContent   string `json:"exp_content,omitempty"`

	Rx      bool   `json:"rx,omitempty"`       // prescription goods: sold on a prescription only
	RxGroup string `json:"rx_group,omitempty"` // group of rx.e_only_groups, such as dual_channel
}

// PersonalSum is the personal share of the line in fen.
func (l *Line) PersonalSum() Fen {
	var sum Fen
	for _, part := range l.Personal {
		sum += part
	}
	return sum
}

// CredentialKind is how the patient showed who they are.
type CredentialKind string

// The credentials (S-007) and their national code mdtrt_cert_type.
const (
	CredentialCard     CredentialKind = "card"     // 03 社会保障卡
	CredentialEvoucher CredentialKind = "evoucher" // 01 医保电子凭证
	CredentialID       CredentialKind = "id"       // 02 居民身份证
)

// WireCode is the credential's code in the national interface.
func (k CredentialKind) WireCode() string {
	switch k {
	case CredentialEvoucher:
		return "01"
	case CredentialID:
		return "02"
	}
	return "03"
}

// Credential is the evidence of who the patient is.
type Credential struct {
	Kind    CredentialKind `json:"kind"`
	Owner   PersonID       `json:"owner"`
	ShownBy PersonID       `json:"shown_by,omitempty"` // whose phone shows it, where known
}

// Operator is who works the till.
type Operator struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Presenter is the person at the counter.
type Presenter struct {
	SamePerson     bool     `json:"same_person"` // the patient stands there
	PatientPresent bool     `json:"patient_present"`
	Guardian       bool     `json:"guardian,omitempty"` // parent presenting for a minor who is present
	Documents      []string `json:"documents,omitempty"`
}

// ProxyPurchase reports whether somebody else buys while the patient is away (代购, S-011).
func (p Presenter) ProxyPurchase() bool { return !p.SamePerson && !p.PatientPresent }

// Proxy is who buys for an absent patient. The agent's identity is sealed by the session before it gets here.
type Proxy struct {
	AgentMasked string `json:"agent_masked"`
	AgentHash   string `json:"agent_hash"`   // keyed hash, for "how many cards did this agent bring"
	AgentSealed []byte `json:"agent_sealed"` // sealed identity, readable with the ledger's key only
	// AgentPhoneHash is a keyed hash, so that a repeat with another phone is another sale; empty: none was told.
	AgentPhoneHash string `json:"agent_phone_hash,omitempty"`
	Relation       string `json:"relation"`
	Reason         string `json:"reason"`
	IDReaderSeq    uint64 `json:"id_reader_seq,omitempty"`
	Signature      string `json:"signature,omitempty"`
}

// Prescription is what a prescription drug was sold on.
type Prescription struct {
	Number      string   `json:"number,omitempty"`
	Doctor      string   `json:"doctor,omitempty"`
	Institution string   `json:"institution,omitempty"`
	Patient     PersonID `json:"patient,omitempty"`
	Electronic  bool     `json:"electronic,omitempty"` // an e-prescription that came through the centre
}

// Disease is the chronic disease a purchase counts for.
type Disease struct {
	Code string `json:"code,omitempty"`
	Name string `json:"name,omitempty"`
}

// Sale is what a till asks to be settled, after the session has replaced identities by PersonIDs. It is what the
// ledger stores and what a repeat is compared with.
type Sale struct {
	POS          string       `json:"pos"`     // name of the till's token; sale ids are unique within it
	ID           string       `json:"sale_id"` // made by the till
	Terminal     string       `json:"terminal"`
	Operator     Operator     `json:"operator"`
	Pharmacist   string       `json:"pharmacist,omitempty"`
	VenueKind    string       `json:"venue_kind,omitempty"`
	MedType      string       `json:"med_type"`
	Patient      PersonID     `json:"patient"`
	Presenter    Presenter    `json:"presenter"`
	Credential   Credential   `json:"credential"`
	Lines        []Line       `json:"lines"`
	Disease      Disease      `json:"disease"`
	Prescription Prescription `json:"prescription"`
	Proxy        *Proxy       `json:"proxy,omitempty"`
	UseAccounts  bool         `json:"use_accounts"` // false: nobody's account pays, everything personal is cash
	AskShared    bool         `json:"ask_shared"`
	Selected     []PersonID   `json:"selected,omitempty"` // givers chosen by the cashier, in order
	ThirdParty   bool         `json:"third_party"`
	PersonCheck  string       `json:"person_check"`    // how the cashier checked the person
	Visit        []byte       `json:"visit,omitempty"` // clinics: the visit as JSON, opaque here
}

// Total is the bill total in fen.
func (s *Sale) Total() Fen {
	var sum Fen
	for i := range s.Lines {
		sum += s.Lines[i].Total
	}
	return sum
}

// Presence is the evidence that the right card was at the counter (人卡一致): which card, in which reader, under which
// sequence number, when. A settlement without one does not exist.
type Presence struct {
	Reader         string         `json:"reader"`
	Seq            uint64         `json:"seq"` // the reader's sequence number at the match
	Kind           CredentialKind `json:"kind"`
	CardHash       string         `json:"card_hash"`   // keyed hash of card number and identifier
	CardSealed     []byte         `json:"card_sealed"` // sealed CardNumbers, for the report upstream
	MaskedHolder   string         `json:"masked_holder"`
	MatchedAt      time.Time      `json:"matched_at"`
	PersonCheck    string         `json:"person_check"`
	EvidenceSource string         `json:"evidence_source,omitempty"` // what was compared: number+name, card ledger, …
}

// CardNumbers is the clear content of Presence.CardSealed; only the report to the centre reads it again.
type CardNumbers struct {
	Number     string `json:"number"`     // 卡号, mdtrt_cert_no under type 03
	Identifier string `json:"identifier"` // 卡识别码, card_sn
	IDNumber   string `json:"id_number"`  // mdtrt_cert_no under type 02
}

// Venue is the shop or clinic.
type Venue struct {
	Code           string // fixmedins_code
	Name           string
	Kind           string // pharmacy, clinic, hospital
	Area           string // 6 digits (mdtrtarea_admvs)
	AgreementUntil Date   // last day of the designation (定点); 0: not designated
}

// VenuePharmacy is the kind of venue that sells on other people's prescriptions.
const VenuePharmacy = "pharmacy"

// Designated reports whether the venue holds a valid agreement on the day (S-003).
func (v Venue) Designated(day Date) bool { return v.AgreementUntil != 0 && day <= v.AgreementUntil }
