package nhsa

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
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

var (
	codeText = regexp.MustCompile(`^[0-9A-Za-z]+$`)
	areaText = regexp.MustCompile(`^\d{6}$`)
)

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

// check walks a message by its tags.
func (f *faults) check(place string, value reflect.Value) {
	switch value.Kind() {
	case reflect.Pointer:
		if !value.IsNil() {
			f.check(place, value.Elem())
		}
	case reflect.Slice:
		if value.Type().Elem().Kind() == reflect.Uint8 { // JSON that is already written
			return
		}
		for i := range value.Len() {
			f.check(fmt.Sprintf("%s[%d]", place, i), value.Index(i))
		}
	case reflect.Struct:
		for i := range value.NumField() {
			member := value.Type().Field(i)
			if !member.IsExported() {
				continue
			}
			name, _, _ := strings.Cut(member.Tag.Get("json"), ",")
			if name == "-" {
				name = strings.ToLower(member.Name)
			}
			inner := place
			if name != "" {
				inner = strings.TrimPrefix(place+"."+name, ".")
			}
			if rule, tagged := member.Tag.Lookup("wire"); tagged {
				f.member(inner, rule, value.Field(i))
			} else {
				f.check(inner, value.Field(i))
			}
		}
	}
}

func (f *faults) member(place, rule string, value reflect.Value) {
	parts := strings.Split(rule, ",")
	kind, size := parts[0][:1], parts[0][1:]
	mandatory := strings.Contains(rule, ",M")
	if parts[0] == "DT" {
		if mandatory && time.Time(value.Interface().(Stamp)).IsZero() {
			f.add(place, "is mandatory")
		}
		return
	}
	if day, is := value.Interface().(settle.Date); is {
		if mandatory && day == 0 {
			f.add(place, "is mandatory")
		}
		return
	}
	if value.Kind() == reflect.Int {
		if most, _ := strconv.Atoi(size); value.Int() < 0 || len(strconv.FormatInt(value.Int(), 10)) > most {
			f.add(place, "must be a count of at most "+size+" digits")
		}
		return
	}
	if amount, is := value.Interface().(Amount); is {
		f.digits(place, size, strings.TrimLeft(settle.Fen(amount).String(), "-"))
		return
	}
	text := value.String()
	switch {
	case text == "":
		if mandatory {
			f.add(place, "is mandatory")
		}
	case !utf8.ValidString(text):
		f.add(place, "is not valid UTF-8")
	case kind == "N":
		f.digits(place, size, strings.TrimLeft(text, "-"))
	case kind == "S":
		if strconv.Itoa(utf8.RuneCountInString(text)) != size {
			f.add(place, "must have exactly "+size+" characters")
		}
	default:
		if max, _ := strconv.Atoi(size); utf8.RuneCountInString(text) > max {
			f.add(place, "is longer than "+size+" characters")
		}
	}
	if strings.Contains(rule, ",d") && text != "" && !codeText.MatchString(text) {
		f.add(place, "must be a code of digits and letters")
	}
}

// digits checks a number without sign against N<all>.<after the point>.
func (f *faults) digits(place, size, text string) {
	if !wireNumber.MatchString(text) {
		f.add(place, "must be a plain number")
		return
	}
	all, after, _ := strings.Cut(size, ".")
	whole, fraction, _ := strings.Cut(text, ".")
	most, _ := strconv.Atoi(all)
	scale, _ := strconv.Atoi(after)
	if len(fraction) > scale || len(strings.TrimLeft(whole, "0")) > most-scale {
		f.add(place, "has more digits than N"+all+","+after)
	}
}

// checkMessage checks a whole input and the message's own rules.
func checkMessage(input any, own ...func(*faults)) error {
	var found faults
	found.check("", reflect.ValueOf(input))
	for _, rule := range own {
		rule(&found)
	}
	return found.err()
}
