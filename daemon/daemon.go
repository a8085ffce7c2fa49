// Package daemon assembles the rooms into one process and looks after its life: what is opened in which order, what runs
// beside what, and how it ends.
//
// # Life
//
// [New] opens everything that can fail at once and says what failed: policies, the ledger (and its lock), the way
// upstream, the listeners. [Daemon.Run] serves until its context ends, then stops in the opposite order: no new
// requests, the readers and the outbox, and last the ledger, whose Close puts everything on disk. The whole end takes
// less than two seconds; nothing that was acknowledged depends on it, since every acknowledgement was on disk before.
//
// Signals are known to package cmd only.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gongji/cardreader"
	"gongji/daemon/console"
	"gongji/daemon/health"
	"gongji/daemon/localapi"
	"gongji/daemon/session"
	"gongji/settle"
	"gongji/settle/ledger"
	"gongji/settle/policy"
)

// Daemon is one running counter. Its methods may be called from any goroutine.
type Daemon struct {
	o        Options
	log      *slog.Logger
	policies *policy.Set
	ledger   *ledger.Ledger
	up       *upstream
	readers  []*cardreader.Reader
	named    []session.NamedReader
	session  *session.Session
	api      *localapi.Server
	tokens   *localapi.TokenStore
	metrics  *metricsServer
	health   *health.Tracker
	clocks   *health.ClockWatch
	disk     *health.DiskWatch
	// knownTokens are those that the audit record knows of; nil: it was not looked yet. Only watch uses it.
	knownTokens []localapi.Token
	agedAt      time.Time    // when the age of the ledger was last looked at; of the watch alone
	totalsAt    time.Time    // when the outbox was last counted for the streams; of their goroutine alone
	looked      atomic.Int64 // when the warnings were last looked at, Unix nanoseconds
	alive       *http.Client // asks the API whether it answers

	deskOnce      sync.Once
	reconcileDesk *reconcileDesk

	cleanups []cleanup // run last in, first out
	closed   sync.Once
	closeErr error
}

type cleanup struct {
	name string
	run  func() error
}

// New opens everything and listens, but does not serve yet. On an error nothing stays open.
func New(ctx context.Context, o Options) (d *Daemon, err error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	d = &Daemon{o: o, log: o.Logger.With("component", "daemon"), health: health.NewTracker(o.Clock), alive: aliveClient()}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Close())
			d = nil
		}
	}()
	for _, open := range []func(context.Context) error{
		d.openLedger, d.openUpstream, d.openReaders, d.openSession, d.openAPI, d.openMetrics, d.openWatches,
	} {
		if err := open(ctx); err != nil {
			return d, err
		}
	}
	return d, nil
}

func (d *Daemon) later(name string, run func() error) {
	d.cleanups = append(d.cleanups, cleanup{name, run})
}

func (d *Daemon) openLedger(ctx context.Context) error {
	c := d.o.Config
	set, err := policy.Load(c.PolicyDir)
	if err != nil {
		return fmt.Errorf("policies: %w", err)
	}
	if _, err := set.For(c.Region, settle.DateOf(d.o.Clock())); err != nil {
		return fmt.Errorf("region: %w", err)
	}
	d.policies = set
	d.ledger, err = ledger.Open(ctx, ledger.Options{
		Dir: c.Data, Venue: VenueOf(c), Offline: offlineLimits(c.Offline), Clock: d.o.Clock,
		RulesFor:   func(day settle.Date) (*settle.Rules, error) { return set.For(c.Region, day) },
		Registerer: d.o.Registry, Logger: d.o.Logger,
		OnReport: func() { d.up.wake() }, Goods: c.Upstream.UploadsGoods(),
	})
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	d.later("ledger", d.ledger.Close)
	return nil
}

func (d *Daemon) openReaders(context.Context) error {
	devices := d.o.Config.Cards()
	roles := slices.Repeat([]cardreader.Role{cardreader.RoleCard}, len(devices))
	if r, set := d.o.Config.Identity(); set {
		devices, roles = append(devices, r), append(roles, cardreader.RoleID)
	}
	if r, set := d.o.Config.Codes(); set {
		devices, roles = append(devices, r), append(roles, cardreader.RoleScanner)
	}
	for i, r := range devices {
		reader, err := cardreader.New(cardreader.Options{
			Name: r.Name, Terminal: r.Terminal, Kind: r.Kind, Port: r.Port, Baud: r.Baud, Slot: r.Slot, Role: roles[i],
			Logger: d.o.Logger, Registerer: d.o.Registry, Clock: d.o.Clock,
		})
		if err != nil {
			return err
		}
		d.readers = append(d.readers, reader)
		d.named = append(d.named, session.NamedReader{Name: r.Name, Terminal: r.Terminal, Role: roles[i], Reader: reader})
	}
	return nil
}

