package canon

import (
	"reflect"
	"slices"
	"strings"
)

// field is a member of an object.
type field struct {
	name    string
	tagged  bool
	index   []int
	comma   string // with the comma before it and the colon behind it
	leaveIf func(v reflect.Value) bool
	encode  func() encoder
}

// structure is an object; a type whose fields have a form that this package does not know is encoding/json's.
func structure(t reflect.Type) encoder {
	found, known := fieldsOf(t, nil)
	if !known {
		return handedOver
	}
	fields := visible(found)
	for i := range fields {
		name := appendString(nil, fields[i].name, &plain)
		if string(name) != string(appendString(nil, fields[i].name, &wire)) {
			return handedOver
		}
		fields[i].comma = "," + string(name) + ":"
	}
	return func(w *writer, v reflect.Value) {
		w.data = append(w.data, '{')
		first := true
		for i := range fields {
			f := &fields[i]
			at := v
			for _, n := range f.index {
				at = at.Field(n)
			}
			if f.leaveIf != nil && f.leaveIf(at) {
				continue
			}
			comma := f.comma
			if first {
				first, comma = false, comma[1:]
			}
			w.text(comma)
			f.encode()(w, at)
		}
		w.data = append(w.data, '}')
	}
}

// fieldsOf are all the members of a struct in their order, those of embedded structs in the place of these. known is false for
// an embedded pointer and for the option "string".
func fieldsOf(t reflect.Type, above []int) (fields []field, known bool) {
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		if tag == "-" || !f.IsExported() && !f.Anonymous {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		index := append(slices.Clone(above), i)
		switch {
		case hasOption(options, "string"), f.Anonymous && f.Type.Kind() == reflect.Pointer, strings.ContainsAny(name, `\"'`):
			return nil, false
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			inner, known := fieldsOf(f.Type, index)
			if !known {
				return nil, false
			}
			fields = append(fields, inner...)
			continue
		case !f.IsExported():
			continue
		}
		made := field{name: name, tagged: name != "", index: index, encode: lazyOf(f.Type), leaveIf: leaving(f.Type, options)}
		if name == "" {
			made.name = f.Name
		}
		fields = append(fields, made)
	}
	return fields, true
}

func hasOption(options, name string) bool { return slices.Contains(strings.Split(options, ","), name) }

// leaving is what a member is left out for; nil: nothing.
func leaving(t reflect.Type, options string) func(reflect.Value) bool {
	empty, zero := hasOption(options, "omitempty"), hasOption(options, "omitzero")
	switch {
	case empty && zero:
		isZero := zeroOf(t)
		return func(v reflect.Value) bool { return isEmpty(v) || isZero(v) }
	case empty:
		return isEmpty
	case zero:
		return zeroOf(t)
	}
	return nil
}

type zeroer interface{ IsZero() bool }

// zeroOf is whether a value is zero, by its own word where it has one.
func zeroOf(t reflect.Type) func(reflect.Value) bool {
	own := reflect.TypeFor[zeroer]()
	if t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface && reflect.PointerTo(t).Implements(own) {
		return func(v reflect.Value) bool { return v.Addr().Interface().(zeroer).IsZero() }
	}
	if t.Implements(own) {
		return func(v reflect.Value) bool { return v.IsNil() || v.Interface().(zeroer).IsZero() }
	}
	return reflect.Value.IsZero
}

func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

// visible takes out whatever another member of the same name hides: the one least deep counts, of those equally deep one whose
// name is written in its tag, and of several none.
func visible(all []field) []field {
	return slices.DeleteFunc(slices.Clone(all), func(f field) bool {
		for i := range all {
			other := &all[i]
			if other.name != f.name || slices.Equal(other.index, f.index) {
				continue
			}
			if len(other.index) < len(f.index) || len(other.index) == len(f.index) && (other.tagged || !f.tagged) {
				return true
			}
		}
		return false
	})
}
