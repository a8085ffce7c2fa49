package nhsa

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"gongji/settle"
)

// VisitNotes is the visit behind a clinic's sale (settle.Sale.Visit) as the till gave it.
type VisitNotes struct {
	Number     string           `json:"ipt_otp_no"`
	DoctorCode string           `json:"doctor_code"`
	DoctorName string           `json:"doctor_name"`
	DeptCode   string           `json:"dept_code"`
	DeptName   string           `json:"dept_name"`
	Speciality string           `json:"caty"`
	BeganAt    time.Time        `json:"began_at"`
	Diagnoses  []DiagnosisNotes `json:"diagnoses"`
}

// DiagnosisNotes is one diagnosis; what it leaves out is the visit's.
type DiagnosisNotes struct {
	Code       string `json:"code"`
	Name       string `json:"name"`
	Type       string `json:"type"`
	Order      int    `json:"order"`
	DoctorCode string `json:"doctor_code"`
	DoctorName string `json:"doctor_name"`
	Dept       string `json:"dept"`
	Time       string `json:"time"` // RFC 3339; empty: the visit's beginning
}

// ClinicBill builds the messages of a clinic's settlement (2201 to 2208) from its dossier. Nothing in it is changed by
// building; it is safe for concurrent use.
type ClinicBill struct {
	Dossier    settle.Dossier
	Extensions Extensions
	visit      VisitNotes
}

// NewClinicBill reads the visit of the dossier's sale. The error is BAD_REQUEST and quotes no value.
func NewClinicBill(d settle.Dossier, e Extensions) (*ClinicBill, error) {
	b := &ClinicBill{Dossier: d, Extensions: e}
	if err := json.Unmarshal(d.Sale.Visit, &b.visit); err != nil {
		return nil, settle.NewError(settle.BadRequest, errors.New("the visit of the sale does not decode"))
	}
	if b.visit.BeganAt.IsZero() {
		b.visit.BeganAt = d.At
	}
	return b, nil
}

// Check builds every message of the settlement, so that one that does not fit the interface is found before the first of
// them has left. The error is BAD_REQUEST and names every member.
func (b *ClinicBill) Check() error {
	const visit, batch = "M", "B"
	for _, message := range []Message{
		b.Register(), b.Info(visit, ""), b.Fees(visit, batch), b.Quote(visit, batch), b.Settle(visit, batch, PolicyParts{InScope: b.Dossier.Figures.Total}),
	} {
		if _, _, err := message.Input(); err != nil {
			return err
		}
	}
	return nil
}

// VisitNo is ipt_otp_no, the till's own number of the visit.
func (b *ClinicBill) VisitNo() string { return b.visit.Number }

// Register is 2201.
func (b *ClinicBill) Register() Register {
	certType, certNo := wireCredential(&b.Dossier)
	return Register{
		PsnNo: b.Dossier.Identity.PsnNo, Insurance: b.Dossier.Identity.Insurance, Begin: Stamp(b.visit.BeganAt), CertType: certType, CertNo: certNo,
		VisitNo: b.visit.Number, DoctorCode: b.visit.DoctorCode, DoctorName: b.visit.DoctorName, DeptCode: b.visit.DeptCode,
		DeptName: b.visit.DeptName, Speciality: b.visit.Speciality,
	}
}

// LookUp is 5201 for the visit, to learn whether the centre has it: it lists the person's visits around its beginning.
func (b *ClinicBill) LookUp() VisitsQuery {
	return VisitsQuery{
		PsnNo: b.Dossier.Identity.PsnNo, Begin: Stamp(b.visit.BeganAt.Add(-24 * time.Hour)), End: Stamp(b.visit.BeganAt.Add(24 * time.Hour)),
		MedType: b.Dossier.Sale.MedType,
	}
}

// Find picks the visit out of the answer to LookUp; empty where the centre does not have it.
func (b *ClinicBill) Find(a *Answer) (mdtrtID string, err error) {
	rows, err := DecodeVisits(a)
	if err != nil {
		return "", err
	}
	for i := range rows {
		if rows[i].VisitNo == b.visit.Number && rows[i].MdtrtID != "" {
			return rows[i].MdtrtID, nil
		}
	}
	return "", nil
}

// Unregister is 2202.
func (b *ClinicBill) Unregister(mdtrtID string) Unregister {
	return Unregister{PsnNo: b.Dossier.Identity.PsnNo, MdtrtID: mdtrtID, VisitNo: b.visit.Number}
}

// Info is 2203, under the number that the centre has for it (empty: 2203).
func (b *ClinicBill) Info(mdtrtID, infno string) Visit {
	d := &b.Dossier
	v := Visit{As: infno, Info: VisitInfo{
		MdtrtID: mdtrtID, PsnNo: d.Identity.PsnNo, MedType: d.Sale.MedType, Begin: Stamp(b.visit.BeganAt),
		DiseaseCode: d.Sale.Disease.Code, DiseaseName: d.Sale.Disease.Name,
	}}
	for i := range b.visit.Diagnoses {
		n := &b.visit.Diagnoses[i]
		at, err := time.Parse(time.RFC3339, n.Time)
		if err != nil {
			at = b.visit.BeganAt
		}
		order := n.Order
		if order == 0 {
			order = i + 1
		}
		v.Diagnoses = append(v.Diagnoses, Diagnosis{
			Type: orElse(n.Type, diagnosisWestern), Order: Number(strconv.Itoa(order)), Code: n.Code, Name: n.Name, Dept: orElse(n.Dept, b.visit.DeptName),
			DoctorCode: orElse(n.DoctorCode, b.visit.DoctorCode), DoctorName: orElse(n.DoctorName, b.visit.DoctorName), Time: Stamp(at), Valid: "1",
		})
	}
	return v
}

