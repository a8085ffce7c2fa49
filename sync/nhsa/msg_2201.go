package nhsa

import "errors"

// InfnoRegister is 2201 门诊挂号: it opens a visit.
const InfnoRegister = "2201"

// Register is the input node data of 2201.
type Register struct {
	PsnNo      string `json:"psn_no" wire:"C30,M"`
	Insurance  string `json:"insutype" wire:"C6,M,d"`
	Begin      Stamp  `json:"begntime" wire:"DT,M"`
	CertType   string `json:"mdtrt_cert_type" wire:"C3,M,d"`
	CertNo     string `json:"mdtrt_cert_no" wire:"C50,M"`
	VisitNo    string `json:"ipt_otp_no" wire:"C30,M"` // unique in the institution
	DoctorCode string `json:"atddr_no" wire:"C30,M"`
	DoctorName string `json:"dr_name" wire:"C50,M"`
	DeptCode   string `json:"dept_code" wire:"C30,M"`
	DeptName   string `json:"dept_name" wire:"C100,M"`
	Speciality string `json:"caty" wire:"C6,M,d"`
}

// RegisterInput is the input of 2201.
type RegisterInput struct {
	Data Register `json:"data"`
}

// Infno is 2201.
func (Register) Infno() string { return InfnoRegister }

// Input builds the node.
func (m Register) Input() (any, bool, error) {
	input := RegisterInput{Data: m}
	return input, true, checkMessage(input)
}

// DecodeRegister reads the visit's id (就诊ID), which the centre makes.
func DecodeRegister(a *Answer) (mdtrtID string, err error) {
	f, err := a.one("data")
	if err != nil {
		return "", err
	}
	if mdtrtID = f.text("mdtrt_id"); mdtrtID == "" {
		f.fail("mdtrt_id", errors.New("is missing"))
	}
	return mdtrtID, f.fault
}
