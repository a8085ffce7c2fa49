package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gongji/cardreader/virtual"
	"gongji/daemon/localapi"
	"gongji/daemon/localapi/client"
	"gongji/daemon/session"
	"gongji/settle"
	"gongji/sync/centre"
)

// voucherCounter is a whole demo, spoken to over plain HTTP, with every answer kept and the clock under the test's hands.
type voucherCounter struct {
	*sandbox
	t     *testing.T
	ahead atomic.Int64 // nanoseconds added to the PC's clock
	log   *lockedLog
	wire  bytes.Buffer
	codes []string
	end   func()
}

func newVoucherCounter(t *testing.T) *voucherCounter {
	t.Helper()
	return newVoucherCounterWith(t, func(*sandboxOptions) {})
}

func newVoucherCounterWith(t *testing.T, change func(*sandboxOptions)) *voucherCounter {
	t.Helper()
	x := &voucherCounter{t: t, log: &lockedLog{}}
	var err error
	options := sandboxOptions{
		dir: t.TempDir(), listen: "127.0.0.1:0", region: "430100", clock: x.now,
		log: slog.New(slog.NewJSONHandler(x.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	change(&options)
	x.sandbox, err = newSandbox(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- x.run(ctx) }()
	x.end = sync.OnceFunc(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the daemon ended with %v", err)
		}
	})
	t.Cleanup(x.end)
	x.wait("three readers", func() bool {
		up := len(x.readers()) == 3
		for _, r := range x.readers() {
			up = up && r.State == "absent"
		}
		return up
	})
	return x
}

func (x *voucherCounter) now() time.Time { return time.Now().Add(time.Duration(x.ahead.Load())) }

func (x *voucherCounter) wait(what string, condition func() bool) {
	x.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			x.t.Fatalf("never: %s", what)
		}
	}
}

// do sends a request and reads its answer; the status is 0 for good ones with a body that fits.
func (x *voucherCounter) do(method, path string, body, answer any) *client.Problem {
	x.t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		x.t.Fatal(err)
	}
	request, err := http.NewRequest(method, x.daemon.URL()+path, bytes.NewReader(data))
	if err != nil {
		x.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+x.token)
	request.Header.Set("Content-Type", "application/json")
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		x.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.TeeReader(response.Body, &x.wire))
	if err != nil {
		x.t.Fatal(err)
	}
	if response.StatusCode >= 300 {
		var p client.Problem
		if err := json.Unmarshal(text, &p); err != nil {
			x.t.Fatalf("%d %s", response.StatusCode, text)
		}
		return &p
	}
	if err := json.Unmarshal(text, answer); err != nil {
		x.t.Fatal(err)
	}
	return nil
}

func (x *voucherCounter) readers() []localapi.ReaderAnswer {
	var answer localapi.ReadersAnswer
	if p := x.do("GET", "/v1/reader", nil, &answer); p != nil {
		x.t.Fatal(p.Code)
	}
	return answer.Readers
}

func (x *voucherCounter) reader(role string) localapi.ReaderAnswer {
	for _, r := range x.readers() {
		if r.Role == role {
			return r
		}
	}
	return localapi.ReaderAnswer{}
}

// scan shows a code to the scanner and waits until it is there.
func (x *voucherCounter) scan(code string) {
	x.t.Helper()
	x.codes = append(x.codes, code)
	before := x.reader("scanner").Seq
	x.gun.Insert(virtual.Code{Text: code})
	x.wait("the scan", func() bool { r := x.reader("scanner"); return r.Seq > before && r.State == "present" })
}

// mask is a purchase of masks for the patient.
func (x *voucherCounter) mask(id, quantity, total string) session.SettleRequest {
	patient := x.family.Patient
	return session.SettleRequest{SaleRequest: session.SaleRequest{
		SaleID: id, Terminal: "counter-1", Operator: session.OperatorRequest{ID: "1001"}, MedType: "41",
		Patient: session.PatientRequest{IDNumber: patient.IDNumber, Name: patient.Name},
		Lines: []session.LineRequest{{
			ID: "1", Code: "C14010200002", Name: "医用口罩", Class: "consumable", Quantity: quantity, UnitPrice: "9.90", Total: total,
		}},
	}}
}

