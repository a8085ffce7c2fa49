package localapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"gongji/daemon/localapi"
	"gongji/daemon/localapi/client"
	"gongji/daemon/session"
	. "gongji/daemon/session/sessiontest"
	"gongji/settle"
)

// newFamilyRig is a rig whose API lives on the ledger's day.
func newFamilyRig(t testing.TB) *rig {
	return newRig(t, func(o *localapi.Options) { o.Clock = NewClock().Now })
}

func relative(m Member) session.RelativeRequest {
	return session.RelativeRequest{IDNumber: m.IDNumber, Name: m.Name}
}

var operator = session.OperatorRequest{ID: "1001", Name: "收银"}

// sibling asks that the stranger's account may pay for the patient.
func sibling(id string) session.BindRequest {
	return session.BindRequest{
		RequestID: id, Terminal: "counter-1", Operator: operator, Beneficiary: relative(Patient), Relation: "sibling", Rank: 3,
		Limit: "60.00", Commitment: true,
	}
}

func TestBindingOverHTTP(t *testing.T) {
	r := newFamilyRig(t)
	ctx := context.Background()
	_, _, err := r.till.Bind(ctx, sibling("Q1"))
	wantCode(t, err, settle.CardAbsent)
	r.reader.Insert(Stranger.Card())
	body := encode(t, sibling("Q1"))
	first := r.do(http.MethodPost, "/v1/bindings", body, nil)
	if first.StatusCode != http.StatusCreated {
		t.Fatalf("first: %d %s", first.StatusCode, first.body)
	}
	var asked localapi.RequestAnswer
	if err := json.Unmarshal(first.body, &asked); err != nil || asked.State != "pending" || asked.Giver != "赵*" || asked.Beneficiary != "王*" ||
		asked.Limit == nil || *asked.Limit != "60.00" || asked.Message == "" {
		t.Fatalf("asked %s", first.body)
	}
	quote := func() localapi.QuoteAnswer {
		t.Helper()
		r.reader.Swap(Patient.Card())
		quote, err := r.till.Quote(ctx, sale("S1", "900.00").SaleRequest)
		if err != nil {
			t.Fatal(err)
		}
		return quote
	}
	if got := quote().SharedPaid; got != "500.00" {
		t.Errorf("shared %s before the centre has confirmed", got)
	}
	mine, err := r.till.Bindings(ctx, "counter-1")
	r.wantIncident(session.BindingsViewed, "till")
	if err != nil || len(mine.Bindings) != 2 || len(mine.Requests) != 1 || mine.Bindings[0].Role != "beneficiary" || mine.Bindings[0].GiverRef == "" {
		t.Fatalf("bindings %+v, %v", mine, err)
	}
	AnswerRequest(t, r.ledger, r.clock.Now(), settle.DispatchResult{RequestState: settle.RequestConfirmed, Binding: &settle.SnapshotBinding{
		ID: "B9", Giver: Stranger.PsnNo, Beneficiary: Patient.PsnNo, Relation: settle.Sibling, Rank: 3, BoundAt: 20260310, ValidFrom: 20260310,
		Limit: settle.CapOf(6000), LimitAll: true, Active: true,
	}})
	if got := quote().SharedPaid; got != "560.00" {
		t.Errorf("shared %s after the centre has confirmed", got)
	}
	r.reader.Remove()
	again := r.do(http.MethodPost, "/v1/bindings", body, nil)
	if again.StatusCode != http.StatusOK || again.Header.Get("Idempotent-Replay") != "true" || !strings.Contains(string(again.body), `"confirmed"`) {
		t.Errorf("repeat: %d %s", again.StatusCode, again.body)
	}
	other := sibling("Q1")
	other.Relation = "child"
	_, _, err = r.till.Bind(ctx, other)
	wantCode(t, err, settle.IdempotencyConflict)
	if found, err := r.till.Request(ctx, "Q1"); err != nil || found.State != "confirmed" {
		t.Errorf("found %+v, %v", found, err)
	}
	_, err = r.till.Request(ctx, "Q9")
	wantCode(t, err, settle.NotFound)
}

