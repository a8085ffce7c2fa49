package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gongji/settle"
	"gongji/settle/ledger"
)

func runProof(t *testing.T, args ...string) (string, error) {
	t.Helper()
	command := proofCommand()
	var out bytes.Buffer
	command.SetOut(&out)
	command.SetErr(&out)
	command.SilenceUsage = true
	command.SetArgs(args)
	err := command.ExecuteContext(t.Context())
	return out.String(), err
}

// TestProofCommand: a shop gives its key away, exports a proof beside the running daemon, and a desk that has nothing but the two
// files reads what was settled; a changed file and a foreign key are named.
func TestProofCommand(t *testing.T) {
	dir := soldLedger(t)
	example, err := os.ReadFile("../../config/gongjid.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	place := t.TempDir()
	configured, key, proof := filepath.Join(place, "gongjid.yaml"), filepath.Join(place, "verify.key"), filepath.Join(place, "proof.json")
	writeFile(t, configured, regexp.MustCompile(`(?m)^data: .*$`).ReplaceAllString(string(example), "data: "+dir))
	text, err := runProof(t, "--print-key", "--config", configured)
	if err != nil || !strings.HasPrefix(text, "gongji-verify-1:") {
		t.Fatalf("%s %v", text, err)
	}
	writeFile(t, key, text)
	r, err := ledger.ReadDir(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	page, err := r.Records(t.Context(), settle.RecordQuery{Limit: 1})
	if err != nil || r.Close() != nil {
		t.Fatal(err)
	}
	id := page.Records[0].ID
	if text, err := runProof(t, id, "--config", configured, "--out", proof); err != nil {
		t.Fatalf("%s %v", text, err)
	}
	if _, err := runProof(t, id, "--config", configured, "--out", proof); err == nil {
		t.Error("a file that exists was written over")
	}
	text, err = runProof(t, "--check", proof, "--key", key)
	for _, want := range []string{"核验通过", id, "P43010000001", "逐字未改", "12.34", "小票号", "王*"} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %s:\n%s", want, text)
		}
	}
	if err != nil || strings.Contains(text, "未给核验公钥") {
		t.Errorf("%s %v", text, err)
	}
	if text, err = runProof(t, "--check", proof); err != nil || !strings.Contains(text, "不证明是谁签的") {
		t.Errorf("without a key: %s %v", text, err)
	}
	content, err := os.ReadFile(proof)
	if err != nil {
		t.Fatal(err)
	}
	changed := filepath.Join(place, "changed.json")
	writeFile(t, changed, strings.Replace(string(content), "C1", "C2", 1))
	if text, err = runProof(t, "--check", changed, "--key", key); err == nil || !strings.Contains(text, "改动过") {
		t.Errorf("changed: %s %v", text, err)
	}
	if text, err = runProof(t, "--check", proof, "--key", "gongji-verify-1:AAAA"); err == nil || !strings.Contains(text, "公钥") {
		t.Errorf("foreign: %s %v", text, err)
	}
	head := filepath.Join(place, "head.json")
	if text, err = runProof(t, "--head", "--config", configured, "--out", head); err != nil {
		t.Fatalf("%s %v", text, err)
	}
	if text, err = runProof(t, "--check", head, "--key", key); err != nil || !strings.Contains(text, "账本声明核验通过") {
		t.Errorf("head: %s %v", text, err)
	}
	if _, err := runProof(t, "--config", configured); err == nil {
		t.Error("nothing to prove was no mistake")
	}
}
