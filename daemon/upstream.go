package daemon

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
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
	"gongji/sync/relay"
)

// upstream is the way to the centre: the client, the outbox that reports, the feed that refreshes. Without an address
// there is none: the counter is offline for good and reports wait.
type upstream struct {
	client     *nhsa.Client
	worker     *outbox.Worker
	feed       *feed.Feed
	reconciler *reconcile.Runner
	inline     *outbox.Inline    // nil: sales are settled from the ledger and reported after
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
	_ outbox.InlineStore       = (*ledger.Ledger)(nil)
	_ session.InlineLedger     = (*ledger.Ledger)(nil)
	_ session.Inline           = (*outbox.Inline)(nil)
)

// upstreamEvents is how many events may wait for the streams. A lost one costs nothing: each makes the console look
// anew, and the next one comes with the next report.
const upstreamEvents = 256

func (d *Daemon) openUpstream(context.Context) error {
	d.up = &upstream{d: d, events: make(chan outbox.Event, upstreamEvents), times: make(chan time.Time, 1)}
	c := d.o.Config
	if !c.Upstream.Set() {
		d.log.Warn("no centre is configured; everything is settled offline and reports wait")
		return nil
	}
	line, err := newLine(c, d.o.Logger)
	if err != nil {
		return fmt.Errorf("upstream: %w", err)
	}
	client, err := newClient(c, line, nhsa.Options{
		Serials: d.ledger.NextMessageSerial, Clock: d.o.Clock, Registerer: d.o.Registry, OnCentreTime: d.up.tell,
	})
	if err != nil {
		return fmt.Errorf("upstream: %w", err)
	}
	d.later("upstream client", func() error { client.Close(); return nil })
	signIns := nhsa.NewSignIns(client)
	d.up.client = client
	d.up.reconciler, err = reconcile.New(reconcile.Options{
		Store: d.ledger, Client: client, SignIns: signIns, Clock: d.o.Clock, Logger: d.o.Logger, ProofAfter: cmp.Or(d.o.ProofAfter, c.Upstream.ProofAfter),
		Offices: c.Upstream.ClearingOffices,
	})
	if err != nil {
		return fmt.Errorf("upstream: %w", err)
	}
	d.up.worker, err = outbox.New(outbox.Options{
		Store: d.ledger, Client: client, SignIns: signIns, Clock: d.o.Clock, Logger: d.o.Logger, Registerer: d.o.Registry,
		Prover: d.up.reconciler, ProofAfter: cmp.Or(d.o.ProofAfter, c.Upstream.ProofAfter),
		Extensions: nhsa.Extensions{ExpectedSplit: c.Upstream.Has("expected_split"), Trace: c.Upstream.Has("trace")},
		OnUpstream: d.up.note, AskAgain: askAgain, Uploads: d.uploads(), GiveWay: d.ledger.GiveWay,
	})
	if err != nil {
		return fmt.Errorf("upstream: %w", err)
	}
	if err := d.openInline(signIns); err != nil {
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
	if line != nil {
		line.OnMoved(d.up.feed.Nudge)
		line.OnNews(d.ledger.Heed)
	}
	return nil
}

// openInline makes what asks the centre while the patient waits. It is there under authority cached too: what was left open
// before the setting was changed must be undone.
func (d *Daemon) openInline(signIns *nhsa.SignIns) (err error) {
	u := d.o.Config.Upstream
	d.up.inline, err = outbox.NewInline(outbox.InlineOptions{
		Store: d.ledger, Client: d.up.client, SignIns: signIns, Within: u.InlineTimeout, Clock: d.o.Clock, Logger: d.o.Logger,
		Registerer: d.o.Registry,
		Extensions: nhsa.Extensions{ExpectedSplit: u.Has("expected_split"), Trace: u.Has("trace")},
	})
	return err
}

// asker is what asks in line; nil where sales are settled from the ledger and reported after.
func (u *upstream) asker() session.Inline {
	if u.inline == nil || u.d.o.Config.Upstream.Authority != "platform" {
		return nil
	}
	return u.inline
}

// askAgain is how long until a binding request that the centre has not decided is asked about again. The feed brings a
// binding that was granted sooner than that; a refusal is only learned by asking.
const askAgain = 15 * time.Minute

// uploads is where uploads of goods wait; nil where the configuration has none.
func (d *Daemon) uploads() outbox.Uploads {
	if !d.o.Config.Upstream.UploadsGoods() {
		return nil
	}
	return d.ledger
}

// Client is a client of the configured centre for a tool that has no ledger. serials number its messages; a tool that
// books nothing may draw them.
func Client(c *config.Config, serials func(context.Context) (uint64, error)) (*nhsa.Client, error) {
	line, err := newLine(c, nil)
	if err != nil {
		return nil, err
	}
	return newClient(c, line, nhsa.Options{Serials: serials})
}

// newLine is the way through message servers; nil where the configuration goes straight to the centre. The secret files
// are read here, so that one that is open to others is refused before anything leaves.
func newLine(c *config.Config, log *slog.Logger) (_ *relay.Line, err error) {
	u := c.Upstream
	if u.Kind != "nats" {
		return nil, nil
	}
	end := relay.Endpoint{Servers: u.NATS.Servers, AllowPlain: u.AllowPlain}
	if u.NATS.CredsFile != "" {
		if end.Creds, err = config.ReadSecret(u.NATS.CredsFile); err != nil {
			return nil, err
		}
	}
	if u.NATS.NKeyFile != "" {
		if end.Seed, err = config.ReadSecret(u.NATS.NKeyFile); err != nil {
			return nil, err
		}
	}
	if end.TLS, err = tlsConfig(u.TLS); err != nil {
		return nil, err
	}
	return relay.NewLine(relay.LineOptions{Endpoint: end, Venue: c.Venue.Code, Prefix: u.NATS.SubjectPrefix, Logger: log})
}

// relayed is the address of a centre behind message servers. Nothing resolves it: the line has subjects instead.
const relayed = "https://centre.invalid/"

// newClient completes the options from the configuration. line is nil where messages go straight to the centre.
func newClient(c *config.Config, line *relay.Line, options nhsa.Options) (*nhsa.Client, error) {
	u := c.Upstream
	options.URL, options.Venue, options.Timeout, options.AllowPlain = u.URL, VenueOf(c), u.Timeout, u.AllowPlain
	dialect, err := nhsa.NewDialect(u.Dialect.Preset, dialectOverrides(u.Dialect))
	if err != nil {
		return nil, err
	}
	options.Dialect = &dialect
	if line != nil {
		options.URL, options.Transport = relayed, line
	}
	if options.Signer, err = signer(u.Signature); err != nil {
		return nil, err
	}
	if options.Gateway, err = gateway(u.Gateway); err != nil {
		return nil, err
	}
	if options.Body, err = bodyCipher(u.Body); err != nil {
		return nil, err
	}
	options.Proxy = u.Proxy
	if options.TLS, err = tlsConfig(u.TLS); err != nil {
		return nil, err
	}
	return nhsa.NewClient(options)
}

func dialectOverrides(d config.Dialect) nhsa.DialectOverrides {
	return nhsa.DialectOverrides{
		InfVer: d.InfVer, RecerSysCode: d.RecerSysCode, Msgid: d.Msgid, Path: d.Path, Input: d.Input,
		RefdSetlFlag: d.RefdSetlFlag, ReconcileSum: d.ReconcileSum, ReconcileCount: d.ReconcileCount, DetailColumns: d.DetailColumns,
		FundIncludesAccount: d.FundIncludesAccount, TracePlace: d.TracePlace, TraceName: d.TraceName, VisitInfno: d.VisitInfno,
		NotFoundPrefixes: d.NotFoundPrefixes, NotReversiblePrefixes: d.NotReversiblePrefixes,
	}
}

// gateway is nil where the configuration names none: the client has its own default.
func gateway(g config.Gateway) (nhsa.Gateway, error) {
	if g.Kind == "none" {
		return nil, nil
	}
	secret, err := config.ReadSecret(g.SecretFile)
	if err != nil {
		return nil, err
	}
	if g.Kind == "x-ca" {
		return nhsa.XCa{Key: g.PaasID, Secret: string(secret)}, nil
	}
	return nhsa.XTif{Account: g.PaasID, Secret: string(secret)}, nil
}

// bodyCipher is nil where the content goes in clear inside TLS.
func bodyCipher(b config.Body) (*nhsa.SM4Body, error) {
	if b.Cipher != "sm4" {
		return nil, nil
	}
	key, err := config.ReadSecret(b.KeyFile)
	if err != nil {
		return nil, err
	}
	if raw, err := hex.DecodeString(string(key)); err == nil && len(key) == 32 {
		key = raw
	}
	body, err := nhsa.NewSM4Body(key)
	if err != nil {
		return nil, fmt.Errorf("upstream.body.key_file: %w", err)
	}
	return body, nil
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

// tell sets the ledger's clock by the centre's time, before anybody acts on the answer that carried it, and keeps the latest for
// what takes longer. It does not make the client wait.
func (u *upstream) tell(at time.Time) {
	u.d.ledger.ObserveCentreTime(at)
	select {
	case u.times <- at:
	default: // an earlier one is still being looked at; the next answer brings another
	}
}

// start runs the worker, the feed and the events' way to the streams.
func (u *upstream) start(run func(name string, run func(context.Context) error)) {
	if u.worker == nil {
		return
	}
	run("outbox", u.worker.Run)
	run("inline", u.inline.Run)
	run("feed", u.feed.Run)
	run("reconcile", u.reconcileNightly)
	run("events", func(ctx context.Context) error {
		for {
			select {
			case event := <-u.events:
				u.d.reported(ctx, event, len(u.events) == 0)
			case at := <-u.times:
				u.d.clocks.Agree(at) // the only thing that ends a clock warning
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
