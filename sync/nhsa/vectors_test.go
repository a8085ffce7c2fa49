package nhsa

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"gongji/settle"
)

var update = flag.Bool("update", false, "write the vectors anew")

// TestVectors holds each message against the bytes beside it: what is sent is exactly <name>.request.json.
func TestVectors(t *testing.T) {
	both := Extensions{ExpectedSplit: true, Trace: true}
	elder := testDossier()
	elder.Credential, elder.Sale.UseAccounts, elder.ReceiptNo = settle.CredentialEvoucher, false, strings.Repeat("R", 21)
	for name, call := range map[string]Call{
		"9001":          {Message: SignIn{Operator: "1001", MAC: "02:00:00:00:00:01", IP: "192.0.2.1"}},
		"1101":          {Message: PersonQuery{CertType: "03", CertNo: "X00000019", Identifier: "639900D15600000500BF7C7A48FB4966", IDType: "01", IDNumber: "11010519491231002X", Name: "王芳"}},
		"2102":          {Message: PharmacySettle{Dossier: testDossier()}},
		"2102-extended": {Message: PharmacySettle{Dossier: testDossier(), Extensions: both}},
		"2102-voucher":  {Message: PharmacySettle{Dossier: elder}},
		"2103":          {Message: Cancel{PsnNo: "43010000000000001234", SetlID: "S1", MdtrtID: "M1"}},
		"2601":          {Message: Reverse{PsnNo: "43010000000000001234", Original: "P43010000001202611221000000001", OriginalInfno: "2102"}},
		"G101":          {Message: FamilyQuery{CertType: "02", CertNo: "11010519491231002X"}},
		"G102":          {Message: DeltaQuery{Cursor: "00000000000000004711", Limit: 1000}},
		"G103":          {Message: testBinding()},
		"G103-unbind":   {Message: testUnbinding()},
		"G104":          {Message: testPremium(false)},
		"G104-cancel":   {Message: testPremium(true)},
		"G105": {Message: AllowanceReturns{[]settle.AllowanceReturn{{
			PsnNo: "43010000000000001234", Until: testNow.Add(24*time.Hour + 120*time.Millisecond), Unspent: 8000}}}},
		"9002":           {Message: SignOut{SignNo: "SIGN0001", Operator: "1001"}},
		"1201":           {Message: InstitutionQuery{Type: "2", Name: "示例", Code: "P43010000001"}},
		"1901":           {Message: DictionaryQuery{Type: "insutype", Area: "430100", Day: 20261122, Valid: "1"}},
		"2001":           {Message: BenefitQuery{PsnNo: "43010000000000001234", Insurance: "310", Venue: "P43010000001", MedType: "41", Begin: Stamp(testNow)}},
		"2101":           {Message: PharmacyQuote{Dossier: testDossier(), Extensions: both}},
		"2201":           {Message: testRegister()},
		"2202":           {Message: Unregister{PsnNo: "43010000000000001234", MdtrtID: "M1", VisitNo: "V1"}},
		"2203":           {Message: testVisit()},
		"2204":           {Message: testFees()},
		"2205":           {Message: Unfees{MdtrtID: "M1", Batch: AllBatches, PsnNo: "43010000000000001234"}},
		"2206":           {Message: testClinicSettle().Quote()},
		"2207":           {Message: testClinicSettle()},
		"2208":           {Message: ClinicCancel{SetlID: "S1", MdtrtID: "M1", PsnNo: "43010000000000001234"}},
		"3201":           {Message: CheckTotals{testTotals()}},
		"3202":           {Message: CheckDetails{Office: "430100", FileNo: "F1", Begin: 20261122, End: 20261122, Total: 2667, Fund: 2000, Cash: 67, Count: 1, ClrType: "41"}},
		"3203":           {Message: Clearing{ClrType: "41", ClrWay: "1", Month: "202611", Visits: 12, Total: 120000, Accepted: 120000, Claim: 80000, Cash: 10000, Account: 30000, Begin: 20261101, End: 20261130}},
		"3301":           {Message: Mapping{Rows: []MappedItem{{ShopCode: "6901", ShopName: "阿莫西林胶囊", ListType: "101", Code: "XA01ABD075A002010100483", Begin: 20260101, End: 20991231}}}},
		"3302":           {Message: Unmapping{Rows: []UnmappedItem{{Venue: "P43010000001", ShopCode: "6901", ListType: "101", Code: "XA01ABD075A002010100483"}}}},
		"3505":           {Message: Sold{Rows: []SoldGoods{testSold()}}},
		"3506":           {Message: Returned{Rows: []ReturnedGoods{testReturned()}}},
		"5201":           {Message: VisitsQuery{PsnNo: "43010000000000001234", Begin: Stamp(testNow), End: Stamp(testNow.Add(time.Hour)), MedType: "41"}},
		"5203":           {Message: SettlementQuery{PsnNo: "43010000000000001234", SetlID: "S1", MdtrtID: "M1"}},
		"5204":           {Message: SettledLinesQuery{PsnNo: "43010000000000001234", SetlID: "S1", MdtrtID: "M1"}},
		"9101":           {Message: Upload{File: []byte{80, 75, 3, 255}, Name: "st.zip", Venue: "P43010000001"}},
		"9102":           {Message: Download{FileNo: "F1", Name: "st.zip", Venue: "P43010000001"}},
		"2102-html-text": {Message: PharmacySettle{Dossier: angled()}},
	} {
		t.Run(name, func(t *testing.T) {
			client := testClient(t, "http://127.0.0.1:1/", nil)
			call.Operator, call.InsuredArea = testOperator, "430100"
			if name != "9001" {
				call.SignNo = "SIGN0001"
			}
			message, err := client.Prepare(t.Context(), call)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", name+".request.json")
			var pretty bytes.Buffer
			if err := json.Indent(&pretty, message.Body, "", "  "); err != nil {
				t.Fatal(err)
			}
			pretty.WriteByte('\n')
			if *update {
				if err := os.WriteFile(file, pretty.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(want, pretty.Bytes()) {
				t.Errorf("the message differs from %s:\n%s", file, pretty.Bytes())
			}
			if decoded, err := DecodeRequest(message.Body); err != nil || decoded.MsgID != message.MsgID || decoded.Operator != "1001" {
				t.Errorf("the centre's reading: %+v, %v", decoded, err)
			}
		})
	}
}

// angled has characters that Go's JSON would escape for HTML.
func angled() settle.Dossier {
	d := testDossier()
	d.Sale.Disease.Name = "<糖尿病> & 其他"
	return d
}

// answerOf reads a recorded answer.
func answerOf(t *testing.T, name string) *Answer {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".answer.json"))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := DecodeAnswer(data)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestAnswerVectors(t *testing.T) {
	sign, err := DecodeSignIn(answerOf(t, "9001"))
	if err != nil || sign.SignNo != "430100202611220000000001" {
		t.Errorf("9001: %+v, %v", sign, err)
	}
	person, err := DecodePerson(answerOf(t, "1101"))
	wantPerson := PersonInfo{PsnNo: "43010000000000001234", IDNumber: "11010519491231002X", Name: "王芳", Insurance: "310", Area: "430100",
		Status: settle.StatusNormal, Balance: 12345}
	if err != nil || person != wantPerson {
		t.Errorf("1101: %+v, %v", person, err)
	}
	d := testDossier()
	answer := answerOf(t, "2102")
	booking, err := DecodeBooking(answer, "MSG", &d)
	if err != nil || booking.Figures != d.Figures || booking.SetlID != "S430100000000000001" || booking.MsgID != "MSG" || booking.ClrOptins != "430100" {
		t.Errorf("2102: %+v, %v", booking, err)
	}
	if got := CompactTime(booking.CentreTime); got != "20261122100000180" {
		t.Errorf("respond_time %s", got)
	}
	cancelled := DecodeCancel(answerOf(t, "2103"), "MSG")
	if cancelled.SetlID != "S430100000000000002" || cancelled.CentreTime.IsZero() {
		t.Errorf("2103: %+v", cancelled)
	}
	if a := answerOf(t, "2601-notfound"); !a.Refused() || !strings.HasPrefix(a.Text, "[2601-NOTFOUND]") {
		t.Errorf("2601: %+v", a)
	}
	page, err := DecodeSnapshotAnswer(answerOf(t, "G102"))
	if err != nil || !page.More || !json.Valid(page.Snapshot) {
		t.Errorf("G102: %+v, %v", page, err)
	}
}

// TestStrict: what does not fit the interface never leaves, and all of it is named at once, without its value.
func TestStrict(t *testing.T) {
	long := strings.Repeat("药", 51)
	bad := func(change func(*settle.Dossier)) Call {
		d := testDossier()
		change(&d)
		return Call{Message: PharmacySettle{Dossier: d, Extensions: Extensions{ExpectedSplit: true, Trace: true}}, Operator: testOperator, InsuredArea: d.Identity.Area}
	}
	for name, c := range map[string]struct {
		call Call
		want []string
	}{
		"no person":        {bad(func(d *settle.Dossier) { d.Identity.PsnNo = "" }), []string{"druginfo.psn_no"}},
		"code too long":    {bad(func(d *settle.Dossier) { d.Sale.Lines[0].Code = long }), []string{"drugdetail[0].med_list_codg"}},
		"two at once":      {bad(func(d *settle.Dossier) { d.Sale.MedType = ""; d.Sale.Lines[1].Code = "" }), []string{"druginfo.med_type", "drugdetail[1].med_list_codg"}},
		"sum":              {bad(func(d *settle.Dossier) { d.Figures.Total++; d.Figures.Cash++ }), []string{"druginfo.medfee_sumamt"}},
		"split":            {bad(func(d *settle.Dossier) { d.Figures.Cash++ }), []string{"druginfo.exp_content"}},
		"line total":       {bad(func(d *settle.Dossier) { d.Sale.Lines[0].Quantity = "3" }), []string{"drugdetail[0].det_item_fee_sumamt"}},
		"quantity form":    {bad(func(d *settle.Dossier) { d.Sale.Lines[0].Quantity = "2e0" }), []string{"drugdetail[0].cnt"}},
		"price decimals":   {bad(func(d *settle.Dossier) { d.Sale.Lines[0].UnitPrice = "12.5000001" }), []string{"drugdetail[0].pric"}},
		"no lines":         {bad(func(d *settle.Dossier) { d.Sale.Lines = nil }), []string{"drugdetail", "druginfo.medfee_sumamt"}},
		"no time":          {bad(func(d *settle.Dossier) { d.At = time.Time{} }), []string{"druginfo.begntime"}},
		"trace code":       {bad(func(d *settle.Dossier) { d.Sale.Lines[0].TraceCodes = []string{long} }), []string{"drug_trac_info[0].drug_trac_codg"}},
		"no insured area":  {bad(func(d *settle.Dossier) { d.Identity.Area = "" }), []string{"insuplc_admdvs"}},
		"no operator":      {Call{Message: DeltaQuery{Limit: 1}}, []string{"opter", "opter_name"}},
		"card without sn":  {Call{Message: FamilyQuery{CertType: "03", CertNo: "X1"}, Operator: testOperator}, []string{"data.card_sn"}},
		"credential type":  {Call{Message: PersonQuery{CertType: "09", CertNo: "X1"}, Operator: testOperator}, []string{"data.mdtrt_cert_type"}},
		"2601 without id":  {Call{Message: Reverse{PsnNo: "1", OriginalInfno: "2102"}, Operator: testOperator, InsuredArea: "430100"}, []string{"data.omsgid"}},
		"2103 without ids": {Call{Message: Cancel{PsnNo: "1"}, Operator: testOperator, InsuredArea: "430100"}, []string{"data.setl_id", "data.mdtrt_id"}},
		"page of none":     {Call{Message: DeltaQuery{}, Operator: testOperator}, []string{"data.limit"}},
		"binding to self":  {Call{Message: selfBinding(), Operator: testOperator, InsuredArea: "430100"}, []string{"data.beneficiary", "data.relation"}},
		"premium of none":  {Call{Message: PremiumReport{}, Operator: testOperator, InsuredArea: "430100"}, []string{"data.premium_id", "data.payer", "data.amount", "data.year", "data.paid_at"}},
		"sign-in":          {Call{Message: SignIn{Operator: strings.Repeat("1", 21)}, Operator: testOperator}, []string{"signIn.opter_no", "signIn.mac", "signIn.ip"}},
	} {
		t.Run(name, func(t *testing.T) {
			client := testClient(t, "http://127.0.0.1:1/", nil)
			_, err := client.Prepare(t.Context(), c.call)
			if settle.CodeOf(err) != settle.BadRequest {
				t.Fatalf("got %v", err)
			}
			for _, field := range c.want {
				if !strings.Contains(err.Error(), field+": ") {
					t.Errorf("%q does not name %s", err, field)
				}
			}
			if strings.Contains(err.Error(), "药药") || strings.Contains(err.Error(), "43010000000000001234") {
				t.Errorf("the error shows a value: %v", err)
			}
		})
	}
}

// TestTraps is the table of what centres really answer.
func TestTraps(t *testing.T) {
	base := `"setl_id":"S1","mdtrt_id":"M1","psn_no":"43010000000000001234","medfee_sumamt":26.67,"acct_pay":6,"acct_mulaid_pay":3,"psn_cash_pay":0.67,"psn_part_amt":6.67`
	with := func(pairs ...string) string {
		out := base
		for i := 0; i < len(pairs); i += 2 {
			out = strings.Replace(out, pairs[i], pairs[i+1], 1)
		}
		return `{"infcode":0,"respond_time":"20261122100000180","output":{"setlinfo":{` + out + `}}}`
	}
	sent := testDossier()
	for name, c := range map[string]struct {
		body string
		ok   bool
	}{
		"plain":                    {with(), true},
		"infcode as text":          {strings.Replace(with(), `"infcode":0`, `"infcode":"0"`, 1), true},
		"byte order mark":          {"\xef\xbb\xbf" + with(), true},
		"amounts as text":          {with(`26.67`, `"26.67"`, `:6,`, `:"6.00",`, `:3,`, `:"3.0",`), true},
		"absent part":              {with(`,"psn_part_amt":6.67`, ``), true},
		"empty part":               {with(`"psn_part_amt":6.67`, `"psn_part_amt":""`), true},
		"null id in passing":       {with(`"psn_no":"43010000000000001234"`, `"psn_no":null`), true},
		"id as a number":           {with(`"setl_id":"S1"`, `"setl_id":123456`), true},
		"Guangzhou spelling":       {with(`psn_part_amt`, `psn_part_am`), true},
		"2208 spelling":            {with(`psn_cash_pay`, `pdn_cash_pay`), true},
		"upper case":               {with(`medfee_sumamt`, `MEDFEE_SUMAMT`), true},
		"fee spelling":             {with(`medfee_sumamt`, `med_fee_sumamt`), true},
		"output as text":           {`{"infcode":0,"output":` + quote(`{"setlinfo":{`+base+`}}`) + `}`, true},
		"no respond_time":          {strings.Replace(with(), `"respond_time":"20261122100000180",`, ``, 1), true},
		"odd respond_time":         {strings.Replace(with(), `20261122100000180`, `soon`, 1), true},
		"fund includes account":    {with(`"psn_no"`, `"fund_pay_sumamt":26.00,"psn_no"`), true},
		"four policy amounts":      {with(`"psn_no"`, `"inscp_scp_amt":"20.00","preselfpay_amt":6.67,"psn_no"`), true},
		"policy amounts differ":    {with(`"psn_no"`, `"inscp_scp_amt":"20.00","psn_no"`), false},
		"part is not the sum":      {with(`"psn_part_amt":6.67`, `"psn_part_amt":6.68`), false},
		"mutual aid above account": {with(`"acct_mulaid_pay":3`, `"acct_mulaid_pay":7`), false},
		"negative cash":            {with(`"psn_cash_pay":0.67,"psn_part_amt":6.67`, `"psn_cash_pay":-0.67,"psn_part_amt":5.33`), false},
		"other total":              {with(`26.67`, `26.68`), false},
		"other person":             {with(`43010000000000001234`, `43010000000000009999`), false},
		"no setl_id":               {with(`"setl_id":"S1",`, ``), false},
		"no mdtrt_id":              {with(`"mdtrt_id":"M1",`, ``), false},
		"no account amount":        {with(`"acct_pay":6,`, ``), false},
		"no cash":                  {with(`"psn_cash_pay":0.67,`, ``), false},
		"half a fen":               {with(`26.67`, `26.675`), false},
		"exponent":                 {with(`26.67`, `2667e-2`), false},
		"huge exponent":            {with(`26.67`, `1e999999999`), false},
		"amount as object":         {with(`26.67`, `{"a":1}`), false},
		"no setlinfo":              {`{"infcode":0,"output":{}}`, false},
		"output null":              {`{"infcode":0,"output":null}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			answer, err := DecodeAnswer([]byte(c.body))
			if err != nil {
				t.Fatalf("envelope: %v", err)
			}
			booking, err := DecodeBooking(answer, "MSG", &sent)
			if (err == nil) != c.ok {
				t.Fatalf("got %+v, %v", booking, err)
			}
			if c.ok && booking.Figures != (settle.Figures{Total: 2667, Fund: 2000, Own: 300, Shared: 300, Cash: 67}) {
				t.Errorf("figures %+v", booking.Figures)
			}
		})
	}
}

func quote(text string) string {
	data, _ := json.Marshal(text)
	return string(data)
}

// TestNoEnvelope: none of these is an answer.
func TestNoEnvelope(t *testing.T) {
	for _, body := range []string{
		"", "   ", "<html><body>502</body></html>", "null", "[]", `"0"`, `{`, `{"infcode":0`, `{"infcode":0}}`, `{"infcode":0}{"infcode":-1}`,
		`{"code":200,"type":"success","message":"","data":{}}`, `{"infcode":null}`, `{"infcode":""}`, `{"infcode":"ok"}`, `{"infcode":[0]}`,
		`{"infcode":0.5}`, `{"infcode":0,"err_msg":{"a":1}}`,
	} {
		if answer, err := DecodeAnswer([]byte(body)); err == nil {
			t.Errorf("%q was read as %+v", body, answer)
		}
	}
	answer, err := DecodeAnswer([]byte(`{"infcode":"-1","err_msg":null,"warn_msg":"慢"}`))
	if err != nil || !answer.Refused() || answer.Text != "慢" {
		t.Errorf("%+v, %v", answer, err)
	}
}

// TestPersonRows: which insurance counts, whatever form the rows have.
func TestPersonRows(t *testing.T) {
	row := func(insurance, status, balance string) string {
		return `{"insutype":"` + insurance + `","psn_insu_stas":"` + status + `","balc":` + balance + `,"insuplc_admdvs":430100}`
	}
	for name, c := range map[string]struct {
		rows      string
		insurance string
		status    settle.Status
		balance   settle.Fen
	}{
		"normal employee wins":          {"[" + row("390", "1", "1") + "," + row("310", "1", `"2.5"`) + "]", "310", settle.StatusNormal, 250},
		"any normal before the paused":  {"[" + row("310", "2", "1") + "," + row("390", "1", "null") + "]", "390", settle.StatusNormal, 0},
		"employee among the not normal": {"[" + row("390", "4", "1") + "," + row("310", "2", `""`) + "]", "310", settle.StatusPaused, 0},
		"first of equals":               {"[" + row("390", "0", "1") + "," + row("391", "3", "2") + "]", "390", settle.StatusEnded, 100},
		"object for array":              {row("310", "", "3"), "310", settle.StatusNormal, 300},
		"rows as text":                  {quote("[" + row("310", "1", "3") + "]"), "310", settle.StatusNormal, 300},
	} {
		answer, err := DecodeAnswer([]byte(`{"infcode":0,"output":{"baseinfo":{"psn_no":1,"cert_no":"11010519491231002X","psn_name":"王芳","brdy":"1949-12-31 00:00:00"},"insuinfo":` + c.rows + `}}`))
		if err != nil {
			t.Fatal(err)
		}
		info, err := DecodePerson(answer)
		if err != nil || info.Insurance != c.insurance || info.Status != c.status || info.Balance != c.balance {
			t.Errorf("%s: %+v, %v", name, info, err)
		}
	}
	for _, rows := range []string{"null", "[]", `""`, `[{"insutype":"310"}]`, `[1]`} {
		answer, _ := DecodeAnswer([]byte(`{"infcode":0,"output":{"baseinfo":{"psn_no":1,"certno":"1","psn_name":"王芳"},"insuinfo":` + rows + `}}`))
		if info, err := DecodePerson(answer); err == nil {
			t.Errorf("%s was read as %+v", rows, info)
		}
	}
}

// TestToldAccount: what a centre says beside balc is read; what another keeps there is its own.
func TestToldAccount(t *testing.T) {
	told := ToldAccount{Status: settle.StatusFrozen, Balance: 900, Frozen: 200, ReservedElsewhere: 300}
	for content, want := range map[string]*ToldAccount{
		told.Content(): &told,
		"":             nil, "备注": nil, `{"other":1}`: nil, `{"gongji":{}}`: nil, `{"gongji":{"account":{"balance":900}}}`: nil,
		`{"gongji":{"account":{"status":"normal","balance":-1}}}`: nil, `{"gongji":{"account":{"status":"normal","frozen":1e30}}}`: nil,
	} {
		row := `{"insutype":"310","psn_insu_stas":"1","balc":4,"insuplc_admdvs":430100,"exp_content":` + quote(content) + `}`
		answer, err := DecodeAnswer([]byte(`{"infcode":0,"output":{"baseinfo":{"psn_no":1,"certno":"1","psn_name":"王芳"},"insuinfo":` + row + `}}`))
		if err != nil {
			t.Fatal(err)
		}
		info, err := DecodePerson(answer)
		if err != nil || info.Balance != 400 || (info.Account == nil) != (want == nil) || want != nil && *info.Account != *want {
			t.Errorf("%s: %+v, %v, %v", content, info.Account, info.Balance, err)
		}
	}
}

// TestTagsAreRead: every member of every message has a rule, so that nothing leaves unchecked.
func TestTagsAreRead(t *testing.T) {
	for _, message := range []any{Request{}, SignIn{}, PersonQuery{}, DrugInfo{}, DrugDetail{}, DrugTrace{}, Cancel{}, Reverse{}, FamilyQuery{},
		SignOut{}, InstitutionQuery{}, DictionaryQuery{}, BenefitQuery{}, QuoteInfo{}, Register{}, Unregister{}, VisitInfo{}, Diagnosis{}, Fee{}, Unfees{},
		ClinicQuote{}, ClinicSettle{}, ClinicCancel{}, totalsData{}, CheckDetails{}, Clearing{}, MappedItem{}, UnmappedItem{}, SoldGoods{},
		ReturnedGoods{}, TraceCode{}, VisitsQuery{}, SettlementQuery{}, SettledLinesQuery{}, Upload{}, Download{}} {
		kind := reflect.TypeOf(message)
		for i := range kind.NumField() {
			field := kind.Field(i)
			if field.Tag.Get("wire") == "" && field.Name != "Input" && field.Type.Kind() != reflect.Slice {
				t.Errorf("%s.%s has no rule", kind.Name(), field.Name)
			}
		}
	}
}

func FuzzDecodeAnswer(f *testing.F) {
	f.Add([]byte(`{"infcode":0,"respond_time":"20261122100000180","output":{"setlinfo":{"setl_id":"S1","mdtrt_id":"M1","medfee_sumamt":26.67,"acct_pay":6,"psn_cash_pay":20.67}}}`))
	f.Add([]byte(`{"infcode":"0","output":"{\"baseinfo\":{},\"insuinfo\":{}}"}`))
	f.Add([]byte(`<html>`))
	sent := testDossier()
	f.Fuzz(func(t *testing.T, data []byte) {
		answer, err := DecodeAnswer(data)
		if err != nil {
			return
		}
		if booking, err := DecodeBooking(answer, "MSG", &sent); err == nil {
			figures := booking.Figures
			if booking.SetlID == "" || figures.Total != sent.Figures.Total || figures.Fund < 0 || figures.Own < 0 || figures.Shared < 0 || figures.Cash < 0 ||
				figures.Fund+figures.Self() != figures.Total {
				t.Fatalf("a booking that does not add up was accepted: %+v", booking)
			}
		}
		_, _ = DecodePerson(answer)
		_, _ = DecodeSignIn(answer)
		_, _ = DecodeSnapshotAnswer(answer)
		_ = DecodeCancel(answer, "MSG")
	})
}

func testBinding() BindingChange {
	return BindingChange{
		Request: settle.BindingRequest{
			ID: "Q-1", Action: settle.BindingBind, Relation: settle.Parent, Rank: 1, Limit: settle.CapOf(50000), LimitAll: true,
			ValidFrom: 20261201, ValidTo: 20271130, Operator: testOperator, At: testNow,
		},
		Giver: settle.Identity{PsnNo: "43010000000000005678", Area: "430100"}, Beneficiary: settle.Identity{PsnNo: "43010000000000001234", Area: "430100"},
	}
}

func testUnbinding() BindingChange {
	m := testBinding()
	m.Request = settle.BindingRequest{ID: "Q-2", Action: settle.BindingUnbind, Binding: "B-9001", EndReason: "divorce"}
	return m
}

func selfBinding() BindingChange {
	m := testBinding()
	m.Beneficiary, m.Request.Relation = m.Giver, ""
	return m
}

func testPremium(cancel bool) PremiumReport {
	m := testBinding()
	return PremiumReport{
		Premium: settle.Premium{ID: "PR-1", Kind: "resident", Year: 2027, Amount: 40000, At: testNow},
		Payer:   m.Giver, Beneficiary: m.Beneficiary, Cancel: cancel,
	}
}

// TestExtensionAnswers: what a centre says of a request is one of three words, and nothing else counts.
func TestExtensionAnswers(t *testing.T) {
	read := func(output string) *Answer { return &Answer{Output: json.RawMessage(output)} }
	bound, err := DecodeBindingAnswer(read(`{"binding":{"binding_id":"B"},"state":"confirmed","reason":null}`))
	if err != nil || bound.State != settle.RequestConfirmed || len(bound.Binding) == 0 {
		t.Errorf("%+v, %v", bound, err)
	}
	refused, err := DecodeBindingAnswer(read(`{"binding":null,"state":"refused","reason":"不行"}`))
	if err != nil || refused.Reason != "不行" || refused.Binding != nil {
		t.Errorf("%+v, %v", refused, err)
	}
	paid, err := DecodePremiumAnswer(read(`{"premium_id":"PR-1","state":"pending"}`), "PR-1")
	if err != nil || paid.State != settle.RequestPending {
		t.Errorf("%+v, %v", paid, err)
	}
	for _, output := range []string{`null`, `{}`, `{"state":"perhaps"}`, `{"state":{"a":1}}`} {
		if out, err := DecodeBindingAnswer(read(output)); err == nil {
			t.Errorf("%s was read as %+v", output, out)
		}
	}
	if out, err := DecodePremiumAnswer(read(`{"premium_id":"PR-2","state":"confirmed"}`), "PR-1"); err == nil {
		t.Errorf("another premium: %+v", out)
	}
}
