package reconcile

import (
	"cmp"
	"slices"

	"gongji/settle"
	"gongji/sync/nhsa"
)

// Group is what totals are compared by.
type Group struct{ Insurance, ClrType, Office string }

// Totals sums rows by group, in a fixed order. The count is the dialect's: rows, or settlements less cancellations.
func Totals(rows []Row, begin, end settle.Date, d *nhsa.Dialect) []nhsa.Totals {
	sums := map[Group]*nhsa.Totals{}
	for i := range rows {
		row := &rows[i]
		key := Group{row.Insurance, row.ClrType, row.Office}
		t := sums[key]
		if t == nil {
			t = &nhsa.Totals{Insurance: key.Insurance, ClrType: key.ClrType, Office: key.Office, Begin: begin, End: end}
			sums[key] = t
		}
		t.Total += row.Figures.Total
		t.Fund += row.Figures.Fund
		t.Account += row.Figures.Own + row.Figures.Shared
		t.Cash += row.Figures.Cash
		if row.Refund && d.ReconcileCount == nhsa.CountNet {
			t.Count--
		} else {
			t.Count++
		}
	}
	list := make([]nhsa.Totals, 0, len(sums))
	for _, t := range sums {
		list = append(list, *t)
	}
	slices.SortFunc(list, func(a, b nhsa.Totals) int {
		return cmp.Or(cmp.Compare(a.Office, b.Office), cmp.Compare(a.ClrType, b.ClrType), cmp.Compare(a.Insurance, b.Insurance))
	})
	return list
}

// Kind is what is wrong with a row.
type Kind = settle.DifferenceKind

// The kinds of differences.
const (
	CentreOnly = settle.CentreOnly
	VenueOnly  = settle.VenueOnly
	Different  = settle.Different
)

// Difference is one row that is not the same on both sides.
type Difference struct {
	Kind   Kind           `json:"kind"`
	SetlID string         `json:"setl_id"`
	MsgID  string         `json:"msgid,omitempty"` // what a 2601 would name
	Ours   *Row           `json:"-"`               // nil: we have none; it names a person
	Theirs nhsa.ResultRow `json:"-"`               // zero where the centre has none; it names a person
	Office string         `json:"office"`          // at which it was looked up
	Sure   bool           `json:"sure"`            // the rules decide it; else a person does
	Advice string         `json:"advice"`          // Chinese, what to do
}

// Compare classes the rows of one office. A result row that says "equal" is believed only if its amounts are ours, and
// rows of ours that the result does not mention count as equal: some centres list differences alone.
func Compare(rows []Row, results []nhsa.ResultRow, unknown []Unknown, d *nhsa.Dialect) []Difference {
	ours := make(map[string]*Row, len(rows))
	for i := range rows {
		ours[rows[i].SetlID] = &rows[i]
	}
	var found []Difference
	for _, result := range results {
		row := ours[result.SetlID]
		difference := Difference{SetlID: result.SetlID, MsgID: result.MsgID, Ours: row, Theirs: result}
		switch {
		case row == nil && result.Result == nhsa.ResultVenueOnly:
			continue // a row that was in our file a moment ago and was undone since
		case row == nil:
			difference.Kind = CentreOnly
		case result.Result == nhsa.ResultVenueOnly:
			difference.Kind = VenueOnly
		case result.Result == nhsa.ResultEqual && sameAmounts(row, &result, d):
			continue
		default:
			difference.Kind = Different
		}
		difference.advise(unknown)
		found = append(found, difference)
	}
	slices.SortFunc(found, func(a, b Difference) int { return cmp.Compare(a.SetlID, b.SetlID) })
	return found
}

// sameAmounts compares the figures of a result; older centres leave all three out.
func sameAmounts(row *Row, result *nhsa.ResultRow, d *nhsa.Dialect) bool {
	if result.Total == 0 && result.Fund == 0 && result.Account == 0 {
		return true
	}
	account := row.Figures.Own + row.Figures.Shared
	fund := row.Figures.Fund
	if d.FundIncludesAccount {
		fund += account
	}
	return result.Total == row.Figures.Total && result.Fund == fund && result.Account == account
}

func (d *Difference) advise(unknown []Unknown) {
	open := slices.ContainsFunc(unknown, func(u Unknown) bool { return u.Dispatch.MsgID == d.MsgID && d.MsgID != "" })
	switch {
	case d.Kind == CentreOnly && open:
		d.Sure, d.Advice = true, "本机有一份结果未明的上报正是这一笔，系统会自动认领，无需处理"
	case d.Kind == CentreOnly:
		d.Advice = "中心有而本机没有：请先核实药品是否交给了患者。没有交付的，用冲正（2601）撤销；已交付的，补录后再对账"
	case d.Kind == VenueOnly:
		d.Advice = "本机有而中心没有：中心未入账，不能冲正。请核实后重新上报，或改为自费收款"
	default:
		d.Advice = "金额不一致：请用 5203、5204 查出中心的明细，逐项核对，以中心为准调整"
	}
}
