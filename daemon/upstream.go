package daemon

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"

	"gongji/cardreader"
	"gongji/config"
	"gongji/daemon/session"
	"gongji/settle"
	"gongji/settle/ledger"
	"gongji/sync/feed"
	"gongji/sync/nhsa"
	"gongji/sync/outbox"
	"gongji/sync/reconcile"
)

// upstream is the way to the centre: the client, the outbox that reports, the feed that refreshes. Without an address
// there is none: the counter is offline for good and reports wait.
type upstream struct {
	client     *nhsa.Client
	worker     *outbox.Worker
	feed       *feed.Feed
	reconciler *reconcile.Runner
	events     chan outbox.Event // from the worker to the event streams; the worker must not wait
	times      chan time.Time    // the centre's time of the latest live answer
	d          *Daemon
}

var _ session.Centre = (*upstream)(nil)

// The ledger is the durable side of four rooms that do not know it; this is the first place that sees both sides.
var (
	_ session.Ledger           = (*ledger.Ledger)(nil)
	_ session.IncidentRecorder = (*ledger.Ledger)(nil)
	_ session.Reader           = (*cardreader.Reader)(nil)
	_ outbox.Store             = (*ledger.Ledger)(nil)
	_ feed.Store               = (*ledger.Ledger)(nil)
	_ reconcile.Store          = (*ledger.Ledger)(nil)
)

// upstreamEvents is how many events may wait for the streams. A lost one costs nothing: each makes the console look
// anew, and the next one comes with the next report.
const upstreamEvents = 256

func (d *Daemon) openUpstream(context.Context) error {
	d.up = &upstream{d: d, events: make(chan outbox.Event, upstreamEvents), times: make(chan time.Time, 1)}
	c := d.o.Config
	if c.Upstream.URL == "" {
		d.log.Warn("no centre is configured; everything is settled offline and reports wait")
		return nil
	}
	client, err := newClient(c, nhsa.Options{
		Serials: d.ledger.NextMessageSerial, Clock: d.o.Clock, Registerer: d.o.Registry, OnCentreTime: d.up.tell,
	})
	if err != nil {
		return fmt.Errorf("upstream: %w", err)
	}
	d.later("upstream client", func() error { client.Close(); return nil })
	signIns := nhsa.NewSignIns(client)
	d.up.client = client
	d.up.reconciler, err = reconcile.New(reconcile.Options{
		Store: d.ledger, Client: client, SignIns: signIns, Clock: d.o.Clock, Logger: d.o.Logger, ProofAfter: d.o.ProofAfter,
	})
	if err != nil {
		return fmt.Errorf("upstream: %w", err)
	}
	d.up.worker, err = outbox.New(outbox.Options{
		Store: d.ledger, Client: client, SignIns: signIns, Clock: d.o.Clock, Logger: d.o.Logger, Registerer: d.o.Registry,
		Prover:     d.up.reconciler,
		Extensions: nhsa.Extensions{ExpectedSplit: c.Upstream.Has("expected_split"), Trace: c.Upstream.Has("trace")},
		OnUpstream: d.up.note,
	})
	if err != nil {
		return fmt.Errorf("upstream: %w", err)
	}
	d.up.feed, err = feed.New(feed.Options{
		Store: d.ledger, Client: client, SignIns: signIns, Clock: d.o.Clock, Logger: d.o.Logger,
		Extension: c.Upstream.Has("feed"), OnSwipe: c.Upstream.Feed.OnSwipe,
		Interval: c.Upstream.Feed.Interval, Page: c.Upstream.Feed.Page,
	})
	if err != nil {
		return fmt.Errorf("upstream: %w", err)
	}
	return nil
}

// Client is a client of the configured centre for a tool that has no ledger. serials number its messages; a tool that
// books nothing may draw them.
func Client(c *config.Config, serials func(context.Context) (uint64, error)) (*nhsa.Client, error) {
	return newClient(c, nhsa.Options{Serials: serials})
}

// newClient completes the options from the configuration.
func newClient(c *config.Config, options nhsa.Options) (*nhsa.Client, error) {
	u := c.Upstream
	options.URL, options.Venue, options.Timeout, options.AllowPlain = u.URL, VenueOf(c), u.Timeout, u.AllowPlain
	dialect, err := nhsa.NewDialect(u.Dialect.Preset, dialectOverrides(u.Dialect))
	if err != nil {
		return nil, err
	}
	options.Dialect = &dialect
	if options.Signer, err = signer(u.Signature); err != nil {
		return nil, err
	}
	if u.Gateway.Kind == "x-tif" {
		secret, err := config.ReadSecret(u.Gateway.SecretFile)
		if err != nil {
			return nil, err
		}
		options.Gateway = nhsa.XTif{Account: u.Gateway.PaasID, Secret: string(secret)}
	}
	if options.TLS, err = tlsConfig(u.TLS); err != nil {
		return nil, err
	}
	return nhsa.NewClient(options)
}

