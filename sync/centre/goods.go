package centre

import (
	"gongji/sync/nhsa"
)

// notes is what a message notes without money.
type notes struct {
	Sold     map[string]string `json:"sold,omitempty"` // trace code → receipt
	Back     []string          `json:"back,omitempty"` // trace codes that came back
	Mapped   map[string]string `json:"mapped,omitempty"`
	Unmapped []string          `json:"unmapped,omitempty"`
	Claims   []string          `json:"claims,omitempty"`
}

func (w *work) keepNotes(r *nhsa.Request, n *notes) error {
	return w.record(entry{Kind: entryNotes, Notes: n, MsgID: r.MsgID})
}

func (w *work) note(n *notes) {
	for code, receipt := range n.Sold {
		w.traces.put(code, receipt)
	}
	for _, code := range n.Back {
		w.traces.drop(code)
	}
	for key, code := range n.Mapped {
		w.mapped.put(key, code)
	}
	for _, key := range n.Unmapped {
		w.mapped.drop(key)
	}
	for _, key := range n.Claims {
		w.claims.put(key, true)
	}
}

// goodsResult is one row's outcome as the interface writes it.
func goodsResult(fault string) map[string]any {
	if fault == "" {
		return map[string]any{"retRslt": "1", "msgRslt": ""}
	}
	return map[string]any{"retRslt": "0", "msgRslt": fault}
}

// rowFault says why a row is not taken: the centre is busy, or an insured row does not fit its settlement.
func (w *work) rowFault(i int, venue, settledAs, setlID string) string {
	if w.busy && i%2 == 0 {
		return "系统繁忙，请稍后再试"
	}
	if settledAs != nhsa.PaidInsured {
		return ""
	}
	if row := w.rows.at(setlID); row == nil || row.Venue != venue || row.Undone {
		return "结算ID不存在"
	}
	return ""
}

// sold answers 3505 商品销售: each row is taken or refused by itself. A trace code is sold once.
func (w *work) sold(r *nhsa.Request) (any, error) {
	in, err := change[nhsa.Sold](w, r)
	if err != nil {
		return nil, err
	}
	taken := &notes{Sold: map[string]string{}}
	var results []any
	for i := range in.Rows {
		row := &in.Rows[i]
		fault := w.rowFault(i, r.Venue, row.SettledAs, row.SetlID)
		for _, trace := range row.Traces {
			receipt, before := w.traces.get(trace.Code)
			if _, now := taken.Sold[trace.Code]; now || before && receipt != r.Venue+"/"+row.Receipt {
				fault = "追溯码重复"
			}
		}
		if fault == "" {
			for _, trace := range row.Traces {
				taken.Sold[trace.Code] = r.Venue + "/" + row.Receipt
			}
		}
		results = append(results, goodsResult(fault))
	}
	return map[string]any{"result": results}, w.keepNotes(r, taken)
}

// returned answers 3506 商品销售退货.
func (w *work) returned(r *nhsa.Request) (any, error) {
	in, err := change[nhsa.Returned](w, r)
	if err != nil {
		return nil, err
	}
	taken := &notes{}
	var results []any
	for i := range in.Rows {
		row := &in.Rows[i]
		fault := w.rowFault(i, r.Venue, row.SettledAs, row.SetlID)
		for _, trace := range row.Traces {
			if w.traces.at(trace.Code) != r.Venue+"/"+row.SaleNo {
				fault = "追溯码没有销售记录"
			}
		}
		if fault == "" {
			for _, trace := range row.Traces {
				taken.Back = append(taken.Back, trace.Code)
			}
		}
		results = append(results, goodsResult(fault))
	}
	return map[string]any{"result": results}, w.keepNotes(r, taken)
}

// mapping answers 3301 目录对照上传. A shop code that stands for something else already is refused: 3302 comes first.
func (w *work) mapping(r *nhsa.Request) (any, error) {
	in, err := change[nhsa.Mapping](w, r)
	if err != nil {
		return nil, err
	}
	taken := &notes{Mapped: map[string]string{}}
	for _, row := range in.Rows {
		key := r.Venue + "/" + row.ShopCode
		if before, there := w.mapped.get(key); there && before != row.Code {
			return nil, refusal("[MAPPING] 目录已对照，请先撤销")
		}
		taken.Mapped[key] = row.Code
	}
	return done, w.keepNotes(r, taken)
}

// unmapping answers 3302 目录对照撤销.
func (w *work) unmapping(r *nhsa.Request) (any, error) {
	in, err := change[nhsa.Unmapping](w, r)
	if err != nil {
		return nil, err
	}
	gone := &notes{}
	for _, row := range in.Rows {
		key := r.Venue + "/" + row.ShopCode
		if row.Venue != r.Venue || w.mapped.at(key) != row.Code {
			return nil, refusal("[MAPPING] 没有这条目录对照")
		}
		gone.Unmapped = append(gone.Unmapped, key)
	}
	return done, w.keepNotes(r, gone)
}
