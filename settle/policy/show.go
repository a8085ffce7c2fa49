package policy

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gongji/settle"
)

// Shown is one key of a region's policy as people read it.
type Shown struct {
	Key    string        `json:"key"`
	Value  string        `json:"value"`
	Yuan   string        `json:"yuan,omitempty"` // the value in yuan, where it is money
	Locked bool          `json:"locked,omitempty"`
	Origin settle.Origin `json:"origin"`
	// Titles are the sources' titles, in the order of Origin.Src.
	Titles []string `json:"titles,omitempty"`
}

// Assumed reports whether nobody found a source for the value: it is the authors' guess, and people must be told.
func (s Shown) Assumed() bool { return !s.Locked && s.Origin.Confidence == settle.ConfidenceAssumed }

// Show lists every key of a region's policy on a day, in the order of the schema, with its value and where the value
// comes from; the rules locked by law come last. Errors are those of [Set.For].
func (s *Set) Show(region string, day settle.Date) ([]Shown, error) {
	rules, err := s.For(region, day)
	if err != nil {
		return nil, err
	}
	var shown []Shown
	for _, f := range fields {
		value, ok := valueOf(rules, f)
		if !ok {
			continue
		}
		row := Shown{Key: f.key, Value: written(value), Origin: rules.Provenance[f.key]}
		if n, isNumber := value.(int64); isNumber && (f.kind == fenType || f.kind == capType) {
			row.Yuan = settle.Fen(n).String()
		}
		row.Titles = s.titles(row.Origin.Src)
		shown = append(shown, row)
	}
	for _, key := range slices.Sorted(maps.Keys(lockedByLaw)) {
		locked := lockedByLaw[key]
		shown = append(shown, Shown{
			Key: key, Value: locked.text, Locked: true, Titles: s.titles(locked.src),
			Origin: settle.Origin{Policy: settle.CNID, Src: locked.src, Confidence: settle.ConfidenceGov, Note: locked.why},
		})
	}
	return shown, nil
}

func (s *Set) titles(codes []string) (titles []string) {
	for _, code := range codes {
		titles = append(titles, s.sources[code].Title)
	}
	return titles
}

// written is a value as a policy file would write it.
func written(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case [][2]string:
		parts := make([]string, len(v))
		for i, span := range v {
			parts[i] = "[" + span[0] + ", " + span[1] + "]"
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return strings.ReplaceAll(strings.ReplaceAll(string(data), `"`, ""), ",", ", ")
}
