package policy

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"sort"
	"strings"
)

// Diff is one field in which a case's result is not what the case expects.
type Diff struct {
	Case  string `json:"case"`
	Field string `json:"field"`
	Want  string `json:"want"`
	Got   string `json:"got"`
}

// unordered are the lists whose order says nothing; perKey are the objects of which only the mentioned keys count.
var (
	unordered = []string{"skipped", "refund"}
	perKey    = []string{"after", "after_pots", "quota_after", "line_cash"}
)

// compare looks at the fields that expect mentions and no others. A field that no result has is not compared.
func compare(expect map[string]any, result *Result) (diffs []Diff) {
	got := asJSON(result)
	for _, field := range slices.Sorted(maps.Keys(expect)) {
		want := expect[field]
		if field == "result" && want == "reject" {
			want = "refused"
		}
		have, known := got[field]
		if !known {
			have, known = zeroFields[field]
		}
		if !known {
			continue
		}
		if slices.Contains(perKey, field) {
			diffs = append(diffs, compareKeys(result.ID, field, want, have)...)
			continue
		}
		if slices.Contains(unordered, field) {
			want, have = sorted(want), sorted(have)
		}
		diffs = append(diffs, compareValue(result.ID, field, want, have)...)
	}
	return diffs
}

// zeroFields are what the fields mean that a result leaves out.
var zeroFields = map[string]any{"proxy_recorded": false, "hint": nil, "replayed": false, "state": nil}

func compareKeys(id, field string, want, have any) (diffs []Diff) {
	wanted, _ := want.(map[string]any)
	having, _ := have.(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		diffs = append(diffs, compareValue(id, field+"."+key, wanted[key], having[key])...)
	}
	return diffs
}

func compareValue(id, field string, want, have any) []Diff {
	wantText, haveText := canonical(want), canonical(have)
	if wantText == haveText {
		return nil
	}
	return []Diff{{Case: id, Field: field, Want: wantText, Got: haveText}}
}

// canonical is a value as JSON with sorted keys.
func canonical(value any) string {
	data, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

func sorted(list any) any {
	items, ok := list.([]any)
	if !ok {
		return list
	}
	items = slices.Clone(items)
	sort.Slice(items, func(i, j int) bool { return canonical(items[i]) < canonical(items[j]) })
	return items
}

func asJSON(result *Result) (tree map[string]any) {
	data, err := json.Marshal(result)
	if err != nil {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(&tree); err != nil {
		return nil
	}
	return tree
}

// DiffTable lays differences out for a terminal: case, field, what was expected, what came out.
func DiffTable(diffs []Diff) string {
	var out strings.Builder
	for i, d := range diffs {
		if i == 0 || diffs[i-1].Case != d.Case {
			out.WriteString(d.Case + "\n")
		}
		out.WriteString("  " + d.Field + "\n    expected " + d.Want + "\n    got      " + d.Got + "\n")
	}
	return out.String()
}
