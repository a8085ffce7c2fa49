package console

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gongji/settle"
)

const testToken = "test-token-of-counter-1"

// till is a daemon's API as the contract describes it, small enough to be read: one reader, one family, real HTTP with
// tokens, events and problems. It stands where the page's tests need faults that a real daemon does not make to order.
type till struct {
	mu       sync.Mutex
	card     *card // in the reader
	state    string
	seq      int
	offline  bool
	warnings []map[string]any
	booked   map[string]*booking // by sale_id
	refunds  map[string]json.RawMessage
	streams  map[chan string]struct{}
	revision int // part of the quote's digest

	refuse func(path string) *settle.Error // asked before every POST
	second bool                            // there is another till, counter-2, without a card
	lose   bool                            // book the next settlement and hang up
	hold   chan struct{}                   // settling waits until it is closed
	asked  []string                        // method and path of every call, as they came

	server *http.Server
	addr   string
}

type card struct{ Kind, Holder, Number string }

type booking struct {
	body   string
	answer map[string]any
}

var cardsAtHand = map[string]*card{
	"wang":     {"social", "王*", "X00****19"},
	"chen":     {"social", "陈*", "X00****27"},
	"stranger": {"social", "赵*", "X00****88"},
}

func newTill(t *testing.T) *till {
	f := &till{state: "absent", booked: map[string]*booking{}, refunds: map[string]json.RawMessage{}, streams: map[chan string]struct{}{}}
	f.start(t, "127.0.0.1:0")
	t.Cleanup(f.stop)
	return f
}

func (f *till) start(t *testing.T, addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	f.addr = listener.Addr().String()
	mux := http.NewServeMux()
	mux.Handle("/console/", Handler(Options{Demo: f, Version: "test"}))
	mux.HandleFunc("GET /readyz", f.readyz)
	mux.HandleFunc("GET /v1/reader", f.reader)
	mux.HandleFunc("GET /v1/events", f.events)
	mux.HandleFunc("POST /v1/quotes", f.quote)
	mux.HandleFunc("POST /v1/settlements", f.settle)
	mux.HandleFunc("GET /v1/sales/{id}", f.sale)
	mux.HandleFunc("GET /v1/settlements/{id}", f.sale)
	mux.HandleFunc("POST /v1/settlements/{id}/refunds", f.refund)
	f.server = &http.Server{Handler: f.guard(mux)}
	go func() { _ = f.server.Serve(listener) }()
}

// stop cuts every connection, as a daemon that is killed does.
func (f *till) stop() { _ = f.server.Close() }

func (f *till) url() string { return "http://" + f.addr + "/console/" }

