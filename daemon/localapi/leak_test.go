package localapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"gongji/cardreader"
	"gongji/daemon/localapi"
	"gongji/daemon/localapi/client"
	"gongji/daemon/session"
	. "gongji/daemon/session/sessiontest"
	"gongji/settle"
)

// TestNothingLeaks runs a day at the counter, good and bad, over every route, and then looks for every number and name of
// the family in all answers, headers, events, metrics and logs.
func TestNothingLeaks(t *testing.T) {
	r := newRig(t, func(o *localapi.Options) { o.Clock = NewClock().Now }) // the ledger's day
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	events, err := r.till.Events(ctx)
	if err != nil {
		t.Fatal(err)
	}
	collected := make(chan struct{})
	go func() {
		defer close(collected)
		for event := range events {
			_, _ = r.wire.Write(append(event.Data, '\n'))
		}
	}()
	r.reader.Insert(Husband.Card())
	r.do("POST", "/v1/premiums", encode(t, premium("P1", "1.00")), nil)
	r.reader.Swap(Stranger.Card())
	r.do("POST", "/v1/bindings", encode(t, sibling("Q1")), nil)
	r.reader.Remove()
	settlement := r.goodDay()
	r.badDay(settlement)
	r.familyDay()
	r.reader.Swap(Patient.Card())
	r.do("POST", "/v1/settlements/"+settlement+"/reversal", `{"reversal_id": "R1", "operator": {"id": "1"}}`, nil)
	eventually(t, "the reversal's event", func() bool { return strings.Contains(r.wire.String(), `"state":"reversed","report"`) })
	cancel()
	<-collected

	families, err := r.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var metrics strings.Builder
	for _, f := range families {
		metrics.WriteString(f.String())
	}
	for place, text := range map[string]string{"wire": r.wire.String(), "logs": r.logs.String(), "metrics": metrics.String()} {
		if len(text) == 0 {
			t.Fatalf("nothing was captured of %s", place)
		}
		for _, secret := range append(Secrets(), r.cashier, r.manager, "13800000000", Patient.IDNumber[:17]) {
			if at := strings.Index(text, secret); at >= 0 {
				t.Errorf("%s hold a secret: …%s", place, text[max(0, at-200):min(len(text), at+20)])
			}
		}
	}
}

// goodDay settles a purchase with everything private that a sale can carry, and reads it back over every route.
func (r *rig) goodDay() (settlement string) {
	r.t.Helper()
	r.reader.Insert(Patient.Card())
	request := sale("S1", "300.00")
	request.Prescription = session.PrescriptionRequest{Number: "RX1", Doctor: "医生", PatientIDNumber: Patient.IDNumber}
	request.Proxy = &session.ProxyRequest{
		Agent:     session.AgentRequest{IDNumber: Daughter.IDNumber, Name: Daughter.Name, Phone: "13800000000"},
		Documents: []string{"principal_id", "agent_id"},
	}
	r.do("POST", "/v1/quotes", encode(r.t, request), nil)
	settled := r.do("POST", "/v1/settlements", encode(r.t, request), nil)
	var sold localapi.SettlementAnswer
	if err := json.Unmarshal(settled.body, &sold); err != nil || sold.SettlementID == "" {
		r.t.Fatalf("%s %v", settled.body, err)
	}
	for _, token := range []string{r.cashier, r.manager} {
		for _, route := range localapi.Routes() {
			path := strings.NewReplacer("{id}", sold.SettlementID, "{sale_id}", "S1", "{refund_id}", "F1", "{reversal_id}", "R1",
				"{request_id}", "Q1", "{premium_id}", "P1").Replace(route[1])
			if route[0] == http.MethodGet {
				r.do("GET", path, "", as(token))
			}
		}
		r.do("GET", "/v1/settlements/"+sold.SettlementID+"/receipt?format=text", "", as(token))
		r.do("GET", "/v1/records?person="+Patient.IDNumber+"&limit=x&reveal=maybe", "", as(token))
		r.do("GET", "/v1/reports?from=2026-01-01&to=2026-12-31&group_by=operator", "", as(token))
		for _, kind := range []string{"records", "lines", "statement&person=" + Patient.IDNumber} {
			r.do("GET", "/v1/exports?format=csv&kind="+kind, "", as(token))
		}
	}
	return sold.SettlementID
}

