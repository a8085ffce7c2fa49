package canon

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"testing"
	"time"
)

type money int64

func (m money) MarshalJSON() ([]byte, error)  { return m.AppendJSON(nil), nil }
func (m money) AppendJSON(data []byte) []byte { return append(data, `"1.00"`...) }

type loud string

func (l loud) MarshalText() ([]byte, error) { return []byte("LOUD <" + l + ">"), nil }

type far struct{ N int }

func (f *far) MarshalJSON() ([]byte, error) { return []byte(`{ "far" : "<>" }`), nil }

type broken struct{}

func (broken) MarshalJSON() ([]byte, error) { return nil, errors.New("broken") }

// odd has no form where it is not odd.
type odd int

func (o odd) MarshalJSON() ([]byte, error) { return o.AppendJSON(nil) }

func (o odd) AppendJSON(data []byte) ([]byte, error) {
	if o%2 == 0 {
		return append(data, "spoilt"...), errors.New("even")
	}
	return append(data, '7'), nil
}

type holder struct{ Far far }

type htmlName struct {
	N int `json:"a<b"`
}

type some struct{ N int }

func (s some) IsZero() bool { return s.N == 7 }

type base struct {
	Shown  string `json:"shown"`
	Hidden int    `json:"hidden"`
	Twice  int
}

type other struct {
	Twice int
	Named int `json:"named"`
}

type node struct {
	Name string  `json:"name,omitempty"`
	Next *node   `json:"next,omitempty"`
	More []*node `json:"more"`
}

type everything struct {
	base
	other
	Hidden   string `json:"hidden"` // hides that of base
	Amount   money
	Amounts  [3]money `json:",omitempty"`
	Left     money    `json:"left,omitempty"`
	At       time.Time
	Zero     time.Time `json:"zero,omitzero"`
	Some     some      `json:"some,omitzero"`
	Ptr      *some     `json:"ptr,omitzero"`
	Text     loud
	Far      far
	Raw      json.RawMessage
	NoRaw    json.RawMessage `json:"noraw,omitempty"`
	Bytes    []byte
	Flag     bool    `json:"flag,omitempty"`
	Float    float64 `json:"float"`
	Small    uint8
	Any      any
	List     []node
	Map      map[string]money
	ByNumber map[int]string
	ByText   map[loud]int
	Skip     int `json:"-"`
	Dash     int `json:"-,"` //nolint:staticcheck // a member that is called "-"
	secret   int
	Pair     struct{ A, B string } `json:"pair"`
	Deep     **int
}

type quoted struct {
	N int `json:"n,string"`
}

type outer struct{ *base }

// sameWire is same for what goes on the wire.
func sameWire(t *testing.T, value any) {
	t.Helper()
	var want bytes.Buffer
	encoder := json.NewEncoder(&want)
	encoder.SetEscapeHTML(false)
	wantErr := encoder.Encode(value)
	got, err := AppendWire([]byte("before"), value)
	if (err == nil) != (wantErr == nil) || err == nil && string(got)+"\n" != "before"+want.String() {
		t.Errorf("%T on the wire: %v, want %v\n got %s\nwant before%s", value, err, wantErr, got, want.String())
	}
}

// same fails unless both write the same of a value.
func same(t *testing.T, value any) {
	t.Helper()
	want, wantErr := json.Marshal(value)
	sameWire(t, value)
	got, err := Append([]byte("before"), value)
	if wantErr != nil {
		if err == nil {
			t.Errorf("%T: no error, want %v", value, wantErr)
		}
		return
	}
	if err != nil || string(got) != "before"+string(want) {
		t.Errorf("%T: %v\n got %s\nwant before%s", value, err, got, want)
	}
}

func TestAppendIsWhatEncodingWrites(t *testing.T) {
	number := 5
	pointer := &number
	full := everything{
		base: base{Shown: "a<b>&\"\\\n\x01", Hidden: 3, Twice: 1}, other: other{Twice: 2, Named: 4}, Hidden: "h",
		Amount: 5, Amounts: [3]money{1, 2, 3}, Left: 1, At: time.Date(2026, 11, 22, 12, 0, 0, 123456000, time.FixedZone("", 8*3600)),
		Zero: time.Unix(1, 0), Some: some{1}, Ptr: &some{2}, Text: "x", Far: far{1}, Raw: json.RawMessage(` { "a" : "<" } `),
		NoRaw: json.RawMessage("1"), Bytes: []byte{0, 255, 7}, Flag: true, Float: 1e21, Small: 255, Any: map[string]any{"k": []int{1}},
		List: []node{{Name: "n", Next: &node{More: []*node{nil, {}}}}}, Map: map[string]money{"b": 1, "a": 2, "中": 3, "<": 4},
		ByNumber: map[int]string{10: "x", 9: "y"}, ByText: map[loud]int{"a": 1}, Skip: 1, Dash: 2, secret: 3, Deep: &pointer,
	}
	full.Pair.A = "\u2028\u2029"
	for _, value := range []any{
		&full, &everything{Some: some{7}, Ptr: &some{7}}, &everything{Map: map[string]money{}, List: []node{}, Bytes: []byte{}, Raw: json.RawMessage("null")},
		nil, (*everything)(nil), "text", 7, true, []string(nil), []string{}, map[string]int(nil), money(3), time.Time{}, &node{},
		map[string]any{"b": 1, "a": "<x>", "c": nil, "d": money(2), "e": new(money), "f": odd(3), "g": []any{1.5, true, map[string]any(nil), []any(nil), far{1}, &far{1}, &holder{}},
			"中<": time.Unix(0, 0).UTC(), "h": json.RawMessage(` { "x" : "<" } `), "i": loud("x"), "j": []string{"&"}, "k": (*node)(nil), "l": &node{}, "m": int8(3)},
		[]any{}, map[string]any{}, []odd{1, 3}, []odd{1, 2}, odd(2), map[string]any{"x": odd(2)}, &htmlName{1}, json.RawMessage(nil), &[]json.RawMessage{nil, json.RawMessage("null"), json.RawMessage(`{"a":[1,-2.50e+3,"\ud83d\ude00"]}`)},
		[]json.RawMessage{json.RawMessage(`"&"`), json.RawMessage("\"\u2028\"")}, []json.RawMessage{json.RawMessage("{")}, []json.RawMessage{json.RawMessage("")}, []json.RawMessage{json.RawMessage("1 ")}, map[string]json.RawMessage{"x": nil},
		map[string]any{"x": broken{}}, map[string]any{"x": func() {}}, &struct{ A, B any }{&some{1}, time.Time{}}, any("x"), new(any),
		quoted{5}, outer{&base{Shown: "x"}}, &broken{}, []broken{{}}, math.NaN(), time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		same(t, value)
	}
	again := full // what was compiled is used again
	again.Left = 0
	same(t, &again)
}

func FuzzString(f *testing.F) {
	for _, s := range []string{"", "plain", "中文", "\xff\xfe", "\x00\x1f\x7f", "<&>\u2028", "a\xe2\x80", "\ufffd", `"\`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want, _ := json.Marshal(s) // a text always encodes
		if got := string(appendString(nil, s, &plain)); got != string(want) {
			t.Errorf("%q: got %s, want %s", s, got, want)
		}
	})
}
