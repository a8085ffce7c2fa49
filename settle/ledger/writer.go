package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mattn/go-sqlite3"

	"gongji/settle"
	"gongji/settle/ledger/lite"
)

const (
	queueLength     = 1024             // requests that may wait for the writer
	batchLimit      = 256              // requests in one transaction
	checkpointAfter = 2000             // requests between two checkpoints of the log
	checkpointTicks = 2                // clock ticks between two checkpoints when little is written
	clockTick       = 5 * time.Minute  // how often the high-water mark is written when nothing else is
	clockPersist    = time.Second      // how far the mark may run ahead of the disk in a transaction that is written anyway
	clockAlone      = 10 * time.Second // how far it may run ahead before it is worth a transaction of its own
)

var errClosed = errors.New("the ledger is closed")

// The states of a request.
const (
	waiting int32 = iota
	taken         // the writer has it: its outcome is what counts, not its caller's context
	given         // its caller gave up before the writer took it
)

// request is one change that waits for the writer.
type request struct {
	run   func(*tx) error
	done  chan error // buffered: the writer never waits for a caller
	late  bool       // it makes way for whoever comes to the counter; see writeLate
	state atomic.Int32
}

// ends are what the writer keeps in memory of the database from one transaction to the next.
type ends struct {
	head     head // of the chain
	receipts receipts
}

// batch is what a write transaction carries besides its statements. It is a value that is copied before each request and
// put back when the request fails.
type batch struct {
	ends
	vault *vault // of the database as the batch leaves it
	was   *vault // before the batch
	after []func()
	doc   []byte // room for the text of a record
}

// writer owns the write connection. Requests queue; each batch is one BEGIN IMMEDIATE transaction, one COMMIT with its
// fsync, and only then the answers. A lone request does not wait for company: the batch is whatever is in the queue when
// the writer is free, and who comes while it is under way; see company.
//
// Whoever is refused has as a rule written nothing yet, for everything is decided before anything is written. So a batch runs
// without savepoints, for which SQLite would copy every page that a request touches. Where a request does fail in the middle
// of its writing, the whole batch is rolled back and runs once more, each request now in a savepoint of its own: a request
// may be run twice, and changes nothing but the transaction.
type writer struct {
	ledger *Ledger
	conn   *lite.Conn
	queue  chan *request
	late   chan *request // of the outbox
	left   []*request    // of the outbox, taken and sent back by somebody at the counter
	slices chan *request // of a large snapshot: taken alone, and only when nobody else waits
	ended  chan struct{}

	mu     sync.RWMutex // held for reading while sending, for writing while closing
	closed bool

	ends                  // committed
	clockAt     time.Time // high-water mark on disk
	sinceSave   atomic.Int64
	commits     atomic.Int64 // COMMITs made, for tests of the grouping
	pace        pace
	grouped     int // the outbox's requests in its last batch; of the loop alone
	crowd       int // who was at the counter during the last transaction: those it answered and those who came meanwhile
	fault       atomic.Pointer[writeFault]
	wake        chan struct{}
	between     chan func() // what is done while no transaction is under way
	beforeFsync func()      // of tests: a commit begins
}

func newWriter(l *Ledger, c *lite.Conn) *writer {
	return &writer{
		ledger: l, conn: c,
		queue: make(chan *request, queueLength), late: make(chan *request, queueLength), slices: make(chan *request), ended: make(chan struct{}), wake: make(chan struct{}, 1), between: make(chan func()),
	}
}

// recordRoom is enough for the record of most sales.
const recordRoom = 8 << 10

// begin is a batch in which nothing was done yet.
func (w *writer) begin() *batch {
	v := w.ledger.vault()
	return &batch{ends: w.ends, vault: v, was: v, doc: make([]byte, 0, recordRoom)}
}

// writeFault is why the last transaction failed. A damaged file is final: whatever is written into it may be lost.
type writeFault struct {
	err   error
	final bool
}

// WriteFault is why nothing can be written now: the fault of the last transaction, nil once one has succeeded again. A
// damaged database stays at fault until the daemon is started on a sound one.
func (l *Ledger) WriteFault() error {
	if f := l.writer.fault.Load(); f != nil {
		return f.err
	}
	return nil
}

