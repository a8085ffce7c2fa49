package centre

import (
	"encoding/json"

	"gongji/sync/nhsa"
)

// reverse answers 2601 冲正交易. Its infcode is its whole answer.
func (w *work) reverse(r *nhsa.Request) (any, error) {
	in, err := change[nhsa.ReverseInput](w, r)
	if err != nil {
		return nil, err
	}
	row := w.rowUnder(in.Data.Original)
	switch {
	case row == nil, row.Venue != r.Venue, row.PsnNo != in.Data.PsnNo:
		return nil, refusal("[2601-NOTFOUND] 未查询到原交易")
	case row.Infno != in.Data.OriginalInfno:
		return nil, refusal("[2601-NOTREVERSIBLE] 原交易编号不符")
	case row.Undone:
		return json.RawMessage("{}"), nil
	case row.Cancelled:
		return nil, refusal("[2601-NOTREVERSIBLE] 原结算已撤销")
	case row.Cancels != "" && !w.affordable(row.PsnNo, w.rows.at(row.Cancels).Pays):
		return nil, refusal("[2601-NOTREVERSIBLE] 账户余额已不足以恢复原结算")
	}
	return json.RawMessage("{}"), w.record(entry{Kind: entryUndo, MsgID: row.MsgID, By: r.MsgID})
}
