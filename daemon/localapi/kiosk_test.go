package localapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"

	"gongji/daemon/localapi"
	"gongji/daemon/session"
	. "gongji/daemon/session/sessiontest"
	"gongji/settle"
)

// TestKiosk: a kiosk's token shows the holder of the card their own accounts and statement, remembered, and opens no other
// path (S-147, S-153, S-155).
func TestKiosk(t *testing.T) {
	r := counterDay(t)
	screen := r.add("screen", localapi.Kiosk)
	accounts := ask[localapi.AccountsAnswer](r, "/v1/people/me/accounts", screen)
	if len(accounts.Accounts) < 2 || accounts.Accounts[0].Available == nil || accounts.Accounts[1].Available != nil {
		t.Errorf("accounts %+v", accounts)
	}
	r.wantIncident(session.AccountsViewed, "screen")
	if statement := ask[localapi.StatementAnswer](r, "/v1/people/me/statement", screen); statement.Holder != "王*" || len(statement.Entries) == 0 {
		t.Errorf("statement %+v", statement)
	}
	for _, path := range []string{"/v1/reader", "/v1/guidance"} {
		if got := r.do(http.MethodGet, path, "", as(screen)); got.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", path, got.StatusCode, got.body)
		}
	}
	for _, path := range []string{
		"GET /v1/people/me/statement?format=pdf", "GET /v1/people/me/bindings", "GET /v1/people/me/history", "GET /v1/records", "GET /v1/events",
		"GET /v1/attention", "GET /v1/settlements/S1", "POST /v1/quotes", "POST /v1/settlements", "POST /v1/premiums", "POST /v1/bindings", "GET /v1/upstream",
	} {
		method, path, _ := strings.Cut(path, " ")
		body := ""
		if method == http.MethodPost {
			body = encode(t, sale("S9", "1.00"))
		}
		if p := r.do(method, path, body, as(screen)).problem(t); p.Code != settle.Forbidden {
			t.Errorf("%s %s: %s", method, path, p.Code)
		}
	}
	r.reader.Remove()
	if p := r.do(http.MethodGet, "/v1/people/me/accounts", "", as(screen)).problem(t); p.Code != settle.CardAbsent {
		t.Errorf("without a card: %s", p.Code)
	}
}

// TestLinesSayWhatIsLeft: whoever finds a sale, even another till's, can take back its lines: they carry their ids, what is
// still sold and the packs of it.
func TestLinesSayWhatIsLeft(t *testing.T) {
	r := counterDay(t)
	bill := sale("S7", "30.00")
	bill.Lines[0].Quantity, bill.Lines[0].UnitPrice, bill.Lines[0].NoCode = "3", "10.00", false
	bill.Lines[0].TraceCodes = []string{"81000000000000000001", "81000000000000000002", "81000000000000000003"}
	id := r.settled(encode(t, bill))
	line := bill.Lines[0].ID
	found := func() localapi.RecordLineAnswer {
		t.Helper()
		one := ask[localapi.SettlementAnswer](r, "/v1/settlements/"+id, r.manager)
		listed := ask[localapi.RecordsAnswer](r, "/v1/records?settlement=S7", r.manager).Records[0]
		if len(one.Lines) != 1 || len(listed.Lines) != 1 || encode(t, one.Lines[0]) != encode(t, listed.Lines[0]) {
			t.Fatalf("%+v and %+v", one.Lines, listed.Lines)
		}
		return one.Lines[0]
	}
	if l := found(); l.ID != line || l.Left != "3" || len(l.TraceCodes) != 3 {
		t.Errorf("whole: %+v", l)
	}
	back := func(refund, quantity, codes string) {
		t.Helper()
		body := `{"refund_id": "` + refund + `", "operator": {"id": "1001"}, "lines": [{"id": "` + line + `", "quantity": "` + quantity + `", "trace_codes": [` + codes + `]}]}`
		if got := r.do(http.MethodPost, "/v1/settlements/"+id+"/refunds", body, nil); got.StatusCode != http.StatusCreated {
			t.Fatalf("%d %s", got.StatusCode, got.body)
		}
	}
	back("R7", "1", `"81000000000000000002"`)
	if l := found(); l.Left != "2" || strings.Join(l.TraceCodes, " ") != "81000000000000000001 81000000000000000003" {
		t.Errorf("one pack came back: %+v", l)
	}
	back("R8", "2", `"81000000000000000001", "81000000000000000003"`)
	if l := found(); l.Left != "0" || len(l.TraceCodes) != 0 {
		t.Errorf("all came back: %+v", l)
	}
}

