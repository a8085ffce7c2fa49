package nhsa

import (
	"errors"
	"time"

	"gongji/settle"
)

// InfnoDetails is 3202 医药机构费用结算对明细账. It changes nothing, so it may be repeated.
const InfnoDetails = "3202"

// CheckDetails is the input node data of 3202. The file of the venue's rows was uploaded before (9101). Note that the
// third sum is cash here and the account in 3201.
type CheckDetails struct {
	Office  string      `json:"setl_optins" wire:"C6,M,d"`
	FileNo  string      `json:"file_qury_no" wire:"C30,M"`
	Begin   settle.Date `json:"stmt_begndate" wire:"D,M"`
	End     settle.Date `json:"stmt_enddate" wire:"D,M"`
	Total   Amount      `json:"medfee_sumamt" wire:"N16.2,M"`
	Fund    Amount      `json:"fund_pay_sumamt" wire:"N16.2,M"`
	Cash    Amount      `json:"cash_payamt" wire:"N16.2,M"`
	Count   int         `json:"fixmedins_setl_cnt" wire:"I10,M"`
	ClrType string      `json:"clr_type,omitempty" wire:"C6,d"`
	Refund  string      `json:"refd_setl_flag,omitempty" wire:"C3,d"`
}

// CheckDetailsInput is the input of 3202.
type CheckDetailsInput struct {
	Data CheckDetails `json:"data"`
}

// Infno is 3202.
func (CheckDetails) Infno() string { return InfnoDetails }

// Input builds the node.
func (m CheckDetails) Input() (any, bool, error) {
	input := CheckDetailsInput{Data: m}
	return input, false, checkMessage(input)
}

// File names a file at the centre until it ends.
type File struct {
	No, Name string
	Until    time.Time
}

// DecodeDetails reads fileinfo: where the result rows are to be fetched (9102).
func DecodeDetails(a *Answer) (File, error) {
	f, err := a.one("fileinfo")
	if err != nil {
		return File{}, err
	}
	return f.file()
}

func (f *fields) file() (File, error) {
	file := File{No: f.text("file_qury_no"), Name: f.text("filename"), Until: f.stamp("dld_endtime")}
	if file.No == "" {
		f.fail("file_qury_no", errors.New("is missing"))
	}
	return file, f.fault
}
