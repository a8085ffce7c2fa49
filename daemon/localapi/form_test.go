package localapi

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"gongji/daemon/session"
)

// both reads bodies of a type in one pass, and the long way: the body's form, huma's schema, and the JSON library.
type both struct {
	registry huma.Registry
	schema   *huma.Schema
	form     *form
}

func newBoth(t reflect.Type) both {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	return both{registry, registry.Schema(t, true, t.Name()), formOf(registry, t)}
}

// long is what the long way makes of a body; an error where it refuses it.
func (b both) long(body []byte, into any) error {
	if err := checkJSON(body); err != nil {
		return err
	}
	var parsed any
	if err := json.Unmarshal(body, &parsed); err != nil {
		return err
	}
	var found huma.ValidateResult
	path := huma.NewPathBuffer(make([]byte, 0, 128), 0)
	huma.Validate(b.registry, b.schema, path, huma.ModeWriteToServer, parsed, &found)
	if len(found.Errors) > 0 {
		return found.Errors[0]
	}
	return json.Unmarshal(body, into)
}

// agree demands that what is read in one pass is what the long way makes of it, and tells whether it was read in one pass.
func (b both) agree(t *testing.T, body string) bool {
	t.Helper()
	var quick, long session.SettleRequest
	if !b.form.read([]byte(body), &quick) {
		return false
	}
	if err := b.long([]byte(body), &long); err != nil {
		t.Fatalf("read in one pass, and refused otherwise with %v: %s", err, body)
	}
	if !reflect.DeepEqual(quick, long) {
		t.Fatalf("read as\n%+v, and otherwise as\n%+v\nfrom %s", quick, long, body)
	}
	return true
}

// everything has a value in every member that a settlement may have.
const everything = `{"sale_id": "S-1", "terminal": "counter-1", "operator": {"id": "1001", "name": "李敏"}, "pharmacist": "王", "venue_kind": "pharmacy",
	"med_type": "41", "patient": {"id_number": "11010519491231002X", "name": "张三"}, "lines": [{"id": "1", "code": "XA01", "shop_code": "69",
	"name": "阿莫西林胶囊", "class": "drug_a", "quantity": "2", "unit_price": "12.50", "total": "25.00", "split": {"fund": "1.00", "deductible": "0.00",
	"coinsurance": "24.00", "first_self_pay": "0.00", "over_limit": "0.00", "above_cap": "0.00", "own_expense": "0.00"}, "trace_codes": ["81", "82"],
	"no_code": false, "split_pack": true, "units_per_pack": "24", "rx": true, "rx_group": "dual_channel", "batch": "B", "made_on": "2026-01-01",
	"expires_on": "2027-01-01", "manufacturer": "M", "unit": "盒", "spec": "0.25g*24", "dept_code": "01", "doctor_code": "D1", "hosp_appr_flag": "1",
	"exp_content": "x"}, {"id": "2", "code": "C", "name": "棉签", "class": "consumable", "quantity": "1", "unit_price": "0.01", "total": "0.01"}],
	"disease": {"code": "M1", "name": "高血压"}, "prescription": {"number": "R1", "doctor": "医", "institution": "院",
	"patient_id_number": "11010519491231002X", "electronic": true}, "presenter": {"same_person": false, "patient_present": true, "guardian": true},
	"proxy": {"agent": {"id_number": "11010519491231002X", "name": "李四", "phone": "138", "relation": "child"}, "documents": ["principal_id"],
	"reason": "elderly", "signature": "paper", "id_reader_seq": 17}, "visit": {"ipt_otp_no": "M1", "doctor_code": "D1", "doctor_name": "医生",
	"dept_code": "01", "dept_name": "内科", "caty": "A03", "began_at": "2026-03-10T09:00:00+08:00", "diagnoses": [{"code": "J00", "name": "感冒",
	"type": "1", "order": 1, "doctor_code": "D1", "doctor_name": "医生", "dept": "01", "time": "2026-03-10T09:00:00+08:00"}]},
	"use_accounts": true, "ask_shared": true, "selected_givers": ["a", "b"], "third_party": false, "person_check": "card_read",
	"wait_for_card_s": 30, "quote_digest": "d"}`

// TestCleanBodiesAreReadInOnePass: what tills send every day does not go the long way, however they write it.
func TestCleanBodiesAreReadInOnePass(t *testing.T) {
	b := newBoth(reflect.TypeFor[session.SettleRequest]())
	tight := strings.NewReplacer("\n", "", "\t", "", `": `, `":`, ", ", ",").Replace(everything)
	var whole session.SettleRequest
	if err := json.Unmarshal([]byte(everything), &whole); err != nil {
		t.Fatal(err)
	}
	mentions(t, b.form)
	encoded, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]string{
		"as written": everything, "tight": tight, "by the client": string(encoded),
		"escaped":    strings.Replace(everything, "阿莫西林胶囊", `\u963f\u83ab\u897f\u6797\u80f6\u56ca \ud83d\ude00 \"A\/B\"`, 1),
		"backwards":  `{"wait_for_card_s":0,"lines":[{"total":"1.00","unit_price":"1.00","quantity":"1","class":"a","name":"a","code":"C","id":"1"}],"med_type":"41","operator":{"id":"1"},"terminal":"t","sale_id":"S"}`,
		"space":      " \r\n" + everything + "\n\n",
		"empty list": strings.Replace(everything, `["81", "82"]`, "[ ]", 1),
	} {
		if !b.agree(t, body) {
			t.Errorf("%s: not read in one pass", name)
		}
	}
}

