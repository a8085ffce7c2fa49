package session_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"pgregory.net/rapid"

	"gongji/cardreader"
	"gongji/daemon/session"
	. "gongji/daemon/session/sessiontest"
	"gongji/settle"
	"gongji/settle/ledger"
	"gongji/sync/centre"
	"gongji/sync/nhsa"
	"gongji/sync/outbox"
	"gongji/sync/reconcile"
)

// platform is a till whose sales the centre decides: session, ledger, outbox and reference centre are real, over real HTTP; the
// test causes the faults, and power cuts.
type platform struct {
	t        *testing.T
	dir      string
	patience time.Duration
	centre   *centre.Centre
	server   *httptest.Server
	reader   *Reader
	log      *logBuffer

	mu     sync.Mutex
	faults map[string][]centre.FaultKind // by infno, used up in order
	down   bool

	// One run of the daemon, between two power cuts.
	reg     *prometheus.Registry
	ledger  *ledger.Ledger
	inline  *outbox.Inline
	session *session.Session
	ahead   atomic.Int64 // nanoseconds by which the PC's clock is ahead
	cut     atomic.Bool  // the power is off: nothing is written any more
	after   func()       // called when the centre's answer is there
	end     func()
}

// within is the patience of the tests' till; late is longer than that, and proven longer than late.
const (
	within = 250 * time.Millisecond
	late   = 400 * time.Millisecond
	proven = 900 * time.Millisecond
)

func newPlatform(t *testing.T, seed func(*settle.Snapshot)) *platform {
	t.Helper()
	return newPlatformWithin(t, within, seed)
}

func newPlatformWithin(t *testing.T, patience time.Duration, seed func(*settle.Snapshot)) *platform {
	t.Helper()
	p := &platform{t: t, patience: patience, dir: t.TempDir(), reader: NewReader("counter", "counter-1", cardreader.RoleCard), log: &logBuffer{}, faults: map[string][]centre.FaultKind{}}
	logger := slog.New(slog.NewTextHandler(p.log, nil))
	var err error
	if p.centre, err = centre.New(centre.Options{Logger: logger, Faults: p.fault}); err != nil {
		t.Fatal(err)
	}
	known := Family(time.Now().Add(-time.Minute))
	if seed != nil {
		seed(&known)
	}
	if err := p.centre.Seed(known); err != nil {
		t.Fatal(err)
	}
	handler := p.centre.Handler()
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		down := p.down
		p.mu.Unlock()
		if down {
			panic(http.ErrAbortHandler)
		}
		handler.ServeHTTP(w, r)
	}))
	p.server.Config.ErrorLog = slog.NewLogLogger(logger.Handler(), slog.LevelDebug)
	p.start(true)
	t.Cleanup(func() {
		p.end()
		p.server.Close()
		for _, secret := range Secrets() {
			if strings.Contains(p.log.String(), secret) {
				t.Errorf("an identity reached the log: …%s", secret[len(secret)-3:])
			}
		}
	})
	return p
}

func (p *platform) fault(infno string) centre.Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	queue := p.faults[infno]
	if len(queue) == 0 {
		return centre.Fault{}
	}
	p.faults[infno] = queue[1:]
	return centre.Fault{Kind: queue[0], Delay: late}
}

func (p *platform) cause(infno string, kinds ...centre.FaultKind) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults[infno] = append(p.faults[infno], kinds...)
}

// powerless is a ledger that a power cut keeps from settling.
type powerless struct {
	*ledger.Ledger
	p *platform
}

var errPower = errors.New("power cut")

func (l powerless) Settle(ctx context.Context, order settle.SettleOrder) (settle.Settlement, bool, error) {
	if l.p.cut.Load() {
		return settle.Settlement{}, false, errPower
	}
	return l.Ledger.Settle(ctx, order)
}

// asking is the in-line asker with the test's hand between the answer and the settlement.
type asking struct {
	*outbox.Inline
	p *platform
}

func (a asking) Settle(ctx context.Context, order settle.SettleOrder, code string) (settle.InlineAnswer, error) {
	answer, err := a.Inline.Settle(ctx, order, code)
	a.p.mu.Lock()
	after := a.p.after
	a.p.after = nil
	a.p.mu.Unlock()
	if after != nil {
		after()
	}
	return answer, err
}

func (a asking) Abandon(ctx context.Context, msgid, why string) {
	if !a.p.cut.Load() {
		a.Inline.Abandon(ctx, msgid, why)
	}
}

