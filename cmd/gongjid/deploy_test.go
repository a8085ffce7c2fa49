package main

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// alertRules is the part of a Prometheus rule file that these tests look at.
type alertRules struct {
	Groups []struct {
		Rules []struct {
			Alert       string            `yaml:"alert"`
			Expr        string            `yaml:"expr"`
			Annotations map[string]string `yaml:"annotations"`
		} `yaml:"rules"`
	} `yaml:"groups"`
}

func deployFile(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(moduleRoot(t), "config", "deploy", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// The files for operators, of the daemon and of the centre. What the centre's ask for is held against a running centre where its
// command is tested.
var (
	ruleFiles  = []string{"prometheus/alerts.yml", "prometheus/centre-alerts.yml"}
	boardFiles = []string{"grafana/gongji.json", "grafana/gongji-centre.json"}
)

// alerts are the expressions of a file's alert rules by name.
func alerts(t *testing.T, file string) map[string]string {
	t.Helper()
	var rules alertRules
	if err := yaml.UnmarshalWithOptions(deployFile(t, file), &rules); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			if found[rule.Alert] != "" {
				t.Errorf("two rules are named %s", rule.Alert)
			}
			found[rule.Alert] = rule.Expr
			if want := "runbook.md#" + strings.ToLower(rule.Alert); rule.Annotations["runbook"] != want {
				t.Errorf("%s points to %q, want %s", rule.Alert, rule.Annotations["runbook"], want)
			}
		}
	}
	if len(found) == 0 {
		t.Fatal("no alerts")
	}
	return found
}

// dashboardQueries are the expressions of a dashboard by panel.
func dashboardQueries(t *testing.T, file string) map[string]string {
	t.Helper()
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr, RefID string }
		}
	}
	if err := json.Unmarshal(deployFile(t, file), &board); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, panel := range board.Panels {
		for _, target := range panel.Targets {
			found[panel.Title+" "+target.RefID] = strings.ReplaceAll(target.Expr, "$instance", ".*")
		}
	}
	if len(found) == 0 {
		t.Fatal("no panels")
	}
	return found
}

// metricName finds names of metrics in an expression: ours and those of the collectors that every Go program has.
var metricName = regexp.MustCompile(`\b(gongji|process|go)_[a-z_]+\b`)

// TestOperatorsFilesNameRealMetrics: what a dashboard or a rule asks for is in the scrape of a daemon that just started.
func TestOperatorsFilesNameRealMetrics(t *testing.T) {
	s, _ := startSandbox(t)
	exposed := "\n" + scrape(t, s)
	queries := dashboardQueries(t, boardFiles[0])
	for name, expr := range alerts(t, ruleFiles[0]) {
		queries[name] = expr
	}
	for where, expr := range queries {
		names := metricName.FindAllString(expr, -1)
		if len(names) == 0 && expr != `up{job="gongji"} == 0` {
			t.Errorf("%s asks for nothing: %s", where, expr)
		}
		for _, name := range names {
			if !strings.Contains(exposed, "\n"+name+"{") && !strings.Contains(exposed, "\n"+name+" ") {
				t.Errorf("%s asks for %s, which the daemon does not expose", where, name)
			}
		}
	}
}

// label finds a label's fixed values in a selector.
var label = regexp.MustCompile(`(gongji_[a-z_]+)\{[^}]*?\b(code|kind|reason|result)=~?"([A-Za-z_|]+)"`)

// TestRulesNameRealLabels: a rule that waits for a label's value that never comes is a rule that never fires.
func TestRulesNameRealLabels(t *testing.T) {
	s, _ := startSandbox(t)
	exposed := scrape(t, s)
	queries := dashboardQueries(t, boardFiles[0])
	for name, expr := range alerts(t, ruleFiles[0]) {
		queries[name] = expr
	}
	seen := 0
	for where, expr := range queries {
		for _, found := range label.FindAllStringSubmatch(expr, -1) {
			for value := range strings.SplitSeq(found[3], "|") {
				seen++
				if !regexp.MustCompile(`(?m)^` + found[1] + `\{[^}]*` + found[2] + `="` + value + `"`).MatchString(exposed) {
					t.Errorf("%s waits for %s{%s=%q}, which the daemon does not expose", where, found[1], found[2], value)
				}
			}
		}
	}
	if seen < 5 {
		t.Errorf("only %d labels were looked at", seen)
	}
}

// TestEveryAlertHasItsSection of the runbook, with cause, check and remedy, and every section its alert.
func TestEveryAlertHasItsSection(t *testing.T) {
	rules := map[string]string{}
	for _, file := range ruleFiles {
		maps.Copy(rules, alerts(t, file))
	}
	sections := strings.Split(string(deployFile(t, "runbook.md")), "\n## ")[1:]
	var titles []string
	for _, section := range sections {
		title, text, _ := strings.Cut(section, "\n")
		titles = append(titles, title)
		if rules[title] == "" {
			t.Errorf("the runbook's section %s has no alert", title)
		}
		for _, part := range []string{"原因 Cause：", "检查 Check：", "处理 Remedy："} {
			if _, after, found := strings.Cut(text, "- "+part); !found || len(strings.TrimSpace(strings.SplitN(after, "\n", 2)[0])) < 10 {
				t.Errorf("the runbook's section %s has no %s", title, part)
			}
		}
	}
	for name := range rules {
		if !slices.Contains(titles, name) {
			t.Errorf("alert %s has no section in the runbook", name)
		}
	}
}

