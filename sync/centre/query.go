package centre

import (
	"strings"
	"time"

	"gongji/settle"
	"gongji/sync/nhsa"
)

// signOut answers 9002 签退.
func (w *work) signOut(r *nhsa.Request) (any, error) {
	in, err := input[nhsa.SignOutInput](r)
	if err != nil {
		return nil, err
	}
	key := r.Venue + "/" + in.SignOut.Operator
	if have := w.signIns.at(key); have.Number == "" || have.Number != in.SignOut.SignNo {
		return nil, refusal("[SIGNIN] 没有这个签到流水号")
	}
	w.signIns.drop(key)
	return map[string]any{"signoutoutb": map[string]any{"sign_time": nhsa.Stamp(w.options.Clock())}}, nil
}

// institution answers 1201 医药机构信息获取. This centre knows the venue that asks and no other.
func (w *work) institution(r *nhsa.Request) (any, error) {
	in, err := input[nhsa.InstitutionInput](r)
	if err != nil {
		return nil, err
	}
	q := in.Data
	kind := "1"
	if strings.HasPrefix(r.Venue, "P") {
		kind = "2"
	}
	if q.Type != kind || q.Code != "" && q.Code != r.Venue || !strings.Contains(r.VenueName, q.Name) {
		return map[string]any{"medinsinfo": []any{}}, nil
	}
	return map[string]any{"medinsinfo": []any{map[string]any{
		"fixmedins_code": r.Venue, "fixmedins_name": r.VenueName, "uscc": "", "fixmedins_type": kind, "hosp_lv": "",
	}}}, nil
}

// dictionaries are the code tables that this centre uses.
var dictionaries = map[string][][2]string{
	"insutype":        {{"310", "职工基本医疗保险"}, {"390", "城乡居民基本医疗保险"}},
	"mdtrt_cert_type": {{"01", "医保电子凭证"}, {"02", "居民身份证"}, {"03", "社会保障卡"}},
	"med_type":        {{"11", "普通门诊"}, {"14", "门诊慢特病"}, {"41", "定点药店购药"}},
	"clr_type":        {{clrClinic, "门诊"}, {clrPharmacy, "药店购药"}},
	"psn_insu_stas":   {{"1", "正常"}, {"2", "暂停"}, {"4", "终止"}},
	"stmt_rslt":       {{nhsa.ResultEqual, "平"}, {nhsa.ResultCentreOnly, "中心多"}, {nhsa.ResultVenueOnly, "机构多"}, {nhsa.ResultDifferent, "金额不符"}},
}

// dictionary answers 1901 字典表查询.
func (w *work) dictionary(r *nhsa.Request) (any, error) {
	in, err := input[nhsa.DictionaryInput](r)
	if err != nil {
		return nil, err
	}
	table, known := dictionaries[in.Data.Type]
	if !known {
		return nil, refusal("[DICT] 没有这个字典")
	}
	list := make([]any, 0, len(table))
	for i, code := range table {
		list = append(list, map[string]any{
			"type": in.Data.Type, "label": code[1], "value": code[0], "parentValue": "", "sort": i + 1, "valiFlag": "1", "createUser": "", "version": "1",
		})
	}
	return map[string]any{"list": list}, nil
}

// benefit answers 2001 人员待遇享受检查.
func (w *work) benefit(r *nhsa.Request) (any, error) {
	in, err := input[nhsa.BenefitInput](r)
	if err != nil {
		return nil, err
	}
	p := w.people.at(in.Data.PsnNo)
	if p == nil || p.Insurance != in.Data.Insurance {
		return nil, refusal("[PERSON] 未查询到参保人员信息")
	}
	enjoys, reason := "1", ""
	if p.Status != settle.StatusNormal {
		enjoys, reason = "0", "参保状态不正常"
	}
	fund := "310100"
	if p.Insurance != settle.InsuranceEmployee {
		fund = "390100"
	}
	return map[string]any{"trtinfo": []any{map[string]any{
		"psn_no": p.PsnNo, "trt_chk_type": "1", "fund_pay_type": fund, "trt_enjymnt_flag": enjoys,
		"begndate": settle.DateOf(time.Time(in.Data.Begin)), "enddate": "", "trt_chk_rslt": reason,
	}}}, nil
}

// maxYears is how many years 5201 looks through at most.
const maxYears = 20

