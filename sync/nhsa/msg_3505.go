package nhsa

import (
	"errors"
	"strconv"

	"gongji/settle"
)

// InfnoSold is 3505 商品销售: what went over the counter, with its trace codes.
const InfnoSold = "3505"

// maxGoods is the most rows in one message.
const maxGoods = 100

// The ways in which goods were paid (mdtrt_setl_type).
const (
	PaidInsured = "1"
	PaidOwn     = "2"
)

// TraceCode is one trace code of a row.
type TraceCode struct {
	Code string `json:"drug_trac_codg" wire:"C30,M"`
}

// SoldGoods is one row of selinfo.
type SoldGoods struct {
	Code           string      `json:"med_list_codg" wire:"C50,M"`
	ShopCode       string      `json:"fixmedins_hilist_id" wire:"C30,M"`
	ShopName       string      `json:"fixmedins_hilist_name" wire:"C200,M"`
	BatchNo        string      `json:"fixmedins_bchno" wire:"C30,M"`
	PrescriberCode string      `json:"prsc_dr_certno" wire:"C50"`
	PrescriberName string      `json:"prsc_dr_name" wire:"C50"`
	PharmacistName string      `json:"phar_name" wire:"C50"`
	SettledAs      string      `json:"mdtrt_setl_type" wire:"C6,M,d"`
	SetlID         string      `json:"setl_id" wire:"C30"` // mandatory where insured
	VisitNo        string      `json:"mdtrt_sn" wire:"C30,M"`
	PsnNo          string      `json:"psn_no" wire:"C30"`
	Lot            string      `json:"manu_lotnum" wire:"C30"`
	MadeOn         settle.Date `json:"manu_date" wire:"D"`
	ExpiresOn      settle.Date `json:"expy_end" wire:"D"`
	Prescription   string      `json:"rx_flag" wire:"C3,M,d"`
	Split          string      `json:"trdn_flag" wire:"C3,M,d"`
	Price          Number      `json:"finl_trns_pric" wire:"N16.6"`
	RxNo           string      `json:"rxno" wire:"C40"`
	Receipt        string      `json:"rtal_docno" wire:"C40,M"`
	Quantity       Number      `json:"sel_retn_cnt" wire:"N16.4,M"`
	Time           Stamp       `json:"sel_retn_time" wire:"DT,M"`
	Operator       string      `json:"sel_retn_opter_name" wire:"C50,M"`
	Traces         []TraceCode `json:"drugtracinfo"`
}

// Sold is the input of 3505.
type Sold struct {
	Rows []SoldGoods `json:"selinfo"`
}

// Infno is 3505.
func (Sold) Infno() string { return InfnoSold }

// Input checks the rows.
func (m Sold) Input() (any, bool, error) {
	named := false
	err := checkMessage(m, func(f *faults) {
		f.batch("selinfo", len(m.Rows), maxGoods)
		for i := range m.Rows {
			named = named || m.Rows[i].PsnNo != ""
			f.goods("selinfo", i, m.Rows[i].Quantity, m.Rows[i].SettledAs, m.Rows[i].SetlID)
		}
	})
	return m, named, err
}

func (f *faults) goods(node string, i int, quantity Number, settledAs, setlID string) {
	place := node + "[" + strconv.Itoa(i) + "]"
	if _, err := settle.ParseQuantity(string(quantity)); err != nil {
		f.add(place+".sel_retn_cnt", "must be above 0")
	}
	if settledAs == PaidInsured && setlID == "" {
		f.add(place+".setl_id", "is mandatory for an insured sale")
	}
}

// GoodsResult is what the centre made of one row, in the order in which the rows were sent.
type GoodsResult struct {
	Accepted bool
	Text     string // may hold anything the centre writes; redact before it is kept
}

// DecodeGoods reads the results of 3505 and 3506 for n rows. Infcode 0 alone is no success: a centre with results per
// row accepts the message and refuses rows. A centre that answers no rows has taken all of them.
func DecodeGoods(a *Answer, n int) ([]GoodsResult, error) {
	out, err := readFields(a.Output)
	if err != nil {
		out = &fields{}
	}
	node, _ := out.find("result", "data", "selinfo", "selretninfo", "list")
	rows, err := readRows(node)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		all := make([]GoodsResult, n)
		for i := range all {
			all[i].Accepted = true
		}
		return all, nil
	}
	if len(rows) != n {
		return nil, errors.New("the results are not as many as the rows that were sent")
	}
	return mapRows(rows, func(f *fields) GoodsResult {
		result := f.text("retrslt")
		if result != "0" && result != "1" {
			f.fail("retRslt", errors.New("is neither 1 nor 0"))
		}
		return GoodsResult{Accepted: result == "1", Text: f.text("msgrslt")}
	})
}