// TestCancellationSlip: a cancelled contribution has a slip of its own, and large print has half the columns.
func TestCancellationSlip(t *testing.T) {
	r := newFamilyRig(t)
	r.reader.Insert(Husband.Card())
	if got := r.do(http.MethodPost, "/v1/premiums", encode(t, premium("P1", "120.00")), nil); got.StatusCode != http.StatusCreated {
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	const path = "/v1/premiums/P1/cancellation/receipt"
	if p := r.do(http.MethodGet, path, "", nil).problem(t); p.Code != settle.NotFound {
		t.Errorf("before it is cancelled: %s", p.Code)
	}
	if got := r.do(http.MethodPost, "/v1/premiums/P1/cancellation", encode(t, session.CancelPremiumRequest{
		CancelID: "X1", Terminal: "counter-1", Operator: operator, Reason: "重复",
	}), nil); got.StatusCode != http.StatusCreated {
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	var slip localapi.CancellationReceiptAnswer
	if err := json.Unmarshal(r.do(http.MethodGet, path, "", nil).body, &slip); err != nil || slip.Of == "" || slip.Of == slip.ReceiptNo || slip.Amount != "120.00" || slip.At.IsZero() {
		t.Fatalf("%+v %v", slip, err)
	}
	usual := slipText(t, r, path+"?format=text")
	large := slipText(t, r, path+"?format=text&large=true")
	for _, want := range []string{"撤销凭据", slip.ReceiptNo, slip.Of, "120.00", "原代缴凭据作废"} {
		if !strings.Contains(strings.ReplaceAll(usual, "\n", ""), want) {
			t.Errorf("no %s in\n%s", want, usual)
		}
	}
	if !strings.Contains(large, "重打") {
		t.Errorf("the second print is not marked:\n%s", large)
	}
	for _, line := range strings.Split(large, "\n") {
		if width := slipWidth(t, line); width > 16 {
			t.Errorf("%d columns in large print: %s", width, line)
		}
	}
}

// slipText is a slip as text.
func slipText(t *testing.T, r *rig, path string) string {
	t.Helper()
	got := r.do(http.MethodGet, path, "", nil)
	text, err := simplifiedchinese.GB18030.NewDecoder().String(string(got.body))
	if err != nil || got.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %v", path, got.StatusCode, err)
	}
	return text
}

func slipWidth(t *testing.T, line string) int {
	t.Helper()
	data, err := simplifiedchinese.GB18030.NewEncoder().String(line)
	if err != nil {
		t.Fatal(err)
	}
	return len(data)
}

// TestHistoryOverHTTP: how the centre's word of a person has changed, for the card in the reader, and for a manager by number.
func TestHistoryOverHTTP(t *testing.T) {
	r := newFamilyRig(t)
	r.reader.Insert(Patient.Card())
	if h := ask[localapi.HistoryAnswer](r, "/v1/people/me/history", r.cashier); len(h.Changes) != 0 {
		t.Errorf("%+v", h)
	}
	r.wantIncident(session.HistoryViewed, "till")
	moved := Patient.Person()
	moved.Area = "430900"
	if err := r.ledger.ApplySnapshot(t.Context(), settle.Snapshot{ID: "moved", CentreTime: r.clock.Now(), People: []settle.SnapshotPerson{moved}}); err != nil {
		t.Fatal(err)
	}
	h := ask[localapi.HistoryAnswer](r, "/v1/people/me/history", r.cashier)
	if len(h.Changes) != 1 || h.Changes[0].Area != Patient.Person().Area || h.Changes[0].Name != "王*" || h.Changes[0].NumberChanged {
		t.Fatalf("%+v", h)
	}
	r.reader.Remove()
	if other := ask[localapi.HistoryAnswer](r, "/v1/people/me/history?person="+Patient.IDNumber, r.manager); len(other.Changes) != 1 {
		t.Errorf("by number: %+v", other)
	}
	if p := r.do(http.MethodGet, "/v1/people/me/history?person="+Patient.IDNumber, "", nil).problem(t); p.Code != settle.Forbidden {
		t.Errorf("a cashier by number: %s", p.Code)
	}
	if p := r.do(http.MethodGet, "/v1/people/me/history?person=123", "", as(r.manager)).problem(t); p.Code != settle.BadRequest {
		t.Errorf("a number that is none: %s", p.Code)
	}
}

// TestRepeatsOverHTTP: a manager sees who was sold the same goods in several bills of a day.
func TestRepeatsOverHTTP(t *testing.T) {
	r := counterDay(t)
	r.settled(encode(t, sale("S8", "1.00")))
	const path = "/v1/reports/repeats?from=2026-03-10&to=2026-03-10"
	found := ask[localapi.RepeatsAnswer](r, path, r.manager)
	if len(found.Repeats) != 1 || found.Repeats[0].Sales != 2 || found.Repeats[0].Amount != "61.00" || found.Repeats[0].Holder != "王*" {
		t.Errorf("%+v", found)
	}
	if p := r.do(http.MethodGet, path, "", nil).problem(t); p.Code != settle.Forbidden {
		t.Errorf("a cashier: %s", p.Code)
	}
}