func TestChangeAndEndOfABindingOverHTTP(t *testing.T) {
	r := newFamilyRig(t)
	ctx := context.Background()
	change := session.ChangeBindingRequest{RequestID: "Q1", Terminal: "counter-1", Operator: operator, Limit: "10.00"}
	end := session.EndBindingRequest{RequestID: "Q2", Terminal: "counter-1", Operator: operator, EndReason: "divorce"}
	r.reader.Insert(Stranger.Card())
	_, _, err := r.till.ChangeBinding(ctx, "B2", change)
	wantCode(t, err, settle.NotFound)
	r.reader.Swap(Patient.Card()) // a limit is the giver's
	_, _, err = r.till.ChangeBinding(ctx, "B2", change)
	wantCode(t, err, settle.RuleRefused)
	if p := err.(*client.Problem); p.Reason != settle.EBindingActor || p.Message == "" {
		t.Errorf("problem %+v", p)
	}
	r.reader.Swap(Husband.Card())
	both := change
	both.Rank = 1
	_, _, err = r.till.ChangeBinding(ctx, "B2", both)
	wantCode(t, err, settle.BadRequest)
	for i, want := range []bool{false, true} {
		answer, replayed, err := r.till.ChangeBinding(ctx, "B2", change)
		if err != nil || replayed != want || answer.Action != "limit" || answer.BindingID != "B2" {
			t.Fatalf("%d: %+v %v %v", i, answer, replayed, err)
		}
	}
	change.Limit = "11.00"
	_, _, err = r.till.ChangeBinding(ctx, "B2", change)
	wantCode(t, err, settle.IdempotencyConflict)
	AnswerRequest(t, r.ledger, r.clock.Now(), settle.DispatchResult{RequestState: settle.RequestConfirmed})
	mine, err := r.till.Bindings(ctx, "")
	if err != nil || len(mine.Bindings) != 1 || mine.Bindings[0].Limit == nil || mine.Bindings[0].Limit.Amount != "10.00" || mine.Bindings[0].Role != "giver" {
		t.Fatalf("bindings %+v, %v", mine, err)
	}
	r.reader.Swap(Patient.Card())
	if seen, err := r.till.Bindings(ctx, ""); err != nil || slices.ContainsFunc(seen.Bindings, func(b localapi.BindingAnswer) bool { return b.Limit != nil }) {
		t.Errorf("the beneficiary sees the giver's limit: %+v, %v", seen, err)
	}
	r.reader.Swap(Husband.Card())
	for i, want := range []int{http.StatusCreated, http.StatusOK} {
		if got := r.do(http.MethodDelete, "/v1/bindings/B2", encode(t, end), nil); got.StatusCode != want {
			t.Fatalf("%d: %d %s", i, got.StatusCode, got.body)
		}
	}
	end.EndReason = "other"
	_, _, err = r.till.EndBinding(ctx, "B2", end)
	wantCode(t, err, settle.IdempotencyConflict)
	AnswerRequest(t, r.ledger, r.clock.Now(), settle.DispatchResult{RequestState: settle.RequestRefused, RequestAnswer: "关系未核实"})
	if found, err := r.till.Request(ctx, "Q2"); err != nil || found.State != "refused" || found.Answer != "关系未核实" {
		t.Errorf("found %+v, %v", found, err)
	}
	r.attention(settle.ReportBinding, "Q2")
}

