package shop

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"gongji/cardreader/virtual"
	"gongji/daemon/localapi"
	"gongji/daemon/localapi/client"
	"gongji/settle"
	"gongji/sync/centre"
)

// Options of a shop. Dir and Binary are needed.
type Options struct {
	Dir    string     // everything of the shop; made where it is missing
	Binary string     // gongjid; see Build
	Tills  int        // 0: 3
	Money  settle.Fen // in the relative's account; 0: a million yuan
	Log    *slog.Logger
	Extra  string        // more configuration, YAML
	Shared bool          // one reader serves every till, as in a small shop
	Delay  time.Duration // how long the centre takes for every message
	Socket bool          // the API is on Socket() too
	Pace   int           // baud rate at which the readers' lines carry bytes; 0: as fast as they go
	// Authority is upstream.authority, cached where it is empty; a patient of platform waits for the centre half a second.
	Authority string

	Upstream string        // address of a centre that somebody else runs, as host:port; empty: the shop has one of its own
	Feed     time.Duration // between two looks at the centre's feed; 0: 5 s
}

// Shop is one counter. Its methods are for one goroutine, except Client and Centre, which are for any.
type Shop struct {
	o       Options
	People  []Person
	Centre  *centre.Centre // nil where somebody else runs it
	server  *http.Server
	closed  chan struct{} // when the server's port is free again
	asked   atomic.Int64  // messages that the centre is answering
	address string        // of the centre
	readers []*virtual.Reader
	api     string // host:port
	metrics string
	tokens  []string
	manager string
}

// Build makes the gongjid binary in dir from the module's sources.
func Build(ctx context.Context, dir string) (string, error) { return BuildCommand(ctx, dir, "gongjid") }

// BuildCommand makes the binary of one of the module's commands in dir from its sources.
func BuildCommand(ctx context.Context, dir, name string) (string, error) {
	path := filepath.Join(dir, name)
	output, err := exec.CommandContext(ctx, "go", "build", "-o", path, "gongji/cmd/"+name).CombinedOutput() //nolint:gosec // the names are this program's own
	if err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, output)
	}
	return path, nil
}

