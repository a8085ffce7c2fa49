package nhsa

import "gongji/settle"

// InfnoVisit is 2203 门诊就诊信息上传. Its infcode is its whole answer. Later editions have it as 2203A or 2203B, with the
// same members; which one a centre takes is its dialect.
const (
	InfnoVisit  = "2203"
	InfnoVisitA = "2203A"
	InfnoVisitB = "2203B"
)

// VisitInfo is the input node mdtrtinfo of 2203.
type VisitInfo struct {
	MdtrtID      string      `json:"mdtrt_id" wire:"C30,M"`
	PsnNo        string      `json:"psn_no" wire:"C30,M"`
	MedType      string      `json:"med_type" wire:"C6,M,d"`
	Begin        Stamp       `json:"begntime" wire:"DT,M"`
	Condition    string      `json:"main_cond_dscr" wire:"C1000"`
	DiseaseCode  string      `json:"dise_codg" wire:"C30"`
	DiseaseName  string      `json:"dise_name" wire:"C500"`
	BirthControl string      `json:"birctrl_type" wire:"C6,d"`
	BirthDate    settle.Date `json:"birctrl_matn_date" wire:"D"`
}

// Diagnosis is one row of diseinfo.
type Diagnosis struct {
	Type       string `json:"diag_type" wire:"C3,M,d"`
	Order      Number `json:"diag_srt_no" wire:"N2.0,M"`
	Code       string `json:"diag_code" wire:"C20,M"`
	Name       string `json:"diag_name" wire:"C100,M"`
	Dept       string `json:"diag_dept" wire:"C50,M"`
	DoctorCode string `json:"dise_dor_no" wire:"C30,M"`
	DoctorName string `json:"dise_dor_name" wire:"C50,M"`
	Time       Stamp  `json:"diag_time" wire:"DT,M"`
	Valid      string `json:"vali_flag" wire:"C3,M,d"`
}

// Visit is the input of 2203.
type Visit struct {
	As        string      `json:"-"` // the number it goes under; empty: 2203
	Info      VisitInfo   `json:"mdtrtinfo"`
	Diagnoses []Diagnosis `json:"diseinfo"`
}

// Infno is 2203, or what the dialect has for it.
func (m Visit) Infno() string { return orElse(m.As, InfnoVisit) }

// Input checks the nodes.
func (m Visit) Input() (any, bool, error) {
	return m, true, checkMessage(m, func(f *faults) {
		if len(m.Diagnoses) == 0 {
			f.add("diseinfo", "has no row")
		}
	})
}
