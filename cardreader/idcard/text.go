package idcard

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
)

// ErrText says that a text block is not coded as the standard for identity cards says.
var ErrText = errors.New("idcard: text not readable")

// Type says which document it is, by the character at its fixed place in the text.
type Type byte

// The types.
const (
	// Resident is the identity card of a citizen.
	Resident Type = ' '
	// HMT is the residence permit of people from Hong Kong, Macao and Taiwan.
	HMT Type = 'J'
	// Foreign2017 and Foreign2023 are the permanent residence cards of foreigners, by the year of their design.
	Foreign2017 Type = 'I'
	Foreign2023 Type = 'Y'
)

var typeNames = map[Type]string{Resident: "resident", HMT: "hmt", Foreign2017: "foreign-2017", Foreign2023: "foreign-2023"}

// String names the type as card files do.
func (t Type) String() string { return typeNames[t] }

// typeAt is the offset of the type in the text block, in bytes.
const typeAt = 248

// Field names a piece of the text block.
type Field string

// The fields.
const (
	FieldName      Field = "name"
	FieldEnglish   Field = "english_name"
	FieldEnglish2  Field = "english_name_2" // the rest of a long one
	FieldSex       Field = "sex"
	FieldEthnicity Field = "ethnicity"
	FieldRenewals  Field = "renewals"
	FieldBirth     Field = "birth"
	FieldAddress   Field = "address"
	FieldNumber    Field = "number"
	FieldIssuer    Field = "issuer"
	FieldFrom      Field = "from"
	FieldTo        Field = "to"
	FieldPass      Field = "pass_number"
	FieldIssues    Field = "issues"
	FieldCountry   Field = "country"
	FieldVersion   Field = "version"
	FieldAgency    Field = "agency"
	FieldOldNumber Field = "old_number"
	FieldType      Field = "type"
	FieldReserved1 Field = "reserved_1"
	FieldReserved2 Field = "reserved_2"
)

// slot is a field and its length in bytes (two a character).
type slot struct {
	field Field
	size  int
}

// layouts are the fields of each type in order. Each sums to TextLen.
var layouts = map[Type][]slot{
	Resident: {{FieldName, 30}, {FieldSex, 2}, {FieldEthnicity, 4}, {FieldBirth, 16}, {FieldAddress, 70}, {FieldNumber, 36},
		{FieldIssuer, 30}, {FieldFrom, 16}, {FieldTo, 16}, {FieldReserved1, 28}, {FieldType, 2}, {FieldReserved2, 6}},
	HMT: {{FieldName, 30}, {FieldSex, 2}, {FieldEthnicity, 4}, {FieldBirth, 16}, {FieldAddress, 70}, {FieldNumber, 36},
		{FieldIssuer, 30}, {FieldFrom, 16}, {FieldTo, 16}, {FieldPass, 18}, {FieldIssues, 4}, {FieldReserved1, 6}, {FieldType, 2}, {FieldReserved2, 6}},
	Foreign2017: {{FieldEnglish, 120}, {FieldSex, 2}, {FieldNumber, 30}, {FieldCountry, 6}, {FieldName, 30}, {FieldFrom, 16},
		{FieldTo, 16}, {FieldBirth, 16}, {FieldVersion, 4}, {FieldAgency, 8}, {FieldType, 2}, {FieldReserved1, 6}},
	Foreign2023: {{FieldName, 30}, {FieldSex, 2}, {FieldRenewals, 4}, {FieldBirth, 16}, {FieldEnglish, 70}, {FieldNumber, 36},
		{FieldReserved1, 30}, {FieldFrom, 16}, {FieldTo, 16}, {FieldEnglish2, 22}, {FieldCountry, 6}, {FieldType, 2}, {FieldOldNumber, 6}},
}

// Text is a text block taken apart: each field without the blanks at its end.
type Text struct {
	Type   Type
	Fields map[Field]string
}

// ParseText takes a text block apart. Whatever it accepts, Bytes gives back. Errors wrap ErrText and never hold the text.
func ParseText(b []byte) (Text, error) {
	if len(b) != TextLen {
		return Text{}, fmt.Errorf("%w: %d bytes", ErrText, len(b))
	}
	t := Text{Type: Type(b[typeAt]), Fields: map[Field]string{}}
	layout, ok := layouts[t.Type]
	if !ok || b[typeAt+1] != 0 {
		return Text{}, fmt.Errorf("%w: unknown type of document", ErrText)
	}
	at := 0
	for _, s := range layout {
		v, ok := decode(b[at : at+s.size])
		if !ok {
			return Text{}, fmt.Errorf("%w: %s is not text", ErrText, s.field)
		}
		t.Fields[s.field] = v
		at += s.size
	}
	return t, nil
}

// Bytes returns the text block. A field that does not fit is an error that names it.
func (t Text) Bytes() ([]byte, error) {
	var out []byte
	for _, s := range layouts[t.Type] {
		v := t.Fields[s.field]
		if s.field == FieldType {
			v = strings.TrimRight(string(rune(t.Type)), " ")
		}
		b, err := encode(v, s.size)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrText, s.field, err)
		}
		out = append(out, b...)
	}
	if len(out) != TextLen {
		return nil, fmt.Errorf("%w: unknown type of document", ErrText)
	}
	return out, nil
}

