package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"gongji/cardreader/virtual"
	"gongji/config"
	"gongji/daemon"
	"gongji/daemon/console"
	"gongji/daemon/localapi"
	"gongji/settle"
	"gongji/sync/centre"
)

// sandbox is everything a demo needs around a real daemon: a virtual reader on a pseudo-terminal, the reference centre
// on loopback, a family that nobody is, and a data directory. The daemon does not know that it is in one.
type sandbox struct {
	dir    string
	family centre.Family
	cards  []sandboxCard
	reader *virtual.Reader
	centre *centreSwitch
	daemon *daemon.Daemon
	token  string // of the demo's till
	clean  []func() error
}

type sandboxCard struct {
	console.DemoCard
	card   virtual.Card
	member centre.Member
}

// sandboxOptions are the flags of demo.
type sandboxOptions struct {
	dir, listen, region string
	log                 *slog.Logger
}

func newSandbox(ctx context.Context, o sandboxOptions) (s *sandbox, err error) {
	s = &sandbox{family: centre.DemoFamily(settle.DateOf(time.Now()))}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if err := s.makeDir(o.dir); err != nil {
		return s, err
	}
	s.makeCards()
	// The centre's lock comes first: a second demo on the directory must not take the first one's reader away.
	if err := s.openCentre(o.log); err != nil {
		return s, err
	}
	s.reader, err = virtual.NewReader(virtual.Options{Link: filepath.Join(s.dir, "reader")})
	if err != nil {
		return s, fmt.Errorf("virtual reader: %w", err)
	}
	s.clean = append(s.clean, s.reader.Close)
	c, err := s.config(o)
	if err != nil {
		return s, err
	}
	options := daemonOptions(c, o.log)
	options.Demo = s
	if s.daemon, err = daemon.New(ctx, options); err != nil {
		return s, err
	}
	return s, s.makeToken(c)
}

func (s *sandbox) makeDir(dir string) error {
	if dir != "" {
		s.dir = dir
		return os.MkdirAll(dir, 0o700)
	}
	temporary, err := os.MkdirTemp("", "gongji-demo-")
	if err != nil {
		return err
	}
	s.dir = temporary
	s.clean = append(s.clean, func() error { return os.RemoveAll(temporary) })
	return nil
}

func (s *sandbox) makeCards() {
	labels := []string{"患者 patient", "女儿 daughter", "配偶 spouse", "孩子 child", "陌生人 stranger"}
	for i, m := range s.family.Members() {
		card := virtual.SocialCard(virtual.Person{
			IDNumber: m.IDNumber, Name: m.Name, Number: m.CardNumber, Identifier: m.Identifier, Version: "2.00",
			Sex: m.Sex, Ethnicity: m.Ethnicity, IssuedOn: m.Issued.String(), ExpiresOn: m.Expires.String(),
		})
		id := fmt.Sprint(i + 1)
		s.cards = append(s.cards, sandboxCard{console.DemoCard{ID: id, Label: m.Name + " " + labels[i]}, card, m})
	}
}

// openCentre starts the reference centre. A data directory that was used before keeps its book, so that a demo may be
// stopped and started again.
func (s *sandbox) openCentre(log *slog.Logger) error {
	folder := filepath.Join(s.dir, "centre")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	journal, err := centre.OpenJournal(folder)
	if err != nil {
		return fmt.Errorf("sandbox centre: %w", err)
	}
	s.clean = append(s.clean, journal.Close)
	book, err := centre.New(centre.Options{Logger: log, Journal: journal})
	if err != nil {
		return fmt.Errorf("sandbox centre: %w", err)
	}
	if book.Empty() {
		if err := book.Seed(s.family.Snapshot(time.Now())); err != nil {
			return fmt.Errorf("sandbox centre: %w", err)
		}
	}
	s.centre = &centreSwitch{handler: book.Handler(), book: book, address: "127.0.0.1:0"}
	s.clean = append(s.clean, func() error { return s.centre.set(false) })
	return s.centre.set(true)
}

