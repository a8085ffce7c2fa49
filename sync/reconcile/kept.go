package reconcile

import "gongji/settle"

// kept is the report as the store keeps it: without anything that names a person.
func (r *Report) kept() settle.Reconciliation {
	out := settle.Reconciliation{Day: r.Day, At: r.At, Balanced: r.Balanced(), Unknown: r.Unknown}
	for _, group := range r.Groups {
		t := group.Totals
		out.Groups = append(out.Groups, settle.ReconciledGroup{
			Insurance: t.Insurance, ClrType: t.ClrType, Office: t.Office, Total: t.Total, Fund: t.Fund, Account: t.Account, Cash: t.Cash,
			Count: t.Count, Result: group.Result, Text: group.Text,
		})
	}
	for i := range r.Differences {
		d := &r.Differences[i]
		kept := settle.ReconcileDifference{
			Kind: d.Kind, SetlID: d.SetlID, MsgID: d.MsgID, Sure: d.Sure, Advice: d.Advice,
			Centre: settle.SideAmounts{Total: d.Theirs.Total, Fund: d.Theirs.Fund, Account: d.Theirs.Account},
		}
		if d.Ours != nil {
			kept.Settlement = d.Ours.Settlement
			kept.Ours = settle.SideAmounts{Total: d.Ours.Figures.Total, Fund: d.Ours.Figures.Fund, Account: d.Ours.Figures.Own + d.Ours.Figures.Shared}
		}
		out.Differences = append(out.Differences, kept)
	}
	return out
}