// TestRulesAreUnderstoodByPrometheus: its own tool reads the rules and the dashboard's queries, and plays the rules' cases.
func TestRulesAreUnderstoodByPrometheus(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("GONGJI_CI") == "1" {
			t.Fatal("promtool is missing; install prometheus")
		}
		t.Skip("promtool is not installed")
	}
	check := func(args ...string) {
		t.Helper()
		if output, err := exec.Command(promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, output)
		}
	}
	folder := filepath.Join(moduleRoot(t), "config", "deploy", "prometheus")
	for _, file := range ruleFiles {
		name := strings.TrimSuffix(filepath.Base(file), ".yml")
		check("check", "rules", filepath.Join(folder, name+".yml"))
		check("test", "rules", filepath.Join(folder, name+"_test.yml"))
	}

	type rule struct {
		Record string `yaml:"record"`
		Expr   string `yaml:"expr"`
	}
	type group struct {
		Name  string `yaml:"name"`
		Rules []rule `yaml:"rules"`
	}
	queries := group{Name: "dashboard"}
	for _, file := range boardFiles {
		for _, expr := range dashboardQueries(t, file) {
			queries.Rules = append(queries.Rules, rule{"dashboard:query", expr})
		}
	}
	text, err := yaml.Marshal(map[string][]group{"groups": {queries}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "dashboard.yml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	check("check", "rules", "--lint=none", file)
}

// TestEveryAlertFiresInACase: a rule that no case makes fire may be one that cannot.
func TestEveryAlertFiresInACase(t *testing.T) {
	for _, file := range ruleFiles {
		var cases struct {
			Tests []struct {
				Alerts []struct {
					Name string           `yaml:"alertname"`
					Want []map[string]any `yaml:"exp_alerts"`
				} `yaml:"alert_rule_test"`
			} `yaml:"tests"`
		}
		if err := yaml.Unmarshal(deployFile(t, strings.TrimSuffix(file, ".yml")+"_test.yml"), &cases); err != nil {
			t.Fatal(err)
		}
		fires := map[string]bool{}
		for _, c := range cases.Tests {
			for _, alert := range c.Alerts {
				fires[alert.Name] = fires[alert.Name] || len(alert.Want) > 0
			}
		}
		for name := range alerts(t, file) {
			if !fires[name] {
				t.Errorf("%s: no case makes %s fire", file, name)
			}
		}
	}
}

// logCall finds the sentences that the program logs.
var logCall = regexp.MustCompile(`\.(?:Info|Warn|Error)\("([^"]+)"`)

// TestLogSchemaNamesRealLines: an operator may match on every sentence that the page lists.
func TestLogSchemaNamesRealLines(t *testing.T) {
	logged := map[string]bool{}
	for _, file := range goFiles(t) {
		if file.test {
			continue
		}
		source, err := os.ReadFile(filepath.Join(moduleRoot(t), filepath.FromSlash(file.path)))
		if err != nil {
			t.Fatal(err)
		}
		for _, call := range logCall.FindAllSubmatch(source, -1) {
			logged[string(call[1])] = true
		}
	}
	_, listed, _ := strings.Cut(string(deployFile(t, "log-schema.md")), "## 常看的行")
	rows := regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (?:INFO|WARN|ERROR) \\|").FindAllStringSubmatch(listed, -1)
	if len(rows) < 10 {
		t.Fatalf("only %d lines are listed", len(rows))
	}
	for _, row := range rows {
		if !logged[row[1]] {
			t.Errorf("the log schema lists %q, which nothing logs", row[1])
		}
	}
}

// TestUnitIsSound: systemd itself reads the units, and its measure of exposure stays where it was found.
func TestUnitIsSound(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		if os.Getenv("GONGJI_CI") == "1" {
			t.Fatal("systemd-analyze is missing; install systemd")
		}
		t.Skip("systemd-analyze is not installed")
	}
	dir := t.TempDir()
	for unit, limit := range map[string]string{"gongjid.service": "20", "gongjid-verify.service": "10"} { // tenths
		// The program is where the test built it, and the manual pages are not installed.
		text := strings.ReplaceAll(string(deployFile(t, "systemd/"+unit)), "/usr/bin/gongjid", built(t))
		text = regexp.MustCompile(`(?m)^Documentation=.*$`).ReplaceAllString(text, "")
		file := filepath.Join(dir, unit)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if output, err := exec.Command(analyze, "verify", "--man=no", file).CombinedOutput(); err != nil || len(output) > 0 {
			t.Errorf("%s: %v\n%s", unit, err, output)
		}
		if output, err := exec.Command(analyze, "security", "--offline=true", "--threshold="+limit, file).CombinedOutput(); err != nil {
			t.Errorf("%s is more exposed than %s tenths: %v\n%s", unit, limit, err, output[max(0, len(output)-200):])
		}
	}
}

// TestNoPrivateKeyIsShipped: no file of the house but the sources of tests holds a private key, so none is in a package; a key
// that every customer has protects none of them.
func TestNoPrivateKeyIsShipped(t *testing.T) {
	looked := 0
	err := filepath.WalkDir(moduleRoot(t), func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "testdata"):
			return fs.SkipDir
		case !d.Type().IsRegular() || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		looked++
		if bytes.Contains(text, []byte("-----BEGIN "+"PRIVATE KEY")) || regexp.MustCompile(`-----BEGIN [A-Z ]+ PRIVATE KEY`).Match(text) {
			t.Errorf("%s holds a private key", path)
		}
		for _, ending := range []string{".pfx", ".p12", ".jks", ".key"} {
			if strings.HasSuffix(path, ending) {
				t.Errorf("%s is a store of keys", path)
			}
		}
		return err
	})
	if err != nil || looked < 500 {
		t.Errorf("%d files looked at, %v", looked, err)
	}
}
