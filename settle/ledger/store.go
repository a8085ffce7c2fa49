package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/mattn/go-sqlite3"

	"gongji/settle"
)

// databaseName is the database file in a data directory.
const databaseName = "ledger.db"

const (
	busyTimeout = 10 * time.Second
	readers     = 4 // reads at the same time
)

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

// openWriter opens the one connection that writes.
func openWriter(path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite3", dsn(path, url.Values{
		"_journal_mode": {"WAL"}, "_synchronous": {"FULL"}, "_txlock": {"immediate"},
	}))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// openReaders opens the read-only pool: a connection for each read that may run, and one to prepare a statement on. A
// read that meets a new query holds its own connection while it waits for the statement; without the spare one, all
// of them could wait for each other.
func openReaders(path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite3", dsn(path, url.Values{"mode": {"ro"}, "_query_only": {"on"}}))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(readers + 1)
	db.SetMaxIdleConns(readers + 1)
	return db, nil
}

// preparer is a connection or pool that prepares statements.
type preparer interface {
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// statements keeps every statement prepared once; queries are constants of this package, so it stays small. Safe for
// concurrent use.
type statements struct {
	on    preparer
	mu    sync.RWMutex
	known map[string]*sql.Stmt
}

// compared is a parameter that a column is compared with.
var compared = regexp.MustCompile(`([=<>] ?)\?`)

// planOnce hides compared parameters from the planner behind a plus, which changes no value. It would otherwise look whether a
// bound value lets a partial index be used, and for that parse and plan the statement anew each time it is run, which takes
// many times as long as running it. Where a partial index is meant, the query says the constant itself.
func planOnce(query string) string { return compared.ReplaceAllString(query, "$1+?") }

func newStatements(on preparer) *statements {
	return &statements{on: on, known: map[string]*sql.Stmt{}}
}

func (s *statements) get(query string) (*sql.Stmt, error) {
	s.mu.RLock()
	stmt := s.known[query]
	s.mu.RUnlock()
	if stmt != nil {
		return stmt, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if stmt = s.known[query]; stmt != nil {
		return stmt, nil
	}
	// The statement outlives the request that needed it first, so it is not prepared under that request's context.
	stmt, err := s.on.PrepareContext(context.Background(), planOnce(query)) //nolint:sqlclosecheck // kept until close
	if err != nil {
		return nil, err
	}
	s.known[query] = stmt
	return stmt, nil
}

func (s *statements) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, stmt := range s.known {
		_ = stmt.Close()
	}
	s.known = map[string]*sql.Stmt{}
}

// tx is one transaction, reading or writing, with prepared statements. Contexts are not passed down: a cancellable
// context costs more than a statement, and no statement here runs long.
type tx struct {
	ledger *Ledger
	stmt   func(query string) (*sql.Stmt, error)
	batch  *batch // nil when reading
	wrote  int    // statements so far that may have written
}

// prepared is a statement, which is kept for the next request.
func (t *tx) prepared(query string) (*sql.Stmt, error) {
	if !strings.HasPrefix(query, "SELECT") {
		t.wrote++
	}
	return t.stmt(query)
}

func (t *tx) exec(query string, args ...any) (sql.Result, error) {
	stmt, err := t.prepared(query) //nolint:sqlclosecheck // kept for the next request
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(context.Background(), args...)
}

// run is exec where the result does not matter.
func (t *tx) run(query string, args ...any) error {
	_, err := t.exec(query, args...)
	return err
}

// insert is the row id of an INSERT.
func (t *tx) insert(query string, args ...any) (int64, error) {
	result, err := t.exec(query, args...)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

// get scans the one row of a query; sql.ErrNoRows where there is none.
func (t *tx) get(query string, args []any, dest ...any) error {
	stmt, err := t.prepared(query) //nolint:sqlclosecheck // kept for the next request
	if err != nil {
		return err
	}
	return stmt.QueryRowContext(context.Background(), args...).Scan(dest...)
}

// each calls visit for every row of a query. visit must not use the transaction: the rows are still open.
func (t *tx) each(query string, args []any, visit func(scan func(dest ...any) error) error) (err error) {
	stmt, err := t.prepared(query) //nolint:sqlclosecheck // kept for the next request
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(context.Background(), args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := visit(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// read runs a function over one consistent state of the database. Where it meets somebody of a large snapshot that has not
// been moved to their place yet, that is done first and the function runs anew.
func (l *Ledger) read(ctx context.Context, run func(*tx) error) error {
	for {
		err := l.readOnce(ctx, run)
		var behind *behindError
		if !errors.As(err, &behind) {
			return err
		}
		if err := l.write(ctx, func(t *tx) error { return t.catchUp(behind.pid) }); err != nil {
			return err
		}
	}
}

func (l *Ledger) readOnce(ctx context.Context, run func(*tx) error) (err error) {
	// The transaction itself must not die with ctx in the middle of a statement; ctx only bounds waiting for a turn.
	select {
	case l.turns <- struct{}{}:
	case <-ctx.Done():
		return storeError(ctx.Err())
	}
	defer func() { <-l.turns }()
	conn, err := l.reads.Conn(ctx)
	if err != nil {
		return storeError(err)
	}
	defer func() { _ = conn.Close() }()
	dbtx, err := conn.BeginTx(context.Background(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return storeError(err)
	}
	defer func() { _ = dbtx.Rollback() }()
	t := &tx{ledger: l, stmt: func(query string) (*sql.Stmt, error) {
		stmt, err := l.readStmts.get(query)
		if err != nil {
			return nil, err
		}
		return dbtx.StmtContext(context.Background(), stmt), nil
	}}
	err = storeError(run(t))
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
