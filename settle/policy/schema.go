package policy

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strings"

	"gongji/settle"
)

// field is one key of a policy and where its value lies in settle.Rules.
type field struct {
	key   string
	index []int
	kind  reflect.Type
}

// fields are all keys in the order of the struct, fieldByKey finds one.
var fields, fieldByKey = readSchema()

func readSchema() ([]field, map[string]field) {
	var all []field
	collectFields(reflect.TypeFor[settle.Rules](), "", nil, &all)
	byKey := make(map[string]field, len(all))
	for _, f := range all {
		byKey[f.key] = f
	}
	return all, byKey
}

// collectFields walks the tagged fields; a struct that is not a value of its own is a group of keys.
func collectFields(t reflect.Type, prefix string, index []int, all *[]field) {
	for i := range t.NumField() {
		tag := t.Field(i).Tag.Get("rule")
		if tag == "" {
			continue
		}
		key := prefix + tag
		at := append(slices.Clone(index), i)
		if ft := t.Field(i).Type; ft.Kind() == reflect.Struct && !isValue(ft) {
			collectFields(ft, key+".", at, all)
			continue
		}
		*all = append(*all, field{key: key, index: at, kind: t.Field(i).Type})
	}
}

// isValue reports whether a struct is one value of a policy and no group of keys.
func isValue(t reflect.Type) bool {
	return t == capType || t == countType || t == topicType || t == noticeType
}

var (
	capType    = reflect.TypeFor[settle.Cap]()
	countType  = reflect.TypeFor[settle.Count]()
	topicType  = reflect.TypeFor[settle.Topic]()
	noticeType = reflect.TypeFor[settle.Notice]()

	dateType  = reflect.TypeFor[settle.Date]()
	fenType   = reflect.TypeFor[settle.Fen]()
	spansType = reflect.TypeFor[[]settle.Span]()
)

// choices are the values a key, or every item of its list, may have. Keys that are not here take any text.
var choices = map[string][]string{
	"binding.model":             {"direct", "network"},
	"binding.extra_relations":   {"spouse_parent"},
	"binding.review":            {"none", "yearly"},
	"cross_province.med_groups": texts(settle.MedGroups),
	"beneficiary.kinds":         {"employee", "resident"},
	"proxy.record_fields":       {"relation", "reason"},
	"remote.manual_claim":       {"export", "none"},
	"binding.mode_allowed":      {"direct", "wallet"},
	"binding.relations":         texts(settle.Relations),
	"binding.proof":             {"commitment", "documents", "both"},
	"binding.unbind_effect":     {"now", "next_day"},
	"binding.auto_end_on":       {"insurance_moved", "insurance_ended", "death", "divorce"},
	"area.rule":                 {"same_pool", "same_province", "national"},
	"venue.kinds":               {"hospital", "clinic", "pharmacy"},
	"scope.vaccine":             {"by_class", "none", "own", "own_and_shared"},
	"scope.pharmacy.buckets":    scopeBuckets,
	"venue.area":                {"same_pool", "province", "national"},
	"cross_province.mode":       {"none", "wallet_quota"},
	"share_from":                {"balance", "prior_only", "mutual_only"},
	"own.gate":                  {"split", "zero_only"},
	"own.pot_order":             {"balance", "current", "prior", "mutual"},
	"pots":                      {"single", "current_prior", "current_prior_mutual"},
	"own.status_ok":             openStatuses,
	"giver.status_ok":           openStatuses,
	"beneficiary.status_ok":     openStatuses,
	"own_med_groups":            texts(settle.MedGroups),
	"shared.med_groups":         texts(settle.MedGroups),
	"med_group_map":             texts(settle.MedGroups),
	"shared.trigger":            {"auto", "ask"},
	"order.source":              {"bound_rank", "bind_time_asc", "bind_time_desc", "balance_desc", "manual_select", "single"},
	"order.tiebreak":            {"name", "bind_time", "id"},
	"order.adjustable_by":       {"giver", "beneficiary"},
	"caps.giver_limit_scope":    {"all", "each"},
	"premium.kinds":             {"resident", "ltc", "critical", "commercial"},
	"premium.threshold_mode":    {"none", "gate", "excess"},
	"premium.actor":             {"giver", "any"},
	"credential.kinds":          {"card", "evoucher", "id"},
	"refund.mode":               {"cancel_resettle", "line_origin", "proportional"},
	"refund.closed_pot":         {"prior", "agency"},
	"confirm.steps":             {"bind", "unbind", "reorder", "limit", "premium_cancel"},
	"year.rollover":             {"current_to_prior", "none"},
	"scope.default.buckets":     scopeBuckets,
	"scope.own_balance.buckets": scopeBuckets,
	"scope.own_current.buckets": scopeBuckets,
	"scope.own_prior.buckets":   scopeBuckets,
	"scope.own_mutual.buckets":  scopeBuckets,
	"scope.shared.buckets":      scopeBuckets,
}