// CheckPlace finds out whether the database is still where it was opened. One that was removed or replaced under the
// daemon takes every later sale with it, so nothing is written any more.
func (l *Ledger) CheckPlace() error {
	now, err := os.Stat(filepath.Join(l.options.Dir, databaseName))
	if err == nil && os.SameFile(l.place, now) {
		return nil
	}
	if err == nil {
		err = errors.New("the database file was replaced while the daemon ran")
	}
	err = settle.NewError(settle.StoreBroken, err)
	l.writer.fault.Store(&writeFault{err: err, final: true})
	return err
}

// Ping returns once the writer has taken a request and answered it; nothing is written. Its error is ctx's where the
// writer does not answer in time. A disk that takes no more writes is no reason: see [Ledger.WriteFault].
func (l *Ledger) Ping(ctx context.Context) error {
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		_ = l.write(ctx, func(*tx) error { return nil }) // whatever it answers, it answers
	}()
	select {
	case <-answered:
		return nil
	case <-ctx.Done():
		return storeError(ctx.Err())
	}
}

// isDamage reports whether SQLite found the file itself broken.
func isDamage(err error) bool {
	var fault sqlite3.Error
	return errors.As(err, &fault) && (fault.Code == sqlite3.ErrCorrupt || fault.Code == sqlite3.ErrNotADB)
}

// write runs a function in a write transaction and returns after it is on disk. An error of run rolls back what run
// did and is returned; an error of the store rolls back the whole batch. When ctx ends before the writer has taken the
// request, nothing is written and ctx's error is the cause; afterwards the outcome is waited for.
func (l *Ledger) write(ctx context.Context, run func(*tx) error) error {
	return l.writer.await(ctx, l.writer.queue, &request{run: run, done: make(chan error, 1)})
}

// await puts a request into a queue and waits for its outcome.
func (w *writer) await(ctx context.Context, queue chan *request, r *request) error {
	if err := w.submit(ctx, queue, r); err != nil {
		return settle.NewError(settle.StoreBroken, err)
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		if r.state.CompareAndSwap(waiting, given) {
			return settle.NewError(settle.StoreBroken, ctx.Err())
		}
		return <-r.done
	}
}

func (w *writer) submit(ctx context.Context, queue chan *request, r *request) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return errClosed
	}
	select {
	case queue <- r:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close lets the writer finish what is queued and waits for it. It may be called again.
func (w *writer) close() {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.queue)
	}
	w.mu.Unlock()
	<-w.ended
}

func (w *writer) loop() {
	defer close(w.ended)
	requests := make([]*request, 0, batchLimit)
	for {
		w.rest()
		alone := false
		requests = w.fill(requests[:0])
		if len(requests) == 0 {
			first, slice, more := w.next()
			if !more {
				return
			}
			if first == nil {
				continue
			}
			requests, alone = append(requests, first), slice
			if !slice {
				requests = w.fill(requests)
			}
		}
		requests = w.gather(requests)
		w.do(requests, alone)
		clear(requests[:cap(requests)])
	}
}

// next waits for the request to do now: whoever waits in a queue comes before a slice of a large snapshot. more is false
// when the ledger is closed and nothing waits; a nil request means that something may wait now.
func (w *writer) next() (r *request, slice, more bool) {
	select {
	case r, more = <-w.queue:
		return r, false, more || len(w.late) > 0
	case r = <-w.late:
		return r, false, true
	default:
	}
	select {
	case r, more = <-w.queue:
		return r, false, more || len(w.late) > 0
	case r = <-w.late:
		return r, false, true
	case r = <-w.slices:
		return r, true, true
	case run := <-w.between:
		run()
		return nil, false, true
	}
}

// writeSlice is write for a part of a large snapshot: it lets everybody else go first and has a transaction of its own, so
// that nobody waits for more than one slice.
func (l *Ledger) writeSlice(ctx context.Context, run func(*tx) error) error {
	r := &request{run: run, done: make(chan error, 1)}
	select {
	case l.writer.slices <- r: // it is taken at once
		return <-r.done
	case <-ctx.Done():
		return settle.NewError(settle.StoreBroken, ctx.Err())
	case <-l.writer.ended:
		return settle.NewError(settle.StoreBroken, errClosed)
	}
}

