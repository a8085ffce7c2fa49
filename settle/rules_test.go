package settle

import "testing"

func TestGroupOf(t *testing.T) {
	rules := DefaultRules()
	for code, want := range map[string]MedGroup{
		"11": Outpatient, "13": Emergency, "14": Chronic, "140104": Chronic, "2101": Inpatient, "41": Pharmacy, "52": Maternity, "9929": Chronic,
	} {
		if got, known := rules.GroupOf(code); !known || got != want {
			t.Errorf("GroupOf(%q) = %q, %v; want %q", code, got, known, want)
		}
	}
	for _, code := range []string{"", "4", "411", "99", "x"} {
		if got, known := rules.GroupOf(code); known {
			t.Errorf("GroupOf(%q) = %q; an unknown code must not be guessed", code, got)
		}
	}
	local := rules.Clone()
	local.MedGroupMap["14*"], local.MedGroupMap["1499*"] = Chronic, Outpatient
	if got, _ := local.GroupOf("149901"); got != Outpatient {
		t.Errorf("the longest match must count, got %q", got)
	}
	if _, leaked := rules.MedGroupMap["1499*"]; leaked {
		t.Error("a clone shares its map with the original")
	}
}

func TestAreaAllowList(t *testing.T) {
	a := AreaRules{Rule: SamePool, AllowList: []string{"430100-440300"}}
	for _, pair := range []struct {
		giver, patient string
		want           bool
	}{{"430100", "430100", true}, {"430100", "440300", true}, {"440300", "430100", true}, {"430100", "430200", false}} {
		if got := a.areasFit(pair.giver, pair.patient); got != pair.want {
			t.Errorf("areasFit(%s, %s) = %v", pair.giver, pair.patient, got)
		}
	}
}
