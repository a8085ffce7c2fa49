package nhsa

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gongji/settle"
	"gongji/settle/canon"
)

// Amount is money on the wire, in fen. It is written as a JSON number of yuan with two decimals; it is read from a
// number, a string, "" and null, the last two being 0.
type Amount settle.Fen

// MarshalJSON writes 12.50.
func (a Amount) MarshalJSON() ([]byte, error) { return a.AppendJSON(nil), nil }

// AppendJSON appends what MarshalJSON writes: what a stored amount is written as, without its quotes.
func (a Amount) AppendJSON(data []byte) []byte {
	from := len(data)
	data = settle.Fen(a).AppendJSON(data)
	return append(data[:from], data[from+1:len(data)-1]...)
}

// isNumber accepts every number a centre may write. There is no exponent in it: decimal would take one of a billion digits.
func isNumber(text string) bool {
	whole, fraction, point := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	if len(whole) < 1 || len(whole) > 14 || !isDigits(whole) {
		return false
	}
	return !point || len(fraction) >= 1 && len(fraction) <= 8 && isDigits(fraction)
}

var errAmount = errors.New("amount is not a plain number of yuan with at most two decimals that count")

// UnmarshalJSON reads the four forms. A third decimal that is not 0 is an error: half a fen cannot be booked.
func (a *Amount) UnmarshalJSON(data []byte) error {
	text, err := scalar(data)
	if err != nil {
		return err
	}
	if text == "" {
		*a = 0
		return nil
	}
	if !isNumber(text) {
		return errAmount
	}
	fen, ok := fenOf(text)
	if !ok {
		return errAmount
	}
	*a = Amount(fen)
	return nil
}

// fenOf reads a plain number of yuan; ok is false where a third decimal counts.
func fenOf(text string) (fen int64, ok bool) {
	text, negative := strings.CutPrefix(text, "-")
	whole, fraction, _ := strings.Cut(text, ".")
	if fraction = strings.TrimRight(fraction, "0"); len(fraction) > 2 {
		return 0, false
	}
	for _, digits := range []string{whole, fraction, "00"[len(fraction):]} {
		for i := range len(digits) {
			fen = fen*10 + int64(digits[i]-'0') // 14 digits and two decimals fit
		}
	}
	if negative {
		fen = -fen
	}
	return fen, true
}

// Number is a price, quantity or ratio as its decimal text. It is written as a JSON number and read from all four forms.
type Number string

// MarshalJSON writes the digits without quotes; an empty number is null.
func (n Number) MarshalJSON() ([]byte, error) { return n.AppendJSON(nil) }

// AppendJSON appends what MarshalJSON writes.
func (n Number) AppendJSON(data []byte) ([]byte, error) {
	if n == "" {
		return append(data, "null"...), nil
	}
	if !isNumber(string(n)) {
		return nil, errors.New("number has a form that does not go on the wire")
	}
	return append(data, plainNumber(string(n))...), nil
}

// plainNumber is a number as JSON has it: without leading zeros, which it does not allow, and without trailing ones.
func plainNumber(text string) string {
	text, negative := strings.CutPrefix(text, "-")
	whole, fraction, _ := strings.Cut(text, ".")
	whole, fraction = strings.TrimLeft(whole, "0"), strings.TrimRight(fraction, "0")
	switch {
	case whole == "" && fraction == "":
		return "0"
	case whole == "":
		whole = "0"
	}
	if fraction != "" {
		whole += "." + fraction
	}
	if negative {
		return "-" + whole
	}
	return whole
}

// UnmarshalJSON reads a number, a string, "" or null.
func (n *Number) UnmarshalJSON(data []byte) error {
	text, err := scalar(data)
	if err != nil {
		return err
	}
	if text != "" && !isNumber(text) {
		return errors.New("not a plain number")
	}
	*n = Number(text)
	return nil
}

// Stamp is a time on the wire, yyyy-MM-dd HH:mm:ss in Beijing whatever the zone of this machine.
type Stamp time.Time

const stampLayout = time.DateTime

// MarshalJSON writes the stamp; the zero time is the empty text.
func (s Stamp) MarshalJSON() ([]byte, error) { return s.AppendJSON(nil), nil }

// AppendJSON appends what MarshalJSON writes.
func (s Stamp) AppendJSON(data []byte) []byte {
	if time.Time(s).IsZero() {
		return append(data, `""`...)
	}
	return time.Time(s).In(settle.Beijing).AppendFormat(data, `"`+stampLayout+`"`)
}

