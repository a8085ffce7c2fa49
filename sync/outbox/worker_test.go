package outbox

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"gongji/settle"
	"gongji/sync/centre"
	"gongji/sync/nhsa"
	"gongji/sync/reconcile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a worker's surroundings: the reference centre behind real HTTP, and a journal in memory.
type bench struct {
	t      testing.TB
	family centre.Family
	centre *centre.Centre
	server *httptest.Server
	store  *memory
	log    *logs

	mu     sync.Mutex
	faults centre.Faults
	seen   []string // infno of every message that arrived
	down   bool     // connections end before anything is read

	proofAfter time.Duration // above 0: the worker proves open messages by 3202
}

// logs collects what is logged, for the search after identities.
type logs struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.String()
}

func newBench(t testing.TB) *bench { return newBenchWith(t, centre.Options{}) }

func newBenchWith(t testing.TB, options centre.Options) *bench {
	now := time.Now()
	b := &bench{t: t, family: centre.DemoFamily(settle.DateOf(now)), store: newMemory(t), log: &logs{}}
	var err error
	logger := slog.New(slog.NewTextHandler(b.log, nil))
	options.Logger, options.Faults = logger, func(infno string) centre.Fault {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.faults == nil {
			return centre.Fault{}
		}
		return b.faults(infno)
	}
	b.centre, err = centre.New(options)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.centre.Seed(b.family.Snapshot(now)); err != nil {
		t.Fatal(err)
	}
	b.server = httptest.NewServer(b.watch(b.centre.Handler()))
	b.server.Config.ErrorLog = slog.NewLogLogger(logger.Handler(), slog.LevelDebug)
	return b
}

func (b *bench) close() {
	b.server.Close()
	for _, member := range b.family.Members() {
		for _, secret := range []string{member.Name, member.IDNumber, member.PsnNo, member.CardNumber, member.Identifier} {
			if strings.Contains(b.log.String(), secret) {
				b.t.Errorf("an identity reached the log: …%s", secret[len(secret)-3:])
			}
		}
	}
}

// asking are the messages that book nothing and so need no journal.
var asking = []string{nhsa.InfnoSignIn, nhsa.InfnoQuote, nhsa.InfnoUpload, nhsa.InfnoDetails, nhsa.InfnoDownload, nhsa.InfnoSettlement, nhsa.InfnoTotals}