// do runs one batch and answers it. alone: nobody else comes into its transaction.
func (w *writer) do(requests []*request, alone bool) {
	live := requests[:0]
	for _, r := range requests {
		if r.state.Load() == taken || r.state.CompareAndSwap(waiting, taken) {
			live = append(live, r)
		}
	}
	if len(live) == 0 {
		return
	}
	l := &load{live: live, results: make([]error, len(live)), alone: alone, began: time.Now()}
	b := w.begin()
	if err := w.transact(b, l); err != nil {
		w.abandon()
		err = storeError(err)
		if f := w.fault.Load(); f == nil || !f.final { // what is final stays, also once it has refused somebody
			w.fault.Store(&writeFault{err: err, final: isDamage(err)})
		}
		w.ledger.log.Error("write transaction failed", "requests", len(l.live), "error", err.Error())
		for i := range l.results {
			// A request that its own rule refused keeps its refusal; whatever else was in the batch is not on disk.
			if l.results[i] == nil || !refused(l.results[i]) {
				l.results[i] = err
			}
		}
		b.after = nil
	}
	for _, after := range b.after {
		after()
	}
	w.crowd = l.atCounter() + len(w.queue)
	for i, r := range l.live {
		r.done <- l.results[i]
	}
}

// refused reports whether an error is a decision about the request and not a fault of the store.
func refused(err error) bool {
	code := settle.CodeOf(err)
	return code != settle.StoreBroken && code != settle.StoreFull
}

// errHalf marks the error of a request that failed in the middle of its writing.
type errHalf struct{ error }

func (e *errHalf) Unwrap() error { return e.error }

// transact is one transaction. An error means that nothing of the batch is on disk.
func (w *writer) transact(b *batch, l *load) error {
	if f := w.fault.Load(); f != nil && f.final {
		return f.err
	}
	err := w.attempt(b, l, false)
	var half *errHalf
	if !errors.As(err, &half) {
		return err
	}
	w.abandon()
	*b = *w.begin()
	clear(l.results)
	if len(l.live) == 1 {
		l.results[0] = half.error
		return nil
	}
	return w.attempt(b, l, true)
}

