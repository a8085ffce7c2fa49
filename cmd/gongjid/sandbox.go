package main

import (
	"cmp"
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
	"gongji/settle/policy"
	"gongji/sync/centre"
)

// sandbox is everything a demo needs around a real daemon: a virtual reader on a pseudo-terminal, the reference centre
// on loopback, a family that nobody is, and a data directory. The daemon does not know that it is in one.
type sandbox struct {
	dir    string
	family centre.Family
	clock  func() time.Time
	faults centre.Faults
	cards  []sandboxCard
	reader *virtual.Reader
	id     *virtual.Reader // for resident identity cards
	gun    *virtual.Reader // the scanner
	centre *centreSwitch
	daemon *daemon.Daemon
	token  string // of the demo's till
	clean  []func() error
}

type sandboxCard struct {
	console.DemoCard
	member centre.Member
	put    func(s *sandbox) // shows it at the counter
}

// The ids of what else the patient can show.
const (
	demoVoucher  = "6"
	demoDocument = "7"
	demoAgent    = "8"
)

// sandboxOptions are the flags of demo.
type sandboxOptions struct {
	dir, listen, region string
	log                 *slog.Logger
	clock               func() time.Time // of daemon and centre; nil: time.Now
	pc                  func() time.Time // of the daemon alone, where its PC's clock is not the centre's; nil: clock
	faults              centre.Faults    // what goes wrong at the centre; nil: nothing
	authority           string           // upstream.authority; empty: the default
	origins             []string         // listen.allow_origins: pages of a POS that may call
	trusted             []string         // import.trusted_keys
	policies            string           // policy_dir
}

