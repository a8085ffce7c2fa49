package ledger

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"github.com/mattn/go-sqlite3"

	"gongji/settle"
	"gongji/settle/ledger/lite"
)

// databaseName is the database file in a data directory.
const databaseName = "ledger.db"

const busyTimeout = 10 * time.Second

// open is the centre time of a posting that the centre has not acknowledged: later than any snapshot.
const open int64 = 1<<63 - 1

// dsn names the database with everything a connection must have: pragmas sent later would reach one pooled
// connection only, and the driver sets synchronous=NORMAL on every connection unless the name says FULL.
func dsn(path string, options url.Values) string {
	options.Set("_busy_timeout", fmt.Sprint(busyTimeout.Milliseconds()))
	options.Set("_foreign_keys", "on")
	slashed := filepath.ToSlash(path)
	if slashed[0] != '/' {
		slashed = "/" + slashed // a drive letter
	}
	return (&url.URL{Scheme: "file", Path: slashed, RawQuery: options.Encode()}).String()
}

// durable are the options of a connection that writes.
func durable() url.Values {
	return url.Values{"_journal_mode": {"WAL"}, "_synchronous": {"FULL"}, "_txlock": {"immediate"}}
}

// openWriter opens one connection that writes, for what is not asked for at the counter.
func openWriter(path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite3", dsn(path, durable()))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// readers is how many reads may run at the same time.
const readers = 4

// openReaders opens the connections that only read.
func openReaders(path string) (*lite.Pool, error) {
	return lite.OpenPool(dsn(path, url.Values{"mode": {"ro"}, "_query_only": {"on"}, "_mutex": {"no"}}), readers)
}

// tx is one transaction, reading or writing.
type tx struct {
	ledger *Ledger
	conn   *lite.Conn
	batch  *batch // nil when reading
	view   *vault // when reading: that of the state that is read
	wrote  int    // statements so far that may have written
}

// vault is the vault of the state that the transaction sees.
func (t *tx) vault() *vault {
	if t.batch != nil {
		return t.batch.vault
	}
	return t.view
}

// prepared is a statement, which is kept for the next request.
func (t *tx) prepared(query string) (*lite.Statement, error) {
	s, err := t.conn.Prepared(query)
	if err == nil && !s.Reads() {
		t.wrote++
	}
	return s, err
}

func (t *tx) exec(query string, args ...any) (driver.Result, error) {
	stmt, err := t.prepared(query)
	if err != nil {
		return nil, err
	}
	return stmt.Exec(args)
}

// run is exec where the result does not matter, which costs less.
func (t *tx) run(query string, args ...any) error {
	stmt, err := t.prepared(query)
	if err != nil {
		return err
	}
	return stmt.Run(args)
}

// insert is the row id of an INSERT.
func (t *tx) insert(query string, args ...any) (id int64, err error) {
	if err := t.run(query, args...); err != nil {
		return 0, err
	}
	err = t.get("SELECT last_insert_rowid()", nil, &id)
	return id, err
}

// get scans the one row of a query; sql.ErrNoRows where there is none.
func (t *tx) get(query string, args []any, dest ...any) error {
	stmt, err := t.prepared(query)
	if err != nil {
		return err
	}
	return stmt.Get(args, dest)
}

// each calls visit for every row of a query. visit must not use the transaction: the rows are still open.
func (t *tx) each(query string, args []any, visit func(scan func(dest ...any) error) error) error {
	stmt, err := t.prepared(query)
	if err != nil {
		return err
	}
	return stmt.Each(args, visit)
}

// read runs a function over one consistent state of the database. Where it meets somebody of a large snapshot that has not
// been moved to their place yet, that is done first and the function runs anew.
func (l *Ledger) read(ctx context.Context, run func(*tx) error) error {
	for {
		err := l.readOnce(ctx, run, false)
		var behind *behindError
		if !errors.As(err, &behind) {
			return err
		}
		if err := l.write(ctx, func(t *tx) error { return t.catchUp(behind.pid) }); err != nil {
			return err
		}
	}
}

// lookUp is read for a function of one statement, which is one consistent state by itself and needs no transaction around it.
func (l *Ledger) lookUp(ctx context.Context, run func(*tx) error) error {
	err := l.readOnce(ctx, run, true)
	var behind *behindError
	if errors.As(err, &behind) {
		return l.read(ctx, run)
	}
	return err
}

func (l *Ledger) readOnce(ctx context.Context, run func(*tx) error, one bool) (err error) {
	// The transaction itself must not die with ctx in the middle of a statement; ctx only bounds waiting for a turn.
	c, err := l.reads.Take(ctx)
	if err != nil {
		return storeError(err)
	}
	defer l.reads.Give(c)
	view, leave := l.enter()
	defer leave()
	t := &tx{ledger: l, conn: c, view: view}
	if !one || view == nil {
		if err := t.run("BEGIN"); err != nil {
			return storeError(err)
		}
		defer func() { _ = t.run("ROLLBACK") }() // nothing was written
	}
	if view == nil {
		t.view, err = t.coveredBy()
	}
	if err == nil {
		err = run(t)
	}
	err = storeError(err)
	if isDamage(err) && l.writer != nil {
		l.writer.fault.Store(&writeFault{err: err, final: true})
	}
	return err
}

// storeError gives an error its code: what already has one keeps it, a full disk is STORE_FULL, everything else that
// the store says is STORE_BROKEN. SQLite's texts name tables and constraints, never values.
func storeError(err error) error {
	var known *settle.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	if isFull(err) {
		return settle.NewError(settle.StoreFull, err)
	}
	return settle.NewError(settle.StoreBroken, err)
}

func isFull(err error) bool {
	var fault sqlite3.Error
	return errors.As(err, &fault) && fault.Code == sqlite3.ErrFull
}

// millis is how instants are stored; the zero time is 0.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// instant reads what millis stored, in Beijing time.
func instant(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).In(settle.Beijing)
}

// optional is a limit as a column: NULL for none.
func optional(c settle.Cap) any {
	if !c.Set {
		return nil
	}
	return int64(c.Max)
}

func capOf(column sql.NullInt64) settle.Cap {
	return settle.Cap{Set: column.Valid, Max: settle.Fen(column.Int64)}
}
