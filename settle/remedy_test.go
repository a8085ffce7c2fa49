package settle

import "testing"

// TestRemediesAreWhole: every code and reason that people read about says why it comes and what to do, and nothing else does.
func TestRemediesAreWhole(t *testing.T) {
	whole := func(name string, r Remedy) {
		if r.Cause == "" || r.Operator == "" || r.English == "" {
			t.Errorf("%s: cause, operator and English are needed: %+v", name, r)
		}
	}
	for code := range Sentences {
		whole(string(code), Remedies[code])
	}
	for reason := range ReasonSentences {
		whole(string(reason), ReasonRemedies[reason])
	}
	if len(Remedies) != len(Sentences) || len(ReasonRemedies) != len(ReasonSentences) {
		t.Errorf("%d remedies for %d codes, %d for %d reasons", len(Remedies), len(Sentences), len(ReasonRemedies), len(ReasonSentences))
	}
}