// neverEmpty are the lists without which nothing at all could be settled, with the sentence for who wrote the region.
var neverEmpty = map[string]string{
	"credential.kinds": "没有一种凭证能认定患者，一笔也结算不了；至少写明 card（社保卡）、evoucher（医保码）、id（身份证）之一。",
	"venue.kinds":      "没有一类机构可以使用个人账户，一笔也结算不了；至少写明 hospital（医院）、clinic（诊所）、pharmacy（药店）之一。",
}

var (
	openStatuses = []string{"normal", "paused", "ended"}
	scopeBuckets = settle.BucketNames[:settle.OwnExpense]
)

func texts[T ~string](values []T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}

// assign writes a raw value (as a YAML or JSON decoder gives it) into the rules. Maps merge into what is there, all
// else replaces it. The error says what the key takes.
func assign(rules *settle.Rules, key string, raw any) error {
	f, known := fieldByKey[key]
	if !known {
		return fmt.Errorf("unknown key %q%s", key, didYouMean(key))
	}
	target := reflect.ValueOf(rules).Elem().FieldByIndex(f.index)
	switch f.kind {
	case capType:
		return assignOptional(raw, func(n int64) { target.Set(reflect.ValueOf(settle.CapOf(settle.Fen(n)))) },
			func() { target.SetZero() }, "fen")
	case countType:
		return assignOptional(raw, func(n int64) { target.Set(reflect.ValueOf(settle.Count{Set: true, Max: int(n)})) },
			func() { target.SetZero() }, "a number")
	case dateType:
		return assignDate(target, raw)
	case spansType:
		spans, err := readSpans(raw)
		if err == nil {
			target.Set(reflect.ValueOf(spans))
		}
		return err
	case topicType, noticeType:
		return assignDocument(target, raw)
	}
	switch f.kind.Kind() {
	case reflect.Bool:
		v, ok := raw.(bool)
		if !ok {
			return fmt.Errorf("must be true or false")
		}
		target.SetBool(v)
	case reflect.Int, reflect.Int64:
		n, ok := integer(raw)
		if !ok || n < 0 {
			return fmt.Errorf("must be a whole number%s, not negative", unitOf(f.kind))
		}
		target.SetInt(n)
	case reflect.String:
		return assignText(target, key, raw)
	case reflect.Slice:
		return assignList(target, raw)
	case reflect.Map:
		if f.kind.Elem().Kind() == reflect.Int {
			return assignNumbers(target, key, raw)
		}
		return assignMap(target, raw)
	}
	return nil
}

func unitOf(kind reflect.Type) string {
	if kind == fenType {
		return " of fen"
	}
	return ""
}

func assignOptional(raw any, set func(int64), clear func(), what string) error {
	if raw == nil {
		clear()
		return nil
	}
	n, ok := integer(raw)
	if !ok || n < 0 {
		return fmt.Errorf("must be a whole number (%s, not negative) or null", what)
	}
	set(n)
	return nil
}

