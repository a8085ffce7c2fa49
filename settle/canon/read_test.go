package canon

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

func (m *money) UnmarshalJSON(data []byte) error { *m = money(len(data)); return nil }

func (l *loud) UnmarshalText(text []byte) error { *l = loud(text); return nil }

// small is a part of everything.
type small struct {
	Hidden string                  `json:"hidden"`
	List   []struct{ Name string } `json:"List"`
	Map    map[string]json.RawMessage
	At     *time.Time
	Small  uint8
	Odd    map[int]string `json:"ByNumber"`
	Number json.Number    `json:"float"`
	K      int            `json:"k"`
}

// asEncoding fails unless both read the same into new values of some types.
func asEncoding(t *testing.T, text []byte) {
	t.Helper()
	if Valid(text) != json.Valid(text) {
		t.Errorf("%q: valid %v", text, Valid(text))
	}
	for _, into := range []any{
		new(everything), new(small), new(node), new(any), new(string), new(int8), new(uint64), new(bool), new([]byte), new([]node), new([2]int), new(map[string]money),
		new(map[string]*small), new(*int), new(time.Time), new(money), new(loud), new(quoted), new(struct{ money }), new([]struct{ time.Time }), new(float64), new(json.RawMessage),
	} {
		want, got := reflect.New(reflect.TypeOf(into).Elem()), reflect.New(reflect.TypeOf(into).Elem())
		wantErr, err := json.Unmarshal(text, want.Interface()), Read(text, got.Interface())
		if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
			t.Errorf("%T of %q: %v, want %v", into, text, err, wantErr)
		}
		if !reflect.DeepEqual(got.Interface(), want.Interface()) {
			t.Errorf("%T of %q:\n got %+v\nwant %+v", into, text, got.Elem(), want.Elem())
		}
	}
}

// texts are of every kind: as Append writes them, as others write JSON, and what is none.
func texts() (list []string) {
	number := 5
	pointer := &number
	full := everything{
		base: base{Shown: "a<b>&\"\\\n\x01", Twice: 1}, Hidden: "h", Amount: 5, At: time.Date(2026, 11, 22, 12, 0, 0, 123456000, time.FixedZone("", 8*3600)),
		Ptr: &some{2}, Text: "x", Raw: json.RawMessage(`{"a":"<"}`), NoRaw: json.RawMessage("1"), Bytes: []byte{0, 255, 7}, Flag: true, Float: 1e21,
		Small: 255, Any: map[string]any{"k": []int{1}}, List: []node{{Name: "n", Next: &node{More: []*node{nil, {}}}}},
		Map: map[string]money{"b": 1, "中": 3, "<": 4}, ByNumber: map[int]string{10: "x", 9: "y"}, ByText: map[loud]int{"a": 1}, Deep: &pointer,
	}
	full.Far.N, full.Pair.A = 1, "\u2028\u2029"
	for _, value := range []any{&full, &everything{}, &everything{Map: map[string]money{}, List: []node{}, Bytes: []byte{}}, &node{More: make([]*node, 9)}} {
		data, err := Append(nil, value)
		if err != nil {
			panic(err)
		}
		list = append(list, string(data))
	}
	return append(list, `null`, `{}`, `[]`, ``, ` {}`, `{} `, `{}{}`, `{`, `[`, `"`, `"\`, `"\u`, `"\u12"`, `tru`, `truex`, `nullx`, `true`, `false`, `0`, `-0`, `01`, `-`, `1.`, `1.5`,
		`.5`, `1e5`, `1E+5`, `1e`, `255`, `256`, `-129`, `18446744073709551615`, `9223372036854775807`, `123456789012345678`, `1234567890123456789`, `--1`, `+1`,
		`"a"`, `"\u00e9\t\/\"\b\f\r\n\\"`, `"\ud83d\ude00"`, `"\ud83d"`, `"\ud83dx\u0041"`, "\"\xff\"", "\"\x01\"", `"中文\u4e2d"`, "\"\\n\xff\"", `"\x"`, `"AP8H"`, `"AP8="`, `"A\nP8="`, `"A"`,
		`"2026-11-22T12:00:00.123456+08:00"`, `"2026-11-22T12:00:00Z"`, `[null,{"name":"x"},{}]`, `[1,2]`, `[1,2,3]`, `[1]`, `[1,]`, `[,]`, `["2026-11-22T12:00:00Z"]`,
		`{"name":"a","name":"b"}`, `{"next":{"name":"a"},"next":{"more":[]}}`, `{"NAME":"a"}`, `{"K":1}`, `{"\u212a":1}`, "{\"\u212a\":1}", `{"\u006b":1}`, `{"k":1,"K":2}`, `{"k":1.0}`, `{"k":"1"}`,
		`{"hidden":"x","x":{"y":[1,-2.5e-3,"\u0041",true,false,null]},"List":[{"Name":"1","z":[]}],"Map":{"a":{"b":1},"a":2},"At":null}`, `{"x":01}`, `{"x":"\q"}`, `{"x":[}}`, `{"x"}`, `{1:2}`, `{"a":1 }`,
		`{"List":null,"Map":null,"Bytes":null,"Small":null,"hidden":null,"flag":null,"pair":null,"Deep":null,"Amounts":null,"Amount":null,"Text":null}`,
		`{"Amounts":["1","22"]}`, `{"Amounts":["1","22","333","4444"]}`, `{"Text":5}`, `{"n":"5"}`, `{"n":5}`, `{"Small":256}`, `{"Small":-1}`, `{"ByNumber":{"x":"y"}}`, `{"float":"x"}`, `{"float":"1"}`, `{"float":1}`,
		strings.Repeat("[", 300)+strings.Repeat("]", 300), strings.Repeat(`{"next":`, 300)+"{}"+strings.Repeat("}", 300), `{"b":{"k":1},"c":null}`, `"5"`, `{"money":1}`)
}

func TestReadIsWhatEncodingReads(t *testing.T) {
	for _, text := range texts() {
		asEncoding(t, []byte(text))
	}
}

// TestReadIntoWhatIsThere merges, as encoding/json does.
func TestReadIntoWhatIsThere(t *testing.T) {
	want, got := node{Name: "before", More: make([]*node, 1, 5)}, node{Name: "before", More: make([]*node, 1, 5)}
	const text = `{"more":[{"name":"x"},null]}`
	if json.Unmarshal([]byte(text), &want) != nil || Read([]byte(text), &got) != nil || !reflect.DeepEqual(want, got) || got.Name != "before" {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if Read([]byte("{}"), nil) == nil || Read([]byte("{}"), node{}) == nil || Read([]byte("{}"), (*node)(nil)) == nil {
		t.Error("read into nothing")
	}
}

// TestReadKeepsNothing of the text, which its owner may write over.
func TestReadKeepsNothing(t *testing.T) {
	text := []byte(`{"name":"abc","next":{"name":"def"},"more":[]}`)
	var n node
	if err := Read(text, &n); err != nil {
		t.Fatal(err)
	}
	clear(text)
	if n.Name != "abc" || n.Next.Name != "def" {
		t.Errorf("%+v", n)
	}
}

func FuzzRead(f *testing.F) {
	for _, text := range texts() {
		f.Add([]byte(text))
	}
	f.Fuzz(asEncoding)
}
