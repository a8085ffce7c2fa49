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

	"gongji/cardreader/serialport"
)

// Times of the supervisor.
const (
	// pollEvery is how often the slot is looked at when the reader announces nothing by itself.
	pollEvery = 250 * time.Millisecond
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
	// Role of the reader (default RoleCard).
	Role Role
	// Port is the device path; Baud 0 means the kind's own speed.
	Port string
	Baud int
	// Open opens the line (default: serialport with Port and Baud).
	Open func(ctx context.Context) (Port, error)
	// Logger (default: none), Registerer (default: none), Clock for the time of events (default time.Now).
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	Clock      func() time.Time
}

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
		o.Role = RoleCard
	}
	if o.Open == nil {
		line := lineSettings(o.Kind, o.Port, o.Baud)
		o.Open = func(context.Context) (Port, error) {
			p, err := serialport.Open(line)
			if err != nil {
				return nil, err
			}
			return p, nil
		}
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
	Since      time.Time   `json:"since"`
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

// Status returns the reader as it is now. The credential is shared and must not be changed.
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
	dev, err := newDevice(r.opts.Kind, port, nil)
	if err != nil {
		return false, err
	}
	if err := dev.start(ctx); err != nil {
		return false, err
	}
	r.publish(ReaderReady, StateAbsent, nil, nil)
	return true, r.serve(ctx, dev)
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
			r.publish(CardRemoved, StateAbsent, nil, nil)
		}
		if present && (!has || r.unreadable() && !time.Now().Before(retryAt)) {
			if has, err = r.take(ctx, dev, has); err != nil {
				return err
			}
			retryAt = time.Now().Add(retryEvery)
			continue
		}
		if err := dev.wait(ctx, pollEvery); err != nil {
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
		r.enter(StateReading, nil, nil)
	}
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, readLimit)
	c, err := dev.read(limited)
	cancel()
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	r.metrics.duration.Observe(time.Since(began).Seconds())
	c.ReadAt = r.opts.Clock()
	switch {
	case err == nil:
		r.accept(c)
	case cardGone(err):
		r.count(resultRemoved)
		r.publish(CardRemoved, StateAbsent, nil, nil)
		return false, nil
	case !isCardError(err):
		r.count(resultNoReader)
		return false, err
	default:
		r.count(resultBad)
		if !again {
			r.insert(StateFault, nil, cardFault(err))
		}
	}
	return true, nil
}

// accept publishes a card that was read.
func (r *Reader) accept(c Credential) {
	switch {
	case c.Kind != CardSocial:
		r.count(resultStranger)
		r.insert(StateFault, &c, strangerFault(c.Kind))
	case c.NeedsAuthentication:
		r.count(resultLocked)
		r.insert(StatePresent, &c, nil)
	default:
		r.count(resultOK)
		r.insert(StatePresent, &c, nil)
	}
}

func (r *Reader) insert(s State, c *Credential, f *Fault) { r.publish(CardInserted, s, c, f) }

func (r *Reader) count(result string) { r.metrics.reads.WithLabelValues(r.opts.Name, result).Inc() }

// down publishes that the reader cannot be talked to. While it stays so for the same reason nothing more is said.
func (r *Reader) down(err error) {
	f := readerFault(err)
	if s := r.Status(); s.State == StateDown && s.Fault != nil && s.Fault.Message == f.Message {
		return
	}
	r.publish(ReaderFault, StateDown, nil, f)
}

// enter changes state and sequence number without an event.
func (r *Reader) enter(s State, c *Credential, f *Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.set(s, c, f)
}

// set must be called with mu held. The number rises before the state is seen, so nobody pairs a new card with an old number.
func (r *Reader) set(s State, c *Credential, f *Fault) {
	r.status.Seq = r.seq.Add(1)
	r.status.State, r.status.Credential, r.status.Fault = s, c, f
	r.status.Since = r.opts.Clock()
	r.metrics.show(r.opts.Name, s)
}

// publish changes the state and tells the subscribers.
func (r *Reader) publish(kind EventKind, s State, c *Credential, f *Fault) {
	r.mu.Lock()
	r.set(s, c, f)
	e := Event{Reader: r.opts.Name, Seq: r.status.Seq, Kind: kind, At: r.status.Since, State: s, Credential: c, Fault: f}
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
	dev, err := newDevice(opts.Kind, port, t)
	if err != nil {
		return Credential{}, err
	}
	c, err = readOnce(ctx, dev, trace)
	c.ReadAt = opts.Clock()
	return c, err
}

func readOnce(ctx context.Context, dev device, trace io.Writer) (Credential, error) {
	if err := dev.start(ctx); err != nil {
		return Credential{}, readerFault(err)
	}
	if trace != nil {
		if name, err := dev.firmware(ctx); err == nil {
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
	c, err := dev.read(limited)
	switch {
	case cardGone(err):
		return Credential{}, ErrNoCard
	case err != nil && !isCardError(err):
		return Credential{}, readerFault(err)
	case err != nil:
		return Credential{}, cardFault(err)
	case c.Kind != CardSocial:
		return c, strangerFault(c.Kind)
	}
	return c, nil
}
