package cardreader

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/prometheus/client_golang/prometheus"

	"gongji/cardreader/acs"
	"gongji/cardreader/serialport"
	"gongji/cardreader/wire"
)

// Times of the supervisor.
const (
	// pollEvery is how often the slot is looked at when the reader announces nothing by itself.
	pollEvery = 250 * time.Millisecond
	// announcedEvery is how often it is looked at all the same when the reader does announce: a notice may be lost.
	announcedEvery = time.Second
	// readLimit bounds one reading, resets and repetitions included.
	readLimit = 8 * time.Second
	// retryEvery is how often an unreadable card is tried again while it stays: it may have been pushed in further.
	retryEvery = 2 * time.Second
	// openFirst and openMost bound the pause between attempts to open the port, so that a device is used within two seconds
	// of its coming back.
	openFirst = 100 * time.Millisecond
	openMost  = 500 * time.Millisecond
	// openJitter spreads the attempts of several readers.
	openJitter = 0.3
)

// Options of a Reader. Name, Kind and one of Port and Open are mandatory.
type Options struct {
	// Name identifies the reader in events and metrics; Terminal is the till it belongs to (default: the name).
	Name, Terminal string
	// Kind of the reader, one of Kinds.
	Kind string
	// Role of the reader (default: what readers of its kind are for).
	Role Role
	// Port is the device path; Baud 0 means the kind's own speed.
	Port string
	Baud int
	// Slot of an acs reader: SlotContact (default) or SlotContactless.
	Slot string
	// Prefix is what a scanner puts before each code.
	Prefix string
	// KeepPhoto keeps the photograph of an identity document, which is dropped otherwise.
	KeepPhoto bool
	// Open opens the line (default: serialport with Port and Baud). OpenAt does the same at another speed; it is needed only
	// for an acs reader that is to be switched to a higher speed than its own (default: as Open, when that is the default).
	Open   func(ctx context.Context) (Port, error)
	OpenAt func(ctx context.Context, baud int) (Port, error)
	// Logger (default: none), Registerer (default: none), Clock for the time of events (default time.Now).
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	Clock      func() time.Time
}

// roleOf is what readers of a kind are for.
var roleOf = map[string]Role{KindGemPC: RoleCard, KindACS: RoleCard, KindSDT: RoleID, KindScanner: RoleScanner}

// fill checks the options and sets defaults.
func (o *Options) fill() error {
	var missing []string
	if o.Name == "" {
		missing = append(missing, "Name")
	}
	if o.Port == "" && o.Open == nil {
		missing = append(missing, "Port")
	}
	if len(missing) > 0 {
		return fmt.Errorf("cardreader: options: missing %s", strings.Join(missing, ", "))
	}
	if !slices.Contains(Kinds(), o.Kind) {
		return fmt.Errorf("cardreader: options: unknown Kind %q (known: %s)", o.Kind, strings.Join(Kinds(), ", "))
	}
	if o.Baud < 0 {
		return fmt.Errorf("cardreader: options: Baud %d", o.Baud)
	}
	if o.Terminal == "" {
		o.Terminal = o.Name
	}
	if o.Role == "" {
		o.Role = roleOf[o.Kind]
	}
	if !slices.Contains([]string{"", SlotContact, SlotContactless}, o.Slot) {
		return fmt.Errorf("cardreader: options: unknown Slot %q", o.Slot)
	}
	if o.Open == nil {
		line := lineSettings(o.Kind, o.Port, o.Baud)
		o.OpenAt = func(_ context.Context, baud int) (Port, error) {
			line := line
			line.Baud = baud
			p, err := serialport.Open(line)
			if err != nil {
				return nil, err
			}
			return p, nil
		}
		o.Open = func(ctx context.Context) (Port, error) { return o.OpenAt(ctx, line.Baud) }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return nil
}

// Status is a reader at one moment.
type Status struct {
	Name       string      `json:"name"`
	Terminal   string      `json:"terminal"`
	Kind       string      `json:"kind"`
	Role       Role        `json:"role"`
	State      State       `json:"state"`
	Seq        uint64      `json:"seq"`
	Credential *Credential `json:"credential,omitempty"`
	Fault      *Fault      `json:"fault,omitempty"`
	// Scan is what was scanned and not used yet, at a scanner.
	Scan  *Scan     `json:"scan,omitempty"`
	Since time.Time `json:"since"`
}

// Reader supervises one reader. Run owns the port; all other methods may be called from any goroutine.
type Reader struct {
	opts    Options
	log     *slog.Logger
	metrics *metrics
	seq     atomic.Uint64

	mu          sync.Mutex
	status      Status
	subscribers map[*subscriber]struct{}
}

// New checks the options and returns a reader that is down until Run has reached it. The error names what is missing.
func New(opts Options) (*Reader, error) {
	if err := opts.fill(); err != nil {
		return nil, err
	}
	m, err := newMetrics(opts.Registerer)
	if err != nil {
		return nil, err
	}
	m.start(opts.Name)
	return &Reader{
		opts: opts, metrics: m, log: opts.Logger.With("component", "cardreader", "reader", opts.Name),
		status: Status{Name: opts.Name, Terminal: opts.Terminal, Kind: opts.Kind, Role: opts.Role, State: StateDown, Since: opts.Clock(),
			Fault: &Fault{Code: CodeReaderDown, Message: "正在连接读卡器，请稍候。"}},
		subscribers: map[*subscriber]struct{}{},
	}, nil
}

// Seq returns the sequence number now. It rises at every insertion, removal, fault and re-opening, and whenever a card may
// have been exchanged; equal numbers mean that the same card stayed in. It is cheap.
func (r *Reader) Seq() uint64 { return r.seq.Load() }

// Status returns the reader as it is now. The credential is shared and must not be changed; when it is completed, another
// takes its place under the same number.
func (r *Reader) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status
}

