package scanner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// code is an invented 医保码.
const code = "4241234567890123456708330000"

// all decodes everything, with a pause at the end.
func all(prefix, in string) (list []Item) {
	d := Decoder{Prefix: prefix}
	d.Write([]byte(in))
	for item, ok := d.Next(); ok; item, ok = d.Next() {
		list = append(list, item)
	}
	if item, ok := d.Stop(); ok {
		list = append(list, item)
	}
	return list
}

func TestEndings(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want []string
	}{
		"CR":                 {code + "\r", []string{code}},
		"LF":                 {code + "\n", []string{code}},
		"CRLF":               {code + "\r\n", []string{code}},
		"pause":              {code, []string{code}},
		"STX ETX":            {"\x02" + code + "\x03", []string{code}},
		"STX CR ETX":         {"\x02" + code + "\r\x03", []string{code}},
		"two messages":       {"A\r\nB\r\n", []string{"A", "B"}},
		"only ends":          {"\r\n\r\n\n", nil},
		"prefix":             {"SC1-" + code + "\r", []string{code}},
		"prefix, AIM":        {"SC1-]Q1" + code + "\r", []string{code}},
		"AIM id":             {"]C1" + code + "\r", []string{code}},
		"a bracket is data":  {"]C1\r", []string{"]C1"}},
		"no AIM id":          {"]11" + code + "\r", []string{"]11" + code}},
		"GS1":                {"0109\x1D21\r", []string{"0109\x1D21"}},
		"not text":           {"42\x80\r" + code + "\r", []string{"!", code}},
		"control":            {"42\x00\r", []string{"!"}},
		"too long":           {strings.Repeat("A", MaxMessage+9) + "\r" + code + "\r", []string{"!", "!", code}},
		"too long, no end":   {strings.Repeat("A", 2*MaxMessage+9), []string{"!", "!", "!"}},
		"as long as allowed": {strings.Repeat("A", MaxMessage) + "\r", []string{strings.Repeat("A", MaxMessage)}},
	} {
		var got []string
		for _, item := range all("SC1-", c.in) {
			switch item.Kind {
			case ItemMessage:
				got = append(got, item.Message.Text)
			case ItemBad:
				got = append(got, "!")
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %d items, want %d", name, len(got), len(c.want))
		}
	}
	if item := all("SC1-", "\x02SC1-]Q1X\r\n")[0]; item.Message != (Message{true, "SC1-", "]Q1", "X", "\r\n"}) {
		t.Errorf("%+v", item.Message)
	}
}

// An LF that comes long after its CR is no message of its own.
func TestLateLF(t *testing.T) {
	var d Decoder
	d.Write([]byte(code + "\r"))
	if item, ok := d.Next(); !ok || item.Message.Text != code {
		t.Fatal(item.Kind, ok)
	}
	d.Write([]byte("\n" + code))
	if item, ok := d.Next(); !ok || item.Kind != ItemEmpty {
		t.Error(item.Kind, ok)
	}
	if item, ok := d.Stop(); !ok || item.Message.Text != code {
		t.Error(item.Kind, ok)
	}
}

