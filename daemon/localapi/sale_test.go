package localapi_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"

	"gongji/daemon/localapi"
	"gongji/daemon/localapi/client"
	"gongji/daemon/session"
	. "gongji/daemon/session/sessiontest"
	"gongji/settle"
)

func TestQuoteSettleRepeatFind(t *testing.T) {
	r := newRig(t, nil)
	ctx := context.Background()
	r.reader.Insert(Patient.Card())
	request := sale("S1", "300.00")
	quote, err := r.till.Quote(ctx, request.SaleRequest)
	if err != nil || quote.OwnPaid != "50.00" || quote.SharedPaid != "250.00" || quote.CashDue != "0.00" || quote.Digest == "" {
		t.Fatalf("quote %+v %v", quote, err)
	}
	request.QuoteDigest = quote.Digest
	first := r.do(http.MethodPost, "/v1/settlements", encode(t, request), nil)
	if first.StatusCode != http.StatusCreated || first.Header.Get("Idempotent-Replay") != "" {
		t.Fatalf("first: %d %s", first.StatusCode, first.body)
	}
	r.reader.Remove()
	again := r.do(http.MethodPost, "/v1/settlements", encode(t, request), nil)
	if again.StatusCode != http.StatusOK || again.Header.Get("Idempotent-Replay") != "true" || string(again.body) != string(first.body) {
		t.Fatalf("repeat: %d %s\n%s", again.StatusCode, again.body, first.body)
	}
	found, err := r.till.Sale(ctx, "S1")
	if err != nil || found.State != "settled" || found.Report != "pending" || found.Holder != "王*" || len(found.Postings) != 3 {
		t.Fatalf("sale %+v %v", found, err)
	}
	if same, err := r.till.Settlement(ctx, found.SettlementID); err != nil || same.SaleID != "S1" {
		t.Fatalf("settlement %+v %v", same, err)
	}
	for i, p := range found.Postings {
		own := i == 0
		if (p.Source == "own") != own || (p.OwnBalanceAfter != nil) != own || p.Why == "" {
			t.Errorf("posting %d: %+v", i, p)
		}
	}
	request.Lines[0].Name = "别的药"
	_, _, err = r.till.Settle(ctx, request)
	wantCode(t, err, settle.IdempotencyConflict)
	if field := err.(*client.Problem).Members["field"]; string(field) != `"lines[0].name"` {
		t.Fatalf("conflict names %s", field)
	}
	_, err = r.till.Sale(ctx, "S9")
	wantCode(t, err, settle.NotFound)
}

// TestQuoteChanged: the new split comes with the refusal, in the form of a quote and without anybody's balance.
func TestQuoteChanged(t *testing.T) {
	r := newRig(t, nil)
	ctx := context.Background()
	r.reader.Insert(Patient.Card())
	quote, err := r.till.Quote(ctx, sale("S1", "100.00").SaleRequest)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.till.Settle(ctx, sale("S2", "20.00")); err != nil {
		t.Fatal(err)
	}
	request := sale("S1", "100.00")
	request.QuoteDigest = quote.Digest
	_, _, err = r.till.Settle(ctx, request)
	wantCode(t, err, settle.QuoteChanged)
	var fresh localapi.QuoteAnswer
	raw := err.(*client.Problem).Members["quote"]
	if err := json.Unmarshal(raw, &fresh); err != nil || fresh.OwnPaid != "30.00" || fresh.SharedPaid != "70.00" {
		t.Fatalf("new quote %s: %v", raw, err)
	}
	if strings.Contains(string(raw), "Accounts") || strings.Contains(string(raw), "200.00") {
		t.Fatalf("the new quote shows a relative's balance: %s", raw)
	}
	request.QuoteDigest = fresh.Digest
	if _, _, err := r.till.Settle(ctx, request); err != nil {
		t.Fatal(err)
	}
}

