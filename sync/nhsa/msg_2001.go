package nhsa

import (
	"errors"

	"gongji/settle"
)

// InfnoBenefit is 2001 人员待遇享受检查.
const InfnoBenefit = "2001"

// BenefitQuery is the input node data of 2001.
type BenefitQuery struct {
	PsnNo         string `json:"psn_no" wire:"C30,M"`
	Insurance     string `json:"insutype" wire:"C6,M,d"`
	Venue         string `json:"fixmedins_code" wire:"C12,M,d"`
	MedType       string `json:"med_type" wire:"C6,M,d"`
	Begin         Stamp  `json:"begntime" wire:"DT,M"`
	End           Stamp  `json:"endtime" wire:"DT"`
	DiseaseCode   string `json:"dise_codg" wire:"C30"`
	DiseaseName   string `json:"dise_name" wire:"C500"`
	OperationCode string `json:"oprn_oprt_code" wire:"C30"`
	OperationName string `json:"oprn_oprt_name" wire:"C500"`
	MaternityType string `json:"matn_type" wire:"C6,d"`
	BirthControl  string `json:"birctrl_type" wire:"C6,d"`
}

// BenefitInput is the input of 2001.
type BenefitInput struct {
	Data BenefitQuery `json:"data"`
}

// Infno is 2001.
func (BenefitQuery) Infno() string { return InfnoBenefit }

// Input builds the node.
func (q BenefitQuery) Input() (any, bool, error) {
	input := BenefitInput{Data: q}
	return input, true, checkMessage(input)
}

// Benefit is one row of trtinfo.
type Benefit struct {
	CheckType, FundType string
	Enjoys              bool
	Begin, End          settle.Date
	Reason              string // of a refusal
}

// DecodeBenefits reads the node trtinfo.
func DecodeBenefits(a *Answer) ([]Benefit, error) {
	rows, err := a.rows("trtinfo")
	if err != nil {
		return nil, err
	}
	return mapRows(rows, func(f *fields) Benefit {
		flag := f.text("trt_enjymnt_flag")
		if flag != "0" && flag != "1" {
			f.fail("trt_enjymnt_flag", errors.New("is neither 0 nor 1"))
		}
		return Benefit{
			CheckType: f.text("trt_chk_type"), FundType: f.text("fund_pay_type"), Enjoys: flag == "1",
			Begin: f.day("begndate"), End: f.day("enddate"), Reason: f.text("trt_chk_rslt"),
		}
	})
}
