package reconcile

import (
	"gongji/settle"
	"gongji/sync/nhsa"
)

// kept is the report as the store keeps it: without anything that names a person, and with the centre's side of each group
// as far as its rows have told.
func (r *Report) kept(d *nhsa.Dialect) settle.Reconciliation {
	out := settle.Reconciliation{Day: r.Day, At: r.At, Balanced: r.Balanced(), Unknown: r.Unknown}
	for i := range r.Groups {
		group := &r.Groups[i]
		t := group.Totals
		out.Groups = append(out.Groups, settle.ReconciledGroup{
			Insurance: t.Insurance, ClrType: t.ClrType, Office: t.Office, Total: t.Total, Fund: t.Fund, Account: t.Account, Cash: t.Cash,
			Count: t.Count, Result: group.Result, Text: group.Text, Centre: r.centreSide(group, d),
		})
	}
	for i := range r.Differences {
		difference := &r.Differences[i]
		kept := settle.ReconcileDifference{
			Kind: difference.Kind, SetlID: difference.SetlID, MsgID: difference.MsgID, Sure: difference.Sure, Advice: difference.Advice,
			Office: difference.Office, Refund: difference.Theirs.Refund, Centre: theirAmounts(&difference.Theirs, d),
		}
		if ours := difference.Ours; ours != nil {
			kept.Settlement, kept.Insurance, kept.Refund = ours.Settlement, ours.Insurance, ours.Refund
			kept.Ours = settle.SideAmounts{Total: ours.Figures.Total, Fund: ours.Figures.Fund, Account: ours.Figures.Own + ours.Figures.Shared}
		}
		out.Differences = append(out.Differences, kept)
	}
	return out
}

// theirAmounts are the centre's amounts of a row, the fund's without the account.
func theirAmounts(row *nhsa.ResultRow, d *nhsa.Dialect) settle.SideAmounts {
	a := settle.SideAmounts{Total: row.Total, Fund: row.Fund, Account: row.Account}
	if d.FundIncludesAccount {
		a.Fund -= a.Account
	}
	return a
}

// centreSide is the centre's sums of a group: 3201 says only whether they are ours, so where they are not they are ours
// with what its rows differ by. It is nil where the rows do not tell: they bear no amounts, or a row that only the centre
// has may belong to another group of the office.
func (r *Report) centreSide(group *GroupResult, d *nhsa.Dialect) *settle.SideTotals {
	t := &group.Totals
	side := &settle.SideTotals{Count: t.Count, Total: t.Total, Fund: t.Fund, Account: t.Account}
	if group.Result == nhsa.ResultEqual {
		return side
	}
	explained := false
	for i := range r.Differences {
		difference := &r.Differences[i]
		ours := difference.Ours
		switch {
		case difference.Office != t.Office:
			continue
		case ours == nil && !r.alone(group):
			return nil
		case ours != nil && (ours.Insurance != t.Insurance || ours.ClrType != t.ClrType):
			continue
		case !difference.addTo(side, d):
			return nil
		}
		explained = true
	}
	if !explained {
		return nil
	}
	return side
}

// alone reports whether a group is the only one of its office that differs.
func (r *Report) alone(group *GroupResult) bool {
	for i := range r.Groups {
		other := &r.Groups[i]
		if other != group && other.Totals.Office == group.Totals.Office && other.Result != nhsa.ResultEqual {
			return false
		}
	}
	return true
}

// addTo moves our sums by what a row differs; told is false where the centre's row bears no amounts.
func (difference *Difference) addTo(side *settle.SideTotals, d *nhsa.Dialect) (told bool) {
	theirs := theirAmounts(&difference.Theirs, d)
	if difference.Kind == VenueOnly {
		theirs = settle.SideAmounts{}
	} else if theirs == (settle.SideAmounts{}) {
		return false
	}
	if ours := difference.Ours; ours != nil {
		f := &ours.Figures
		theirs.Total, theirs.Fund, theirs.Account = theirs.Total-f.Total, theirs.Fund-f.Fund, theirs.Account-f.Own-f.Shared
	}
	side.Total, side.Fund, side.Account = side.Total+theirs.Total, side.Fund+theirs.Fund, side.Account+theirs.Account
	switch difference.Kind {
	case VenueOnly:
		side.Count -= difference.weight(d)
	case CentreOnly:
		side.Count += difference.weight(d)
	}
	return true
}

// weight is what a row counts: 1, or -1 for a cancellation where the centre nets them out.
func (difference *Difference) weight(d *nhsa.Dialect) int {
	refund := difference.Theirs.Refund
	if difference.Ours != nil {
		refund = difference.Ours.Refund
	}
	if refund && d.ReconcileCount == nhsa.CountNet {
		return -1
	}
	return 1
}
