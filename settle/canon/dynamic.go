package canon

import (
	"reflect"
	"slices"
)

// dynamic writes what an interface holds.
func dynamic(w *writer, v reflect.Value) {
	if v.IsNil() {
		w.text("null")
		return
	}
	w.any(v.Elem().Interface())
}

// any writes a value whose type is not known before. What encoding/json cannot take the address of, it does not ask for methods that
// need one; so of values only those go the short way whose own way, or whose kind, asks for none.
func (w *writer) any(value any) {
	switch value := value.(type) {
	case nil:
		w.text("null")
	case string:
		w.string(value)
	case Appender:
		if reflect.TypeOf(value).Kind() != reflect.Pointer {
			w.data = value.AppendJSON(w.data)
			return
		}
		w.other(value)
	case map[string]any:
		w.members(value)
	case []any:
		w.elements(value)
	default:
		w.other(value)
	}
}

func (w *writer) other(value any) {
	if v := reflect.ValueOf(value); v.Kind() == reflect.Pointer {
		encoderOf(v.Type())(w, v)
		return
	}
	if own, tries := value.(TryAppender); tries {
		if data, err := own.AppendJSON(w.data); err == nil {
			w.data = data
			return
		}
	}
	handedOver(w, reflect.ValueOf(value))
}

func namedAny(w *writer, v reflect.Value) {
	w.members(*v.Addr().Interface().(*map[string]any))
}

func (w *writer) members(all map[string]any) {
	if all == nil {
		w.text("null")
		return
	}
	var room [40]string
	names := room[:0]
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	w.text("{")
	for i, name := range names {
		if i > 0 {
			w.text(",")
		}
		w.string(name)
		w.text(":")
		w.any(all[name])
	}
	w.text("}")
}

func (w *writer) elements(all []any) {
	if all == nil {
		w.text("null")
		return
	}
	w.text("[")
	for i, value := range all {
		if i > 0 {
			w.text(",")
		}
		w.any(value)
	}
	w.text("]")
}
