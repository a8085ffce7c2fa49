package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gongji/cardreader"
	"gongji/settle"
)

// NamedReader is a reader and the till it stands at.
type NamedReader struct {
	Name     string // as configured; unique
	Terminal string // the till; read only where there is more than one reader of the role
	Role     cardreader.Role
	Reader   Reader
}

// Options are what a session is built from. Zero durations take the defaults.
type Options struct {
	Readers []NamedReader
	Ledger  Ledger
	Centre  Centre
	// Inline asks the centre for each sale while the patient waits; nil: sales are settled from the ledger and reported
	// after. InlineLedger is needed with it.
	Inline       Inline
	InlineLedger InlineLedger
	Venue        settle.Venue
	Clock        func() time.Time // nil: time.Now
	Logger       *slog.Logger
	Registerer   prometheus.Registerer

	// RefreshWait is how long a sale waits for an answer of the centre that is on its way. Default 1 s.
	RefreshWait time.Duration
	// AskWait is how long a sale of a person whom the ledger does not know waits for the centre. Default 5 s.
	AskWait time.Duration
	// RefreshTimeout ends a question to the centre. Default 30 s.
	RefreshTimeout time.Duration
	// ReadWait is how long a sale waits for a card that is being read. Default 5 s.
	ReadWait time.Duration
}

func (o *Options) validate() error {
	switch {
	case o.Ledger == nil:
		return errors.New("session: Options.Ledger is missing")
	case o.Centre == nil:
		return errors.New("session: Options.Centre is missing")
	case o.Inline != nil && o.InlineLedger == nil:
		return errors.New("session: Options.InlineLedger is missing")
	case o.Logger == nil:
		return errors.New("session: Options.Logger is missing")
	case o.Registerer == nil:
		return errors.New("session: Options.Registerer is missing")
	}
	names := map[string]bool{}
	for _, r := range o.Readers {
		if r.Name == "" || r.Reader == nil || r.Role == "" {
			return errors.New("session: a reader has no name, role or reader")
		}
		if names[r.Name] {
			return fmt.Errorf("session: two readers are named %q", r.Name)
		}
		names[r.Name] = true
	}
	return nil
}

func (o *Options) fillDefaults() {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	for _, d := range []struct {
		value    *time.Duration
		fallback time.Duration
	}{
		{&o.RefreshWait, time.Second}, {&o.AskWait, 5 * time.Second}, {&o.RefreshTimeout, 30 * time.Second}, {&o.ReadWait, 5 * time.Second},
	} {
		if *d.value == 0 {
			*d.value = d.fallback
		}
	}
}

// Session ties sales to cards. Its methods may be called from any goroutine; errors are *settle.Error.
type Session struct {
	o       Options
	metrics *metrics

	base    context.Context // of questions to the centre; ended by Stop
	cancel  context.CancelFunc
	running sync.WaitGroup

	closing   chan struct{} // closed: nobody waits for a card any more
	closeOnce sync.Once

	mu      sync.Mutex
	stopped bool               // no flight may start any more
	flights map[string]*flight // by reader name: the latest question to the centre

	vouchers map[voucherKey]*voucher   // codes that were sent to the centre, each for one sale
	scans    map[string]uint64         // by scanner name: the scan that was taken last
	settling map[saleKey]chan struct{} // sales that the centre is being asked about
}

// New makes a session. Start begins to follow the readers.
func New(o Options) (*Session, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	o.fillDefaults()
	s := &Session{o: o, metrics: newMetrics(o.Registerer), closing: make(chan struct{}), flights: map[string]*flight{},
		vouchers: map[voucherKey]*voucher{}, scans: map[string]uint64{},
		settling: map[saleKey]chan struct{}{}}
	s.base, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// Start follows the card readers: each card that comes in is asked about at the centre.
func (s *Session) Start() {
	for i := range s.o.Readers {
		r := &s.o.Readers[i]
		if r.Role != cardreader.RoleCard {
			continue
		}
		events, stop := r.Reader.Subscribe(16)
		s.running.Go(func() {
			defer stop()
			s.follow(r, events)
		})
	}
}

// StopWaiting ends every wait for a card with CARD_ABSENT, so that a server can shut down at once. Sales that have their
// card go on.
func (s *Session) StopWaiting() { s.closeOnce.Do(func() { close(s.closing) }) }

// Stop ends waiting and following, and returns when no goroutine of the session is left. It may be called more than once.
func (s *Session) Stop() {
	s.StopWaiting()
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	s.cancel()
	s.running.Wait()
}

// Offline reports whether the centre is not reachable now.
func (s *Session) Offline() bool { return s.o.Centre.Offline() }

// Venue is the shop or clinic the session settles for.
func (s *Session) Venue() settle.Venue { return s.o.Venue }

// Settlement finds a settlement by its id; NOT_FOUND.
func (s *Session) Settlement(ctx context.Context, id string) (settle.Settlement, error) {
	return s.o.Ledger.Settlement(ctx, id)
}

// SettlementBySale finds a settlement by the till's sale id, the till's own sales first; NOT_FOUND.
func (s *Session) SettlementBySale(ctx context.Context, pos, saleID string) (settle.Settlement, error) {
	return s.o.Ledger.SettlementBySale(ctx, pos, saleID)
}

// Return finds a reversal or a refund by the till's id; NOT_FOUND.
func (s *Session) Return(ctx context.Context, pos, id string) (settle.Return, error) {
	return s.o.Ledger.ReturnByID(ctx, pos, id)
}

// refusal is err where it has a code, else STORE_BROKEN around it; the end of a request stays what it is.
func refusal(err error) error {
	if err == nil {
		return nil
	}
	var known *settle.Error
	if errors.As(err, &known) || errors.Is(err, context.Canceled) {
		return err
	}
	return settle.NewError(settle.StoreBroken, err)
}

// asError is the error with a code in err; nil where there is none.
func asError(err error) *settle.Error {
	var known *settle.Error
	errors.As(err, &known)
	return known
}

// isCode reports whether err carries the code.
func isCode(err error, code settle.Code) bool {
	if err == nil {
		return false
	}
	var e *settle.Error
	return errors.As(err, &e) && e.Code == code
}