func TestCardRefusals(t *testing.T) {
	r := newRig(t, nil)
	ctx := context.Background()
	_, _, err := r.till.Settle(ctx, sale("S1", "10.00"))
	wantCode(t, err, settle.CardAbsent)
	if p := err.(*client.Problem); !p.Retryable || p.Status != http.StatusConflict {
		t.Fatalf("problem %+v", p)
	}
	r.reader.Insert(Stranger.Card())
	_, _, err = r.till.Settle(ctx, sale("S1", "10.00"))
	wantCode(t, err, settle.PersonCardMismatch)
	if p := err.(*client.Problem); p.Status != http.StatusForbidden || p.Reason != settle.ECardOwnerMismatch {
		t.Fatalf("problem %+v", p)
	}
	r.reader.Unplug()
	_, _, err = r.till.Settle(ctx, sale("S1", "10.00"))
	wantCode(t, err, settle.ReaderDown)
	if p := err.(*client.Problem); p.Status != http.StatusServiceUnavailable || len(p.Members["reader_message"]) == 0 {
		t.Fatalf("problem %+v", p)
	}
}

// TestWaitForCard outlives the deadline that the body's arrival had.
func TestWaitForCard(t *testing.T) {
	r := newRig(t, nil)
	server := r.second("127.0.0.1:0", "")
	const bodyTimeout = 50 * time.Millisecond
	localapi.SetBodyTimeout(server, bodyTimeout)
	if err := server.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx) }()
	defer func() { stop(); <-ended }()
	till := client.New(server.URL(), r.cashier)
	defer till.Close()
	eventually(t, "session and both servers follow the reader", func() bool { return r.reader.Subscribers() == 3 })
	request := sale("S1", "10.00")
	request.WaitSeconds = 60
	began, done := time.Now(), make(chan error, 1)
	go func() {
		_, _, err := till.Settle(context.Background(), request)
		done <- err
	}()
	eventually(t, "the sale waits", func() bool { return r.reader.Subscribers() == 4 })
	eventually(t, "the body's deadline passes", func() bool { return time.Since(began) > 4*bodyTimeout })
	r.reader.Insert(Patient.Card())
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestOfflineLimitNamesItself(t *testing.T) {
	r := newRig(t, nil)
	r.centre.SetOffline(true)
	r.reader.Insert(Patient.Card())
	_, _, err := r.till.Settle(context.Background(), sale("S1", "501.00"))
	wantCode(t, err, settle.OfflineLimit)
	p := err.(*client.Problem)
	for name, want := range map[string]string{"limit": `"offline.max_sale"`, "allowed": `"500.00"`, "asked": `"501.00"`} {
		if got := string(p.Members[name]); got != want {
			t.Errorf("%s = %s, want %s", name, got, want)
		}
	}
}

// TestReceiptSaysOffline: the slip of a sale that the centre has not heard of says so, in every form, and that of another does
// not.
func TestReceiptSaysOffline(t *testing.T) {
	r := newRig(t, nil)
	r.reader.Insert(Patient.Card())
	for id, offline := range map[string]bool{"S1": true, "S2": false} {
		r.centre.SetOffline(offline)
		sold, _, err := r.till.Settle(t.Context(), sale(id, "5.00"))
		if err != nil || sold.Offline != offline {
			t.Fatalf("offline %t: %+v, %v", offline, sold, err)
		}
		got := r.do(http.MethodGet, "/v1/settlements/"+sold.SettlementID+"/receipt?format=text", "", nil)
		text, err := simplifiedchinese.GB18030.NewDecoder().Bytes(got.body)
		if err != nil || strings.Contains(string(text), "脱机结算") != offline {
			t.Errorf("offline %t, %v, the slip says\n%s", offline, err, text)
		}
		slip, err := r.till.Receipt(t.Context(), sold.SettlementID)
		if err != nil || slip.Offline != offline {
			t.Errorf("offline %t: %+v, %v", offline, slip, err)
		}
	}
}

