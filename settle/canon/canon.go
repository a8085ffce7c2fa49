// Package canon writes the canonical form of records and digests: the very bytes that encoding/json writes of the same value.
//
// Records are hashed over these bytes for ever, so the form cannot change, and it does not: whatever this package has no way of
// its own for it hands to encoding/json, and tests hold the two against each other. It is here because a sale's record is written
// by the one goroutine that everybody at the counter waits for, where looking every field up by reflection, and checking again
// what amounts and dates have just written, costs several times the writing.
package canon

import (
	"bytes"
	"cmp"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"
)

// A message to the centre is written here too, by AppendWire, which escapes nothing for HTML: centres count escapes into lengths and
// signatures.

// Appender is a value that appends its JSON to a buffer; it must be what its MarshalJSON writes. Types whose values are many
// implement it with a value receiver.
type Appender interface{ AppendJSON(data []byte) []byte }

// TryAppender is an Appender whose values do not all have a form.
type TryAppender interface {
	AppendJSON(data []byte) ([]byte, error)
}

// Append appends the JSON of a value, or of what a pointer points to, which is cheaper, to a buffer. The error is encoding/json's.
// Safe for concurrent use.
func Append(data []byte, value any) ([]byte, error) {
	return write(writer{data: data, plain: &plain}, value)
}

// AppendWire is Append for what goes to the centre: the bytes that encoding/json's Encoder writes without escapes for HTML.
func AppendWire(data []byte, value any) ([]byte, error) {
	return write(writer{data: data, plain: &wire}, value)
}

func write(w writer, value any) ([]byte, error) {
	data := w.data
	v := reflect.ValueOf(value)
	if !v.IsValid() {
		return append(data, "null"...), nil
	}
	if v.Kind() != reflect.Pointer {
		copied := reflect.New(v.Type()) // its fields can be referred to, as those behind a pointer can
		copied.Elem().Set(v)
		v = copied.Elem()
	}
	encoderOf(v.Type())(&w, v)
	return w.data, w.err
}

// writer gathers the text; err is the first fault.
type writer struct {
	data  []byte
	err   error
	plain *[utf8.RuneSelf]bool // plain or wire
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
	tryType       = reflect.TypeFor[TryAppender]()
	rawType       = reflect.TypeFor[json.RawMessage]()
	anyMapType    = reflect.TypeFor[map[string]any]()
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
	case t.Kind() != reflect.Pointer && t.Implements(tryType):
		return tried
	case t == rawType:
		return raw
	case t == anyMapType:
		return namedAny
	case t.Kind() == reflect.Interface:
		return dynamic
	case t == timeType:
		return instant
	case t.Kind() != reflect.Pointer && writesItself(t):
		return handedOver
	}
	switch t.Kind() {
	case reflect.String:
		return func(w *writer, v reflect.Value) { w.string(v.String()) }
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

func tried(w *writer, v reflect.Value) {
	data, err := v.Addr().Interface().(TryAppender).AppendJSON(w.data)
	if err != nil { // it is told in encoding/json's words
		handedOver(w, v)
		return
	}
	w.data = data
}

// raw is JSON that is written already. Where it has no spaces between its members, and nothing to escape for HTML, it stays as it is.
func raw(w *writer, v reflect.Value) {
	text := v.Bytes()
	r := reader{data: text}
	switch {
	case v.IsNil():
		w.text("null")
	case r.pass() && r.at == len(text) && (w.plain == &wire || !forScripts(text)):
		w.data = append(w.data, text...)
	default:
		handedOver(w, v)
	}
}

// forScripts reports whether a text may hold what HTML or a script would take for its own.
func forScripts(text []byte) bool {
	return bytes.ContainsAny(text, "<>&") || bytes.Contains(text, []byte("\xe2\x80"))
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
	if w.plain == &plain {
		data, err := json.Marshal(v.Interface())
		w.data, w.err = append(w.data, data...), cmp.Or(w.err, err)
		return
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v.Interface())
	w.data, w.err = append(w.data, bytes.TrimSuffix(out.Bytes(), []byte("\n"))...), cmp.Or(w.err, err)
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
			w.string(key.String())
			w.text(":")
			value.Set(v.MapIndex(key))
			elem()(w, value)
		}
		w.data = append(w.data, '}')
	}
}