// Code values that a till may leave out.
const (
	diagnosisWestern = "1"  // diag_type 西医诊断
	noApprovalNeeded = "0"  // hosp_appr_flag 无须审批
	payByItem        = "01" // psn_setlway 按项目
)

// Fees is 2204 with the lines of the bill as one charge batch. A line's number is unique within the visit, so it has the
// batch in it.
func (b *ClinicBill) Fees(mdtrtID, batch string) Fees {
	d := &b.Dossier
	fees := Fees{Rows: make([]Fee, 0, len(d.Sale.Lines))}
	for i := range d.Sale.Lines {
		line := &d.Sale.Lines[i]
		fees.Rows = append(fees.Rows, Fee{
			Line: fmt.Sprintf("%s.%d", batch, i+1), MdtrtID: mdtrtID, PsnNo: d.Identity.PsnNo, Batch: batch, DiseaseCode: d.Sale.Disease.Code,
			Prescription: d.Sale.Prescription.Number, External: wireFlag(d.Sale.Prescription.Number != "" && d.Sale.Prescription.Institution != ""),
			Time: Stamp(d.At), Code: line.Code, ShopCode: orElse(line.ShopCode, line.Code), Total: Amount(line.Total), Quantity: Number(line.Quantity),
			Price: Number(line.UnitPrice), DeptCode: orElse(line.DeptCode, b.visit.DeptCode), DeptName: b.visit.DeptName,
			DoctorCode: orElse(line.DoctorCode, b.visit.DoctorCode), DoctorName: b.visit.DoctorName, Approval: orElse(line.Approval, noApprovalNeeded),
		})
	}
	return fees
}

// Unfees is 2205 of one batch.
func (b *ClinicBill) Unfees(mdtrtID, batch string) Unfees {
	return Unfees{MdtrtID: mdtrtID, Batch: batch, PsnNo: b.Dossier.Identity.PsnNo}
}

// Quote is 2206 of one batch.
func (b *ClinicBill) Quote(mdtrtID, batch string) ClinicQuote {
	return b.Settle(mdtrtID, batch, PolicyParts{}).Quote()
}

// Settle is 2207 of one batch, with the four policy amounts that 2206 answered.
func (b *ClinicBill) Settle(mdtrtID, batch string, parts PolicyParts) ClinicSettle {
	d := &b.Dossier
	certType, certNo := wireCredential(d)
	m := ClinicSettle{
		PsnNo: d.Identity.PsnNo, CertType: certType, CertNo: certNo, MedType: d.Sale.MedType, Total: Amount(d.Figures.Total), Way: payByItem,
		MdtrtID: mdtrtID, Batch: batch, UseAccounts: wireFlag(d.Sale.UseAccounts), Insurance: d.Identity.Insurance,
		Own: Amount(parts.Own), OverLimit: Amount(parts.OverLimit), SelfPay: Amount(parts.SelfPay), InScope: Amount(parts.InScope),
		ExtraContent: b.Extensions.expected(d),
	}
	if len(d.ReceiptNo) <= 20 { // the receipt's number is ours; where it does not fit, the optional member stays empty
		m.Invoice = d.ReceiptNo
	}
	return m
}

// Cancel is 2208 of a booking.
func (b *ClinicBill) Cancel(booked *settle.Booking) ClinicCancel {
	cancel := ClinicCancel{SetlID: booked.SetlID, MdtrtID: booked.MdtrtID, PsnNo: b.Dossier.Identity.PsnNo}
	if b.Extensions.ExpectedSplit && b.Dossier.Report.Kind == settle.ReportRefund {
		cancel.Rebook = b.Dossier.Pays
	}
	return cancel
}

// PolicyParts are the four parts into which the policy divides a bill, in fen.
type PolicyParts struct{ Own, OverLimit, SelfPay, InScope settle.Fen }

// DecodeParts reads the four parts out of setlinfo of 2206. A centre that leaves all four empty counts the whole bill as
// within the policy's scope. The error means that they do not sum to the total.
func DecodeParts(a *Answer, total settle.Fen) (PolicyParts, error) {
	node, err := a.node("setlinfo")
	if err != nil {
		return PolicyParts{}, err
	}
	f, err := readFields(node)
	if err != nil {
		return PolicyParts{}, err
	}
	p := PolicyParts{
		Own: f.amount("fulamt_ownpay_amt"), OverLimit: f.amount("overlmt_selfpay"), SelfPay: f.amount("preselfpay_amt"), InScope: f.amount("inscp_scp_amt"),
	}
	sum := p.Own + p.OverLimit + p.SelfPay + p.InScope
	if sum == 0 {
		p.InScope, sum = total, total
	}
	if f.fault == nil && sum != total {
		f.fail("medfee_sumamt", errors.New("is not the sum of the four policy amounts"))
	}
	return p, f.fault
}