// attention closes the one item of the work list, which only a manager may.
func (r *rig) attention(subject settle.ReportKind, id string) {
	r.t.Helper()
	ctx := context.Background()
	_, err := r.till.Attention(ctx)
	wantCode(r.t, err, settle.Forbidden)
	office := client.New(r.server.URL(), r.manager)
	defer office.Close()
	list, err := office.Attention(ctx)
	if err != nil || len(list.Items) != 1 || list.Items[0].Subject != string(subject) || list.Items[0].SubjectID != id || list.Items[0].Message == "" {
		r.t.Fatalf("attention %+v, %v", list, err)
	}
	closing := session.CloseAttentionRequest{Operator: operator, Note: "已核对"}
	_, err = r.till.CloseAttention(ctx, list.Items[0].ID, closing)
	wantCode(r.t, err, settle.Forbidden)
	_, err = office.CloseAttention(ctx, list.Items[0].ID, session.CloseAttentionRequest{Operator: operator})
	wantCode(r.t, err, settle.BadRequest)
	if closed, err := office.CloseAttention(ctx, list.Items[0].ID, closing); err != nil || !closed.Closed {
		r.t.Fatalf("close: %+v, %v", closed, err)
	}
	_, err = office.CloseAttention(ctx, list.Items[0].ID, closing)
	wantCode(r.t, err, settle.NotFound)
	if list, err := office.Attention(ctx); err != nil || len(list.Items) != 0 {
		r.t.Errorf("attention %+v, %v", list, err)
	}
}

func premium(id, amount string) session.PremiumRequest {
	return session.PremiumRequest{
		PremiumID: id, Terminal: "counter-1", Operator: operator, Beneficiary: relative(Patient), Kind: "ltc", Year: 2027, Amount: amount,
	}
}

func TestPremiumOverHTTP(t *testing.T) {
	r := newFamilyRig(t)
	ctx := context.Background()
	r.reader.Insert(Husband.Card())
	body := encode(t, premium("P1", "120.00"))
	first := r.do(http.MethodPost, "/v1/premiums", body, nil)
	var paid localapi.PremiumAnswer
	if err := json.Unmarshal(first.body, &paid); err != nil || first.StatusCode != http.StatusCreated || paid.State != "paid" || paid.Report != "pending" ||
		len(paid.Postings) != 1 || paid.Postings[0].Source != "own" || *paid.Postings[0].OwnBalanceAfter != "180.00" || paid.CollectedBy != "tax_channel" {
		t.Fatalf("first: %d %s", first.StatusCode, first.body)
	}
	r.reader.Remove()
	again := r.do(http.MethodPost, "/v1/premiums", body, nil)
	if again.StatusCode != http.StatusOK || string(again.body) != string(first.body) {
		t.Errorf("repeat: %d %s", again.StatusCode, again.body)
	}
	_, _, err := r.till.PayPremium(ctx, premium("P1", "121.00"))
	wantCode(t, err, settle.IdempotencyConflict)
	otherwise := premium("P1", "120.00")
	otherwise.Categories = []string{"disabled_1"}
	_, _, err = r.till.PayPremium(ctx, otherwise)
	wantCode(t, err, settle.IdempotencyConflict)
	if field := string(err.(*client.Problem).Members["field"]); !strings.HasPrefix(field, `"categories`) {
		t.Errorf("the difference is called %s", field)
	}
	office := client.New(r.server.URL(), r.manager)
	defer office.Close()
	_, _, err = office.PayPremium(ctx, premium("P1", "120.00")) // the id is one for the whole venue
	wantCode(t, err, settle.IdempotencyConflict)
	_, _, err = r.till.PayPremium(ctx, premium("P2", "1.00"))
	wantCode(t, err, settle.CardAbsent)
	r.reader.Insert(Husband.Card())
	_, _, err = r.till.PayPremium(ctx, premium("P2", "1.00"))
	wantCode(t, err, settle.RuleRefused)
	if p := err.(*client.Problem); p.Reason != settle.EPremiumDuplicate || p.Message != settle.ReasonSentences[settle.EPremiumDuplicate].Message {
		t.Errorf("problem %+v", p)
	}
	r.centre.SetOffline(true)
	next := premium("P2", "1.00")
	next.Year = 2026
	_, _, err = r.till.PayPremium(ctx, next)
	wantCode(t, err, settle.UpstreamSilent)
	r.centre.SetOffline(false)
	unknown := premium("P2", "1.00")
	unknown.Beneficiary = relative(Newcomer)
	_, _, err = r.till.PayPremium(ctx, unknown)
	wantCode(t, err, settle.PersonUnknown)

	cancel := session.CancelPremiumRequest{CancelID: "X1", Terminal: "counter-1", Operator: operator, Reason: "重复"}
	r.reader.Swap(Patient.Card())
	_, _, err = r.till.CancelPremium(ctx, "P1", cancel)
	wantCode(t, err, settle.PersonCardMismatch)
	if p := r.do(http.MethodPost, "/v1/premiums/P1/cancellation", encode(t, cancel), nil).problem(t); !strings.Contains(p.Message, "代缴人") ||
		strings.Contains(p.Message+p.Hint, "患者") {
		t.Errorf("whoever cancels with another card reads %q, %q", p.Message, p.Hint)
	}
	bare := cancel
	bare.WithoutCard = true
	_, _, err = r.till.CancelPremium(ctx, "P1", bare)
	wantCode(t, err, settle.Forbidden)
	r.reader.Swap(Husband.Card())
	for i, want := range []bool{false, true} {
		answer, replayed, err := r.till.CancelPremium(ctx, "P1", cancel)
		if err != nil || replayed != want || answer.State != "cancelled" || answer.Postings[0].Amount != "120.00" {
			t.Fatalf("%d: %+v %v %v", i, answer, replayed, err)
		}
		r.reader.Remove()
	}
	cancel.Reason = "别的"
	_, _, err = r.till.CancelPremium(ctx, "P1", cancel)
	wantCode(t, err, settle.IdempotencyConflict)
	// A manager may do without the card, and again without it.
	r.reader.Insert(Husband.Card())
	if _, _, err := r.till.PayPremium(ctx, premium("P3", "2.00")); err != nil {
		t.Fatal(err)
	}
	r.reader.Remove()
	byOffice := session.CancelPremiumRequest{CancelID: "X2", Operator: operator, Reason: "本人已离开", WithoutCard: true}
	for i, want := range []bool{false, true} {
		if _, replayed, err := office.CancelPremium(ctx, "P3", byOffice); err != nil || replayed != want {
			t.Fatalf("%d: %v %v", i, replayed, err)
		}
	}
	if found, err := r.till.Premium(ctx, "P1"); err != nil || found.State != "cancelled" || found.CancellationID != "X1" {
		t.Errorf("found %+v, %v", found, err)
	}
	_, err = r.till.Premium(ctx, "P9")
	wantCode(t, err, settle.NotFound)
	if report, err := r.ledger.Verify(ctx, nil); err != nil || !report.OK() {
		t.Errorf("verify %+v, %v", report, err)
	}
}

