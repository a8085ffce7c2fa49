package ledger

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gongji/settle"
)

// fundLine is a line of which the fund pays a part.
func fundLine(id, class string, total, fund settle.Fen) settle.Line {
	l := line(id, total)
	l.Class, l.Fund = class, fund
	l.Personal = [settle.BucketCount]settle.Fen{settle.Coinsurance: total - fund}
	return l
}

// TestTotalsAreTheSameByEveryGrouping: after random weeks of sales and returns at several tills, every grouping of every period
// sums to what the settlements and returns themselves sum to.
func TestTotalsAreTheSameByEveryGrouping(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := openHouse(t)
		h.t = t
		s := h.family()
		s.Accounts = []settle.SnapshotAccount{h.patient.account(60_000), h.daughter.account(40_000), h.spouse.account(90_000), h.stranger.account(50_000)}
		h.apply(s)
		defer func() { _ = h.Close() }()
		events := h.randomDays(rt)
		from := rapid.SampledFrom([]settle.Date{0, 20261122, 20261125}).Draw(rt, "from")
		to := rapid.SampledFrom([]settle.Date{0, 20261124, 20261201}).Draw(rt, "to")
		want := settle.Figures{}
		for _, e := range events {
			if e.day >= from && (to == 0 || e.day <= to) {
				want = addFigures(want, e.figures)
			}
		}
		for _, by := range settle.Groupings {
			totals, err := h.Report(t.Context(), from, to, by)
			if err != nil {
				rt.Fatalf("by %s: %v", by, err)
			}
			sum, all := settle.Figures{}, totals.All.Figures
			seen := map[string]bool{}
			for _, g := range totals.Groups {
				if seen[g.Key] {
					rt.Fatalf("by %s: %q twice", by, g.Key)
				}
				seen[g.Key] = true
				sum = addFigures(sum, g.Figures)
			}
			if all != want {
				rt.Fatalf("by %s: all %+v, want %+v", by, all, want)
			}
			if by == settle.ByClass {
				all.Own, all.Shared, all.Cash = 0, 0, 0
			}
			if sum != all {
				rt.Fatalf("by %s: groups sum to %+v, all is %+v\n%+v", by, sum, all, totals.Groups)
			}
		}
	})
}

func addFigures(a, b settle.Figures) settle.Figures {
	return settle.Figures{Total: a.Total + b.Total, Fund: a.Fund + b.Fund, Own: a.Own + b.Own, Shared: a.Shared + b.Shared, Cash: a.Cash + b.Cash}
}

type dayFigures struct {
	day     settle.Date
	figures settle.Figures
}

// randomDays settles and gives back for some days and returns what happened.
func (h *house) randomDays(rt *rapid.T) (events []dayFigures) {
	var open []settle.Settlement
	classes := []string{"service_in", "tcm_slices", "service_out"}
	for n := range rapid.IntRange(1, 12).Draw(rt, "events") {
		h.clock.add(time.Duration(rapid.IntRange(0, 40).Draw(rt, "hours")) * time.Hour)
		if len(open) > 0 && rapid.Bool().Draw(rt, "return") {
			i := rapid.IntRange(0, len(open)-1).Draw(rt, "which")
			order := giveBack(fmt.Sprintf("F%d", n), open[i].ID)
			order.Operator = settle.Operator{ID: fmt.Sprint(1000 + n%3)}
			if part := rapid.IntRange(0, 2).Draw(rt, "lines"); part > 0 {
				order.Lines = []settle.ReturnLine{{ID: fmt.Sprint(part), Quantity: "1"}}
			}
			back, _, err := h.Return(h.t.Context(), order)
			switch settle.CodeOf(err) {
			case settle.RefundOver, settle.AlreadyReversed:
				continue
			}
			if err != nil {
				rt.Fatalf("return: %v", err)
			}
			f := back.Figures
			events = append(events, dayFigures{settle.DateOf(back.At), settle.Figures{Total: -f.Total, Fund: -f.Fund, Own: -f.Own, Shared: -f.Shared, Cash: -f.Cash}})
			continue
		}
		var lines []settle.Line
		for l := range 2 {
			total := settle.Fen(rapid.IntRange(1, 9999).Draw(rt, "total"))
			fund := settle.Fen(rapid.IntRange(0, int(total)).Draw(rt, "fund"))
			lines = append(lines, fundLine(fmt.Sprint(l+1), rapid.SampledFrom(classes).Draw(rt, "class"), total, fund))
		}
		order := h.order([]human{h.patient, h.stranger}[rapid.IntRange(0, 1).Draw(rt, "who")], lines...)
		order.Sale.Operator = settle.Operator{ID: fmt.Sprint(1000 + n%2), Name: []string{"李敏", ""}[n%2]}
		order.Sale.Terminal = []string{"counter-1", "counter-2"}[n%2]
		order.Sale.Disease = settle.Disease{Code: []string{"", "M03900"}[n%2]}
		order.Sale.UseAccounts = rapid.Bool().Draw(rt, "accounts")
		s := h.settle(order)
		open = append(open, s)
		events = append(events, dayFigures{s.Day, s.Figures})
	}
	return events
}