// attempt runs the requests of a batch and commits what they wrote. apart gives each a savepoint; without, the first that
// fails in the middle of its writing ends the attempt with errHalf.
func (w *writer) attempt(b *batch, l *load, apart bool) error {
	t := &tx{ledger: w.ledger, conn: w.conn, batch: b}
	if err := t.run("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	run := w.runBare
	if apart {
		run = w.runApart
	}
	done := 0
	for i := 0; i < len(l.live) || w.company(l); i++ {
		w.yield(l, i)
		err := run(t, l.live[i])
		if w.rolledBack() {
			return cause(err)
		}
		var half *errHalf
		if err != nil && (isStorage(err) || errors.As(err, &half)) {
			return err
		}
		if l.results[i] = err; err == nil {
			done++
		}
	}
	if done == 0 && w.ledger.clock.now().Sub(w.clockAt).Abs() < clockAlone {
		return t.run("ROLLBACK")
	}
	return w.commit(t, done)
}

// commit ends a transaction in which some requests were done.
func (w *writer) commit(t *tx, done int) error {
	if err := w.finish(t); err != nil {
		return err
	}
	end := w.pace.begin()
	if w.beforeFsync != nil {
		w.beforeFsync()
	}
	err := t.run("COMMIT")
	w.ledger.metrics.commitDuration.Observe(end().Seconds())
	if err != nil {
		return err
	}
	w.ends = t.batch.ends
	if t.batch.vault != t.batch.was {
		w.ledger.keys.Store(t.batch.vault)
	}
	if f := w.fault.Load(); f != nil && !f.final {
		w.fault.CompareAndSwap(f, nil)
	}
	w.commits.Add(1)
	w.ledger.metrics.observeBatch(done)
	if w.sinceSave.Add(int64(done)) >= checkpointAfter {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
	return nil
}

// finish writes what a batch as a whole leaves behind: the head of the chain, the last receipt and the high-water clock.
func (w *writer) finish(t *tx) error {
	if t.batch.head != w.head || t.batch.vault.guard != t.batch.was.guard {
		if err := t.setMeta(metaHead, t.batch.head.encode(t.batch.vault)); err != nil {
			return err
		}
	}
	if t.batch.receipts != w.receipts {
		if err := t.keep(t.batch.receipts); err != nil {
			return err
		}
	}
	if now := w.ledger.clock.now(); now.Sub(w.clockAt).Abs() >= clockPersist {
		if err := t.setMeta(metaClock, millis(now)); err != nil {
			return err
		}
		w.clockAt = now
	}
	return nil
}

// runBare runs a request in the batch's transaction as it is. A panic is an error of that request only.
func (w *writer) runBare(t *tx, r *request) error {
	before, wrote := *t.batch, t.wrote
	err := w.protect(t, r)
	if err == nil {
		return nil
	}
	*t.batch = before
	switch {
	case isStorage(err) || w.rolledBack():
		return err
	case t.wrote != wrote:
		return &errHalf{storeError(err)}
	}
	return storeError(err)
}

// runApart runs a request inside a savepoint, and undoes what it wrote where it fails.
func (w *writer) runApart(t *tx, r *request) error {
	before := *t.batch
	if err := t.run("SAVEPOINT request"); err != nil {
		return err
	}
	err := w.protect(t, r)
	if err == nil {
		return t.run("RELEASE request")
	}
	*t.batch = before
	if isStorage(err) || w.rolledBack() {
		return err
	}
	if undo := t.run("ROLLBACK TO request"); undo != nil {
		return &storageFault{undo}
	}
	if undo := t.run("RELEASE request"); undo != nil {
		return &storageFault{undo}
	}
	return storeError(err)
}

// storageFault marks an error after which the transaction cannot be trusted.
type storageFault struct{ error }

func (f *storageFault) Unwrap() error { return f.error }

func (w *writer) protect(t *tx, r *request) (err error) {
	defer func() {
		if p := recover(); p != nil {
			// The panic's value may quote data of a sale; its type and the stack do not.
			w.ledger.log.Error("panic in a ledger request", "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			err = settle.NewError(settle.StoreBroken, fmt.Errorf("panic of type %T in a ledger request", p))
		}
	}()
	return r.run(t)
}

// isStorage reports whether the store itself failed, so that the whole transaction must go.
func isStorage(err error) bool {
	var marked *storageFault
	if errors.As(err, &marked) {
		return true
	}
	var fault sqlite3.Error
	if !errors.As(err, &fault) {
		return false
	}
	switch fault.Code {
	case sqlite3.ErrConstraint, sqlite3.ErrMismatch, sqlite3.ErrTooBig, sqlite3.ErrRange, sqlite3.ErrError:
		return false
	}
	return true
}

// rolledBack reports whether SQLite has ended the transaction by itself, as it does when the disk is full.
func (w *writer) rolledBack() bool { return w.conn.AutoCommit() }

var errRolledBack = errors.New("the store rolled the transaction back")

func cause(err error) error {
	if err == nil {
		return errRolledBack
	}
	return err
}

// abandon leaves a failed transaction behind, if SQLite has not done so already.
func (w *writer) abandon() {
	w.clockAt = time.Time{}
	if w.rolledBack() {
		return
	}
	if err := (&tx{conn: w.conn}).run("ROLLBACK"); err != nil {
		w.ledger.log.Error("rollback failed", "error", err.Error())
	}
}

// housekeep does what must not wait for a request nor make one wait: it writes the high-water clock when nothing else
// is written, and copies the log into the database.
func (l *Ledger) housekeep(stop <-chan struct{}) {
	tick := time.NewTicker(clockTick)
	defer tick.Stop()
	for ticks := 1; ; ticks++ {
		select {
		case <-stop:
			return
		case <-l.writer.wake:
			l.checkpoint()
		case <-l.corrected:
			l.persistClock()
		case <-tick.C:
			l.persistClock()
			if ticks%checkpointTicks == 0 {
				l.checkpoint()
			}
		}
	}
}

func (l *Ledger) persistClock() {
	err := l.write(context.Background(), func(t *tx) error { return t.setMeta(metaClock, millis(l.clock.now())) })
	if err != nil && !errors.Is(err, errClosed) {
		l.log.Warn("the high-water clock could not be written", "error", err.Error())
	}
}
