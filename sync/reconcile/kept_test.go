package reconcile

import (
	"slices"
	"testing"

	"gongji/settle"
	"gongji/sync/centre"
	"gongji/sync/nhsa"
)

// TestCentreSide: the centre's sums are ours with what its rows differ by, and nothing where its rows do not tell.
func TestCentreSide(t *testing.T) {
	ours := row("1", "310", 1000)
	cancelled := row("2", "310", -400)
	theirs := func(id string, total settle.Fen) nhsa.ResultRow {
		return nhsa.ResultRow{SetlID: id, Total: total, Fund: total / 2, Account: total - total/2}
	}
	group := func(insurance, result string) GroupResult {
		return GroupResult{nhsa.Totals{Insurance: insurance, ClrType: "41", Office: "430100", Total: 600, Fund: 300, Account: 300, Count: 2}, result, ""}
	}
	for name, c := range map[string]struct {
		groups      []GroupResult
		differences []Difference
		net         bool
		want        *settle.SideTotals
	}{
		"agreed":      {[]GroupResult{group("310", nhsa.ResultEqual)}, nil, false, &settle.SideTotals{Count: 2, Total: 600, Fund: 300, Account: 300}},
		"unexplained": {[]GroupResult{group("310", "000199")}, nil, false, nil},
		"different": {[]GroupResult{group("310", "000199")}, []Difference{{Kind: Different, Ours: &ours, Theirs: theirs("1", 1100), Office: "430100"}}, false,
			&settle.SideTotals{Count: 2, Total: 700, Fund: 350, Account: 350}},
		"venue only": {[]GroupResult{group("310", "000199")}, []Difference{{Kind: VenueOnly, Ours: &ours, Office: "430100"}}, false,
			&settle.SideTotals{Count: 1, Total: -400, Fund: -200, Account: -200}},
		"a cancellation, netted": {[]GroupResult{group("310", "000199")}, []Difference{{Kind: VenueOnly, Ours: &cancelled, Office: "430100"}}, true,
			&settle.SideTotals{Count: 3, Total: 1000, Fund: 500, Account: 500}},
		"centre only": {[]GroupResult{group("310", "000199")}, []Difference{{Kind: CentreOnly, Theirs: theirs("9", 50), Office: "430100"}}, false,
			&settle.SideTotals{Count: 3, Total: 650, Fund: 325, Account: 325}},
		"whose is it":    {[]GroupResult{group("310", "000199"), group("390", "000199")}, []Difference{{Kind: CentreOnly, Theirs: theirs("9", 50), Office: "430100"}}, false, nil},
		"no amounts":     {[]GroupResult{group("310", "000199")}, []Difference{{Kind: Different, Ours: &ours, Office: "430100"}}, false, nil},
		"another office": {[]GroupResult{group("310", "000199")}, []Difference{{Kind: VenueOnly, Ours: &ours, Office: "430199"}}, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			d := nhsa.DefaultDialect()
			if c.net {
				d.ReconcileCount = nhsa.CountNet
			}
			report := Report{Groups: c.groups, Differences: c.differences}
			got := report.kept(&d).Groups[0].Centre
			if (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

// TestConfiguredOffices: an office that no booking has named yet is asked about, too.
func TestConfiguredOffices(t *testing.T) {
	b := newBench(t, centre.Options{}, nil)
	b.options.Offices = []string{"430199", "430100"}
	if offices, err := b.offices(t.Context(), "430100"); err != nil || !slices.Equal(offices, []string{"430100", "430199"}) {
		t.Errorf("offices %v, %v", offices, err)
	}
}

// TestSignOut: the numbers are given back at the centre, and the next message signs in again.
func TestSignOut(t *testing.T) {
	b := newBench(t, centre.Options{}, nil)
	operator := settle.Operator{ID: "1001", Name: "李敏"}
	first, _, err := b.signIns.Number(t.Context(), operator)
	if err != nil || first == "" {
		t.Fatalf("%q, %v", first, err)
	}
	if err := b.SignOut(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b.signIns.Cached(operator) != "" {
		t.Error("the number is still kept")
	}
	// The centre has forgotten it: it does not sign out what is not signed in.
	outcome, err := b.client.Ask(t.Context(), nhsa.Call{Message: nhsa.SignOut{SignNo: first, Operator: operator.ID}, Operator: operator, SignNo: first})
	if err != nil || outcome.Done() {
		t.Errorf("signed out twice: %+v, %v", outcome, err)
	}
	if second, _, err := b.signIns.Number(t.Context(), operator); err != nil || second == "" || second == first {
		t.Errorf("%q after %q, %v", second, first, err)
	}
	b.server.Close()
	if err := b.SignOut(t.Context()); settle.CodeOf(err) != settle.UpstreamSilent {
		t.Errorf("got %v", err)
	}
}