func assignDate(target reflect.Value, raw any) error {
	text, ok := raw.(string)
	date, err := settle.ParseDate(text)
	if !ok || err != nil {
		return fmt.Errorf("must be a date such as 2025-07-01")
	}
	target.SetInt(int64(date))
	return nil
}

func readSpans(raw any) ([]settle.Span, error) {
	wrong := fmt.Errorf("must be a list of [from, to] dates such as [2025-09-01, 2025-12-20]")
	list, ok := raw.([]any)
	if !ok {
		return nil, wrong
	}
	spans := make([]settle.Span, 0, len(list))
	for _, item := range list {
		pair, ok := item.([]any)
		if !ok || len(pair) != 2 {
			return nil, wrong
		}
		from, fromErr := dateOf(pair[0])
		to, toErr := dateOf(pair[1])
		if fromErr != nil || toErr != nil {
			return nil, wrong
		}
		if to < from {
			return nil, fmt.Errorf("[%s, %s] ends before it begins, so no day would ever be in it", from, to)
		}
		spans = append(spans, settle.Span{From: from, To: to})
	}
	return spans, nil
}

func dateOf(raw any) (settle.Date, error) {
	text, ok := raw.(string)
	if !ok || text == "" {
		return 0, fmt.Errorf("must be a date such as 2025-07-01")
	}
	return settle.ParseDate(text)
}

func assignText(target reflect.Value, key string, raw any) error {
	text, ok := raw.(string)
	if !ok {
		return fmt.Errorf("must be a text")
	}
	if allowed := choices[key]; allowed != nil && !slices.Contains(allowed, text) {
		return fmt.Errorf("must be one of %s, not %q", strings.Join(allowed, ", "), text)
	}
	target.SetString(text)
	return nil
}

func assignList(target reflect.Value, raw any) error {
	list, ok := raw.([]any)
	if !ok {
		return fmt.Errorf("must be a list")
	}
	out := reflect.MakeSlice(target.Type(), 0, len(list))
	for _, item := range list {
		text, ok := item.(string)
		if !ok {
			return fmt.Errorf("must be a list of texts")
		}
		out = reflect.Append(out, reflect.ValueOf(text).Convert(target.Type().Elem()))
	}
	target.Set(out)
	return nil
}

func assignMap(target reflect.Value, raw any) error {
	items, ok := raw.(map[string]any)
	if !ok {
		return fmt.Errorf("must be a map of texts")
	}
	out := reflect.MakeMap(target.Type())
	for _, k := range target.MapKeys() {
		out.SetMapIndex(k, target.MapIndex(k))
	}
	for name, item := range items {
		text, ok := item.(string)
		if !ok {
			return fmt.Errorf("must be a map of texts")
		}
		out.SetMapIndex(reflect.ValueOf(name), reflect.ValueOf(text).Convert(target.Type().Elem()))
	}
	target.Set(out)
	return nil
}

// relationNames are the names that binding.relation_limits knows: the kinds of relatives, and a parent by sex.
var relationNames = append(texts(settle.Relations), "father", "mother", "spouse_parent")

// assignNumbers merges a map of whole numbers into what is there.
func assignNumbers(target reflect.Value, key string, raw any) error {
	items, ok := raw.(map[string]any)
	if !ok {
		return fmt.Errorf("must be a map of whole numbers")
	}
	out := reflect.MakeMap(target.Type())
	for _, k := range target.MapKeys() {
		out.SetMapIndex(k, target.MapIndex(k))
	}
	for name, item := range items {
		n, ok := integer(item)
		if !ok || n < 0 {
			return fmt.Errorf("%s must be a whole number, not negative", name)
		}
		if key == "binding.relation_limits" && !slices.Contains(relationNames, name) {
			return fmt.Errorf("%q is not one of %s", name, strings.Join(relationNames, ", "))
		}
		out.SetMapIndex(reflect.ValueOf(name), reflect.ValueOf(int(n)))
	}
	target.Set(out)
	return nil
}

