package settle

import (
	"fmt"
	"testing"
)

// TestTraceFault: as many codes as packs, each of the policy's form and each once.
func TestTraceFault(t *testing.T) {
	rules := TraceRules{Classes: []string{"drug_a"}, RejectDuplicate: true, CodeForms: []string{"n5", "an..3"}}
	for _, c := range []struct {
		name, quantity, perPack string
		split, noCode           bool
		codes                   []string
		reason                  Reason
		said                    Case
	}{
		{"one pack", "1", "", false, false, []string{"10001"}, "", ""},
		{"no code", "1", "", false, false, nil, ETraceMissing, CaseTraceMissing},
		{"on the no-code list", "1", "", false, true, nil, "", ""},
		{"a code is missing", "2", "", false, false, []string{"10001"}, ETraceMissing, CaseTraceMissing},
		{"a code too many", "2.0", "", false, false, []string{"10001", "10002", "10003"}, ETraceCount, CaseTraceCount},
		{"no quantity told, as many as there are", "", "", false, false, []string{"10001", "10002"}, "", ""},
		{"the same twice", "2", "", false, false, []string{"10001", "10001"}, ETraceDuplicate, CaseTraceTwice},
		{"another form", "1", "", false, false, []string{"ab3"}, "", ""},
		{"no form", "1", "", false, false, []string{"8000"}, ETraceForm, CaseTraceForm},
		{"letters where digits belong", "1", "", false, false, []string{"1000a"}, ETraceForm, CaseTraceForm},
		{"a part of a pack", "0.5", "", true, false, []string{"10001"}, "", ""},
		{"over two packs", "0.5", "", true, false, []string{"10001", "10002"}, "", ""},
		{"over too many packs", "0.5", "", true, false, []string{"10001", "10002", "10003"}, ETraceCount, CaseTraceCount},
		{"tablets", "30", "24", true, false, []string{"10001", "10002"}, "", ""},
		{"tablets without the size of a pack", "30", "", true, false, []string{"10001"}, ETraceMissing, CaseTraceParts},
		{"whole packs in tablets", "48", "24", false, false, []string{"10001", "10002"}, "", ""},
		{"whole packs in tablets, a code short", "48", "24", false, false, []string{"10001"}, ETraceMissing, CaseTraceMissing},
	} {
		line := Line{ID: "L", Class: "drug_a", Quantity: c.quantity, UnitsPerPack: c.perPack, SplitPack: c.split, NoCode: c.noCode, TraceCodes: c.codes}
		fault := rules.Fault(20260101, []Line{line})
		if fault.Reason != c.reason || fault.Case != c.said || c.reason != "" && fault.Line != "L" {
			t.Errorf("%s: %+v, want %s (%s)", c.name, fault, c.reason, c.said)
		}
	}
	if fault := rules.Fault(20260101, []Line{{ID: "L", Class: "device_reg", TraceCodes: []string{"x-y"}}}); fault.Reason != "" {
		t.Errorf("a class without trace codes: %+v", fault)
	}
}

func TestParseCodeForm(t *testing.T) {
	for text, want := range map[string]CodeForm{
		"n20": {Length: 20}, "n..20": {AtMost: true, Length: 20}, "an30": {Letters: true, Length: 30}, "an..30": {Letters: true, AtMost: true, Length: 30},
	} {
		if got, ok := ParseCodeForm(text); !ok || got != want {
			t.Errorf("%s reads as %+v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "20", "n", "n0", "n-1", "x20", "an.20", fmt.Sprintf("n%d0", 1<<62)} {
		if got, ok := ParseCodeForm(text); ok {
			t.Errorf("%q reads as %+v", text, got)
		}
	}
}
