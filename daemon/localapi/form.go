package localapi

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

// form is how a body of one type is read in a single pass: the type's fields, with everything that the document's schema demands
// of them. It takes what is in perfect order and nothing else. Whatever is unusual about a body (an unknown member, a member
// twice, a null, a text too long, a number with a point) makes read give up, and the body goes the long way, which names every
// fault. So the two ways may differ in how much they take, and never in what they make of it.
type form struct {
	kind        reflect.Kind // String, Bool, Int, Uint64, Slice, Struct
	least, most int          // runes of a text, items of a list
	low, high   int64        // of a number
	enum        []string     // of a text; nil: any
	item        *form        // of a list
	members     []member     // of an object
	required    uint64       // a bit for each member
}

type member struct {
	name    string
	index   []int // of the field
	pointer bool  // the field points to the value
	form    *form
}

// maxNumber is the most digits of a number that is read here.
const maxNumber = 9

// formOf reads a type and its schema. It panics where the schema demands something that form does not know, as huma panics on
// a schema it cannot make: what the document says is then not what would be checked.
func formOf(registry huma.Registry, t reflect.Type) *form {
	f, err := newForm(registry, registry.Schema(t, true, t.Name()), t)
	if err != nil {
		panic(fmt.Sprintf("localapi: %s cannot be read in one pass: %v", t, err))
	}
	return f
}

func newForm(registry huma.Registry, s *huma.Schema, t reflect.Type) (*form, error) {
	for s.Ref != "" {
		s = registry.SchemaFromRef(s.Ref)
	}
	if unknown(s) {
		return nil, fmt.Errorf("a keyword of the schema of %s is not known", t)
	}
	f := &form{kind: t.Kind(), most: math.MaxInt, low: math.MinInt64, high: math.MaxInt64}
	switch {
	case s.Type == huma.TypeString && f.kind == reflect.String:
		f.least, f.most = bound(s.MinLength, 0), bound(s.MaxLength, math.MaxInt)
		for _, value := range s.Enum {
			f.enum = append(f.enum, value.(string))
		}
	case s.Type == huma.TypeBoolean && f.kind == reflect.Bool:
	case s.Type == huma.TypeInteger && (f.kind == reflect.Int || f.kind == reflect.Uint64):
		if s.Minimum != nil {
			f.low = int64(math.Ceil(*s.Minimum))
		}
		if s.Maximum != nil {
			f.high = int64(math.Floor(*s.Maximum))
		}
	case s.Type == huma.TypeArray && f.kind == reflect.Slice:
		f.least, f.most = bound(s.MinItems, 0), bound(s.MaxItems, math.MaxInt)
		var err error
		f.item, err = newForm(registry, s.Items, t.Elem())
		return f, err
	case s.Type == huma.TypeObject && f.kind == reflect.Struct:
		return f, f.addMembers(registry, s, t)
	default:
		return nil, fmt.Errorf("a %s of the schema is a %s", s.Type, t)
	}
	if f.enum == nil && len(s.Enum) > 0 {
		return nil, fmt.Errorf("an enum of %s", t)
	}
	return f, nil
}

// unknown tells of a demand that newForm does not look at.
func unknown(s *huma.Schema) bool {
	return s.OneOf != nil || s.AnyOf != nil || s.AllOf != nil || s.Not != nil || s.Pattern != "" || s.ContentEncoding != "" ||
		s.Type == huma.TypeString && s.Format != "" || s.ExclusiveMinimum != nil || s.ExclusiveMaximum != nil || s.MultipleOf != nil ||
		s.UniqueItems || s.MinProperties != nil || s.MaxProperties != nil || len(s.DependentRequired) > 0 || s.Default != nil || s.ReadOnly
}

func bound(limit *int, otherwise int) int {
	if limit == nil {
		return otherwise
	}
	return *limit
}

func (f *form) addMembers(registry huma.Registry, s *huma.Schema, t reflect.Type) error {
	if open, ok := s.AdditionalProperties.(bool); !ok || open {
		return fmt.Errorf("%s takes further members", t)
	}
	for _, field := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		schema := s.Properties[name]
		if field.Anonymous || schema == nil {
			continue
		}
		m := member{name: name, index: field.Index, pointer: field.Type.Kind() == reflect.Pointer}
		value := field.Type
		if m.pointer {
			value = value.Elem()
		}
		var err error
		if m.form, err = newForm(registry, schema, value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if slices.Contains(s.Required, name) {
			f.required |= 1 << len(f.members)
		}
		f.members = append(f.members, m)
	}
	if len(f.members) != len(s.Properties) || len(f.members) > 64 {
		return fmt.Errorf("%s has %d fields for %d members", t, len(f.members), len(s.Properties))
	}
	return nil
}

// read reads a whole body into the value that into points to, which is zero before. false: the body is to go the long way, and
// what stands in the value is of no use.
func (f *form) read(body []byte, into any) bool {
	if !utf8.Valid(body) {
		return false
	}
	r := formReader{text: string(body)}
	return r.value(f, reflect.ValueOf(into).Elem()) && r.next() == 0 && r.at == len(r.text)
}

// formReader goes once through a text. Its methods say whether the text goes on as it should.
type formReader struct {
	text string
	at   int
}

