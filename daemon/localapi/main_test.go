package localapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"gongji/cardreader"
	"gongji/daemon/localapi"
	"gongji/daemon/localapi/client"
	"gongji/daemon/session"
	. "gongji/daemon/session/sessiontest"
	"gongji/settle"
	"gongji/settle/ledger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a served API over a real session and a real ledger, with reader, centre, clock and health under the test's hands.
type rig struct {
	t      testing.TB
	dir    string
	clock  *Clock
	ledger *ledger.Ledger
	reader *Reader
	centre *Centre
	health *health
	tokens *localapi.TokenStore
	server *localapi.Server
	reg    *prometheus.Registry
	logs   *capture
	wire   *capture // every answer

	options localapi.Options
	cashier string // token of "till"
	manager string // token of "office"
	till    *client.Client
}

type capture struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (c *capture) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buf.Write(p)
}

func (c *capture) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buf.String()
}

type health struct {
	mu       sync.Mutex
	down     bool
	warnings []localapi.Warning
}

func (h *health) set(down bool, warnings ...localapi.Warning) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down, h.warnings = down, warnings
}

func (h *health) Ready(context.Context) (bool, []localapi.Warning) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.down, h.warnings
}

func newRig(t testing.TB, change func(*localapi.Options)) *rig {
	t.Helper()
	r := &rig{
		t: t, dir: t.TempDir(), clock: NewClock(), reader: NewReader("counter", "counter-1", cardreader.RoleCard), centre: &Centre{},
		health: &health{}, reg: prometheus.NewRegistry(), logs: &capture{}, wire: &capture{},
	}
	r.ledger = OpenLedger(t, r.clock)
	logger := slog.New(slog.NewTextHandler(r.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s, err := session.New(session.Options{
		Readers: []session.NamedReader{{Name: "counter", Terminal: "counter-1", Role: cardreader.RoleCard, Reader: r.reader}},
		Ledger:  r.ledger, Centre: r.centre, Venue: Venue, Clock: r.clock.Now, Registerer: r.reg, Logger: logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(s.Stop)
	if r.tokens, err = localapi.OpenTokens(r.dir); err != nil {
		t.Fatal(err)
	}
	r.cashier, r.manager = r.add("till", localapi.Cashier), r.add("office", localapi.Manager)
	options := localapi.Options{
		Session: s, Tokens: r.tokens, Health: r.health, Listen: "127.0.0.1:0", Logger: logger, Registerer: r.reg, Version: "test",
		AllowOrigins: []string{"https://pos.example.com"}, Clock: time.Now, Records: r.ledger,
	}
	if change != nil {
		change(&options)
	}
	r.options = options
	r.serve(options)
	r.till = client.New(r.server.URL(), r.cashier)
	t.Cleanup(r.till.Close)
	return r
}

// serve starts the server; it ends with the test.
func (r *rig) serve(options localapi.Options) {
	r.t.Helper()
	var err error
	if r.server, err = localapi.New(options); err != nil {
		r.t.Fatal(err)
	}
	r.server.Mount("GET /console/", http.StripPrefix("/console/", http.FileServerFS(os.DirFS(r.pages()))), true)
	if err := r.server.Listen(); err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.server.Serve(ctx) }()
	r.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			r.t.Errorf("serve: %v", err)
		}
	})
}

// second is another server beside the rig's own, not listening yet.
func (r *rig) second(listen, socket string) *localapi.Server {
	r.t.Helper()
	options := r.options
	options.Listen, options.Unix, options.Registerer = listen, socket, prometheus.NewRegistry()
	s, err := localapi.New(options)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = s.Close() })
	return s
}

func (r *rig) pages() string {
	dir := filepath.Join(r.dir, "pages")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "page.html"), []byte("<p>page</p>"), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return dir
}

func (r *rig) add(name string, role localapi.Role) string {
	r.t.Helper()
	token, err := r.tokens.Add(name, role)
	if err != nil {
		r.t.Fatal(err)
	}
	return token
}

// answer is a response with its body read.
type answer struct {
	*http.Response
	body []byte
}

func (a answer) problem(t testing.TB) (p client.Problem) {
	t.Helper()
	if got := a.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Fatalf("status %d, content type %q: %s", a.StatusCode, got, a.body)
	}
	if err := json.Unmarshal(a.body, &p); err != nil {
		t.Fatal(err)
	}
	if p.Status != a.StatusCode || p.Message == "" || p.Hint == "" || p.Detail == "" || p.RequestID == "" || p.RequestID != a.Header.Get("X-Request-Id") {
		t.Fatalf("incomplete problem: %s", a.body)
	}
	return p
}

// do sends a request with the cashier's token; edit may change it.
func (r *rig) do(method, path, body string, edit func(*http.Request)) answer {
	r.t.Helper()
	request, err := http.NewRequest(method, r.server.URL()+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+r.cashier)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if edit != nil {
		edit(request)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(request) // no redirects followed
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.Header.Get("Content-Type") == "text/event-stream" {
		return answer{Response: response} // it has no end
	}
	data, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	fmt.Fprintf(r.wire, "%v\n%s\n", response.Header, data)
	return answer{response, data}
}

func as(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

// sale is a bill of the patient over an amount, one line of a drug.
func sale(id, amount string) session.SettleRequest {
	return session.SettleRequest{SaleRequest: session.SaleRequest{
		SaleID: id, Terminal: "counter-1", Operator: session.OperatorRequest{ID: "1001", Name: "收银"}, MedType: "41",
		Patient: session.PatientRequest{IDNumber: Patient.IDNumber, Name: Patient.Name},
		Lines: []session.LineRequest{{
			ID: "1", Code: "XA01", Name: "阿莫西林胶囊", Class: "drug_a", Quantity: "1", UnitPrice: amount, Total: amount,
			TraceCodes: []string{TraceCode(id)},
		}},
	}}
}

func encode(t testing.TB, value any) string {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func wantCode(t testing.TB, err error, code settle.Code) {
	t.Helper()
	if client.CodeOf(err) != code {
		t.Fatalf("got %v, want %s", err, code)
	}
}

func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}