// TestEveryFamilyFieldIsChecked: all bad fields at once, and nothing is booked.
func TestEveryFamilyFieldIsChecked(t *testing.T) {
	r := newFamilyRig(t)
	r.reader.Insert(Husband.Card())
	for path, body := range map[string]string{
		"POST /v1/bindings": `{"request_id": "?", "terminal": "counter-1", "operator": {"id": "1"}, "relation": "friend",
			"beneficiary": {"id_number": "110105194912310021", "name": "王芳"}, "limit": "1", "valid_to": "soon"}`,
		"PATCH /v1/bindings/B2":  `{"request_id": "?", "terminal": "counter-1", "operator": {"id": "1"}, "rank": 1, "no_limit": true}`,
		"DELETE /v1/bindings/B2": `{"request_id": "?", "terminal": "counter-1", "operator": {"id": "1"}}`,
		"POST /v1/premiums": `{"premium_id": "?", "terminal": "counter-1", "operator": {"id": "1"}, "year": 2027, "amount": "0.00",
			"beneficiary": {"id_number": "x", "name": "王芳"}, "kind": "?"}`,
		"POST /v1/premiums/P1/cancellation": `{"cancellation_id": "?", "operator": {"id": "1"}}`,
	} {
		method, path, _ := strings.Cut(path, " ")
		p := r.do(method, path, body, nil).problem(t)
		if p.Code != settle.BadRequest || len(p.Fields) == 0 || !slices.ContainsFunc(p.Fields, func(f settle.FieldFault) bool { return strings.HasSuffix(f.Field, "_id") }) {
			t.Errorf("%s %s: %+v", method, path, p)
		}
	}
	if got := r.do("DELETE", "/v1/bindings/B2", "", nil); got.StatusCode < 400 {
		t.Errorf("an end without a request id: %d %s", got.StatusCode, got.body)
	}
	due, err := r.ledger.DueReports(context.Background(), r.clock.Now(), 10)
	if err != nil || len(due) != 0 {
		t.Errorf("due %+v, %v", due, err)
	}
}

