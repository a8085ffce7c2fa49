package nhsa

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"gongji/settle"
)

// The members of a message carry their line of the interface's tables in the tag `wire`:
//
//	wire:"C30,M"     text of at most 30 characters, mandatory
//	wire:"C3,M,d"    the same, and a code: digits and capital letters only
//	wire:"N16.2,M"   a number of 16 digits, two of them after the point
//	wire:"I10,M"     a count of at most ten digits; 0 is a count
//	wire:"DT,M"      date and time
//	wire:"D,M"       date
//	wire:"S10,M"     exactly ten characters
//
// so that a message and its checks are one table.

// faults collects everything that is wrong with a message, each with its place and never with its value.
type faults []settle.FieldFault

func (f *faults) add(place, detail string) {
	*f = append(*f, settle.FieldFault{Field: place, Message: "上传字段不合接口规范", Detail: detail})
}

// err is BAD_REQUEST with all faults, nil when there are none.
func (f faults) err() error {
	if len(f) == 0 {
		return nil
	}
	return &settle.Error{Code: settle.BadRequest, Fields: f}
}

// table is how a struct is checked: its members with a line of the interface's tables, and those to look into. It is read from
// the tags once for each type.
type table []column

type column struct {
	index int
	name  string // of the member in JSON; empty: the member's own members stand beside it
	rule  *rule  // nil: look into it
}

// rule is a line of the interface's tables.
type rule struct {
	kind      byte // C, N, I, D, S as in the tag, T for DT
	size      string
	most      int // characters, or digits
	scale     int // of them after the point
	mandatory bool
	code      bool
}

var tables sync.Map // reflect.Type → table

func tableOf(t reflect.Type) table {
	if known, ok := tables.Load(t); ok {
		return known.(table)
	}
	var columns table
	for i := range t.NumField() {
		member := t.Field(i)
		if !member.IsExported() {
			continue
		}
		name, _, _ := strings.Cut(member.Tag.Get("json"), ",")
		if name == "-" {
			name = strings.ToLower(member.Name)
		}
		c := column{index: i, name: name}
		if text, tagged := member.Tag.Lookup("wire"); tagged {
			c.rule = parseRule(text)
		}
		columns = append(columns, c)
	}
	tables.Store(t, columns)
	return columns
}

func parseRule(text string) *rule {
	first, flags, _ := strings.Cut(text, ",")
	r := &rule{kind: first[0], size: first[1:], mandatory: strings.Contains(flags, "M"), code: strings.Contains(flags, "d")}
	if first == "DT" {
		r.kind = 'T'
		return r
	}
	all, after, _ := strings.Cut(r.size, ".")
	r.most, _ = strconv.Atoi(all)
	r.scale, _ = strconv.Atoi(after)
	return r
}

// place is where in a message a value stands. It is written out only where something is wrong.
type place struct {
	in  *place // nil: the message
	at  string // the member's name; empty: an element
	nth int
}

func (p *place) String() string {
	switch {
	case p == nil:
		return ""
	case p.at == "":
		return fmt.Sprintf("%s[%d]", p.in, p.nth)
	}
	return strings.TrimPrefix(p.in.String()+"."+p.at, ".")
}

// member is the place of a member; one whose own members stand beside it has none of its own.
func (p *place) member(name string) *place {
	if name == "" {
		return p
	}
	return &place{in: p, at: name}
}

// check walks a message by its tags.
func (f *faults) check(where *place, value reflect.Value) {
	switch value.Kind() {
	case reflect.Pointer:
		if !value.IsNil() {
			f.check(where, value.Elem())
		}
	case reflect.Slice:
		if value.Type().Elem().Kind() == reflect.Uint8 { // JSON that is already written
			return
		}
		element := place{in: where}
		for i := range value.Len() {
			element.nth = i
			f.check(&element, value.Index(i))
		}
	case reflect.Struct:
		for _, c := range tableOf(value.Type()) {
			if c.rule == nil {
				f.check(where.member(c.name), value.Field(c.index))
			} else if fault := c.rule.fault(value.Field(c.index)); fault != "" {
				f.add(where.member(c.name).String(), fault)
			}
		}
	}
}

// text holds one text against a line of the tables, where it is no member of a message.
func (f *faults) text(place, line, value string) {
	if fault := parseRule(line).fault(reflect.ValueOf(value)); fault != "" {
		f.add(place, fault)
	}
}

var (
	stampType = reflect.TypeFor[Stamp]()
	dateType  = reflect.TypeFor[settle.Date]()
	centsType = reflect.TypeFor[Amount]()
)

const isMandatory = "is mandatory"

// fault says what is wrong with a value; empty: nothing.
func (r *rule) fault(value reflect.Value) string {
	switch t := value.Type(); {
	case t == stampType:
		if r.mandatory && time.Time(value.Interface().(Stamp)).IsZero() {
			return isMandatory
		}
		return ""
	case t == dateType:
		if r.mandatory && value.IsZero() {
			return isMandatory
		}
		return ""
	case t == centsType:
		return r.amount(value.Int())
	case value.Kind() == reflect.Int:
		if n := value.Int(); n < 0 || len(strconv.FormatInt(n, 10)) > r.most {
			return "must be a count of at most " + r.size + " digits"
		}
		return ""
	}
	text := value.String()
	if text == "" {
		if r.mandatory {
			return isMandatory
		}
		return ""
	}
	return r.content(text)
}

// content holds a text that is there against the line.
func (r *rule) content(text string) string {
	switch {
	case !utf8.ValidString(text):
		return "is not valid UTF-8"
	case r.kind == 'N':
		return r.digits(strings.TrimLeft(text, "-"))
	case r.kind == 'S':
		if utf8.RuneCountInString(text) != r.most {
			return "must have exactly " + r.size + " characters"
		}
	case len(text) > r.most && utf8.RuneCountInString(text) > r.most:
		return "is longer than " + r.size + " characters"
	}
	if r.code && !isCode(text) {
		return "must be a code of digits and letters"
	}
	return ""
}

// isCode reports whether a text is digits and letters.
func isCode(text string) bool {
	for i := range len(text) {
		if c := text[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// isArea reports whether a text is an administrative division: six digits.
func isArea(text string) bool { return len(text) == 6 && isDigits(text) }

func isDigits(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// amount holds fen against the line without writing them out.
func (r *rule) amount(fen int64) string {
	if fen < 0 {
		fen = -fen
	}
	if yuan := fen / 100; yuan > 0 && len(strconv.FormatInt(yuan, 10)) > r.most-r.scale {
		return r.tooLong()
	}
	return ""
}

func (r *rule) tooLong() string {
	all, after, _ := strings.Cut(r.size, ".")
	return "has more digits than N" + all + "," + after
}

// digits checks a number without sign against N<all>.<after the point>.
func (r *rule) digits(text string) string {
	if !isNumber(text) {
		return "must be a plain number"
	}
	whole, fraction, _ := strings.Cut(text, ".")
	if len(fraction) > r.scale || len(strings.TrimLeft(whole, "0")) > r.most-r.scale {
		return r.tooLong()
	}
	return ""
}

// checkMessage checks a whole input and the message's own rules.
func checkMessage(input any, own ...func(*faults)) error {
	var found faults
	found.check(nil, reflect.ValueOf(input))
	for _, rule := range own {
		rule(&found)
	}
	return found.err()
}
