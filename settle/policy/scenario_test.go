package policy

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"gongji/settle"
)

// The worked cases are normative; so is every difference.
func TestScenarioFiles(t *testing.T) {
	for name, want := range map[string]int{"testdata/worked.json": 44, "testdata/corners.json": 92, "testdata/keys.json": 38} {
		t.Run(name, func(t *testing.T) {
			f, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			results, diffs, err := RunScenariosWith(f, mustSet(t))
			if err != nil {
				t.Fatal(err)
			}
			if len(results) != want {
				t.Errorf("%d results, want %d", len(results), want)
			}
			if len(diffs) > 0 {
				t.Errorf("differences:\n%s", DiffTable(diffs))
			}
		})
	}
}

const oneCase = `{"schema_version": 1, "defaults": {"own": {"pot_order": ["balance"]}}, "policies": {"a": {"_source": "x", "own": {"frist": true}}},
 "cases": [{"id": "1", "op": "settle", "policy": "a", "as_of": "2026-03-10T10:00:00+08:00", "patient": {"id": "P", "pool": "430100", "status": "normal"},
  "presenter": {"id": "P"}, "credential": {"kind": "card", "owner": "P"}, "venue": {"designated": true}, "med_group": "pharmacy",
  "lines": [{"id": "L1", "class": "drug_a", "ratio": 700, "total": 700, "no_code": true}],
  "accounts": [{"id": "P", "name": "P", "pool": "430100", "status": "normal", "balance": 500},
   {"id": "A", "name": "A", "pool": "430100", "status": "paused", "current": 1, "prior": 2}, {"id": "B", "name": "B", "pool": "430100", "status": "closed", "balance": 9}],
  "bindings": [{"giver": "A", "beneficiary": "P", "relation": "child", "rank": 1, "bound_at": "2025-01-01", "valid_from": "2025-01-01", "valid_to": null},
   {"giver": "B", "beneficiary": "P", "relation": "child", "rank": 2, "bound_at": "2025-01-01", "valid_from": "2025-01-01"}],
  "expect": EXPECT}]}`

func runOne(t *testing.T, expect string) ([]Result, []Diff) {
	t.Helper()
	results, diffs, err := RunScenarios(strings.NewReader(strings.Replace(oneCase, "EXPECT", expect, 1)))
	if err != nil {
		t.Fatal(err)
	}
	return results, diffs
}

// The comparison sees what differs and nothing that a case does not mention.
func TestCompare(t *testing.T) {
	for expect, want := range map[string][]string{
		`{}`: nil,
		`{"result": "ok", "reason": null, "pays": [{"account": "P", "pot": "balance", "amount": 500}], "cash": 200, "fund": 0}`: nil,
		`{"skipped": [{"account": "B", "reason": "K_GIVER_STATUS"}, {"account": "A", "reason": "K_GIVER_STATUS"}]}`:             nil,
		`{"after": {"P": 0}, "after_pots": {"A": {"current": 1, "prior": 2}}, "line_cash": {"L1": 200}, "hint": null, "x": 1}`:  nil,
		`{"result": "reject"}`:                          {"result"},
		`{"cash": 201, "fund": 1}`:                      {"cash", "fund"},
		`{"pays": []}`:                                  {"pays"},
		`{"skipped": []}`:                               {"skipped"},
		`{"after": {"P": 1, "B": 9, "Q": 0}}`:           {"after.P", "after.Q"},
		`{"after_pots": {"A": {"current": 1}}}`:         {"after_pots.A"},
		`{"proxy_recorded": true, "state": "reversed"}`: {"proxy_recorded", "state"},
	} {
		_, diffs := runOne(t, expect)
		var fields []string
		for _, d := range diffs {
			fields = append(fields, d.Field)
		}
		if !slices.Equal(fields, want) {
			t.Errorf("expect %s: differences %v, want %v", expect, fields, want)
		}
	}
	_, diffs := runOne(t, `{"cash": 201}`)
	if got := DiffTable(diffs); got != "1\n  cash\n    expected 201\n    got      200\n" {
		t.Errorf("table:\n%s", got)
	}
}