// TestExplanationShowsRulesAndNoBalance: sources and sentences in both languages; a cashier reads no relative's balance.
func TestExplanationShowsRulesAndNoBalance(t *testing.T) {
	r := newFamilyRig(t)
	ctx := context.Background()
	r.reader.Insert(Patient.Card())
	quote, err := r.till.QuoteExplained(ctx, sale("S1", "300.00").SaleRequest)
	if err != nil || quote.Explanation == nil || len(quote.Explanation.Trials) != 3 || quote.Explanation.Trials[0].Holder != "王*" {
		t.Fatalf("quote %+v, %v", quote.Explanation, err)
	}
	settled, _, err := r.till.Settle(ctx, sale("S1", "300.00"))
	if err != nil {
		t.Fatal(err)
	}
	office := client.New(r.server.URL(), r.manager)
	defer office.Close()
	for _, c := range []*client.Client{r.till, office} {
		answer, err := c.Explanation(ctx, settled.SettlementID)
		if err != nil || len(answer.Trials) != 3 || len(answer.Cash) != 1 || answer.CashDue != "0.00" {
			t.Fatalf("explanation %+v, %v", answer, err)
		}
		for i, trial := range answer.Trials {
			if trial.Message == "" || trial.English == "" || trial.Rule == "" || trial.Holder == "" {
				t.Errorf("trial %+v", trial)
			}
			shown := trial.Available != nil && strings.Contains(trial.Message, string(*trial.Available)) && strings.Contains(trial.English, string(*trial.Available))
			if wanted := i == 0 || c == office; shown != wanted {
				t.Errorf("trial %d of manager %v shows a balance: %+v", i, c == office, trial)
			}
		}
		husband := encode(t, answer.Trials[2])
		if strings.Contains(husband, "300.00") != (c == office) {
			t.Errorf("the husband's balance: %s", husband)
		}
	}
}

// TestProxyAndGuardianOverHTTP: typed documents of both, an agent's third card, a guardian's child, each refusal with its
// sentence, and remembered.
func TestProxyAndGuardianOverHTTP(t *testing.T) {
	r := newFamilyRig(t)
	ctx := context.Background()
	buy := func(id string, who Member, change func(*session.SettleRequest)) error {
		t.Helper()
		r.reader.Swap(who.Card())
		request := sale(id, "1.00")
		request.Patient = session.PatientRequest{}
		request.Proxy = &session.ProxyRequest{
			Agent:     session.AgentRequest{IDNumber: Newcomer.IDNumber, Name: Newcomer.Name, Relation: "child"},
			Documents: []string{"principal_id", "agent_id"}, Reason: "elderly", Signature: "paper, folder 7",
		}
		if change != nil {
			change(&request)
		}
		_, _, err := r.till.Settle(ctx, request)
		return err
	}
	refused := func(err error, reason settle.Reason) {
		t.Helper()
		wantCode(t, err, settle.RuleRefused)
		if p := err.(*client.Problem); p.Reason != reason || p.Message != settle.ReasonSentences[reason].Message {
			t.Errorf("problem %+v, want %s", p, reason)
		}
	}
	err := buy("S0", Patient, func(s *session.SettleRequest) { s.Proxy.Documents = s.Proxy.Documents[1:] })
	refused(err, settle.EProxyDocs)
	if missing := string(err.(*client.Problem).Members["missing"]); missing != `["principal_id"]` {
		t.Errorf("missing %s", missing)
	}
	for i, who := range []Member{Patient, Daughter} {
		if err := buy(string(rune('A'+i)), who, nil); err != nil {
			t.Fatal(err)
		}
	}
	refused(buy("C", Husband, nil), settle.EProxyTooManyCards)
	refused(buy("D", Patient, func(s *session.SettleRequest) {
		s.Proxy, s.Presenter = nil, &session.PresenterRequest{PatientPresent: true, Guardian: true}
	}), settle.EGuardian)
	refused(buy("E", Patient, func(s *session.SettleRequest) { s.Proxy, s.Lines[0].Rx = nil, true }), settle.ERxMissing)
	r.reader.Swap(Patient.Card())
	good := sale("F", "1.00")
	good.Lines[0].Rx, good.Prescription = true, session.PrescriptionRequest{Number: "RX1", Doctor: "张三", Institution: "示例医院", PatientIDNumber: Patient.IDNumber}
	if _, _, err := r.till.Settle(ctx, good); err != nil {
		t.Error(err)
	}
	incidents, err := r.ledger.Incidents(ctx, time.Time{}, 10)
	var kinds []string
	for _, i := range incidents {
		kinds = append(kinds, i.Kind)
	}
	if want := []string{"E_PROXY_DOCS", "E_PROXY_TOO_MANY_CARDS", "E_GUARDIAN"}; err != nil || !slices.Equal(kinds, want) {
		t.Errorf("incidents %v, %v", kinds, err)
	}
}

