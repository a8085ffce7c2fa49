package nhsa

import "gongji/settle"

// InfnoReturned is 3506 商品销售退货.
const InfnoReturned = "3506"

// ReturnedGoods is one row of selretninfo.
type ReturnedGoods struct {
	Code      string      `json:"med_list_codg" wire:"C50,M"`
	ShopCode  string      `json:"fixmedins_hilist_id" wire:"C30,M"`
	ShopName  string      `json:"fixmedins_hilist_name" wire:"C200,M"`
	BatchNo   string      `json:"fixmedins_bchno" wire:"C30,M"`
	SettledAs string      `json:"mdtrt_setl_type" wire:"C6,M,d"`
	SetlID    string      `json:"setl_id" wire:"C30"`
	PsnNo     string      `json:"psn_no" wire:"C30"`
	Lot       string      `json:"manu_lotnum" wire:"C30"`
	MadeOn    settle.Date `json:"manu_date" wire:"D"`
	ExpiresOn settle.Date `json:"expy_end" wire:"D"`
	Split     string      `json:"trdn_flag" wire:"C3,M,d"`
	Price     Number      `json:"finl_trns_pric" wire:"N16.6"`
	Quantity  Number      `json:"sel_retn_cnt" wire:"N16.4,M"`
	Time      Stamp       `json:"sel_retn_time" wire:"DT,M"`
	Operator  string      `json:"sel_retn_opter_name" wire:"C50,M"`
	SaleNo    string      `json:"medins_prod_sel_no" wire:"C50,M"` // rtal_docno of the sale
	Traces    []TraceCode `json:"drugtracinfo"`
}

// Returned is the input of 3506. Its results are read by DecodeGoods.
type Returned struct {
	Rows []ReturnedGoods `json:"selretninfo"`
}

// Infno is 3506.
func (Returned) Infno() string { return InfnoReturned }

// Input checks the rows.
func (m Returned) Input() (any, bool, error) {
	named := false
	err := checkMessage(m, func(f *faults) {
		f.batch("selretninfo", len(m.Rows), maxGoods)
		for i := range m.Rows {
			named = named || m.Rows[i].PsnNo != ""
			f.goods("selretninfo", i, m.Rows[i].Quantity, m.Rows[i].SettledAs, m.Rows[i].SetlID)
		}
	})
	return m, named, err
}
