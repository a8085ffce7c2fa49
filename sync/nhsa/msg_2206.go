package nhsa

// InfnoClinicQuote is 2206 门诊预结算. It books nothing, so it may be repeated.
const InfnoClinicQuote = "2206"

// ClinicQuote is the input node data of 2206.
type ClinicQuote struct {
	PsnNo       string `json:"psn_no" wire:"C30,M"`
	CertType    string `json:"mdtrt_cert_type" wire:"C3,M,d"`
	CertNo      string `json:"mdtrt_cert_no" wire:"C50,M"`
	MedType     string `json:"med_type" wire:"C6,M,d"`
	Total       Amount `json:"medfee_sumamt" wire:"N16.2,M"`
	Way         string `json:"psn_setlway" wire:"C6,M,d"`
	MdtrtID     string `json:"mdtrt_id" wire:"C30,M"`
	Batch       string `json:"chrg_bchno" wire:"C30,M"`
	UseAccounts string `json:"acct_used_flag" wire:"C3,M,d"`
	Insurance   string `json:"insutype" wire:"C6,M,d"`

	ExtraContent string `json:"exp_content,omitempty" wire:"C4000"`
}

// ClinicQuoteInput is the input of 2206.
type ClinicQuoteInput struct {
	Data ClinicQuote `json:"data"`
}

// Infno is 2206.
func (ClinicQuote) Infno() string { return InfnoClinicQuote }

// Input builds the node.
func (m ClinicQuote) Input() (any, bool, error) {
	input := ClinicQuoteInput{Data: m}
	return input, true, checkMessage(input)
}
