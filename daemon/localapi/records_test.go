package localapi_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/simplifiedchinese"

	"gongji/daemon/localapi"
	. "gongji/daemon/session/sessiontest"
	"gongji/settle"
)

// counterDay is a rig on the ledger's day with a sale of 60.00 (50.00 own, 10.00 the daughter's), one of 20.00 of which 20.00
// came back, and a contribution; the patient's card is in the reader.
func counterDay(t *testing.T) *rig {
	t.Helper()
	r := newRig(t, func(o *localapi.Options) { o.Clock = NewClock().Now })
	r.reader.Insert(Patient.Card())
	first := sale("S1", "60.00")
	first.Prescription.Number, first.Prescription.Doctor = "RX1", "欧阳明"
	first.Disease.Code, first.Disease.Name = "M03900", "高血压"
	r.settled(encode(t, first))
	second := sale("S2", "20.00")
	second.Lines[0].Name = "=HYPERLINK(1)"
	back := r.settled(encode(t, second))
	if got := r.do("POST", "/v1/settlements/"+back+"/reversal", `{"reversal_id": "R1", "operator": {"id": "1001"}, "reason": "退货"}`, nil); got.StatusCode != 201 {
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	return r
}

func (r *rig) settled(body string) (id string) {
	r.t.Helper()
	got := r.do("POST", "/v1/settlements", body, nil)
	var sold localapi.SettlementAnswer
	if err := json.Unmarshal(got.body, &sold); err != nil || sold.SettlementID == "" {
		r.t.Fatalf("%s %v", got.body, err)
	}
	return sold.SettlementID
}

func ask[T any](r *rig, path, token string) (answer T) {
	r.t.Helper()
	got := r.do("GET", path, "", as(token))
	if got.StatusCode != 200 {
		r.t.Fatalf("%s: %d %s", path, got.StatusCode, got.body)
	}
	if err := json.Unmarshal(got.body, &answer); err != nil {
		r.t.Fatalf("%s: %v", path, err)
	}
	return answer
}

// TestRecords: a manager finds settlements by what is known of them, masked unless asked otherwise, which is remembered.
func TestRecords(t *testing.T) {
	r := counterDay(t)
	for query, want := range map[string][]string{
		"": {"S2", "S1"}, "?limit=1": {"S2"}, "?doctor=欧阳": {"S1"}, "?words=高血压": {"S1"}, "?state=reversed": {"S2"},
		"?person=" + Patient.IDNumber: {"S2", "S1"}, "?name=" + url.QueryEscape(Patient.Name): {"S2", "S1"}, "?name=王": {},
		"?from=2026-03-10&to=2026-03-10&disease=M039": {"S1"}, "?to=2026-03-09": {}, "?settlement=S1": {"S1"}, "?terminal=counter-1&operator=1001": {"S2", "S1"},
		"?med_type=11": {}, "?area=430100": {"S2", "S1"},
	} {
		answer := ask[localapi.RecordsAnswer](r, "/v1/records"+query, r.manager)
		ids := []string{}
		for _, record := range answer.Records {
			ids = append(ids, record.SaleID)
		}
		if !slices.Equal(ids, want) {
			t.Errorf("%s finds %v, want %v", query, ids, want)
		}
	}
	page := ask[localapi.RecordsAnswer](r, "/v1/records?limit=1", r.manager)
	next := ask[localapi.RecordsAnswer](r, "/v1/records?limit=1&cursor="+page.Cursor, r.manager)
	if len(next.Records) != 1 || next.Records[0].SaleID != "S1" {
		t.Fatalf("second page: %+v", next)
	}
	got := next.Records[0]
	if got.Holder != "王*" || got.Number != settle.MaskNumber(Patient.IDNumber) || got.OwnPaid != "50.00" || got.SharedPaid != "10.00" ||
		got.Doctor != "欧阳明" || len(got.Lines) != 1 || got.Lines[0].Self != "60.00" || got.Review.State != "pending" ||
		len(got.Givers) != 1 || got.Givers[0].Relation != "子女" || got.Venue != Venue.Name || got.Disease != "M03900 高血压" {
		t.Errorf("record %+v", got)
	}
	revealed := ask[localapi.RecordsAnswer](r, "/v1/records?settlement=S1&reveal=true", r.manager)
	if revealed.Records[0].Holder != Patient.Name || revealed.Records[0].Number != Patient.IDNumber {
		t.Errorf("revealed %+v", revealed.Records[0])
	}
	r.wantIncident("RECORDS_REVEALED", "office")
	for query, field := range map[string]string{
		"person=123": "query.person", "from=2026-3-1": "query.from", "from=2026-03-02&to=2026-03-01": "query.to", "state=gone": "query.state", "cursor=x": "cursor",
	} {
		p := r.do("GET", "/v1/records?"+query, "", as(r.manager)).problem(t)
		if p.Code != settle.BadRequest || len(p.Fields) == 0 || p.Fields[0].Field != field {
			t.Errorf("%s: %s %+v", query, p.Code, p.Fields)
		}
	}
}

// wantIncident fails unless the audit record has an incident of a kind by a till.
func (r *rig) wantIncident(kind, pos string) {
	r.t.Helper()
	list, err := r.ledger.Incidents(r.t.Context(), time.Time{}, 100)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, i := range list {
		if i.Kind == kind && i.POS == pos {
			for _, value := range i.Detail {
				for _, secret := range Secrets() {
					if strings.Contains(value, secret) {
						r.t.Errorf("incident %s holds an identity", kind)
					}
				}
			}
			return
		}
	}
	r.t.Errorf("no incident %s of %s among %d", kind, pos, len(list))
}

// TestCashierSeesOwnTillOfToday: a cashier's token finds its own till's settlements of today, masked, and nothing else.
func TestCashierSeesOwnTillOfToday(t *testing.T) {
	r := counterDay(t)
	if answer := ask[localapi.RecordsAnswer](r, "/v1/records", r.cashier); len(answer.Records) != 2 {
		t.Errorf("own till: %+v", answer)
	}
	other := r.add("till-2", localapi.Cashier)
	if answer := ask[localapi.RecordsAnswer](r, "/v1/records", other); len(answer.Records) != 0 {
		t.Errorf("another till: %+v", answer)
	}
	for _, path := range []string{
		"/v1/records?reveal=true", "/v1/records?from=2026-03-09", "/v1/records?to=2026-03-09", "/v1/reports?from=2026-03-01&to=2026-03-31",
		"/v1/exports?format=csv", "/v1/exports?format=csv&kind=statement&person=" + Patient.IDNumber,
	} {
		if p := r.do("GET", path, "", nil).problem(t); p.Code != settle.Forbidden {
			t.Errorf("%s: %s", path, p.Code)
		}
	}
	r.do("GET", "/v1/people/me/statement", "", nil)
	for _, secret := range Secrets() {
		if strings.Contains(r.wire.String(), secret) {
			t.Errorf("an answer holds an identity")
		}
	}
}

// TestReports: sums are net of returns, and every grouping sums to the same.
func TestReports(t *testing.T) {
	r := counterDay(t)
	for _, by := range settle.Groupings {
		answer := ask[localapi.ReportAnswer](r, "/v1/reports?from=2026-03-01&to=2026-03-31&group_by="+string(by), r.manager)
		if answer.All.Total != "60.00" || answer.All.Sales != 2 || answer.All.Returns != 1 || len(answer.Groups) == 0 {
			t.Errorf("by %s: %+v", by, answer)
		}
		for _, g := range answer.Groups {
			if g.Name == "" {
				t.Errorf("by %s: a group without a name", by)
			}
		}
	}
	if p := r.do("GET", "/v1/reports?from=2026-03-01", "", as(r.manager)).problem(t); p.Code != settle.BadRequest {
		t.Errorf("half a period: %s", p.Code)
	}
}

// TestExports: the three formats hold the records, and each export is remembered.
func TestExports(t *testing.T) {
	r := counterDay(t)
	got := r.do("GET", "/v1/exports?format=csv&kind=records", "", as(r.manager))
	if got.StatusCode != 200 || !bytes.HasPrefix(got.body, []byte("\xef\xbb\xbf")) || !strings.Contains(got.Header.Get("Content-Disposition"), ".csv") {
		t.Fatalf("%d %v", got.StatusCode, got.Header)
	}
	rows, err := csv.NewReader(bytes.NewReader(got.body[3:])).ReadAll()
	if err != nil || len(rows) != 3 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	r.wantIncident("EXPORT", "office")
	lines := r.do("GET", "/v1/exports?format=csv&kind=lines&from=2026-03-10", "", as(r.manager))
	if !strings.Contains(string(lines.body), "'=HYPERLINK(1)") {
		t.Errorf("a formula is let through: %s", lines.body)
	}
	book := r.do("GET", "/v1/exports?format=xlsx&kind=report&from=2026-03-01&to=2026-03-31&group_by=source", "", as(r.manager))
	file, err := excelize.OpenReader(bytes.NewReader(book.body))
	if err != nil {
		t.Fatalf("%d %v", book.StatusCode, err)
	}
	defer file.Close()
	cells, err := file.GetRows(file.GetSheetName(0))
	if err != nil || len(cells) != 6 || cells[2][0] != "本人账户" || cells[2][3] != "50.00" {
		t.Errorf("report %v %v", cells, err)
	}
	for _, kind := range []string{"records", "lines", "report&from=2026-03-01&to=2026-03-31", "statement&person=" + Patient.IDNumber} {
		pdf := r.do("GET", "/v1/exports?format=pdf&kind="+kind, "", as(r.manager))
		if pdf.StatusCode != 200 || !bytes.HasPrefix(pdf.body, []byte("%PDF-")) {
			t.Errorf("%s: %d", kind, pdf.StatusCode)
		}
	}
	for path, field := range map[string]string{
		"format=doc": "query.format", "format=csv&kind=statement": "query.person", "format=csv&kind=report": "query.from",
	} {
		if p := r.do("GET", "/v1/exports?"+path, "", as(r.manager)).problem(t); p.Code != settle.BadRequest || p.Fields[0].Field != field {
			t.Errorf("%s: %s %+v", path, p.Code, p.Fields)
		}
	}
	unknown := r.do("GET", "/v1/exports?format=csv&kind=statement&person="+Newcomer.IDNumber, "", as(r.manager))
	if p := unknown.problem(t); p.Code != settle.PersonUnknown {
		t.Errorf("statement of a stranger: %s", p.Code)
	}
}

// TestStatement: whoever holds the card gets their own use: a patient with the items, a giver without them.
func TestStatement(t *testing.T) {
	r := counterDay(t)
	mine := ask[localapi.StatementAnswer](r, "/v1/people/me/statement?from=2026-03-01", r.cashier)
	if mine.Holder != "王*" || len(mine.Entries) != 3 || mine.OwnPaid != "50.00" || mine.Received != "10.00" || mine.Given != "0.00" {
		t.Fatalf("patient: %+v", mine)
	}
	if e := mine.Entries[0]; e.Kind != "own" || e.Paid != "50.00" || e.SharedPaid != "10.00" || e.After == nil || *e.After != "0.00" || !strings.Contains(e.Items, "阿莫西林") {
		t.Errorf("own bill: %+v", e)
	}
	if e := mine.Entries[2]; e.Kind != "return" || e.Total != "-20.00" {
		t.Errorf("return: %+v", e)
	}
	r.reader.Swap(Daughter.Card())
	hers := ask[localapi.StatementAnswer](r, "/v1/people/me/statement", r.cashier)
	if len(hers.Entries) != 3 || hers.Given != "10.00" || hers.Entries[0].Kind != "giver" || hers.Entries[0].Other != "王*" ||
		hers.Entries[0].Items != "" || hers.Entries[0].Total != "0.00" || *hers.Entries[0].After != "190.00" {
		t.Errorf("giver: %+v", hers)
	}
	r.wantIncident("STATEMENT_VIEWED", "till")
	for _, format := range []string{"pdf", "xlsx", "csv"} {
		if got := r.do("GET", "/v1/people/me/statement?format="+format, "", nil); got.StatusCode != 200 || len(got.body) == 0 {
			t.Errorf("%s: %d", format, got.StatusCode)
		}
	}
	r.reader.Remove()
	if p := r.do("GET", "/v1/people/me/statement", "", nil).problem(t); p.Code != settle.CardAbsent {
		t.Errorf("without a card: %s", p.Code)
	}
}

// TestCopiesAreMarked: the second print of a slip says so, in every form, and the count survives.
func TestCopiesAreMarked(t *testing.T) {
	r := counterDay(t)
	id := ask[localapi.RecordsAnswer](r, "/v1/records?settlement=S1", r.manager).Records[0].SettlementID
	r.reader.Swap(Husband.Card())
	if got := r.do("POST", "/v1/premiums", encode(t, premium("P1", "1.00")), nil); got.StatusCode != 201 {
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	for path, wants := range map[string][]string{
		"/v1/settlements/" + id + "/receipt": {"医保结算单", "共济人1（子女）李**", "本人账户余额", "医保卡仅限本人使用", "12393"},
		"/v1/reversals/R1/receipt":           {"医保结算撤销单", "退款合计", "20.00", "原单号", "退货"},
		"/v1/premiums/P1/receipt":            {"代缴医保费凭据", "缴费人账户余额", "待遇以官方缴费凭证为准"},
	} {
		for n, form := range []string{"text", "escpos", "text&columns=48", "escpos&columns=48"} {
			got := r.do("GET", path+"?format="+form, "", nil)
			if got.StatusCode != 200 {
				t.Fatalf("%s: %d %s", path, got.StatusCode, got.body)
			}
			text, err := simplifiedchinese.GB18030.NewDecoder().String(string(got.body))
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range wants {
				if !strings.Contains(strings.ReplaceAll(text, "\n", ""), want) {
					t.Errorf("%s %s lacks %q:\n%s", path, form, want, text)
				}
			}
			if copied := strings.Contains(text, "【重打 第"); copied != (n > 0) || n > 0 && !strings.Contains(text, "重打 第 "+string(rune('0'+n))+" 次") {
				t.Errorf("%s, print %d: marked %v\n%s", path, n+1, copied, text)
			}
		}
		if got := r.do("GET", path+"?format=pdf", "", nil); !bytes.HasPrefix(got.body, []byte("%PDF-")) || got.Header.Get("Slip-Number") != "5" {
			t.Errorf("%s as PDF: %d, print %s", path, got.StatusCode, got.Header.Get("Slip-Number"))
		}
		slip := ask[struct{ Printed int }](r, path, r.cashier)
		if slip.Printed != 5 {
			t.Errorf("%s: printed %d times, not 5", path, slip.Printed)
		}
	}
	if p := r.do(http.MethodGet, "/v1/refunds/R1/receipt", "", nil).problem(t); p.Code != settle.NotFound {
		t.Errorf("a reversal as a refund: %s", p.Code)
	}
	other := as(r.add("till-2", localapi.Cashier))
	for _, path := range []string{"/v1/reversals/R1/receipt", "/v1/premiums/P1/receipt"} {
		if p := r.do(http.MethodGet, path, "", other).problem(t); p.Code != settle.Forbidden {
			t.Errorf("another till's %s: %s", path, p.Code)
		}
	}
}