func TestClassify(t *testing.T) {
	for text, want := range map[string]Kind{
		code: EVoucher, "opc" + code[3:]: EVoucherOpen, code[:27]: Other, code + "0": Other, "425" + code[3:]: Other, "OPC" + code[3:]: Other,
		code[:10] + "A" + code[11:]: Other, "6901234567892": Other, "": Other, ";6223000000000000=49120000000000000?": Stripe, ";E?": Stripe,
		"%B6223?": Stripe, ";nothing": Other,
	} {
		if got := Classify(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	if got := Province(code); got != "33" {
		t.Error(got)
	}
	if Province("6901234567892") != "" || !EVoucher.Code() || Stripe.Code() {
		t.Error("kinds mixed up")
	}
}

// track is an invented number of the length of a bank card's, with the check some readers send.
const track = ";6223000000000000=49120000000000000?"

func TestTrack2(t *testing.T) {
	for name, c := range map[string]struct {
		in     string
		number string
		err    error
	}{
		"ISO 7813":            {track, "6223000000000000", nil},
		"with LRC":            {track + "2", "6223000000000000", nil},
		"LRC wrong":           {track + "3", "", ErrTrack},
		"MagTek, all tracks":  {"%B6223000000000000^TEST/A^4912?" + track + "+62230?", "6223000000000000", nil},
		"first track's check": {"%B6223^TEST/A^4912?X" + track, "6223000000000000", nil},
		"institution number":  {";430100000012?", "430100000012", nil},
		"no date":             {";4301000012==123?", "4301000012", nil},
		"bad track":           {";E?", "", ErrBadTrack},
		"bad second track":    {"%B6223?;E?+E?", "", ErrBadTrack},
		"first alone":         {"%B6223000000000000^TEST/A^4912?", "", ErrNoTrack2},
		"third alone":         {"+62230?", "", ErrNoTrack2},
		"letters":             {";62A3?", "", ErrTrack},
		"number too long":     {";12345678901234567890?", "", ErrTrack},
		"too long":            {";1234567890123456789=12345678901234567890?", "", ErrTrack},
		"empty":               {";?", "", ErrTrack},
		"no end":              {";6223", "", ErrTrack},
		"no start":            {"6223?", "", ErrTrack},
	} {
		got, err := ParseTrack2(c.in)
		if !errors.Is(err, c.err) || err == nil && got.Number != c.number {
			t.Errorf("%s: %s %v", name, got, err)
		}
	}
	got, err := ParseTrack2(track + "2")
	if err != nil || got.Expires != "4912" || got.Service != "000" || got.Discretionary != "0000000000" || string(got.Bytes()) != track+"2" {
		t.Errorf("%q %q %q %v", got.Expires, got.Service, got.Discretionary, err)
	}
	if raw := []byte(track + "\r"); raw[0] != 0x3B || raw[len(raw)-2] != 0x3F {
		t.Errorf("% X", raw)
	}
}

func TestTrack2NeverLeaks(t *testing.T) {
	got, err := ParseTrack2(";6223001234567890=4912?")
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{fmt.Sprint(got), fmt.Sprintf("%+v|%#v|%s|%x", got, got, got, got), string(b), got.LogValue().String()} {
		if strings.Contains(out, "62230") || strings.Contains(out, "4912") || !strings.Contains(out, "7890") {
			t.Errorf("shows %q", out)
		}
	}
}

var errTimeout = errors.New("test: timeout")

// tape gives out prepared pieces; an empty one is a pause.
type tape struct{ pieces []string }

func (l *tape) Read(_ context.Context, p []byte, _ time.Time) (int, error) {
	if len(l.pieces) == 0 || l.pieces[0] == "" {
		if len(l.pieces) > 0 {
			l.pieces = l.pieces[1:]
		}
		return 0, errTimeout
	}
	n := copy(p, l.pieces[0])
	l.pieces = l.pieces[1:]
	return n, nil
}

func TestLinkJoinsPieces(t *testing.T) {
	l := New(&tape{pieces: []string{"42412345678", "90123456708330000", "", "A\r", "\n", "\xFF\r", "B\n"}}, Options{Timeout: func(err error) bool { return errors.Is(err, errTimeout) }})
	for _, want := range []string{code, "A", "!", "B"} {
		item, ok, err := l.Next(t.Context(), time.Second)
		if err != nil || !ok || item.Message.Text != want && (want != "!" || item.Kind != ItemBad) {
			t.Fatalf("%v %v %v, want %q", item.Kind, ok, err, want)
		}
	}
	if _, ok, err := l.Next(t.Context(), 0); ok || err != nil {
		t.Error(ok, err)
	}
}

func TestLinkPassesTroubleUp(t *testing.T) {
	l := New(&tape{}, Options{Timeout: func(error) bool { return false }}) // no error is only a time-out
	if _, _, err := l.Next(t.Context(), time.Second); !errors.Is(err, errTimeout) {
		t.Error(err)
	}
}

// Whatever comes in, no byte is lost or doubled, and every message encodes again to its bytes.
func FuzzDecoder(f *testing.F) {
	f.Add([]byte("\x02P]Q1"+code+"\r\n\x03"), "P")
	f.Add([]byte(code+"\r\r\n\n\x03"), "")
	f.Fuzz(func(t *testing.T, b []byte, prefix string) {
		var back []byte
		for _, item := range all(prefix, string(b)) {
			if item.Kind == ItemMessage && !bytes.Equal(item.Message.Bytes(), item.Raw) {
				t.Fatalf("%q encodes again as %q", item.Raw, item.Message.Bytes())
			}
			back = append(back, item.Raw...)
		}
		if !bytes.Equal(back, b) {
			t.Fatalf("%q came out as %q", b, back)
		}
	})
}

func FuzzTrack2(f *testing.F) {
	f.Add(track + "2")
	f.Add(";4301000012==123?")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseTrack2(s)
		if err == nil && !strings.Contains(s, string(got.Bytes())) {
			t.Fatalf("%q encodes again as %q", s, got.Bytes())
		}
	})
}
