package nhsa

import (
	"errors"
	"fmt"

	"gongji/settle"
)

// InfnoFees is 2204 门诊费用明细信息上传.
const InfnoFees = "2204"

// Fee is one row of feedetail. One charge batch (收费批次) has one disease code.
type Fee struct {
	Line          string `json:"feedetl_sn" wire:"C30,M"`
	MdtrtID       string `json:"mdtrt_id" wire:"C30,M"`
	PsnNo         string `json:"psn_no" wire:"C30,M"`
	Batch         string `json:"chrg_bchno" wire:"C30,M"`
	DiseaseCode   string `json:"dise_codg" wire:"C30"`
	Prescription  string `json:"rxno" wire:"C30"`
	External      string `json:"rx_circ_flag" wire:"C3,M,d"`
	Time          Stamp  `json:"fee_ocur_time" wire:"DT,M"`
	Code          string `json:"med_list_codg" wire:"C50,M"`
	ShopCode      string `json:"medins_list_codg" wire:"C150,M"`
	Total         Amount `json:"det_item_fee_sumamt" wire:"N16.2,M"`
	Quantity      Number `json:"cnt" wire:"N16.4,M"`
	Price         Number `json:"pric" wire:"N16.6,M"`
	Dose          string `json:"sin_dos_dscr" wire:"C200"`
	Frequency     string `json:"used_frqu_dscr" wire:"C200"`
	Days          Number `json:"prd_days" wire:"N4.2"`
	Route         string `json:"medc_way_dscr" wire:"C200"`
	DeptCode      string `json:"bilg_dept_codg" wire:"C30,M"`
	DeptName      string `json:"bilg_dept_name" wire:"C100,M"`
	DoctorCode    string `json:"bilg_dr_codg" wire:"C30,M"`
	DoctorName    string `json:"bilg_dr_name" wire:"C50,M"`
	DoneDeptCode  string `json:"acord_dept_codg" wire:"C30"`
	DoneDeptName  string `json:"acord_dept_name" wire:"C100"`
	DoneByCode    string `json:"orders_dr_code" wire:"C30"`
	DoneByName    string `json:"orders_dr_name" wire:"C50"`
	Approval      string `json:"hosp_appr_flag" wire:"C3,M,d"`
	HerbUse       string `json:"tcmdrug_used_way" wire:"C6,d"`
	ElsewhereFlag string `json:"etip_flag" wire:"C3,d"`
	ExternalVenue string `json:"etip_hosp_code" wire:"C30"`
	TakeHome      string `json:"dscg_tkdrug_flag" wire:"C3,d"`
	Maternity     string `json:"matn_fee_flag" wire:"C6,d"`
}

// Fees is the input of 2204.
type Fees struct {
	Rows []Fee `json:"feedetail"`
}

// Infno is 2204.
func (Fees) Infno() string { return InfnoFees }

// Input checks the rows.
func (m Fees) Input() (any, bool, error) { return m, true, m.Check() }

// Check holds the rows against the table and each total against quantity × price, on either side.
func (m Fees) Check() error {
	return checkMessage(m, func(f *faults) {
		if len(m.Rows) == 0 {
			f.add("feedetail", "has no row")
		}
		seen := map[string]bool{}
		for i := range m.Rows {
			row := &m.Rows[i]
			place := fmt.Sprintf("feedetail[%d]", i)
			f.lineTotal(place, row.Quantity, row.Price, row.Total)
			if seen[row.Line] {
				f.add(place+".feedetl_sn", "is there twice")
			}
			seen[row.Line] = true
			if row.MdtrtID != m.Rows[0].MdtrtID || row.PsnNo != m.Rows[0].PsnNo {
				f.add(place, "is of another visit")
			}
		}
	})
}

// FeeSplit is how the centre divides one row by the policy.
type FeeSplit struct {
	Line                                    string
	Total, Own, OverLimit, SelfPay, InScope settle.Fen
	Level, Category                         string // chrgitm_lv, med_chrgitm_type
	Note                                    string
}

// DecodeFees reads the node result of 2204. The four parts of each row sum to it where the centre gives them.
func DecodeFees(a *Answer) ([]FeeSplit, error) {
	rows, err := a.rows("result")
	if err != nil {
		return nil, err
	}
	return mapRows(rows, func(f *fields) FeeSplit {
		s := FeeSplit{
			Line: f.text("feedetl_sn"), Total: f.amount("det_item_fee_sumamt"), Own: f.amount("fulamt_ownpay_amt"),
			OverLimit: f.amount("overlmt_amt", "overlmt_selfpay"), SelfPay: f.amount("preselfpay_amt"), InScope: f.amount("inscp_scp_amt"),
			Level: f.text("chrgitm_lv"), Category: f.text("med_chrgitm_type"), Note: f.text("memo"),
		}
		if s.Line == "" {
			f.fail("feedetl_sn", errors.New("is missing"))
		}
		if parts := s.Own + s.OverLimit + s.SelfPay + s.InScope; parts != 0 && parts != s.Total {
			f.fail("result", errors.New("a row is not the sum of its four parts"))
		}
		return s
	})
}
