package nhsa

// InfnoUnregister is 2202 门诊挂号撤销. Its infcode is its whole answer.
const InfnoUnregister = "2202"

// Unregister is the input node data of 2202.
type Unregister struct {
	PsnNo   string `json:"psn_no" wire:"C30,M"`
	MdtrtID string `json:"mdtrt_id" wire:"C30,M"`
	VisitNo string `json:"ipt_otp_no" wire:"C30,M"`
}

// UnregisterInput is the input of 2202.
type UnregisterInput struct {
	Data Unregister `json:"data"`
}

// Infno is 2202.
func (Unregister) Infno() string { return InfnoUnregister }

// Input builds the node.
func (m Unregister) Input() (any, bool, error) {
	input := UnregisterInput{Data: m}
	return input, true, checkMessage(input)
}