// TestReportGroups: a known day, group by group.
func TestReportGroups(t *testing.T) {
	h := newHouse(t)
	h.settle(h.order(h.patient, fundLine("1", "service_in", 10000, 2000))) // own 10.00, daughter 50.00, spouse 20.00
	order := h.order(h.stranger, line("1", 500))
	order.Sale.UseAccounts, order.Sale.Operator = false, settle.Operator{ID: "77", Name: "周立"}
	cash := h.settle(order)
	h.clock.add(24 * time.Hour)
	back := giveBack("F1", cash.ID)
	back.Operator = settle.Operator{ID: "78"}
	h.giveBack(back)
	for by, want := range map[settle.Grouping]string{
		settle.ByDay:      "20261122=105.00 20261123=-5.00 ",
		settle.ByMonth:    "202611=100.00 ",
		settle.BySource:   "fund=20.00 own=10.00 shared=70.00 cash=0.00 ",
		settle.ByRelation: "=30.00 parent=50.00 spouse=20.00 ",
		settle.ByOperator: "1001=100.00 77=5.00 78=-5.00 ",
		settle.ByTerminal: "counter-1=100.00 ",
		settle.ByClass:    "service_in=100.00 ",
		settle.ByMedType:  "41=100.00 ",
		settle.ByArea:     "430100=100.00 ",
		settle.ByDisease:  "=100.00 ",
	} {
		totals, err := h.Report(t.Context(), 0, 0, by)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, g := range totals.Groups {
			got += g.Key + "=" + g.Figures.Total.String() + " "
		}
		if got != want {
			t.Errorf("by %s: %s, want %s", by, got, want)
		}
	}
	totals, err := h.Report(t.Context(), 20261122, 20261122, settle.ByOperator)
	if err != nil || totals.All.Sales != 2 || totals.All.Returns != 0 || totals.All.Figures.Cash != 500 {
		t.Errorf("first day: %+v %v", totals.All, err)
	}
	if _, err := h.Report(t.Context(), 0, 0, "colour"); settle.CodeOf(err) != settle.BadRequest {
		t.Errorf("a grouping that does not exist: %v", err)
	}
}

// TestReadDir: a ledger that a daemon works on is read beside it, and one that is not there is refused.
func TestReadDir(t *testing.T) {
	h := newHouse(t)
	h.buy(h.patient, 500)
	reading, err := ReadDir(t.Context(), h.options.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer reading.Close()
	h.buy(h.stranger, 700)
	page, err := reading.Records(t.Context(), settle.RecordQuery{Words: "检查"})
	n, countErr := reading.CountSettlements(t.Context(), 0, 0)
	totals, reportErr := reading.Report(t.Context(), 0, 0, settle.ByDay)
	if err != nil || countErr != nil || reportErr != nil || len(page.Records) != 2 || n != 2 || totals.All.Figures.Total != 1200 {
		t.Errorf("%d records, %d counted, %+v: %v %v %v", len(page.Records), n, totals.All, err, countErr, reportErr)
	}
	if _, err := ReadDir(t.Context(), t.TempDir()); settle.CodeOf(err) != settle.StoreBroken {
		t.Errorf("an empty directory: %v", err)
	}
}

// TestSlipsAreCounted: each print has its number, also after a restart, and reading the number changes nothing.
func TestSlipsAreCounted(t *testing.T) {
	h := newHouse(t)
	for want := 1; want <= 3; want++ {
		if n, err := h.CountSlip(t.Context(), "20261122-000001", "till-1", "text"); err != nil || n != want {
			t.Fatalf("print %d counted as %d: %v", want, n, err)
		}
		h.reopen()
		if n, err := h.SlipCount(t.Context(), "20261122-000001"); err != nil || n != want {
			t.Fatalf("after print %d: %d %v", want, n, err)
		}
	}
	if n, err := h.SlipCount(t.Context(), "20261122-000002"); err != nil || n != 0 {
		t.Errorf("another slip: %d %v", n, err)
	}
}

// TestStatementSums: both sides of a family see the same money, and a giver sees no items.
func TestStatementSums(t *testing.T) {
	h := newHouse(t)
	s := h.settle(h.order(h.patient, line("1", 3000), line("2", 2500))) // own 10.00, daughter 45.00
	h.giveBack(giveBack("F1", s.ID, settle.ReturnLine{ID: "2", Quantity: "1"}))
	statement := func(who human, from, to settle.Date) settle.Statement {
		t.Helper()
		x, err := h.Statement(t.Context(), h.id(who), from, to)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	patient, daughter := statement(h.patient, 0, 0), statement(h.daughter, 20261122, 20261122)
	if len(patient.Entries) != 2 || patient.Entries[0].Items == "" || patient.Own+patient.Received != 3000 || patient.Given != 0 {
		t.Errorf("patient: %+v", patient)
	}
	if len(daughter.Entries) != 2 || daughter.Given != patient.Received || daughter.Own != 0 || daughter.Entries[0].Items != "" {
		t.Errorf("daughter: %+v", daughter)
	}
	last := daughter.Entries[len(daughter.Entries)-1]
	if last.Kind != settle.StatementBack || last.After == nil || *last.After != h.available(h.daughter) {
		t.Errorf("balance after the return: %+v, available %s", last, h.available(h.daughter))
	}
	if x := statement(h.spouse, 0, 0); len(x.Entries) != 0 {
		t.Errorf("spouse: %+v", x)
	}
	if x := statement(h.patient, 20261123, 0); len(x.Entries) != 0 {
		t.Errorf("tomorrow: %+v", x)
	}
	if _, err := h.Statement(t.Context(), "pnobody", 0, 0); settle.CodeOf(err) != settle.PersonUnknown {
		t.Errorf("nobody: %v", err)
	}
}
