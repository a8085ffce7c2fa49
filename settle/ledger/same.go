package ledger

import (
	"fmt"
	"reflect"
	"slices"
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
	if a, b := stored.Proxy, repeated.Proxy; a != nil && b != nil {
		if a.AgentHash != b.AgentHash { // another person: that the name is another too says less
			return "proxy.agent.id_number"
		}
		if a.AgentPhoneHash == "" { // an older version did not keep it
			b.AgentPhoneHash = ""
		}
	}
	return apiName(differ(reflect.ValueOf(stored), reflect.ValueOf(repeated), ""))
}

// blank takes out of a sale what is no content of it, and writes its numbers in one way.
func blank(sale *settle.Sale) {
	sale.Credential = settle.Credential{}
	if sale.Proxy != nil {
		proxy := *sale.Proxy
		proxy.AgentSealed, proxy.IDReaderSeq = nil, 0
		sale.Proxy = &proxy
	}
	sale.Lines = slices.Clone(sale.Lines)
	for i := range sale.Lines {
		line := &sale.Lines[i]
		line.Quantity, line.UnitPrice = plainNumber(line.Quantity), plainNumber(line.UnitPrice)
	}
}

// plainNumber is a decimal text without zeros that say nothing: 2.00 is 2.
func plainNumber(text string) string {
	if !strings.Contains(text, ".") {
		return text
	}
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// apiNames are the members of a sale whose names a till knows by others.
var apiNames = map[string]string{
	"prescription.patient": "prescription.patient_id_number",
	"proxy.agent_masked":   "proxy.agent.name", "proxy.agent_hash": "proxy.agent.id_number",
	"proxy.agent_phone_hash": "proxy.agent.phone", "proxy.relation": "proxy.agent.relation", "presenter.documents": "proxy.documents",
}

// apiName is the name under which the till wrote a member.
func apiName(field string) string {
	if name, other := apiNames[field]; other {
		return name
	}
	for prefix, name := range map[string]string{"selected": "selected_givers", "presenter.documents": "proxy.documents"} {
		if rest, is := strings.CutPrefix(field, prefix); is && (rest == "" || rest[0] == '[') {
			return name + rest
		}
	}
	if strings.HasPrefix(field, "lines[") && strings.Contains(field, "].personal") {
		return field[:strings.Index(field, "].personal")] + "].split"
	}
	return field
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
		reflect.ValueOf(content{stored.Settlement, stored.Operator, plainLines(stored.Lines), stored.Reason}),
		reflect.ValueOf(content{order.Settlement, order.Operator, plainLines(order.Lines), order.Reason}), "")
}

func plainLines(lines []settle.ReturnLine) []settle.ReturnLine {
	plain := slices.Clone(lines)
	for i := range plain {
		plain[i].Quantity = plainNumber(plain[i].Quantity)
	}
	return plain
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
		if a.Type() == reflect.TypeFor[settle.Cap]() { // one text of the till, or none
			if !a.Equal(b) {
				return path
			}
			return ""
		}
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
