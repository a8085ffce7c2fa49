package centre

import (
	"encoding/json"
	"slices"
	"time"

	"gongji/settle"
	"gongji/sync/nhsa"
)

// visit is a clinic's visit as it stands: opened by 2201, described by 2203, filled by 2204.
type visit struct {
	MdtrtID   string     `json:"mdtrt_id"`
	VisitNo   string     `json:"ipt_otp_no"`
	Venue     string     `json:"venue"`
	PsnNo     string     `json:"psn_no"`
	Insurance string     `json:"insutype"`
	MedType   string     `json:"med_type,omitempty"`
	Begin     time.Time  `json:"begin"`
	Fees      []nhsa.Fee `json:"fees,omitempty"`
	Cancelled bool       `json:"cancelled,omitempty"`
}

var done = json.RawMessage("{}") // the output of a message whose infcode is its whole answer

// visitOf is a visit of the venue and person that is open; the copy may be changed and written.
func (w *work) visitOf(r *nhsa.Request, mdtrtID, psnNo string) (*visit, error) {
	v := w.visits.at(mdtrtID)
	if v == nil || v.Venue != r.Venue || v.PsnNo != psnNo || v.Cancelled {
		return nil, refusal("[VISIT] 未查询到就诊登记")
	}
	changed := *v
	changed.Fees = slices.Clone(v.Fees)
	return &changed, nil
}

func (w *work) keepVisit(r *nhsa.Request, v *visit) error {
	return w.record(entry{Kind: entryVisit, Visit: v, MsgID: r.MsgID})
}

// settledBatch reports whether a batch of a visit is settled and the settlement stands.
func (w *work) settledBatch(mdtrtID, batch string) bool {
	return slices.ContainsFunc(w.rows.find("mdtrt_id", mdtrtID), func(row *Row) bool {
		return row.Cancels == "" && !row.Undone && !row.Cancelled && (batch == nhsa.AllBatches || row.Batch == batch)
	})
}

// register answers 2201 门诊挂号.
func (w *work) register(r *nhsa.Request) (any, error) {
	in, err := change[nhsa.RegisterInput](w, r)
	if err != nil {
		return nil, err
	}
	if _, _, err := in.Data.Input(); err != nil {
		return nil, refusal("[FORMAT] " + err.Error())
	}
	d := &in.Data
	if _, err := w.patient(&nhsa.DrugInfo{PsnNo: d.PsnNo, CertType: d.CertType, CertNo: d.CertNo, Insurance: d.Insurance}); err != nil {
		return nil, err
	}
	for _, v := range w.visits.find("venue_no", r.Venue+"/"+d.VisitNo) {
		if !v.Cancelled {
			return nil, refusal("[VISIT] 住院/门诊号重复")
		}
	}
	v := &visit{MdtrtID: w.mdtrtID(w.nextSerial()), VisitNo: d.VisitNo, Venue: r.Venue, PsnNo: d.PsnNo, Insurance: d.Insurance, Begin: time.Time(d.Begin)}
	return map[string]any{"data": map[string]any{"mdtrt_id": v.MdtrtID, "psn_no": v.PsnNo, "ipt_otp_no": v.VisitNo}}, w.keepVisit(r, v)
}

// unregister answers 2202 门诊挂号撤销.
func (w *work) unregister(r *nhsa.Request) (any, error) {
	in, err := change[nhsa.UnregisterInput](w, r)
	if err != nil {
		return nil, err
	}
	v, err := w.visitOf(r, in.Data.MdtrtID, in.Data.PsnNo)
	if err != nil {
		return nil, err
	}
	switch {
	case v.VisitNo != in.Data.VisitNo || w.settledBatch(v.MdtrtID, nhsa.AllBatches):
		return nil, refusal("[VISIT] 就诊已结算或号码不符，不能撤销")
	case len(v.Fees) > 0:
		return nil, refusal("[VISIT] 就诊有费用明细，请先撤销明细")
	}
	v.Cancelled = true
	return done, w.keepVisit(r, v)
}

// visitInfo answers 2203 门诊就诊信息上传.
func (w *work) visitInfo(r *nhsa.Request) (any, error) {
	in, err := change[nhsa.Visit](w, r)
	if err != nil {
		return nil, err
	}
	v, err := w.visitOf(r, in.Info.MdtrtID, in.Info.PsnNo)
	if err != nil {
		return nil, err
	}
	if w.settledBatch(v.MdtrtID, nhsa.AllBatches) && v.MedType != in.Info.MedType {
		return nil, refusal("[VISIT] 就诊已结算，医疗类别不能更改")
	}
	v.MedType = in.Info.MedType
	return done, w.keepVisit(r, v)
}

