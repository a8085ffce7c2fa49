package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gongji/settle/policy"
)

const workedCases = "../../settle/policy/testdata/worked.json"

// runPolicy runs `gongjid policy` with arguments and returns what it printed.
func runPolicy(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, warnings bytes.Buffer
	command := policyCommand()
	command.SilenceErrors = true
	command.SetOut(&out)
	command.SetErr(&warnings)
	command.SetArgs(args)
	err = command.Execute()
	return out.String(), warnings.String(), err
}

func TestPolicyTestJSONIsOneArray(t *testing.T) {
	out, _, err := runPolicy(t, "test", "--json", workedCases)
	if err != nil {
		t.Fatal(err)
	}
	var results []map[string]any
	if err := json.Unmarshal([]byte(out), &results); err != nil {
		t.Fatalf("standard output is not one JSON array: %v", err)
	}
	if len(results) != 44 || results[0]["id"] != "C01" {
		t.Errorf("%d results, the first is %v", len(results), results[0]["id"])
	}
}

// A wrong answer is exit status 1 for people and 0 for programs, which compare for themselves; a case that cannot be
// computed is 1 for both.
func TestPolicyTestExitStatus(t *testing.T) {
	worked, err := os.ReadFile(workedCases)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	change := func(name, old, new string) string {
		file := filepath.Join(dir, name)
		text := strings.Replace(string(worked), old, new, 1)
		if text == string(worked) {
			t.Fatalf("%q is not in the worked cases", old)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	wrong := change("wrong.json", `"cash": 0`, `"cash": 1`)
	if out, _, err := runPolicy(t, "test", wrong); err == nil || !strings.Contains(out, "expected 1") || !strings.Contains(out, "43 as expected, 1 different") {
		t.Errorf("a wrong answer: error %v, output %q", err, out)
	}
	if _, _, err := runPolicy(t, "test", "--json", wrong); err != nil {
		t.Errorf("a wrong answer with --json: %v", err)
	}
	broken := change("broken.json", `"op": "settle"`, `"op": "barter"`)
	if out, _, err := runPolicy(t, "test", "--json", broken); err == nil || !strings.HasPrefix(out, "[") {
		t.Errorf("a case that cannot be computed: error %v, output %.20q", err, out)
	}
	misspelt := change("misspelt.json", `"tiebreak"`, `"tiebraek"`)
	if _, warnings, _ := runPolicy(t, "test", "--json", misspelt); !strings.Contains(warnings, "order.tiebraek is not a policy key") {
		t.Errorf("a misspelt key: %q", warnings)
	}
}

func TestPolicyShow(t *testing.T) {
	out, _, err := runPolicy(t, "show", "410100", "--on", "2024-06-30")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"410100 郑州市, version 2019-6, on 2024-06-30, over CN@2026.1, 410000@2025-04-24",
		"[outpatient, emergency, pharmacy]\n    410100, secondary: HA4-O ",
		"locked by law",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if _, _, err := runPolicy(t, "show", "123456"); err == nil || !strings.Contains(err.Error(), "430100") {
		t.Errorf("an unknown region: %v", err)
	}
	if _, _, err := runPolicy(t, "show", "430100", "--on", "tomorrow"); err == nil || !strings.Contains(err.Error(), "2026-03-10") {
		t.Errorf("a bad day: %v", err)
	}
	if out, _, err := runPolicy(t, "show", "430100", "--json"); err != nil || !json.Valid([]byte(out)) {
		t.Errorf("--json: %v", err)
	}
}

func TestPolicyCheck(t *testing.T) {
	good := "../../settle/policy/regions/430100.yaml"
	if out, _, err := runPolicy(t, "check", good); err != nil || !strings.Contains(out, "no problem found") {
		t.Errorf("a good file: %v, %q", err, out)
	}
	text, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, bytes.Replace(text, []byte("order.source"), []byte("order.sauce"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	out, _, err := runPolicy(t, "check", bad)
	if err == nil || !strings.Contains(out, bad+":8: order.sauce: unknown key") {
		t.Errorf("a bad file: %v, %q", err, out)
	}
	if out, _, err = runPolicy(t, "check", "--json", good); err != nil || strings.TrimSpace(out) != "[]" {
		t.Errorf("a good file as JSON: %v, %q", err, out)
	}
	var problems []policy.Problem
	out, _, err = runPolicy(t, "check", "--json", good, bad)
	if err == nil || json.Unmarshal([]byte(out), &problems) != nil || !slices.ContainsFunc(problems, func(p policy.Problem) bool {
		return p.File == bad && p.Line == 8 && p.Key == "order.sauce"
	}) {
		t.Errorf("a bad file as JSON: %v, %q", err, out)
	}
}

// Whoever reads a policy sees which values are guesses.
func TestPolicyShowMarksAssumedValues(t *testing.T) {
	out, _, err := runPolicy(t, "show", "430100")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"own.gate                            split\n    430000, secondary: HN3-S ", // sourced
		"offline.allowed                     true\n    430100, 假定 (assumed)",
		"values are 假定 (assumed)",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	only, _, err := runPolicy(t, "show", "430100", "--assumed")
	if err != nil || strings.Contains(only, "own.gate") || !strings.Contains(only, "offline.allowed") || strings.Contains(only, "locked by law") {
		t.Errorf("--assumed: %v\n%s", err, only)
	}
}

func TestPolicyRequirements(t *testing.T) {
	out, _, err := runPolicy(t, "requirements")
	if err != nil || strings.Count(out, "\nS-") != 273 || !strings.HasPrefix(out, "S-001") || !strings.Contains(out, "\nall ") {
		t.Errorf("all: %v, %d rows", err, strings.Count(out, "\nS-")+1)
	}
	out, _, err = runPolicy(t, "requirements", "S-055", "S-103")
	if err != nil || !strings.Contains(out, "members.max") || !strings.Contains(out, "out    the centre applies them") || strings.Contains(out, "S-056") {
		t.Errorf("two: %v\n%s", err, out)
	}
	if out, _, err := runPolicy(t, "requirements", "--standing", "out"); err != nil || strings.Contains(out, " carried ") || !strings.Contains(out, "S-030") {
		t.Errorf("--standing out: %v\n%s", err, out)
	}
	if out, _, err := runPolicy(t, "requirements", "--json", "S-001"); err != nil || !json.Valid([]byte(out)) || !strings.Contains(out, `"id":"S-001"`) {
		t.Errorf("--json: %v, %s", err, out)
	}
	for _, args := range [][]string{{"S-275"}, {"--standing", "done"}} {
		if _, _, err := runPolicy(t, append([]string{"requirements"}, args...)...); err == nil {
			t.Errorf("%v was accepted", args)
		}
	}
}

// A made-up city inside Hunan: what the author of a region writes, and no line of Go.
const (
	authorsRegion = `id: "431900"
parent: "430000"
name: 示例市
version: "2026-1"
effective_from: 2026-01-01
sources:
  SL1: {title: 示例市医保局通知, url: example.cn/1, grade: gov}
rules:
  own.gate: {value: zero_only, src: SL1}
  order.source: {value: bind_time_desc, src: SL1}
  caps.day_per_giver: {value: 5000, src: SL1, note: 每位共济人每天 50 元}
  reserve.min_after: {value: 1000, assumed: true}
`
	authorsCases = `{"schema_version": 1, "defaults": {}, "policies": {}, "cases": [
 {"id": "SL-1", "op": "settle", "policy": "431900", "as_of": "2026-03-10T10:00:00+08:00",
  "patient": {"id": "P", "pool": "431900", "status": "normal"}, "presenter": {"id": "P"},
  "credential": {"kind": "card", "owner": "P"}, "venue": {"designated": true}, "med_group": "pharmacy",
  "lines": [{"id": "L1", "class": "drug_a", "ratio": 9000, "total": 9000, "trace": ["T1"]}],
  "accounts": [{"id": "A", "name": "A", "pool": "430100", "status": "normal", "balance": 20000},
   {"id": "B", "name": "B", "pool": "431900", "status": "normal", "balance": 3000}],
  "bindings": [{"giver": "A", "beneficiary": "P", "relation": "child", "rank": 1, "bound_at": "2026-02-01", "valid_from": "2026-02-01"},
   {"giver": "B", "beneficiary": "P", "relation": "spouse", "rank": 2, "bound_at": "2026-03-01", "valid_from": "2026-03-01"}],
  "expect": {"result": "ok", "pays": [{"account": "B", "pot": "balance", "amount": 2000}, {"account": "A", "pot": "balance", "amount": 5000}], "cash": 2000}},
 {"id": "SL-2", "op": "settle", "policy": "431900", "as_of": "2025-12-31T10:00:00+08:00", "expect": {}}
]}
`
)

// A region and its cases are added with two files and three commands (the guide in the documentation of settle/policy).
func TestAuthorAddsARegionWithoutGo(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	region := write("431900.yaml", authorsRegion)
	if out, _, err := runPolicy(t, "check", region); err != nil {
		t.Fatalf("check: %v\n%s", err, out)
	}
	out, _, err := runPolicy(t, "show", "431900", "--dir", dir, "--on", "2026-03-10")
	if err != nil || !strings.Contains(out, "示例市") || !strings.Contains(out, "5000 fen (50.00 yuan)\n    431900, gov: SL1 示例市医保局通知") ||
		!strings.Contains(out, "431900, 假定 (assumed)") {
		t.Errorf("show: %v\n%s", err, out)
	}
	// The second case lies before the region's first day, which is an error of the case.
	out, _, err = runPolicy(t, "test", "--dir", dir, write("cases.json", authorsCases))
	if err == nil || !strings.Contains(err.Error(), "SL-2") || !strings.Contains(out, "1 case(s), 1 as expected") {
		t.Errorf("test: %v\n%s", err, out)
	}
	good := write("good.json", strings.Replace(authorsCases, "2025-12-31", "2026-01-01", 1))
	if out, warnings, err := runPolicy(t, "test", "--dir", dir, good); err != nil || warnings != "" || !strings.Contains(out, "2 as expected") {
		t.Errorf("test: %v\n%s%s", err, out, warnings)
	}
	if out, _, err := runPolicy(t, "test", good); err == nil || !strings.Contains(err.Error(), "nor a region of that id") {
		t.Errorf("without --dir: %v\n%s", err, out)
	}
	if out, _, err := runPolicy(t, "check", write("bad.yaml", strings.Replace(authorsRegion, ", src: SL1, note", ", note", 1))); err == nil ||
		!strings.Contains(out, "bad.yaml:11: caps.day_per_giver: differs from the parent's value and needs src") {
		t.Errorf("a value without a source: %v\n%s", err, out)
	}
}
