package simulate

import "testing"

// TestCovered: an offline sale may come short by what was at risk, and by no more, whatever was online.
func TestCovered(t *testing.T) {
	for name, c := range map[string]struct {
		s     sold
		holds bool
	}{
		"covered":                           {sold{offline: true}, true},
		"at risk":                           {sold{offline: true, short: 145, atRisk: 145}, true},
		"more than was at risk":             {sold{offline: true, short: 146, atRisk: 145}, false},
		"what was at risk is not known":     {sold{offline: true, short: 146, replayed: true}, true},
		"online, where nothing is promised": {sold{short: 146}, true},
	} {
		m := newModel(purse{})
		m.sales["a"] = &c.s
		if m.covered(); (len(m.findings) == 0) != c.holds {
			t.Errorf("%s: %v", name, m.findings)
		}
	}
}
