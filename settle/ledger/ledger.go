// Package ledger is the money's memory: the cached accounts, what was settled out of them, and what the centre still
// has to be told, in one SQLite database.
//
// It decides nothing. It reads the facts of a sale, calls settle.MakePlan or settle.MakeRefund, and writes what they
// answered (settlement, lines, postings, presence, chain link, report) in one transaction, which is on disk before
// anybody hears of it.
//
// # What a row promises
//
//  1. The postings of a settlement, its cash and its fund part sum to the bill's total.
//  2. No account's available money is ever below its floor by a settlement.
//  3. One sale id of one till is one settlement, for ever: same content, the first answer again; other content, a
//     refusal naming the field.
//  4. What was acknowledged survives kill -9 and power loss (synchronous=FULL, answered after the fsync).
//  5. Every settlement, reversal, refund, premium and request has exactly one report row, written with it, held until it is answered.
//  6. Refunds never exceed what each source paid.
//  7. Every money record is a link of a hash chain with a keyed head; [VerifyDir] walks it and re-adds everything.
//  8. No settlement without the card presence that matched.
//
// # What is available
//
// An account's available money is its balance in the last snapshot, less frozen money, less what other venues hold,
// less everything settled here that the balance does not contain yet. A posting is contained exactly if the centre
// acknowledged it at a centre time that is not later than the time through which the snapshot contains this venue.
// What is unsent, unknown or acknowledged later is still subtracted. Money given back follows the same rule, but for one
// doubt: while a cancellation is sent and not answered, a newer snapshot may contain it already, and it is not added to
// such a balance, or it could be spent twice. Since the
// centre learns of a partial return as a cancellation and a new booking, a return is posted in two legs, what was
// cancelled and what stays paid, and each is contained from its own acknowledgement on.
//
// # In line
//
// Where the centre decides while the patient waits, the message is an intent on disk before it leaves. The settlement takes it
// over in its own transaction, booked or unknown; what no settlement came of becomes an orphan, a report that has it undone.
// See intent.go. The centre's figures are laid over our facts: postings go as far as these allow, the fund's part moves
// within the lines, and account money that nobody known here can have paid counts, is not posted and is on the work list.
//
// # Adjustments and decisions
//
// Where the centre books another split than ours, its figures stand: the difference is a record of its own, posted on the leg
// of the booking it belongs to and contained with it. The settlement's own figures stay as they were made; what was added
// stands beside them, and both together bound what a return may give back. Account money that the centre took and that no
// account known here can have paid is in the figures and in no posting, and a person is told. Where the goods were back
// before the centre booked the sale, the difference comes with the booking and goes with its cancellation.
//
// Cash that a patient owes or is owed afterwards is kept until a person says what became of it; until then, and where it
// was written off, a return does not hand out what was never paid. A sale that the centre refused after the goods were gone
// is a loss until a person decides: it is sent again, or paid in cash, or borne by the shop, and then the account money
// flows back. Decisions and the closing of a month are links of the chain.
//
// # Families
//
// A request for a binding is written, reported and answered like a sale, and changes nothing else: only the centre's
// confirmation, or a snapshot, writes a binding. A contribution is posted like a sale of its own, outside the caps on bills,
// and is never taken offline. Their ids travel to the centre, so they are unique in the venue and not in a till.
//
// The account year turns when an account is read: a snapshot of last year knows last year's pots, so its current money is
// read as prior money from the first day of the new year on (Beijing). Nothing is written for it, which makes it the same
// before and after a restart, and the first snapshot of the new year takes over. Money that goes back to an account that was
// closed, or whose holder has died, is posted to the pot "agency" and put on the work list: it is never cash.
//
// # Decisions
//
// Identities enter with a snapshot and are sealed (AES-256-GCM) before they are written; the keys lie in a file of
// their own beside the database. Money records are stored once, sealed, in the chain; the other tables hold columns
// that are asked for, and verification compares the two. One goroutine writes, in groups; readers have their own
// read-only connections. Age is counted on a clock that only rises.
package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gongji/settle"
	"gongji/settle/ledger/lite"
)

// DefaultReportGrace is how long a report on its way does not count as unsynced.
const DefaultReportGrace = 30 * time.Second