func TestReturnsAndRoles(t *testing.T) {
	// The API's clock is the ledger's here, so that "the same day" can end.
	clock := NewClock()
	r := newRig(t, func(o *localapi.Options) { o.Clock = clock.Now })
	ctx := context.Background()
	r.reader.Insert(Patient.Card())
	opened := sale("S1", "60.00")
	opened.Lines[0].SplitPack = true // so that half of it can come back
	sold, _, err := r.till.Settle(ctx, opened)
	if err != nil {
		t.Fatal(err)
	}
	operator := session.OperatorRequest{ID: "1001"}
	refund := session.RefundRequest{
		RefundID: "F1", Operator: operator, WithoutCard: true, Reason: "患者已离开",
		Lines: []session.RefundLineRequest{{ID: "1", Quantity: "0.5"}},
	}
	_, _, err = r.till.Refund(ctx, sold.SettlementID, refund)
	wantCode(t, err, settle.Forbidden)
	refund.WithoutCard = false
	back, replayed, err := r.till.Refund(ctx, sold.SettlementID, refund)
	if err != nil || replayed || back.RefundID != "F1" || back.ReversalID != "" || back.Total != "30.00" || back.State != "partly_refunded" {
		t.Fatalf("refund %+v %v", back, err)
	}
	r.reader.Remove()
	if _, replayed, err := r.till.Refund(ctx, sold.SettlementID, refund); err != nil || !replayed {
		t.Fatalf("repeat %v %v", replayed, err)
	}
	reversal := session.ReverseRequest{ReversalID: "R1", Operator: operator, Reason: "整单退"}
	_, _, err = r.till.Reverse(ctx, sold.SettlementID, reversal)
	wantCode(t, err, settle.CardAbsent)

	other := client.New(r.server.URL(), r.add("till-2", localapi.Cashier))
	defer other.Close()
	_, _, err = other.Reverse(ctx, sold.SettlementID, reversal)
	wantCode(t, err, settle.Forbidden) // another till's sale
	clock.Add(24 * time.Hour)
	_, _, err = r.till.Reverse(ctx, sold.SettlementID, reversal)
	wantCode(t, err, settle.Forbidden) // another day's sale

	office := client.New(r.server.URL(), r.manager)
	defer office.Close()
	reversal.WithoutCard = true
	undone, _, err := office.Reverse(ctx, sold.SettlementID, reversal)
	if err != nil || undone.ReversalID != "R1" || undone.Total != "30.00" || undone.State != "reversed" {
		t.Fatalf("reversal %+v %v", undone, err)
	}
	for path, want := range map[string]int{"/v1/refunds/F1": 200, "/v1/reversals/F1": 404, "/v1/refunds/F9": 404} {
		if got := r.do(http.MethodGet, path, "", nil); got.StatusCode != want {
			t.Errorf("%s: %d %s", path, got.StatusCode, got.body)
		}
	}
	if got := r.do(http.MethodGet, "/v1/reversals/R1", "", as(r.manager)); got.StatusCode != 200 {
		t.Errorf("reversal: %d %s", got.StatusCode, got.body)
	}
}

// TestRelativesBalances: what a relative has is shown to a manager and to nobody else.
func TestRelativesBalances(t *testing.T) {
	r := newRig(t, nil)
	ctx := context.Background()
	r.reader.Insert(Patient.Card())
	sold, _, err := r.till.Settle(ctx, sale("S1", "60.00"))
	if err != nil {
		t.Fatal(err)
	}
	for role, token := range map[localapi.Role]string{localapi.Cashier: r.cashier, localapi.Manager: r.manager} {
		c := client.New(r.server.URL(), token)
		defer c.Close()
		accounts, err := c.Accounts(ctx, "counter-1")
		if err != nil || len(accounts.Accounts) != 3 {
			t.Fatalf("accounts %+v %v", accounts, err)
		}
		for _, a := range accounts.Accounts {
			if shown := a.Available != nil; shown != (a.Source == "own" || role == localapi.Manager) {
				t.Errorf("%s sees %s's money: %v", role, a.Holder, shown)
			}
		}
		explanation, err := c.Explanation(ctx, sold.SettlementID)
		if err != nil || len(explanation.Trials) < 2 {
			t.Fatalf("explanation %+v %v", explanation, err)
		}
		for _, a := range explanation.Trials {
			if shown := a.Available != nil; shown != (a.Source == "own" || role == localapi.Manager) || a.Holder == "" || a.Rule == "" || a.Message == "" {
				t.Errorf("%s sees of %+v", role, a)
			}
		}
	}
}