// UnmarshalJSON reads a stamp; "" and null are the zero time.
func (s *Stamp) UnmarshalJSON(data []byte) error {
	text, err := scalar(data)
	if err != nil || text == "" {
		*s = Stamp{}
		return err
	}
	at, err := parseStamp(text)
	*s = Stamp(at)
	return err
}

// parseStamp reads the forms of times that centres write: the national one, with milliseconds, the 17 and 14 digits of
// the envelope, and a date alone.
func parseStamp(text string) (time.Time, error) {
	if (len(text) == 14 || len(text) == 17) && isDigits(text) {
		if len(text) == 17 { // Go's layouts want a point before a fraction
			text = text[:14] + "." + text[14:]
		}
		at, err := time.ParseInLocation("20060102150405", text, settle.Beijing)
		if err != nil {
			return time.Time{}, errStamp
		}
		return at, nil
	}
	for _, layout := range []string{stampLayout, "2006-01-02T15:04:05", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, text, settle.Beijing); err == nil {
			return at, nil
		}
	}
	return time.Time{}, errStamp
}

var errStamp = errors.New("time is not written as yyyy-MM-dd HH:mm:ss")

// scalar is the text of a JSON string, number or boolean, and "" of null.
func scalar(data []byte) (string, error) {
	data = bytes.TrimSpace(data)
	switch {
	case len(data) == 0 || bytes.Equal(data, []byte("null")):
		return "", nil
	case data[0] == '"' && bytes.IndexByte(data, '\\') < 0 && utf8.Valid(data) && len(data) >= 2 && data[len(data)-1] == '"' && bytes.IndexByte(data[1:len(data)-1], '"') < 0:
		return string(bytes.TrimSpace(data[1 : len(data)-1])), nil // as most texts are: nothing to unescape
	case data[0] == '"':
		var text string
		if err := json.Unmarshal(data, &text); err != nil {
			return "", err
		}
		return strings.TrimSpace(text), nil
	case data[0] == '{' || data[0] == '[':
		return "", errors.New("an object or array where a single value belongs")
	}
	return string(data), nil
}

// oneOrMany reads an array, one object where a gateway has dropped the brackets, and null as no rows.
func oneOrMany[T any](data json.RawMessage) ([]T, error) {
	data = unquoteJSON(data)
	switch {
	case len(data) == 0 || bytes.Equal(data, []byte("null")) || bytes.Equal(data, []byte(`""`)):
		return nil, nil
	case data[0] == '{':
		var row T
		if err := json.Unmarshal(data, &row); err != nil {
			return nil, err
		}
		return []T{row}, nil
	}
	var rows []T
	err := json.Unmarshal(data, &rows)
	return rows, err
}

// unquoteJSON opens JSON that arrives inside a string, as some provinces send input, output and their nodes.
func unquoteJSON(data json.RawMessage) json.RawMessage {
	data = bytes.TrimSpace(data)
	if len(data) < 2 || data[0] != '"' {
		return data
	}
	var text string
	if json.Unmarshal(data, &text) != nil {
		return data
	}
	if inner := strings.TrimSpace(text); strings.HasPrefix(inner, "{") || strings.HasPrefix(inner, "[") {
		return json.RawMessage(inner)
	}
	return data
}

// fields is an object of an answer by lower-cased names, since case and spelling of names differ from place to place.
// The first thing that cannot be read is kept as the fault.
type fields struct {
	members []namedValue
	fault   error
}

// namedValue is a member of an object, by its lower-cased name.
type namedValue struct{ name, value []byte }

// value is the last member of a name, which is written in lower case; told is false where there is none.
func (f *fields) value(name string) (value json.RawMessage, told bool) {
	for i := len(f.members) - 1; i >= 0; i-- {
		if string(f.members[i].name) == name {
			return f.members[i].value, true
		}
	}
	return nil, false
}

func readFields(data json.RawMessage) (*fields, error) {
	data = unquoteJSON(data)
	if !canon.Valid(data) {
		return nil, errors.New("a node of the answer is not an object")
	}
	switch data = bytes.TrimSpace(data); {
	case string(data) == "null":
		return nil, errors.New("a node of the answer is missing")
	case data[0] != '{':
		return nil, errors.New("a node of the answer is not an object")
	}
	return &fields{members: members(data)}, nil
}