// Options are what varies between installations and tests. All but OnReport and ReportGrace are required.
type Options struct {
	Dir         string // data directory; made with mode 0700 where it does not exist
	Venue       settle.Venue
	RulesFor    func(day settle.Date) (*settle.Rules, error) // the region's rules on a day; called for every sale
	Offline     settle.OfflineLimits                         // of the configuration; the region's apply too
	Clock       func() time.Time                             // wall clock, with its monotonic reading where it has one
	Registerer  prometheus.Registerer
	Logger      *slog.Logger
	OnReport    func()        // called after a report is on disk; must not block
	ReportGrace time.Duration // 0: DefaultReportGrace
	Goods       bool          // trace codes are uploaded (3505, 3506) after the sale or return is accepted
}

func (o *Options) validate() error {
	var faults []error
	need := func(ok bool, field string) {
		if !ok {
			faults = append(faults, fmt.Errorf("ledger: Options.%s is missing", field))
		}
	}
	need(o.Dir != "", "Dir")
	need(o.Venue.Code != "", "Venue.Code")
	need(o.RulesFor != nil, "RulesFor")
	need(o.Clock != nil, "Clock")
	need(o.Registerer != nil, "Registerer")
	need(o.Logger != nil, "Logger")
	return errors.Join(faults...)
}

// Ledger is an open data directory. All methods are safe for concurrent use; errors are *settle.Error.
type Ledger struct {
	options           Options
	log               *slog.Logger
	keys              atomic.Pointer[vault] // of the database as it was last written
	turn              atomic.Pointer[turn]  // while hashes are covered by the next key; nil else
	plain             atomic.Int64          // reads under way that did not look which key covers
	rotation          sync.Mutex            // one change of keys at a time
	afterRotationStep func()                // of tests: a step of it is on disk
	clock             *clock
	metrics           *metrics

	lock   *os.File
	place  os.FileInfo  // the database file as it was opened
	saver  *sql.DB      // for checkpoints
	long   sync.RWMutex // held for reading by looks at the outbox, while the log is begun anew for writing; see readLong
	reads  *lite.Pool
	writer *writer

	counter   counter
	bulk      *bulk
	serials   serials
	words     wordBook
	wordIDs   wordIDs
	booked    knownRows
	closing   sync.Once
	closeErr  error
	stopSaver chan struct{}
	corrected chan struct{} // the clock was corrected, and the disk is not told yet
	saverDone chan struct{}
}

