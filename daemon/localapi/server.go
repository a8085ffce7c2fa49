package localapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"

	"gongji/daemon/session"
	"gongji/settle"
)

// Warning is standing trouble, for /readyz?verbose and the console.
type Warning struct {
	Code     string       `json:"code"`
	Subject  string       `json:"subject,omitempty" doc:"What it is about where there may be several, such as a reader's name"`
	Severity string       `json:"severity" enum:"notice,warning,blocking"`
	Since    time.Time    `json:"since"`
	Title    string       `json:"title" doc:"Chinese, as are the next three"`
	Text     string       `json:"text"`
	Cause    string       `json:"cause,omitempty"`
	Remedy   string       `json:"remedy,omitempty"`
	English  WarningTexts `json:"english"`
}

// WarningTexts are the words of a warning in English.
type WarningTexts struct {
	Title  string `json:"title,omitempty"`
	Text   string `json:"text,omitempty"`
	Cause  string `json:"cause,omitempty"`
	Remedy string `json:"remedy,omitempty"`
}

// Guidance is a region's word on whom to ask and where to go.
type Guidance = settle.Guidance

// contactLine is the national hotline of medical insurance.
const contactLine = "医保服务热线 12393"

func (s *Server) guidance() Guidance {
	var g Guidance
	if s.o.Guidance != nil {
		g = s.o.Guidance()
	}
	if len(g.Contacts) == 0 {
		g.Contacts = []string{contactLine}
	}
	return g
}

// Health tells whether the daemon can settle. Ready with warnings is ready: offline is one of them.
type Health interface {
	Ready(ctx context.Context) (ready bool, warnings []Warning)
}

// Options are what a server is built from. Zero values of the optional part take the defaults.
type Options struct {
	Session    *session.Session
	Tokens     *TokenStore
	Health     Health
	Listen     string // loopback address and port; port 0 picks a free one
	Logger     *slog.Logger
	Registerer prometheus.Registerer

	Unix          string   // path of a Unix socket beside the port; empty: none
	UnixUsers     []uint32 // user numbers that may use the socket, besides the daemon's own; empty: whoever may open it
	AllowOrigins  []string // exact origins of browser pages of a POS
	Version       string   // of the daemon, for the document
	Clock         func() time.Time
	RatePerSecond float64       // requests of one token; default 500
	Heartbeat     time.Duration // of event streams; default 15 s
	// Guidance is whom to ask in this region and where people bind there (S-022, S-025, S-039), for refusals and slips;
	// nil: the national hotline alone.
	Guidance func() Guidance
	// RuleSource is the source of a policy key (a document, a file and line), for explanations; nil: none is shown.
	RuleSource func(policy settle.PolicyRef, rule string) string
	// Importer takes signed files; nil: none are believed.
	Importer Importer
	// Reconciler holds days against the centre's book; nil: there is none.
	Reconciler Reconciler
	// Records answers for records, reports, exports and the counting of slips; nil: there are none.
	Records Records
	// Upstream tells how the way to the centre stands; nil: nobody can tell.
	Upstream Upstream
	// Loading is how far a large snapshot has come, for /readyz?verbose; ok is false where none is under way. nil: none ever is.
	Loading func() (progress settle.SnapshotProgress, ok bool)
}

func (o *Options) validate() error {
	switch {
	case o.Session == nil:
		return errors.New("localapi: Options.Session is missing")
	case o.Tokens == nil:
		return errors.New("localapi: Options.Tokens is missing")
	case o.Health == nil:
		return errors.New("localapi: Options.Health is missing")
	case o.Listen == "":
		return errors.New("localapi: Options.Listen is missing")
	case o.Logger == nil:
		return errors.New("localapi: Options.Logger is missing")
	case o.Registerer == nil:
		return errors.New("localapi: Options.Registerer is missing")
	}
	for _, origin := range o.AllowOrigins {
		if u, err := url.Parse(origin); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || originOf(origin) != origin {
			return fmt.Errorf("localapi: allow_origins has %q; an origin is scheme, host and port, such as https://pos.example.com", origin)
		}
	}
	return nil
}

// shutdownTime is how long requests on their way may take to end.
const shutdownTime = 1500 * time.Millisecond

// Server is the API's HTTP server. New, then Mount, then Listen, then Serve.
type Server struct {
	o       Options
	mux     *http.ServeMux
	api     huma.API
	guard   *guard
	hub     *hub
	http    *http.Server
	openAPI []byte
	open    map[string]bool // patterns that need no token
	mounted map[string]bool // patterns added by Mount

	handlers map[string]handler // by pattern: who gets a request before huma does

	listeners []net.Listener
	url       string
	closing   chan struct{} // closed: event streams end
	closeOnce sync.Once
}

