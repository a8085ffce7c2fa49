package nhsa

import (
	"errors"

	"gongji/settle"
)

// InfnoClearing is 3203 清算申请: a month's claim on the fund. It changes the centre and carries no id of its own, so an
// application without an answer is for a person to look up, never to repeat.
const InfnoClearing = "3203"

// Clearing is the input node data of 3203. Lengths are by analogy; the source shows none.
type Clearing struct {
	ClrType  string      `json:"clr_type" wire:"C6,M,d"`
	ClrWay   string      `json:"clr_way" wire:"C6,M,d"`
	Month    string      `json:"setlym" wire:"S6,M,d"` // yyyyMM
	Visits   int         `json:"psntime" wire:"I10,M"`
	Total    Amount      `json:"medfee_sumamt" wire:"N16.2,M"`
	Accepted Amount      `json:"med_sumfee" wire:"N16.2,M"`
	Claim    Amount      `json:"fund_appy_sum" wire:"N16.2,M"`
	Cash     Amount      `json:"cash_payamt" wire:"N16.2,M"`
	Account  Amount      `json:"acct_pay" wire:"N16.2,M"`
	Begin    settle.Date `json:"begndate" wire:"D,M"`
	End      settle.Date `json:"enddate" wire:"D,M"`
}

// ClearingInput is the input of 3203.
type ClearingInput struct {
	Data Clearing `json:"data"`
}

// Infno is 3203.
func (Clearing) Infno() string { return InfnoClearing }

// Input builds the node.
func (m Clearing) Input() (any, bool, error) {
	input := ClearingInput{Data: m}
	return input, false, checkMessage(input)
}

// DecodeClearing reads the application's id (清算申请事件ID).
func DecodeClearing(a *Answer) (event string, err error) {
	f, err := a.one("result")
	if err != nil {
		return "", err
	}
	if event = f.text("clr_appy_evt_id"); event == "" {
		f.fail("clr_appy_evt_id", errors.New("is missing"))
	}
	return event, f.fault
}
