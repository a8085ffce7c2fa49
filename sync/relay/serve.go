package relay

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"gongji/settle"
)

// Bounds of the stream of reports. The zero value is replaced by defaults for a chain of some thousand venues.
type Bounds struct {
	Messages   int64         // in all; default 200,000
	Bytes      int64         // in all; default 256 MiB
	Venue      int64         // messages of one venue; default 1,000
	Age        time.Duration // default 24 h; what is older is unknown to its venue, which has long noticed
	Duplicates time.Duration // within which a msgid is taken once; default 10 min
	Replicas   int           // servers that hold a message: 1, 3 or 5; default 1
}

func (b *Bounds) complete() {
	orElse := func(value *int64, other int64) {
		if *value <= 0 {
			*value = other
		}
	}
	orElse(&b.Messages, 200_000)
	orElse(&b.Bytes, 256<<20)
	orElse(&b.Venue, 1_000)
	if b.Age <= 0 {
		b.Age = 24 * time.Hour
	}
	if b.Duplicates <= 0 {
		b.Duplicates = 10 * time.Minute
	}
	if b.Replicas <= 0 {
		b.Replicas = 1
	}
}

// ServerOptions of a Server. Endpoint and Handler are needed.
type ServerOptions struct {
	Endpoint Endpoint
	Prefix   string       // default DefaultPrefix
	Handler  http.Handler // the centre; it gets POST requests on one path
	Bounds   Bounds
	Workers  int           // messages that are worked on at once; default 64
	AckWait  time.Duration // after which a message whose worker fell is given to another; default 20 s
	Watch    WatchOptions
	Logger   *slog.Logger
	Clock    func() time.Time
	// Registerer gets the metrics; nil: they are kept and not exposed.
	Registerer prometheus.Registerer
}

// Server is the centre's end. Any number of processes may serve the same subjects beside each other.
type Server struct {
	o        ServerOptions
	subjects subjects
	log      *slog.Logger
	metrics  *serverMetrics
	nc       *nats.Conn
	js       jetstream.JetStream
	places   chan struct{} // one for each worker
	broken   chan struct{} // the stream or the line has to be looked at
	recent   *recent
	watcher  *watcher
	herald   *herald
	ready    chan struct{}
	once     sync.Once

	mu      sync.Mutex
	ending  bool // nothing new is begun
	running sync.WaitGroup
}

// NewServer checks the options and connects; a message server that does not answer yet is tried again. The error is
// NOT_CONFIGURED and names what is wrong.
func NewServer(o ServerOptions) (*Server, error) {
	names, err := newSubjects(o.Prefix)
	if err == nil && o.Handler == nil {
		err = errors.New("relay: ServerOptions.Handler is missing")
	}
	if err != nil {
		return nil, settle.NewError(settle.NotConfigured, err)
	}
	o.Bounds.complete()
	if o.Workers <= 0 {
		o.Workers = 64
	}
	if o.AckWait <= 0 {
		o.AckWait = 20 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	s := &Server{
		o: o, subjects: names, log: o.Logger.With("component", "relay"), metrics: newServerMetrics(o.Registerer),
		places: make(chan struct{}, o.Workers), broken: make(chan struct{}, 1), recent: newRecent(), ready: make(chan struct{}),
	}
	if s.watcher, err = newWatcher(s); err != nil {
		return nil, err
	}
	if s.herald, err = newHerald(s); err != nil {
		return nil, err
	}
	s.nc, err = o.Endpoint.connect("gongji-centre", s.log, nats.ReconnectHandler(func(*nats.Conn) { s.look() }))
	if err != nil {
		return nil, settle.NewError(settle.NotConfigured, err)
	}
	if s.js, err = jetstream.New(s.nc); err != nil {
		s.nc.Close()
		return nil, err
	}
	return s, nil
}

// Ready is closed when the first message can be taken.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// look asks the supervising loop to make sure of the stream.
func (s *Server) look() {
	select {
	case s.broken <- struct{}{}:
	default:
	}
}

// Run serves until ctx ends and returns when the messages under way are answered. Lines and streams that break are made
// anew. It may be called once.
func (s *Server) Run(ctx context.Context) error {
	defer s.nc.Close()
	for _, on := range []struct {
		subject, queue string
		take           nats.MsgHandler
	}{
		{s.subjects.ask("*"), "centre", func(m *nats.Msg) { s.takeAsk(ctx, m) }},
		{s.subjects.receipt("*"), "", s.takeReceipt}, // whichever process gave the answer has it
	} {
		if _, err := s.nc.QueueSubscribe(on.subject, on.queue, on.take); err != nil {
			return err
		}
	}
	s.begin(func() { s.watcher.run(ctx) })
	s.begin(func() { s.gaugeStream(ctx) })
	for failing := false; ctx.Err() == nil; {
		err := s.consume(ctx)
		switch {
		case ctx.Err() != nil:
		case err != nil && !failing:
			s.log.Warn("reports cannot be taken", "err", err.Error())
			failing = true
		case err == nil:
			failing = false
		}
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			// Connected to a server that does not answer: it may be cut off from the others, which go on without it.
			if err := s.nc.ForceReconnect(); err != nil {
				s.log.Debug("the line could not be made anew", "err", err.Error())
			}
		}
		if err != nil {
			wait(ctx, time.Second/4)
		}
	}
	s.mu.Lock()
	s.ending = true
	s.mu.Unlock()
	s.running.Wait()
	if err := s.nc.FlushTimeout(time.Second); err != nil {
		s.log.Warn("the last answers may not have left; their venues will ask or undo", "err", err.Error())
	}
	return nil
}

