package nhsa

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"gongji/settle"
)

func testRegister() Register {
	return Register{
		PsnNo: "43010000000000001234", Insurance: "310", Begin: Stamp(testNow), CertType: "03", CertNo: "X00000019", VisitNo: "V1",
		DoctorCode: "D430100000001", DoctorName: "张伟", DeptCode: "A02", DeptName: "全科", Speciality: "A02",
	}
}

func testVisit() Visit {
	return Visit{
		Info: VisitInfo{MdtrtID: "M1", PsnNo: "43010000000000001234", MedType: "11", Begin: Stamp(testNow), Condition: "咳嗽三天"},
		Diagnoses: []Diagnosis{{Type: "1", Order: "1", Code: "J20.900", Name: "急性支气管炎", Dept: "全科", DoctorCode: "D430100000001", DoctorName: "张伟",
			Time: Stamp(testNow), Valid: "1"}},
	}
}

func testFees() Fees {
	return Fees{Rows: []Fee{{
		Line: "1", MdtrtID: "M1", PsnNo: "43010000000000001234", Batch: "B1", External: "0", Time: Stamp(testNow), Code: "XA01", ShopCode: "6901",
		Total: 2500, Quantity: "2", Price: "12.50", DeptCode: "A02", DeptName: "全科", DoctorCode: "D430100000001", DoctorName: "张伟", Approval: "0",
	}}}
}

func testClinicSettle() ClinicSettle {
	return ClinicSettle{
		PsnNo: "43010000000000001234", CertType: "03", CertNo: "X00000019", MedType: "11", Total: 2500, Way: "01", MdtrtID: "M1", Batch: "B1",
		UseAccounts: "1", Insurance: "310", Invoice: "R1", SelfPay: 500, InScope: 2000,
	}
}

func testTotals() Totals {
	return Totals{Insurance: "310", ClrType: "41", Office: "430100", Begin: 20261122, End: 20261122, Total: 2667, Fund: 2000, Account: 600, Cash: 67, Count: 1}
}

func testSold() SoldGoods {
	return SoldGoods{
		Code: "XA01", ShopCode: "6901", ShopName: "阿莫西林胶囊", BatchNo: "B7", SettledAs: PaidInsured, SetlID: "S1", VisitNo: "C1-1", Lot: "L1",
		MadeOn: 20260101, ExpiresOn: 20271231, Prescription: "0", Split: "0", Price: "12.5", Receipt: "R1", Quantity: "2", Time: Stamp(testNow),
		Operator: "李敏", Traces: []TraceCode{{"81000000000000000001"}, {"81000000000000000002"}},
	}
}

func testReturned() ReturnedGoods {
	return ReturnedGoods{
		Code: "XA01", ShopCode: "6901", ShopName: "阿莫西林胶囊", BatchNo: "B7", SettledAs: PaidInsured, SetlID: "S1", Lot: "L1", MadeOn: 20260101,
		ExpiresOn: 20271231, Split: "0", Quantity: "1", Time: Stamp(testNow), Operator: "李敏", SaleNo: "R1", Traces: []TraceCode{{"81000000000000000001"}},
	}
}