// The JSON of a result has every field of the format, empty where nothing is.
func TestResultJSON(t *testing.T) {
	results, _ := runOne(t, `{}`)
	data, err := json.Marshal(results)
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"id":"1","result":"ok","reason":null,"pays":[{"account":"P","pot":"balance","amount":500}],"cash":200,"fund":0,` +
		`"skipped":[{"account":"A","reason":"K_GIVER_STATUS"},{"account":"B","reason":"K_GIVER_STATUS"}],"refund":[],"cash_refund":0,"new_pays":[],` +
		`"after":{"B":9,"P":0},"after_pots":{"A":{"current":1,"prior":2}},"quota_after":{},"line_cash":{"L1":200}}]`
	if string(data) != want {
		t.Errorf("got  %s\nwant %s", data, want)
	}
}

// What cannot be computed is an error that names the case; the others are computed all the same.
func TestScenariosThatCannotBeComputed(t *testing.T) {
	good := strings.Replace(oneCase, "EXPECT", "{}", 1)
	for want, change := range map[string][2]string{
		`case 1: there is no policy "b" in the file`: {`"policy": "a"`, `"policy": "b"`},
		`case 1: unknown op "pay"`:                   {`"op": "settle"`, `"op": "pay"`},
		`case 1: as_of`:                              {`2026-03-10T10:00:00+08:00`, `2026-03-10`},
		`case 1 (1)`:                                 {`"ratio": 700`, `"ratio": "7.00"`},
		`policy "a": order.source: must be one of`:   {`"defaults": {`, `"defaults": {"order": {"source": "by_age"}, `},
		`scenario file`:                              {`"cases": [`, `"cases": {`},
	} {
		results, _, err := RunScenarios(strings.NewReader(strings.Replace(good, change[0], change[1], 1)))
		if err == nil || !strings.Contains(err.Error(), want) || len(results) != 0 {
			t.Errorf("%v: error %v, %d results; want %q", change, err, len(results), want)
		}
	}
	strange := strings.Replace(good, `"policy": "a"`, `"policy": "999999"`, 1)
	if _, _, err := RunScenariosWith(strings.NewReader(strange), mustSet(t)); err == nil || !strings.Contains(err.Error(), "nor a region of that id; there are 110000") {
		t.Errorf("a region that is not there: %v", err)
	}
	both := strings.Replace(good, `"cases": [`, `"cases": [{"id": "0", "op": "pay", "as_of": "2026-03-10T10:00:00+08:00"}, `, 1)
	results, _, err := RunScenarios(strings.NewReader(both))
	if err == nil || len(results) != 1 || results[0].ID != "1" {
		t.Errorf("one bad and one good case: %d results, error %v", len(results), err)
	}
}

func TestUnreadScenarioKeys(t *testing.T) {
	if got := UnreadScenarioKeys([]byte(strings.Replace(oneCase, "EXPECT", "{}", 1))); !slices.Equal(got, []string{"policies.a.own.frist"}) {
		t.Errorf("unread keys %v", got)
	}
	for _, name := range []string{"testdata/worked.json", "testdata/corners.json", "testdata/keys.json"} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := UnreadScenarioKeys(data); len(got) > 0 {
			t.Errorf("%s: unread keys %v", name, got)
		}
	}
}

// The corners must reach every ruling and every reason that a scenario can have, or a ruling could change unnoticed.
func TestCornersReachEveryReason(t *testing.T) {
	reached := map[settle.Reason]bool{}
	rulings := map[string]bool{}
	for _, name := range []string{"testdata/worked.json", "testdata/corners.json", "testdata/keys.json"} {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		results, _, err := RunScenariosWith(f, mustSet(t))
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range results {
			if r.Reason != nil {
				reached[*r.Reason] = true
			}
			for _, s := range r.Skipped {
				reached[s.Reason] = true
			}
			if strings.HasPrefix(r.ID, "K") {
				rulings[r.ID[:3]] = true
			}
		}
	}
	elsewhere := []settle.Reason{ // reasons that no scenario file can state
		settle.EPatientStatus, settle.EProxyTooManyCards, settle.ERxMissing, settle.ERxPerson, settle.EOfflineRegion,
		settle.EPlatformUnknown, settle.ERefundWindow, settle.KClass, settle.KClassUnknown, settle.KBucket, settle.EPremiumActor, settle.EPremiumInsured, settle.EPremiumCovered,
		settle.ECredentialKind, settle.EFaceRequired, settle.EGuardian, settle.ERxElectronic, settle.EConfirmMissing, settle.EConfirmChanged,
		settle.ETraceCount, settle.ETraceForm, settle.ETracePack,
	}
	for reason := range settle.ReasonSentences {
		binding := strings.HasPrefix(string(reason), "E_BINDING_")
		if !reached[reason] && !binding && !slices.Contains(elsewhere, reason) {
			t.Errorf("no case reaches %s", reason)
		}
	}
	for n := 1; n <= 16; n++ {
		if id := fmt.Sprintf("K%02d", n); !rulings[id] {
			t.Errorf("no case for ruling %d", n)
		}
	}
}
