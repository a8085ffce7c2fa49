package nhsa

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// FuzzMembers: an object is cut exactly as encoding/json takes it apart, and what that refuses is refused.
func FuzzMembers(f *testing.F) {
	for _, text := range []string{
		`{}`, ` { "A" : 1 , "b":"x\"},{" , "C":{"d":[1,"]",{"e":null}]},"f":[], "g":-1.5e3 ,"h":true}`, `{"a":1,"A":2}`, `{"a":{"b":"\\"}}`, `{"\u0061bc":1,"名":"称"}`,
		`null`, `[]`, `"x"`, `{"a":}`, `{"a":1}}`, `{"a" 1}`, "", `"{\"a\":1}"`, "{\"a\":\"\xff\"}",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var want map[string]json.RawMessage
		err := json.Unmarshal(unquoteJSON(data), &want)
		got, gotErr := readFields(data)
		if (err != nil || want == nil) != (gotErr != nil) {
			t.Fatalf("encoding/json says %v, we say %v", err, gotErr)
		}
		if gotErr != nil {
			return
		}
		lower := map[string]int{}
		for name := range want {
			lower[strings.ToLower(name)]++
		}
		names := map[string]bool{}
		for _, member := range got.members {
			names[string(member.name)] = true
		}
		if len(lower) != len(names) {
			t.Fatalf("%d members, want %d", len(names), len(lower))
		}
		for name, value := range want {
			if mine, _ := got.value(strings.ToLower(name)); lower[strings.ToLower(name)] == 1 && !bytes.Equal(mine, value) {
				t.Fatalf("%q is %q, want %q", name, mine, value)
			}
		}
	})
}

// BenchmarkAnswer reads the answer of a settlement, as often as a backlog has reports.
func BenchmarkAnswer(b *testing.B) {
	var text strings.Builder
	text.WriteString(`{"infcode":0,"inf_refmsgid":"430100202611222200000000000001","refmsg_time":"20261122220000000","respond_time":"20261122220000001","err_msg":"","output":{"setlinfo":{`)
	for _, name := range []string{"psn_no", "psn_name", "certno", "psn_cert_type", "insutype", "mdtrt_cert_type", "med_type", "clr_way", "clr_type", "setl_time", "fund_pay_sumamt",
		"hifp_pay", "hifes_pay", "hifmi_pay", "maf_pay", "oth_pay", "act_pay_dedc"} {
		text.WriteString(`"` + name + `":"0.00",`)
	}
	text.WriteString(`"setl_id":"S430100000000000001","mdtrt_id":"M430100000000000001","medfee_sumamt":37.01,"acct_pay":37.01,"acct_mulaid_pay":0,"psn_cash_pay":0},"setldetail":[],"detlcutinfo":[`)
	for i := range 3 {
		if i > 0 {
			text.WriteByte(',')
		}
		text.WriteString(`{"feedetl_sn":"1","det_item_fee_sumamt":25.00,"cnt":1,"pric":25,"pric_uplmt_amt":25,"inscp_scp_amt":25.00,"chrgitm_lv":"01","med_chrgitm_type":"09"}`)
	}
	body := []byte(text.String() + `]}}`)
	b.ReportAllocs()
	for b.Loop() {
		answer, err := DecodeAnswer(body)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := answer.one("setlinfo"); err != nil {
			b.Fatal(err)
		}
	}
}
