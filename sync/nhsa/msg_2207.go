package nhsa

// InfnoClinicSettle is 2207 门诊结算.
const InfnoClinicSettle = "2207"

// ClinicSettle is the input node data of 2207. The four policy amounts repeat what 2204 and 2206 answered, and sum to
// the total.
type ClinicSettle struct {
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
	Invoice     string `json:"invono" wire:"C20"`
	Own         Amount `json:"fulamt_ownpay_amt" wire:"N16.2,M"`
	OverLimit   Amount `json:"overlmt_selfpay" wire:"N16.2,M"`
	SelfPay     Amount `json:"preselfpay_amt" wire:"N16.2,M"`
	InScope     Amount `json:"inscp_scp_amt" wire:"N16.2,M"`

	ExtraContent string `json:"exp_content,omitempty" wire:"C4000"`
}

// ClinicSettleInput is the input of 2207.
type ClinicSettleInput struct {
	Data ClinicSettle `json:"data"`
}

// Infno is 2207.
func (ClinicSettle) Infno() string { return InfnoClinicSettle }

// Input builds the node.
func (m ClinicSettle) Input() (any, bool, error) {
	input := ClinicSettleInput{Data: m}
	return input, true, input.Check()
}

// Check holds a 2207 against its table and identity 2, on either side.
func (i ClinicSettleInput) Check() error {
	return checkMessage(i, func(f *faults) {
		if d := &i.Data; d.Own+d.OverLimit+d.SelfPay+d.InScope != d.Total {
			f.add("data.medfee_sumamt", "is not the sum of the four policy amounts")
		}
	})
}

// Quote is the same settlement without its receipt and amounts.
func (m ClinicSettle) Quote() ClinicQuote {
	return ClinicQuote{
		PsnNo: m.PsnNo, CertType: m.CertType, CertNo: m.CertNo, MedType: m.MedType, Total: m.Total, Way: m.Way, MdtrtID: m.MdtrtID,
		Batch: m.Batch, UseAccounts: m.UseAccounts, Insurance: m.Insurance, ExtraContent: m.ExtraContent,
	}
}