// Run keeps the reader going until the context ends, then returns nil within half a second. It must be called once only.
func (r *Reader) Run(ctx context.Context) error {
	pause := &backoff.ExponentialBackOff{
		InitialInterval: openFirst, RandomizationFactor: openJitter, Multiplier: 1.5, MaxInterval: openMost,
	}
	pause.Reset()
	for ctx.Err() == nil {
		reached, err := r.session(ctx)
		if ctx.Err() != nil {
			break
		}
		if errors.Is(err, errHurried) {
			continue
		}
		r.down(err)
		if reached {
			pause.Reset()
		}
		timer := time.NewTimer(pause.NextBackOff())
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// session opens the port and serves it until something breaks. reached tells whether the reader answered.
func (r *Reader) session(ctx context.Context) (reached bool, err error) {
	port, err := r.opts.Open(ctx)
	if err != nil {
		return false, err
	}
	defer func() {
		if e := port.Close(); e != nil {
			r.log.Debug("close port", "error", e)
		}
	}()
	if r.opts.Kind == KindScanner {
		return true, r.listen(ctx, port)
	}
	dev, err := newDevice(r.opts, port, nil)
	if err != nil {
		return false, err
	}
	if err := r.hurry(ctx, port); err != nil {
		return false, err
	}
	if err := dev.start(ctx); err != nil {
		return false, err
	}
	r.publish(ReaderReady, content{state: StateAbsent})
	return true, r.serve(ctx, dev)
}

// errHurried: the reader was switched to another speed, and the port has to be opened again.
var errHurried = errors.New("cardreader: reader switched to the configured speed")

// hurry meets an acs reader that has gone back to its factory speed, as it does whenever it loses power: a reader that does
// not answer at the high speed is told there to change.
func (r *Reader) hurry(ctx context.Context, port Port) error {
	if r.opts.Kind != KindACS || r.opts.Baud != acs.FastBaud || r.opts.OpenAt == nil {
		return nil
	}
	if answered, err := greet(ctx, port, KindACS); err != nil || answered {
		return err
	}
	if err := port.Close(); err != nil {
		return err
	}
	slow, err := r.opts.OpenAt(ctx, acs.Baud)
	if err != nil {
		return err
	}
	defer func() { _ = slow.Close() }() // whatever it says, the port is opened anew
	if answered, err := greet(ctx, slow, KindACS); err != nil || !answered {
		return errors.Join(wire.ErrSilent, err)
	}
	link := acs.New(slow, acs.Options{Timeout: serialport.IsTimeout})
	if err := link.ChangeSpeed(ctx, true); err != nil {
		return err
	}
	return errHurried
}

// serve watches the slot until the reader fails or the context ends.
func (r *Reader) serve(ctx context.Context, dev device) error {
	var has bool
	var retryAt time.Time
	for ctx.Err() == nil {
		present, left, err := dev.look(ctx)
		if err != nil {
			return err
		}
		if has && (left || !present) {
			has = false
			r.publish(CardRemoved, content{state: StateAbsent})
		}
		if present && (!has || r.unreadable() && !time.Now().Before(retryAt)) {
			if has, err = r.take(ctx, dev, has); err != nil {
				return err
			}
			retryAt = time.Now().Add(retryEvery)
			continue
		}
		every := pollEvery
		if dev.announces() && !r.unreadable() {
			every = announcedEvery
		}
		if err := dev.wait(ctx, every); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// unreadable tells whether the card now in the slot could not be read.
func (r *Reader) unreadable() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status.Fault != nil && r.status.Fault.Code == CodeCardUnreadable
}

// take reads the card in the slot and publishes what came of it. again is a further try at a card that could not be read;
// it is published only when it succeeds. has tells whether the card is still there; an error is the reader's.
func (r *Reader) take(ctx context.Context, dev device, again bool) (has bool, err error) {
	if !again {
		r.enter(content{state: StateReading})
	}
	began := time.Now()
	known := func() { r.metrics.duration.Observe(time.Since(began).Seconds()) }
	limited, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	var early *Credential
	c, err := dev.read(limited, func(c Credential) {
		known()
		c.ReadAt = r.opts.Clock()
		early = &c
		r.accept(early)
	})
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if early != nil {
		return r.complete(early, c, err)
	}
	known()
	c.ReadAt, c.Complete = r.opts.Clock(), true
	switch {
	case err == nil:
		r.accept(&c)
	case cardGone(err):
		r.count(resultRemoved)
		r.publish(CardRemoved, content{state: StateAbsent})
		return false, nil
	case !isCardError(err):
		r.count(resultNoReader)
		return false, err
	default:
		r.count(resultBad)
		if !again {
			r.publish(CardInserted, content{state: StateFault, fault: cardFault(err)})
		}
	}
	return true, nil
}

// complete ends a reading whose identity was published: the credential is replaced by the complete one under the same number.
// Trouble with the rest of the card changes nothing in who it is; only a card that left or a reader that fails does.
func (r *Reader) complete(early *Credential, c Credential, err error) (has bool, _ error) {
	switch {
	case cardGone(err):
		r.publish(CardRemoved, content{state: StateAbsent})
		return false, nil
	case err != nil && !isCardError(err):
		return false, err
	case err != nil:
		c = *early
	}
	c.ReadAt, c.Complete = early.ReadAt, true
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.status.Credential == early {
		r.status.Credential = &c
	}
	return true, nil
}

// wanted is the kind of card that a reader is for.
func (r *Reader) wanted() CardKind {
	if r.opts.Kind == KindSDT {
		return CardIdentity
	}
	return CardSocial
}

// accept publishes a card that was read.
func (r *Reader) accept(c *Credential) {
	switch {
	case c.Kind != r.wanted():
		r.count(resultStranger)
		r.publish(CardInserted, content{state: StateFault, credential: c, fault: strangerFault(c.Kind)})
	case c.NeedsAuthentication:
		r.count(resultLocked)
		r.publish(CardInserted, content{state: StatePresent, credential: c})
	default:
		r.count(resultOK)
		r.publish(CardInserted, content{state: StatePresent, credential: c})
	}
}

func (r *Reader) count(result string) { r.metrics.reads.WithLabelValues(r.opts.Name, result).Inc() }

// down publishes that the reader cannot be talked to. While it stays so for the same reason nothing more is said.
func (r *Reader) down(err error) {
	f := readerFault(err)
	if s := r.Status(); s.State == StateDown && s.Fault != nil && s.Fault.Message == f.Message {
		return
	}
	r.publish(ReaderFault, content{state: StateDown, fault: f})
}

// content is what a reader shows at one moment.
type content struct {
	state      State
	credential *Credential
	fault      *Fault
	scan       *Scan
}

// enter changes state and sequence number without an event.
func (r *Reader) enter(c content) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.set(c)
}

// set must be called with mu held. The number rises before the state is seen, so nobody pairs a new card with an old number.
// A code that was scanned before is good for nothing any more.
func (r *Reader) set(c content) {
	r.status.Seq = r.seq.Add(1)
	if r.status.Scan != nil {
		r.status.Scan.forget()
	}
	r.status.State, r.status.Credential, r.status.Fault, r.status.Scan = c.state, c.credential, c.fault, c.scan
	r.status.Since = r.opts.Clock()
	r.metrics.show(r.opts.Name, c.state)
}

// publish changes the state and tells the subscribers.
func (r *Reader) publish(kind EventKind, c content) {
	r.mu.Lock()
	r.set(c)
	e := Event{Reader: r.opts.Name, Seq: r.status.Seq, Kind: kind, At: r.status.Since, State: c.state,
		Credential: c.credential, Fault: c.fault, Scan: c.scan}
	for sub := range r.subscribers {
		sub.send(e)
	}
	r.mu.Unlock()
	r.record(e)
}

// record logs an event: what happened, not who.
func (r *Reader) record(e Event) {
	level, attrs := slog.LevelInfo, []any{"seq", e.Seq, "state", string(e.State)}
	if e.Credential != nil {
		attrs = append(attrs, "card_kind", string(e.Credential.Kind))
	}
	if e.Scan != nil {
		attrs = append(attrs, "scan_kind", string(e.Scan.Kind()))
	}
	if e.Fault != nil {
		level = slog.LevelWarn
		attrs = append(attrs, "code", string(e.Fault.Code), "error", e.Fault.Err)
	}
	r.log.Log(context.Background(), level, string(e.Kind), attrs...)
}

// subscriber receives events.
type subscriber struct{ events chan Event }

// send never blocks: when the subscriber is behind, its oldest event is dropped. Only one goroutine sends, under the
// reader's lock, so there is room after one is taken out.
func (s *subscriber) send(e Event) {
	for {
		select {
		case s.events <- e:
			return
		default:
		}
		select {
		case <-s.events:
		default:
		}
	}
}

// Subscribe returns a channel of events from now on and a function that ends it and closes the channel. A subscriber that
// falls behind by more than buffer events (at least one) loses the oldest; the sequence numbers show the gap, and Status
// has the present. It never holds up the reader.
func (r *Reader) Subscribe(buffer int) (<-chan Event, func()) {
	s := &subscriber{events: make(chan Event, max(1, buffer))}
	r.mu.Lock()
	r.subscribers[s] = struct{}{}
	r.mu.Unlock()
	return s.events, sync.OnceFunc(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.subscribers, s)
		close(s.events)
	})
}

