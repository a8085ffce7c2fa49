package centre

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Manner is how this centre writes its answers, so that a till can rehearse what real ones do.
type Manner struct {
	StringNumbers       bool // numbers as texts
	EmptyAmounts        bool // "" where an amount is 0
	ObjectForArray      bool // an object where a list has one row, null where it has none
	FundIncludesAccount bool // fund_pay_sumamt has the personal account inside it (Guangdong)
}

// mannerNames are the words of a configuration.
var mannerNames = []string{"string-numbers", "empty-amounts", "object-for-array", "fund-includes-account"}

// ParseManner reads the names of manners.
func ParseManner(names []string) (Manner, error) {
	for _, name := range names {
		if !slices.Contains(mannerNames, name) {
			return Manner{}, fmt.Errorf("manner %q is none of %s", name, strings.Join(mannerNames, ", "))
		}
	}
	has := func(i int) bool { return slices.Contains(names, mannerNames[i]) }
	return Manner{has(0), has(1), has(2), has(3)}, nil
}

// write brings an output into the centre's manner.
func (m Manner) write(output json.RawMessage) (json.RawMessage, error) {
	if !m.StringNumbers && !m.EmptyAmounts && !m.ObjectForArray {
		return output, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(output))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	return json.Marshal(m.rewrite(value))
}

func (m Manner) rewrite(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			value[name] = m.rewrite(member)
		}
	case []any:
		for i := range value {
			value[i] = m.rewrite(value[i])
		}
		if m.ObjectForArray && len(value) == 0 {
			return nil
		}
		if m.ObjectForArray && len(value) == 1 {
			return value[0]
		}
	case json.Number:
		if m.EmptyAmounts && strings.Trim(value.String(), "0.") == "" {
			return ""
		}
		if m.StringNumbers {
			return value.String()
		}
	}
	return value
}
