package outbox

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gongji/settle"
	"gongji/sync/nhsa"
)

// Options of a Worker. Store, Client and SignIns are needed.
type Options struct {
	Store      Store
	Client     *nhsa.Client
	SignIns    *nhsa.SignIns
	Extensions nhsa.Extensions
	Uploads    Uploads // nil: goods are not uploaded
	Prover     Prover  // nil: what 2601 cannot undo stays unknown until a person resolves it
	// ProofAfter is how long a message without an answer may still be on its way: goods that came back are not uploaded while
	// the upload of their sale may still arrive. Default 10 min.
	ProofAfter time.Duration
	Operator   settle.Operator // signs in for probes and where a sale names no operator; default gongjid
	Clock      func() time.Time
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	OnUpstream func(Event) // called after every step and when the line is lost or found; must not block

	Parallel  int           // messages on their way at once; default 16
	LeastWait time.Duration // first wait after a failure; default 500 ms
	MostWait  time.Duration // longest wait after failures; default 5 min
	// AskAgain is how long until a binding request that the centre has not decided is asked about again, until it has: a
	// refusal is only learned by asking. 0: not at all; the report ends, the request stays pending, and the feed brings the
	// binding when it is there. The store holds nobody's reports back behind a request that waits for a decision.
	AskAgain   time.Duration
	ProbeEvery time.Duration // between probes of a line that is down, growing to MostWait; default 5 s
	// GiveWay waits, for a moment at most, while a sale is being answered at the counter: a patient comes before a backlog. nil:
	// nobody does.
	GiveWay func(ctx context.Context)
	// Jitter spreads waits by something from 0 to most; default at random. A simulation that must replay has its own.
	Jitter func(most time.Duration) time.Duration
}

// Event tells the till what became of a report. It carries no identity.
type Event struct {
	At         time.Time            `json:"at"`
	Report     int64                `json:"report,omitempty"` // 0: only the line has changed
	Settlement string               `json:"settlement_id,omitempty"`
	Return     string               `json:"return_id,omitempty"`
	Kind       settle.ReportKind    `json:"kind,omitempty"`
	State      settle.ReportState   `json:"state,omitempty"`
	Done       bool                 `json:"done,omitempty"`
	Infno      string               `json:"infno,omitempty"`
	Dispatch   settle.DispatchState `json:"dispatch,omitempty"`
	Fault      string               `json:"fault,omitempty"`
	Offline    bool                 `json:"offline"`
}

// Worker works the outbox off. Run may be called once; the other methods are safe for concurrent use.
type Worker struct {
	options Options
	log     *slog.Logger
	wake    chan struct{}

	mu     sync.Mutex
	flying map[settle.PersonID]flight
	wg     sync.WaitGroup

	lastProbe time.Time // of Run's goroutine only

	due []settle.DueReport // of Run's goroutine only: read from the store and not started yet

	goods chan struct{}       // wakes the uploads
	late  map[int64]time.Time // of the uploads' goroutine only: since when a return is held behind its sale

	trip      atomic.Int64 // nanoseconds that a message takes there and back, smoothed; 0: not known
	line      gate         // messages on their way
	metronome metronome
	desk      chan struct{} // holds a token for each processor that the outbox may work with
}

// flight is a report that is being worked on.
type flight struct {
	report int64
	since  time.Time
}

// endWithin is how long Run takes at most after its context has ended.
const endWithin = 400 * time.Millisecond

