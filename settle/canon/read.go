package canon

import (
	"bytes"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"sync"
)

// Read reads JSON into what a pointer points to: whatever encoding/json's Unmarshal makes of it, the error too. What Append writes is
// read in one pass by what is known of the type; of anything else, be it a space between two members, a member in another case
// or an error, the first sign leaves the whole text to encoding/json, and so does a pointer to what is not zero. Nothing of the text
// is kept. Safe for concurrent use.
func Read(data []byte, into any) error {
	v := reflect.ValueOf(into)
	if v.Kind() == reflect.Pointer && !v.IsNil() && v.Elem().IsZero() {
		r := reader{data: data}
		if decoderOf(v.Type().Elem())(&r, v.Elem()) && r.at == len(data) {
			return nil
		}
		v.Elem().SetZero()
	}
	return json.Unmarshal(data, into)
}

// Valid is encoding/json's, in less time for what has no spaces between its members.
func Valid(data []byte) bool {
	r := reader{data: data}
	return r.pass() && r.at == len(data) || json.Valid(data)
}

// reader goes through a text once.
type reader struct {
	data []byte
	at   int
	deep int
}

// deepest is how far values may lie within each other here; what lies deeper is encoding/json's, which has a limit of its own.
const deepest = 200

// decoder reads a value into a zero one that can be set, and reports whether it could.
type decoder func(r *reader, v reflect.Value) bool

// decoders are made once for each type; a type that contains itself finds its own when it is asked for it.
var decoders sync.Map // reflect.Type → func() decoder

func decoderOf(t reflect.Type) decoder { return lazyDecoderOf(t)() }

func lazyDecoderOf(t reflect.Type) func() decoder {
	if made, ok := decoders.Load(t); ok {
		return made.(func() decoder)
	}
	made, _ := decoders.LoadOrStore(t, sync.OnceValue(func() decoder { return compileDecoder(t) }))
	return made.(func() decoder)
}

var (
	unmarshalerType   = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshalType = reflect.TypeFor[encoding.TextUnmarshaler]()
	numberType        = reflect.TypeFor[json.Number]()
)

// readsItself reports whether a type has a way of its own.
func readsItself(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(unmarshalerType) || reflect.PointerTo(t).Implements(textUnmarshalType)
}

func compileDecoder(t reflect.Type) decoder {
	switch {
	case t.Kind() == reflect.Pointer:
		return pointedTo(t)
	case t.Kind() == reflect.Interface:
		return leftOver
	case readsItself(t) && t.Name() == "": // encoding/json asks only what has a name
		return unknown
	case reflect.PointerTo(t).Implements(unmarshalerType):
		return ownReading
	case readsItself(t), t == numberType:
		return leftOver
	}
	switch t.Kind() {
	case reflect.String:
		return readText
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return readInt
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return readUint
	case reflect.Bool:
		return readBool
	case reflect.Struct:
		return members(t)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return readBinary
		}
		return elements(t)
	case reflect.Array:
		return fixed(t)
	case reflect.Map:
		if t.Key().Kind() == reflect.String && !readsItself(t.Key()) {
			return entries(t)
		}
	}
	return leftOver
}

// unknown reads nothing.
func unknown(*reader, reflect.Value) bool { return false }

// leftOver leaves a value to encoding/json.
func leftOver(r *reader, v reflect.Value) bool {
	raw, ok := r.value()
	return ok && json.Unmarshal(raw, v.Addr().Interface()) == nil
}

func ownReading(r *reader, v reflect.Value) bool {
	raw, ok := r.value()
	return ok && v.Addr().Interface().(json.Unmarshaler).UnmarshalJSON(raw) == nil
}

func readText(r *reader, v reflect.Value) bool {
	if r.null() {
		return true
	}
	text, ok := r.text()
	if ok {
		v.SetString(text)
	}
	return ok
}

func readInt(r *reader, v reflect.Value) bool {
	if r.null() {
		return true
	}
	negative := r.take('-')
	n, ok := r.digits()
	if negative {
		n = -n
	}
	if !ok || v.OverflowInt(n) {
		return false
	}
	v.SetInt(n)
	return true
}

func readUint(r *reader, v reflect.Value) bool {
	if r.null() {
		return true
	}
	n, ok := r.digits()
	if !ok || v.OverflowUint(uint64(n)) { //nolint:gosec // digits are never negative
		return false
	}
	v.SetUint(uint64(n)) //nolint:gosec // the same
	return true
}

func readBool(r *reader, v reflect.Value) bool {
	switch {
	case r.word("true"):
		v.SetBool(true)
	case !r.word("false"):
		return r.null()
	}
	return true
}

func readBinary(r *reader, v reflect.Value) bool {
	if r.null() {
		return true
	}
	text, ok := r.text()
	if !ok {
		return false
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return false
	}
	v.SetBytes(data)
	return true
}