// badDay puts identities wherever a caller can put a text, and wrong cards into the reader.
func (r *rig) badDay(settlement string) {
	r.t.Helper()
	for _, card := range []cardreader.Credential{Stranger.Card(), Newcomer.Card(), Daughter.Card()} {
		r.reader.Swap(card)
		r.do("POST", "/v1/settlements", encode(r.t, sale("S2", "1.00")), nil)
		r.do("POST", "/v1/settlements/"+settlement+"/reversal", `{"reversal_id": "R1", "operator": {"id": "1"}}`, nil)
		r.do("GET", "/v1/people/me/accounts", "", nil)
	}
	bad := sale("S3", "1.00")
	bad.Patient.IDNumber, bad.Terminal, bad.Operator.ID = Patient.IDNumber[:17]+"0", Patient.IDNumber+"\n", strings.Repeat(Patient.IDNumber, 3)
	r.do("POST", "/v1/quotes", encode(r.t, bad), nil)
	r.do("POST", "/v1/quotes", `{"patient": {"id_number": `+Patient.IDNumber[:17]+`}, "wait_for_card_s": "`+Patient.IDNumber+`"}`, nil)
	r.do("GET", "/v1/sales/"+Patient.IDNumber, "", nil)
	r.do("GET", "/"+Patient.IDNumber, "", func(q *http.Request) { q.Header.Del("Authorization") })
	r.do("GET", "/v1/reader?id="+Patient.IDNumber, "", nil)
}

func TestHealth(t *testing.T) {
	r := newRig(t, nil)
	warning := localapi.Warning{Code: "OFFLINE", Title: "脱机", Text: "医保中心没有应答。", Severity: "warning",
		Since: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)}
	r.health.set(false, warning)
	for path, want := range map[string]string{
		"/livez": `{"alive":true}`, "/readyz": `{"ready":true}`,
		"/readyz?verbose":   `{"ready":true,"warnings":[{"code":"OFFLINE","severity":"warning","since":"2026-11-22T10:00:00Z","title":"脱机","text":"医保中心没有应答。","english":{}}]}`,
		"/readyz?verbose=1": `{"ready":true,"warnings":[{"code":"OFFLINE","severity":"warning","since":"2026-11-22T10:00:00Z","title":"脱机","text":"医保中心没有应答。","english":{}}]}`,
	} {
		got := r.do("GET", path, "", func(q *http.Request) { q.Header.Del("Authorization") })
		if got.StatusCode != 200 || strings.TrimSpace(string(got.body)) != want {
			t.Errorf("%s: %d %s", path, got.StatusCode, got.body)
		}
	}
	r.health.set(true)
	if got := r.do("GET", "/readyz", "", nil); got.StatusCode != 503 {
		t.Errorf("not ready: %d", got.StatusCode)
	}
}

// TestPanicIsAnAnswer: a handler that panics answers, and the value it choked on is logged nowhere.
func TestPanicIsAnAnswer(t *testing.T) {
	r := newRig(t, nil)
	server := r.second("127.0.0.1:0", "")
	server.Mount("GET /v1/broken", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(errors.New(Patient.IDNumber)) }), false)
	if err := server.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx) }()
	defer func() { stop(); <-ended }()
	request, err := http.NewRequest(http.MethodGet, server.URL()+"/v1/broken", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+r.cashier)
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var p client.Problem
	if err := json.NewDecoder(response.Body).Decode(&p); err != nil || p.Code != settle.StoreBroken {
		t.Fatalf("%d %+v %v", response.StatusCode, p, err)
	}
	if strings.Contains(r.logs.String(), Patient.IDNumber) || !strings.Contains(r.logs.String(), "request panicked") {
		t.Fatal("the log holds the value, or nothing")
	}
}
