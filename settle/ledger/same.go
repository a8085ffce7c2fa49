package ledger

import (
	"fmt"
	"reflect"
	"strings"

	"gongji/settle"
)

// firstDifference names the first JSON field in which a repeated sale differs from the stored one; empty where they
// are the same sale. What legitimately differs on a retry is left out: the credential and the sequence number of the
// ID reader are evidence of the moment, a seal is different each time it is made, and a retry without a card cannot
// know the patient that the first request left to the card.
func firstDifference(stored, repeated settle.Sale) string {
	blank(&stored)
	blank(&repeated)
	if repeated.Patient == "" {
		repeated.Patient = stored.Patient
	}
	return differ(reflect.ValueOf(stored), reflect.ValueOf(repeated), "")
}

func blank(sale *settle.Sale) {
	sale.Credential = settle.Credential{}
	if sale.Proxy != nil {
		proxy := *sale.Proxy
		proxy.AgentSealed, proxy.IDReaderSeq = nil, 0
		sale.Proxy = &proxy
	}
}

// firstReturnDifference is the same for a return; whether a card was shown is evidence of the moment.
func firstReturnDifference(stored settle.Return, order *settle.ReturnOrder) string {
	type content struct {
		Settlement string              `json:"settlement_id"`
		Operator   settle.Operator     `json:"operator"`
		Lines      []settle.ReturnLine `json:"lines"`
		Reason     string              `json:"reason"`
	}
	return differ(
		reflect.ValueOf(content{stored.Settlement, stored.Operator, stored.Lines, stored.Reason}),
		reflect.ValueOf(content{order.Settlement, order.Operator, order.Lines, order.Reason}), "")
}

// differ walks two values of one type in the order of their fields.
func differ(a, b reflect.Value, path string) string {
	switch a.Kind() {
	case reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			if a.IsNil() != b.IsNil() {
				return path
			}
			return ""
		}
		return differ(a.Elem(), b.Elem(), path)
	case reflect.Struct:
		for i := range a.NumField() {
			if where := differ(a.Field(i), b.Field(i), join(path, jsonName(a.Type().Field(i)))); where != "" {
				return where
			}
		}
		return ""
	case reflect.Slice, reflect.Array:
		if a.Len() != b.Len() {
			return path
		}
		if a.Kind() == reflect.Slice && a.Type().Elem().Kind() == reflect.Uint8 {
			if string(a.Bytes()) != string(b.Bytes()) {
				return path
			}
			return ""
		}
		for i := range a.Len() {
			if where := differ(a.Index(i), b.Index(i), fmt.Sprintf("%s[%d]", path, i)); where != "" {
				return where
			}
		}
		return ""
	}
	if !a.Equal(b) {
		return path
	}
	return ""
}

func jsonName(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	if name == "" {
		return field.Name
	}
	return name
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func conflict(field string) error {
	return settle.NewError(settle.IdempotencyConflict, nil).With("field", field)
}
