package nhsa

// InfnoUnfees is 2205 门诊费用明细信息撤销. Its infcode is its whole answer.
const InfnoUnfees = "2205"

// AllBatches deletes every row that is not settled.
const AllBatches = "0000"

// Unfees is the input node data of 2205.
type Unfees struct {
	MdtrtID string `json:"mdtrt_id" wire:"C30,M"`
	Batch   string `json:"chrg_bchno" wire:"C30,M"`
	PsnNo   string `json:"psn_no" wire:"C30,M"`
}

// UnfeesInput is the input of 2205.
type UnfeesInput struct {
	Data Unfees `json:"data"`
}

// Infno is 2205.
func (Unfees) Infno() string { return InfnoUnfees }

// Input builds the node.
func (m Unfees) Input() (any, bool, error) {
	input := UnfeesInput{Data: m}
	return input, true, checkMessage(input)
}
