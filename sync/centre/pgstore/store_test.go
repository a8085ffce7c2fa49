package pgstore_test

import (
	"bytes"
	"context"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gongji/settle"
	"gongji/sync/centre"
	"gongji/sync/centre/pgstore"
	"gongji/sync/centre/pgstore/pgtest"
	"gongji/sync/feed"
	"gongji/sync/nhsa"
)

// server is the PostgreSQL of this package's tests.
var server *pgtest.Server

func TestMain(m *testing.M) {
	if runAsCentre() { // a process of a benchmark's; see bench_test.go
		return
	}
	server = pgtest.Start()
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		server.Stop()
		os.Exit(code)
	}))
}

var cashier = settle.Operator{ID: "1001", Name: "李敏"}

func key(bool) ([]byte, error) { return bytes.Repeat([]byte{9}, 32), nil }

// process is one centre over a database, with an address.
type process struct {
	*centre.Centre
	store *pgstore.Store
	url   string
}

func start(t testing.TB, database string, options centre.Options) *process {
	t.Helper()
	store, err := pgstore.Open(t.Context(), pgstore.Options{URL: database, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return startOn(t, store, options)
}

func startOn(t testing.TB, store *pgstore.Store, options centre.Options) *process {
	t.Helper()
	options.Store = store
	c, err := centre.New(options)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(c.Handler())
	t.Cleanup(front.Close)
	return &process{c, store, front.URL}
}

// till is a venue that speaks to one process after the other.
type till struct {
	t       testing.TB
	clients []*nhsa.Client
	turn    int
	serial  uint64
	signNo  string
}

func newTill(t testing.TB, venue string, processes ...*process) *till {
	t.Helper()
	x := connect(t, venue, processes...)
	result, err := nhsa.DecodeSignIn(x.must(nhsa.SignIn{Operator: cashier.ID, MAC: "02:00:00:00:00:01", IP: "192.0.2.1"}))
	if err != nil {
		t.Fatal(err)
	}
	x.signNo = result.SignNo
	return x
}

// connect is a till that has not signed in.
func connect(t testing.TB, venue string, processes ...*process) *till {
	t.Helper()
	x := &till{t: t}
	for _, p := range processes {
		client, err := nhsa.NewClient(nhsa.Options{
			URL: p.url + "/fsi", Venue: settle.Venue{Code: venue, Name: "示例大药房", Area: "430100"}, Timeout: 30 * time.Second,
			Serials: func(context.Context) (uint64, error) { x.serial++; return x.serial, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		x.clients = append(x.clients, client)
	}
	return x
}

func (x *till) next() *nhsa.Client {
	x.turn++
	return x.clients[x.turn%len(x.clients)]
}

func (x *till) prepare(message nhsa.Message) nhsa.Prepared {
	prepared, err := x.clients[0].Prepare(x.t.Context(), nhsa.Call{Message: message, Operator: cashier, SignNo: x.signNo, InsuredArea: "430100"})
	if err != nil {
		x.t.Error(err)
	}
	return prepared
}

func (x *till) ask(message nhsa.Message) nhsa.Outcome {
	return x.next().Send(x.t.Context(), x.prepare(message))
}

func (x *till) must(message nhsa.Message) *nhsa.Answer {
	x.t.Helper()
	outcome := x.ask(message)
	if !outcome.Done() {
		x.t.Errorf("%s: %+v", message.Infno(), outcome)
		return &nhsa.Answer{Output: []byte("{}")}
	}
	return outcome.Answer
}

func (x *till) book(d settle.Dossier) (settle.Booking, bool) {
	x.t.Helper()
	message := x.prepare(nhsa.PharmacySettle{Dossier: d, Extensions: nhsa.Extensions{ExpectedSplit: true}})
	outcome := x.next().Send(x.t.Context(), message)
	if !outcome.Done() {
		x.t.Errorf("2102: %+v", outcome)
		return settle.Booking{}, false
	}
	booking, err := nhsa.DecodeBooking(outcome.Answer, message.MsgID, &d)
	if err != nil {
		x.t.Error(err)
	}
	return booking, err == nil
}

func (x *till) page(message nhsa.Message) (settle.Snapshot, bool) {
	x.t.Helper()
	answer, err := nhsa.DecodeSnapshotAnswer(x.must(message))
	if err != nil {
		x.t.Error(err)
		return settle.Snapshot{}, false
	}
	s, err := feed.DecodeSnapshot(answer.Snapshot)
	if err != nil {
		x.t.Error(err)
	}
	return s, answer.More
}

// sale is a dossier of one line, paid by accounts as far as they go.
func sale(m centre.Member, total settle.Fen) settle.Dossier {
	return settle.Dossier{
		Identity:   settle.Identity{PsnNo: m.PsnNo, IDNumber: m.IDNumber, Name: m.Name, Insurance: m.Insurance, Area: m.Area},
		Credential: settle.CredentialCard, Card: settle.CardNumbers{Number: m.CardNumber, Identifier: m.Identifier, IDNumber: m.IDNumber},
		Sale: settle.Sale{MedType: "41", UseAccounts: true, Lines: []settle.Line{
			{ID: "1", Code: "XA01", ShopCode: "69", Quantity: "1", UnitPrice: total.String(), Total: total}}},
		Figures: settle.Figures{Total: total, Own: total}, At: time.Now(),
	}
}

func demo(t testing.TB, p *process) centre.Family {
	t.Helper()
	now := time.Now()
	family := centre.DemoFamily(settle.DateOf(now))
	if err := p.Seed(family.Snapshot(now)); err != nil {
		t.Fatal(err)
	}
	return family
}
