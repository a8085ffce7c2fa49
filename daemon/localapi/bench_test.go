package localapi_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gongji/cardreader"
	"gongji/daemon/localapi"
	"gongji/daemon/session"
	. "gongji/daemon/session/sessiontest"
	"gongji/settle"
	"gongji/settle/ledger"
)

// stillLedger answers every sale with what was settled before, from memory: what is left of a request is everything but the
// ledger.
type stillLedger struct {
	*ledger.Ledger
	person settle.Person
	card   settle.Card
	sold   settle.Settlement
	quote  settle.Quote
}

func (l *stillLedger) PersonByNumber(context.Context, string) (settle.Person, error) {
	return l.person, nil
}
func (l *stillLedger) CardByHash(context.Context, string) (settle.Card, bool, error) {
	return l.card, true, nil
}
func (l *stillLedger) SettlementBySale(context.Context, string, string) (settle.Settlement, error) {
	return settle.Settlement{}, errNone
}
func (l *stillLedger) Settle(context.Context, settle.SettleOrder) (settle.Settlement, bool, error) {
	return l.sold, false, nil
}
func (l *stillLedger) Quote(context.Context, settle.Sale, bool) (settle.Quote, error) {
	return l.quote, nil
}

var errNone = settle.NewError(settle.NotFound, nil)

// fixed is a card in a reader that nothing happens to.
type fixed struct {
	*Reader
	status cardreader.Status
}

func (f fixed) Status() cardreader.Status { return f.status }
func (f fixed) Seq() uint64               { return f.status.Seq }

// newStill is an API over a ledger that does nothing, with a card in the reader and a bill as the measurement sends it.
func newStill(t testing.TB) (handler http.Handler, request func(path string) *http.Request) {
	t.Helper()
	r := newRig(t, nil)
	r.reader.Insert(Patient.Card())
	still := &stillLedger{Ledger: r.ledger}
	ctx := context.Background()
	bill := sale("S-000000001", "25.00")
	for _, id := range []string{"2", "3"} {
		bill.Lines = append(bill.Lines, session.LineRequest{
			ID: id, Code: "C1401020000" + id, ShopCode: "700" + id, Name: "医用口罩", Class: "consumable", Quantity: "1", UnitPrice: "12.00", Total: "12.00",
		})
	}
	answer, _, err := r.till.Settle(ctx, bill)
	if err != nil {
		t.Fatal(err)
	}
	if still.sold, err = r.ledger.Settlement(ctx, answer.SettlementID); err != nil {
		t.Fatal(err)
	}
	if still.person, err = r.ledger.Person(ctx, still.sold.Sale.Patient); err != nil {
		t.Fatal(err)
	}
	again := still.sold.Sale
	again.ID, again.Lines = "S-000000002", slices.Clone(again.Lines)
	again.Lines[0].TraceCodes = []string{TraceCode(again.ID)}
	if still.quote, err = r.ledger.Quote(ctx, again, false); err != nil {
		t.Fatal(err)
	}
	still.card = settle.Card{Owner: still.person.ID, Status: settle.CardValid, Expires: 20350101}
	reader := fixed{r.reader, r.reader.Status()}
	logger := slog.New(slog.NewJSONHandler(io.Discard, nil))
	s, err := session.New(session.Options{
		Readers: []session.NamedReader{{Name: "counter", Terminal: "counter-1", Role: cardreader.RoleCard, Reader: reader}},
		Ledger:  still, Centre: r.centre, Venue: Venue, Clock: time.Now, Registerer: prometheus.NewRegistry(), Logger: logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	options := r.options
	options.Session, options.Registerer, options.Logger, options.RatePerSecond = s, prometheus.NewRegistry(), logger, 1e9
	server, err := localapi.New(options)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Listen(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	host, body := strings.TrimPrefix(server.URL(), "http://"), encode(t, bill)
	return localapi.Handler(server), func(path string) *http.Request {
		request := httptest.NewRequestWithContext(ctx, http.MethodPost, "http://"+host+path, strings.NewReader(body))
		request.Host = host
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", "Bearer "+r.cashier)
		return request
	}
}

// quiet takes an answer as a connection does, and keeps nothing.
type quiet struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (q *quiet) Header() http.Header            { return q.header }
func (q *quiet) Write(data []byte) (int, error) { return q.body.Write(data) }
func (q *quiet) WriteHeader(status int)         { q.status = status }

// BenchmarkRequest is what the API and the session cost of a quote and of a settlement, without the connection and without
// the ledger.
func BenchmarkRequest(b *testing.B) {
	for path, status := range map[string]int{"/v1/quotes": 200, "/v1/settlements": 201} {
		b.Run(strings.TrimPrefix(path, "/v1/"), func(b *testing.B) {
			handler, request := newStill(b)
			b.ReportAllocs()
			for b.Loop() {
				got := &quiet{header: http.Header{}}
				handler.ServeHTTP(got, request(path))
				if got.status != status {
					b.Fatalf("%d %s", got.status, got.body.String())
				}
			}
		})
	}
}
