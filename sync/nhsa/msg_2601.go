package nhsa

// InfnoReverse is 2601 冲正交易: it undoes a call whose result the sender does not know, by that call's msgid.
const InfnoReverse = "2601"

// Reverse is the input node data of 2601.
type Reverse struct {
	PsnNo         string `json:"psn_no" wire:"C30,M"`
	Original      string `json:"omsgid" wire:"C30,M,d"`
	OriginalInfno string `json:"oinfno" wire:"C5,M,d"`
}

// ReverseInput is the input of 2601.
type ReverseInput struct {
	Data Reverse `json:"data"`
}

// Infno is 2601.
func (Reverse) Infno() string { return InfnoReverse }

// Input builds the node.
func (m Reverse) Input() (any, bool, error) {
	input := ReverseInput{Data: m}
	return input, true, checkMessage(input)
}
