package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gongji/daemon/session"
)

// TestOutboxTellsWhatIsUnsent: nothing, something, and what cannot be read are three answers to a script.
func TestOutboxTellsWhatIsUnsent(t *testing.T) {
	s, _ := startSandbox(t)
	till := counterTill(t, s)
	ask := func(wantCode int, wantText string) {
		t.Helper()
		stdout, stderr, code := runTool(t, "outbox", "--data", dataDir(s), "--fail-if-unsent")
		if code != wantCode || !strings.Contains(stdout+stderr, wantText) {
			t.Errorf("exit %d, want %d with %q:\n%s%s", code, wantCode, wantText, stdout, stderr)
		}
	}
	ask(0, "全部已上报")
	till.insert(t, "1")
	if err := s.SetCentre(false); err != nil {
		t.Fatal(err)
	}
	if _, _, err := till.client.Settle(t.Context(), session.SettleRequest{SaleRequest: till.bill("UNSENT-1")}); err != nil {
		t.Fatal(err)
	}
	ask(3, "未上报 unsent            1 笔")
	if _, _, code := runTool(t, "outbox", "--data", dataDir(s)); code != 0 {
		t.Errorf("a question is no failure: exit %d", code)
	}

	ruined := t.TempDir()
	if err := os.WriteFile(filepath.Join(ruined, "ledger.db"), []byte(strings.Repeat("not a database. ", 512)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := runTool(t, "outbox", "--data", ruined, "--fail-if-unsent"); code != 1 || !strings.Contains(stderr, "STORE_BROKEN") {
		t.Errorf("a ledger that cannot be read: exit %d, %s", code, stderr)
	}
	if _, _, code := runTool(t, "outbox", "--data", t.TempDir(), "--fail-if-unsent"); code != 0 {
		t.Errorf("no ledger owes nothing: exit %d", code)
	}
}
