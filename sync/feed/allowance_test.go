package feed_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"

	"gongji/settle"
	"gongji/settle/ledger"
	"gongji/sync/centre"
	"gongji/sync/feed"
	"gongji/sync/nhsa"
)

// town is a centre with several venues, each with a real ledger and a line that can be cut.
type town struct {
	t      *rapid.T
	now    atomic.Int64 // ns
	handle atomic.Pointer[http.Handler]
	centre *centre.Centre
	jdir   string
	jrnl   *centre.Journal
	family centre.Family
	lose   atomic.Int64 // answers to lose from now on
	shops  []*shop
}

// shop is one venue.
type shop struct {
	town   *town
	ledger *ledger.Ledger
	client *nhsa.Client
	feed   *feed.Feed
	signs  *nhsa.SignIns
	sold   []settle.Settlement
	sales  int
}

func (w *town) clock() time.Time { return time.Unix(0, w.now.Load()) }

func newTown(t *rapid.T, dir string) *town {
	w := &town{t: t, jdir: filepath.Join(dir, "centre")}
	w.now.Store(time.Date(2026, 3, 10, 9, 0, 0, 0, settle.Beijing).UnixNano())
	w.family = centre.DemoFamily(settle.DateOf(w.clock()))
	w.openCentre()
	if err := w.centre.Seed(w.family.Snapshot(w.clock())); err != nil { // who has several givers, and who gives to several
		t.Fatal(err)
	}
	return w
}

func (w *town) openCentre() {
	var err error
	if w.jrnl, err = centre.OpenJournal(w.jdir); err != nil {
		w.t.Fatal(err)
	}
	w.centre, err = centre.New(centre.Options{Clock: w.clock, Journal: w.jrnl, Allowances: centre.Allowances{Percent: 40}})
	if err != nil {
		w.t.Fatal(err)
	}
	handler := w.centre.Handler()
	w.handle.Store(&handler)
}

func (w *town) restartCentre() {
	if err := w.jrnl.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.openCentre()
}

// signInAnew is what everybody does in the next shift, and after a centre that started anew has forgotten who had signed in.
func (w *town) signInAnew() {
	for _, s := range w.shops {
		s.signs.Forget(cashier, s.signs.Cached(cashier))
	}
}

// ServeHTTP passes a message on, and loses the answer where that is planned.
func (w *town) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	handler := *w.handle.Load()
	if w.lose.Load() > 0 {
		w.lose.Add(-1)
		handler.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	}
	handler.ServeHTTP(out, r)
}

