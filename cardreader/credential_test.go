package cardreader_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"gongji/cardreader"
)

// wang is an invented person; her number passes the check digit of GB 11643.
var wang = cardreader.Credential{
	Kind: cardreader.CardSocial, Version: "2.00", Identifier: "430100D15600000500BF7C7A48FB4966", Number: "A12345678", IssuerArea: "430100",
	IssuedOn: "2024-01-01", ExpiresOn: "2034-01-01", ATR: []byte{0x3B, 0x6D, 0, 0, 0, 0x81, 0x4E, 0x43, 0x23, 0x86, 0x97, 0x15, 0x99, 0, 0xBF, 0x7C, 0x7A},
	IDNumber: "11010519491231002X", Name: "王小芳", Sex: "2", Ethnicity: "01", Birthplace: "110105", BirthDate: "1949-12-31",
	Document: &cardreader.Document{Type: "resident", Address: "朝阳区某街道1号", LatestAddress: "长沙市某路2号", Issuer: "朝阳分局", PassNumber: "H12345678", Photo: []byte("secret photo")},
	ReadAt:   time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC),
}

// secrets are what must never be seen, in the forms they might be seen in.
var secrets = []string{"11010519491231002X", "11010519491231", "19491231", "1949-12-31", "王小芳", "小芳", "A12345678", "A1234567", "D15600000500BF7C7A48FB4966",
	"3130313035313934393132333130303258", "e78e8be5b08fe88ab3", "997A", "BF7C7A", "bf7c7a", "某街道", "某路", "朝阳分局", "H1234567",
	"secret photo", "736563726574", "c2VjcmV0"}

func mustNotLeak(t *testing.T, how, out string) {
	t.Helper()
	for _, s := range secrets {
		if strings.Contains(out, s) {
			t.Errorf("%s shows %q: %s", how, s, out)
		}
	}
}

func TestCredentialNeverLeaks(t *testing.T) {
	event := cardreader.Event{Reader: "r", Kind: cardreader.CardInserted, State: cardreader.StatePresent, Credential: &wang}
	status := cardreader.Status{Name: "r", State: cardreader.StatePresent, Credential: &wang}
	holder := struct{ C cardreader.Credential }{wang}
	for _, v := range []any{wang, &wang, *wang.Document, wang.Document, event, &event, status, &status, holder, &holder, []cardreader.Credential{wang}, map[string]cardreader.Credential{"a": wang}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%10.3v"} {
			mustNotLeak(t, fmt.Sprintf("%s of %T", verb, v), fmt.Sprintf(verb, v))
		}
		mustNotLeak(t, fmt.Sprintf("Sprint of %T", v), fmt.Sprint(v))
		mustNotLeak(t, fmt.Sprintf("error with %T", v), fmt.Errorf("x: %w: %v", errors.New("y"), v).Error())
		b, err := json.Marshal(v)
		if err != nil {
			t.Error(err)
		}
		mustNotLeak(t, fmt.Sprintf("JSON of %T", v), string(b))
		if b, err = yaml.Marshal(v); err != nil {
			t.Error(err)
		}
		mustNotLeak(t, fmt.Sprintf("YAML of %T", v), string(b))
		for name, h := range map[string]func(*bytes.Buffer) slog.Handler{
			"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
			"json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
		} {
			var buf bytes.Buffer
			slog.New(h(&buf)).Info("card", "value", v, slog.Any("again", v))
			if buf.Len() == 0 {
				t.Error("nothing logged")
			}
			mustNotLeak(t, fmt.Sprintf("slog %s of %T", name, v), buf.String())
		}
	}
}

// What is masked is still useful: kind, holder and the end of the number are there.
func TestMaskedForms(t *testing.T) {
	if got, want := wang.String(), "social 2.00 *****5678 王**"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	b, err := json.Marshal(wang)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"kind":"social","version":"2.00","holder":"王**","number":"*****5678","issuer_area":"430100","read_at":"2026-05-01T08:00:00Z"}`
	if string(b) != want {
		t.Errorf("%s, want %s", b, want)
	}
	if got := wang.MaskedIDNumber(); got != "**************002X" {
		t.Error(got)
	}
	for name, want := range map[string]string{"": "", "芳": "*", "王芳": "王*", "王小芳": "王**", "欧阳小明": "欧***", "买买提·吐尔逊": "买******", "𠮷田": "𠮷*"} {
		if got := (cardreader.Credential{Name: name}).MaskedHolder(); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	for number, want := range map[string]string{"": "", "1234567": "*******", "12345678": "****5678", "A12345678": "*****5678"} {
		if got := (cardreader.Credential{Number: number}).MaskedNumber(); got != want {
			t.Errorf("%s: %s, want %s", number, got, want)
		}
	}
}

func TestFaultsExplainThemselves(t *testing.T) {
	f := cardreader.NeedsAuthenticationFault()
	if f.Code != cardreader.CodeCardNeedsAuthentication || f.Message == "" || !strings.Contains(f.Error(), string(f.Code)) {
		t.Error(f)
	}
	cause := errors.New("cause")
	if f = (&cardreader.Fault{Code: cardreader.CodeReaderDown, Err: cause}); !errors.Is(f, cause) {
		t.Error("the cause is lost")
	}
}
