package session

import (
	"encoding/json"
	"fmt"

	"gongji/cardreader/scanner"
	"gongji/settle"
)

// inCatalogue are the classes whose line, sent without a split, is all co-insurance; every other class is all own expense.
var inCatalogue = map[string]bool{"drug_a": true, "drug_b": true, "tcm_slices": true, "service_in": true}

// lines reads the bill's lines.
func (f *faults) lines(requests []LineRequest) []settle.Line {
	if len(requests) == 0 || len(requests) > MaxLines {
		f.add("lines", fmt.Sprintf("须有 1 到 %d 行。", MaxLines), fmt.Sprintf("must have 1 to %d items", MaxLines))
		return nil
	}
	lines := make([]settle.Line, len(requests))
	seen := make(map[string]bool, len(requests))
	for i := range requests {
		found := len(*f)
		lines[i] = f.line(&requests[i])
		if id := requests[i].ID; id != "" && seen[id] {
			f.add("id", "行号重复。", "is used twice in this bill")
		}
		f.under(found, "lines[%d].", i)
		seen[requests[i].ID] = true
	}
	return lines
}

func (f *faults) line(r *LineRequest) settle.Line {
	f.text("id", r.ID, MaxLineID, true)
	f.text("code", r.Code, 50, true)
	f.text("shop_code", r.ShopCode, 50, false)
	f.text("name", r.Name, 200, true)
	f.text("class", r.Class, 32, true)
	f.text("batch", r.Batch, 50, false)
	f.text("manufacturer", r.Manufacturer, 200, false)
	f.text("unit", r.Unit, MaxUnit, false)
	f.text("spec", r.Spec, 200, false)
	f.text("dept_code", r.DeptCode, 30, false)
	f.text("doctor_code", r.DoctorCode, 30, false)
	f.text("hosp_appr_flag", r.Approval, 3, false)
	f.text("exp_content", r.ExpContent, 4000, false)
	f.text("rx_group", r.RxGroup, 32, false)
	f.traceCodes("trace_codes", r.TraceCodes)
	if r.NoCode && len(r.TraceCodes) > 0 {
		f.add("no_code", "登记为无码的商品不能再带追溯码。", "must be false where there are trace codes")
	}
	if r.UnitsPerPack != "" {
		if _, err := settle.ParseQuantity(r.UnitsPerPack); err != nil {
			f.add("units_per_pack", "每盒数量须大于 0，最多 4 位小数。", err.Error())
		}
	}
	line := settle.Line{
		ID: r.ID, Code: r.Code, ShopCode: r.ShopCode, Name: r.Name, Class: r.Class, Quantity: r.Quantity, UnitPrice: r.UnitPrice,
		TraceCodes: r.TraceCodes, NoCode: r.NoCode, SplitPack: r.SplitPack, UnitsPerPack: r.UnitsPerPack, Batch: r.Batch, Manufacturer: r.Manufacturer,
		Unit: r.Unit, Spec: r.Spec, DeptCode: r.DeptCode, DoctorCode: r.DoctorCode, Approval: r.Approval, ExpContent: r.ExpContent,
		Rx: r.Rx, RxGroup: r.RxGroup, MadeOn: f.date("made_on", r.MadeOn), ExpiresOn: f.date("expires_on", r.ExpiresOn),
	}
	total, good := f.total(r)
	line.Total = total
	f.split(r, &line, good)
	return line
}

// total reads a line's total and compares it with quantity × price, rounded half up; 1 fen of difference is allowed, since
// tills round in their own ways.
func (f *faults) total(r *LineRequest) (settle.Fen, bool) {
	quantity, badQuantity := settle.ParseQuantity(r.Quantity)
	if badQuantity != nil {
		f.add("quantity", "数量须大于 0，最多 4 位小数。", badQuantity.Error())
	}
	price, badPrice := settle.ParsePrice(r.UnitPrice)
	if badPrice != nil {
		f.add("unit_price", "单价须为元，1 到 6 位小数，例如 \"12.50\"。", badPrice.Error())
	}
	total, good := f.money("total", r.Total, true)
	if !good || badQuantity != nil || badPrice != nil {
		return total, good
	}
	if want := settle.LineTotal(quantity, price); total < want-1 || total > want+1 {
		f.add("total", "金额与数量乘单价不符，应为 "+want.String()+"。", "must be quantity × unit_price = "+want.String()+" within 0.01")
		return total, false
	}
	return total, true
}

