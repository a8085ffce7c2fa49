package simulate

import (
	"testing"
	"time"
)

// TestCovered: an offline sale within an allowance may come short by what a later online sale of the same venue, booked
// before it, took of that very allowance (seed 65), and by no more.
func TestCovered(t *testing.T) {
	noon := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		venue   string        // of the other sale
		after   time.Duration // the other sale is settled so long after the offline one
		offline bool          // so is the other sale
		first   bool          // the other sale is booked first
		undone  bool          // the first row of the offline sale is undone and it is booked again
		took    purse         // by the other sale
		holds   bool
	}{
		"overtaken":              {"v", time.Minute, false, true, false, purse{"f1": 145}, true},
		"overtaken, booked anew": {"v", time.Minute, false, false, true, purse{"f1": 145}, true},
		"took less":              {"v", time.Minute, false, true, false, purse{"f1": 144}, false},
		"took of another":        {"v", time.Minute, false, true, false, purse{"f2": 145}, false},
		"took nothing":           {"v", time.Minute, false, true, false, nil, false},
		"booked later":           {"v", time.Minute, false, false, false, purse{"f1": 145}, false},
		"settled earlier":        {"v", -time.Minute, false, true, false, purse{"f1": 145}, false},
		"offline as well":        {"v", time.Minute, true, true, false, purse{"f1": 145}, false},
		"another venue":          {"w", time.Minute, false, true, false, purse{"f1": 145}, false},
	} {
		m := newModel(purse{})
		m.sales["a"] = &sold{tag: "a", venue: "v", at: noon, offline: true, short: 145, stages: []purse{{"f1": 1476}}}
		m.sales["b"] = &sold{tag: "b", venue: c.venue, at: noon.Add(c.after), offline: c.offline, stages: []purse{{"f1": 1537}}}
		a, b := booked{tag: "a", setl: "1", undone: c.undone}, booked{tag: "b", setl: "2", took: c.took}
		switch m.rows = []booked{a, b}; {
		case c.first:
			m.rows = []booked{b, a}
		case c.undone:
			m.rows = append(m.rows, booked{tag: "a", setl: "3"})
		}
		if m.covered(); (len(m.findings) == 0) != c.holds {
			t.Errorf("%s: %v", name, m.findings)
		}
	}
}
