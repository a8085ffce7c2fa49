package nhsa

import "gongji/settle"

// InfnoCancel is 2103 药店结算撤销.
const InfnoCancel = "2103"

// Cancel is the input node data of 2103.
type Cancel struct {
	PsnNo   string `json:"psn_no" wire:"C30,M"`
	SetlID  string `json:"setl_id" wire:"C30,M"`
	MdtrtID string `json:"mdtrt_id" wire:"C30,M"`

	Rebook []settle.PersonPay `json:"-"` // what the accounts pay of what is booked anew after this; sent as our extension
}

// CancelInput is the input of 2103.
type CancelInput struct {
	Data   Cancel      `json:"data"`
	Gongji *RebookNode `json:"gongji,omitempty"`
}

// RebookNode is our extension of a cancellation: the goods that the patient keeps are booked anew at once, and until then the
// money must not go to somebody else.
type RebookNode struct {
	Rebook []ExpectedAccount `json:"rebook"`
}

func rebooking(pays []settle.PersonPay) *RebookNode {
	if len(pays) == 0 {
		return nil
	}
	node := &RebookNode{expectedAccounts(pays)}
	for i := range node.Rebook {
		node.Rebook[i].Covered = 0 // it is kept, whatever covered it
	}
	return node
}

// Infno is 2103.
func (Cancel) Infno() string { return InfnoCancel }

// Input builds the node.
func (m Cancel) Input() (any, bool, error) {
	input := CancelInput{Data: m, Gongji: rebooking(m.Rebook)}
	return input, true, checkMessage(input)
}

// DecodeCancel reads what 2103 booked: the cancelling settlement's own id, where the centre gives it one, and the
// centre's time. The infcode alone is the proof, so nothing here is needed and nothing can fail.
func DecodeCancel(a *Answer, msgid string) settle.Booking {
	booking := settle.Booking{MsgID: msgid, CentreTime: a.CentreTime}
	node, err := a.node("setlinfo")
	if err != nil {
		return booking
	}
	if f, err := readFields(node); err == nil {
		booking.SetlID, booking.MdtrtID, booking.ClrOptins = f.text("setl_id"), f.text("mdtrt_id"), f.text("clr_optins")
		booking.SettledAt = f.settledAt()
	}
	return booking
}
