package localapi

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// plainCheck is checkJSON by the library's tokens, without its sentences.
func plainCheck(text string) (good bool) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber() // a number of any size is well formed; whether it fits is asked later
	var value func(depth int) bool
	value = func(depth int) bool {
		token, err := decoder.Token()
		opening, nested := token.(json.Delim)
		if err != nil || !nested {
			return err == nil
		}
		var names []any
		for decoder.More() {
			if opening == '{' {
				name, err := decoder.Token()
				if err != nil || slices.Contains(names, any(name)) {
					return false
				}
				names = append(names, name)
			}
			if depth == maxDepth-1 && nestedNext(decoder, text) || !value(depth+1) {
				return false
			}
		}
		_, err = decoder.Token()
		return err == nil
	}
	return json.Valid([]byte(text)) && value(0)
}

// nestedNext reports whether what comes next is a list or an object.
func nestedNext(decoder *json.Decoder, text string) bool {
	rest := strings.TrimLeft(text[decoder.InputOffset():], " \n\t\r:,")
	return strings.HasPrefix(rest, "{") || strings.HasPrefix(rest, "[")
}

var documents = []string{
	`{}`, `[]`, ` { "a" : 1 , "b" : [ true , null , -1.5e3 , "x\"y" ] } `, `{"a":{"a":1},"b":{"a":1}}`, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`,
	`[{"a":1},{"a":1}]`, `"x"`, `7`, `{"":1,"":2}`, `{"a":"}","b":"\\"}`, `{"a":1}{"b":2}`, `{"a":1} x`, `{"a":}`, ``, `{"a":1,}`,
	strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth), strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1),
	strings.Repeat(`{"a":`, maxDepth+1) + "1" + strings.Repeat("}", maxDepth+1),
}

// FuzzCheckJSON: what the walk accepts is what the library's tokens say, whatever is sent.
func FuzzCheckJSON(f *testing.F) {
	var many []string
	for i := range 2 * fewMembers {
		many = append(many, fmt.Sprintf(`"m%d":%d`, i, i))
	}
	for _, text := range append(documents, "{"+strings.Join(many, ",")+"}", "{"+strings.Join(many, ",")+`,"m40":0}`, "{"+strings.Join(many, ",")+`,"m3":0}`) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got, want := checkJSON([]byte(text)) == nil, plainCheck(text) && strings.ToValidUTF8(text, "?") == text; got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	})
}

// BenchmarkCheckJSON is the form of a bill of three lines.
func BenchmarkCheckJSON(b *testing.B) {
	line := `{"id":"1","code":"XA01ABD075A002010100483","shop_code":"6901","name":"阿莫西林胶囊","class":"drug_a","quantity":"1","unit_price":"25.00","total":"25.00"}`
	body := []byte(`{"sale_id":"C1","terminal":"counter-1","operator":{"id":"1001","name":"李敏"},"med_type":"41","lines":[` + line + "," + line + "," + line + `]}`)
	b.ReportAllocs()
	for b.Loop() {
		if err := checkJSON(body); err != nil {
			b.Fatal(err)
		}
	}
}