func TestReceipt(t *testing.T) {
	r := newRig(t, nil)
	ctx := context.Background()
	r.reader.Insert(Patient.Card())
	request := sale("S1", "60.00")
	request.Lines[0].Batch, request.Lines[0].Spec = "B20260101", "0.25g*24粒"
	sold, _, err := r.till.Settle(ctx, request)
	if err != nil {
		t.Fatal(err)
	}
	receipt, err := r.till.Receipt(ctx, sold.SettlementID)
	if err != nil || receipt.CashPaid != "0.00" || receipt.SharedPaid != "10.00" || len(receipt.Givers) != 1 || receipt.Givers[0].Relation != "子女" {
		t.Fatalf("receipt %+v %v", receipt, err)
	}
	path := "/v1/settlements/" + sold.SettlementID + "/receipt?format=text"
	for query, columns := range map[string]int{"": 32, "&columns=48": 48} {
		got := r.do(http.MethodGet, path+query, "", nil)
		if got.StatusCode != 200 || got.Header.Get("Content-Type") != "text/plain; charset=GB18030" {
			t.Fatalf("%d %v %s", got.StatusCode, got.Header, got.body)
		}
		text, err := simplifiedchinese.GB18030.NewDecoder().Bytes(got.body)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{Venue.Name, "家庭共济支付", TraceCode("S1"), "B20260101", "共济人1（子女）李", "王*", receipt.ReceiptNo, "12393"} {
			if !strings.Contains(string(text), want) {
				t.Errorf("slip lacks %q:\n%s", want, text)
			}
		}
		for _, line := range strings.Split(string(got.body), "\n") { // a byte of GB18030 is a column
			if len(line) > columns {
				t.Errorf("line of %d columns on paper of %d: %q", len(line), columns, line)
			}
		}
	}
	for query, want := range map[string]int{"?format=doc": 422, "?columns=40": 422, "?colour=1": 422} {
		if got := r.do(http.MethodGet, "/v1/settlements/"+sold.SettlementID+"/receipt"+query, "", nil); got.StatusCode != want {
			t.Errorf("%s: %d", query, got.StatusCode)
		}
	}
	other := as(r.add("till-2", localapi.Cashier))
	if p := r.do(http.MethodGet, path, "", other).problem(t); p.Code != settle.Forbidden {
		t.Fatalf("another till's slip: %s", p.Code)
	}
	if got := r.do(http.MethodGet, path, "", as(r.manager)); got.StatusCode != 200 {
		t.Fatalf("manager: %d", got.StatusCode)
	}
}

// TestBothWaysAnswerAlike: a request that is answered past huma has the answer that huma gives, byte for byte.
func TestBothWaysAnswerAlike(t *testing.T) {
	r := newRig(t, nil)
	r.reader.Insert(Patient.Card())
	// A null is left to huma, which takes it for a member that is not there.
	long := func(body string) string {
		return strings.Replace(body, `{"sale_id"`, `{"pharmacist":null,"sale_id"`, 1)
	}
	bill := sale("S1", "12.50")
	other := sale("S1", "12.51")
	stranger := sale("S2", "1.00")
	stranger.Patient = session.PatientRequest{IDNumber: Stranger.IDNumber}
	marked := sale("S3", "1.00")
	marked.Operator.Name = "a < b & c > d"
	for _, c := range []struct {
		path, body string
		status     int
	}{
		{"/v1/quotes", encode(t, bill.SaleRequest), 200},
		{"/v1/quotes", encode(t, stranger.SaleRequest), 403},
		{"/v1/settlements", encode(t, stranger), 403},
		{"/v1/settlements", encode(t, bill), 201}, // the second is a repeat
		{"/v1/settlements", encode(t, bill), 200},
		{"/v1/settlements", encode(t, other), 409},
		{"/v1/settlements", encode(t, marked), 201},
		{"/v1/settlements", encode(t, marked), 200},
	} {
		first := r.do(http.MethodPost, c.path, c.body, nil)
		second := r.do(http.MethodPost, c.path, long(c.body), nil)
		if first.StatusCode != c.status {
			t.Fatalf("%s: %d %s", c.path, first.StatusCode, first.body)
		}
		id := func(a answer) string { return a.Header.Get("X-Request-Id") }
		if got, want := strings.Replace(string(second.body), id(second), id(first), 1), string(first.body); got != want {
			t.Errorf("%s: answered %s\nand by huma %s", c.path, want, got)
		}
		if c.status == http.StatusCreated {
			continue
		}
		for _, a := range []answer{first, second} {
			a.Header.Del("X-Request-Id")
			a.Header.Del("Date")
			a.Header.Del("Content-Length") // of a longer answer huma does not say it
		}
		if second.StatusCode != c.status || !maps.EqualFunc(first.Header, second.Header, slices.Equal) {
			t.Errorf("%s: %d %v\nand by huma %d %v", c.path, first.StatusCode, first.Header, second.StatusCode, second.Header)
		}
	}
}