// next is the next byte that is no space; the reader stands on it. 0 at the end.
func (r *formReader) next() byte {
	for ; r.at < len(r.text); r.at++ {
		switch c := r.text[r.at]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// take steps over one byte that must come next.
func (r *formReader) take(c byte) bool {
	if r.next() != c {
		return false
	}
	r.at++
	return true
}

// word steps over a word that must come next.
func (r *formReader) word(word string) bool {
	if !strings.HasPrefix(r.text[r.at:], word) {
		return false
	}
	r.at += len(word)
	return true
}

func (r *formReader) value(f *form, into reflect.Value) bool {
	switch f.kind {
	case reflect.String:
		text, runes, ok := r.quoted()
		if !ok || runes < f.least || runes > f.most || f.enum != nil && !slices.Contains(f.enum, text) {
			return false
		}
		into.SetString(text)
		return true
	case reflect.Bool:
		if r.next() == 't' {
			into.SetBool(true)
			return r.word("true")
		}
		return r.word("false")
	case reflect.Slice:
		return r.list(f, into)
	case reflect.Struct:
		return r.object(f, into)
	default:
		number, ok := r.number()
		if !ok || number < f.low || number > f.high {
			return false
		}
		if f.kind == reflect.Uint64 {
			into.SetUint(uint64(number)) //nolint:gosec // it has no sign
		} else {
			into.SetInt(number)
		}
		return true
	}
}

// number reads a plain whole number without a sign.
func (r *formReader) number() (n int64, ok bool) {
	r.next()
	began := r.at
	for ; r.at < len(r.text) && r.text[r.at] >= '0' && r.text[r.at] <= '9'; r.at++ {
		if r.at-began == maxNumber {
			return 0, false
		}
		n = 10*n + int64(r.text[r.at]-'0')
	}
	digits := r.at - began
	if digits == 0 || digits > 1 && r.text[began] == '0' || r.at == len(r.text) {
		return 0, false
	}
	c := r.next() // a point or an exponent would go on with the number
	return n, c == ',' || c == '}' || c == ']'
}

// quoted reads a text and counts its runes.
func (r *formReader) quoted() (text string, runes int, ok bool) {
	if !r.take('"') {
		return "", 0, false
	}
	began := r.at
	for ; r.at < len(r.text); r.at++ {
		switch c := r.text[r.at]; {
		case c == '"':
			text = r.text[began:r.at]
			r.at++
			return text, runes, true
		case c == '\\':
			return r.escaped(began - 1)
		case c < ' ':
			return "", 0, false
		case c&0xC0 != 0x80: // the first byte of a rune
			runes++
		}
	}
	return "", 0, false
}

// escaped reads the text whose quotation mark stands at began and that has an escape in it.
func (r *formReader) escaped(began int) (text string, runes int, ok bool) {
	for r.at = began + 1; r.at < len(r.text) && r.text[r.at] != '"'; r.at++ {
		if r.text[r.at] == '\\' {
			r.at++
		}
	}
	if r.at >= len(r.text) {
		return "", 0, false
	}
	r.at++
	err := json.Unmarshal([]byte(r.text[began:r.at]), &text)
	return text, utf8.RuneCountInString(text), err == nil
}

// firstItems is for how many items a list makes room at first.
const firstItems = 4

func (r *formReader) list(f *form, into reflect.Value) bool {
	if !r.take('[') {
		return false
	}
	n := 0
	if r.next() == ']' {
		r.at++
		into.Set(reflect.MakeSlice(into.Type(), 0, 0))
		return f.least == 0
	}
	for {
		if n == f.most {
			return false
		}
		if n == into.Cap() {
			into.Grow(max(firstItems, n))
		}
		into.SetLen(n + 1)
		if !r.value(f.item, into.Index(n)) {
			return false
		}
		n++
		switch r.next() {
		case ',':
			r.at++
		case ']':
			r.at++
			return n >= f.least
		default:
			return false
		}
	}
}

func (r *formReader) object(f *form, into reflect.Value) bool {
	if !r.take('{') {
		return false
	}
	var seen uint64
	if r.next() == '}' {
		r.at++
		return f.required == 0
	}
	for likely := 0; ; {
		name, _, ok := r.quoted()
		if !ok || !r.take(':') {
			return false
		}
		i := f.member(name, likely)
		if i < 0 || seen&(1<<i) != 0 {
			return false
		}
		seen |= 1 << i
		likely = i + 1
		m := &f.members[i]
		field := into.FieldByIndex(m.index)
		if m.pointer {
			field.Set(reflect.New(field.Type().Elem()))
			field = field.Elem()
		}
		if !r.value(m.form, field) {
			return false
		}
		switch r.next() {
		case ',':
			r.at++
		case '}':
			r.at++
			return seen&f.required == f.required
		default:
			return false
		}
	}
}

// member finds a member by its name, -1 where there is none. Tills write the members in one order, so it begins to look behind
// the last one.
func (f *form) member(name string, likely int) int {
	for i := likely; i < len(f.members); i++ {
		if f.members[i].name == name {
			return i
		}
	}
	for i := range min(likely, len(f.members)) {
		if f.members[i].name == name {
			return i
		}
	}
	return -1
}