// Open makes the shop; no daemon runs yet. Close it.
func Open(o Options) (s *Shop, err error) {
	if o.Tills == 0 {
		o.Tills = 3
	}
	if o.Money == 0 {
		o.Money = 1_000_000_00
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Feed = cmp.Or(o.Feed, 5*time.Second)
	s = &Shop{o: o, People: people(o.Tills, o.Money)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := os.MkdirAll(s.Data(), 0o700); err != nil {
		return s, err
	}
	if s.address = o.Upstream; s.address == "" {
		if err := s.openCentre(); err != nil {
			return s, err
		}
	}
	if err := s.openReaders(); err != nil {
		return s, err
	}
	for _, address := range []*string{&s.api, &s.metrics} {
		if *address, err = freePort(); err != nil {
			return s, err
		}
	}
	if err := s.addTokens(); err != nil {
		return s, err
	}
	return s, os.WriteFile(s.Config(), []byte(s.yaml()), 0o600)
}

func (s *Shop) openCentre() (err error) {
	if s.Centre, err = centre.New(centre.Options{Area: area, Logger: s.o.Log}); err != nil {
		return err
	}
	if err := s.Centre.Seed(s.Snapshot()); err != nil {
		return err
	}
	return s.SetCentre(true)
}

// Snapshot is everybody of the shop as a centre knows them now.
func (s *Shop) Snapshot() settle.Snapshot { return snapshot(s.People, time.Now()) }

func (s *Shop) openReaders() error {
	n := s.o.Tills
	if s.o.Shared {
		n = 1
	}
	for i := range n {
		r, err := virtual.NewReader(virtual.Options{Kind: virtual.KindGemPC, Link: s.line(i), Pace: s.o.Pace})
		if err != nil {
			return err
		}
		s.readers = append(s.readers, r)
		s.Insert(i, i)
	}
	return nil
}

// Insert puts a person's card into a till's reader.
func (s *Shop) Insert(till, person int) { s.readers[till].Insert(s.People[person].Card()) }

// Reader is a till's virtual reader, for faults.
func (s *Shop) Reader(till int) *virtual.Reader { return s.readers[till] }

func (s *Shop) addTokens() error {
	store, err := localapi.OpenTokens(s.Data())
	if err != nil {
		return err
	}
	for i := range s.o.Tills {
		token, err := store.Add(Till(i), localapi.Cashier)
		if err != nil {
			return err
		}
		s.tokens = append(s.tokens, token)
	}
	s.manager, err = store.Add("office", localapi.Manager)
	return err
}

// Till is the name of a till: of its token and its terminal.
func Till(i int) string { return fmt.Sprintf("counter-%d", i+1) }

// till is whose reader bears a name; -1 where nobody's does.
func (s *Shop) till(reader string) int {
	for i := range s.readers {
		if Till(i) == reader {
			return i
		}
	}
	return -1
}

// Tills is how many there are.
func (s *Shop) Tills() int { return s.o.Tills }

// Data is the daemon's data directory.
func (s *Shop) Data() string { return filepath.Join(s.o.Dir, "data") }

// Config is the daemon's configuration file.
func (s *Shop) Config() string { return filepath.Join(s.o.Dir, "gongjid.yaml") }

// LogFile is where the daemons write their log.
func (s *Shop) LogFile() string { return filepath.Join(s.o.Dir, "gongjid.log") }

func (s *Shop) line(till int) string { return filepath.Join(s.o.Dir, Till(till)) }

// Client is a till's access to the API.
func (s *Shop) Client(till int) *client.Client { return client.New("http://"+s.api, s.tokens[till]) }

// Office is a manager's access to the API.
func (s *Shop) Office() *client.Client { return client.New("http://"+s.api, s.manager) }

// Tokens are all bearer tokens, for a search through what was written.
func (s *Shop) Tokens() []string { return append([]string{s.manager}, s.tokens...) }

// MetricsURL is where the daemon's metrics are.
func (s *Shop) MetricsURL() string { return "http://" + s.metrics + "/metrics" }

// Socket is the path of the Unix socket of the API, where Options.Socket asks for one.
func (s *Shop) Socket() string { return filepath.Join(s.o.Dir, "api.sock") }

// APIURL is the daemon's API.
func (s *Shop) APIURL() string { return "http://" + s.api }

func (s *Shop) yaml() string {
	socket := ""
	if s.o.Socket {
		socket = s.Socket()
	}
	text := fmt.Sprintf(`data: %q
region: "430100"
venue: {code: P43010000001, name: 示例大药房, kind: pharmacy, area: "430100", agreement_until: 2099-12-31}
listen: {api: %q, metrics: %q, unix: %q}
upstream: {url: "http://%s/fsi/api/rsfComIfsService/callService", authority: %s, inline_timeout: 500ms, timeout: 5s, proof_after: 1s, extensions: [feed, expected_split, trace], feed: {interval: %s}}
offline: {max_age: 24h, max_sale: "99999.00", max_person_total: "9999999.00", max_total: "9999999.00", max_count: 1000000}
`, s.Data(), s.api, s.metrics, socket, s.address, cmp.Or(s.o.Authority, "cached"), s.o.Feed)
	text += "readers:\n"
	for i := range s.readers {
		terminal := fmt.Sprintf(", terminal: %s", Till(i))
		if s.o.Shared {
			terminal = ""
		}
		text += fmt.Sprintf("  - {name: %s%s, kind: gempc, port: %q}\n", Till(i), terminal, s.line(i))
	}
	return text + s.o.Extra
}

// freePort is a port that nobody listens on, below those that the system hands out: it must still be free for the next
// daemon, or when the centre is back.
func freePort() (address string, err error) {
	for range 1000 {
		address := fmt.Sprintf("127.0.0.1:%d", 15000+rand.IntN(15000)) //nolint:gosec // any port will do
		listener, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		return address, listener.Close()
	}
	return "", errors.New("no free port between 15000 and 30000")
}

// SetCentre lets the shop's own centre answer, or closes its port.
func (s *Shop) SetCentre(up bool) error {
	if up == (s.server != nil) {
		return nil
	}
	if !up {
		return s.closing(s.server.Close())
	}
	if s.address == "" {
		var err error
		if s.address, err = freePort(); err != nil {
			return err
		}
	}
	listener, err := net.Listen("tcp", s.address)
	if err != nil {
		return fmt.Errorf("the shop's centre: %w", err)
	}
	s.address = listener.Addr().String()
	server := &http.Server{Handler: s.counted(slow(s.Centre.Handler(), s.o.Delay)), ReadHeaderTimeout: 5 * time.Second}
	closed := make(chan struct{})
	s.server, s.closed = server, closed
	go func() {
		_ = server.Serve(listener) // ends with ErrServerClosed when the port is closed
		close(closed)
	}()
	return nil
}

// closing waits until a server that was told to end has given its port back: one that had hardly begun does so a little later.
func (s *Shop) closing(err error) error {
	<-s.closed
	s.server = nil
	return err
}

// TopUp puts money into everybody's account at the centre, and answers what the centre knows then, as a file of it would say.
// No daemon may run. It returns after the last message of a daemon that was killed.
func (s *Shop) TopUp(ctx context.Context, amount settle.Fen) (settle.Snapshot, error) {
	if s.server != nil {
		if err := s.closing(s.server.Shutdown(ctx)); err != nil {
			return settle.Snapshot{}, fmt.Errorf("the shop's centre: %w", err)
		}
	}
	balances := s.Centre.Balances()
	now := slices.Clone(s.People)
	for i := range now {
		s.People[i].Balance += amount
		now[i].Balance = balances[now[i].PsnNo] + amount
	}
	file := snapshot(now, time.Now())
	return file, errors.Join(s.Centre.Seed(file), s.SetCentre(true))
}

func (s *Shop) counted(answers http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		defer s.asked.Add(-1)
		answers.ServeHTTP(w, r)
	})
}

// UnderWay is how many messages the centre has got and not answered yet.
func (s *Shop) UnderWay() int { return int(s.asked.Load()) }

// slow answers each message after a delay, as a centre at the end of a long line does.
func slow(answers http.Handler, delay time.Duration) http.Handler {
	if delay <= 0 {
		return answers
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
			answers.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	})
}

// Close takes readers and centre down. The directory stays.
func (s *Shop) Close() error {
	var errs []error
	for _, r := range s.readers {
		errs = append(errs, r.Close())
	}
	s.readers = nil
	return errors.Join(append(errs, s.SetCentre(false))...)
}