// TestStrictMore: the rules of the further messages, each broken once.
func TestStrictMore(t *testing.T) {
	fees := func(change func(*Fee)) Fees {
		m := testFees()
		m.Rows = append(m.Rows, m.Rows[0])
		m.Rows[1].Line = "2"
		change(&m.Rows[1])
		return m
	}
	unequal := testClinicSettle()
	unequal.InScope++
	insured := testSold()
	insured.SetlID, insured.Quantity = "", "0"
	many := make([]UnmappedItem, 101)
	for name, c := range map[string]struct {
		message Message
		want    []string
	}{
		"fee total":       {fees(func(f *Fee) { f.Total = 1 }), []string{"feedetail[1].det_item_fee_sumamt"}},
		"fee twice":       {fees(func(f *Fee) { f.Line = "1" }), []string{"feedetail[1].feedetl_sn"}},
		"fee of another":  {fees(func(f *Fee) { f.MdtrtID = "M2" }), []string{"feedetail[1]"}},
		"no fees":         {Fees{}, []string{"feedetail"}},
		"no diagnosis":    {Visit{Info: testVisit().Info}, []string{"diseinfo"}},
		"policy amounts":  {unequal, []string{"data.medfee_sumamt"}},
		"totals":          {CheckTotals{Totals{Count: -1}}, []string{"data.insutype", "data.setl_optins", "data.stmt_begndate", "data.fixmedins_setl_cnt"}},
		"details":         {CheckDetails{Office: "4301001", Count: 1}, []string{"data.setl_optins", "data.file_qury_no", "data.stmt_enddate"}},
		"month":           {Clearing{Month: "2026-11"}, []string{"data.setlym", "data.clr_type"}},
		"insured":         {Sold{Rows: []SoldGoods{insured}}, []string{"selinfo[0].setl_id", "selinfo[0].sel_retn_cnt"}},
		"too many":        {Unmapping{Rows: many}, []string{"data"}},
		"empty file":      {Upload{Name: "x", Venue: "P43010000001"}, []string{"fsUploadIn.in"}},
		"file name":       {Download{FileNo: "1", Venue: "plc", Name: strings.Repeat("长", 201)}, []string{"fsDownloadIn.filename"}},
		"benefit":         {BenefitQuery{}, []string{"data.psn_no", "data.begntime"}},
		"sign-out":        {SignOut{}, []string{"signOut.sign_no", "signOut.opter_no"}},
		"settlement":      {SettlementQuery{}, []string{"data.setl_id"}},
		"quote without":   {PharmacyQuote{}, []string{"druginfo.psn_no", "drugdetail"}},
		"register a code": {Register{Speciality: "全科"}, []string{"data.caty"}},
	} {
		_, _, err := c.message.Input()
		for _, field := range c.want {
			if err == nil || !strings.Contains(err.Error(), field+": ") {
				t.Errorf("%s: %v does not name %s", name, err, field)
			}
		}
	}
}

// TestTotalsForms: the last sum and the refund flag as each dialect wants them, and read alike by a centre.
func TestTotalsForms(t *testing.T) {
	for name, want := range map[string]string{
		"national":  `{"data":{"insutype":"310","clr_type":"41","setl_optins":"430100","stmt_begndate":"2026-11-22","stmt_enddate":"2026-11-22","medfee_sumamt":26.67,"fund_pay_sumamt":20.00,"fixmedins_setl_cnt":1,"acct_pay":6.00,"refd_setl_flag":"0"}}`,
		"guangdong": `{"data":{"insutype":"310","clr_type":"41","setl_optins":"430100","stmt_begndate":"2026-11-22","stmt_enddate":"2026-11-22","medfee_sumamt":26.67,"fund_pay_sumamt":26.00,"fixmedins_setl_cnt":1,"cash_payamt":0.67,"REFD_SETL_FLAG":"0"}}`,
		"shenzhen":  `{"data":{"insutype":"310","clr_type":"41","setl_optins":"430100","stmt_begndate":"2026-11-22","stmt_enddate":"2026-11-22","medfee_sumamt":26.67,"fund_pay_sumamt":26.00,"fixmedins_setl_cnt":1,"acct_pay":6.00}}`,
	} {
		d, err := NewDialect(name, DialectOverrides{})
		if err != nil {
			t.Fatal(err)
		}
		input, _, err := CheckTotals{testTotals()}.InputIn(&d)
		if err != nil {
			t.Fatal(err)
		}
		data := mustEncode(t, input)
		if string(data) != want {
			t.Errorf("%s:\n%s", name, data)
		}
		read, told, err := ReadTotals(data)
		if err != nil || read.Total != 2667 || read.Count != 1 || told != d.ReconcileSum || read.Begin != 20261122 {
			t.Errorf("%s: %+v %s %v", name, read, told, err)
		}
	}
}