// New builds a server; it does not listen yet.
func New(o Options) (*Server, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.RatePerSecond == 0 {
		o.RatePerSecond = 500
	}
	if o.Heartbeat == 0 {
		o.Heartbeat = 15 * time.Second
	}
	s := &Server{
		o: o, mux: http.NewServeMux(), hub: newHub(), open: map[string]bool{}, mounted: map[string]bool{},
		handlers: map[string]handler{}, closing: make(chan struct{}),
	}
	s.guard = newGuard(s)
	s.api = humago.New(s.mux, apiConfig(o.Version))
	for _, r := range routes {
		r.add(s, s.operation(r))
		if r.open {
			s.open[r.method+" "+r.path] = true
		}
	}
	delete(s.api.OpenAPI().Components.Schemas.Map(), "ErrorModel") // huma's own form, which is never served
	document, err := json.Marshal(s.api.OpenAPI())
	if err != nil {
		return nil, fmt.Errorf("localapi: OpenAPI document: %w", err)
	}
	s.openAPI = document
	s.http = &http.Server{
		Handler: s.guard, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: maxHeaderBytes,
		// The longest answer waits 120 s for a card and then for the ledger; event streams set their own deadlines.
		WriteTimeout: 150 * time.Second,
		ErrorLog:     slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug),
		ConnContext:  markPeer,
		// net/http would answer OPTIONS * itself, past the guard.
		DisableGeneralOptionsHandler: true,
	}
	return s, nil
}

// Mount adds a handler (the console) behind the same guard. pattern is one of http.ServeMux; open ones are served without
// a token, to GET and HEAD only. It must be called before Serve, and panics on a pattern that is taken.
func (s *Server) Mount(pattern string, handler http.Handler, open bool) {
	s.mux.Handle(pattern, handler)
	s.mounted[pattern] = true
	s.open[pattern] = open
}

func (s *Server) isMounted(pattern string) bool { return s.mounted[pattern] }

// isOpen reports whether a pattern that the mux chose needs no token.
func (s *Server) isOpen(pattern, method string) bool {
	return (method == http.MethodGet || method == http.MethodHead) && s.open[pattern]
}

// Listen binds the port and the socket, so that a taken one fails here. Any address but loopback is refused.
func (s *Server) Listen() error {
	host, port, err := net.SplitHostPort(s.o.Listen)
	if err != nil {
		return fmt.Errorf("listen address %q: %w", s.o.Listen, err)
	}
	both := host == "localhost" || host == "127.0.0.1"
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("listen address %q: the API listens on loopback only, such as 127.0.0.1:7311", s.o.Listen)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return fmt.Errorf("the API's port: %w", err)
	}
	s.listeners = append(s.listeners, capConnections(listener, maxConnections))
	address := listener.Addr().(*net.TCPAddr)
	s.url = "http://" + address.String()
	s.guard.setPort(address.Port)
	if both {
		if err := s.listenSix(address.Port, port != "0"); err != nil {
			_ = listener.Close()
			return err
		}
	}
	if s.o.Unix == "" {
		return nil
	}
	socket, err := listenUnix(s.o.Unix)
	if err != nil {
		_ = listener.Close()
		return fmt.Errorf("the API's socket: %w", err)
	}
	s.listeners = append(s.listeners, capConnections(socket, maxConnections))
	return nil
}

// listenUnix binds a socket that owner and group may use. A socket file that nobody answers on is left over and replaced.
func listenUnix(path string) (net.Listener, error) {
	if conn, err := net.DialTimeout("unix", path, time.Second); err == nil {
		_ = conn.Close()
		return nil, fmt.Errorf("%s is in use", path)
	}
	if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o660); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return listener, nil
}

// unixHosts are the Host values of requests over the socket, which no web page can reach.
var unixHosts = []string{"localhost", "127.0.0.1", "gongji"}

// URL is the API's address, such as http://127.0.0.1:7311; known after Listen.
func (s *Server) URL() string { return s.url }

// Serve answers requests until ctx ends, then lets those on their way end within 1.5 s: streams end at once, and whoever
// waits for a card gets CARD_ABSENT. It returns nil after an orderly end.
func (s *Server) Serve(ctx context.Context) error {
	if len(s.listeners) == 0 {
		return errors.New("localapi: Serve before Listen")
	}
	streams, stop := context.WithCancel(context.Background())
	defer stop()
	failed := make(chan error, len(s.listeners))
	var running sync.WaitGroup
	running.Go(func() { s.forwardReaders(streams) })
	for _, listener := range s.listeners {
		running.Go(func() {
			if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				failed <- err
			}
		})
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	s.closeOnce.Do(func() { close(s.closing) })
	s.o.Session.StopWaiting()
	limit, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	if late := s.http.Shutdown(limit); late != nil {
		s.o.Logger.Warn("requests did not end in time", "after", shutdownTime)
		err = errors.Join(err, s.http.Close())
	}
	stop()
	running.Wait()
	return err
}

// Close frees the port of a server that was never served.
func (s *Server) Close() error {
	var errs []error
	for _, listener := range s.listeners {
		if err := listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
