package policy

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gongji/settle"
)

func mustSet(t *testing.T) *Set {
	t.Helper()
	set, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func mustRules(t *testing.T, set *Set, region string, day settle.Date) *settle.Rules {
	t.Helper()
	rules, err := set.For(region, day)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// Every embedded file passes the check that policy authors' files undergo.
func TestEmbeddedRegionsHaveNoProblems(t *testing.T) {
	inputs, err := embeddedInputs()
	if err != nil {
		t.Fatal(err)
	}
	_, problems := assemble(inputs)
	for _, p := range problems {
		t.Error(p)
	}
}

func TestEmbeddedRegions(t *testing.T) {
	want := []string{
		"110000", "130000", "140000", "310000", "320000", "330000", "370000", "370200", "410000", "410100", "420000", "420500", "430000",
		"430100", "440000", "440300", "500000", "510000", "610000", "610100", "CN",
	}
	if got := mustSet(t).Regions(); !slices.Equal(got, want) {
		t.Errorf("regions %v, want %v", got, want)
	}
}

// The baseline in Go and the baseline in CN.yaml are one, and CN.yaml says of every key where it comes from.
func TestBaselineFileIsDefaultRules(t *testing.T) {
	rules := mustRules(t, mustSet(t), settle.CNID, 20260310)
	baseline := settle.DefaultRules()
	for _, f := range fields {
		// Words to people decide nothing: they are data alone, and Go has none.
		if words := f.kind == topicType || f.kind == noticeType; !words && !sameValue(baseline, rules, f) {
			a, _ := valueOf(baseline, f)
			b, _ := valueOf(rules, f)
			t.Errorf("%s is %s in Go and %s in CN.yaml", f.key, written(a), written(b))
		}
		_, optional := map[string]bool{"own_balance": true, "own_current": true, "own_prior": true, "own_mutual": true, "shared": true, "pharmacy": true}[scopeName(f.key)]
		if _, cited := rules.Provenance[f.key]; !cited && !optional {
			t.Errorf("CN.yaml does not say where %s comes from", f.key)
		}
	}
	if rules.ID != baseline.ID || rules.Version != baseline.Version || rules.Name != baseline.Name || rules.EffectiveFrom != baseline.EffectiveFrom {
		t.Errorf("headers differ: %s %s %s %s", rules.ID, rules.Version, rules.Name, rules.EffectiveFrom)
	}
}

func scopeName(key string) string {
	parts := strings.Split(key, ".")
	if parts[0] != "scope" {
		return ""
	}
	return parts[1]
}

// What the tables of the regions say, value by value.
func TestRegionValues(t *testing.T) {
	set := mustSet(t)
	for _, c := range []struct {
		region string
		day    settle.Date
		key    string
		want   string
	}{
		{"430100", 20260310, "order.source", "bound_rank"},
		{"430100", 20260310, "members.max", "10"},
		{"430100", 20260310, "members.lifetime_max", "20"},
		{"430100", 20260310, "offline.allowed", "true"},
		{"430100", 20260310, "cross_province.mode", "wallet_quota"},
		{"430100", 20260108, "cross_province.mode", "none"},
		{"410100", 20260310, "order.source", "balance_desc"},
		{"410100", 20260310, "shared.med_groups", "[outpatient, emergency, chronic, inpatient, pharmacy, maternity]"},
		{"410100", 20241208, "shared.med_groups", "[outpatient, emergency, pharmacy]"},
		{"410100", 20241208, "binding.relations", "[spouse, parent, child]"},
		{"440300", 20260310, "own.gate", "zero_only"},
		{"440300", 20260310, "order.source", "balance_desc"},
		{"440300", 20260310, "platform.fund_includes_account", "true"},
		{"330000", 20260310, "share_from", "prior_only"},
		{"330000", 20260310, "own.pot_order", "[current, prior]"},
		{"330000", 20260310, "year.rollover", "current_to_prior"},
		{"310000", 20260310, "caps.month_pharmacy_total", "120000"},
		{"310000", 20260310, "year.start", "07-01"},
		{"110000", 20260310, "members.max", "7"},
		{"320000", 20260310, "venue.area", "province"},
		{"610100", 20260310, "giver.status_ok", "[normal, paused]"},
		{"610100", 20260310, "premium.threshold", "100000"},
		{"610000", 20260310, "premium.threshold_mode", "gate"},
		{"130000", 20260310, "members.max", "8"},
		{"370000", 20260310, "order.source", "single"},
		{"510000", 20260310, "order.source", "manual_select"},
		{"500000", 20260310, "order.source", "single"},
		{"420000", 20260310, "order.source", "bind_time_desc"},
		{"140000", 20260310, "shared.med_groups", "[outpatient, emergency, chronic, pharmacy, maternity]"},
	} {
		value, _ := valueOf(mustRules(t, set, c.region, c.day), fieldByKey[c.key])
		if got := written(value); got != c.want {
			t.Errorf("%s on %s: %s is %s, want %s", c.region, c.day, c.key, got, c.want)
		}
	}
}

// The keys that a counter needs beyond the split, and which regions have their own values of them.
func TestRegionKeyValues(t *testing.T) {
	set := mustSet(t)
	for _, c := range []struct{ region, key, want, confidence string }{
		{"310000", "caps.day_pharmacy_times", "1", "secondary"},
		{"310000", "caps.single_otc", "20000", "secondary"},
		{"310000", "binding.model", "network", "secondary"},
		{"330000", "binding.model", "network", "press"},
		{"140000", "area.cross_pool_max_givers", "1", "secondary"},
		{"370200", "binding.relation_limits", "{father:1, mother:1, spouse:1}", "press"},
		{"370000", "premium.windows", "[[2024-10-10, 2024-12-31], [2025-10-10, 2025-12-31], [2026-10-10, 2026-12-31]]", "press"},
		{"610100", "premium.late_window", "[[2025-12-21, 2026-06-30], [2026-12-21, 2027-06-30]]", "secondary"},
		{"430100", "binding.extra_relations", "[]", "press"},
		{"430100", "caps.year_pharmacy_total", "null", "assumed"},
		{"430100", "inpatient.deposit", "false", "assumed"},
		{"430100", "remote.manual_claim", "export", "press"},
		{"430100", "proxy.id_check_above", "0", "gov"},
	} {
		rules := mustRules(t, set, c.region, 20260310)
		value, _ := valueOf(rules, fieldByKey[c.key])
		if got := written(value); got != c.want {
			t.Errorf("%s: %s is %s, want %s", c.region, c.key, got, c.want)
		}
		if got := string(rules.Provenance[c.key].Confidence); got != c.confidence {
			t.Errorf("%s: %s is %s, want %s", c.region, c.key, got, c.confidence)
		}
	}
}

// A map of numbers merges into the parent's, and its mistakes are named.
func TestRelationLimits(t *testing.T) {
	rules := settle.DefaultRules()
	if err := assign(rules, "binding.relation_limits", map[string]any{"child": uint64(3), "spouse": uint64(2)}); err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"child": 3, "spouse": 2, "father": 1, "mother": 1}
	if !reflect.DeepEqual(rules.Binding.RelationLimits, want) {
		t.Errorf("merged into %v, want %v", rules.Binding.RelationLimits, want)
	}
	if settle.DefaultRules().Binding.RelationLimits["spouse"] != 1 {
		t.Error("the baseline changed")
	}
	for wrong, raw := range map[string]any{
		"is not one of": map[string]any{"cousin": uint64(1)}, "whole number": map[string]any{"child": "one"}, "a map": []any{"child"},
	} {
		if err := assign(rules, "binding.relation_limits", raw); err == nil || !strings.Contains(err.Error(), wrong) {
			t.Errorf("%v: %v, want %q", raw, err, wrong)
		}
	}
}

func TestForNamesWhatThereIs(t *testing.T) {
	set := mustSet(t)
	_, err := set.For("999999", 20260310)
	if !errors.Is(err, settle.NewError(settle.NotConfigured, nil)) || !strings.Contains(err.Error(), "430100") {
		t.Errorf("an unknown region: %v", err)
	}
	_, err = set.For("430100", 20200101)
	if err == nil || !strings.Contains(err.Error(), "from 2024-12-09") {
		t.Errorf("a day before the first version: %v", err)
	}
}

func TestForIsCachedWithinASpan(t *testing.T) {
	set := mustSet(t)
	first := mustRules(t, set, "430100", 20260310)
	if mustRules(t, set, "430100", 20261231) != first {
		t.Error("two days without a change between them gave two copies")
	}
	if mustRules(t, set, "430100", 20260108) == first {
		t.Error("the day before a change gave the rules after it")
	}
	if allocs := testing.AllocsPerRun(100, func() { mustRules(t, set, "430100", 20260310) }); allocs > 2 {
		t.Errorf("%.0f allocations for a cached answer", allocs)
	}
}

const demoProvince = `id: "990000"
parent: CN
name: 示例省
version: "1"
effective_from: 2025-01-01
effective_to: 2025-12-31
sources:
  X1: {title: 示例通知, url: example.cn, grade: gov}
rules:
  order.source: {value: bind_time_asc, src: X1}
  caps.settlement_per_giver: {value: 5000, assumed: true}
  med_group_map: {value: {"4101": pharmacy}, src: X1}
  share_from: {src: X1, note: 已确认}
`

func writeFiles(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLoadLaysADirectoryOverTheEmbedded(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"990000.yaml":   demoProvince,
		"990000-2.yaml": "id: \"990000\"\nparent: CN\nname: 示例省\nversion: \"2\"\neffective_from: 2026-01-01\nrules:\n  reserve.min_after: {value: 100, assumed: true}\n",
		"430100.yaml":   "id: \"430100\"\nparent: \"430000\"\nname: 长沙市\nversion: own\neffective_from: 2025-01-01\nrules:\n  offline.allowed: {value: false, assumed: true}\n",
	})
	set, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	old := mustRules(t, set, "990000", 20250601)
	if old.Version != "1" || old.Order.Source != settle.OrderBindTimeAsc || old.Caps.SettlementPerGiver != settle.CapOf(5000) {
		t.Errorf("version 1: %s %s %v", old.Version, old.Order.Source, old.Caps.SettlementPerGiver)
	}
	if group, _ := old.GroupOf("4101"); group != settle.Pharmacy {
		t.Error("a map must merge into the parent's")
	}
	if group, _ := old.GroupOf("41"); group != settle.Pharmacy {
		t.Error("merging a map must keep the parent's items")
	}
	wantOrigin := settle.Origin{
		Policy: "990000", Src: []string{"X1"}, Confidence: settle.ConfidenceGov, Note: "已确认",
		File: filepath.Join(dir, "990000.yaml"), Line: 13,
	}
	if got := old.Provenance["share_from"]; !reflect.DeepEqual(got, wantOrigin) {
		t.Errorf("origin of a confirmed value %+v, want %+v", got, wantOrigin)
	}
	if next := mustRules(t, set, "990000", 20260101); next.Version != "2" || next.Reserve.MinAfter != 100 || next.Caps.SettlementPerGiver.Set {
		t.Errorf("version 2: %s %v %v", next.Version, next.Reserve, next.Caps.SettlementPerGiver)
	}
	changsha := mustRules(t, set, "430100", 20260310)
	if changsha.Offline.Allowed || changsha.Members.Max != 10 || !slices.Equal(changsha.Parents, []string{"CN@2026.1", "430000@2025-08-31"}) {
		t.Errorf("the overridden city: offline %v, members %d, parents %v", changsha.Offline.Allowed, changsha.Members.Max, changsha.Parents)
	}
	if mustRules(t, mustSet(t), "430100", 20260310).Offline.Allowed == false {
		t.Error("the embedded set was changed")
	}
}