// familyDay leaves traces of everything private that bindings and contributions can carry.
func (r *rig) familyDay() {
	r.t.Helper()
	r.reader.Swap(Stranger.Card())
	r.do("POST", "/v1/bindings", encode(r.t, sibling("Q1")), nil)
	r.do("POST", "/v1/bindings", encode(r.t, session.BindRequest{
		RequestID: Patient.IDNumber, Terminal: "counter-1", Operator: operator, Beneficiary: relative(Newcomer), Relation: Newcomer.Name,
	}), nil)
	misnamed := sibling("Q2")
	misnamed.Beneficiary.Name = Husband.Name
	r.do("POST", "/v1/bindings", encode(r.t, misnamed), nil)
	for _, m := range []Member{Husband, Patient, Stranger, Newcomer} {
		r.reader.Swap(m.Card())
		r.do("POST", "/v1/premiums", encode(r.t, premium("P1", "1.00")), nil)
		r.do("POST", "/v1/premiums/P1/cancellation", `{"cancellation_id": "X1", "operator": {"id": "1"}}`, nil)
		r.do("PATCH", "/v1/bindings/B2", `{"request_id": "Q3", "terminal": "counter-1", "operator": {"id": "1"}, "limit": "5.00"}`, nil)
		r.do("DELETE", "/v1/bindings/B2", `{"request_id": "Q4", "terminal": "counter-1", "operator": {"id": "1"}}`, nil)
		r.do("GET", "/v1/people/me/bindings", "", as(r.manager))
	}
	r.do("GET", "/v1/requests/"+Patient.IDNumber, "", nil)
	r.do("DELETE", "/v1/bindings/"+Patient.IDNumber, `{"request_id": "Q5", "terminal": "counter-1", "operator": {"id": "1"}}`, nil)
	r.do("GET", "/v1/attention", "", as(r.manager))
}

