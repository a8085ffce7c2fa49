package console

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"gongji/cardreader"
	"gongji/daemon/localapi"
	"gongji/daemon/session"
	. "gongji/daemon/session/sessiontest"
	"gongji/settle"
	"gongji/settle/ledger"
)

// counterRig is the page on the real API over a real session and a real ledger, with readers, centre, clock and health
// under the test's hands. Where the till of till_test.go makes faults to order, this shows that page and API fit together.
type counterRig struct {
	t       *testing.T
	clock   *Clock
	ledger  *ledger.Ledger
	reader  *Reader
	id      *Reader // for identity cards; only where rigOptions.withID
	centre  *Centre
	health  *rigHealth
	server  *localapi.Server
	cashier string // token of "till"
	manager string // token of "office"
	kiosk   string // token of "screen"
}

// rigOptions change a rig before it is served.
type rigOptions struct {
	rules  *settle.Rules
	withID bool
	// scannerOnly: the one device is a scanner, as in a shop without a card reader.
	scannerOnly bool
	change      func(r *counterRig, o *localapi.Options)
}

type rigHealth struct {
	mu       sync.Mutex
	down     bool
	warnings []localapi.Warning
}

func (h *rigHealth) set(down bool, warnings ...localapi.Warning) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down, h.warnings = down, warnings
}

func (h *rigHealth) Ready(context.Context) (bool, []localapi.Warning) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.down, h.warnings
}

func newCounter(t *testing.T, o rigOptions) *counterRig {
	t.Helper()
	chromium(t)
	r := &counterRig{t: t, clock: NewClock(), reader: NewReader("counter", "counter-1", cardreader.RoleCard), centre: &Centre{}, health: &rigHealth{}}
	if o.rules == nil {
		o.rules = settle.DefaultRules()
	}
	r.ledger = OpenLedgerUnder(t, r.clock, o.rules)
	logger := slog.New(slog.NewTextHandler(io.Discard, nil))
	readers := []session.NamedReader{{Name: "counter", Terminal: "counter-1", Role: cardreader.RoleCard, Reader: r.reader}}
	if o.scannerOnly {
		r.reader = NewReader("codes", "", cardreader.RoleScanner)
		readers = []session.NamedReader{{Name: "codes", Role: cardreader.RoleScanner, Reader: r.reader}}
	}
	if o.withID {
		r.id = NewReader("id", "", cardreader.RoleID)
		readers = append(readers, session.NamedReader{Name: "id", Role: cardreader.RoleID, Reader: r.id})
	}
	s, err := session.New(session.Options{
		Readers: readers, Ledger: r.ledger, Centre: r.centre, Venue: Venue, Clock: r.clock.Now, Registerer: prometheus.NewRegistry(), Logger: logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(s.Stop)
	tokens, err := localapi.OpenTokens(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, role := range map[string]localapi.Role{"till": localapi.Cashier, "office": localapi.Manager, "screen": localapi.Kiosk} {
		token, err := tokens.Add(name, role)
		if err != nil {
			t.Fatal(err)
		}
		*map[localapi.Role]*string{localapi.Cashier: &r.cashier, localapi.Manager: &r.manager, localapi.Kiosk: &r.kiosk}[role] = token
	}
	options := localapi.Options{
		Session: s, Tokens: tokens, Health: r.health, Listen: "127.0.0.1:0", Logger: logger, Registerer: prometheus.NewRegistry(), Version: "test",
		Clock: r.clock.Now, Records: r.ledger,
	}
	if o.change != nil {
		o.change(r, &options)
	}
	r.serve(options)
	return r
}

// serve mounts the console as the daemon does and answers until the test ends.
func (r *counterRig) serve(options localapi.Options) {
	r.t.Helper()
	var err error
	if r.server, err = localapi.New(options); err != nil {
		r.t.Fatal(err)
	}
	page := Handler(Options{Version: "test"})
	for _, pattern := range StaticPatterns() {
		r.server.Mount(pattern, page, true)
	}
	r.server.Mount(Prefix, page, false)
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

// open shows the page with a token, waits until it knows what the daemon can do, and goes to a page by the menu.
func (r *counterRig) open(token, page string) *counter {
	r.t.Helper()
	c := openAt(r.t, r.server.URL()+Prefix, "token="+token, r.clock.Now())
	c.sees("#chips", "正常")
	waitFor(r.t, "the menu", func() bool { return c.count("#menu button") > 1 })
	if page != "" {
		c.click("#go-" + page)
		c.sees("#page-title")
	}
	return c
}

// answer lets the centre answer the binding request that is due.
func (r *counterRig) answer(result settle.DispatchResult) {
	r.t.Helper()
	AnswerRequest(r.t, r.ledger, r.clock.Now(), result)
	r.server.PublishUpstream(localapi.UpstreamEvent{})
}

// requests counts the binding requests that wait for the centre.
func (r *counterRig) requests() (n int) {
	r.t.Helper()
	due, err := r.ledger.DueReports(context.Background(), r.clock.Now(), 50)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, report := range due {
		if report.Kind == settle.ReportBinding {
			n++
		}
	}
	return n
}

// TestCounterRigIsTheDaemons: the rig's console is served as the daemon serves it.
func TestCounterRigIsTheDaemons(t *testing.T) {
	r := newCounter(t, rigOptions{})
	response, err := http.Get(r.server.URL() + Prefix + "pages/accounts.js")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Security-Policy") == "" {
		t.Errorf("%d %v", response.StatusCode, response.Header)
	}
}