func (x *voucherCounter) settle(request session.SettleRequest) (answer localapi.SettlementAnswer, refused *client.Problem) {
	x.t.Helper()
	refused = x.do("POST", "/v1/settlements", request, &answer)
	return answer, refused
}

func (x *voucherCounter) wantRefused(p *client.Problem, code settle.Code) {
	x.t.Helper()
	if p == nil || p.Code != code {
		x.t.Fatalf("got %+v, want %s", p, code)
	}
}

// accepted waits until the centre has booked it, under the person's number, since the code is spent.
func (x *voucherCounter) accepted(id string) {
	x.t.Helper()
	x.wait("the centre's acceptance", func() bool {
		var now localapi.SettlementAnswer
		p := x.do("GET", "/v1/settlements/"+id, nil, &now)
		return p == nil && now.Report == string(settle.ReportAccepted)
	})
}

// TestConsoleTakesAVoucher: a patient without a card, in a real browser. The quote uses the code, the settlement stands on it.
func TestConsoleTakesAVoucher(t *testing.T) {
	s, _ := startSandbox(t)
	p := openConsole(t, s)
	p.sees("#card .card-title", "请插入患者本人的社保卡")
	p.click("#sample")
	p.click("#demo-" + demoVoucher)
	p.sees("#card .card-title", "已扫医保码")
	p.sees(".parts", "本人账户", "¥ 38.60")
	p.sees("#settle:enabled")
	p.shot("voucher")
	p.click("#settle")
	p.sees(".done-title", "结算成功")
	p.sees("#report", "中心已入账")
	p.click("#new-bill")
	p.click("#demo-" + demoDocument)
	p.sees("#card .card-title", "周**", "身份证")
	if err := s.Remove(); err != nil {
		t.Fatal(err)
	}
	p.sees("#card .card-title", "请插入患者本人的社保卡") // the code stood for its own bill only
}