// fees answers 2204 门诊费用明细信息上传. All of a row is in the policy's scope: this centre has no catalogue.
func (w *work) fees(r *nhsa.Request) (any, error) {
	in, err := change[nhsa.Fees](w, r)
	if err != nil {
		return nil, err
	}
	v, err := w.visitOf(r, in.Rows[0].MdtrtID, in.Rows[0].PsnNo)
	if err != nil {
		return nil, err
	}
	if v.MedType == "" {
		return nil, refusal("[VISIT] 请先上传就诊信息")
	}
	var result []any
	for i := range in.Rows {
		fee := &in.Rows[i]
		if slices.ContainsFunc(v.Fees, func(have nhsa.Fee) bool { return have.Line == fee.Line }) {
			return nil, refusal("[FEE] 费用明细流水号重复")
		}
		if w.settledBatch(v.MdtrtID, fee.Batch) {
			return nil, refusal("[FEE] 该收费批次已结算")
		}
		v.Fees = append(v.Fees, *fee)
		result = append(result, map[string]any{
			"feedetl_sn": fee.Line, "det_item_fee_sumamt": fee.Total, "cnt": fee.Quantity, "pric": fee.Price, "pric_uplmt_amt": fee.Price,
			"inscp_scp_amt": fee.Total, "chrgitm_lv": "01", "med_chrgitm_type": "09", "lmt_used_flag": "0",
		})
	}
	return map[string]any{"result": result}, w.keepVisit(r, v)
}

// unfees answers 2205 门诊费用明细信息撤销.
func (w *work) unfees(r *nhsa.Request) (any, error) {
	in, err := change[nhsa.UnfeesInput](w, r)
	if err != nil {
		return nil, err
	}
	v, err := w.visitOf(r, in.Data.MdtrtID, in.Data.PsnNo)
	if err != nil {
		return nil, err
	}
	before := len(v.Fees)
	v.Fees = slices.DeleteFunc(v.Fees, func(fee nhsa.Fee) bool {
		return (in.Data.Batch == nhsa.AllBatches || fee.Batch == in.Data.Batch) && !w.settledBatch(v.MdtrtID, fee.Batch)
	})
	if len(v.Fees) == before && in.Data.Batch != nhsa.AllBatches {
		return nil, refusal("[FEE] 该收费批次没有可撤销的明细")
	}
	return done, w.keepVisit(r, v)
}

// clinicQuote answers 2206 门诊预结算.
func (w *work) clinicQuote(r *nhsa.Request) (any, error) {
	in, err := input[nhsa.ClinicQuoteInput](r)
	if err != nil {
		return nil, err
	}
	if _, _, err := in.Data.Input(); err != nil {
		return nil, refusal("[FORMAT] " + err.Error())
	}
	row, p, info, err := w.priceVisit(r, &in.Data)
	if err != nil {
		return nil, err
	}
	row.At = w.tick()
	out := w.setlinfo(row, p, info)
	delete(out, "setl_id")
	return map[string]any{"setlinfo": out, "setldetail": w.setldetail(row)}, nil
}

// clinicSettle answers 2207 门诊结算.
func (w *work) clinicSettle(r *nhsa.Request) (any, error) {
	in, err := change[nhsa.ClinicSettleInput](w, r)
	if err != nil {
		return nil, err
	}
	if in.Data.InScope != in.Data.Total {
		return nil, refusal("[AMOUNT] 政策金额与明细上传的结果不一致")
	}
	ask := in.Data.Quote()
	row, p, info, err := w.priceVisit(r, &ask)
	if err != nil {
		return nil, err
	}
	row.SetlID, row.At = w.setlID(w.nextSerial()), w.tick()
	if err := w.record(entry{Kind: entryBook, Row: row}); err != nil {
		return nil, err
	}
	return map[string]any{"setlinfo": w.setlinfo(row, p, info), "setldetail": w.setldetail(row)}, nil
}

// priceVisit works out a batch of a visit without booking it.
func (w *work) priceVisit(r *nhsa.Request, ask *nhsa.ClinicQuote) (*Row, *person, *nhsa.DrugInfo, error) {
	v, err := w.visitOf(r, ask.MdtrtID, ask.PsnNo)
	if err != nil {
		return nil, nil, nil, err
	}
	if w.settledBatch(v.MdtrtID, ask.Batch) {
		return nil, nil, nil, refusal("[SETL] 该收费批次已结算")
	}
	var lines []rowLine
	var total nhsa.Amount
	for _, fee := range v.Fees {
		if fee.Batch == ask.Batch {
			lines = append(lines, rowLine{fee.Line, fee.Code, fee.ShopCode, fee.Quantity, fee.Price, fee.Total})
			total += fee.Total
		}
	}
	if len(lines) == 0 || total != ask.Total {
		return nil, nil, nil, refusal("[AMOUNT] 医疗费总额与上传的明细不一致")
	}
	if v.MedType != ask.MedType || v.Insurance != ask.Insurance {
		return nil, nil, nil, refusal("[VISIT] 医疗类别或险种与就诊信息不一致")
	}
	info := &nhsa.DrugInfo{
		PsnNo: ask.PsnNo, CertType: ask.CertType, CertNo: ask.CertNo, Begin: nhsa.Stamp(v.Begin), Total: ask.Total, Insurance: ask.Insurance,
		UseAccounts: ask.UseAccounts, MedType: ask.MedType, ExtraContent: ask.ExtraContent,
	}
	if split, err := info.Expected(); err != nil || split != nil && !split.Adds(settle.Fen(ask.Total)) {
		return nil, nil, nil, refusal("[FORMAT] exp_content 的金额与总额不符")
	}
	row, p, err := w.price(r, info)
	if err != nil {
		return nil, nil, nil, err
	}
	row.MdtrtID, row.Batch, row.ClrType, row.Lines = v.MdtrtID, ask.Batch, clrClinic, lines
	return row, p, info, nil
}