// decode reads UTF-16LE and drops the blanks at its end. Halves of characters are refused.
func decode(b []byte) (string, bool) {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	for len(units) > 0 && units[len(units)-1] == ' ' {
		units = units[:len(units)-1]
	}
	runes := utf16.Decode(units)
	return string(runes), slices.Equal(utf16.Encode(runes), units)
}

// encode writes UTF-16LE, filled with blanks to size bytes.
func encode(s string, size int) ([]byte, error) {
	units := utf16.Encode([]rune(s))
	if 2*len(units) > size {
		return nil, fmt.Errorf("%d characters where %d fit", len(units), size/2)
	}
	for 2*len(units) < size {
		units = append(units, ' ')
	}
	b := make([]byte, 0, size)
	for _, u := range units {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b, nil
}

// longTerm stands in the place of an expiry date.
const longTerm = "长期"

// Card is what a card says about its holder. Dates are YYYY-MM-DD or empty. It holds a person's data: hand it on, do not print it.
type Card struct {
	Type Type
	// Number is the citizen number, or the number that stands in its place.
	Number string
	// Name is the name in Chinese, which a foreigner's card may lack.
	Name, EnglishName string
	// Sex is a GB/T 2261.1 code, Ethnicity a GB 3304 code, Country a code of three letters or digits.
	Sex, Ethnicity, Country string
	BirthDate               string
	Address, LatestAddress  string
	// Issuer is the issuing authority's name, or its code on a foreigner's card of 2017.
	Issuer string
	From   string
	// To is empty for a card without an end (LongTerm).
	To       string
	LongTerm bool
	// PassNumber and Issues stand on residence permits of HMT only.
	PassNumber, Issues string
	// Photo is the photograph in its closed format, nil unless asked for; Fingers likewise.
	Photo, Fingers []byte
}

type fields map[Field]string

// english joins the two places of a long name in Latin letters. The first was cut at its full length, perhaps at a blank.
func (f fields) english() string {
	if f[FieldEnglish2] == "" {
		return f[FieldEnglish]
	}
	return fmt.Sprintf("%-35s", f[FieldEnglish]) + f[FieldEnglish2]
}

// Decode checks the text and turns it into a card. Errors wrap ErrText and name the field, never its value.
func (t Text) Decode() (Card, error) {
	f := fields(t.Fields)
	c := Card{
		Type: t.Type, Number: strings.ToUpper(f[FieldNumber]), Name: f[FieldName], EnglishName: f.english(), Sex: f[FieldSex],
		Ethnicity: f[FieldEthnicity], Country: f[FieldCountry], Address: f[FieldAddress], Issuer: f[FieldIssuer] + f[FieldAgency],
		PassNumber: f[FieldPass], Issues: f[FieldIssues],
	}
	var errs []error
	bad := func(name Field, why string) { errs = append(errs, fmt.Errorf("%w: %s: %s", ErrText, name, why)) }
	date := func(name Field) string {
		d, err := time.Parse("20060102", f[name])
		if err != nil {
			bad(name, "not a date")
			return ""
		}
		return d.Format(time.DateOnly)
	}
	c.BirthDate, c.From = date(FieldBirth), date(FieldFrom)
	if c.LongTerm = f[FieldTo] == longTerm; !c.LongTerm {
		c.To = date(FieldTo)
	}
	if !slices.Contains([]string{"0", "1", "2", "9"}, c.Sex) {
		bad(FieldSex, "not a code")
	}
	if c.Name == "" && (c.EnglishName == "" || t.Type == Resident || t.Type == HMT) {
		bad(FieldName, "empty")
	}
	if strings.ContainsFunc(c.Name+c.EnglishName, func(r rune) bool { return r < ' ' || r == 0x7F }) {
		bad(FieldName, "not a name")
	}
	if !validNumber(t.Type, c.Number) {
		bad(FieldNumber, "not a number of this document")
	}
	return c, errors.Join(errs...)
}

// validNumber checks the check digit of GB 11643 (ISO 7064 MOD 11-2), which all numbers but those of 2017 have.
func validNumber(t Type, s string) bool {
	if t == Foreign2017 {
		return len(s) == 15 && strings.Trim(s, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
	}
	if len(s) != 18 || strings.Trim(s[:17], "0123456789") != "" {
		return false
	}
	sum := 0
	for i, w := range []int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2} {
		sum += w * int(s[i]-'0')
	}
	return s[17] == "10X98765432"[sum%11]
}

// EncodeAddress writes the answer to LatestAddress, and DecodeAddress reads it.
func EncodeAddress(s string) ([]byte, error) { return encode(s, addressLen) }

// DecodeAddress reads the answer to LatestAddress. Whatever it accepts, EncodeAddress gives back.
func DecodeAddress(b []byte) (string, error) {
	s, ok := decode(b)
	if !ok || len(b) != addressLen {
		return "", fmt.Errorf("%w: latest address", ErrText)
	}
	return s, nil
}