// TestStatementFile: what is written is read back, whatever is in the cells; what is damaged is an error.
func TestStatementFile(t *testing.T) {
	rows := []StatementRow{{SetlID: "S1", MdtrtID: "M1", PsnNo: "1", Total: 2667, Fund: 2000, Account: 600}, {SetlID: "S2", PsnNo: "a\tb", Total: -2667, Fund: -2000, Account: -600, Refund: true}}
	data, err := EncodeStatement("st.txt", rows)
	if err != nil {
		t.Fatal(err)
	}
	back, err := DecodeStatement(data)
	rows[1].PsnNo = "a b"
	if err != nil || !reflect.DeepEqual(back, rows) {
		t.Errorf("%+v, %v", back, err)
	}
	results := []ResultRow{{PsnNo: "1", MdtrtID: "M1", SetlID: "S1", MsgID: "X", Result: ResultCentreOnly, Note: "中心有", Total: 1, Fund: 2, Account: 3}, {PsnNo: "2", SetlID: "S2", Result: ResultEqual, Refund: true}}
	for _, columns := range []string{ColumnsResultFirst, ColumnsFlagFirst} {
		d := DefaultDialect()
		d.DetailColumns = columns
		data, err := EncodeResults("r.txt", results, &d)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := DecodeResults(data, &d); err != nil || !reflect.DeepEqual(back, results) {
			t.Errorf("%s: %+v, %v", columns, back, err)
		}
		other := DefaultDialect()
		if columns == ColumnsResultFirst {
			other.DetailColumns = ColumnsFlagFirst
		}
		if _, err := DecodeResults(data, &other); err == nil {
			t.Errorf("%s was read in the other order", columns)
		}
	}
	d := DefaultDialect()
	plain := []byte("\xef\xbb\xbf1\tM1\tS1\tX\t000101\t0\tnull\r\n\r\n")
	if back, err := DecodeResults(plain, &d); err != nil || len(back) != 1 || back[0].MsgID != "X" || back[0].Note != "" {
		t.Errorf("a plain text of seven columns: %+v, %v", back, err)
	}
	for name, bad := range map[string][]byte{
		"torn zip": data[:len(data)/2], "columns": []byte("1\t2\n"), "amount": []byte("1\tM\tS\tX\t000101\t0\t\t1,0\t0\t0\n"),
	} {
		if back, err := DecodeResults(bad, &d); err == nil {
			t.Errorf("%s was read as %+v", name, back)
		}
	}
}

func FuzzDecodeResults(f *testing.F) {
	d := DefaultDialect()
	data, err := EncodeResults("r.txt", []ResultRow{{PsnNo: "1", Result: ResultEqual, Total: 5}}, &d)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte("1\tM1\tS1\tX\t000101\t0\tnull\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, err := DecodeResults(data, &d)
		if err != nil {
			return
		}
		again, err := EncodeResults("r.txt", rows, &d)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := DecodeResults(again, &d); err != nil || len(back) != len(rows) {
			t.Fatalf("what was read cannot be written: %v", err)
		}
	})
}

