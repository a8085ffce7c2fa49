package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/xuri/excelize/v2"

	"gongji/daemon/session/sessiontest"
	"gongji/settle"
	"gongji/settle/ledger"
)

// soldLedger is an open ledger, as a daemon holds it, with two settlements of the demo day.
func soldLedger(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	clock := sessiontest.NewClock()
	l, err := ledger.Open(context.Background(), ledger.Options{
		Dir: dir, Venue: sessiontest.Venue, Clock: clock.Now, Registerer: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler),
		RulesFor: func(settle.Date) (*settle.Rules, error) { return settle.DefaultRules(), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	if err := l.ApplySnapshot(t.Context(), sessiontest.Family(clock.Now())); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"S1", "S2"} {
		patient := l.PersonID(sessiontest.Patient.PsnNo)
		_, _, err := l.Settle(t.Context(), settle.SettleOrder{
			Sale: settle.Sale{
				POS: "till", ID: id, Terminal: "counter-1", Operator: settle.Operator{ID: "1001"}, MedType: "41", Patient: patient,
				Presenter: settle.Presenter{SamePerson: true, PatientPresent: true}, Credential: settle.Credential{Kind: settle.CredentialCard, Owner: patient},
				UseAccounts: true, PersonCheck: "card_read",
				Lines: []settle.Line{{ID: "1", Code: "C1", Name: "检查", Class: "service_in", Quantity: "1", UnitPrice: "12.34", Total: 1234,
					Personal: [settle.BucketCount]settle.Fen{settle.Coinsurance: 1234}}},
			},
			Presence: settle.Presence{Reader: "counter", Seq: 1, Kind: settle.CredentialCard, MatchedAt: clock.Now(), MaskedHolder: "王*",
				CardHash: l.Index(ledger.KindCard, sessiontest.Patient.CardNumber+"|"+sessiontest.Patient.Identifier)},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func runExport(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	command := exportCommand()
	command.SilenceErrors, command.SilenceUsage = true, true
	command.SetOut(&out)
	command.SetArgs(args)
	err := command.ExecuteContext(t.Context())
	return out.String(), err
}

// TestExportBesideADaemon: every format is written beside a process that holds the ledger, for its owner alone, and never over
// a file by accident.
func TestExportBesideADaemon(t *testing.T) {
	dir, to := soldLedger(t), t.TempDir()
	flags := func(format, name string, more ...string) []string {
		return append([]string{"--data", dir, "--from", "2026-03-01", "--to", "2026-03-31", "--format", format, "--out", filepath.Join(to, name)}, more...)
	}
	for name, args := range map[string][]string{
		"a.csv": flags("csv", "a.csv"), "l.csv": flags("csv", "l.csv", "--lines"), "a.xlsx": flags("xlsx", "a.xlsx", "--group-by", "day"), "a.pdf": flags("pdf", "a.pdf"),
	} {
		out, err := runExport(t, args...)
		if err != nil || !strings.Contains(out, "2 笔") {
			t.Fatalf("%s: %q %v", name, out, err)
		}
		info, err := os.Stat(filepath.Join(to, name))
		if err != nil || info.Mode().Perm() != 0o600 || info.Size() == 0 {
			t.Errorf("%s: %v %v", name, info, err)
		}
	}
	data, err := os.ReadFile(filepath.Join(to, "a.csv"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(data[3:])).ReadAll()
	if err != nil || len(rows) != 3 || strings.Contains(string(data), sessiontest.Patient.IDNumber) || strings.Contains(string(data), sessiontest.Patient.Name) {
		t.Errorf("%v %v", rows, err)
	}
	book, err := excelize.OpenFile(filepath.Join(to, "a.xlsx"))
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	if cells, err := book.GetRows(book.GetSheetName(0)); err != nil || cells[1][0] != "2026-03-10" || cells[1][3] != "24.68" {
		t.Errorf("report %v %v", cells, err)
	}
	if _, err := runExport(t, flags("csv", "a.pdf")...); err == nil || !strings.Contains(err.Error(), "--force") {
		t.Errorf("a file that exists: %v", err)
	}
	if _, err := runExport(t, flags("csv", "a.pdf", "--force")...); err != nil {
		t.Errorf("by force: %v", err)
	}
	left, err := os.ReadDir(to)
	if err != nil || len(left) != 4 {
		t.Errorf("files left over: %v %v", left, err)
	}
	log, err := os.ReadFile(filepath.Join(dir, exportLog))
	if err != nil || strings.Count(string(log), "\n") != 5 || !strings.Contains(string(log), `"group_by":"day"`) {
		t.Errorf("log of exports: %s %v", log, err)
	}
}

func TestExportRefuses(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "x.csv")
	for name, args := range map[string][]string{
		"no flags":  {},
		"bad date":  {"--data", dir, "--from", "1.3.2026", "--to", "2026-03-31", "--format", "csv", "--out", out},
		"backwards": {"--data", dir, "--from", "2026-04-01", "--to", "2026-03-31", "--format", "csv", "--out", out},
		"format":    {"--data", dir, "--from", "2026-03-01", "--to", "2026-03-31", "--format", "doc", "--out", out},
		"grouping":  {"--data", dir, "--from", "2026-03-01", "--to", "2026-03-31", "--format", "csv", "--out", out, "--group-by", "colour"},
		"both":      {"--data", dir, "--from", "2026-03-01", "--to", "2026-03-31", "--format", "csv", "--out", out, "--group-by", "day", "--lines"},
	} {
		if _, err := runExport(t, args...); !errors.Is(err, errUsage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := runExport(t, "--data", dir, "--from", "2026-03-01", "--to", "2026-03-31", "--format", "csv", "--out", out)
	if settle.CodeOf(err) != settle.StoreBroken {
		t.Errorf("no ledger: %v", err)
	}
	if _, err := os.Stat(out); !os.IsNotExist(err) {
		t.Error("a refused export left a file")
	}
}
