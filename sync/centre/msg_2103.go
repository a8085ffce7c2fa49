package centre

import (
	"gongji/settle"
	"gongji/sync/nhsa"
)

// cancel answers 2103 药店结算撤销 and 2208 门诊结算撤销 with a negative row of its own.
func (w *work) cancel(r *nhsa.Request) (any, error) {
	in, err := change[nhsa.CancelInput](w, r)
	if err != nil {
		return nil, err
	}
	original := w.rows.at(in.Data.SetlID)
	cancels := map[string]string{nhsa.InfnoCancel: nhsa.InfnoSettle, nhsa.InfnoClinicCancel: nhsa.InfnoClinicSettle}
	switch {
	case original == nil, original.Infno != cancels[r.Infno], original.Undone, original.Cancels != "", original.Venue != r.Venue,
		original.PsnNo != in.Data.PsnNo, original.MdtrtID != in.Data.MdtrtID:
		return nil, refusal("[SETL] 未查询到结算记录")
	case original.Cancelled:
		return nil, refusal("[SETL] 结算记录已撤销")
	}
	f := original.Figures
	row := &Row{
		SetlID: w.setlID(w.nextSerial()), MdtrtID: original.MdtrtID, MsgID: r.MsgID, Infno: r.Infno, Venue: r.Venue, PsnNo: original.PsnNo,
		Insurance: original.Insurance, At: w.tick(), Cancels: original.SetlID,
		ClrType: original.ClrType, MedType: original.MedType, Batch: original.Batch,
		Figures: settle.Figures{Total: -f.Total, Fund: -f.Fund, Own: -f.Own, Shared: -f.Shared, Cash: -f.Cash},
	}
	for _, pay := range original.Pays {
		pay.Amount = -pay.Amount
		row.Pays = append(row.Pays, pay)
	}
	if err := w.record(entry{Kind: entryBook, Row: row, Grants: w.keepFor(row, in.Gongji)}); err != nil {
		return nil, err
	}
	out := w.amounts(row)
	out["psn_pay"], out["cash_payamt"] = nhsa.Amount(row.Figures.Self()), nhsa.Amount(row.Figures.Cash)
	return map[string]any{"setlinfo": out, "setldetail": w.setldetail(row)}, nil
}