// start is the power coming on.
func (p *platform) start(fresh bool) {
	t := p.t
	t.Helper()
	p.cut.Store(false)
	p.reg = prometheus.NewRegistry()
	logger := slog.New(slog.NewTextHandler(p.log, nil))
	var worker atomic.Pointer[outbox.Worker]
	var err error
	p.ledger, err = ledger.Open(t.Context(), ledger.Options{
		Dir: p.dir, Venue: Venue, Clock: p.now, Registerer: p.reg, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		RulesFor: func(settle.Date) (*settle.Rules, error) { return settle.DefaultRules(), nil },
		Offline:  settle.OfflineLimits{Allowed: true, Shared: true, MaxAge: 24 * time.Hour, MaxSale: settle.CapOf(10000)},
		OnReport: func() {
			if w := worker.Load(); w != nil {
				w.Wake()
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if fresh {
		if err := p.ledger.ApplySnapshot(t.Context(), Family(time.Now().Add(-time.Minute))); err != nil {
			t.Fatal(err)
		}
	}
	client, err := nhsa.NewClient(nhsa.Options{URL: p.server.URL, Venue: Venue, Timeout: within, Serials: p.ledger.NextMessageSerial})
	if err != nil {
		t.Fatal(err)
	}
	signIns := nhsa.NewSignIns(client)
	prover, err := reconcile.New(reconcile.Options{Store: p.ledger, Client: client, SignIns: signIns, Logger: logger, ProofAfter: proven})
	if err != nil {
		t.Fatal(err)
	}
	work, err := outbox.New(outbox.Options{
		Store: p.ledger, Client: client, SignIns: signIns, Logger: logger, Prover: prover, Clock: p.now,
		LeastWait: 5 * time.Millisecond, MostWait: 50 * time.Millisecond, ProbeEvery: 10 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	worker.Store(work)
	p.inline, err = outbox.NewInline(outbox.InlineOptions{
		Store: p.ledger, Client: client, SignIns: signIns, Logger: logger, Registerer: p.reg, Within: p.patience, SweepEvery: 20 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	p.session, err = session.New(session.Options{
		Readers: []session.NamedReader{{Name: "counter", Terminal: "counter-1", Role: cardreader.RoleCard, Reader: p.reader}},
		Ledger:  powerless{p.ledger, p}, Centre: online{work}, Venue: Venue, Logger: logger, Registerer: p.reg,
		Inline: asking{p.inline, p}, InlineLedger: p.ledger,
	})
	if err != nil {
		t.Fatal(err)
	}
	p.session.Start()
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = work.Run(ctx) })
	running.Go(func() { _ = p.inline.Run(ctx) })
	p.end = sync.OnceFunc(func() {
		p.session.Stop()
		stop()
		running.Wait()
		client.Close()
		if err := p.ledger.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	p.online()
}

func (p *platform) now() time.Time { return time.Now().Add(time.Duration(p.ahead.Load())) }

// online waits until the line is known to be up.
func (p *platform) online() {
	p.t.Helper()
	eventually(p.t, "the line is up", func() bool { return !p.session.Offline() })
}

// online is a centre whose answers about cards change nothing.
type online struct{ worker *outbox.Worker }

func (online) Refresh(context.Context, cardreader.Credential) error { return nil }
func (online) Resolve(context.Context, string) (session.Resolved, error) {
	return session.Resolved{}, settle.NewError(settle.PersonUnknown, nil)
}
func (o online) Offline() bool { return o.worker.Offline() }

// bill is a bill of a member; the sale's id travels to the centre as the shop's own code.
func bill(who Member, id string, total settle.Fen) session.SettleRequest {
	return session.SettleRequest{SaleRequest: session.SaleRequest{
		POS: "till", SaleID: id, Terminal: "counter-1", Operator: session.OperatorRequest{ID: "1001", Name: "收银"}, MedType: "41",
		Patient: session.PatientRequest{IDNumber: who.IDNumber, Name: who.Name},
		Lines: []session.LineRequest{{
			ID: "1", Code: "XA01", ShopCode: id, Name: "检查", Class: "service_in", Quantity: "1", UnitPrice: total.String(), Total: total.String(),
		}},
	}}
}

// rest waits until nothing is left to tell the centre.
func (p *platform) rest() {
	p.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		totals, err := p.ledger.OutboxTotals(p.t.Context())
		if err != nil {
			p.t.Fatal(err)
		}
		open, err := p.ledger.OpenInlines(p.t.Context())
		if err != nil {
			p.t.Fatal(err)
		}
		if totals.Unsent == 0 && len(open) == 0 {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("the outbox does not come to rest: %+v, %v\n%s", totals, open, p.log)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// standing are the centre's rows of a sale.
func (p *platform) standing(id string) (rows []centre.Row) {
	for _, row := range p.centre.Standing() {
		if len(row.Lines) > 0 && row.Lines[0].ShopCode == id {
			rows = append(rows, row)
		}
	}
	return rows
}

func (p *platform) asked(question string, state settle.InlineState) float64 {
	families, err := p.reg.Gather()
	if err != nil {
		p.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() != "gongji_inline_total" {
				continue
			}
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if labels["question"] == question && labels["outcome"] == string(state) {
				return m.GetCounter().GetValue()
			}
		}
	}
	p.t.Fatalf("no series %s %s", question, state)
	return 0
}

// TestCentreDecidesInLine: the centre has other balances than the ledger; what it says is quoted, settled and accepted.
func TestCentreDecidesInLine(t *testing.T) {
	p := newPlatform(t, func(s *settle.Snapshot) { s.Accounts[0].Balance = 3000 })
	p.reader.Insert(Patient.Card())
	request := bill(Patient, "C1", 8000)
	quote, err := p.session.Quote(t.Context(), request.SaleRequest)
	if err != nil || quote.Figures != (settle.Figures{Total: 8000, Own: 3000, Shared: 5000}) || quote.Offline {
		t.Fatalf("quote %+v, %v", quote.Figures, err)
	}
	if len(p.centre.Book()) != 0 {
		t.Fatal("a quote has booked something")
	}
	request.QuoteDigest = quote.Digest
	s, replayed, err := p.session.Settle(t.Context(), request)
	if err != nil || replayed || s.Figures != quote.Figures || s.State() != "accepted" || s.Offline {
		t.Fatalf("settled %+v as %s, %v", s.Figures, s.State(), err)
	}
	if rows := p.standing("C1"); len(rows) != 1 || rows[0].Figures != s.Figures {
		t.Errorf("the centre has %+v", rows)
	}
	again, replayed, err := p.session.Settle(t.Context(), request)
	if err != nil || !replayed || again.ID != s.ID {
		t.Errorf("a repeat: %v, %v", replayed, err)
	}
	if p.asked("quote", settle.InlineAnswered) != 1 || p.asked("settle", settle.InlineAnswered) != 1 || p.asked("settle", settle.InlineUnknown) != 0 {
		t.Error("the outcomes are not counted")
	}
	if n, err := testutil.GatherAndCount(p.reg, "gongji_inline_total"); err != nil || n != 2*len(settle.InlineStates) {
		t.Errorf("%d series, %v", n, err)
	}
	p.verify()
}

// TestCentreRefusesInLine: nothing is settled, nothing is left open, and the cashier reads the centre's own reason.
func TestCentreRefusesInLine(t *testing.T) {
	p := newPlatform(t, func(s *settle.Snapshot) { s.People[0].Cards[0].Status = settle.CardLost })
	p.reader.Insert(Patient.Card())
	request := bill(Patient, "C1", 8000)
	_, err := p.session.Quote(t.Context(), request.SaleRequest)
	wantCode(t, err, settle.UpstreamRefused)
	_, _, err = p.session.Settle(t.Context(), request)
	refused := wantCode(t, err, settle.UpstreamRefused)
	if text := refused.Members["centre_message"]; text != "社会保障卡已挂失或失效" {
		t.Errorf("the centre's reason is %q", text)
	}
	if _, err := p.ledger.SettlementBySale(t.Context(), "till", "C1"); settle.CodeOf(err) != settle.NotFound {
		t.Errorf("settled all the same: %v", err)
	}
	p.rest()
	p.verify()
}

// TestCentreIsNotReached: the ledger decides under the offline rules, and the report is an ordinary one.
func TestCentreIsNotReached(t *testing.T) {
	p := newPlatform(t, nil)
	p.reader.Insert(Patient.Card())
	p.mu.Lock()
	p.down = true
	p.mu.Unlock()
	eventually(t, "the line is down", func() bool {
		_, _ = p.session.Quote(t.Context(), bill(Patient, "Q", 100).SaleRequest)
		return p.session.Offline()
	})
	_, _, err := p.session.Settle(t.Context(), bill(Patient, "C1", 12000))
	if e := wantCode(t, err, settle.OfflineLimit); e.Members["limit"] != "offline.max_sale" {
		t.Errorf("%+v", e.Members)
	}
	s, _, err := p.session.Settle(t.Context(), bill(Patient, "C2", 8000))
	if err != nil || !s.Offline || s.Report != settle.ReportPending {
		t.Fatalf("settled %+v, %v", s.Report, err)
	}
	if p.asked("settle", settle.InlineUnreached) != 2 {
		t.Error("the outcomes are not counted")
	}
	p.mu.Lock()
	p.down = false
	p.mu.Unlock()
	p.rest()
	if rows := p.standing("C2"); len(rows) != 1 || len(p.standing("C1")) != 0 {
		t.Errorf("the centre has %+v", rows)
	}
	p.verify()
}

// TestUnknownAndRefusedHere: the answer is lost after the booking and the offline rules refuse the sale: nothing is settled at
// the till, the item stands on the work list while the centre cannot be told, and the booking is reversed once it can.
func TestUnknownAndRefusedHere(t *testing.T) {
	p := newPlatform(t, nil)
	p.reader.Insert(Patient.Card())
	p.cause(nhsa.InfnoSettle, centre.FaultLoseAnswer)
	p.cause(nhsa.InfnoReverse, centre.FaultBadBefore, centre.FaultBadBefore, centre.FaultBadBefore)
	before := p.centre.Balances()
	_, _, err := p.session.Settle(t.Context(), bill(Patient, "C1", 12000))
	e := wantCode(t, err, settle.OfflineLimit)
	if text, _ := e.Members["centre_message"].(string); !strings.Contains(text, "冲正") {
		t.Errorf("the cashier is told %q", text)
	}
	items, err := p.ledger.AttentionList(t.Context(), 10)
	if err != nil || len(items) != 1 || items[0].ReportKind != settle.ReportOrphan || items[0].Return != "C1" {
		t.Errorf("work list %+v, %v", items, err)
	}
	p.rest()
	if len(p.standing("C1")) != 0 || fmt.Sprint(p.centre.Balances()) != fmt.Sprint(before) {
		t.Error("the booking was not reversed")
	}
	if items, _ := p.ledger.AttentionList(t.Context(), 10); len(items) != 0 {
		t.Errorf("work list %+v", items)
	}
	p.verify()
}

// verify fails unless the ledger verifies.
func (p *platform) verify() {
	p.t.Helper()
	report, err := p.ledger.Verify(p.t.Context(), nil)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, f := range report.Findings {
		p.t.Errorf("verify: %s", f)
	}
}

// inlineStory is one drawn course of events at a till.
type inlineStory struct {
	Sales    []inlineSale
	Reversal []centre.FaultKind // of the 2601s
}

type inlineSale struct {
	Member  int
	Total   int
	Fault   centre.FaultKind // of this sale's first 2102
	Removed bool             // the card leaves after the centre's answer
	Power   bool             // the power fails there
	Twice   bool             // the till sends it twice at once
	Retry   bool             // and repeats it after an error
	Back    bool             // it is reversed afterwards
}

var inlineFaults = []centre.FaultKind{
	centre.FaultNone, centre.FaultNone, centre.FaultLoseAnswer, centre.FaultHalfAnswer, centre.FaultBadBefore, centre.FaultBadAfter,
	centre.FaultPageAfter, centre.FaultDelayBefore, centre.FaultDelayAfter, centre.FaultExpireSignIn,
}

func drawInlineStory(t *rapid.T) inlineStory {
	oneIn := func(n int, name string) bool { return rapid.IntRange(1, n).Draw(t, name) == n }
	return inlineStory{
		Sales: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) inlineSale {
			return inlineSale{
				Member: rapid.IntRange(0, 2).Draw(t, "member"), Total: rapid.IntRange(1, 12000).Draw(t, "total"),
				Fault:   rapid.SampledFrom(inlineFaults).Draw(t, "fault"),
				Removed: rapid.IntRange(0, 4).Draw(t, "removed") == 4, Power: rapid.IntRange(0, 4).Draw(t, "power") == 4,
				Twice: rapid.IntRange(0, 3).Draw(t, "twice") == 3, Retry: rapid.Bool().Draw(t, "retry"), Back: rapid.IntRange(0, 3).Draw(t, "back") == 3,
			}
		}), 2, 5).Draw(t, "sales"),
		Reversal: func() []centre.FaultKind {
			if oneIn(2, "reversals fail") {
				return rapid.SliceOfN(rapid.SampledFrom(inlineFaults), 1, 4).Draw(t, "reversals")
			}
			return nil
		}(),
	}
}

// TestInlineExactlyOnce: for any mixture of lost, half, late and garbled answers, messages that never arrive, cards that leave,
// power cuts, double and repeated requests, each sale stands at the centre exactly once where the till has settled it, as the
// till knows it, and not at all where it has not; no fen is made or lost.
func TestInlineExactlyOnce(t *testing.T) {
	const rounds = 16
	for seed := range rounds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { inlineExactlyOnce(t, rapid.Custom(drawInlineStory).Example(seed+1)) })
	}
}

func inlineExactlyOnce(t *testing.T, story inlineStory) {
	p := newPlatform(t, func(s *settle.Snapshot) { s.Accounts[1].Balance -= 15000 }) // the daughter has bought elsewhere
	before := p.centre.Balances()
	p.cause(nhsa.InfnoReverse, story.Reversal...)
	members := []Member{Patient, Daughter, Stranger}
	told := map[string]settle.Settlement{} // what the till was told
	for i, sale := range story.Sales {
		id := fmt.Sprintf("C%d", i)
		p.sell(told, id, members[sale.Member], &sale)
		if s, settled := told[id]; settled && sale.Back {
			_, _, err := p.session.Reverse(t.Context(), session.ReverseRequest{
				POS: "till", Settlement: s.ID, ReversalID: "R" + id, Operator: session.OperatorRequest{ID: "1001"}, Reason: "退货",
			})
			if err != nil {
				t.Fatalf("reverse: %v", err)
			}
		}
	}
	p.rest()
	paid := map[string]settle.Fen{}
	for _, row := range p.centre.Standing() {
		for _, pay := range row.Pays {
			paid[pay.PsnNo] += pay.Amount
		}
	}
	for i, sale := range story.Sales {
		p.compare(fmt.Sprintf("C%d", i), sale.Back, told)
	}
	for psn, had := range before {
		if now := p.centre.Balances()[psn]; now+paid[psn] != had {
			t.Errorf("an account has %s and paid %s of %s", now, paid[psn], had)
		}
	}
	p.verify()
	if t.Failed() {
		t.Logf("%+v\n%s", story, p.log)
	}
}

// sell is the till's whole business with one sale.
func (p *platform) sell(told map[string]settle.Settlement, id string, who Member, sale *inlineSale) {
	p.reader.Swap(who.Card())
	if rand.IntN(3) > 0 {
		p.online() // else the line may still be thought to be down
	}
	if sale.Fault != centre.FaultNone {
		p.cause(nhsa.InfnoSettle, sale.Fault)
	}
	p.mu.Lock()
	p.after = func() {
		if sale.Removed {
			p.reader.Remove()
		}
		if sale.Power {
			p.cut.Store(true)
		}
	}
	p.mu.Unlock()
	request := bill(who, id, settle.Fen(sale.Total))
	requests := 1
	if sale.Twice {
		requests = 2
	}
	var answers sync.WaitGroup
	var mu sync.Mutex
	for range requests {
		answers.Go(func() {
			s, _, err := p.session.Settle(context.Background(), request)
			mu.Lock()
			defer mu.Unlock()
			p.told(told, id, s, err)
		})
	}
	answers.Wait()
	p.mu.Lock()
	p.after = nil
	delete(p.faults, nhsa.InfnoSettle)
	p.mu.Unlock()
	if p.cut.Load() {
		p.end()
		p.start(false)
	}
	if _, settled := told[id]; settled || !sale.Retry {
		return
	}
	p.reader.Swap(who.Card())
	s, _, err := p.session.Settle(context.Background(), request)
	p.told(told, id, s, err)
}

// told keeps an answer; every answer about a sale is the same settlement.
func (p *platform) told(told map[string]settle.Settlement, id string, s settle.Settlement, err error) {
	first, known := told[id]
	switch {
	case err != nil:
	case known && (first.ID != s.ID || first.Figures != s.Figures):
		p.t.Errorf("sale %s was answered with two settlements", id)
	default:
		told[id] = s
	}
}

// compare holds the centre's book against what the till was told.
func (p *platform) compare(id string, back bool, told map[string]settle.Settlement) {
	rows := p.standing(id)
	s, settled := told[id]
	stored, err := p.ledger.SettlementBySale(p.t.Context(), "till", id)
	switch {
	case !settled && err == nil:
		p.t.Errorf("sale %s is settled and the till was never told", id)
	case !settled && len(rows) > 0:
		p.t.Errorf("sale %s was refused at the till and stands at the centre: %+v", id, rows)
	case settled && back && len(rows) > 0:
		p.t.Errorf("sale %s was reversed and stands at the centre: %+v", id, rows)
	case !settled || back:
	case stored.Report == settle.ReportRefused:
		p.t.Errorf("sale %s was refused", id)
	case len(rows) != 1:
		p.t.Errorf("sale %s stands %d times", id, len(rows))
	case rows[0].Figures.Total != s.Figures.Total || stored.Report == settle.ReportAccepted && rows[0].Figures != s.Figures:
		p.t.Errorf("sale %s: the till knows %+v, the centre %+v (%s)", id, s.Figures, rows[0].Figures, stored.Report)
	}
}