func (d *Daemon) openSession(context.Context) error {
	s, err := session.New(session.Options{
		Readers: d.named, Ledger: restoredDesk{d.ledger, d}, Centre: d.up, Venue: VenueOf(d.o.Config), Clock: d.o.Clock,
		Logger: d.o.Logger, Registerer: d.o.Registry, RefreshTimeout: d.o.Config.Upstream.Timeout,
		Inline: d.up.asker(), InlineLedger: d.ledger,
	})
	if err != nil {
		return err
	}
	d.session = s
	d.later("session", func() error { s.Stop(); return nil })
	return nil
}

func (d *Daemon) openAPI(context.Context) error {
	c := d.o.Config
	var err error
	if d.tokens, err = localapi.OpenTokens(c.Data); err != nil {
		return fmt.Errorf("tokens: %w", err)
	}
	users, err := userNumbers(c.Listen.UnixUsers)
	if err != nil {
		return err
	}
	importer, err := d.importer()
	if err != nil {
		return err
	}
	d.api, err = localapi.New(localapi.Options{
		Session: d.session, Tokens: d.tokens, Health: readiness{d.health}, Listen: c.Listen.API, Unix: c.Listen.Unix, UnixUsers: users,
		AllowOrigins: c.AllowOrigins, Version: d.o.Version, Clock: d.o.Clock, Logger: d.o.Logger, Registerer: d.o.Registry,
		RuleSource: d.ruleSource, Guidance: d.guidance, Importer: importer, Records: d.ledger,
		Reconciler: d.desk(), Upstream: d.up, Loading: d.ledger.LargeSnapshot,
	})
	if err != nil {
		return err
	}
	page := console.Handler(console.Options{Demo: d.o.Demo, Version: d.o.Version})
	for _, pattern := range console.StaticPatterns() {
		d.api.Mount(pattern, page, true)
	}
	d.api.Mount(console.Prefix, page, false)
	if err := d.api.Listen(); err != nil {
		return err
	}
	d.later("api", d.api.Close)
	return nil
}

// guidance is whom to ask in the region, and where people bind there.
func (d *Daemon) guidance() localapi.Guidance {
	rules, err := d.policies.For(d.o.Config.Region, settle.DateOf(d.o.Clock()))
	if err != nil {
		return localapi.Guidance{}
	}
	return rules.Guide()
}

// ruleSource is where a policy value comes from, in a line: its documents, else its file.
func (d *Daemon) ruleSource(ref settle.PolicyRef, rule string) string {
	rules, err := d.policies.For(d.o.Config.Region, settle.DateOf(d.o.Clock()))
	if err != nil || rules.ID != ref.ID || rules.Version != ref.Version {
		return "" // an older version: its file may be gone
	}
	return rules.Cite(rule).Text()
}

// URL is the address of the API, such as http://127.0.0.1:7311.
func (d *Daemon) URL() string { return d.api.URL() }

// MetricsURL is the address of the metrics, empty where there is no listener.
func (d *Daemon) MetricsURL() string { return d.metrics.url() }

// Ready reports whether a sale can be settled, with the warnings that stand.
func (d *Daemon) Ready() health.Readiness { return d.health.Readiness() }

// Offline reports whether the centre is not reachable now.
func (d *Daemon) Offline() bool { return d.up.Offline() }

// Run serves until ctx ends and returns when everything is written and closed. It may be called once.
func (d *Daemon) Run(ctx context.Context) error {
	defer d.Close() //nolint:errcheck // the error is returned below by the second call
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var running sync.WaitGroup
	errs := make(chan error, 16)
	start := func(name string, run func(context.Context) error) {
		running.Go(func() {
			if err := run(ctx); err != nil {
				errs <- fmt.Errorf("%s: %w", name, err)
				stop() // one part without which the counter is not whole ends all; a supervisor starts it anew
			}
		})
	}
	d.session.Start()
	for _, reader := range d.readers {
		start("reader", reader.Run)
	}
	d.up.start(start)
	start("api", d.api.Serve)
	start("metrics", d.metrics.serve)
	start("watch", d.watch)
	start("retention", d.retain)
	start("keys", d.changeKeys)
	start("chain", d.watchChain)
	d.log.Info("serving", "api", d.URL(), "metrics", d.MetricsURL(), "region", d.o.Config.Region, "version", d.o.Version)
	if d.o.OnServing != nil {
		d.o.OnServing()
	}
	<-ctx.Done()
	began := time.Now()
	running.Wait()
	close(errs)
	var failed error
	for err := range errs {
		failed = errors.Join(failed, err)
	}
	failed = errors.Join(failed, d.Close())
	d.log.Info("stopped", "after", time.Since(began).Round(time.Millisecond).String())
	return failed
}

// Close gives everything back that New opened, the ledger last. It may be called more than once.
func (d *Daemon) Close() error {
	d.closed.Do(func() {
		for i := len(d.cleanups) - 1; i >= 0; i-- {
			if err := d.cleanups[i].run(); err != nil {
				d.closeErr = errors.Join(d.closeErr, fmt.Errorf("close %s: %w", d.cleanups[i].name, err))
			}
		}
	})
	return d.closeErr
}