// listVisits answers 5201 就诊信息查询.
func (w *work) listVisits(r *nhsa.Request) (any, error) {
	in, err := input[nhsa.VisitsInput](r)
	if err != nil {
		return nil, err
	}
	q := &in.Data
	list := []any{}
	seen := map[string]bool{}
	add := func(id, psn, insurance, medType, no string, at time.Time) {
		if seen[id] || psn != q.PsnNo || q.MdtrtID != "" && q.MdtrtID != id || medType != "" && medType != q.MedType ||
			at.Before(time.Time(q.Begin)) || at.After(time.Time(q.End).Add(time.Second)) {
			return
		}
		seen[id] = true
		list = append(list, map[string]any{
			"mdtrt_id": id, "psn_no": psn, "insutype": insurance, "med_type": medType, "ipt_otp_no": no, "begntime": nhsa.Stamp(at), "endtime": nhsa.Stamp(at),
		})
	}
	for _, v := range w.visits.find("person", q.PsnNo) {
		if v.Venue == r.Venue && !v.Cancelled {
			add(v.MdtrtID, v.PsnNo, v.Insurance, v.MedType, v.VisitNo, v.Begin)
		}
	}
	begin, end := settle.DateOf(time.Time(q.Begin)), settle.DateOf(time.Time(q.End))
	for year := begin.Year(); year <= min(end.Year(), begin.Year()+maxYears); year++ {
		for _, row := range w.rows.find("person_year", personYear(q.PsnNo, settle.Date(year*10000))) {
			if row.Venue == r.Venue && !row.Undone {
				add(row.MdtrtID, row.PsnNo, row.Insurance, row.MedType, "", row.At)
			}
		}
	}
	return map[string]any{"mdtrtinfo": list}, nil
}

// rowOf is a row of the venue that counts.
func (w *work) rowOf(r *nhsa.Request, psnNo, setlID, mdtrtID string) (*Row, error) {
	row := w.rows.at(setlID)
	if row == nil || row.Undone || row.Venue != r.Venue || row.PsnNo != psnNo || row.MdtrtID != mdtrtID {
		return nil, refusal("[SETL] 未查询到结算记录")
	}
	return row, nil
}

// settlement answers 5203 结算信息查询.
func (w *work) settlement(r *nhsa.Request) (any, error) {
	in, err := input[nhsa.SettlementInput](r)
	if err != nil {
		return nil, err
	}
	row, err := w.rowOf(r, in.Data.PsnNo, in.Data.SetlID, in.Data.MdtrtID)
	if err != nil {
		return nil, err
	}
	out := w.amounts(row)
	p := w.people.at(row.PsnNo)
	if p == nil {
		return nil, refusal("[PERSON] 未查询到参保人员信息")
	}
	out["psn_no"], out["psn_name"], out["psn_cert_type"], out["certno"] = p.PsnNo, p.Name, "01", p.IDNumber
	out["insutype"], out["med_type"], out["clr_type"], out["fixmedins_code"] = row.Insurance, row.MedType, row.clrType(), row.Venue
	out["psn_pay"], out["cash_payamt"], out["refd_setl_flag"] = nhsa.Amount(row.Figures.Self()), nhsa.Amount(row.Figures.Cash), "0"
	if row.Cancels != "" {
		out["refd_setl_flag"] = "1"
	}
	out["year"] = settle.DateOf(row.At).Year()
	return map[string]any{"setlinfo": out, "setldetail": w.setldetail(row)}, nil
}

// settledLines answers 5204 费用明细查询.
func (w *work) settledLines(r *nhsa.Request) (any, error) {
	in, err := input[nhsa.SettledLinesInput](r)
	if err != nil {
		return nil, err
	}
	row, err := w.rowOf(r, in.Data.PsnNo, in.Data.SetlID, in.Data.MdtrtID)
	if err != nil {
		return nil, err
	}
	lines := make([]any, 0, len(row.Lines))
	for _, line := range row.Lines {
		lines = append(lines, map[string]any{
			"mdtrt_id": row.MdtrtID, "setl_id": row.SetlID, "feedetl_sn": line.Line, "med_type": row.MedType, "fee_ocur_time": nhsa.Stamp(row.At),
			"med_list_codg": line.Code, "medins_list_codg": line.ShopCode, "cnt": line.Quantity, "pric": line.Price, "det_item_fee_sumamt": line.Total,
		})
	}
	return map[string]any{"feedetail": lines}, nil
}