// Open takes a data directory for this process and brings its database up to date. Faults are STORE_BROKEN with the
// cause ErrInUse, ErrNewer, ErrDatabaseMissing, ErrKeyMissing, ErrKeyWrong, ErrKeyOpen or what the system said; missing options are plain
// errors that name every field.
func Open(ctx context.Context, options Options) (*Ledger, error) {
	if err := options.validate(); err != nil {
		return nil, err
	}
	if options.ReportGrace == 0 {
		options.ReportGrace = DefaultReportGrace
	}
	l := &Ledger{
		options: options, log: options.Logger.With("component", "ledger"),
		stopSaver: make(chan struct{}), corrected: make(chan struct{}, 1), saverDone: make(chan struct{}), bulk: newBulk(),
	}
	if err := l.open(ctx); err != nil {
		return nil, storeError(errors.Join(err, l.release()))
	}
	go l.writer.loop()
	go func() {
		defer close(l.saverDone)
		l.housekeep(l.stopSaver)
	}()
	if err := l.resumeBulk(ctx); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	if err := l.learnOffices(ctx); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (l *Ledger) open(ctx context.Context) (err error) {
	dir := l.options.Dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	if l.lock, err = lockDir(dir); err != nil {
		return err
	}
	path, err := filepath.Abs(filepath.Join(dir, databaseName))
	if err != nil {
		return err
	}
	_, statErr := os.Stat(path)
	ring, fresh, err := openKeys(dir, statErr == nil)
	if err != nil {
		return err
	}
	if err := l.openDatabase(ctx, path); err != nil {
		return err
	}
	if err := l.load(ctx, ring, fresh); err != nil || !fresh {
		return err
	}
	return takeKey(dir)
}

func (l *Ledger) openDatabase(ctx context.Context, path string) (err error) {
	if err := ownFiles(path); err != nil {
		return err
	}
	if l.saver, err = openWriter(path); err != nil {
		return err
	}
	steps, err := loadMigrations(migrationFiles)
	if err != nil {
		return err
	}
	if _, err := migrate(ctx, l.saver, steps); err != nil {
		return err
	}
	options := durable()
	options.Set("_mutex", "no") // the writer's alone
	writing, err := lite.Open(dsn(path, options))
	if err != nil {
		return err
	}
	l.writer = newWriter(l, writing)
	if err := assertDurable(writing); err != nil {
		return err
	}
	if l.reads, err = openReaders(path); err != nil {
		return err
	}
	if l.place, err = os.Stat(path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// assertDurable checks what acknowledgement rests on, since a driver's default has been found to undo it silently. It
// also takes checkpoints off the commit path.
func assertDurable(c *lite.Conn) error {
	t := &tx{conn: c}
	if err := t.run("PRAGMA wal_autocheckpoint = 0"); err != nil {
		return err
	}
	var synchronous int
	var journal string
	if err := t.get("PRAGMA synchronous", nil, &synchronous); err != nil {
		return err
	}
	if err := t.get("PRAGMA journal_mode", nil, &journal); err != nil {
		return err
	}
	if synchronous != 2 || journal != "wal" {
		return fmt.Errorf("the write connection has synchronous=%d journal_mode=%s, not 2 and wal", synchronous, journal)
	}
	return nil
}

// load reads what lives in memory: clock and head of the chain; and it checks that the key is this database's.
func (l *Ledger) load(ctx context.Context, ring keyring, fresh bool) error {
	t := &tx{ledger: l, conn: l.writer.conn, batch: &batch{}}
	if err := l.checkKey(t, ring, fresh); err != nil {
		return err
	}
	high, err := t.metaInt(metaClock)
	if err != nil {
		return err
	}
	l.metrics, err = newMetrics(l.options.Registerer, l)
	if err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	l.clock = newClock(l.options.Clock, instant(high), l.clockJumped)
	if l.writer.head, err = t.loadHead(); err != nil {
		return err
	}
	if err := l.indexRecords(ctx, t); err != nil {
		return fmt.Errorf("index the records: %w", err)
	}
	pulled, err := t.metaInt(metaSnapshot)
	setInstant(l.metrics.snapshotAt, pulled)
	verified, verifiedErr := t.metaInt(metaVerified)
	setInstant(l.metrics.verifiedAt, verified)
	return errors.Join(err, verifiedErr)
}

// checkKey ties a database to its key: the first opening writes a keyed hash, every later one compares it. A key that
// was taken before and a database without the hash do not belong together: the database was lost.
func (l *Ledger) checkKey(t *tx, ring keyring, fresh bool) error {
	state, err := readKeyState(t.meta)
	if err != nil {
		return err
	}
	if state.check == nil && !fresh {
		return ErrDatabaseMissing
	}
	v, _, err := ring.vaults(state)
	if err != nil {
		return err
	}
	l.keys.Store(v)
	t.batch.vault = v
	if state.check == nil {
		return t.setMeta(metaKeyCheck, v.mac(kindCheck, ""))
	}
	return nil
}

// vault is the vault of the database as it was last written. Within a transaction it is the transaction's.
func (l *Ledger) vault() *vault { return l.keys.Load() }

func (l *Ledger) clockJumped(ahead time.Duration) {
	l.log.Warn("the PC's clock jumped ahead; the ledger ages at once", "by", ahead.Round(time.Second).String())
}

// ObserveCentreTime takes the centre's time as an answer just carried it. It is the only thing that sets the
// high-water clock back; a correction is logged and counted. Times of the past (a file's, a booking's) must not come
// here. It does not block: the sale that has waited for that answer already goes by the corrected clock, and the disk is
// told a moment later.
func (l *Ledger) ObserveCentreTime(now time.Time) {
	by := l.clock.correct(now)
	if by == 0 {
		return
	}
	l.metrics.clockCorrections.Inc()
	l.log.Warn("high-water clock corrected by the centre's time", "by", by.Round(time.Second).String())
	select {
	case l.corrected <- struct{}{}:
	default: // the mark is about to be written
	}
}

// Close finishes what is queued, writes everything out and gives the directory back. It may be called again.
func (l *Ledger) Close() error {
	l.closing.Do(func() {
		l.bulk.stop()
		l.bulk.movers.Wait()
		l.persistClock()
		l.writer.close()
		close(l.stopSaver)
		<-l.saverDone
		l.closeErr = l.release()
	})
	return l.closeErr
}

// release closes whatever was opened, last first.
func (l *Ledger) release() error {
	var faults []error
	if l.metrics != nil {
		l.metrics.unregister()
	}
	if l.reads != nil {
		faults = append(faults, l.reads.Close())
	}
	if l.writer != nil {
		faults = append(faults, l.writer.conn.Close())
	}
	if l.saver != nil {
		faults = append(faults, l.saver.Close())
	}
	if l.lock != nil {
		faults = append(faults, l.lock.Close())
	}
	return errors.Join(faults...)
}
