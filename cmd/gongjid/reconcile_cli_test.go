package main

import (
	"bytes"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gongji/settle"
)

// TestReconcileCommand: the command asks the running daemon, prints what it says, and writes the month's zip once.
func TestReconcileCommand(t *testing.T) {
	s, _ := startSandboxWith(t, sandboxOptions{dir: t.TempDir()})
	till := counterTill(t, s)
	till.insert(t, "1")
	if err := till.accepted(t.Context(), till.mask(t, "C-1"), "accepted"); err != nil {
		t.Fatal(err)
	}
	address, err := url.Parse(s.daemon.URL())
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("../../config/gongjid.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	configured := filepath.Join(dir, "gongjid.yaml")
	if err := os.WriteFile(configured, bytes.ReplaceAll(example, []byte("127.0.0.1:7311"), []byte(address.Host)), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GONGJI_TOKEN", managerTokenOf(t, s))
	run := func(arguments ...string) (string, error) {
		t.Helper()
		command := reconcileCommand()
		var out bytes.Buffer
		command.SetOut(&out)
		command.SetErr(&out)
		command.SetArgs(append([]string{"--config", configured}, arguments...))
		err := command.ExecuteContext(t.Context())
		return out.String(), err
	}
	today := settle.DateOf(time.Now()).String()
	if text, err := run("--day", today); err != nil || !strings.Contains(text, today+"  agreed") {
		t.Fatalf("%s, %v", text, err)
	}
	zip := filepath.Join(dir, "month.zip")
	if text, err := run("--month", today[:7], "--bundle", zip); err != nil || !strings.Contains(text, "month.zip") {
		t.Fatalf("%s, %v", text, err)
	}
	if info, err := os.Stat(zip); err != nil || info.Size() == 0 || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("%+v, %v", info, err)
	}
	if _, err := run("--month", today[:7], "--bundle", zip); err == nil {
		t.Error("a file that exists was written over")
	}
	for _, wrong := range [][]string{{"--day", today, "--month", today[:7]}, {"--bundle", zip}, {"--month", "x"}} {
		if _, err := run(wrong...); !errors.Is(err, errUsage) {
			t.Errorf("%v: %v", wrong, err)
		}
	}
	t.Setenv("GONGJI_TOKEN", "")
	if _, err := run("--day", today); !errors.Is(err, errUsage) {
		t.Errorf("without a token: %v", err)
	}
}