// TestAnswersMore reads the further answers in the forms that centres give them.
func TestAnswersMore(t *testing.T) {
	a := func(output string) *Answer {
		answer, err := DecodeAnswer([]byte(`{"infcode":"0","respond_time":"20261122100000180","output":` + output + `}`))
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	check := func(name string, got any, err error, want any) {
		t.Helper()
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if at := DecodeSignOut(a(`{"signoutoutb":{"sign_time":"2026-11-22 18:00:00"}}`)); at.IsZero() || !DecodeSignOut(a(`null`)).IsZero() {
		t.Error("9002")
	}
	institutions, err := DecodeInstitutions(a(`{"medinsinfo":{"fixmedins_code":"P1","fixmedins_name":"药房","uscc":"9","fixmedins_type":2,"hosp_lv":null}}`))
	check("1201", institutions, err, []Institution{{"P1", "药房", "9", "2", ""}})
	list, err := DecodeDictionary(a(`{"list":[{"type":"insutype","label":"职工","value":310,"valiFlag":"1"},{"value":"390","valiFlag":"0"}]}`))
	check("1901", list, err, []DictionaryEntry{{"insutype", "职工", "310", "", true}, {"", "", "390", "", false}})
	benefits, err := DecodeBenefits(a(`{"trtinfo":[{"trt_chk_type":"1","fund_pay_type":"310100","trt_enjymnt_flag":0,"begndate":"2026-01-01 00:00:00","enddate":"","trt_chk_rslt":"欠费"}]}`))
	check("2001", benefits, err, []Benefit{{"1", "310100", false, 20260101, 0, "欠费"}})
	visit, err := DecodeRegister(a(`{"data":{"mdtrt_id":77,"psn_no":"1"}}`))
	check("2201", visit, err, "77")
	splits, err := DecodeFees(a(`{"result":[{"feedetl_sn":1,"det_item_fee_sumamt":"25.00","preselfpay_amt":5,"inscp_scp_amt":20,"chrgitm_lv":"02"}]}`))
	check("2204", splits, err, []FeeSplit{{Line: "1", Total: 2500, SelfPay: 500, InScope: 2000, Level: "02"}})
	totals, err := DecodeTotals(a(`{"stmtinfo":{"setl_optins":"430100","stmt_rslt":"000103","stmt_rslt_dscr":"不平"}}`))
	check("3201", totals, err, TotalsResult{"000103", "不平"})
	file, err := DecodeDetails(a(`{"fileinfo":{"file_qury_no":"F2","filename":"r.zip","dld_endtime":"2026-11-23 10:00:00"}}`))
	check("3202", file.No+file.Name, err, "F2r.zip")
	event, err := DecodeClearing(a(`{"result":{"clr_appy_evt_id":"E1"}}`))
	check("3203", event, err, "E1")
	goods, err := DecodeGoods(a(`{"result":[{"retRslt":"1","msgRslt":""},{"retRslt":0,"msgRslt":"追溯码重复"}]}`), 2)
	check("3505", goods, err, []GoodsResult{{true, ""}, {false, "追溯码重复"}})
	all, err := DecodeGoods(a(`null`), 2)
	check("3505 without rows", all, err, []GoodsResult{{true, ""}, {true, ""}})
	visits, err := DecodeVisits(a(`{"mdtrtinfo":[]}`))
	check("5201", len(visits), err, 0)
	record, err := DecodeSettlement(a(`{"setlinfo":{"setl_id":"S1","mdtrt_id":"M1","psn_no":"1","setl_time":"2026-11-22 10:00:00","medfee_sumamt":26.67,"psn_pay":6.67,"acct_pay":6,"cash_payamt":0.67,"acct_mulaid_pay":3,"medins_setl_id":"X","refd_setl_flag":"0"}}`))
	if err != nil || record.Booking.Figures != (settle.Figures{Total: 2667, Fund: 2000, Own: 300, Shared: 300, Cash: 67}) || record.Booking.MsgID != "X" ||
		!record.Booking.CentreTime.Equal(time.Date(2026, 11, 22, 10, 0, 1, 0, settle.Beijing)) || record.Refund {
		t.Errorf("5203: %+v, %v", record, err)
	}
	lines, err := DecodeSettledLines(a(`{"feedetail":{"feedetl_sn":"1","cnt":"2","pric":12.5,"det_item_fee_sumamt":25}}`))
	check("5204", lines, err, []SettledLine{{Line: "1", Quantity: "2", Price: "12.5", Total: 2500}})
	upload, err := DecodeUpload(a(`{"file_qury_no":"F1","filename":"st.zip","fixmedins_code":"P1","dld_endtime":""}`))
	check("9101", upload, err, File{No: "F1", Name: "st.zip"})
	for name, err := range map[string]error{
		"1201":            second(DecodeInstitutions(a(`{"medinsinfo":[{}]}`))),
		"1901":            second(DecodeDictionary(a(`{}`))),
		"2001":            second(DecodeBenefits(a(`{"trtinfo":[{"trt_enjymnt_flag":"2"}]}`))),
		"2201":            second(DecodeRegister(a(`{"data":{}}`))),
		"2204":            second(DecodeFees(a(`{"result":[{"feedetl_sn":"1","det_item_fee_sumamt":25,"inscp_scp_amt":24}]}`))),
		"3201 silent":     second(DecodeTotals(a(`{"stmtinfo":{}}`))),
		"3202":            second(DecodeDetails(a(`{"fileinfo":{"filename":"x"}}`))),
		"3203":            second(DecodeClearing(a(`{"result":{}}`))),
		"3505 rows":       second(DecodeGoods(a(`{"result":[{"retRslt":"1"}]}`), 2)),
		"3505 unclear":    second(DecodeGoods(a(`{"result":[{"retRslt":"maybe"}]}`), 1)),
		"5203 no account": second(DecodeSettlement(a(`{"setlinfo":{"setl_id":"S1","psn_no":"1","medfee_sumamt":1,"cash_payamt":1}}`))),
		"5204":            second(DecodeSettledLines(a(`{"data":[{}]}`))),
		"9101":            second(DecodeUpload(a(`{}`))),
	} {
		if err == nil {
			t.Errorf("%s: nonsense was read", name)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestBytes(t *testing.T) {
	var b Bytes
	if err := json.Unmarshal([]byte(`[80,-1,255,0]`), &b); err != nil || !bytes.Equal(b, []byte{80, 255, 255, 0}) {
		t.Errorf("%v, %v", b, err)
	}
	for _, bad := range []string{`[256]`, `[-129]`, `"UEs="`, `[1.5]`} {
		if json.Unmarshal([]byte(bad), &b) == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

// TestFetch: a file is a file, an envelope is an error, a web page is no answer.
func TestFetch(t *testing.T) {
	var reply string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, reply) }))
	defer server.Close()
	client := testClient(t, server.URL, nil)
	for _, c := range []struct {
		reply  string
		file   string
		result Result
		done   bool
	}{
		{"PK\x03\x04", "PK\x03\x04", Answered, true},
		{"1\t2\n", "1\t2\n", Answered, true},
		{`{"infcode":-1,"err_msg":"没有文件"}`, "", Answered, false},
		{`{"infcode":0,"output":{}}`, "", Unknown, false},
		{"<html>", "", Unknown, false},
		{"", "", Unknown, false},
	} {
		reply = c.reply
		file, outcome, err := client.Fetch(t.Context(), Call{Message: Download{FileNo: "F", Name: "x", Venue: "P43010000001"}, Operator: testOperator})
		if err != nil || string(file) != c.file || outcome.Result != c.result || outcome.Done() != c.done {
			t.Errorf("%q: %q %+v %v", c.reply, file, outcome, err)
		}
	}
}

// TestBindingThatNeverBegan may be ended all the same: its end lies before its beginning.
func TestBindingThatNeverBegan(t *testing.T) {
	from, to := settle.Date(20261201), settle.Date(20261121)
	for action, good := range map[settle.BindingAction]bool{settle.BindingUnbind: true, settle.BindingLimit: false} {
		err := BindingInput{Data: BindingAsk{
			Action: string(action), RequestID: "Q1", Binding: "B1", Giver: "1", Beneficiary: "2", ValidFrom: &from, ValidTo: &to,
		}}.Check()
		if (err == nil) != good {
			t.Errorf("%s: %v", action, err)
		}
	}
}
