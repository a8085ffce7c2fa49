package nhsa

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"gongji/settle"
)

func TestNewDialect(t *testing.T) {
	yes, no := true, false
	d, err := NewDialect("guangdong", DialectOverrides{
		InfVer: "1.0", RecerSysCode: "POS", Msgid: "millisecond", Path: "single", Input: "text", RefdSetlFlag: "absent", ReconcileSum: "acct_pay",
		ReconcileCount: "net", DetailColumns: "flag_first", FundIncludesAccount: &no, TracePlace: "line", TraceName: "traces",
		NotFoundPrefixes: []string{"无此交易"}, NotReversiblePrefixes: []string{"不可冲正"},
	})
	if err != nil || d.Version != "1.0" || d.Receiver != "POS" || d.MsgID != MsgIDMillisecond || d.Path != PathSingle || d.Input != InputText ||
		d.RefundFlag != FlagAbsent || d.ReconcileSum != SumAccount || d.ReconcileCount != CountNet || d.DetailColumns != ColumnsFlagFirst ||
		d.FundIncludesAccount || !d.CheckFunds || d.TracePlace != TraceLine || d.TraceName != "traces" || d.NotFoundPrefixes[0] != "无此交易" || d.NotReversiblePrefixes[0] != "不可冲正" {
		t.Errorf("%+v, %v", d, err)
	}
	for _, name := range Presets {
		if _, err := NewDialect(name, DialectOverrides{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if d, _ := NewDialect("", DialectOverrides{}); d.CheckFunds {
		t.Error("fund totals are checked although nobody has said how the centre writes them")
	}
	if d, _ := NewDialect("national", DialectOverrides{FundIncludesAccount: &yes}); !d.CheckFunds || !d.FundIncludesAccount {
		t.Error("saying the manner does not switch the check on")
	}
	if d, _ := NewDialect("", DialectOverrides{TracePlace: "line"}); d.TraceName != "drugtracinfo" {
		t.Errorf("trace name %s", d.TraceName)
	}
	_, err = NewDialect("mars", DialectOverrides{})
	if settle.CodeOf(err) != settle.NotConfigured {
		t.Error(err)
	}
	_, err = NewDialect("", DialectOverrides{Msgid: "x", Input: "xml", Path: "two"})
	for _, key := range []string{"msgid", "input", "path"} {
		if err == nil || !strings.Contains(err.Error(), key+" is none of") {
			t.Errorf("%v does not name %s", err, key)
		}
	}
}

// TestDialectOnTheWire: what a preset or key says is what leaves.
func TestDialectOnTheWire(t *testing.T) {
	var path string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path = r.URL.Path
		_, _ = io.WriteString(w, `{"infcode":0,"output":{}}`)
	}))
	defer server.Close()
	send := func(name string, o DialectOverrides, traces bool) map[string]json.RawMessage {
		t.Helper()
		d, err := NewDialect(name, o)
		if err != nil {
			t.Fatal(err)
		}
		client := testClient(t, server.URL+"/fsi", func(options *Options) { options.Dialect = &d })
		message, err := client.Prepare(t.Context(), Call{
			Message: PharmacySettle{Dossier: testDossier(), Extensions: Extensions{Trace: traces}}, Operator: testOperator, InsuredArea: "430100"})
		if err != nil {
			t.Fatal(err)
		}
		if outcome := client.Send(t.Context(), message); !outcome.Done() {
			t.Fatalf("%+v", outcome)
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(message.Body, &members); err != nil {
			t.Fatal(err)
		}
		return members
	}
	if m := send("national", DialectOverrides{}, true); path != "/fsi" || m["input"][0] != '{' || !strings.Contains(string(m["input"]), `"drug_trac_info":[`) {
		t.Errorf("national: %s %s", path, m["input"])
	}
	m := send("hubei", DialectOverrides{InfVer: "1.0.0", RecerSysCode: "X"}, false)
	if string(m["infver"]) != `"1.0.0"` || string(m["recer_sys_code"]) != `"X"` || m["input"][0] != '"' {
		t.Errorf("hubei: %s", m)
	}
	if decoded, err := DecodeRequest(mustEncode(t, m)); err != nil || decoded.Input[0] != '{' {
		t.Errorf("the centre's reading: %v", err)
	}
	send("guangdong", DialectOverrides{}, false)
	if path != "/fsi/2102" {
		t.Errorf("guangdong: %s", path)
	}
	m = send("shenzhen", DialectOverrides{TracePlace: "line", TraceName: "codes"}, true)
	var id string
	if err := json.Unmarshal(m["msgid"], &id); err != nil || !regexp.MustCompile(`^P43010000001`+`20261122100000120\d$`).MatchString(id) {
		t.Errorf("shenzhen: %s", id)
	}
	var input struct {
		Details []map[string]json.RawMessage `json:"drugdetail"`
	}
	if err := json.Unmarshal(m["input"], &input); err != nil || !strings.Contains(string(input.Details[0]["codes"]), "81000000000000000002") || input.Details[1]["codes"] != nil {
		t.Errorf("traces in the line: %s", m["input"])
	}
	if strings.Contains(string(m["input"]), "drug_trac_info") {
		t.Error("the traces are in two places")
	}
}

func mustEncode(t *testing.T, value any) []byte {
	t.Helper()
	data, err := encode(value)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestMillisecondIDs stay apart although only one digit tells those of one millisecond apart.
func TestMillisecondIDs(t *testing.T) {
	ids := NewMessageIDs(testVenue.Code, MsgIDMillisecond, serials(), fixedClock)
	seen := map[string]bool{}
	for range 1000 {
		id, err := ids.Next(context.Background())
		if err != nil || len(id) != 30 || seen[id] {
			t.Fatalf("%s, %v", id, err)
		}
		seen[id] = true
	}
}

// TestFunds: identities 3 to 5 in both manners.
func TestFunds(t *testing.T) {
	figures := settle.Figures{Total: 10000, Fund: 4000, Own: 3000, Shared: 1000, Cash: 2000}
	answer := func(info, detail string) *Answer {
		return &Answer{Output: json.RawMessage(`{"setlinfo":{` + info + `},"setldetail":` + detail + `}`)}
	}
	excludes, _ := NewDialect("hubei", DialectOverrides{})
	includes, _ := NewDialect("guangdong", DialectOverrides{})
	none := DefaultDialect()
	for name, c := range map[string]struct {
		info, detail string
		dialect      Dialect
		ok           bool
	}{
		"excludes":             {`"fund_pay_sumamt":40,"hifp_pay":30,"maf_pay":"10.00"`, `[{"fund_pay_type":"310100","fund_payamt":40}]`, excludes, true},
		"account's row":        {`"fund_pay_sumamt":40,"hifp_pay":40`, `[{"fund_pay_type":"310100","fund_payamt":40},{"fund_pay_type":"310200","fund_payamt":40}]`, excludes, true},
		"hospital's part":      {`"fund_pay_sumamt":30,"hifp_pay":30,"hosp_part_amt":10`, `null`, excludes, true},
		"wrong manner":         {`"fund_pay_sumamt":80,"hifp_pay":80`, `null`, excludes, false},
		"parts":                {`"fund_pay_sumamt":40,"hifp_pay":39`, `null`, excludes, false},
		"rows":                 {`"fund_pay_sumamt":40,"hifp_pay":40`, `{"fund_pay_type":"310100","fund_payamt":39}`, excludes, false},
		"includes":             {`"fund_pay_sumamt":80,"hifp_pay":40`, `[{"fund_pay_type":"310100","fund_payamt":40},{"fund_pay_type":"310200","fund_payamt":40}]`, includes, true},
		"includes, wrong sum":  {`"fund_pay_sumamt":40,"hifp_pay":40`, `null`, includes, false},
		"nothing said":         {`"psn_no":"1"`, `null`, excludes, true},
		"nobody said how":      {`"fund_pay_sumamt":80,"hifp_pay":1`, `null`, none, true},
		"an amount like a map": {`"fund_pay_sumamt":{"a":1}`, `null`, excludes, false},
	} {
		if err := checkFunds(answer(c.info, c.detail), figures, &c.dialect); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestReversalTexts: what a refused 2601 says is known by its prefix, and only of a refusal.
func TestReversalTexts(t *testing.T) {
	d, err := NewDialect("", DialectOverrides{NotFoundPrefixes: []string{"[2601-NOTFOUND]", "无此交易"}})
	if err != nil {
		t.Fatal(err)
	}
	client := testClient(t, "http://127.0.0.1:1/", func(o *Options) { o.Dialect = &d })
	said := func(code int, text string) Outcome {
		return Outcome{Result: Answered, Answer: &Answer{Code: code, Text: text}}
	}
	for _, c := range []struct {
		outcome              Outcome
		missing, irrevocable bool
	}{
		{said(CodeRefused, "[2601-NOTFOUND] 未查询到原交易"), true, false},
		{said(CodeRefused, "无此交易"), true, false},
		{said(CodeRefused, "[2601-NOTREVERSIBLE] 原结算已撤销"), false, true},
		{said(CodeRefused, "系统繁忙：无此交易"), false, false},
		{said(CodeDone, "[2601-NOTFOUND]"), false, false},
		{Outcome{Result: Unknown}, false, false},
	} {
		if client.OriginalNotFound(c.outcome) != c.missing || client.OriginalNotReversible(c.outcome) != c.irrevocable {
			t.Errorf("%+v", c.outcome)
		}
	}
}