func (w *town) openShop(n int, url, dir string) *shop {
	venue := settle.Venue{Code: fmt.Sprintf("P4301000000%d", n+1), Name: "示例大药房", Kind: "pharmacy", Area: "430100", AgreementUntil: 20301231}
	s := &shop{town: w}
	logger := slog.New(slog.NewTextHandler(io.Discard, nil))
	var err error
	s.ledger, err = ledger.Open(context.Background(), ledger.Options{
		Dir: dir, Registerer: prometheus.NewRegistry(), Logger: logger, Clock: w.clock, Venue: venue,
		RulesFor: func(settle.Date) (*settle.Rules, error) { return settle.DefaultRules(), nil },
		Offline:  settle.OfflineLimits{Allowed: true, Shared: true},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	s.client, err = nhsa.NewClient(nhsa.Options{URL: url, Venue: venue, Timeout: 5 * time.Second, Serials: s.ledger.NextMessageSerial, Clock: w.clock})
	if err != nil {
		w.t.Fatal(err)
	}
	s.signs = nhsa.NewSignIns(s.client)
	s.feed, err = feed.New(feed.Options{Store: s.ledger, Client: s.client, SignIns: s.signs, Extension: true, OnSwipe: true, Clock: w.clock})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (s *shop) close() {
	s.client.Close()
	if err := s.ledger.Close(); err != nil {
		s.town.t.Fatal(err)
	}
}

// sell settles offline for somebody the ledger knows; what does not fit is paid in cash.
func (s *shop) sell(m centre.Member, total settle.Fen) {
	s.sales++
	id := s.ledger.PersonID(m.PsnNo)
	numbers := []byte(fmt.Sprintf(`{"number":%q,"identifier":%q,"id_number":%q}`, m.CardNumber, m.Identifier, m.IDNumber))
	sealed, err := s.ledger.Seal(ledger.KindCard, numbers)
	if err != nil {
		s.town.t.Fatal(err)
	}
	order := settle.SettleOrder{
		Offline: true,
		Sale: settle.Sale{
			POS: "till-1", ID: fmt.Sprintf("S%d", s.sales), Terminal: "counter-1", Operator: settle.Operator{ID: "1001", Name: "李敏"}, MedType: "41",
			Patient: id, Presenter: settle.Presenter{SamePerson: true, PatientPresent: true}, UseAccounts: true, PersonCheck: "card_read",
			Credential: settle.Credential{Kind: settle.CredentialCard, Owner: id},
			Lines: []settle.Line{{ID: "1", Code: "C0100", Name: "检查", Class: "service_in", Quantity: "1", UnitPrice: total.String(), Total: total,
				Personal: [settle.BucketCount]settle.Fen{settle.Coinsurance: total}}},
		},
		Presence: settle.Presence{
			Reader: "counter-1", Seq: uint64(s.sales), Kind: settle.CredentialCard, CardHash: s.ledger.Index(ledger.KindCard, m.CardNumber+"|"+m.Identifier),
			CardSealed: sealed, MaskedHolder: settle.MaskName(m.Name), MatchedAt: s.town.clock(), PersonCheck: "card_read", EvidenceSource: "number+name",
		},
	}
	sold, _, err := s.ledger.Settle(context.Background(), order)
	if settle.CodeOf(err) == settle.PersonUnknown {
		return
	}
	if err != nil {
		s.town.t.Fatal(err)
	}
	s.sold = append(s.sold, sold)
}

var cashier = settle.Operator{ID: "1001", Name: "李敏"}

// report sends everything that waits, and holds what the centre booked against what was sold: a sale of which nothing is at
// risk is booked to the fen.
func (s *shop) report() {
	t := s.town.t
	for {
		reports, err := s.ledger.DueReports(context.Background(), s.town.clock(), 1000) // one of each person
		if err != nil {
			t.Fatal(err)
		}
		if len(reports) == 0 {
			return
		}
		s.send(reports)
	}
}

func (s *shop) send(reports []settle.Report) {
	t, ctx := s.town.t, context.Background()
	for _, report := range reports {
		d, err := s.ledger.Dossier(ctx, report.ID)
		if err != nil {
			t.Fatal(err)
		}
		sign, _, err := s.signs.Number(ctx, cashier)
		if err != nil {
			t.Fatal(err)
		}
		message, err := s.client.Prepare(ctx, nhsa.Call{Message: nhsa.PharmacySettle{Dossier: d, Extensions: nhsa.Extensions{ExpectedSplit: true}},
			Operator: cashier, SignNo: sign, InsuredArea: "430100"})
		if err != nil {
			t.Fatal(err)
		}
		err = s.ledger.BeginDispatch(ctx, settle.Dispatch{MsgID: message.MsgID, Report: report.ID, Infno: "2102", Body: message.Body, SentAt: s.town.clock()})
		if err != nil {
			t.Fatal(err)
		}
		outcome := s.client.Send(ctx, message)
		if !outcome.Done() {
			t.Fatalf("2102: %+v", outcome)
		}
		booking, err := nhsa.DecodeBooking(outcome.Answer, message.MsgID, &d)
		if err != nil {
			t.Fatal(err)
		}
		sale, err := s.ledger.Settlement(ctx, report.Settlement)
		if err != nil {
			t.Fatal(err)
		}
		if booking.Figures != d.Figures && sale.AtRisk == 0 {
			t.Fatalf("sold within allowances as %+v, and booked as %+v", d.Figures, booking.Figures)
		}
		state := settle.ReportAccepted
		if booking.Figures != d.Figures {
			state = settle.ReportAdjusted
		}
		err = s.ledger.FinishDispatch(ctx, settle.DispatchResult{MsgID: message.MsgID, State: settle.DispatchAccepted, Booking: &booking,
			At: s.town.clock(), Report: report.ID, ReportState: state, Done: true})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// check holds the centre against the promise: what is set aside is there.
func (w *town) check() {
	held := map[string]settle.Fen{}
	for _, g := range w.centre.Granted() {
		held[g.PsnNo] += g.Left
	}
	for psn, balance := range w.centre.Balances() {
		if balance < 0 || held[psn] > balance {
			w.t.Fatalf("an account holds %s, and %s of it are promised", balance, held[psn])
		}
	}
}

// TestAllowancesNeverOverdraw: many venues, one centre that starts anew now and then, cut lines, lost answers to returns. What
// is sold within allowances is booked as it was sold, whoever reports first; and when all is over, every yuan is back.
func TestAllowancesNeverOverdraw(t *testing.T) {
	fewer(t)
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "town")
		if err != nil {
			rt.Fatal(err)
		}
		w := newTown(rt, dir)
		server := httptest.NewServer(w)
		server.Config.ErrorLog = nil
		defer func() {
			for _, s := range w.shops {
				s.close()
			}
			server.Close()
			_ = w.jrnl.Close()
		}()
		for n := range 3 {
			w.shops = append(w.shops, w.openShop(n, server.URL, filepath.Join(dir, fmt.Sprint(n))))
		}
		people := []centre.Member{w.family.Patient, w.family.Child, w.family.Spouse}
		for range rapid.IntRange(4, 16).Draw(rt, "steps") {
			s := w.shops[rapid.IntRange(0, len(w.shops)-1).Draw(rt, "shop")]
			who := people[rapid.IntRange(0, len(people)-1).Draw(rt, "who")]
			w.now.Add(int64(time.Minute))
			switch action := rapid.SampledFrom([]string{"swipe", "sell", "sell", "sell", "report", "pull", "return", "lost return", "wait", "restart"}).Draw(rt, "action"); action {
			case "swipe":
				_, err = s.feed.Refresh(context.Background(), cardOf(who))
			case "sell":
				s.sell(who, settle.Fen(rapid.IntRange(1, 4000).Draw(rt, "fen")))
			case "report":
				s.report()
			case "pull":
				_, err = s.feed.Pull(context.Background())
			case "return":
				err = s.feed.ReturnAllowances(context.Background(), true)
			case "lost return":
				w.lose.Store(1)
				_ = s.feed.ReturnAllowances(context.Background(), true) // nobody knows whether it arrived
				w.lose.Store(0)
			case "wait":
				w.now.Add(int64(11 * time.Hour))
				w.signInAnew()
			case "restart":
				w.restartCentre()
				w.signInAnew()
			}
			if err != nil {
				rt.Fatal(err)
			}
			w.check()
		}
		w.settleDown(rt)
	})
}

// settleDown reports everything, gives everything back, and finds nothing set aside and every yuan where the book says.
func (w *town) settleDown(t *rapid.T) {
	for _, s := range w.shops {
		s.report()
		if err := s.feed.ReturnAllowances(context.Background(), true); err != nil {
			t.Fatal(err)
		}
	}
	w.check()
	w.now.Add(int64(40 * 24 * time.Hour)) // beyond life and grace, and nobody was seen lately
	for _, s := range w.shops {
		if _, err := s.feed.Pull(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	left := settle.Fen(0)
	for _, g := range w.centre.Granted() {
		left += g.Left
	}
	paid := map[string]settle.Fen{}
	for _, row := range w.centre.Book() {
		for _, pay := range row.Pays {
			paid[pay.PsnNo] += pay.Amount
		}
	}
	balances := w.centre.Balances()
	for _, m := range w.family.Members() {
		if m.Account && balances[m.PsnNo] != m.Balance-paid[m.PsnNo] {
			t.Fatalf("%s are left of %s after %s", balances[m.PsnNo], m.Balance, paid[m.PsnNo])
		}
	}
	for _, s := range w.shops {
		for _, m := range []centre.Member{w.family.Patient, w.family.Spouse} {
			views, err := s.ledger.Accounts(context.Background(), s.ledger.PersonID(m.PsnNo))
			if err != nil || len(views) == 0 {
				t.Fatalf("%d accounts, %v", len(views), err)
			}
			if views[0].Available != balances[m.PsnNo] {
				t.Fatalf("available %s of %s at a shop; %s are still set aside", views[0].Available, balances[m.PsnNo], left)
			}
		}
	}
}

// fewer tries fewer towns than the hundred that is usual, unless the command line says how many: each opens three ledgers
// on disk.
func fewer(t *testing.T) {
	checks := flag.Lookup("rapid.checks")
	if was := checks.Value.String(); was == checks.DefValue {
		t.Cleanup(func() { _ = flag.Set(checks.Name, was) })
		if err := flag.Set(checks.Name, "10"); err != nil {
			t.Fatal(err)
		}
	}
}