func TestLoadRefusesAMistakeWithItsLine(t *testing.T) {
	dir := writeFiles(t, map[string]string{"1.yaml": strings.Replace(demoProvince, "order.source", "order.sorce", 1)})
	_, err := Load(dir)
	want := filepath.Join(dir, "1.yaml") + `:10: order.sorce: unknown key; did you mean "order.source"?`
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
	if _, err := Load(filepath.Join(dir, "missing")); err == nil {
		t.Error("a directory that is not there must be an error")
	}
}

// Every kind of mistake is found, in the line where it stands, all of one file at once.
// A file without a date is told so, and nothing else is made up about its parent.
func TestCheckWithoutADate(t *testing.T) {
	text := strings.Replace(demoProvince, "effective_from: 2025-01-01\n", "", 1)
	file := filepath.Join(writeFiles(t, map[string]string{"a.yaml": text}), "a.yaml")
	if problems := Check(file); len(problems) != 1 || !strings.Contains(problems[0].String(), "effective_from: is missing") {
		t.Errorf("problems %v", problems)
	}
}

// What Changsha shares is said by its own guide.
func TestShareFromCitesTheRegion(t *testing.T) {
	for region, want := range map[string]string{"430100": "Z000", "410100": "Z002"} {
		if src := mustRules(t, mustSet(t), region, 20260310).Provenance["share_from"].Src; len(src) != 1 || src[0] != want {
			t.Errorf("%s cites %v, want %s", region, src, want)
		}
	}
}

