package nhsa

import "time"

// InfnoVisits is 5201 就诊信息查询.
const InfnoVisits = "5201"

// VisitsQuery is the input node data of 5201.
type VisitsQuery struct {
	PsnNo   string `json:"psn_no" wire:"C30,M"`
	Begin   Stamp  `json:"begntime" wire:"DT,M"`
	End     Stamp  `json:"endtime" wire:"DT,M"`
	MedType string `json:"med_type" wire:"C6,M,d"`
	MdtrtID string `json:"mdtrt_id" wire:"C30"`
}

// VisitsInput is the input of 5201.
type VisitsInput struct {
	Data VisitsQuery `json:"data"`
}

// Infno is 5201.
func (VisitsQuery) Infno() string { return InfnoVisits }

// Input builds the node.
func (q VisitsQuery) Input() (any, bool, error) {
	input := VisitsInput{Data: q}
	return input, true, checkMessage(input)
}

// VisitRow is one visit. It carries neither setl_id nor msgid, so it proves nothing about a settlement.
type VisitRow struct {
	MdtrtID, Insurance, MedType, VisitNo string
	Begin, End                           time.Time
}

// DecodeVisits reads the node mdtrtinfo.
func DecodeVisits(a *Answer) ([]VisitRow, error) {
	rows, err := a.rows("mdtrtinfo")
	if err != nil {
		return nil, err
	}
	return mapRows(rows, func(f *fields) VisitRow {
		return VisitRow{
			MdtrtID: f.text("mdtrt_id"), Insurance: f.text("insutype"), MedType: f.text("med_type"), VisitNo: f.text("ipt_otp_no"),
			Begin: f.stamp("begntime"), End: f.stamp("endtime"),
		}
	})
}
