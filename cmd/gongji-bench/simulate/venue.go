package simulate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gongji/cardreader"
	"gongji/daemon/session"
	"gongji/daemon/session/sessiontest"
	"gongji/settle"
	"gongji/settle/ledger"
	"gongji/sync/feed"
	"gongji/sync/nhsa"
	"gongji/sync/outbox"
	"gongji/sync/reconcile"
)

// venue is a shop: its readers, its disk, its clock, its line, and the daemon that runs or does not.
type venue struct {
	world  *world
	code   string
	dice   dice
	tills  []*till
	wrong  atomic.Int64  // how far the PC's clock is off
	killed chan struct{} // asks the keeper to kill the daemon
	lines  []period
	plain  bool // it has 1101 only
	own    bool // it asks 1101 on a swipe, and hears of relatives when it pulls

	mu      sync.Mutex
	runs    int
	dir     string
	running *daemon
	dealtTo map[string]int  // messages by content
	heard   map[string]word // by person number
	barred  map[string]bar  // by person number
	torn    string          // where the daemon that is to be killed got no further; of several places at an instant the first by name
	waiting int             // reports that the centre refused, at the end
	open    int             // tills that do not know what became of their request
}

func (v *venue) note(format string, args ...any) {
	v.world.sway()
	v.world.journal.note(v.code[9:], format, args...)
}

// now is the PC's clock, without a monotonic reading: a jump is a jump.
func (v *venue) now() time.Time {
	v.world.sway()
	return time.Now().Round(0).Add(time.Duration(v.wrong.Load()))
}

// dealt are the dice of a message by its content, and how often that content was sent.
func (v *venue) dealt(content string) (dice, int) {
	v.mu.Lock()
	v.dealtTo[content]++
	nth := v.dealtTo[content]
	v.mu.Unlock()
	return throw(v.world.seed, "wire", v.code, content, strconv.Itoa(nth)), nth
}

// bars are those whom the venue has been told to sell nothing on.
func (v *venue) bars() map[string]bar {
	v.mu.Lock()
	defer v.mu.Unlock()
	return maps.Clone(v.barred)
}

// jitter spreads waits by what the instant says.
func (v *venue) jitter(most time.Duration) time.Duration {
	return throw(v.world.seed, "jitter", v.code, strconv.FormatInt(time.Now().UnixNano(), 10)).between(0, most)
}

// lineNow is the state of the line.
func (v *venue) lineNow() string {
	now := time.Now()
	for _, p := range v.lines {
		if now.Before(p.until) {
			return p.state
		}
	}
	return ""
}

// plan makes the line's day.
func (v *venue) plan(span time.Duration) {
	d := throw(v.world.seed, "line", v.code)
	at, end := time.Now(), time.Now().Add(span)
	for at.Before(end) {
		at = at.Add(d.between(v.world.span(2*time.Minute), v.world.span(40*time.Minute)))
		v.lines = append(v.lines, period{at, ""})
		at = at.Add(d.between(v.world.span(20*time.Second), v.world.outage()))
		v.lines = append(v.lines, period{at, one(d, []string{"cut", "cut", "cut", "slow"})})
	}
}

// importFamilies brings the families and their bindings to a venue that has 1101 only, as an imported file does: once, before
// its first customer. What it hears later is each holder's own balance.
func (v *venue) importFamilies(d *daemon) error {
	v.mu.Lock()
	known := len(v.heard) > 0
	v.mu.Unlock()
	if known {
		return nil
	}
	file := snapshot(begins, v.world.families)
	file.Full = true
	if err := d.ledger.ApplySnapshot(context.Background(), file); err != nil {
		return err
	}
	v.hear(&file)
	return nil
}

// patience is how long the outbox of a venue waits after a failure, and between two probes of a line that is down; 0: as every
// daemon does that was not told.
func (v *venue) patience() (least, probe time.Duration) {
	if !v.world.has(KindRush) {
		return 0, 0
	}
	d := throw(v.world.seed, "patience", v.code)
	return one(d, []time.Duration{0, 2 * time.Second, 8 * time.Second}), one(d, []time.Duration{0, 20 * time.Second})
}