// mentions demands that everything has each member of a form.
func mentions(t *testing.T, f *form) {
	t.Helper()
	if f.item != nil {
		mentions(t, f.item)
	}
	for _, m := range f.members {
		if !strings.Contains(everything, `"`+m.name+`": `) {
			t.Errorf("nothing is said of %s", m.name)
		}
		mentions(t, m.form)
	}
}

// TestOddBodiesGoTheLongWay: what huma must name, or what it lets pass in a way of its own.
func TestOddBodiesGoTheLongWay(t *testing.T) {
	b := newBoth(reflect.TypeFor[session.SettleRequest]())
	change := func(was, is string) string { return strings.Replace(everything, was, is, 1) }
	for name, body := range map[string]string{
		"empty": "", "null": "null", "a list": "[]", "an empty object": "{}", "cut": everything[:len(everything)-1], "two": everything + everything, "a NUL": everything + "\x00",
		"not UTF-8": change("李敏", "\xff"), "a control character": change("李敏", "\x01"), "a broken escape": change("李敏", `\x`), "half an escape": change("李敏", `\`),
		"twice": change(`"med_type"`, `"sale_id": "S-2", "med_type"`), "other letters": change(`"terminal"`, `"Terminal"`), "unknown": change(`"terminal"`, `"tip": 1, "terminal"`),
		"null member": change(`"quote_digest": "d"`, `"quote_digest": null`), "missing": change(`"sale_id": "S-1", `, ""), "missing below": change(`"id": "1001", `, ""),
		"a number for a text": change(`"41"`, "41"), "a text for a number": change("30, ", `"30", `), "a point": change("30, ", "30.0, "), "an exponent": change("30, ", "3e1, "),
		"negative": change("30, ", "-1, "), "too much": change("30, ", "121, "), "a leading zero": change("30, ", "030, "), "many digits": change("30, ", "1000000000000, "),
		"too long": change(`"41"`, `"4141414"`), "too short": change(`"1001"`, `""`), "no lines": change(`"lines": [`, `"lines": [], "x": [`), "enum": change(`"card_read"`, `"nose"`),
		"a comma too many": change(`"quote_digest": "d"`, `"quote_digest": "d",`), "no comma": change(`"41",`, `"41"`), "no colon": change(`"med_type":`, `"med_type"`),
		"a word": change("true", "True"), "a longer word": change(`"use_accounts": true`, `"use_accounts": truer`), "a single value": change(`["81", "82"]`, `"81"`),
		"a comma in a list": change(`["81", "82"]`, `["81", ]`), "too many": change(`["principal_id"]`, `["1","2","3","4","5","6","7","8","9","10","11"]`),
	} {
		if body == everything {
			t.Fatalf("%s: nothing changed", name)
		}
		if b.agree(t, body) {
			t.Errorf("%s: read in one pass: %s", name, body)
		}
	}
}

// TestBothWaysAgree changes a body here and there, within the document and in its bytes.
func TestBothWaysAgree(t *testing.T) {
	b := newBoth(reflect.TypeFor[session.SettleRequest]())
	var document any
	if err := json.Unmarshal([]byte(everything), &document); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(9, 11)) //nolint:gosec // a test
	quick, changed := 0, 2000
	for range changed {
		body, err := json.Marshal(mutate(random, document))
		if err != nil {
			t.Fatal(err)
		}
		if random.IntN(4) == 0 {
			at := random.IntN(len(body))
			body[at] = `"{}[],:0 \u`[random.IntN(11)]
		}
		if b.agree(t, string(body)) {
			quick++
		}
	}
	if quick < changed/20 || quick > changed*19/20 {
		t.Fatalf("%d of %d bodies were read in one pass", quick, changed)
	}
}

// mutate copies a document and leaves out or changes about one value in a hundred.
func mutate(random *rand.Rand, value any) any {
	if random.IntN(300) == 0 {
		lengths := []int{0, 1, 2, 3, 4, 6, 7, 10, 11, 16, 17, 18, 19, 20, 21, 30, 31, 32, 33, 35, 36, 50, 51, 64, 65, 100, 101, 200, 201}
		return []any{
			strings.Repeat("药", lengths[random.IntN(len(lengths))]), "<&>\u2028", nil, true, false, random.IntN(130), 1.5, -1, 1e20, []any{}, []any{"a"}, map[string]any{},
		}[random.IntN(12)]
	}
	switch v := value.(type) {
	case map[string]any:
		object := map[string]any{}
		for name, member := range v {
			if random.IntN(200) > 0 {
				object[name] = mutate(random, member)
			}
		}
		return object
	case []any:
		list := []any{}
		for _, item := range v {
			for range 1 + random.IntN(60)/59 - random.IntN(60)/59 {
				list = append(list, mutate(random, item))
			}
		}
		return list
	}
	return value
}

// FuzzForm: whatever is read in one pass is what the long way makes of it.
func FuzzForm(f *testing.F) {
	b := newBoth(reflect.TypeFor[session.SettleRequest]())
	f.Add(everything)
	f.Add(`{"sale_id":"S","terminal":"t","operator":{"id":"1"},"med_type":"41","lines":[{"id":"1","code":"C","name":"a","class":"b","quantity":"1","unit_price":"1.00","total":"1.00"}],"wait_for_card_s":0}`)
	f.Add(`{"lines":[{"name":"\ud800"}],"operator":{},"lines":[]}`)
	f.Fuzz(func(t *testing.T, body string) { b.agree(t, body) })
}