// watch holds every message that changes the book against the journal as it arrives.
func (b *bench) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		var head struct{ Infno, MsgID string }
		if err := json.Unmarshal(body, &head); err != nil {
			b.t.Errorf("a message that is no JSON: %v", err)
		}
		if !slices.Contains(asking, head.Infno) {
			b.store.mu.Lock()
			_, begun := b.store.began[head.MsgID]
			b.store.mu.Unlock()
			if !begun {
				b.t.Errorf("%s left before it was in the journal", head.Infno)
			}
		}
		b.mu.Lock()
		b.seen = append(b.seen, head.Infno)
		down := b.down
		b.mu.Unlock()
		if down {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

func (b *bench) plan(plans ...string) {
	faults, err := centre.PlanFaults(plans)
	if err != nil {
		b.t.Fatal(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = faults
}

func (b *bench) setDown(down bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = down
}

func (b *bench) arrived(infno string) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, seen := range b.seen {
		if seen == infno {
			n++
		}
	}
	return n
}

// life is a running worker.
type life struct {
	*Worker
	process *process
	client  *nhsa.Client
	cancel  context.CancelFunc
	ended   chan struct{}
}

func (b *bench) start(change func(*nhsa.Options, *Options)) *life {
	process := &process{memory: b.store}
	clientOptions := nhsa.Options{
		URL: b.server.URL, Venue: settle.Venue{Code: "P43010000001", Name: "示例大药房", Area: "430100"},
		Serials: process.NextMessageSerial, Timeout: 2 * time.Second, MAC: "02:00:00:00:00:01", IP: "192.0.2.1",
	}
	options := Options{
		Store: process, Extensions: nhsa.Extensions{ExpectedSplit: true}, Logger: slog.New(slog.NewTextHandler(b.log, nil)),
		Parallel: 4, LeastWait: time.Millisecond, MostWait: 8 * time.Millisecond, ProbeEvery: 2 * time.Millisecond,
	}
	if change != nil {
		change(&clientOptions, &options)
	}
	client, err := nhsa.NewClient(clientOptions)
	if err != nil {
		b.t.Fatal(err)
	}
	options.Client, options.SignIns = client, nhsa.NewSignIns(client)
	if b.proofAfter > 0 {
		prover, err := reconcile.New(reconcile.Options{Store: b.store, Client: client, SignIns: options.SignIns, ProofAfter: b.proofAfter})
		if err != nil {
			b.t.Fatal(err)
		}
		options.Prover = prover
	}
	worker, err := New(options)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	l := &life{Worker: worker, process: process, client: client, cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(l.ended)
		if err := worker.Run(ctx); err != nil {
			b.t.Errorf("run: %v", err)
		}
	}()
	return l
}

// stop ends the worker as a signal would, and takes the time.
func (l *life) stop(t testing.TB) {
	begin := time.Now()
	l.cancel()
	<-l.ended
	if took := time.Since(begin); took > 500*time.Millisecond {
		t.Errorf("the worker took %v to end", took)
	}
	l.client.Close()
}

// kill ends the worker as a power cut would: nothing it still does reaches the journal.
func (l *life) kill() {
	l.process.killed.Store(true)
	l.cancel()
	<-l.ended
	l.client.Close()
}

// sell adds a sale of a member, split as the till would.
func (b *bench) sell(member centre.Member, id string, figures settle.Figures) int64 {
	return b.store.add(settle.ReportSettle, id, &sold{
		person:  settle.Identity{PsnNo: member.PsnNo, IDNumber: member.IDNumber, Name: member.Name, Insurance: member.Insurance, Area: member.Area},
		card:    settle.CardNumbers{Number: member.CardNumber, Identifier: member.Identifier, IDNumber: member.IDNumber},
		sale:    aSale(figures.Total, settle.Operator{ID: "1001", Name: "李敏"}),
		figures: figures,
	})
}

// giveBack adds a reversal (nothing kept) or a refund.
func (b *bench) giveBack(kind settle.ReportKind, id string, kept settle.Figures) int64 {
	b.store.mu.Lock()
	var after sold
	for _, report := range b.store.reports {
		if report.Settlement == id {
			after = *b.store.contents[report.ID]
		}
	}
	b.store.mu.Unlock()
	after.figures, after.sale = kept, aSale(kept.Total, after.sale.Operator)
	if kept.Total == 0 {
		after.sale.Lines = nil
	}
	return b.store.add(kind, id, &after)
}

func (b *bench) await(condition func([]settle.Report) bool) {
	b.t.Helper()
	if !b.store.await(10*time.Second, condition) {
		b.t.Fatalf("not reached; log:\n%s", b.log)
	}
}

func TestSettleReverseRefund(t *testing.T) {
	b := newBench(t)
	defer b.close()
	registry := prometheus.NewRegistry()
	var mu sync.Mutex
	var events []Event
	b.sell(b.family.Patient, "A", settle.Figures{Total: 25000, Fund: 1000, Own: 3860, Shared: 20140})
	l := b.start(func(_ *nhsa.Options, o *Options) {
		o.Registerer = registry
		o.OnUpstream = func(e Event) { mu.Lock(); defer mu.Unlock(); events = append(events, e) }
	})
	b.await(allDone)
	if got := b.store.report(1).State; got != settle.ReportAccepted {
		t.Fatalf("state %s", got)
	}
	rows := b.centre.Standing()
	if len(rows) != 1 || len(rows[0].Pays) != 3 || rows[0].Pays[0].Amount != 3860 || rows[0].Pays[1].Amount != 12000 || rows[0].Pays[2].Amount != 8140 {
		t.Fatalf("the centre's row: %+v", rows)
	}
	b.giveBack(settle.ReportRefund, "A", settle.Figures{Total: 5000, Fund: 0, Own: 3860, Shared: 1140})
	l.Wake()
	b.await(allDone)
	rows = b.centre.Standing()
	if len(rows) != 1 || rows[0].Figures.Total != 5000 || b.store.booked["A"].SetlID != rows[0].SetlID {
		t.Fatalf("after the refund: %+v", rows)
	}
	b.giveBack(settle.ReportReverse, "A", settle.Figures{})
	l.Wake()
	b.await(allDone)
	if rows := b.centre.Standing(); len(rows) != 0 {
		t.Fatalf("after the reversal: %+v", rows)
	}
	if got := b.centre.Balances()[b.family.Spouse.PsnNo]; got != 50000 {
		t.Errorf("the spouse has %s", got)
	}
	l.stop(t)
	mu.Lock()
	defer mu.Unlock()
	if last := events[len(events)-1]; last.Infno != nhsa.InfnoCancel || !last.Done || last.State != settle.ReportAccepted || last.Offline {
		t.Errorf("last event %+v", last)
	}
	if n := b.arrived(nhsa.InfnoSignIn); n != 2 { // the daemon's own probe at the start, and the cashier's
		t.Errorf("%d sign-ins", n)
	}
	want := `
# HELP gongji_outbox_unsent Reports that the centre has not acknowledged, unknown ones included.
# TYPE gongji_outbox_unsent gauge
gongji_outbox_unsent 0
# HELP gongji_offline_mode 1 while the last contact with the centre failed and nothing has succeeded since.
# TYPE gongji_offline_mode gauge
gongji_offline_mode 0
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "gongji_outbox_unsent", "gongji_offline_mode"); err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(registry); err != nil || n != 5 {
		t.Errorf("%d series, %v", n, err)
	}
}

// TestUnknownIsUndone: whatever hides the answer of a booking, the sale stands once in the end, under a new msgid after
// a confirmed 2601.
func TestUnknownIsUndone(t *testing.T) {
	for _, fault := range []string{"lose-answer", "half-answer", "502-after", "html-after"} {
		for _, infno := range []string{"2102", "2103", "2601"} {
			t.Run(infno+" "+fault, func(t *testing.T) {
				b := newBench(t)
				defer b.close()
				plans := []string{infno + "=" + fault}
				if infno == "2601" { // it is needed only where something else was lost
					plans = append(plans, "2102=lose-answer")
				}
				b.plan(plans...)
				b.sell(b.family.Patient, "A", settle.Figures{Total: 1000, Own: 1000})
				l := b.start(nil)
				b.await(allDone)
				b.giveBack(settle.ReportRefund, "A", settle.Figures{Total: 400, Own: 400})
				l.Wake()
				b.await(allDone)
				l.stop(t)
				rows := b.centre.Standing()
				if len(rows) != 1 || rows[0].Figures.Total != 400 {
					t.Errorf("standing: %+v", rows)
				}
				if b.arrived("2601") == 0 {
					t.Error("nothing was undone")
				}
				if got := b.centre.Balances()[b.family.Patient.PsnNo]; got != 3860-400 {
					t.Errorf("balance %s", got)
				}
			})
		}
	}
}

// TestNotFoundIsNoProof: a 2601 that finds nothing leaves the report unknown, and the sale is not sent again although it
// never arrived; other people's reports go on.
func TestNotFoundIsNoProof(t *testing.T) {
	b := newBench(t)
	defer b.close()
	b.plan("2102=502-before")
	b.sell(b.family.Patient, "A", settle.Figures{Total: 1000, Own: 1000})
	l := b.start(func(_ *nhsa.Options, o *Options) { o.Parallel = 1 })
	b.await(func(r []settle.Report) bool { return r[0].Attempts >= 4 })
	b.sell(b.family.Stranger, "B", settle.Figures{Total: 500, Own: 500})
	b.sell(b.family.Patient, "C", settle.Figures{Total: 700, Own: 700})
	l.Wake()
	b.await(func(r []settle.Report) bool { return r[1].Done })
	b.await(func(r []settle.Report) bool { return r[0].Attempts >= 7 })
	l.stop(t)
	reports := []settle.Report{b.store.report(1), b.store.report(2), b.store.report(3)}
	if reports[0].State != settle.ReportUnknown || reports[0].Done || !strings.Contains(reports[0].Fault, "[2601-NOTFOUND]") {
		t.Errorf("the lost sale: %+v", reports[0])
	}
	if reports[1].State != settle.ReportAccepted || reports[2].State != settle.ReportPending || len(b.store.journal[3]) != 0 {
		t.Errorf("the others: %+v", reports[1:])
	}
	if n := b.arrived("2102"); n != 2 {
		t.Errorf("%d messages 2102 arrived", n)
	}
}

// TestProved: what 2601 cannot find is resolved by 3202: sent again where the centre has nothing, claimed where it has.
func TestProved(t *testing.T) {
	for name, plans := range map[string][]string{
		"never arrived":             {"2102=502-before"},
		"cancellation never there":  {"2103=502-before"},
		"booked, 2601 does not see": {"2102=lose-answer", "2601=blind:1000"},
		"cancelled, 2601 is blind":  {"2103=lose-answer", "2601=blind:1000"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			defer b.close()
			b.proofAfter = time.Millisecond
			b.plan(plans...)
			b.sell(b.family.Patient, "A", settle.Figures{Total: 10000, Own: 3860, Shared: 6140})
			b.sell(b.family.Stranger, "B", settle.Figures{Total: 700, Own: 700})
			b.giveBack(settle.ReportRefund, "A", settle.Figures{Total: 3000, Own: 3000})
			l := b.start(nil)
			b.await(allDone)
			l.stop(t)
			for id := int64(1); id <= 3; id++ {
				if report := b.store.report(id); report.State != settle.ReportAccepted {
					t.Errorf("report %d: %+v", id, report)
				}
			}
			rows := b.centre.Standing()
			if len(rows) != 2 || rows[0].Figures.Total+rows[1].Figures.Total != 3700 {
				t.Errorf("standing: %+v", rows)
			}
			if b.arrived("3202") == 0 {
				t.Error("nothing was looked up")
			}
		})
	}
}

// TestLateArrival: a sale that arrives after the till gave up on it is found by a later 2601 and booked once.
func TestLateArrival(t *testing.T) {
	b := newBench(t)
	defer b.close()
	b.plan("2102=delay-before:1:300ms")
	b.sell(b.family.Patient, "A", settle.Figures{Total: 1000, Own: 1000})
	l := b.start(func(c *nhsa.Options, _ *Options) { c.Timeout = 100 * time.Millisecond })
	b.await(allDone)
	l.stop(t)
	if rows := b.centre.Standing(); len(rows) != 1 || len(b.centre.Book()) != 2 {
		t.Errorf("book: %+v", b.centre.Book())
	}
}

// TestSignInExpires: a refused sign-in is renewed once and the sale goes on; it is no refusal of the sale.
func TestSignInExpires(t *testing.T) {
	b := newBench(t)
	defer b.close()
	b.plan("2102=expire-signin:3")
	b.sell(b.family.Patient, "A", settle.Figures{Total: 1000, Own: 1000})
	l := b.start(nil)
	b.await(allDone)
	l.stop(t)
	if report := b.store.report(1); report.State != settle.ReportAccepted || report.Attempts != 1 {
		t.Errorf("%+v", report)
	}
	if n := b.arrived("2102"); n != 4 {
		t.Errorf("%d messages 2102", n)
	}
}

// TestRefused: a refusal is held for a person with the centre's words and no identity; what follows it needs no message.
func TestRefused(t *testing.T) {
	b := newBench(t)
	defer b.close()
	other := b.family.Patient
	other.CardNumber = b.family.Stranger.CardNumber
	b.sell(other, "A", settle.Figures{Total: 1000, Own: 1000})
	b.giveBack(settle.ReportReverse, "A", settle.Figures{})
	l := b.start(nil)
	b.await(allDone)
	l.stop(t)
	first, second := b.store.report(1), b.store.report(2)
	if first.State != settle.ReportRefused || !strings.Contains(first.Fault, "人卡不一致") {
		t.Errorf("%+v", first)
	}
	if second.State != settle.ReportAccepted || b.arrived("2103") != 0 || len(b.centre.Book()) != 0 {
		t.Errorf("%+v", second)
	}
}

// TestAdjusted: where the accounts hold less than the till thought, the centre's figures stand.
func TestAdjusted(t *testing.T) {
	b := newBench(t)
	defer b.close()
	b.sell(b.family.Stranger, "A", settle.Figures{Total: 30000, Own: 30000})
	l := b.start(nil)
	b.await(allDone)
	l.stop(t)
	if report := b.store.report(1); report.State != settle.ReportAdjusted || b.store.booked["A"].Figures.Cash != 10000 {
		t.Errorf("%+v %+v", report, b.store.booked["A"])
	}
}

// TestUnbuildable: a report that does not fit the interface is held at once and blocks nobody.
func TestUnbuildable(t *testing.T) {
	b := newBench(t)
	defer b.close()
	b.sell(b.family.Patient, "A", settle.Figures{Total: 1000, Own: 1000})
	b.store.contents[1].sale.Lines[0].Code = strings.Repeat("X", 51)
	b.sell(b.family.Stranger, "B", settle.Figures{Total: 1000, Own: 1000})
	l := b.start(nil)
	b.await(allDone)
	l.stop(t)
	if report := b.store.report(1); report.State != settle.ReportRefused || !strings.Contains(report.Fault, "med_list_codg") {
		t.Errorf("%+v", report)
	}
	if len(b.centre.Standing()) != 1 {
		t.Error("the other sale is not booked")
	}
}

// stale is a store whose list of due reports may be older than what became of them.
type stale struct {
	*process
	passes chan struct{}
}

func (s stale) DueDossiers(_ context.Context, _ time.Time, n int, _ []int64) (due []settle.DueReport, err error) {
	select {
	case s.passes <- struct{}{}:
	default:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.reports[:min(n, len(s.reports))] {
		due = append(due, settle.DueReport{Report: r.ID, Person: r.Person})
	}
	return due, nil
}

// TestStaleList: a report that has ended is not taken up again, whatever a list says; a refused sale least of all.
func TestStaleList(t *testing.T) {
	b := newBench(t)
	defer b.close()
	other := b.family.Patient
	other.CardNumber = b.family.Stranger.CardNumber
	b.sell(other, "A", settle.Figures{Total: 1000, Own: 1000})
	b.sell(b.family.Stranger, "B", settle.Figures{Total: 30000, Own: 30000})
	passes := make(chan struct{})
	l := b.start(func(_ *nhsa.Options, o *Options) { o.Store = stale{o.Store.(*process), passes} })
	b.await(allDone)
	for range 20 { // passes over the stale list; none of them may do anything
		l.Wake()
		select {
		case <-passes:
		case <-time.After(5 * time.Second):
			t.Fatal("no further pass")
		}
	}
	l.stop(t)
	if n := b.arrived("2102"); n != 2 {
		t.Errorf("%d messages 2102", n)
	}
	if b.store.report(1).State != settle.ReportRefused || b.store.report(2).State != settle.ReportAdjusted {
		t.Errorf("%+v %+v", b.store.report(1), b.store.report(2))
	}
}

// TestOffline: a line that is down is felt for without hammering, shows, and comes back by itself.
func TestOffline(t *testing.T) {
	b := newBench(t)
	defer b.close()
	b.setDown(true)
	for i := range 30 {
		member := b.family.Members()[i%5]
		member.PsnNo = fmt.Sprintf("%s%02d", member.PsnNo[:18], i+20) // thirty people the centre does not know
		b.sell(member, fmt.Sprint(i), settle.Figures{Total: 100, Cash: 100})
	}
	changes := make(chan bool, 64)
	l := b.start(func(_ *nhsa.Options, o *Options) {
		o.ProbeEvery, o.LeastWait, o.MostWait = 20*time.Millisecond, 20*time.Millisecond, 40*time.Millisecond
		o.OnUpstream = func(e Event) {
			if e.Report == 0 {
				changes <- e.Offline
			}
		}
	})
	if !l.Offline() {
		t.Error("a centre that was never reached counts as there")
	}
	probes := b.arrived(nhsa.InfnoSignIn)
	for deadline := time.Now().Add(5 * time.Second); b.arrived(nhsa.InfnoSignIn) < probes+4 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	tried := 0
	for i := range 30 {
		if !b.store.report(int64(i + 1)).NextAt.IsZero() {
			tried++
		}
	}
	if tried > 12 {
		t.Errorf("%d of 30 reports were thrown at a line that is down", tried)
	}
	b.setDown(false)
	if <-changes {
		t.Error("the line did not come back")
	}
	b.await(allDone)
	if l.Offline() {
		t.Error("still offline")
	}
	if err := l.Probe(t.Context()); err != nil {
		t.Error(err)
	}
	b.setDown(true)
	if err := l.Probe(t.Context()); settle.CodeOf(err) != settle.UpstreamSilent {
		t.Errorf("probe: %v", err)
	}
	l.stop(t)
}

// TestEndsWithHangingCentre: the end does not wait for a centre that hangs, and what was on its way is unknown.
func TestEndsWithHangingCentre(t *testing.T) {
	b := newBench(t)
	b.plan("2102=delay-after:1:400ms")
	b.sell(b.family.Patient, "A", settle.Figures{Total: 1000, Own: 1000})
	l := b.start(nil)
	deadline := time.Now().Add(5 * time.Second)
	for b.arrived("2102") == 0 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	l.stop(t)
	if state := b.store.journal[1][0].State; state != settle.DispatchUnknown {
		t.Errorf("state %s", state)
	}
	next := b.start(nil)
	b.await(allDone)
	next.stop(t)
	if len(b.centre.Standing()) != 1 {
		t.Errorf("book: %+v", b.centre.Book())
	}
	b.close()
}

// TestDecide walks the protocol's table.
func TestDecide(t *testing.T) {
	booking := &settle.Booking{SetlID: "S"}
	line := []settle.Line{{ID: "1"}}
	entry := func(infno string, state settle.DispatchState) settle.Dispatch {
		return settle.Dispatch{MsgID: infno + string(state), Infno: infno, State: state}
	}
	for i, c := range []struct {
		kind    settle.ReportKind
		booked  *settle.Booking
		lines   []settle.Line
		journal []settle.Dispatch
		want    action
	}{
		{settle.ReportSettle, nil, line, nil, actBook},
		{settle.ReportSettle, nil, line, []settle.Dispatch{entry("2102", settle.DispatchUnsent), entry("2102", settle.DispatchRefused)}, actBook},
		{settle.ReportSettle, nil, line, []settle.Dispatch{entry("2102", settle.DispatchUnknown)}, actUndo},
		{settle.ReportSettle, nil, line, []settle.Dispatch{entry("2102", settle.DispatchSent)}, actUndo},
		{settle.ReportSettle, nil, line, []settle.Dispatch{entry("2102", settle.DispatchUnknown), entry("2601", settle.DispatchUnknown)}, actUndo},
		{settle.ReportSettle, nil, line, []settle.Dispatch{entry("2102", settle.DispatchReversed), entry("2601", settle.DispatchAccepted)}, actBook},
		{settle.ReportSettle, booking, line, []settle.Dispatch{entry("2102", settle.DispatchAccepted)}, actFinish},
		{settle.ReportReverse, nil, line, nil, actFinish},
		{settle.ReportReverse, booking, line, nil, actCancel},
		{settle.ReportReverse, booking, line, []settle.Dispatch{entry("2103", settle.DispatchUnknown)}, actUndo},
		{settle.ReportReverse, booking, line, []settle.Dispatch{entry("2103", settle.DispatchReversed)}, actCancel},
		{settle.ReportReverse, nil, line, []settle.Dispatch{entry("2103", settle.DispatchAccepted)}, actFinish},
		{settle.ReportRefund, booking, line, nil, actCancel},
		{settle.ReportRefund, nil, line, nil, actFinish},
		{settle.ReportRefund, nil, line, []settle.Dispatch{entry("2103", settle.DispatchAccepted)}, actBook},
		{settle.ReportRefund, nil, nil, []settle.Dispatch{entry("2103", settle.DispatchAccepted)}, actFinish},
		{settle.ReportRefund, nil, line, []settle.Dispatch{entry("2103", settle.DispatchAccepted), entry("2102", settle.DispatchUnknown)}, actUndo},
		{settle.ReportRefund, booking, line, []settle.Dispatch{entry("2103", settle.DispatchAccepted), entry("2102", settle.DispatchAccepted)}, actFinish},
	} {
		d := settle.Dossier{Report: settle.Report{Kind: c.kind}, Booked: c.booked, Sale: settle.Sale{Lines: c.lines}, Journal: c.journal}
		got := decide(&d, "")
		if got.action != c.want {
			t.Errorf("case %d: action %d, want %d", i, got.action, c.want)
		}
		if got.action == actUndo && !slices.ContainsFunc(c.journal, func(m settle.Dispatch) bool { return m.MsgID == got.original.MsgID && books(m.Infno) }) {
			t.Errorf("case %d undoes %q", i, got.original.MsgID)
		}
	}
}

func TestBackoff(t *testing.T) {
	for n := range 80 {
		least, most := 500*time.Millisecond, 5*time.Minute
		want := most
		if n < 10 {
			want = min(most, least<<n)
		}
		if got := backoff(n, least, most, randomly); got < want/2 || got > want {
			t.Errorf("after %d failures %v", n, got)
		}
	}
}
