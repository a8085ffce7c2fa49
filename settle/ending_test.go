package settle

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func endingFacts() EndingFacts {
	return EndingFacts{
		Binding: Binding{ID: "B", Giver: "G", Beneficiary: "P", Relation: Parent, Mode: Direct},
		Giver:   Person{ID: "G", Status: StatusNormal, Area: "430100"}, Beneficiary: Person{ID: "P", Status: StatusNormal, Area: "430200"},
		GiverAccount: StatusNormal, GiverAreaWas: "430100", BeneficiaryAreaWas: "430200",
	}
}

func TestAutoEnd(t *testing.T) {
	for _, c := range []struct {
		name    string
		rules   func(*Rules)
		facts   func(*EndingFacts)
		reason  string
		ofGiver bool
	}{
		{"nothing happened", nil, nil, "", false},
		{"the giver died", nil, func(f *EndingFacts) { f.Giver.Status = StatusDeceased }, EndDeath, true},
		{"the giver's account says so", nil, func(f *EndingFacts) { f.GiverAccount = StatusDeceased }, EndDeath, true},
		{"the relative died", nil, func(f *EndingFacts) { f.Beneficiary.Status = StatusDeceased }, EndDeath, false},
		{"death comes before all", nil, func(f *EndingFacts) { f.Giver.Status, f.Beneficiary.Status = StatusEnded, StatusDeceased }, EndDeath, false},
		{"a region without the rule", func(r *Rules) { r.Binding.AutoEndOn = []string{"divorce"} },
			func(f *EndingFacts) { f.Giver.Status, f.Beneficiary.Area = StatusDeceased, "110000" }, "", false},
		{"the giver's insurance ended", nil, func(f *EndingFacts) { f.Giver.Status = StatusEnded }, EndInsuranceEnded, true},
		{"the giver's account was closed", nil, func(f *EndingFacts) { f.GiverAccount = StatusClosed }, EndInsuranceEnded, true},
		{"the relative's insurance ended", nil, func(f *EndingFacts) { f.Beneficiary.Status = StatusEnded }, EndInsuranceEnded, false},
		{"a pause passes", nil, func(f *EndingFacts) { f.Giver.Status, f.Beneficiary.Status = StatusPaused, StatusPaused }, "", false},
		{"a frozen account passes", nil, func(f *EndingFacts) { f.GiverAccount = StatusFrozen }, "", false},
		{"where an ended giver may pay", func(r *Rules) { r.Giver.StatusOK = []Status{StatusNormal, StatusEnded} },
			func(f *EndingFacts) { f.Giver.Status, f.GiverAccount = StatusEnded, StatusEnded }, "", false},
		{"where the relative need not be insured", func(r *Rules) { r.Beneficiary.InsuredRequired = false },
			func(f *EndingFacts) { f.Beneficiary.Status = StatusEnded }, "", false},
		{"moved inside the province", nil, func(f *EndingFacts) { f.Beneficiary.Area = "430900" }, "", false},
		{"the relative moved away", nil, func(f *EndingFacts) { f.Beneficiary.Area = "440300" }, EndMoved, false},
		{"the giver moved away", nil, func(f *EndingFacts) { f.Giver.Area = "440300" }, EndMoved, true},
		{"moved together", nil, func(f *EndingFacts) { f.Giver.Area, f.Beneficiary.Area = "440300", "440100" }, "", false},
		{"never fitted", nil, func(f *EndingFacts) { f.Beneficiary.Area, f.BeneficiaryAreaWas = "440300", "440300" }, "", false},
		{"not known before", nil, func(f *EndingFacts) { f.Beneficiary.Area, f.BeneficiaryAreaWas = "440300", "" }, "", false},
		{"a wallet reaches there", nil, func(f *EndingFacts) { f.Beneficiary.Area, f.Binding.Mode = "440300", Wallet }, "", false},
		{"an allowed pair", func(r *Rules) { r.Area.AllowList = []string{"430100-440300"} },
			func(f *EndingFacts) { f.Beneficiary.Area = "440300" }, "", false},
	} {
		rules, facts := DefaultRules(), endingFacts()
		if c.rules != nil {
			c.rules(rules)
		}
		if c.facts != nil {
			c.facts(&facts)
		}
		ending, ended := AutoEnd(rules, &facts)
		if ended != (c.reason != "") || ending.Reason != c.reason || ending.OfGiver != c.ofGiver {
			t.Errorf("%s: %+v %v, want %q of giver %v", c.name, ending, ended, c.reason, c.ofGiver)
		}
		if words := EndWords(rules, Ending{Reason: EndMoved}); !strings.Contains(words.Message, "亲属的医保关系已转到不能共济的地区") || words.Hint == "" {
			t.Fatalf("words %+v", words)
		}
	}
}

// A policy that ends on nothing ends nothing; one that ends on more ends no less; and whatever ends is one of its events.
func TestAutoEndFollowsThePolicy(t *testing.T) {
	statuses := []Status{StatusNormal, StatusPaused, StatusEnded, StatusFrozen, StatusDeceased, StatusClosed}
	areas := []string{"430100", "430200", "440300", ""}
	events := []string{"death", EndMoved, EndInsuranceEnded}
	rapid.Check(t, func(t *rapid.T) {
		rules, f := DefaultRules(), endingFacts()
		f.Giver.Status, f.Beneficiary.Status = rapid.SampledFrom(statuses).Draw(t, "giver"), rapid.SampledFrom(statuses).Draw(t, "beneficiary")
		f.GiverAccount = rapid.SampledFrom(statuses).Draw(t, "account")
		f.Giver.Area, f.GiverAreaWas = rapid.SampledFrom(areas[:3]).Draw(t, "area"), rapid.SampledFrom(areas).Draw(t, "was")
		some := rapid.SliceOfDistinct(rapid.SampledFrom(events), func(s string) string { return s }).Draw(t, "events")
		rules.Binding.AutoEndOn = some
		ending, ended := AutoEnd(rules, &f)
		if ended {
			found := false
			for _, e := range some {
				found = found || e == ending.Reason
			}
			if !found {
				t.Fatalf("%s is not among %v", ending.Reason, some)
			}
		}
		rules.Binding.AutoEndOn = events
		if _, all := AutoEnd(rules, &f); ended && !all {
			t.Fatal("more events end less")
		}
	})
}
