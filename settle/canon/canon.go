// Package canon writes the canonical form of records and digests: the very bytes that encoding/json writes of the same value.
//
// Records are hashed over these bytes for ever, so the form cannot change, and it does not: whatever this package has no way of
// its own for it hands to encoding/json, and tests hold the two against each other. It is here because a sale's record is written
// by the one goroutine that everybody at the counter waits for, where looking every field up by reflection, and checking again
// what amounts and dates have just written, costs several times the writing.
package canon

import (
	"cmp"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Appender is a value that appends its JSON to a buffer; it must be what its MarshalJSON writes. Types whose values are many
// implement it with a value receiver.
type Appender interface{ AppendJSON(data []byte) []byte }

// Append appends the JSON of a value, or of what a pointer points to, which is cheaper, to a buffer. The error is encoding/json's.
// Safe for concurrent use.
func Append(data []byte, value any) ([]byte, error) {
	v := reflect.ValueOf(value)
	if !v.IsValid() {
		return append(data, "null"...), nil
	}
	if v.Kind() != reflect.Pointer {
		copied := reflect.New(v.Type()) // its fields can be referred to, as those behind a pointer can
		copied.Elem().Set(v)
		v = copied.Elem()
	}
	w := writer{data: data}
	encoderOf(v.Type())(&w, v)
	return w.data, w.err
}

// writer gathers the text; err is the first fault.
type writer struct {
	data []byte
	err  error
}

func (w *writer) text(s string) { w.data = append(w.data, s...) }

// encoder writes a value that can be referred to, or a pointer, or what a map holds.
type encoder func(w *writer, v reflect.Value)

// encoders are made once for each type; a type that contains itself finds its own when it is asked for it.
var encoders sync.Map // reflect.Type → func() encoder

func encoderOf(t reflect.Type) encoder { return lazyOf(t)() }

func lazyOf(t reflect.Type) func() encoder {
	if made, ok := encoders.Load(t); ok {
		return made.(func() encoder)
	}
	made, _ := encoders.LoadOrStore(t, sync.OnceValue(func() encoder { return compile(t) }))
	return made.(func() encoder)
}

var (
	appenderType  = reflect.TypeFor[Appender]()
	marshalerType = reflect.TypeFor[json.Marshaler]()
	textType      = reflect.TypeFor[encoding.TextMarshaler]()
	timeType      = reflect.TypeFor[time.Time]()
)

// writesItself reports whether a type has a way of its own that is not among those known here.
func writesItself(t reflect.Type) bool {
	return t.Implements(marshalerType) || t.Implements(textType) ||
		t.Kind() != reflect.Pointer && (reflect.PointerTo(t).Implements(marshalerType) || reflect.PointerTo(t).Implements(textType))
}

func compile(t reflect.Type) encoder {
	switch {
	case t.Kind() != reflect.Pointer && t.Implements(appenderType):
		return appended
	case t == timeType:
		return instant
	case t.Kind() != reflect.Pointer && writesItself(t):
		return handedOver
	}
	switch t.Kind() {
	case reflect.String:
		return func(w *writer, v reflect.Value) { w.data = appendString(w.data, v.String()) }
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return func(w *writer, v reflect.Value) { w.data = strconv.AppendInt(w.data, v.Int(), 10) }
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return func(w *writer, v reflect.Value) { w.data = strconv.AppendUint(w.data, v.Uint(), 10) }
	case reflect.Bool:
		return func(w *writer, v reflect.Value) { w.data = strconv.AppendBool(w.data, v.Bool()) }
	case reflect.Pointer:
		return pointed(t)
	case reflect.Struct:
		return structure(t)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 && !writesItself(t.Elem()) {
			return binary
		}
		return list(t)
	case reflect.Array:
		return list(t)
	case reflect.Map:
		if t.Key().Kind() == reflect.String && !writesItself(t.Key()) {
			return mapped(t)
		}
	}
	return handedOver
}

func appended(w *writer, v reflect.Value) {
	w.data = v.Addr().Interface().(Appender).AppendJSON(w.data) // a pointer goes into an interface as it is
}

func instant(w *writer, v reflect.Value) {
	at := v.Addr().Interface().(*time.Time)
	data, err := at.AppendText(append(w.data, '"'))
	if err != nil { // of a year that has no four digits
		handedOver(w, v)
		return
	}
	w.data = append(data, '"')
}

// handedOver leaves a value to encoding/json.
func handedOver(w *writer, v reflect.Value) {
	if v.CanAddr() {
		v = v.Addr()
	}
	data, err := json.Marshal(v.Interface())
	w.data, w.err = append(w.data, data...), cmp.Or(w.err, err)
}

func binary(w *writer, v reflect.Value) {
	if v.IsNil() {
		w.text("null")
		return
	}
	w.data = append(base64.StdEncoding.AppendEncode(append(w.data, '"'), v.Bytes()), '"')
}

func pointed(t reflect.Type) encoder {
	if t.Elem().Kind() == reflect.Pointer {
		return handedOver
	}
	elem := lazyOf(t.Elem())
	return func(w *writer, v reflect.Value) {
		if v.IsNil() {
			w.text("null")
			return
		}
		elem()(w, v.Elem())
	}
}

func list(t reflect.Type) encoder {
	elem, mayBeNil := lazyOf(t.Elem()), t.Kind() == reflect.Slice
	return func(w *writer, v reflect.Value) {
		if mayBeNil && v.IsNil() {
			w.text("null")
			return
		}
		write := elem()
		w.data = append(w.data, '[')
		for i := range v.Len() {
			if i > 0 {
				w.data = append(w.data, ',')
			}
			write(w, v.Index(i))
		}
		w.data = append(w.data, ']')
	}
}

func mapped(t reflect.Type) encoder {
	elem := lazyOf(t.Elem())
	return func(w *writer, v reflect.Value) {
		if v.IsNil() {
			w.text("null")
			return
		}
		keys := make([]reflect.Value, 0, v.Len())
		for each := v.MapRange(); each.Next(); {
			keys = append(keys, each.Key())
		}
		slices.SortFunc(keys, func(a, b reflect.Value) int { return cmp.Compare(a.String(), b.String()) })
		value := reflect.New(t.Elem()).Elem()
		w.data = append(w.data, '{')
		for i, key := range keys {
			if i > 0 {
				w.data = append(w.data, ',')
			}
			w.data = append(appendString(w.data, key.String()), ':')
			value.Set(v.MapIndex(key))
			elem()(w, value)
		}
		w.data = append(w.data, '}')
	}
}