// checkItems is the check of a list's or map's items, which region files undergo and scenario files do not: a scenario
// may try a status or class that no region knows, to see that the planner copes.
func checkItems(key string, raw any) error {
	allowed := choices[key]
	items := itemTexts(raw)
	if why := neverEmpty[key]; why != "" && len(items) == 0 {
		return fmt.Errorf("must not be empty: %s", why)
	}
	for _, text := range items {
		switch {
		case isStatusKey(key) && settle.Status(text).Locked():
			return fmt.Errorf("%q is locked by law: an account of this status never pays", text)
		case allowed != nil && !slices.Contains(allowed, text):
			return fmt.Errorf("%q is not one of %s", text, strings.Join(allowed, ", "))
		case isClassKey(key) && slices.Contains(settle.Excluded, text):
			return fmt.Errorf("%q is locked by law: no account ever pays this class", text)
		case key == "trace.code_forms" && !isCodeForm(text):
			return fmt.Errorf("%q is no form of a code: n20 is 20 digits, n..20 up to 20, an30 letters or digits, an..30 up to 30", text)
		}
	}
	return nil
}

func isCodeForm(text string) bool {
	_, ok := settle.ParseCodeForm(text)
	return ok
}

func isStatusKey(key string) bool { return strings.HasSuffix(key, ".status_ok") }

func isClassKey(key string) bool {
	return strings.HasPrefix(key, "scope.") && !strings.HasSuffix(key, ".buckets")
}

func itemTexts(raw any) (out []string) {
	switch v := raw.(type) {
	case []any:
		for _, item := range v {
			if text, ok := item.(string); ok {
				out = append(out, text)
			}
		}
	case map[string]any:
		for _, item := range v {
			if text, ok := item.(string); ok {
				out = append(out, text)
			}
		}
		sort.Strings(out)
	}
	return out
}

func integer(raw any) (int64, bool) {
	switch v := raw.(type) {
	case int:
		return int64(v), true
	case int64:
		return v, true
	case uint64:
		return int64(v), v <= 1<<62
	case json.Number:
		n, err := v.Int64()
		return n, err == nil
	}
	return 0, false
}

// valueOf is the value of a key as it would be written in a policy file; ok is false for a list of a special scope
// that the policy does not have.
func valueOf(rules *settle.Rules, f field) (value any, ok bool) {
	v := reflect.ValueOf(rules).Elem().FieldByIndex(f.index)
	switch x := v.Interface().(type) {
	case settle.Cap:
		if !x.Set {
			return nil, true
		}
		return int64(x.Max), true
	case settle.Count:
		if !x.Set {
			return nil, true
		}
		return int64(x.Max), true
	case settle.Date:
		return x.String(), true
	case settle.Fen:
		return int64(x), true
	case []settle.Span:
		spans := make([][2]string, len(x))
		for i, s := range x {
			spans[i] = [2]string{s.From.String(), s.To.String()}
		}
		return spans, true
	}
	if v.Kind() == reflect.Slice && v.IsNil() {
		return nil, !strings.HasPrefix(f.key, "scope.")
	}
	return v.Interface(), true
}

// sameValue reports whether two rules agree on a key.
func sameValue(a, b *settle.Rules, f field) bool {
	va := reflect.ValueOf(a).Elem().FieldByIndex(f.index)
	vb := reflect.ValueOf(b).Elem().FieldByIndex(f.index)
	return reflect.DeepEqual(va.Interface(), vb.Interface())
}

// didYouMean names the known key that is most like a wrong one, if one is alike.
func didYouMean(key string) string {
	best, distance := "", len(key)/3+2
	for _, f := range fields {
		if d := editDistance(key, f.key); d < distance {
			best, distance = f.key, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := diagonal
			if a[i-1] != b[j-1] {
				change++
			}
			diagonal = row[j]
			row[j] = min(change, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
