package nhsa

import (
	"encoding/json"
	"errors"

	"gongji/settle"
)

// InfnoTotals is 3201 医药机构费用结算对总账. It changes nothing, so it may be repeated.
const InfnoTotals = "3201"

// The results of a reconciliation (stmt_rslt, 对账结果). ResultCentreOnly is a presumption of the interface page; any
// other text counts as "different".
const (
	ResultEqual      = "000000"
	ResultCentreOnly = "000101"
	ResultVenueOnly  = "000102"
	ResultDifferent  = "000103"
)

// Totals are the net sums of one clearing group over some days of the centre's setl_time. Account includes mutual aid.
type Totals struct {
	Insurance  string
	ClrType    string
	Office     string // setl_optins, taken from clr_optins of the settlements
	Begin, End settle.Date
	Total      settle.Fen
	Fund       settle.Fen // without the account, whatever the centre's manner
	Account    settle.Fen
	Cash       settle.Fen
	Count      int
}

// FundOf is the fund's sum in a centre's manner.
func (t Totals) FundOf(d *Dialect) settle.Fen {
	if d.FundIncludesAccount {
		return t.Fund + t.Account
	}
	return t.Fund
}

// totalsData is the input node data of 3201 as far as all centres agree.
type totalsData struct {
	Insurance string      `json:"insutype" wire:"C6,M,d"`
	ClrType   string      `json:"clr_type" wire:"C6,M,d"`
	Office    string      `json:"setl_optins" wire:"C6,M,d"`
	Begin     settle.Date `json:"stmt_begndate" wire:"D,M"`
	End       settle.Date `json:"stmt_enddate" wire:"D,M"`
	Total     Amount      `json:"medfee_sumamt" wire:"N16.2,M"`
	Fund      Amount      `json:"fund_pay_sumamt" wire:"N16.2,M"`
	Count     int         `json:"fixmedins_setl_cnt" wire:"I10,M"`
}

// CheckTotals is 3201 for a group.
type CheckTotals struct{ Totals Totals }

// Infno is 3201.
func (CheckTotals) Infno() string { return InfnoTotals }

// Input builds the node in the national form.
func (m CheckTotals) Input() (any, bool, error) {
	d := DefaultDialect()
	return m.InputIn(&d)
}

// InputIn builds the node as the centre wants it: which sum comes last, and whether and how the refund flag is written.
func (m CheckTotals) InputIn(d *Dialect) (any, bool, error) {
	t := m.Totals
	data := totalsData{
		Insurance: t.Insurance, ClrType: t.ClrType, Office: t.Office, Begin: t.Begin, End: t.End,
		Total: Amount(t.Total), Fund: Amount(t.FundOf(d)), Count: t.Count,
	}
	if err := checkMessage(struct {
		Data totalsData `json:"data"`
	}{data}); err != nil {
		return nil, false, err
	}
	node, err := encode(data)
	if err == nil && d.ReconcileSum == SumCash {
		node, err = appendMember(node, SumCash, Amount(t.Cash))
	} else if err == nil {
		node, err = appendMember(node, SumAccount, Amount(t.Account))
	}
	switch {
	case err == nil && d.RefundFlag == FlagLower:
		node, err = appendMember(node, "refd_setl_flag", "0")
	case err == nil && d.RefundFlag == FlagUpper:
		node, err = appendMember(node, "REFD_SETL_FLAG", "0")
	}
	if err != nil {
		return nil, false, settle.NewError(settle.BadRequest, err)
	}
	return map[string]json.RawMessage{"data": node}, false, nil
}

// ReadTotals reads the input of 3201 as a centre does. told is the last sum's name.
func ReadTotals(input json.RawMessage) (t Totals, told string, err error) {
	out, err := readFields(input)
	if err != nil {
		return t, "", err
	}
	f, err := readFields(out.json("data"))
	if err != nil {
		return t, "", err
	}
	told = SumAccount
	if f.has(SumCash) {
		told = SumCash
	}
	t = Totals{
		Insurance: f.text("insutype"), ClrType: f.text("clr_type"), Office: f.text("setl_optins", "clr_optins"),
		Begin: f.day("stmt_begndate"), End: f.day("stmt_enddate"), Total: f.amount("medfee_sumamt"), Fund: f.amount("fund_pay_sumamt"),
		Account: f.amount(SumAccount), Cash: f.amount(SumCash), Count: f.count("fixmedins_setl_cnt"),
	}
	if t.ClrType == "" || t.Office == "" || t.Begin == 0 || t.End < t.Begin {
		f.fail("data", errors.New("clr_type, setl_optins and the dates are needed"))
	}
	return t, told, f.fault
}

// TotalsResult is the answer of 3201.
type TotalsResult struct {
	Result string // ResultEqual …
	Text   string // may hold anything the centre writes; redact before it is kept
}

// Balanced reports whether both sides have the same totals.
func (r TotalsResult) Balanced() bool { return r.Result == ResultEqual }

// DecodeTotals reads stmtinfo. An answer without a result is an error: silence is not balance.
func DecodeTotals(a *Answer) (TotalsResult, error) {
	f, err := a.one("stmtinfo")
	if err != nil {
		return TotalsResult{}, err
	}
	r := TotalsResult{Result: f.text("stmt_rslt"), Text: f.text("stmt_rslt_dscr")}
	if r.Result == "" {
		f.fail("stmt_rslt", errors.New("is missing"))
	}
	return r, f.fault
}