func (s *sandbox) config(o sandboxOptions) (*config.Config, error) {
	c := config.Default()
	c.Data = filepath.Join(s.dir, "data")
	c.Region = o.region
	c.Venue = config.Venue{Code: "P43010000001", Name: "示例大药房", Kind: "pharmacy", Area: "430100", AgreementUntil: nextYearEnd()}
	c.Listen = config.Listen{API: o.listen, Metrics: "127.0.0.1:0"}
	c.Reader = config.Reader{Name: "counter-1", Kind: "gempc", Port: s.reader.Path()}
	c.Upstream.URL = s.centre.url()
	c.Upstream.Timeout = 5 * time.Second
	c.Upstream.Feed.Interval = 5 * time.Second
	c.Upstream.Extensions = []string{"feed", "expected_split", "trace"}
	return c, c.Validate()
}

// nextYearEnd is the last day of next year, so that the demo's agreement never runs out.
func nextYearEnd() config.Date {
	return config.Date((time.Now().In(settle.Beijing).Year()+1)*10000 + 1231)
}

const sandboxTill = "demo-till"

// makeToken gives the demo's till a fresh token, also in a directory that was used before.
func (s *sandbox) makeToken(c *config.Config) error {
	tokens, err := localapi.OpenTokens(c.Data)
	if err != nil {
		return err
	}
	if err := tokens.Revoke(sandboxTill); err != nil && !errors.Is(err, localapi.ErrNoToken) {
		return err
	}
	s.token, err = tokens.Add(sandboxTill, localapi.Cashier)
	return err
}

// run serves until ctx ends, then takes everything down again.
func (s *sandbox) run(ctx context.Context) error {
	return errors.Join(s.daemon.Run(ctx), s.close())
}

func (s *sandbox) close() error {
	var errs []error
	if s.daemon != nil {
		errs = append(errs, s.daemon.Close())
	}
	for i := len(s.clean) - 1; i >= 0; i-- {
		errs = append(errs, s.clean[i]())
	}
	s.clean = nil
	return errors.Join(errs...)
}

// The demo's hands, for the console and the terminal.
var _ console.DemoControls = (*sandbox)(nil)

// Cards lists the family's cards.
func (s *sandbox) Cards() []console.DemoCard {
	list := make([]console.DemoCard, len(s.cards))
	for i, c := range s.cards {
		list[i] = c.DemoCard
	}
	return list
}

// Insert puts a card into the virtual reader.
func (s *sandbox) Insert(id string) error {
	for _, c := range s.cards {
		if c.ID == id {
			s.reader.Insert(c.card)
			return nil
		}
	}
	return console.ErrNoSuchCard
}

// Remove takes the card out.
func (s *sandbox) Remove() error {
	s.reader.Remove()
	return nil
}

// Unplug pulls the virtual reader's cable.
func (s *sandbox) Unplug() error { return s.reader.Unplug() }

// Replug puts it back.
func (s *sandbox) Replug() error { return s.reader.Replug() }

// SetCentre lets the sandbox centre answer, or closes its port.
func (s *sandbox) SetCentre(up bool) error { return s.centre.set(up) }

// centreSwitch serves the centre on one address, or does not.
type centreSwitch struct {
	handler http.Handler
	book    *centre.Centre

	mu      sync.Mutex
	address string
	server  *http.Server
}

func (c *centreSwitch) url() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return "http://" + c.address + "/fsi/api/rsfComIfsService/callService"
}

func (c *centreSwitch) set(up bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if up == (c.server != nil) {
		return nil
	}
	if !up {
		err := c.server.Close()
		c.server = nil
		return err
	}
	listener, err := net.Listen("tcp", c.address)
	if err != nil {
		return fmt.Errorf("sandbox centre: %w", err)
	}
	c.address = listener.Addr().String()
	server := &http.Server{Handler: c.handler, ReadHeaderTimeout: 5 * time.Second}
	c.server = server
	go server.Serve(listener) //nolint:errcheck // ends with ErrServerClosed when the switch is turned off
	return nil
}