// ErrNoCard says that ReadOnce found the slot empty.
var ErrNoCard = errors.New("cardreader: no card in the reader")

// ReadOnce opens the reader, reads the card in it once and closes it again, for a technician. With trace set the whole
// exchange is written to it in hex with names; that is the full identity on the card, so only an explicit request may set it.
// For scanners there is ScanOnce.
// Errors: ErrNoCard, or a *Fault; with a fault about a card of another kind the credential names that kind.
func ReadOnce(ctx context.Context, opts Options, trace io.Writer) (c Credential, err error) {
	if err := opts.fill(); err != nil {
		return Credential{}, err
	}
	port, err := opts.Open(ctx)
	if err != nil {
		return Credential{}, readerFault(err)
	}
	defer func() {
		if e := port.Close(); e != nil && err == nil {
			err = readerFault(e)
		}
	}()
	var t tracer
	if trace != nil {
		t = writeTrace(trace)
	}
	dev, err := newDevice(opts, port, t)
	if err != nil {
		return Credential{}, err
	}
	c, err = readOnce(ctx, dev, trace)
	if c.ReadAt = opts.Clock(); err == nil && c.Kind != CardSocial && opts.Kind != KindSDT {
		err = strangerFault(c.Kind)
	}
	return c, err
}

func readOnce(ctx context.Context, dev device, trace io.Writer) (Credential, error) {
	if err := dev.start(ctx); err != nil {
		return Credential{}, readerFault(err)
	}
	if trace != nil {
		if name, err := dev.name(ctx); err == nil {
			fmt.Fprintf(trace, "# reader: %q\n", name)
		}
	}
	present, _, err := dev.look(ctx)
	if err != nil {
		return Credential{}, readerFault(err)
	}
	if !present {
		return Credential{}, ErrNoCard
	}
	limited, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	c, err := dev.read(limited, nil)
	switch {
	case cardGone(err):
		return Credential{}, ErrNoCard
	case err != nil && !isCardError(err):
		return Credential{}, readerFault(err)
	case err != nil:
		return Credential{}, cardFault(err)
	}
	c.Complete = true
	return c, nil
}