// What was shown in a preview is what is sent, or nothing is.
func TestPreviewAndConfirmOverHTTP(t *testing.T) {
	r := newFamilyRig(t)
	r.reader.Insert(Stranger.Card())
	ask := sibling("Q1")
	ask.Preview = true
	ask.Notice = &session.NoticeRequest{ID: "N", Version: "1", ReadBy: "giver"}
	ask.Contact = &session.ContactRequest{Phone: "13800000001"}
	post := func(want int) localapi.RequestAnswer {
		t.Helper()
		got := r.do(http.MethodPost, "/v1/bindings", encode(t, ask), nil)
		var answer localapi.RequestAnswer
		if err := json.Unmarshal(got.body, &answer); err != nil || got.StatusCode != want {
			t.Fatalf("%d %s", got.StatusCode, got.body)
		}
		if strings.Contains(string(got.body), "13800000001") {
			t.Errorf("the answer shows the contact: %s", got.body)
		}
		return answer
	}
	preview := post(http.StatusOK)
	if preview.State != "preview" || preview.ConfirmDigest == "" || preview.Notice == nil || preview.AuthMethod != "card" || preview.Report != "" {
		t.Errorf("preview %+v", preview)
	}
	if none := r.do(http.MethodGet, "/v1/requests/Q1", "", nil); none.StatusCode != http.StatusNotFound {
		t.Errorf("the preview was booked: %d", none.StatusCode)
	}
	ask.Preview, ask.ConfirmDigest, ask.Rank = false, preview.ConfirmDigest, 5
	if changed := r.do(http.MethodPost, "/v1/bindings", encode(t, ask), nil); changed.StatusCode != http.StatusUnprocessableEntity ||
		!strings.Contains(string(changed.body), "E_CONFIRM_CHANGED") {
		t.Errorf("another rank: %d %s", changed.StatusCode, changed.body)
	}
	ask.Rank = 3
	if made := post(http.StatusCreated); made.State != "pending" || made.ConfirmDigest != "" {
		t.Errorf("made %+v", made)
	}
	ask.ConfirmDigest, ask.Preview = strings.Repeat("0", 64), true
	if both := r.do(http.MethodPost, "/v1/bindings", encode(t, ask), nil); both.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("preview and digest: %d", both.StatusCode)
	}
}

// A cancellation is confirmed with what goes back.
func TestPreviewOfACancellationOverHTTP(t *testing.T) {
	r := newFamilyRig(t)
	r.reader.Insert(Daughter.Card())
	pay := session.PremiumRequest{
		PremiumID: "P1", Terminal: "counter-1", Operator: operator, Beneficiary: relative(Patient), Kind: "ltc", Year: 2026, Amount: "100.00",
	}
	if paid := r.do(http.MethodPost, "/v1/premiums", encode(t, pay), nil); paid.StatusCode != http.StatusCreated {
		t.Fatalf("paid: %d %s", paid.StatusCode, paid.body)
	}
	cancel := session.CancelPremiumRequest{CancelID: "K1", Terminal: "counter-1", Operator: operator}
	cancel.Preview = true
	got := r.do(http.MethodPost, "/v1/premiums/P1/cancellation", encode(t, cancel), nil)
	var preview localapi.CancellationAnswer
	if err := json.Unmarshal(got.body, &preview); err != nil || got.StatusCode != http.StatusOK || preview.State != "preview" ||
		preview.ConfirmDigest == "" || len(preview.Postings) != 1 {
		t.Fatalf("preview: %d %s", got.StatusCode, got.body)
	}
	if paid, err := r.till.Premium(context.Background(), "P1"); err == nil && paid.State != "paid" {
		t.Errorf("the preview cancelled: %+v", paid)
	}
	cancel.Preview, cancel.ConfirmDigest = false, preview.ConfirmDigest
	if done := r.do(http.MethodPost, "/v1/premiums/P1/cancellation", encode(t, cancel), nil); done.StatusCode != http.StatusCreated ||
		!strings.Contains(string(done.body), `"cancelled"`) {
		t.Errorf("done: %d %s", done.StatusCode, done.body)
	}
}

// A binding that ended by itself is shown with its reason.
func TestEndedBindingOverHTTP(t *testing.T) {
	r := newFamilyRig(t)
	facts := Family(r.clock.Now())
	facts.ID, facts.CentreTime = "F-2", r.clock.Now()
	for i := range facts.People {
		if facts.People[i].PsnNo == Daughter.PsnNo {
			facts.People[i].Status = settle.StatusDeceased
		}
	}
	if err := r.ledger.ApplySnapshot(context.Background(), facts); err != nil {
		t.Fatal(err)
	}
	r.reader.Insert(Patient.Card())
	mine, err := r.till.Bindings(context.Background(), "counter-1")
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(mine.Bindings, func(b localapi.BindingAnswer) bool { return b.State == "ended" })
	if at < 0 || mine.Bindings[at].EndReason != "death" || mine.Bindings[at].EndedBy != "ledger" ||
		!strings.Contains(mine.Bindings[at].Message, "已故") || mine.Bindings[at].MessageEN == "" {
		t.Errorf("bindings %+v", mine.Bindings)
	}
}