// begin runs something that the end waits for. It is false where the end has begun.
func (s *Server) begin(run func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ending {
		s.running.Go(run)
	}
	return !s.ending
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// consume makes stream and consumer as they should be and takes messages until one of them breaks or ctx ends.
func (s *Server) consume(ctx context.Context) error {
	consumer, err := s.ensure(ctx)
	if err != nil {
		return err
	}
	taking, err := consumer.Consume(func(m jetstream.Msg) { s.takeReport(ctx, m) },
		jetstream.PullMaxMessages(2*s.o.Workers), jetstream.PullHeartbeat(2*time.Second), jetstream.PullExpiry(10*time.Second),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
			if !errors.Is(err, jetstream.ErrConnectionClosed) {
				s.look()
			}
		}))
	if err != nil {
		return err
	}
	defer taking.Stop()
	s.once.Do(func() { close(s.ready) })
	select {
	case <-ctx.Done():
	case <-s.broken:
	case <-taking.Closed():
	}
	return nil
}

// gaugeEvery is how often the stream is asked how much it holds.
const gaugeEvery = 5 * time.Second

// gaugeStream keeps the figures of the stream until ctx ends. A stream that does not answer leaves them as they were.
func (s *Server) gaugeStream(ctx context.Context) {
	for ; ctx.Err() == nil; wait(ctx, gaugeEvery) {
		asked, cancel := context.WithTimeout(ctx, time.Second)
		stream, err := s.js.Stream(asked, s.subjects.stream()) // its answer holds the state
		cancel()
		if err != nil {
			continue
		}
		state := stream.CachedInfo().State
		s.metrics.waiting.Set(float64(state.Msgs))
		if state.Msgs == 0 {
			s.metrics.oldest.Set(0)
			continue
		}
		s.metrics.oldest.Set(float64(state.FirstTime.UnixMilli()) / 1000)
	}
}

// ensure makes the stream and the consumer that all processes share.
func (s *Server) ensure(ctx context.Context) (jetstream.Consumer, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	b := s.o.Bounds
	stream, err := s.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: s.subjects.stream(), Subjects: []string{s.subjects.report("*")}, Description: "reports of venues on their way to the centre",
		Retention: jetstream.WorkQueuePolicy, Storage: jetstream.MemoryStorage, Discard: jetstream.DiscardNew, DiscardNewPerSubject: true,
		MaxMsgs: b.Messages, MaxBytes: b.Bytes, MaxMsgsPerSubject: b.Venue, MaxAge: b.Age, Duplicates: min(b.Duplicates, b.Age), Replicas: b.Replicas,
	})
	if err != nil {
		return nil, err
	}
	return stream.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
		Durable: "centre", AckPolicy: jetstream.AckExplicitPolicy, AckWait: s.o.AckWait, MaxDeliver: -1, MaxAckPending: 4096,
		DeliverPolicy: jetstream.DeliverAllPolicy, MemoryStorage: true, Description: "processes of the centre",
	})
}
