package settle

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
	"time"
	"unicode"
)

// TestEveryCodeHasItsSentence reads the constants from the source, so that a new code cannot be forgotten.
func TestEveryCodeHasItsSentence(t *testing.T) {
	codes, reasons := constantsOf(t, "error.go", "Code"), constantsOf(t, "error.go", "Reason")
	if len(codes) < 30 || len(reasons) < 35 {
		t.Fatalf("found only %d codes and %d reasons", len(codes), len(reasons))
	}
	for _, code := range codes {
		s, ok := Sentences[Code(code)]
		if !ok || s.Status < 400 || s.Status > 599 || s.Hint == "" {
			t.Errorf("code %s has no whole entry in Sentences", code)
		}
		checkSentence(t, code, s)
	}
	for _, reason := range reasons {
		s, ok := ReasonSentences[Reason(reason)]
		if !ok {
			t.Errorf("reason %s has no entry in ReasonSentences", reason)
		}
		checkSentence(t, reason, s)
		if strings.HasPrefix(reason, "E_") && s.Hint == "" {
			t.Errorf("refusal %s tells the cashier nothing to do", reason)
		}
	}
	if len(codes) != len(Sentences) || len(reasons) != len(ReasonSentences) {
		t.Errorf("%d codes, %d sentences; %d reasons, %d sentences", len(codes), len(Sentences), len(reasons), len(ReasonSentences))
	}
}

func checkSentence(t *testing.T, name string, s Sentence) {
	t.Helper()
	if !strings.ContainsFunc(s.Message, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
		t.Errorf("%s: the cashier's sentence is not Chinese: %q", name, s.Message)
	}
	if s.English == "" || strings.ContainsFunc(s.English, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
		t.Errorf("%s: the integrator's sentence is not English: %q", name, s.English)
	}
}

// constantsOf are the values of the string constants of a type in a file.
func constantsOf(t *testing.T, file, typeName string) []string {
	t.Helper()
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), file, source, 0)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); ok && name.Name == typeName {
			values = append(values, strings.Trim(spec.Values[0].(*ast.BasicLit).Value, `"`))
		}
		return true
	})
	return values
}

func TestErrorIsComparesCodesThroughWrapping(t *testing.T) {
	err := fmt.Errorf("till: %w", Refused(EVenue))
	if !errors.Is(err, NewError(RuleRefused, nil)) || !errors.Is(err, Refused(EVenue)) {
		t.Error("the code is lost in wrapping")
	}
	if errors.Is(err, Refused(EProxyDocs)) || errors.Is(err, NewError(CardAbsent, nil)) {
		t.Error("another code compares equal")
	}
	if CodeOf(errors.New("disk I/O error")) != StoreBroken {
		t.Error("an unknown error must read as: nothing was settled")
	}
	if s := SentenceOf(Refused(ETraceMissing)); s.Message != ReasonSentences[ETraceMissing].Message || s.Status != 422 {
		t.Errorf("a rule's refusal speaks as %+v", s)
	}
}

// TestEveryCaseHasItsSentence: each case speaks Chinese and English, and says with members what its sentence leaves open.
func TestEveryCaseHasItsSentence(t *testing.T) {
	cases := constantsOf(t, "case.go", "Case")
	if len(cases) == 0 || len(cases) != len(CaseSentences) {
		t.Errorf("%d cases, %d sentences", len(cases), len(CaseSentences))
	}
	for _, name := range cases {
		s, known := CaseSentences[Case(name)]
		if !known || s.Hint == "" || s.Status != 0 {
			t.Errorf("case %s has no whole entry", name)
		}
		checkSentence(t, name, s)
	}
	at := time.Date(2026, 11, 22, 2, 3, 4, 0, time.UTC)
	said := SentenceOf(NewError(AlreadySettled, nil).In(CaseSaleSettled).Naming("s1", "20261122-000001", "C1-1", at))
	if want := "单号 C1-1 已于 2026-11-22 10:03 结算：结算号 s1，凭条号 20261122-000001。"; said.Message != want || said.Status != 409 {
		t.Errorf("it says %q with %d, want %q", said.Message, said.Status, want)
	}
	if said := SentenceOf(NewError(CardAbsent, nil)); said.Message != Sentences[CardAbsent].Message {
		t.Errorf("a code without a case says %q", said.Message)
	}
}