// TestVoucherOverHTTP is a day with 医保码 and identity cards: daemon, ledger, centre, lines and HTTP are real.
func TestVoucherOverHTTP(t *testing.T) {
	x := newVoucherCounter(t)
	family := x.family
	events, err := client.New(x.daemon.URL(), x.token).Events(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	inserted, seen := make(chan client.Event, 64), &lockedLog{}
	go func() {
		for e := range events {
			seen.Write(e.Data) //nolint:errcheck // never fails
			if strings.Contains(e.Name, "card_inserted") {
				inserted <- e
			}
		}
		close(inserted)
	}()

	code := centre.Evoucher(family.Patient.PsnNo, x.now())
	x.scan(code)
	if r := x.reader("scanner"); r.Card == nil || r.Card.Kind != "evoucher" || r.Card.Number+r.Card.Holder != "" {
		t.Errorf("the scanner shows %+v", r.Card)
	}
	select {
	case e := <-inserted:
		if !strings.Contains(string(e.Data), `"evoucher"`) || strings.Contains(string(e.Data), code[3:20]) {
			t.Errorf("event %s", e.Data)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("no event of the scan")
	}
	var quote localapi.QuoteAnswer
	if p := x.do("POST", "/v1/quotes", x.mask("E1", "1", "9.90").SaleRequest, &quote); p != nil {
		t.Fatalf("%+v", p)
	}
	changed := x.mask("E1", "10", "99.00") // more masks within the minute: no new scan
	sold, refused := x.settle(changed)
	if refused != nil {
		t.Fatalf("%+v", refused)
	}
	if sold.OwnPaid != "38.60" || sold.SharedPaid != "60.40" || sold.CashDue != "0.00" {
		t.Errorf("split %+v", sold.SplitAnswer)
	}
	x.accepted(sold.SettlementID)

	_, refused = x.settle(x.mask("E2", "1", "9.90"))
	x.wantRefused(refused, settle.CardAbsent)
	x.scan(code) // a screenshot of the same code
	_, refused = x.settle(x.mask("E2", "1", "9.90"))
	x.wantRefused(refused, settle.PersonUnknown)
	for _, text := range []string{"EVOUCHER-USED", "不认这个医保码"} { // the centre's words, and what the cashier does about it
		if !strings.Contains(x.wire.String(), text) {
			t.Errorf("no answer says %q", text)
		}
	}

	x.scan(centre.Evoucher(family.Patient.PsnNo, x.now().Add(2*time.Second)))
	x.ahead.Add(int64(time.Minute)) // older than a minute
	_, refused = x.settle(x.mask("E2", "1", "9.90"))
	x.wantRefused(refused, settle.CardAbsent)

	if err := x.Insert("5"); err != nil { // a stranger's card
		t.Fatal(err)
	}
	x.wait("the stranger's card", func() bool { return x.reader("card").State == "present" })
	x.scan(centre.Evoucher(family.Patient.PsnNo, x.now()))
	anybody := x.mask("E3", "1", "9.90")
	anybody.Patient = session.PatientRequest{}
	_, refused = x.settle(anybody)
	x.wantRefused(refused, settle.PersonCardMismatch)
	if err := x.Remove(); err != nil {
		t.Fatal(err)
	}
	x.wait("the card is out", func() bool { return x.reader("card").State == "absent" })

	x.identityCards()
	x.offline()
	x.metrics()
	x.end()
	x.wire.WriteString(seen.String())
	x.nothingLeaks(4)
}

func (x *voucherCounter) identityCards() {
	x.t.Helper()
	if err := x.Insert(demoDocument); err != nil {
		x.t.Fatal(err)
	}
	x.wait("the identity card", func() bool { return x.reader("id").State == "present" })
	if r := x.reader("id"); r.Card.Kind != "id" || r.Card.Holder != "周**" {
		x.t.Errorf("the ID reader shows %+v", r.Card)
	}
	sold, refused := x.settle(x.mask("I1", "1", "9.90"))
	if refused != nil {
		x.t.Fatalf("%+v", refused)
	}
	x.accepted(sold.SettlementID)
	wrong := x.mask("I2", "1", "9.90")
	wrong.Patient = session.PatientRequest{IDNumber: x.family.Spouse.IDNumber, Name: x.family.Spouse.Name}
	_, refused = x.settle(wrong)
	x.wantRefused(refused, settle.PersonCardMismatch)
	if err := x.Remove(); err != nil {
		x.t.Fatal(err)
	}
	x.wait("the identity card is away", func() bool { return x.reader("id").State == "absent" })
}

func (x *voucherCounter) offline() {
	x.t.Helper()
	if err := x.SetCentre(false); err != nil {
		x.t.Fatal(err)
	}
	x.scan(centre.Evoucher(x.family.Patient.PsnNo, x.now().Add(3*time.Second)))
	_, refused := x.settle(x.mask("O1", "1", "9.90"))
	x.wantRefused(refused, settle.UpstreamSilent)
}

// metrics adds what a scrape shows to the captured answers.
func (x *voucherCounter) metrics() {
	x.t.Helper()
	request, err := http.NewRequestWithContext(x.t.Context(), http.MethodGet, x.daemon.MetricsURL(), nil)
	if err != nil {
		x.t.Fatal(err)
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		x.t.Fatal(err)
	}
	defer response.Body.Close()
	if n, err := io.Copy(&x.wire, response.Body); err != nil || n == 0 {
		x.t.Fatalf("%d bytes of metrics, %v", n, err)
	}
}

// nothingLeaks looks for every code that was scanned, some at least, in all answers, events, metrics, the log and every file.
func (x *voucherCounter) nothingLeaks(some int) {
	x.t.Helper()
	places := map[string][]byte{"answers": x.wire.Bytes(), "log": []byte(x.log.String())}
	err := filepath.WalkDir(x.dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && !d.Type().IsRegular() {
			return nil
		}
		if err == nil {
			places[path], err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		x.t.Fatal(err)
	}
	if len(places) < 4 || len(places["answers"]) == 0 || len(places["log"]) == 0 || len(x.codes) < some {
		x.t.Fatalf("nothing was captured: %d places, %d codes", len(places), len(x.codes))
	}
	for place, data := range places {
		for _, code := range x.codes {
			if bytes.Contains(data, []byte(code[3:22])) {
				x.t.Errorf("%s holds a code", place)
			}
		}
	}
}
