package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gongji/settle"
)

// TestErrorPageIsTheCode: the page says what the code says. "go generate ./cmd/gongjid" writes it anew.
func TestErrorPageIsTheCode(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(moduleRoot(t), "config/docs/errors.md"))
	if err != nil {
		t.Fatal(err)
	}
	want, code := runErrors(t, "--format", "markdown")
	if code != nil || string(page) != want {
		t.Errorf("config/docs/errors.md is not what the code says (%v); run: go generate ./cmd/gongjid", code)
	}
}

func TestErrorsCommand(t *testing.T) {
	text, err := runErrors(t, "card_absent")
	if err != nil || !strings.Contains(text, settle.Sentences[settle.CardAbsent].Message) || strings.Contains(text, "CARD_REMOVED") {
		t.Errorf("%v\n%s", err, text)
	}
	if _, err := runErrors(t, "NO_SUCH_CODE"); err == nil || !strings.Contains(err.Error(), "NO_SUCH_CODE") {
		t.Errorf("unknown code: %v", err)
	}
	text, err = runErrors(t, "--format", "json")
	var entries []errorEntry
	if err := json.Unmarshal([]byte(text), &entries); err != nil || len(entries) != len(settle.Sentences)+len(settle.ReasonSentences) {
		t.Errorf("%d entries, %v", len(entries), err)
	}
	for _, e := range entries {
		if e.Message == "" || e.Cause == "" || e.Operator == "" || e.English == "" || e.Kind == "code" && (e.Cashier == "" || e.Status == 0) {
			t.Errorf("%s is not whole: %+v", e.Code, e)
		}
	}
	if err != nil {
		t.Error(err)
	}
}

func runErrors(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	root := rootCommand()
	root.SetOut(&out)
	root.SetArgs(append([]string{"errors"}, args...))
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}