// New checks the options. The error is NOT_CONFIGURED and names what is missing.
func New(options Options) (*Worker, error) {
	if options.Store == nil || options.Client == nil || options.SignIns == nil {
		return nil, settle.NewError(settle.NotConfigured, errors.New("outbox needs Store, Client and SignIns"))
	}
	if options.Operator.ID == "" {
		options.Operator = settle.Operator{ID: "gongjid", Name: "系统"}
	}
	if options.Clock == nil {
		options.Clock = time.Now
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	if options.OnUpstream == nil {
		options.OnUpstream = func(Event) {}
	}
	if options.Jitter == nil {
		options.Jitter = randomly
	}
	options.Parallel = positive(options.Parallel, 16)
	options.LeastWait = positive(options.LeastWait, 500*time.Millisecond)
	options.MostWait = positive(options.MostWait, 5*time.Minute)
	options.ProofAfter = positive(options.ProofAfter, 10*time.Minute)
	options.ProbeEvery = positive(options.ProbeEvery, 5*time.Second)
	w := &Worker{
		options: options, log: options.Logger.With("component", "outbox"),
		wake: make(chan struct{}, 1), flying: map[settle.PersonID]flight{}, goods: make(chan struct{}, 1),
		late: map[int64]time.Time{}, desk: make(chan struct{}, desks(options.GiveWay != nil)),
	}
	if options.Registerer != nil {
		options.Registerer.MustRegister(newCollector(w))
	}
	options.Client.Watch(w.lineChanged)
	return w, nil
}

func positive[T int | time.Duration](value, other T) T {
	if value > 0 {
		return value
	}
	return other
}

// Wake tells the worker that there is a new report. It never blocks.
func (w *Worker) Wake() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Offline reports whether the last contact with the centre failed and nothing has succeeded since.
func (w *Worker) Offline() bool { return w.options.Client.Offline() }

func (w *Worker) lineChanged(offline bool) {
	if offline {
		w.log.Warn("the centre is not reachable")
	} else {
		w.log.Info("the centre is reachable")
	}
	w.options.OnUpstream(Event{At: w.options.Clock(), Offline: offline})
	w.Wake()
}

// Probe signs the daemon's own operator in (9001), to learn whether the centre can be reached. The error is
// UPSTREAM_SILENT when it cannot.
func (w *Worker) Probe(ctx context.Context) error {
	outcome, err := w.options.SignIns.Renew(ctx, w.options.Operator)
	if err != nil {
		return err
	}
	if outcome.Result != nhsa.Answered {
		return settle.NewError(settle.UpstreamSilent, outcome.Err)
	}
	return nil
}

// Run works until ctx ends and returns within half a second of that; whatever was on its way is unknown then and is
// resolved by the next start. The error is the store's at the start; later errors of the store are logged and tried
// again, since a full disk may be cleared.
func (w *Worker) Run(ctx context.Context) error {
	recovered, err := w.options.Store.RecoverDispatches(ctx)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	if recovered > 0 {
		w.log.Warn("messages were on their way when the last run ended; they are unknown now", "messages", recovered)
	}
	if w.options.Uploads != nil {
		w.wg.Add(1)
		go func() { defer w.wg.Done(); w.upload(ctx) }()
	}
	for ctx.Err() == nil {
		wait := w.pass(ctx)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-w.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
	w.drain()
	return nil
}

// drain waits for the steps that are under way, whose messages end with ctx.
func (w *Worker) drain() {
	ended := make(chan struct{})
	go func() { w.wg.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(endWithin):
		w.log.Warn("a step did not end in time; its message will be unknown at the next start")
	}
}

// pass starts what is due and returns how long to wait for more; the end of a step wakes the loop earlier.
func (w *Worker) pass(ctx context.Context) time.Duration {
	now := w.options.Clock()
	down, probe := w.feel(ctx, now)
	if down {
		w.due = nil
		return probe
	}
	underWay := w.underWay()
	flying := len(underWay)
	room := w.room()
	if flying >= room {
		return w.options.LeastWait
	}
	if len(w.due) == 0 {
		due, err := w.look(ctx, now, underWay)
		if err != nil {
			w.storeFault(ctx, "due reports", err)
			return w.options.LeastWait
		}
		w.due = due
	}
	for len(w.due) > 0 && flying < room {
		due := w.due[0]
		w.due = w.due[1:]
		if w.start(due.Person, due.Report, func() { w.work(ctx, due) }) {
			flying++
		}
	}
	if flying > 0 {
		return w.options.LeastWait // NextDue would name the reports under way
	}
	next, err := w.options.Store.NextDue(ctx)
	if err != nil {
		w.storeFault(ctx, "next due", err)
		return w.options.LeastWait
	}
	if next.IsZero() {
		return probe
	}
	return min(probe, max(next.Sub(now), time.Millisecond))
}

// look reads what is due. One look at the store is for many reports: what is first of its person stays first until it is done.
func (w *Worker) look(ctx context.Context, now time.Time, underWay []int64) ([]settle.DueReport, error) {
	w.giveWay(ctx)
	defer w.sit(ctx)()
	return w.options.Store.DueDossiers(ctx, now, ahead*w.options.Parallel, underWay)
}

// underWay are the reports that are being worked on.
func (w *Worker) underWay() []int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	reports := make([]int64, 0, len(w.flying))
	for _, f := range w.flying {
		reports = append(reports, f.report)
	}
	return reports
}

// room is how many people may be worked on at once. Where the centre is near, most of them wait for the store, which writes for
// many at once, and few messages are on their way; a far one has a message on its way for each.
func (w *Worker) room() int {
	if trip := time.Duration(w.trip.Load()); w.options.GiveWay == nil || trip == 0 || trip > nearTrip {
		return w.options.Parallel
	}
	return ahead * w.options.Parallel
}

// ahead is how many times what may be on its way is read from the store at a time, and, where the centre is near, worked on at
// once.
const ahead = 4

// downAfter is how many failures in a row make a line that is down; fewer may be one bad record.
const downAfter = 3

// feel reports whether the line is down, so that no report is to be started, and then feels for it with a probe now and
// again: a backlog must not hammer a centre that is coming up. A line that was never tried is probed too, while reports
// go on, so that a till knows early whether it is offline. wait is the time to the next look.
func (w *Worker) feel(ctx context.Context, now time.Time) (down bool, wait time.Duration) {
	streak, known := w.options.Client.Failures()
	if known && streak == 0 {
		return false, time.Minute
	}
	down = streak >= downAfter
	every := w.options.ProbeEvery << min(max(streak-downAfter, 0), 3)
	if since := now.Sub(w.lastProbe); since >= 0 && since < every {
		return down, every - since
	}
	started := w.start(probing, 0, func() {
		if err := w.Probe(ctx); err != nil && settle.CodeOf(err) != settle.UpstreamSilent && ctx.Err() == nil {
			w.log.Error("the probe could not be made", "err", err.Error())
		}
	})
	if started { // the one before may be about to end: its failure is why the loop is here
		w.lastProbe = now
	}
	return down, every
}

// probing is the place of the probe among the people under way; no person has this id.
const probing settle.PersonID = ""

// start works on one person's report unless one of that person is under way.
func (w *Worker) start(person settle.PersonID, report int64, work func()) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, flying := w.flying[person]; flying {
		return false
	}
	w.flying[person] = flight{report, time.Now()}
	w.wg.Add(1)
	go func() {
		defer w.wg.Done()
		work()
		w.mu.Lock()
		delete(w.flying, person)
		w.mu.Unlock()
		w.Wake()
	}()
	return true
}

// giveWay lets a sale at the counter go first.
func (w *Worker) giveWay(ctx context.Context) {
	if w.options.GiveWay != nil {
		w.options.GiveWay(ctx)
	}
}

func (w *Worker) storeFault(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		w.log.Error("the outbox's store failed", "at", what, "code", string(settle.CodeOf(err)), "err", err.Error())
	}
}