func TestCheckFindsEveryMistake(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"bad value", "value: bind_time_asc", "value: by_age", `10: order.source: must be one of`},
		{"not a number", "value: 5000", `value: "50.00"`, `11: caps.settlement_per_giver: must be a whole number (fen, not negative) or null`},
		{"negative", "value: 5000", `value: -1`, `11: caps.settlement_per_giver: must be a whole number`},
		{"no source", "value: 5000, assumed: true", "value: 5000", `11: caps.settlement_per_giver: differs from the parent's value and needs src or assumed`},
		{"unknown source", "{value: bind_time_asc, src: X1}", "{value: bind_time_asc, src: X9}", `10: order.source: source "X9" is not in sources`},
		{"unknown entry member", "note: 已确认", "remark: 已确认", `13: share_from.remark: unknown key`},
		{"unknown top key", "name: 示例省", "title: 示例省", `3: title: unknown key`},
		{"missing header", "version: \"1\"\n", "", `1: version: is missing`},
		{"bad date", "effective_from: 2025-01-01", "effective_from: 2025-13-01", `5: effective_from: must be a date`},
		{"bad form of a code", "share_from:", "trace.code_forms: {value: [\"20\"], src: X1}\n  share_from:", `13: trace.code_forms: "20" is no form of a code`},
		{"ends before it begins", "effective_to: 2025-12-31", "effective_to: 2024-12-31", `effective_to: lies before effective_from`},
		{"unknown parent", "parent: CN", "parent: \"980000\"", `1: parent: there is no policy "980000"`},
		{"own parent", "parent: CN", "parent: \"990000\"", `inherits from itself`},
		{"bad grade", "grade: gov", "grade: good", `8: grade: must be gov, press, secondary or assumed`},
		{"says nothing", "{src: X1, note: 已确认}", "{note: 已确认}", `13: share_from: says nothing`},
		{"not an entry", "{src: X1, note: 已确认}", "balance", `13: share_from: must be {value`},
		{"locked key", "share_from:", "refund.cash_out: {value: true, src: X1}\n  share_from:", `13: refund.cash_out: is locked by law at false`},
		{"locked class", "share_from:", "scope.default.classes: {value: [drug_a, food], src: X1}\n  share_from:", `13: scope.default.classes: "food" is locked by law`},
		{"locked status", "share_from:", "giver.status_ok: {value: [normal, deceased], src: X1}\n  share_from:", `13: giver.status_ok: "deceased" is locked by law`},
		{"unknown item", "share_from:", "shared.med_groups: {value: [dental], src: X1}\n  share_from:", `13: shared.med_groups: "dental" is not one of`},
		{"nothing identifies a patient", "share_from:", "credential.kinds: {value: [], src: X1}\n  share_from:", `13: credential.kinds: must not be empty: 没有一种凭证能认定患者`},
		{"no venue may settle", "share_from:", "venue.kinds: {value: [], src: X1}\n  share_from:", `13: venue.kinds: must not be empty: 没有一类机构`},
		{"bad form", "share_from:", "year.start: {value: \"13-01\", src: X1}\n  share_from:", `13: year.start: "13-01" does not have the form`},
		{"bad span", "share_from:", "premium.windows: {value: [[2025-09-01]], src: X1}\n  share_from:", `13: premium.windows: must be a list of [from, to] dates`},
		{"span ends before it begins", "share_from:", "premium.windows: {value: [[2025-12-20, 2025-09-01]], src: X1}\n  share_from:", `13: premium.windows: [2025-12-20, 2025-09-01] ends before it begins`},
		{"two values a day", "{src: X1, note: 已确认}", "[{value: balance, src: X1, to: 2025-06-30}, {value: prior_only, src: X1, from: 2025-06-30}]", `13: share_from: has two values on the same day`},
		{"duplicate key", "share_from:", "order.source: {src: X1}\n  share_from:", `already defined`},
		{"not yaml", "rules:", "rules: [", `not YAML`},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(demoProvince, c.old, c.new, 1)
			if text == demoProvince {
				t.Fatal("the mistake was not made")
			}
			file := filepath.Join(writeFiles(t, map[string]string{"a.yaml": text}), "a.yaml")
			problems := Check(file)
			if !slices.ContainsFunc(problems, func(p Problem) bool { return strings.Contains(p.String(), c.want) }) {
				t.Errorf("problems %v, want %q", problems, c.want)
			}
		})
	}
}

