package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
}