// split reads how a line is split, or fills it in where the till left it out.
func (f *faults) split(r *LineRequest, line *settle.Line, totalGood bool) {
	if r.Split == nil {
		bucket := settle.OwnExpense
		if inCatalogue[r.Class] {
			bucket = settle.Coinsurance
		}
		line.Personal[bucket] = line.Total
		return
	}
	parts := []struct {
		name, text string
		into       *settle.Fen
	}{
		{"fund", r.Split.Fund, &line.Fund},
		{"deductible", r.Split.Deductible, &line.Personal[settle.Deductible]},
		{"coinsurance", r.Split.Coinsurance, &line.Personal[settle.Coinsurance]},
		{"first_self_pay", r.Split.FirstSelfPay, &line.Personal[settle.FirstSelfPay]},
		{"over_limit", r.Split.OverLimit, &line.Personal[settle.OverLimit]},
		{"above_cap", r.Split.AboveCap, &line.Personal[settle.AboveCap]},
		{"own_expense", r.Split.OwnExpense, &line.Personal[settle.OwnExpense]},
	}
	var sum settle.Fen
	good := totalGood
	for _, part := range parts {
		amount, ok := f.money("split."+part.name, part.text, false)
		*part.into, good = amount, good && ok
		sum += amount
	}
	if good && sum != line.Total {
		f.add("split", "各部分之和须等于金额 "+line.Total.String()+"，现为 "+sum.String()+"。",
			"parts must sum to total "+line.Total.String()+", not "+sum.String())
	}
}

func (f *faults) traceCodes(field string, codes []string) {
	if len(codes) > MaxTraceCodes {
		f.add(field, fmt.Sprintf("最多 %d 个追溯码。", MaxTraceCodes), fmt.Sprintf("has more than %d items", MaxTraceCodes))
		return
	}
	for i, code := range codes {
		if scanner.Classify(code).Code() { // a code that a person showed is not kept, and a line is
			f.add(fmt.Sprintf("%s[%d]", field, i), "扫到的是医保码，不是追溯码。请用接在本机服务上的扫码枪扫医保码。", "is an e-voucher; show it to the daemon's scanner")
			continue
		}
		if !traceText.MatchString(code) {
			f.add(fmt.Sprintf("%s[%d]", field, i), "追溯码只能是 30 位以内的数字和字母。", "must match "+traceText.String())
		}
	}
}

// visit checks the visit behind a clinic's bill and returns it as the JSON that travels with the sale.
func (f *faults) visit(v *VisitRequest, medType string) []byte {
	if v == nil {
		if medTypeText.MatchString(medType) && !pharmacyType(medType) {
			f.add("visit", "门诊类结算须有就诊信息。", "is required where med_type is not a pharmacy type")
		}
		return nil
	}
	required := !pharmacyType(medType)
	f.text("visit.ipt_otp_no", v.Number, 30, required)
	f.text("visit.doctor_code", v.DoctorCode, 30, required)
	f.text("visit.doctor_name", v.DoctorName, 50, required)
	f.text("visit.dept_code", v.DeptCode, 30, required)
	f.text("visit.dept_name", v.DeptName, 100, required)
	f.text("visit.caty", v.Caty, 10, required)
	f.text("visit.began_at", v.BeganAt, 35, required)
	f.moment("visit.began_at", v.BeganAt)
	if n := len(v.Diagnoses); n > 50 || required && n == 0 {
		f.add("visit.diagnoses", "须有 1 到 50 条诊断。", "must have 1 to 50 items")
		return nil
	}
	for i := range v.Diagnoses {
		f.diagnosis(fmt.Sprintf("visit.diagnoses[%d].", i), &v.Diagnoses[i])
	}
	data, err := json.Marshal(v)
	if err != nil { // strings and integers always encode
		panic("session: visit does not encode: " + err.Error())
	}
	return data
}

func (f *faults) diagnosis(at string, d *DiagnosisRequest) {
	f.text(at+"code", d.Code, 30, true)
	f.text(at+"name", d.Name, 200, true)
	f.text(at+"type", d.Type, 3, false)
	f.text(at+"doctor_code", d.DoctorCode, 30, false)
	f.text(at+"doctor_name", d.DoctorName, 50, false)
	f.text(at+"dept", d.Dept, 50, false)
	f.moment(at+"time", d.Time)
	if d.Order < 0 || d.Order > 99 {
		f.add(at+"order", "诊断顺序须在 0 到 99 之间。", "must be between 0 and 99")
	}
}