func pointedTo(t reflect.Type) decoder {
	elem := lazyDecoderOf(t.Elem())
	return func(r *reader, v reflect.Value) bool {
		if r.null() {
			return true
		}
		v.Set(reflect.New(t.Elem()))
		return elem()(r, v.Elem())
	}
}

// roomFirst is how many elements a list has room for at first, as long as they are small.
const (
	roomFirst = 4
	smallElem = 512
)

func elements(t reflect.Type) decoder {
	elem, first := lazyDecoderOf(t.Elem()), 1
	if t.Elem().Size() <= smallElem {
		first = roomFirst
	}
	return func(r *reader, v reflect.Value) bool {
		if r.null() {
			return true
		}
		read := elem()
		return r.list(func(n int) bool {
			if n >= v.Cap() {
				v.Grow(max(first, n))
			}
			v.SetLen(n + 1)
			return read(r, v.Index(n))
		}, func() { v.Set(reflect.MakeSlice(t, 0, 0)) })
	}
}

func fixed(t reflect.Type) decoder {
	elem := lazyDecoderOf(t.Elem())
	return func(r *reader, v reflect.Value) bool {
		if r.null() {
			return true
		}
		read := elem()
		return r.list(func(n int) bool { return n < v.Len() && read(r, v.Index(n)) }, func() {})
	}
}

// list reads an array; none is called for an empty one.
func (r *reader) list(each func(n int) bool, none func()) bool {
	if !r.take('[') || !r.within() {
		return false
	}
	defer r.leave()
	if r.take(']') {
		none()
		return true
	}
	for n := 0; each(n); n++ {
		if !r.take(',') {
			return r.take(']')
		}
	}
	return false
}

func entries(t reflect.Type) decoder {
	elem := lazyDecoderOf(t.Elem())
	return func(r *reader, v reflect.Value) bool {
		if r.null() {
			return true
		}
		read := elem()
		v.Set(reflect.MakeMap(t))
		value := reflect.New(t.Elem()).Elem()
		return r.object(func() bool {
			key, ok := r.text()
			if !ok || !r.take(':') {
				return false
			}
			value.SetZero()
			ok = read(r, value)
			v.SetMapIndex(reflect.ValueOf(key).Convert(t.Key()), value)
			return ok
		})
	}
}

// object reads an object whose members are read by each, from their names on.
func (r *reader) object(each func() bool) bool {
	if !r.take('{') || !r.within() {
		return false
	}
	defer r.leave()
	if r.take('}') {
		return true
	}
	for each() {
		if !r.take(',') {
			return r.take('}')
		}
	}
	return false
}

// member is a member of an object that is looked for.
type member struct {
	name   string
	key    []byte // with the quotes around it and the colon behind it
	index  []int
	decode func() decoder
}

// mostMembers is how many members an object may have that are looked for.
const mostMembers = 64

// members reads an object; a type whose fields have a form that this package does not know is encoding/json's.
func members(t reflect.Type) decoder {
	found, known := fieldsOf(t, nil)
	fields := visible(found)
	if !known || len(fields) > mostMembers {
		return leftOver
	}
	wanted := make([]member, 0, len(fields))
	for _, f := range fields {
		if !ascii([]byte(f.name)) {
			return leftOver
		}
		wanted = append(wanted, member{
			name: f.name, key: append(appendString(nil, f.name, &plain), ':'), index: f.index, decode: lazyDecoderOf(t.FieldByIndex(f.index).Type),
		})
	}
	return func(r *reader, v reflect.Value) bool {
		if r.null() {
			return true
		}
		seen, next := uint64(0), 0
		return r.object(func() bool {
			n := r.find(wanted, next)
			if n < 0 {
				return r.passOver(wanted)
			}
			if seen&(1<<n) != 0 { // the later one is merged into the earlier
				return false
			}
			seen, next = seen|1<<n, n+1
			at := v
			for _, i := range wanted[n].index {
				at = at.Field(i)
			}
			return wanted[n].decode()(r, at)
		})
	}
}

// find takes the name of a member that is wanted, and looks first for the one that is expected next; -1: it is another.
func (r *reader) find(wanted []member, next int) int {
	rest := r.data[r.at:]
	for k := range wanted {
		n := next + k
		if n >= len(wanted) {
			n -= len(wanted)
		}
		if bytes.HasPrefix(rest, wanted[n].key) {
			r.at += len(wanted[n].key)
			return n
		}
	}
	return -1
}

// passOver passes over a member that is not wanted. encoding/json would take a name in another case for a wanted one.
func (r *reader) passOver(wanted []member) bool {
	from := r.at
	if !r.pass() || r.data[from] != '"' {
		return false
	}
	name := r.data[from+1 : r.at-1]
	if !ascii(name) || bytes.IndexByte(name, '\\') >= 0 {
		return false
	}
	for i := range wanted {
		if len(name) == len(wanted[i].name) && bytes.EqualFold(name, []byte(wanted[i].name)) {
			return false
		}
	}
	return r.take(':') && r.pass()
}
