package lite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unsafe"

	"github.com/mattn/go-sqlite3"

	"gongji/settle"
)

// Conn is one connection to a database, with every statement prepared once; queries are constants of the program, so they stay
// few. It is for one goroutine at a time, so that SQLite needs no lock of its own for it (_mutex=no).
type Conn struct {
	driver *sqlite3.SQLiteConn
	known  map[string]*Statement
	// constant finds the same by where the text stands in memory, which spares hashing it: most texts are constants.
	constant map[*byte]*Statement
}

// Open opens a connection; name is the driver's, with its options. Close it.
func Open(name string) (*Conn, error) {
	opened, err := (&sqlite3.SQLiteDriver{}).Open(name)
	if err != nil {
		return nil, err
	}
	return &Conn{driver: opened.(*sqlite3.SQLiteConn), known: map[string]*Statement{}, constant: map[*byte]*Statement{}}, nil
}

// AutoCommit reports whether no transaction is open.
func (c *Conn) AutoCommit() bool { return c.driver.AutoCommit() }

// Set runs a PRAGMA that is not kept.
func (c *Conn) Set(pragma string) error {
	_, err := c.driver.Exec(pragma, nil)
	return err
}

// Texts are the statements that were prepared so far, with the number of their arguments.
func (c *Conn) Texts() map[string]int {
	texts := make(map[string]int, len(c.known))
	for text, s := range c.known {
		texts[text] = s.driver.NumInput()
	}
	return texts
}

// Close closes the statements and the connection.
func (c *Conn) Close() error {
	var faults []error
	for _, s := range c.known {
		faults = append(faults, s.driver.Close())
	}
	c.known, c.constant = map[string]*Statement{}, map[*byte]*Statement{}
	return errors.Join(append(faults, c.driver.Close())...)
}

// compared is a parameter that a column is compared with.
var compared = regexp.MustCompile(`([=<>] ?)\?`)

// planOnce hides compared parameters from the planner behind a plus, which changes no value. It would otherwise look whether a
// bound value lets a partial index be used, and for that parse and plan the statement anew each time it is run, which takes
// many times as long as running it. Where a partial index is meant, the query says the constant itself.
func planOnce(query string) string { return compared.ReplaceAllString(query, "$1+?") }

// Prepared is a statement, which is kept for the next time.
func (c *Conn) Prepared(query string) (*Statement, error) {
	// A statement keeps its text, so no other text can come to stand where it does; one that begins like it may.
	if s := c.constant[unsafe.StringData(query)]; s != nil && len(s.text) == len(query) {
		return s, nil
	}
	if s := c.known[query]; s != nil {
		return s, nil
	}
	made, err := c.driver.Prepare(planOnce(query))
	if err != nil {
		return nil, err
	}
	s := &Statement{driver: made.(*sqlite3.SQLiteStmt), text: query, reads: strings.HasPrefix(query, "SELECT")}
	c.known[query], c.constant[unsafe.StringData(query)] = s, s
	return s, nil
}

// Statement is a prepared statement with room for its arguments and for a row. Contexts are not passed down: a cancellable
// context costs more than a statement, and no statement here runs long.
type Statement struct {
	driver *sqlite3.SQLiteStmt
	text   string
	reads  bool // a SELECT
	args   []driver.NamedValue
	row    []driver.Value
	// reading is true from the first row to the last: a visitor that ran the same statement would take its rows away.
	reading bool
}

// ErrNested is the error of a statement that its own visitor runs again.
var ErrNested = errors.New("a statement was run again while its rows were being read")

// Reads reports whether the statement is a SELECT, which writes nothing.
func (s *Statement) Reads() bool { return s.reads }

// bind makes the arguments ready for the driver.
func (s *Statement) bind(args []any) error {
	if want := s.driver.NumInput(); len(args) != want {
		return fmt.Errorf("a statement takes %d arguments and was given %d", want, len(args))
	}
	s.args = s.args[:0]
	for i, arg := range args {
		value, err := valueOf(arg)
		if err != nil {
			return err
		}
		s.args = append(s.args, driver.NamedValue{Ordinal: i + 1, Value: value})
	}
	return nil
}

// Exec runs a statement for its result.
func (s *Statement) Exec(args []any) (driver.Result, error) {
	if err := s.bind(args); err != nil {
		return nil, err
	}
	defer clear(s.args) // what was sealed or named need not stay in memory
	return s.driver.ExecContext(context.Background(), s.args)
}

// query runs a statement up to its first row. The driver hands over all arguments and steps in one call, which its Exec does not.
func (s *Statement) query(args []any) (driver.Rows, error) {
	if s.reading {
		return nil, ErrNested
	}
	if err := s.bind(args); err != nil {
		return nil, err
	}
	defer clear(s.args)
	rows, err := s.driver.QueryContext(context.Background(), s.args)
	s.reading = err == nil
	return rows, err
}

// done ends the reading of a query's rows.
func (s *Statement) done(rows driver.Rows) error {
	s.reading = false
	return rows.Close()
}

// Run runs a statement that has no rows, or whose rows do not matter; it costs less than Exec.
func (s *Statement) Run(args []any) error {
	rows, err := s.query(args)
	if err != nil {
		return err
	}
	return s.done(rows)
}

// Get scans the one row of a query into pointers; sql.ErrNoRows where there is none.
func (s *Statement) Get(args []any, dest []any) (err error) {
	rows, err := s.query(args)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.done(rows)) }()
	if err := s.next(rows, len(dest)); err != nil {
		if errors.Is(err, io.EOF) {
			return sql.ErrNoRows
		}
		return err
	}
	return s.scan(dest)
}

// Each calls visit for every row of a query. visit may run other statements of the connection, and not this one.
func (s *Statement) Each(args []any, visit func(scan func(dest ...any) error) error) (err error) {
	rows, err := s.query(args)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.done(rows)) }()
	scan := func(dest ...any) error { return s.scan(dest) }
	for columns := len(rows.Columns()); ; {
		err := s.next(rows, columns)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = visit(scan)
		}
		if err != nil {
			return err
		}
	}
}

// next reads a row of so many columns; io.EOF after the last.
func (s *Statement) next(rows driver.Rows, columns int) error {
	if len(s.row) != columns {
		s.row = make([]driver.Value, columns)
	}
	return rows.Next(s.row)
}

func (s *Statement) scan(dest []any) error {
	if len(dest) != len(s.row) {
		return fmt.Errorf("a row has %d columns and was read into %d", len(s.row), len(dest))
	}
	for i, d := range dest {
		if err := assign(d, s.row[i]); err != nil {
			return fmt.Errorf("column %d: %w", i, err)
		}
	}
	return nil
}

// valueOf is an argument as the driver takes it. What a sale binds is named here; the rest is found out by reflection.
func valueOf(arg any) (driver.Value, error) {
	switch v := arg.(type) {
	case nil, int64, string, []byte, bool:
		return v, nil
	case int:
		return int64(v), nil
	case settle.Fen:
		return int64(v), nil
	case settle.Date:
		return int64(v), nil
	case settle.Pot:
		return string(v), nil
	case settle.MedGroup:
		return string(v), nil
	case settle.ShopState:
		return string(v), nil
	case settle.ReportKind:
		return string(v), nil
	case settle.ReportState:
		return string(v), nil
	case settle.CredentialKind:
		return string(v), nil
	}
	return driver.DefaultParameterConverter.ConvertValue(arg)
}
