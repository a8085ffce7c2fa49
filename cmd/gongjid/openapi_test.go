package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aead.dev/minisign"
	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"

	"gongji/daemon/localapi"
	"gongji/daemon/localapi/client"
	"gongji/daemon/session"
	"gongji/settle"
	"gongji/sync/centre"
	"gongji/sync/feed"
)

// witness is a transport that holds everything that passes against the daemon's own OpenAPI document. libopenapi-validator is
// released monthly, reads 3.1 with the full JSON Schema dialect, and checks paths, parameters, bodies and media types alike.
type witness struct {
	t        *testing.T
	under    http.RoundTripper
	report   func(format string, args ...any) // of what does not fit
	document validator.Validator

	mu     sync.Mutex
	seen   map[string][]int // method and path template: statuses
	routes []string
}

// newWitness reads the document of the daemon at base. The document itself has to be a correct one.
func newWitness(t *testing.T, base string) *witness {
	t.Helper()
	text, err := client.New(base, "").OpenAPI(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	document, err := libopenapi.NewDocument(text)
	if err != nil {
		t.Fatal(err)
	}
	// What a header says is guarded by the server and has tests of its own; the document is about content.
	v, errs := validator.NewValidator(document, config.WithoutSecurityValidation())
	if len(errs) > 0 {
		t.Fatal(errors.Join(errs...))
	}
	if ok, faults := v.ValidateDocument(); !ok {
		for _, f := range faults {
			t.Errorf("document: %s: %s", f.Message, f.Reason)
		}
	}
	w := &witness{t: t, under: &http.Transport{}, report: t.Errorf, document: v, seen: map[string][]int{}}
	model, err := document.BuildV3Model()
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range model.Model.Paths.PathItems.FromOldest() {
		for method := range item.GetOperations().FromOldest() {
			w.routes = append(w.routes, strings.ToUpper(method)+" "+path)
		}
	}
	slices.Sort(w.routes)
	return w
}

// RoundTrip passes a request on and validates it and its answer.
func (w *witness) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent []byte
	if r.Body != nil {
		var err error
		if sent, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	response, err := w.under.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	w.note(r, response.StatusCode)
	if response.Header.Get("Content-Type") == "text/event-stream" {
		return response, nil // it has no end; its events are held against their schemas one by one
	}
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	again := r.Clone(r.Context())
	again.Body = io.NopCloser(bytes.NewReader(sent))
	copied := *response
	copied.Body = io.NopCloser(bytes.NewReader(data))
	ok, faults := w.document.ValidateHttpResponse(again, &copied)
	if response.StatusCode < http.StatusBadRequest { // a refused request may be one that the document forbids
		again.Body = io.NopCloser(bytes.NewReader(sent))
		fits, more := w.document.ValidateHttpRequestSync(again)
		ok, faults = ok && fits, append(faults, more...)
	}
	if !ok {
		for _, f := range faults {
			w.report("%s %s answered %d %s: %s: %s", r.Method, r.URL.Path, response.StatusCode, response.Header.Get("Content-Type"), f.Message, f.Reason)
			for _, s := range f.SchemaValidationErrors {
				w.report("   %s %s", s.FieldPath, s.Reason)
			}
		}
		w.t.Logf("   sent %s\n   got %.2000s", sent, data)
	}
	response.Body = io.NopCloser(bytes.NewReader(data))
	return response, nil
}

// note files a call under its route.
func (w *witness) note(r *http.Request, status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, route := range w.routes {
		if matches(route, r.Method, r.URL.Path) {
			w.seen[route] = append(w.seen[route], status)
			return
		}
	}
	w.report("%s %s is no route of the server", r.Method, r.URL.Path)
}

// matches reports whether a call is one of a route. No two routes of one method fit the same path.
func matches(route, method, path string) bool {
	m, template, _ := strings.Cut(route, " ")
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	return m == method && slices.EqualFunc(want, got, func(t, p string) bool { return t == p || strings.HasPrefix(t, "{") && p != "" })
}

// walk is a shop's year in one test: a sandbox, a cashier, a manager, and the witness between them and the daemon.
type walk struct {
	*testing.T
	s            *sandbox
	sold         settle.Date  // a day of a month that is over, with a sale
	refuse       *atomic.Bool // the centre refuses the next sale
	signing      minisign.PrivateKey
	witness      *witness
	till, office *client.Client
	hands        *scriptedTill
}

func newWalk(t *testing.T) *walk {
	public, private, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	dir, sold := t.TempDir(), time.Now().AddDate(0, 0, -40)
	t.Run("a sale of a month that is over", func(t *testing.T) {
		s, _ := startSandboxWith(t, sandboxOptions{dir: dir, clock: func() time.Time { return sold }})
		till := counterTill(t, s)
		till.insert(t, "1")
		if err := till.accepted(t.Context(), till.mask(t, "WALK-0"), "accepted"); err != nil {
			t.Fatal(err)
		}
	})
	refuse := &atomic.Bool{}
	s, _ := startSandboxWith(t, sandboxOptions{dir: dir, trusted: []string{public.String()}, faults: func(infno string) centre.Fault {
		if infno == "2102" && refuse.CompareAndSwap(true, false) {
			return centre.Fault{Kind: centre.FaultCentreOnly}
		}
		return centre.Fault{}
	}})
	w := &walk{T: t, s: s, refuse: refuse, sold: settle.DateOf(sold), signing: private, witness: newWitness(t, s.daemon.URL()), hands: counterTill(t, s)}
	w.till = client.Over(w.witness, s.daemon.URL(), s.token)
	w.office = client.Over(w.witness, s.daemon.URL(), managerTokenOf(t, s))
	return w
}

func (w *walk) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// refused wants a refusal with a code; its document has been validated on the way.
func (w *walk) refused(err error, code settle.Code) {
	w.Helper()
	wantProblem(w.T, err, code)
}

// card exchanges the card in the reader and waits until the new one was read.
func (w *walk) card(id string) {
	w.Helper()
	before, err := w.hands.client.Reader(w.Context())
	w.must(err)
	w.must(w.s.Insert(id))
	wait(w.T, "card "+id, func() error {
		now, err := w.hands.client.Reader(w.Context())
		if err == nil && (now.Readers[0].Seq == before.Readers[0].Seq || now.Readers[0].State != "present") {
			err = errors.New(now.Readers[0].State)
		}
		return err
	})
}

var walkOperator = session.OperatorRequest{ID: "1001", Name: "李敏"}

// TestWholeAPIFitsItsDocument walks every route with real answers, good and bad, through the Go client, and holds each request
// and answer against the document that the daemon serves. That the document has every route of the server is TestDocument, in
// daemon/localapi.
func TestWholeAPIFitsItsDocument(t *testing.T) {
	w := newWalk(t)
	w.health()
	w.premium() // while there is money in the patient's account
	sold := w.sale()
	w.returns(sold)
	w.family()
	w.imports()
	w.records(sold)
	w.desk()
	w.errors()
	w.events()
	for _, route := range w.witness.routes {
		statuses := w.witness.seen[route]
		if !slices.ContainsFunc(statuses, func(s int) bool { return s < 300 }) {
			t.Errorf("%s was never answered well: %v", route, statuses)
		}
	}
}

func (w *walk) health() {
	ctx := w.Context()
	w.must(w.till.Alive(ctx))
	_, err := w.till.OpenAPI(ctx)
	w.must(err)
	if ready, err := w.till.Ready(ctx); err != nil || !ready.Ready {
		w.Fatalf("%+v, %v", ready, err)
	}
	guide, err := w.till.Guidance(ctx, "")
	w.must(err)
	if len(guide.Topics) == 0 {
		w.Fatal("no guidance")
	}
	_, err = w.till.Guidance(ctx, guide.Topics[0].Topic)
	w.must(err)
	_, err = w.till.Guidance(ctx, "weather")
	w.refused(err, settle.NotFound)
}

// sale quotes, settles, asks again and looks at everything that a till may know of it.
func (w *walk) sale() localapi.SettlementAnswer {
	ctx := w.Context()
	_, err := w.till.Reader(ctx)
	w.must(err)
	accounts, err := w.till.Accounts(ctx, "counter-1")
	w.must(err)
	if len(accounts.Accounts) == 0 {
		w.Fatal("no account behind the card")
	}
	_, err = w.till.Bindings(ctx, "counter-1")
	w.must(err)
	_, err = w.office.Bindings(ctx, "counter-1")
	w.must(err)
	bill := w.hands.bill("WALK-1")
	quote, err := w.till.Quote(ctx, bill)
	w.must(err)
	explained, err := w.till.QuoteExplained(ctx, bill)
	w.must(err)
	if explained.Digest != quote.Digest {
		w.Error("an explained quote is another quote")
	}
	sold, _, err := w.till.Settle(ctx, session.SettleRequest{SaleRequest: bill, QuoteDigest: quote.Digest})
	w.must(err)
	_, replayed, err := w.till.Settle(ctx, session.SettleRequest{SaleRequest: bill, QuoteDigest: quote.Digest})
	if w.must(err); !replayed {
		w.Error("the second answer is no replay")
	}
	w.must(w.hands.accepted(ctx, sold.SettlementID, "accepted"))
	_, err = w.till.Sale(ctx, sold.SaleID)
	w.must(err)
	_, err = w.till.Settlement(ctx, sold.SettlementID)
	w.must(err)
	_, err = w.office.Settlement(ctx, sold.SettlementID)
	w.must(err)
	_, err = w.till.Explanation(ctx, sold.SettlementID)
	w.must(err)
	_, err = w.till.Receipt(ctx, sold.SettlementID)
	w.must(err)
	w.slips(func(form client.SlipForm, to io.Writer) (client.File, error) {
		return w.till.PrintReceipt(ctx, sold.SettlementID, form, to)
	})
	return sold
}

// slips prints a slip in every form; each printing counts.
func (w *walk) slips(printer func(client.SlipForm, io.Writer) (client.File, error)) {
	w.Helper()
	for i, form := range []client.SlipForm{{Format: "text"}, {Format: "escpos", Columns: 48}, {Format: "pdf"}} {
		var paper bytes.Buffer
		file, err := printer(form, &paper)
		w.must(err)
		if file.Printed != i+1 || paper.Len() == 0 || file.ContentType == "" {
			w.Errorf("%s: %+v, %d bytes", form.Format, file, paper.Len())
		}
	}
}

func (w *walk) returns(sold localapi.SettlementAnswer) {
	ctx := w.Context()
	_, _, err := w.till.Refund(ctx, sold.SettlementID, session.RefundRequest{
		RefundID: "WALK-R1", Operator: walkOperator, Lines: []session.RefundLineRequest{{ID: "3", Quantity: "1"}}, Reason: "未拆封",
	})
	w.must(err)
	_, _, err = w.till.Refund(ctx, sold.SettlementID, session.RefundRequest{
		RefundID: "WALK-R2", Operator: walkOperator, Lines: []session.RefundLineRequest{{ID: "3", Quantity: "1"}},
	})
	w.refused(err, settle.RefundOver)
	w.must(w.hands.accepted(ctx, sold.SettlementID, "partly_refunded"))
	_, err = w.till.FindRefund(ctx, "WALK-R1")
	w.must(err)
	_, err = w.till.RefundReceipt(ctx, "WALK-R1")
	w.must(err)
	w.slips(func(form client.SlipForm, to io.Writer) (client.File, error) {
		return w.till.PrintRefundReceipt(ctx, "WALK-R1", form, to)
	})
	second := w.hands.mask(w.T, "WALK-2")
	_, _, err = w.till.Reverse(ctx, second, session.ReverseRequest{ReversalID: "WALK-V1", Operator: walkOperator, Reason: "录错"})
	w.must(err)
	_, _, err = w.till.Reverse(ctx, second, session.ReverseRequest{ReversalID: "WALK-V2", Operator: walkOperator})
	w.refused(err, settle.AlreadyReversed)
	_, err = w.till.FindReversal(ctx, "WALK-V1")
	w.must(err)
	_, err = w.till.ReversalReceipt(ctx, "WALK-V1")
	w.must(err)
	w.slips(func(form client.SlipForm, to io.Writer) (client.File, error) {
		return w.till.PrintReversalReceipt(ctx, "WALK-V1", form, to)
	})
}

// family binds a stranger's account for the patient, gives it another limit, and ends it; the centre confirms each.
func (w *walk) family() {
	ctx, family := w.Context(), w.s.family
	w.card("5")
	confirmed := func(id string) localapi.RequestAnswer {
		w.Helper()
		var found localapi.RequestAnswer
		wait(w.T, "the centre's word on "+id, func() (err error) {
			if found, err = w.till.Request(ctx, id); err == nil && found.State != "confirmed" {
				err = fmt.Errorf("state %s", found.State)
			}
			return err
		})
		return found
	}
	bind := session.BindRequest{
		RequestID: "WALK-B1", Terminal: "counter-1", Operator: walkOperator, Relation: "sibling", Rank: 3, Commitment: true,
		Beneficiary: session.RelativeRequest{IDNumber: family.Patient.IDNumber, Name: family.Patient.Name},
	}
	w.confirm(&bind.ConfirmRequest, func() (localapi.RequestAnswer, error) {
		answer, _, err := w.till.Bind(ctx, bind)
		return answer, err
	})
	confirmed("WALK-B1")
	var id string
	wait(w.T, "the binding", func() error {
		list, err := w.till.Bindings(ctx, "counter-1")
		if err == nil && len(list.Bindings) == 0 {
			return errors.New("none yet")
		}
		if err == nil {
			id = list.Bindings[0].BindingID
		}
		return err
	})
	change := session.ChangeBindingRequest{RequestID: "WALK-B2", Terminal: "counter-1", Operator: walkOperator, Limit: "500.00"}
	w.confirm(&change.ConfirmRequest, func() (localapi.RequestAnswer, error) {
		answer, _, err := w.till.ChangeBinding(ctx, id, change)
		return answer, err
	})
	confirmed("WALK-B2")
	end := session.EndBindingRequest{RequestID: "WALK-B3", Terminal: "counter-1", Operator: walkOperator, EndReason: "divorce"}
	w.confirm(&end.ConfirmRequest, func() (localapi.RequestAnswer, error) {
		answer, _, err := w.till.EndBinding(ctx, id, end)
		return answer, err
	})
	confirmed("WALK-B3")
}

// confirm takes both steps of what people confirm: the preview, and the same request with its digest.
func (w *walk) confirm(step *session.ConfirmRequest, ask func() (localapi.RequestAnswer, error)) {
	w.Helper()
	step.Preview = true
	preview, err := ask()
	w.must(err)
	step.Preview, step.ConfirmDigest = false, preview.ConfirmDigest
	_, err = ask()
	w.must(err)
}

// premium pays the child's contribution from the patient's account, and takes it back.
func (w *walk) premium() {
	ctx, family := w.Context(), w.s.family
	w.card("1")
	pay := session.PremiumRequest{
		PremiumID: "WALK-P1", Terminal: "counter-1", Operator: walkOperator, Year: time.Now().In(settle.Beijing).Year() + 1, Amount: "10.00",
		Beneficiary: session.RelativeRequest{IDNumber: family.Child.IDNumber, Name: family.Child.Name},
	}
	if _, _, err := w.till.PayPremium(ctx, pay); err != nil {
		w.Fatal(err)
	}
	_, err := w.till.Premium(ctx, "WALK-P1")
	w.must(err)
	_, err = w.till.PremiumReceipt(ctx, "WALK-P1")
	w.must(err)
	w.slips(func(form client.SlipForm, to io.Writer) (client.File, error) {
		return w.till.PrintPremiumReceipt(ctx, "WALK-P1", form, to)
	})
	undo := session.CancelPremiumRequest{CancelID: "WALK-PC1", Terminal: "counter-1", Operator: walkOperator, Reason: "重复"}
	undo.Preview = true
	preview, _, err := w.till.CancelPremium(ctx, "WALK-P1", undo)
	w.must(err)
	undo.Preview, undo.ConfirmDigest = false, preview.ConfirmDigest
	_, _, err = w.till.CancelPremium(ctx, "WALK-P1", undo)
	w.must(err)
	_, err = w.till.CancellationReceipt(ctx, "WALK-P1")
	w.must(err)
	w.slips(func(form client.SlipForm, to io.Writer) (client.File, error) {
		return w.till.PrintCancellationReceipt(ctx, "WALK-P1", form, to)
	})
}

// imports brings one new person by a signed file: looked at, applied, and not applied twice.
func (w *walk) imports() {
	ctx := w.Context()
	data, err := feed.EncodeSnapshot(settle.Snapshot{
		ID: "WALK-S1", CentreTime: time.Now().Add(-time.Minute),
		People: []settle.SnapshotPerson{{
			PsnNo: "43000000000000000091", IDNumber: "11010519491231002X", Name: "王芳", Insurance: settle.InsuranceEmployee,
			Status: settle.StatusNormal, Area: "430100",
		}},
	})
	w.must(err)
	file := localapi.ImportRequest{File: string(data), Signature: string(minisign.Sign(w.signing, data))}
	_, _, err = w.till.Import(ctx, file)
	w.refused(err, settle.Forbidden)
	preview, _, err := w.office.Import(ctx, file)
	w.must(err)
	file.Apply, file.Digest, file.Operator = true, preview.Digest, &walkOperator
	applied, _, err := w.office.Import(ctx, file)
	if w.must(err); applied.State != "applied" || applied.People.New != 1 {
		w.Errorf("%+v", applied)
	}
	if _, replayed, err := w.office.Import(ctx, file); err != nil || !replayed {
		w.Errorf("replayed %v, %v", replayed, err)
	}
	file.Signature = "no signature"
	_, _, err = w.office.Import(ctx, file)
	w.refused(err, settle.BadRequest)
}

func (w *walk) records(sold localapi.SettlementAnswer) {
	ctx := w.Context()
	today := settle.DateOf(time.Now()).String()
	found, err := w.till.Records(ctx, client.RecordQuery{})
	if w.must(err); len(found.Records) == 0 {
		w.Error("the till has no records")
	}
	page, err := w.office.Records(ctx, client.RecordQuery{Limit: 1, Reveal: true})
	if w.must(err); page.Cursor == "" || page.Records[0].Number == "" {
		w.Errorf("first page %+v", page)
	}
	_, err = w.office.Records(ctx, client.RecordQuery{Limit: 1, Cursor: page.Cursor})
	w.must(err)
	q := localapi.RecordFilters{From: today, To: today, Settlement: sold.SaleID, Terminal: "counter-1", Words: "缬沙坦"}
	one, err := w.office.Records(ctx, client.RecordQuery{RecordFilters: q})
	if w.must(err); len(one.Records) != 1 {
		w.Errorf("%d records", len(one.Records))
	}
	for _, by := range []string{"", "month", "area", "disease", "med_type", "source", "relation", "operator", "terminal", "class"} {
		_, err := w.office.Report(ctx, today, today, by)
		w.must(err)
	}
	_, err = w.office.Repeats(ctx, today, today, 2)
	w.must(err)
	for _, x := range []client.ExportQuery{
		{Format: "csv"}, {Format: "xlsx", Kind: "lines"}, {Format: "pdf"},
		{Format: "xlsx", Kind: "report", GroupBy: "source", RecordFilters: localapi.RecordFilters{From: today, To: today}},
		{Format: "csv", Kind: "statement", RecordFilters: localapi.RecordFilters{Person: w.s.family.Patient.IDNumber}},
	} {
		var content bytes.Buffer
		file, err := w.office.Export(ctx, x, &content)
		if w.must(err); content.Len() == 0 || !strings.HasSuffix(file.Name, "."+x.Format) {
			w.Errorf("%+v: %+v", x, file)
		}
	}
	w.card("1")
	_, err = w.till.Statement(ctx, client.StatementQuery{From: today, To: today, Terminal: "counter-1"})
	w.must(err)
	for _, format := range []string{"csv", "xlsx", "pdf"} {
		_, err := w.till.StatementFile(ctx, client.StatementQuery{}, format, io.Discard)
		w.must(err)
	}
	_, err = w.office.Records(ctx, client.RecordQuery{RecordFilters: localapi.RecordFilters{From: "yesterday", Person: "1", State: "lost"}})
	w.refused(err, settle.BadRequest)
}

// desk is the manager's: a sale that the centre refuses is decided on, days are reconciled and a month is closed.
func (w *walk) desk() {
	ctx := w.Context()
	today := settle.DateOf(time.Now())
	day, err := w.office.Reconcile(ctx, today.String())
	if w.must(err); len(day.Groups) == 0 {
		w.Errorf("no group on a day with sales: %+v", day)
	}
	month := w.sold.String()[:7]
	closing := localapi.CloseMonthRequest{Month: month, Operator: localapi.CloseMonthOperator{ID: "2001"}}
	_, err = w.office.CloseMonth(ctx, closing)
	w.refused(err, settle.MonthOpen)
	for d := w.sold; d.Month() == w.sold.Month(); d = d.AddDays(1) {
		_, err := w.office.Reconcile(ctx, d.String())
		w.must(err)
	}
	list, err := w.office.Reconciliations(ctx, month+"-01", today.String(), "")
	if w.must(err); len(list.Days) == 0 {
		w.Error("no days")
	}
	_, err = w.office.CloseMonth(ctx, closing)
	w.must(err)
	if data, name, err := w.office.Bundle(ctx, month); err != nil || len(data) == 0 || name == "" {
		w.Errorf("bundle %q, %v", name, err)
	}
	_, err = w.till.Attention(ctx)
	w.refused(err, settle.Forbidden)
	w.attention()
	w.line()
}

// line is the way upstream, what is known of people, and who looked at it.
func (w *walk) line() {
	ctx := w.Context()
	seen, err := w.till.Upstream(ctx)
	if w.must(err); seen.State != "online" || seen.Detail != nil {
		w.Errorf("the till sees %+v", seen)
	}
	if seen, err = w.office.Upstream(ctx); err != nil || seen.Detail == nil {
		w.Errorf("the office sees %+v, %v", seen, err)
	}
	w.refused(w.till.ReturnAllowances(ctx), settle.Forbidden)
	w.must(w.office.ReturnAllowances(ctx))
	_, err = w.till.History(ctx, client.HistoryQuery{Terminal: "counter-1"})
	w.must(err)
	_, err = w.office.History(ctx, client.HistoryQuery{Person: w.s.family.Patient.IDNumber})
	w.must(err)
	audit, err := w.office.Audit(ctx, settle.DateOf(time.Now()).String())
	if w.must(err); len(audit.Lines) == 0 {
		w.Error("nothing was remembered of a manager's day")
	}
	_, err = w.till.Audit(ctx, settle.DateOf(time.Now()).String())
	w.refused(err, settle.Forbidden)
}

// attention decides on a sale that the centre refuses. A centre that is silent holds nothing up and is no item.
func (w *walk) attention() {
	ctx := w.Context()
	w.must(w.s.SetCentre(false))
	held := w.hands.mask(w.T, "WALK-3")
	_, err := w.office.Reconcile(ctx, settle.DateOf(time.Now()).String())
	w.refused(err, settle.UpstreamSilent)
	w.must(w.s.SetCentre(true))
	w.must(w.hands.accepted(ctx, held, "accepted"))
	w.refuse.Store(true)
	refused := w.hands.mask(w.T, "WALK-4")
	wait(w.T, "the refusal", func() error {
		now, err := w.till.Settlement(ctx, refused)
		if err == nil && now.Report != string(settle.ReportRefused) {
			err = fmt.Errorf("report %s", now.Report)
		}
		return err
	})
	list, err := w.office.Attention(ctx)
	if w.must(err); len(list.Items) == 0 {
		w.Fatal("a refused sale is not on the work list")
	}
	for _, item := range list.Items {
		r := session.CloseAttentionRequest{Operator: session.OperatorRequest{ID: "2001"}, Note: "已核对"}
		if len(item.Decisions) > 0 {
			r.Decision = item.Decisions[0].Decision
		}
		_, err := w.office.CloseAttention(ctx, item.ID, r)
		w.must(err)
	}
	_, err = w.office.CloseAttention(ctx, 999999, session.CloseAttentionRequest{Operator: session.OperatorRequest{ID: "2001"}, Note: "无"})
	w.refused(err, settle.NotFound)
}

// errors are the refusals that a till meets most.
func (w *walk) errors() {
	ctx := w.Context()
	bill := w.hands.bill("WALK-E1")
	w.card("5")
	_, _, err := w.till.Settle(ctx, session.SettleRequest{SaleRequest: bill})
	w.refused(err, settle.PersonCardMismatch)
	w.card("1")
	other := w.hands.bill("WALK-1")
	other.Lines = other.Lines[:1]
	_, _, err = w.till.Settle(ctx, session.SettleRequest{SaleRequest: other})
	w.refused(err, settle.IdempotencyConflict)
	_, _, err = w.till.Settle(ctx, session.SettleRequest{SaleRequest: w.hands.bill("WALK-E2")})
	w.refused(err, settle.RuleRefused) // the trace codes of WALK-1, sold already
	fresh := w.hands.bill("WALK-E3")
	fresh.Lines = fresh.Lines[2:3]
	_, _, err = w.till.Settle(ctx, session.SettleRequest{SaleRequest: fresh, QuoteDigest: strings.Repeat("0", 64)})
	w.refused(err, settle.QuoteChanged)
	fresh.Lines[0].Total, fresh.MedType = "1.5", ""
	_, err = w.till.Quote(ctx, fresh)
	w.refused(err, settle.BadRequest)
	_, err = w.till.Sale(ctx, "NEVER")
	w.refused(err, settle.NotFound)
	_, err = client.Over(w.witness, w.s.daemon.URL(), "gj_nobody").Reader(ctx)
	w.refused(err, settle.Unauthenticated)
	w.must(w.s.Remove())
	wait(w.T, "the card to leave", func() error {
		now, err := w.till.Reader(ctx)
		if err == nil && now.Readers[0].State != "absent" {
			err = errors.New(now.Readers[0].State)
		}
		return err
	})
	_, err = w.till.Accounts(ctx, "counter-1")
	w.refused(err, settle.CardAbsent)
}

// events reads the stream's first words and what a card does to it; each event has one of the documented forms, exactly.
func (w *walk) events() {
	stream, err := w.till.Events(w.Context())
	w.must(err)
	forms := map[string]func() any{
		"state": func() any { return &localapi.StateEvent{} }, "settlement": func() any { return &localapi.SettlementEvent{} },
		"upstream": func() any { return &localapi.UpstreamEvent{} },
	}
	w.must(w.s.Insert("1"))
	for seen := map[string]bool{}; !seen["state"] || !seen["card_inserted"]; {
		event := <-stream
		form := forms[event.Name]
		if form == nil {
			form = func() any { return &localapi.ReaderEvent{} }
		}
		decoder := json.NewDecoder(bytes.NewReader(event.Data))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(form()); err != nil {
			w.Fatalf("%s: %v in %s", event.Name, err, event.Data)
		}
		seen[event.Name] = true
	}
}

// TestWitnessSeesWhatDoesNotFit: answers that are nearly right are reported, so that the walk's silence means something.
func TestWitnessSeesWhatDoesNotFit(t *testing.T) {
	s, _ := startSandbox(t)
	w := newWitness(t, s.daemon.URL())
	complaints := 0
	w.report = func(string, ...any) { complaints++ }
	for body, fits := range map[string]bool{
		`{"alive": true}`: true, `{"alive": "true"}`: false, `{}`: false, `{"alive": true, "since": 1}`: false,
	} {
		w.under, complaints = answering(body), 0
		_ = client.Over(w, s.daemon.URL(), s.token).Alive(t.Context())
		if fits != (complaints == 0) {
			t.Errorf("%s: %d complaints", body, complaints)
		}
	}
}

// answering is a server that says the same to everything.
type answering string

func (a answering) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(string(a))), Request: r,
	}, nil
}