func dialectOverrides(d config.Dialect) nhsa.DialectOverrides {
	return nhsa.DialectOverrides{
		InfVer: d.InfVer, RecerSysCode: d.RecerSysCode, Msgid: d.Msgid, Path: d.Path, Input: d.Input,
		RefdSetlFlag: d.RefdSetlFlag, ReconcileSum: d.ReconcileSum, ReconcileCount: d.ReconcileCount, DetailColumns: d.DetailColumns,
		FundIncludesAccount: d.FundIncludesAccount, TracePlace: d.TracePlace, TraceName: d.TraceName,
		NotFoundPrefixes: d.NotFoundPrefixes, NotReversiblePrefixes: d.NotReversiblePrefixes,
	}
}

func signer(s config.Signature) (nhsa.Signer, error) {
	options := nhsa.SignatureOptions{Kind: s.Kind, SkipEmpty: s.Empty == "skip", UserID: s.UserID}
	if s.KeyFile != "" {
		key, err := config.ReadSecret(s.KeyFile)
		if err != nil {
			return nil, err
		}
		options.KeyPEM = key
	}
	return nhsa.NewSigner(options)
}

// tlsConfig is nil where the configuration names no file: the client has its own default.
func tlsConfig(t config.TLS) (*tls.Config, error) {
	if t.CAFile == "" && t.CertFile == "" {
		return nil, nil
	}
	out := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("upstream.tls.ca_file: %w", err)
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("upstream.tls.ca_file holds no certificate")
		}
	}
	if t.CertFile != "" {
		if _, err := config.ReadSecret(t.KeyFile); err != nil {
			return nil, err
		}
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("upstream.tls: %w", err)
		}
		out.Certificates = []tls.Certificate{pair}
	}
	return out, nil
}

// wake tells the worker that a report is on disk. The ledger may call it before the worker exists.
func (u *upstream) wake() {
	if u != nil && u.worker != nil {
		u.worker.Wake()
	}
}

// note takes an event from the worker without making it wait.
func (u *upstream) note(event outbox.Event) {
	select {
	case u.events <- event:
	default:
	}
}

// tell keeps the centre's latest time without making the client wait.
func (u *upstream) tell(at time.Time) {
	select {
	case u.times <- at:
	default: // an earlier one is still being looked at; the next answer brings another
	}
}

// agree holds our clocks against the centre's: the only thing that ends a clock warning and sets the high-water clock of
// the ledger's age back.
func (d *Daemon) agree(ctx context.Context, at time.Time) {
	d.clocks.Agree(at)
	if err := d.ledger.ObserveCentreTime(ctx, at); err != nil && ctx.Err() == nil {
		d.log.Warn("the centre's time could not be kept", "err", err.Error())
	}
}

// start runs the worker, the feed and the events' way to the streams.
func (u *upstream) start(run func(name string, run func(context.Context) error)) {
	if u.worker == nil {
		return
	}
	run("outbox", u.worker.Run)
	run("feed", u.feed.Run)
	run("reconcile", u.reconcileNightly)
	run("events", func(ctx context.Context) error {
		for {
			select {
			case event := <-u.events:
				u.d.reported(event)
			case at := <-u.times:
				u.d.agree(ctx, at)
			case <-ctx.Done():
				return nil
			}
		}
	})
}

// Offline reports whether the centre is not reachable now.
func (u *upstream) Offline() bool { return u.worker == nil || u.worker.Offline() }

// Refresh asks the centre about the holder of a card and applies the answer to the ledger.
func (u *upstream) Refresh(ctx context.Context, c cardreader.Credential) error {
	if u.feed == nil {
		return settle.NewError(settle.UpstreamSilent, errors.New("no centre is configured"))
	}
	kind := settle.CredentialCard
	if c.Kind == cardreader.CardIdentity {
		kind = settle.CredentialID
	}
	_, err := u.feed.Refresh(ctx, feed.Holder{Kind: kind, Number: c.Number, Identifier: c.Identifier, IDNumber: c.IDNumber, Name: c.Name})
	return err
}

// Resolve asks the centre whose 医保码 this is and applies the answer to the ledger.
func (u *upstream) Resolve(ctx context.Context, code string) (session.Resolved, error) {
	if u.feed == nil {
		return session.Resolved{}, settle.NewError(settle.UpstreamSilent, errors.New("no centre is configured"))
	}
	person, err := u.feed.Refresh(ctx, feed.Holder{Kind: settle.CredentialEvoucher, Number: code})
	if err != nil {
		return session.Resolved{}, err
	}
	number, err := settle.ParseIDNumber(person.IDNumber)
	if number.Zero() { // a number with a wrong check character is the centre's business
		return session.Resolved{}, settle.NewError(settle.UpstreamSilent, err)
	}
	return session.Resolved{Person: u.d.ledger.PersonID(person.PsnNo), Number: number, Name: person.Name}, nil
}