func newSandbox(ctx context.Context, o sandboxOptions) (s *sandbox, err error) {
	if o.clock == nil {
		o.clock = time.Now
	}
	if o.pc == nil {
		o.pc = o.clock
	}
	s = &sandbox{family: centre.DemoFamily(settle.DateOf(o.clock())), clock: o.clock, faults: o.faults}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if err := s.makeDir(o.dir); err != nil {
		return s, err
	}
	if err := s.makeCards(); err != nil {
		return s, err
	}
	// The centre's lock comes first: a second demo on the directory must not take the first one's reader away.
	if err := s.openCentre(o.log, o.region); err != nil {
		return s, err
	}
	for name, r := range map[string]struct {
		reader **virtual.Reader
		kind   string
	}{
		"reader": {&s.reader, virtual.KindGemPC}, "id-reader": {&s.id, virtual.KindSDT}, "scanner": {&s.gun, virtual.KindScanner},
	} {
		if *r.reader, err = virtual.NewReader(virtual.Options{Kind: r.kind, Link: filepath.Join(s.dir, name)}); err != nil {
			return s, fmt.Errorf("virtual %s: %w", name, err)
		}
		s.clean = append(s.clean, (*r.reader).Close)
	}
	c, err := s.config(o)
	if err != nil {
		return s, err
	}
	options := daemonOptions(c, o.log)
	options.Demo, options.Clock, options.ProofAfter = s, o.pc, sandboxProof
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

func (s *sandbox) makeCards() error {
	labels := []string{"患者 patient", "女儿 daughter", "配偶 spouse", "孩子 child", "陌生人 stranger"}
	for i, m := range s.family.Members() {
		card := virtual.SocialCard(virtual.Person{
			IDNumber: m.IDNumber, Name: m.Name, Number: m.CardNumber, Identifier: m.Identifier, Version: "2.00",
			Sex: m.Sex, Ethnicity: m.Ethnicity, IssuedOn: m.Issued.String(), ExpiresOn: m.Expires.String(),
		})
		s.addCard(m.Name+" "+labels[i], m, func(s *sandbox) { s.reader.Insert(card) })
	}
	patient, agent := s.family.Patient, s.family.Agent
	s.addCard("患者医保码 e-code", patient, func(s *sandbox) {
		s.gun.Insert(virtual.Code{Text: centre.Evoucher(patient.PsnNo, s.clock())})
	})
	return errors.Join(s.addIdentity("患者身份证 ID", patient), s.addIdentity(agent.Name+" 代购人身份证 agent's ID", agent))
}

// addIdentity adds somebody's resident identity card, which lies on the reader beside the other one.
func (s *sandbox) addIdentity(label string, m centre.Member) error {
	document, err := virtual.NewIdentity(virtual.Holder{
		Name: m.Name, Sex: m.Sex, Ethnicity: m.Ethnicity, Birth: m.Born.String(), Address: "湖南省长沙市示例路1号",
		Number: m.IDNumber, Issuer: "长沙市公安局", From: m.Issued.String(), To: "长期",
	})
	if err != nil {
		return err
	}
	s.addCard(label, m, func(s *sandbox) { s.id.Insert(document) })
	return nil
}

func (s *sandbox) addCard(label string, m centre.Member, put func(*sandbox)) {
	id := fmt.Sprint(len(s.cards) + 1)
	s.cards = append(s.cards, sandboxCard{console.DemoCard{ID: id, Label: label, Number: m.IDNumber}, m, put})
}

// openCentre starts the reference centre. A data directory that was used before keeps its book, so that a demo may be
// stopped and started again.
func (s *sandbox) openCentre(log *slog.Logger, region string) error {
	set, err := policy.Embedded()
	if err != nil {
		return err
	}
	rules, err := set.For(region, settle.DateOf(s.clock()))
	if err != nil {
		return err
	}
	folder := filepath.Join(s.dir, "centre")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	journal, err := centre.OpenJournal(folder)
	if err != nil {
		return fmt.Errorf("sandbox centre: %w", err)
	}
	s.clean = append(s.clean, journal.Close)
	book, err := centre.New(centre.Options{Logger: log, Journal: journal, Clock: s.clock, Faults: s.faults, ShareFrom: rules.ShareFrom,
		Allowances: centre.Allowances{Percent: sandboxAllowance}})
	if err != nil {
		return fmt.Errorf("sandbox centre: %w", err)
	}
	if book.Empty() {
		if err := book.Seed(s.family.Snapshot(s.clock())); err != nil {
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
	c.Region, c.PolicyDir = o.region, o.policies
	c.Venue = config.Venue{Code: "P43010000001", Name: "示例大药房", Kind: "pharmacy", Area: "430100", AgreementUntil: nextYearEnd()}
	c.Listen = config.Listen{API: o.listen, Metrics: "127.0.0.1:0"}
	c.AllowOrigins = o.origins
	c.Import.TrustedKeys = o.trusted
	c.Reader = config.Reader{Name: "counter-1", Kind: "gempc", Port: s.reader.Path()}
	c.IDReader = config.Reader{Name: "id-1", Kind: "sdt", Port: s.id.Path()}
	c.Scanner = config.Reader{Name: "scanner-1", Kind: "scanner", Port: s.gun.Path()}
	c.Upstream.URL = s.centre.url()
	c.Upstream.Timeout = 5 * time.Second
	c.Upstream.Authority = cmp.Or(o.authority, c.Upstream.Authority)
	c.Upstream.Feed.Interval = 5 * time.Second
	c.Upstream.Extensions = []string{"feed", "expected_split", "trace"}
	return c, c.Validate()
}

// nextYearEnd is the last day of next year, so that the demo's agreement never runs out.
func nextYearEnd() config.Date {
	return config.Date((time.Now().In(settle.Beijing).Year()+1)*10000 + 1231)
}

// sandboxAllowance is how many percent of what is free on an account the sandbox's centre sets aside for the demo's counter, so
// that what is sold with the line cut is not all at risk.
const sandboxAllowance = 50

const sandboxTill = "demo-till"

// sandboxProof is how long a message may be on its way to the sandbox's centre, to which nothing but loopback leads; see
// daemon.Options.ProofAfter.
const sandboxProof = 2 * time.Second

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

// Insert puts a card into the virtual reader, or shows what belongs before the scanner or on the ID reader.
func (s *sandbox) Insert(id string) error {
	for _, c := range s.cards {
		if c.ID == id {
			c.put(s)
			return nil
		}
	}
	return console.ErrNoSuchCard
}

// Remove takes the cards out and away.
func (s *sandbox) Remove() error {
	s.reader.Remove()
	s.id.Remove()
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