// daemon is one run of the venue's program.
type daemon struct {
	ledger  *ledger.Ledger
	worker  *outbox.Worker
	feed    *feed.Feed
	runner  *reconcile.Runner
	session *session.Session
	persons map[settle.PersonID]string
	dead    chan struct{} // closed when it was killed: nothing of it counts any more
	stop    context.CancelFunc
	parts   sync.WaitGroup
}

func (d *daemon) gone() bool {
	select {
	case <-d.dead:
		return true
	default:
		return false
	}
}

// daemon is the run that serves now; nil where none does.
func (v *venue) daemon() *daemon {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.running
}

// start opens what the disk holds and serves.
func (v *venue) start() error {
	d := &daemon{dead: make(chan struct{}), persons: map[settle.PersonID]string{}}
	venue := settle.Venue{Code: v.code, Name: "示例大药房", Kind: settle.VenuePharmacy, Area: area, AgreementUntil: 20351231}
	var err error
	d.ledger, err = ledger.Open(context.Background(), ledger.Options{
		Dir: v.dir, Venue: venue, Clock: v.now, Registerer: prometheus.NewRegistry(), Logger: v.logger(),
		RulesFor: func(settle.Date) (*settle.Rules, error) { return v.world.rules, nil },
		Offline:  v.world.offline,
		OnReport: func() { d.worker.Wake() },
	})
	if err != nil {
		return err
	}
	for _, m := range v.world.people {
		d.persons[d.ledger.PersonID(m.psn)] = m.psn
	}
	if err := v.wire(d, venue); err != nil {
		return errors.Join(err, d.ledger.Close())
	}
	if v.plain {
		if err := v.importFamilies(d); err != nil {
			return errors.Join(err, d.ledger.Close())
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	d.stop = stop
	d.session.Start()
	for _, run := range []func(context.Context) error{d.worker.Run, d.feed.Run} {
		d.parts.Go(func() {
			if err := run(ctx); err != nil && !d.gone() {
				v.world.broken("%s: %v", v.code, err)
			}
		})
	}
	v.mu.Lock()
	v.running = d
	v.mu.Unlock()
	v.note("serves")
	return nil
}

func (v *venue) logger() *slog.Logger {
	if v.world.log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return v.world.log.With("venue", v.code)
}

// wire assembles the rooms as the daemon does.
func (v *venue) wire(d *daemon, venue settle.Venue) error {
	client, err := nhsa.NewClient(nhsa.Options{
		URL: "http://127.0.0.1/", Venue: venue, Serials: d.ledger.NextMessageSerial, Clock: v.now, OnCentreTime: d.ledger.ObserveCentreTime,
		MAC: "00:00:00:00:00:00", IP: "127.0.0.1", Transport: &wire{v, d.dead},
		Timeout: odd(30 * time.Second),
	})
	if err != nil {
		return err
	}
	signIns, store := nhsa.NewSignIns(client), &torn{d.ledger, v, d}
	// Of which nothing was ever booked, a shop knows no office but a configured one, and cannot look a message up.
	if d.runner, err = reconcile.New(reconcile.Options{Store: d.ledger, Client: client, SignIns: signIns, Clock: v.now, Logger: v.logger(), Offices: []string{area}}); err != nil {
		return err
	}
	least, probe := v.patience()
	if d.worker, err = outbox.New(outbox.Options{
		Store: store, Client: client, SignIns: signIns, Clock: v.now, Logger: v.logger(), Prover: d.runner, Jitter: v.jitter,
		LeastWait: least, ProbeEvery: probe,
		Parallel:   1, // who of several people goes first within an instant is the scheduler's to say
		Extensions: nhsa.Extensions{ExpectedSplit: true, Trace: true},
	}); err != nil {
		return err
	}
	if d.feed, err = feed.New(feed.Options{
		Store: store, Client: client, SignIns: signIns, Clock: v.now, Logger: v.logger(), Jitter: v.jitter,
		Extension: !v.plain, OnSwipe: !v.own, Interval: 20 * time.Minute, Page: 7,
	}); err != nil {
		return err
	}
	var readers []session.NamedReader
	for _, t := range v.tills {
		readers = append(readers, session.NamedReader{Name: t.name, Terminal: t.name, Role: cardreader.RoleCard, Reader: t.reader})
		if v.world.has(KindCodes) {
			readers = append(readers, session.NamedReader{Name: t.name + "-scanner", Terminal: t.name, Role: cardreader.RoleScanner, Reader: t.scanner})
		}
	}
	d.session, err = session.New(session.Options{
		Readers: readers, Ledger: d.ledger, Centre: &upstream{d}, Venue: venue, Clock: v.now, Logger: v.logger(), Registerer: prometheus.NewRegistry(),
		RefreshWait: odd(time.Second), AskWait: odd(5 * time.Second), RefreshTimeout: odd(31 * time.Second),
	})
	return err
}

// odd is a time-out of which no other wait is a multiple: what ends by it meets nothing that is done every few seconds, and
// nobody's turn at an instant is left to the scheduler.
func odd(d time.Duration) time.Duration { return d + 7919*time.Nanosecond }

// upstream is the centre as a sale needs it.
type upstream struct{ d *daemon }

func (u *upstream) Offline() bool { return u.d.worker.Offline() }

func (u *upstream) Refresh(ctx context.Context, c cardreader.Credential) error {
	_, err := u.d.feed.Refresh(ctx, feed.Holder{Kind: settle.CredentialCard, Number: c.Number, Identifier: c.Identifier, IDNumber: c.IDNumber, Name: c.Name})
	return err
}

func (u *upstream) Resolve(ctx context.Context, code string) (session.Resolved, error) {
	person, err := u.d.feed.Refresh(ctx, feed.Holder{Kind: settle.CredentialEvoucher, Number: code})
	if err != nil {
		return session.Resolved{}, err
	}
	number, err := settle.ParseIDNumber(person.IDNumber)
	return session.Resolved{Person: u.d.ledger.PersonID(person.PsnNo), Number: number, Name: person.Name}, err
}

// end stops a run in good order.
func (d *daemon) end() error {
	d.stop()
	d.session.Stop()
	d.parts.Wait()
	return d.ledger.Close()
}

// kill ends a run as kill -9 does: what is on the disk at this moment is all that the next run gets. Everybody else
// waits at this instant, so the copy is what a kill would leave. The old run goes on in its old folder for the moment it
// takes to end, unheard.
func (v *venue) kill() error {
	v.mu.Lock()
	old, from := v.running, v.dir
	v.running = nil
	v.runs++
	v.dir = filepath.Join(v.world.dir, fmt.Sprintf("%s-%d", v.code, v.runs))
	v.mu.Unlock()
	err := copyDir(from, v.dir)
	close(old.dead)
	err = errors.Join(err, old.end(), os.RemoveAll(from))
	if harm := v.world.harm.disk; harm != nil {
		err = errors.Join(err, harm(v.dir))
	}
	return err
}

// copyDir copies a data directory but for what only a running process has.
func copyDir(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		switch {
		case entry.IsDir():
			return os.MkdirAll(target, 0o700)
		case strings.HasSuffix(path, "-shm"):
			return nil
		}
		return copyFile(path, target)
	})
}

// copyFile lets the kernel copy: the log of a busy ledger is long, and a world has many kills.
func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close() //nolint:errcheck // only read
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}

// till is a cash desk with a card reader.
type till struct {
	venue  *venue
	name   string
	dice   dice
	reader *sessiontest.Reader
	// scanner is the one beside it.
	scanner *sessiontest.Reader
	serial  int
	mine    []*purchase
}
