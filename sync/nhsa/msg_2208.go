package nhsa

import "gongji/settle"

// InfnoClinicCancel is 2208 门诊结算撤销. Its answer is read by DecodeCancel.
const InfnoClinicCancel = "2208"

// ClinicCancel is the input node data of 2208.
type ClinicCancel struct {
	SetlID  string `json:"setl_id" wire:"C30,M"`
	MdtrtID string `json:"mdtrt_id" wire:"C30,M"`
	PsnNo   string `json:"psn_no" wire:"C30,M"`

	Rebook []settle.PersonPay `json:"-"` // as in Cancel
}

// ClinicCancelInput is the input of 2208.
type ClinicCancelInput struct {
	Data   ClinicCancel `json:"data"`
	Gongji *RebookNode  `json:"gongji,omitempty"`
}

// Infno is 2208.
func (ClinicCancel) Infno() string { return InfnoClinicCancel }

// Input builds the node.
func (m ClinicCancel) Input() (any, bool, error) {
	input := ClinicCancelInput{Data: m, Gongji: rebooking(m.Rebook)}
	return input, true, checkMessage(input)
}
