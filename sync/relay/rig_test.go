package relay

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/goleak"

	"gongji/settle"
	"gongji/sync/centre"
	"gongji/sync/nhsa"
)

func TestMain(m *testing.M) {
	if runAsNode() { // a node of a cluster that a test can kill; see cluster_test.go
		return
	}
	goleak.VerifyTestMain(m,
		// The embedded server's own clocks and caches outlive it.
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server.init.0.func1"),
		goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.(*Server).startGoRoutine.func1"),
	)
}

const (
	venueA = "P43010000001"
	venueB = "P43010000002"
)

// hub starts a real message server with JetStream. It ends with the test.
func hub(t testing.TB, change func(*server.Options)) *server.Server {
	t.Helper()
	options := &server.Options{
		Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true, DisableJetStreamBanner: true,
		JetStreamMaxMemory: 1 << 30, JetStreamMaxStore: 1 << 28, MaxPayload: 1 << 20,
	}
	if change != nil {
		change(options)
	}
	return started(t, options)
}

func started(t testing.TB, options *server.Options) *server.Server {
	t.Helper()
	s, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the message server does not come up")
	}
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return s
}

func at(s *server.Server) Endpoint { return Endpoint{Servers: []string{s.ClientURL()}} }

// serving runs the centre's end until stop is called or the test ends.
func serving(t testing.TB, o ServerOptions) (s *Server, stop func()) {
	t.Helper()
	s, err := NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stop = func() {
		if cancel == nil {
			return
		}
		cancel()
		cancel = nil
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	select {
	case <-s.Ready():
	case err := <-ended:
		t.Fatal(err)
	case <-time.After(20 * time.Second):
		t.Fatal("the centre's end does not come up")
	}
	return s, stop
}

// line is a venue's end that ends with the test.
func line(t testing.TB, o LineOptions) *Line {
	t.Helper()
	if o.Venue == "" {
		o.Venue = venueA
	}
	l, err := NewLine(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.CloseIdleConnections)
	return l
}

var serials atomic.Uint64

// client speaks the national interface over a line.
func client(t testing.TB, l *Line, timeout time.Duration) *nhsa.Client {
	t.Helper()
	c, err := nhsa.NewClient(nhsa.Options{
		URL: "https://centre/", Venue: settle.Venue{Code: l.o.Venue, Name: "示例大药房", Area: "430100"}, Transport: l, Timeout: timeout,
		Serials: func(context.Context) (uint64, error) { return serials.Add(1), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var operator = settle.Operator{ID: "1001", Name: "李敏"}

func send(t testing.TB, c *nhsa.Client, m nhsa.Message, signNo string) nhsa.Outcome {
	t.Helper()
	outcome, err := c.Ask(t.Context(), nhsa.Call{Message: m, Operator: operator, SignNo: signNo, InsuredArea: "430100"})
	if err != nil {
		t.Fatal(err)
	}
	return outcome
}

func signIn(t testing.TB, c *nhsa.Client) string {
	t.Helper()
	no, outcome, err := nhsa.NewSignIns(c).Number(t.Context(), operator)
	if err != nil || no == "" {
		t.Fatalf("sign-in: %+v, %v", outcome, err)
	}
	return no
}

// family is the reference centre with the demo family.
func family(t testing.TB, change func(*centre.Options)) (*centre.Centre, []centre.Member) {
	t.Helper()
	o := centre.Options{}
	if change != nil {
		change(&o)
	}
	c, err := centre.New(o)
	if err != nil {
		t.Fatal(err)
	}
	f := centre.DemoFamily(settle.DateOf(time.Now()))
	if err := c.Seed(f.Snapshot(time.Now().Add(-time.Second))); err != nil {
		t.Fatal(err)
	}
	return c, f.Members()
}

// booking is a message that goes through the stream.
func booking() nhsa.Message {
	return nhsa.Reverse{PsnNo: "43010000000000009001", Original: venueA + "202611221200000001", OriginalInfno: nhsa.InfnoSettle}
}

// until polls for a condition.
func until(t testing.TB, within time.Duration, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

// counting is a handler that counts what reaches it.
func counting(h http.Handler, n *atomic.Int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		h.ServeHTTP(w, r)
	})
}

// done answers every message as done.
var done = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintf(w, `{"infcode":0,"respond_time":"20261122120000000","output":{}}`)
})