// members cuts a valid JSON object into its members, by lower-cased names. Names and values are parts of the object, not copies: an
// answer is nested three deep, and decoding it level by level would read and copy its inside over and over.
func members(object []byte) []namedValue {
	values := make([]namedValue, 0, 32)
	for i := 1; ; {
		i = skipBetween(object, i)
		if object[i] == '}' {
			return values
		}
		end := endOfValue(object, i)
		name := memberName(object[i:end])
		i = skipBetween(object, end)
		end = endOfValue(object, i)
		values = append(values, namedValue{name, object[i:end:end]})
		i = end
	}
}

// memberName is a name as it is looked for.
func memberName(quoted []byte) []byte {
	plain := quoted[1 : len(quoted)-1]
	asIs := true
	for _, c := range plain {
		if c == '\\' || c >= utf8.RuneSelf {
			var name string
			if err := json.Unmarshal(quoted, &name); err != nil { // it was found valid
				return nil
			}
			return []byte(strings.ToLower(name))
		}
		asIs = asIs && (c < 'A' || c > 'Z')
	}
	if asIs {
		return plain
	}
	return bytes.ToLower(plain)
}

// skipBetween is where the next name, value or end of an object begins.
func skipBetween(data []byte, i int) int {
	for strings.IndexByte(" \t\r\n,:", data[i]) >= 0 {
		i++
	}
	return i
}

// endOfValue is where a value of valid JSON that begins at i is over.
func endOfValue(data []byte, i int) int {
	for depth := 0; ; {
		switch data[i] {
		case '"':
			i = endOfString(data, i)
		case '{', '[':
			depth++
			i++
			continue
		case '}', ']':
			depth--
			i++
		case ' ', '\t', '\r', '\n', ',', ':':
			i++
			continue
		default:
			for i < len(data) && strings.IndexByte(" \t\r\n,]}", data[i]) < 0 {
				i++
			}
		}
		if depth == 0 {
			return i
		}
	}
}

// endOfString is where a text that begins with the quote at i is over.
func endOfString(data []byte, i int) int {
	for i++; ; i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

// find is the value under the first of the names that is there and not empty.
func (f *fields) find(names ...string) (json.RawMessage, string) {
	for _, name := range names {
		value, there := f.value(strings.ToLower(name))
		if text := bytes.TrimSpace(value); there && string(text) != "null" && string(text) != `""` {
			return value, name
		}
	}
	return nil, names[0]
}

// json is a member as JSON, opened where it arrives inside a text; nothing where there is none.
func (f *fields) json(name string) json.RawMessage {
	value, _ := f.value(name)
	return unquoteJSON(value)
}

// has reports whether one of the names carries a value.
func (f *fields) has(names ...string) bool {
	value, _ := f.find(names...)
	return value != nil
}

func (f *fields) fail(name string, err error) {
	if f.fault == nil && err != nil {
		f.fault = fmt.Errorf("%s: %w", name, err)
	}
}

func (f *fields) text(names ...string) string {
	value, name := f.find(names...)
	text, err := scalar(value)
	f.fail(name, err)
	return text
}

func (f *fields) amount(names ...string) settle.Fen {
	value, name := f.find(names...)
	var amount Amount
	f.fail(name, amount.UnmarshalJSON(value))
	return settle.Fen(amount)
}

func (f *fields) stamp(names ...string) time.Time {
	value, name := f.find(names...)
	var at Stamp
	f.fail(name, at.UnmarshalJSON(value))
	return time.Time(at)
}

// settledAt is setl_time, the instant by which the centre puts a row on a day. It is asked for nothing else, so one that
// cannot be read counts as one that was not told.
func (f *fields) settledAt() time.Time {
	value, _ := f.find("setl_time")
	var at Stamp
	if at.UnmarshalJSON(value) != nil {
		return time.Time{}
	}
	return time.Time(at)
}

func (f *fields) day(names ...string) settle.Date {
	at := f.stamp(names...)
	if at.IsZero() {
		return 0
	}
	return settle.DateOf(at)
}

// count is a whole number of rows.
func (f *fields) count(names ...string) int {
	text := f.text(names...)
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSuffix(text, ".0"))
	if err != nil {
		f.fail(names[0], errors.New("is not a whole number"))
	}
	return n
}