func TestCheckAcceptsAGoodFileAndNamesALostOne(t *testing.T) {
	dir := writeFiles(t, map[string]string{"a.yaml": demoProvince})
	if problems := Check(filepath.Join(dir, "a.yaml")); len(problems) != 0 {
		t.Errorf("problems of a good file: %v", problems)
	}
	if problems := Check(filepath.Join(dir, "b.yaml")); len(problems) != 1 || problems[0].File != filepath.Join(dir, "b.yaml") {
		t.Errorf("problems of a file that is not there: %v", problems)
	}
	overlap := strings.Replace(demoProvince, "effective_from: 2025-01-01", "effective_from: 2025-12-31", 1)
	overlap = strings.Replace(overlap, "effective_to: 2025-12-31", "effective_to: null", 1)
	dir = writeFiles(t, map[string]string{"a.yaml": demoProvince, "b.yaml": overlap})
	problems := Check(filepath.Join(dir, "a.yaml"), filepath.Join(dir, "b.yaml"))
	if len(problems) != 1 || !strings.Contains(problems[0].Message, "overlaps the version in") {
		t.Errorf("problems of overlapping versions: %v", problems)
	}
}

// A locked rule may be repeated, so that a region file can cite it.
func TestLockedRuleMayBeRepeated(t *testing.T) {
	text := demoProvince + "  giver.kind: {value: [employee], src: X1}\n  person_match.required: {value: true, src: X1}\n"
	file := filepath.Join(writeFiles(t, map[string]string{"a.yaml": text}), "a.yaml")
	if problems := Check(file); len(problems) != 0 {
		t.Errorf("problems: %v", problems)
	}
}