// guard is strict where a browser could go wrong: own Host and Origin only, no Referer, a token on all but the open paths.
func (f *till) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.asked = append(f.asked, r.Method+" "+r.URL.Path)
		f.mu.Unlock()
		origin := r.Header.Get("Origin")
		switch {
		case r.Host != f.addr:
			refuse(w, settle.NewError(settle.BadHost, nil))
		case origin != "" && origin != "http://"+f.addr || r.Header.Get("Referer") != "":
			refuse(w, settle.NewError(settle.BadOrigin, nil))
		case !Open(r.URL.Path) && r.URL.Path != "/readyz" && r.Header.Get("Authorization") != "Bearer "+testToken:
			refuse(w, settle.NewError(settle.Unauthenticated, nil))
		case r.Method == http.MethodPost && r.Header.Get("Content-Type") != "application/json":
			refuse(w, settle.NewError(settle.UnsupportedMedia, nil))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// problemOf writes a refusal the way the API does, further members beside the fixed ones.
func problemOf(w http.ResponseWriter, err *settle.Error) {
	sentence := settle.SentenceOf(err)
	body := map[string]any{"type": "urn:gongji:error:" + string(err.Code), "title": http.StatusText(sentence.Status), "status": sentence.Status,
		"detail": sentence.English, "code": err.Code, "message": sentence.Message, "hint": sentence.Hint, "retryable": sentence.Retryable, "request_id": "req-1"}
	if err.Reason != "" {
		body["reason"] = err.Reason
	}
	for name, value := range err.Members {
		body[name] = value
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(sentence.Status)
	_ = json.NewEncoder(w).Encode(body)
}

func (f *till) readyz(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	answer(w, 200, map[string]any{"ready": true, "warnings": f.warnings})
}

// readers is the answer of GET /v1/reader. The lock is held.
func (f *till) readers() map[string]any {
	r := map[string]any{"name": "counter-1", "terminal": "counter-1", "kind": "gempc", "role": "card", "state": f.state, "seq": f.seq}
	if f.card != nil && f.state == "present" {
		r["card"] = map[string]any{"kind": f.card.Kind, "holder": f.card.Holder, "number": f.card.Number}
	}
	if f.second {
		other := map[string]any{"name": "counter-2", "terminal": "counter-2", "kind": "gempc", "role": "card", "state": "absent", "seq": 1}
		return map[string]any{"readers": []any{r, other}}
	}
	return map[string]any{"readers": []any{r}}
}

func (f *till) reader(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	answer(w, 200, f.readers())
}

func (f *till) events(w http.ResponseWriter, r *http.Request) {
	stream := make(chan string, 64)
	f.mu.Lock()
	f.streams[stream] = struct{}{}
	first, _ := json.Marshal(map[string]any{"readers": f.readers()["readers"], "offline": f.offline})
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(f.streams, stream)
		f.mu.Unlock()
	}()
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = fmt.Fprintf(w, ": hello\n\nevent: state\ndata: %s\n\n", first)
	w.(http.Flusher).Flush()
	for {
		select {
		case event := <-stream:
			_, _ = fmt.Fprint(w, event)
			w.(http.Flusher).Flush()
		case <-r.Context().Done():
			return
		}
	}
}

// tell sends an event to every page. The lock is held.
func (f *till) tell(name string, data any) {
	text, _ := json.Marshal(data)
	for stream := range f.streams {
		stream <- fmt.Sprintf("event: %s\ndata: %s\n\n", name, text)
	}
}

// Cards, Insert and the rest are the demo's controls, and the hands of the tests.
func (f *till) Cards() []DemoCard {
	return []DemoCard{{ID: "wang", Label: "王芳（患者）"}, {ID: "chen", Label: "陈晨（女儿）"}, {ID: "stranger", Label: "赵强（外人）"}}
}

func (f *till) Insert(id string) error {
	found, known := cardsAtHand[id]
	if !known {
		return ErrNoSuchCard
	}
	f.turn("present", found, "card_inserted")
	return nil
}

func (f *till) Remove() error { f.turn("absent", nil, "card_removed"); return nil }
func (f *till) Unplug() error { f.turn("down", nil, "reader_fault"); return nil }
func (f *till) Replug() error { f.turn("absent", nil, "reader_ready"); return nil }

func (f *till) SetCentre(up bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.offline = !up
	f.warnings = nil
	if !up {
		f.warnings = []map[string]any{{"code": "CENTRE_OFFLINE", "severity": "warning", "title": "医保中心没有应答，正在脱机结算",
			"text": "在脱机限额内照常结算，恢复联网后自动上报。", "cause": "专线或网关中断。", "remedy": "检查专线和路由器。"}}
	}
	f.tell("upstream", map[string]any{"offline": f.offline, "unsent": 0, "unknown": 0})
	return nil
}

func (f *till) turn(state string, c *card, event string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state, f.card = state, c
	f.seq++
	f.tell(event, map[string]any{"reader": f.readers()["readers"].([]any)[0]})
}

var _ DemoControls = (*till)(nil)

// saleBody is what the page must send; unknown members are refused, as the API does.
type saleBody struct {
	SaleID   string `json:"sale_id"`
	Terminal string `json:"terminal"`
	Operator struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"operator"`
	MedType string `json:"med_type"`
	Patient struct {
		IDNumber string `json:"id_number"`
		Name     string `json:"name"`
	} `json:"patient"`
	Lines []struct {
		ID         string            `json:"id"`
		Code       string            `json:"code"`
		ShopCode   string            `json:"shop_code"`
		Name       string            `json:"name"`
		Class      string            `json:"class"`
		Quantity   string            `json:"quantity"`
		UnitPrice  string            `json:"unit_price"`
		Total      settle.Fen        `json:"total"`
		Split      map[string]string `json:"split"`
		TraceCodes []string          `json:"trace_codes"`
	} `json:"lines"`
	UseAccounts bool   `json:"use_accounts"`
	AskShared   bool   `json:"ask_shared"`
	PersonCheck string `json:"person_check"`
	QuoteDigest string `json:"quote_digest"`
}

// readSale reads a bill and checks what the API checks of it.
func readSale(r *http.Request) (saleBody, string, *settle.Error) {
	var body saleBody
	var raw json.RawMessage
	if err := json.NewDecoder(r.Body).Decode(&raw); err != nil {
		return body, "", settle.NewError(settle.BadRequest, err)
	}
	decoder := json.NewDecoder(strings.NewReader(string(raw)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&body); err != nil {
		return body, "", settle.NewError(settle.BadRequest, err)
	}
	if body.SaleID == "" || body.Terminal != "counter-1" || body.Operator.ID == "" || body.MedType == "" || len(body.Lines) == 0 {
		return body, "", settle.NewError(settle.BadRequest, nil)
	}
	for _, line := range body.Lines {
		q, err1 := settle.ParseQuantity(line.Quantity)
		p, err2 := settle.ParsePrice(line.UnitPrice)
		if err1 != nil || err2 != nil || settle.LineTotal(q, p) != line.Total || line.Code == "" || line.ID == "" {
			return body, "", settle.NewError(settle.BadRequest, nil)
		}
		var sum settle.Fen
		for _, part := range line.Split {
			fen, err := settle.ParseFen(part)
			if err != nil {
				return body, "", settle.NewError(settle.BadRequest, nil)
			}
			sum += fen
		}
		if line.Split != nil && sum != line.Total {
			return body, "", settle.NewError(settle.BadRequest, nil)
		}
	}
	return body, string(raw), nil
}

// The family's money, in fen.
const (
	ownMoney      = 30_00
	daughterMoney = 45_00
	spouseMoney   = 500_00
)

// split shares a bill: the fund's part, then the own account, the daughter, the spouse where asked for, and cash.
func (f *till) split(body saleBody) map[string]any {
	var total, fund, barred settle.Fen
	for _, line := range body.Lines {
		total += line.Total
		if part, ok := line.Split["fund"]; ok {
			amount, _ := settle.ParseFen(part)
			fund += amount
		}
		if line.Class == "health_food" {
			barred += line.Total
		}
	}
	left := total - fund - barred
	pay := func(most settle.Fen) settle.Fen {
		paid := min(most, left)
		left -= paid
		return paid
	}
	postings := []any{}
	own, shared := settle.Fen(0), settle.Fen(0)
	if body.UseAccounts {
		if own = pay(ownMoney); own > 0 {
			postings = append(postings, map[string]any{"source": "own", "holder": "王*", "pot": "balance", "amount": own, "own_balance_after": ownMoney - own, "why": "本人个人账户支付。"})
		}
	}
	skipped := []any{map[string]any{"holder": "周*", "relation": "child", "giver_ref": "g3", "reason": "K_GIVER_STATUS", "message": "共济人账户状态不正常。"}}
	for _, giver := range []struct {
		holder, relation string
		money            settle.Fen
	}{{"陈*", "parent", daughterMoney}, {"陈**", "spouse", spouseMoney}} {
		party := map[string]any{"holder": giver.holder, "relation": giver.relation, "giver_ref": giver.relation}
		if !body.AskShared {
			party["reason"], party["message"] = "K_NOT_ASKED", "患者没有要求使用共济账户。"
			skipped = append(skipped, party)
			continue
		}
		if paid := pay(giver.money); paid > 0 {
			shared += paid
			party["source"], party["pot"], party["amount"], party["why"] = "shared", "balance", paid, "家庭共济：由"+settle.Relation(giver.relation).GiverTitle()+"的个人账户支付。"
			postings = append(postings, party)
		}
	}
	cash := left + barred
	return map[string]any{"total": total, "fund_paid": fund, "self_paid": total - fund, "own_paid": own, "shared_paid": shared, "cash_due": cash,
		"postings": postings, "skipped": skipped, "policy": map[string]string{"id": "430100", "version": "1"}, "ledger_age_s": 12, "offline": f.offline, "at_risk": settle.Fen(0),
		"digest": fmt.Sprintf("d-%d-%d-%v-%v", f.revision, total, body.UseAccounts, body.AskShared)}
}

// check is what stands before quote and settlement: an ordered refusal, then the card. The lock is held.
func (f *till) check(r *http.Request) *settle.Error {
	if f.refuse != nil {
		if err := f.refuse(r.URL.Path); err != nil {
			return err
		}
	}
	if f.card == nil {
		return settle.NewError(settle.CardAbsent, nil)
	}
	if f.card == cardsAtHand["stranger"] {
		return settle.NewError(settle.PersonUnknown, nil)
	}
	return nil
}

func (f *till) quote(w http.ResponseWriter, r *http.Request) {
	body, _, bad := readSale(r)
	f.mu.Lock()
	defer f.mu.Unlock()
	if bad == nil {
		bad = f.check(r)
	}
	if bad == nil && body.Patient.Name != "" && body.Patient.Name != "王芳" {
		bad = settle.NewError(settle.PersonCardMismatch, nil)
	}
	if bad != nil {
		problemOf(w, bad)
		return
	}
	answer(w, 200, f.split(body))
}

func (f *till) settle(w http.ResponseWriter, r *http.Request) {
	body, raw, bad := readSale(r)
	f.mu.Lock()
	hold := f.hold
	f.mu.Unlock()
	if hold != nil {
		<-hold
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if earlier := f.booked[body.SaleID]; earlier != nil {
		if earlier.body != raw {
			problemOf(w, settle.NewError(settle.IdempotencyConflict, nil))
			return
		}
		answer(w, 200, earlier.answer)
		return
	}
	if bad == nil {
		bad = f.check(r)
	}
	if bad != nil {
		problemOf(w, bad)
		return
	}
	split := f.split(body)
	if body.QuoteDigest != split["digest"] {
		problemOf(w, settle.NewError(settle.QuoteChanged, nil).With("quote", split))
		return
	}
	split["settlement_id"], split["sale_id"], split["state"], split["report"] = fmt.Sprintf("st-%d", len(f.booked)+1), body.SaleID, "settled", "pending"
	split["holder"], split["receipt_no"] = "王*", "P43010000001-20261122-000007"
	f.booked[body.SaleID] = &booking{raw, split}
	f.tell("settlement", map[string]any{"settlement_id": split["settlement_id"]})
	if f.lose {
		f.lose = false
		w.WriteHeader(201)
		_, _ = w.Write([]byte(`{"settlement_id": `))
		w.(http.Flusher).Flush() // a browser asks again by itself where nothing at all came back
		panic(http.ErrAbortHandler)
	}
	answer(w, 201, split)
}

// sale finds a settlement by either id.
func (f *till) sale(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for saleID, b := range f.booked {
		if saleID == r.PathValue("id") || b.answer["settlement_id"] == r.PathValue("id") {
			answer(w, 200, b.answer)
			return
		}
	}
	problemOf(w, settle.NewError(settle.NotFound, nil))
}

// accept lets the centre answer every report.
func (f *till) accept() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, b := range f.booked {
		b.answer["state"], b.answer["report"] = "accepted", "accepted"
		f.tell("settlement", map[string]any{"settlement_id": b.answer["settlement_id"]})
	}
}

func (f *till) refund(w http.ResponseWriter, r *http.Request) {
	var body struct {
		RefundID string `json:"refund_id"`
		Terminal string `json:"terminal"`
		Operator struct {
			ID   string `json:"id"`
			Name string `json:"name"`
		} `json:"operator"`
		Lines []struct {
			ID         string   `json:"id"`
			Quantity   string   `json:"quantity"`
			TraceCodes []string `json:"trace_codes,omitempty"`
		} `json:"lines"`
		Reason string `json:"reason"`
	}
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&body); err != nil || body.RefundID == "" || len(body.Lines) != 1 {
		problemOf(w, settle.NewError(settle.BadRequest, err))
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if bad := f.check(r); bad != nil {
		problemOf(w, bad)
		return
	}
	for _, b := range f.booked {
		if b.answer["settlement_id"] == r.PathValue("id") {
			b.answer["state"] = "partly_refunded"
		}
	}
	body.Lines[0].TraceCodes = nil
	answer(w, 201, map[string]any{"refund_id": body.RefundID, "settlement_id": r.PathValue("id"), "lines": body.Lines, "total": "12.50", "fund_back": "8.75", "own_back": "0.00",
		"shared_back": "3.75", "cash_back": "0.00", "postings": []any{}, "state": "partly_refunded", "report": "pending", "receipt_no": "P43010000001-20261122-000008"})
}

// calls counts what came to a path.
func (f *till) calls(call string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.asked {
		if c == call {
			n++
		}
	}
	return n
}

// settled are the sale ids that were booked, sorted.
func (f *till) settled() (ids []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id := range f.booked {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// set changes the till under its lock.
func (f *till) set(alter func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	alter()
}

// waitFor polls a condition until it holds.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
		time.Sleep(20 * time.Millisecond) // between two looks
	}
}
