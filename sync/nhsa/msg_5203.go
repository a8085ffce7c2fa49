package nhsa

import (
	"errors"
	"time"

	"gongji/settle"
)

// InfnoSettlement is 5203 结算信息查询.
const InfnoSettlement = "5203"

// SettlementQuery is the input node data of 5203.
type SettlementQuery struct {
	PsnNo   string `json:"psn_no" wire:"C30,M"`
	SetlID  string `json:"setl_id" wire:"C30,M"`
	MdtrtID string `json:"mdtrt_id" wire:"C30,M"`
}

// SettlementInput is the input of 5203.
type SettlementInput struct {
	Data SettlementQuery `json:"data"`
}

// Infno is 5203.
func (SettlementQuery) Infno() string { return InfnoSettlement }

// Input builds the node.
func (q SettlementQuery) Input() (any, bool, error) {
	input := SettlementInput{Data: q}
	return input, true, checkMessage(input)
}

// SettlementRecord is a settlement as the centre has it. Of a refund row the figures are negative.
type SettlementRecord struct {
	Booking settle.Booking
	PsnNo   string
	Refund  bool
	At      time.Time // setl_time
}

// DecodeSettlement reads setlinfo of 5203. The booking's msgid is medins_setl_id; its centre time is the whole second
// after setl_time, since a snapshot of that second may or may not hold it.
func DecodeSettlement(a *Answer) (SettlementRecord, error) {
	f, err := a.one("setlinfo")
	if err != nil {
		return SettlementRecord{}, err
	}
	r := SettlementRecord{
		Booking: settle.Booking{SetlID: f.text("setl_id"), MdtrtID: f.text("mdtrt_id"), ClrOptins: f.text("clr_optins"), MsgID: f.text("medins_setl_id")},
		PsnNo:   f.text("psn_no"), Refund: f.text("refd_setl_flag") == "1", At: f.stamp("setl_time"),
	}
	account, shared := f.need("acct_pay"), f.amount("acct_mulaid_pay")
	figures := settle.Figures{Total: f.need("medfee_sumamt", "med_fee_sumamt"), Own: account - shared, Shared: shared, Cash: f.need("cash_payamt", "psn_cash_pay")}
	figures.Fund = figures.Total - figures.Self()
	r.Booking.Figures = figures
	if r.Booking.SettledAt = r.At; !r.At.IsZero() {
		r.Booking.CentreTime = r.At.Truncate(time.Second).Add(time.Second)
	}
	if r.Booking.SetlID == "" || r.PsnNo == "" {
		f.fail("setlinfo", errors.New("setl_id and psn_no are needed"))
	}
	if personal := []string{"psn_pay", "psn_part_amt"}; f.has(personal...) && f.amount(personal...) != figures.Self() {
		f.fail("psn_pay", errors.New("is not acct_pay + cash_payamt"))
	}
	return r, f.fault
}