func TestShow(t *testing.T) {
	rows, err := mustSet(t).Show("310000", 20260310)
	if err != nil {
		t.Fatal(err)
	}
	byKey := map[string]Shown{}
	for _, row := range rows {
		byKey[row.Key] = row
	}
	limit := byKey["caps.month_pharmacy_total"]
	if limit.Value != "120000" || limit.Yuan != "1200.00" || limit.Origin.Policy != "310000" || limit.Origin.Confidence != settle.ConfidenceSecondary ||
		!slices.Equal(limit.Titles, []string{"上海定点零售药店旧规"}) {
		t.Errorf("caps.month_pharmacy_total is shown as %+v", limit)
	}
	if inherited := byKey["trace.required_from"]; inherited.Value != "2025-07-01" || inherited.Origin.Policy != "CN" {
		t.Errorf("trace.required_from is shown as %+v", inherited)
	}
	if assumed := byKey["order.tiebreak"]; assumed.Origin.Confidence != settle.ConfidenceAssumed {
		t.Errorf("order.tiebreak is shown as %+v", assumed)
	}
	if _, shown := byKey["scope.own_prior.classes"]; shown {
		t.Error("a special scope that the region does not have is shown")
	}
	if byKey["scope.shared.full_ok"].Value != "[]" {
		t.Errorf("an empty list is shown as %q", byKey["scope.shared.full_ok"].Value)
	}
	if !byKey["person_match.required"].Locked {
		t.Error("locked rules are not shown")
	}
	for _, row := range rows {
		if row.Origin.Confidence == "" {
			t.Errorf("%s is shown without a confidence", row.Key)
		}
	}
}

// An explanation cites the region's own source.
func TestExplanationCitesTheRegion(t *testing.T) {
	rules := mustRules(t, mustSet(t), "610000", 20260310)
	if c := rules.Cite("premium.threshold"); c.Policy != "610000" || len(c.Titles) != 2 {
		t.Errorf("citation %+v", c)
	}
	if c := rules.Cite("scope.default"); c.Policy != "CN" || len(c.Titles) == 0 {
		t.Errorf("a scope is cited as %+v", c)
	}
	if text := rules.Cite("order.tiebreak").Text(); !strings.Contains(text, "未见公开规定") {
		t.Errorf("an assumed value is cited as %q", text)
	}
}

func ExampleSet_For() {
	set, err := Embedded()
	if err != nil {
		panic(err)
	}
	rules, err := set.For("420000", 20260310)
	if err != nil {
		panic(err)
	}
	fmt.Println(rules.Name, rules.Order.Source, rules.Provenance["order.source"].Confidence)
	// Output: 湖北省 bind_time_desc press
}

// No text makes the reader of policy files panic, and what it accepts can be laid over the baseline.
func FuzzParseFile(f *testing.F) {
	f.Add(demoProvince)
	f.Add("")
	f.Add("id: x\nrules:\n  order.source:\n")
	f.Add("sources: {A: {title: t, grade: gov}}")
	f.Add("id: \"1\"\nname: n\nversion: v\nparent: CN\neffective_from: 2025-01-01\nrules: {order.source: [{value: single, assumed: true, from: 2025-01-02}]}")
	f.Fuzz(func(t *testing.T, text string) {
		parsed, problems := parseFile("fuzz.yaml", []byte(text))
		if len(problems) > 0 {
			return
		}
		set, rules := &Set{sources: parsed.sources}, settle.DefaultRules()
		rules.Provenance = map[string]settle.Origin{}
		if err := set.lay(rules, &parsed, parsed.from); err != nil {
			t.Errorf("accepted, then: %v", err)
		}
	})
}
