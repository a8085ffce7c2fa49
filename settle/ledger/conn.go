package ledger

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

// conn is one connection to the database, with every statement prepared once; queries are constants of this package, so they
// stay few. It speaks to the driver itself: the pool, the locks and the conversions by reflection of database/sql cost as much
// as the statements of a sale do. It is for one goroutine at a time, so that SQLite needs no lock of its own for it (_mutex=no).
type conn struct {
	driver *sqlite3.SQLiteConn
	known  map[string]*statement
	// constant finds the same by where the text stands in memory, which spares hashing it: most texts are constants.
	constant map[*byte]*statement
}

// connect opens a connection under a name that dsn made.
func connect(name string) (*conn, error) {
	opened, err := (&sqlite3.SQLiteDriver{}).Open(name)
	if err != nil {
		return nil, err
	}
	return &conn{driver: opened.(*sqlite3.SQLiteConn), known: map[string]*statement{}, constant: map[*byte]*statement{}}, nil
}

func (c *conn) close() error {
	var faults []error
	for _, s := range c.known {
		faults = append(faults, s.driver.Close())
	}
	c.known, c.constant = map[string]*statement{}, map[*byte]*statement{}
	return errors.Join(append(faults, c.driver.Close())...)
}

// compared is a parameter that a column is compared with.
var compared = regexp.MustCompile(`([=<>] ?)\?`)

// planOnce hides compared parameters from the planner behind a plus, which changes no value. It would otherwise look whether a
// bound value lets a partial index be used, and for that parse and plan the statement anew each time it is run, which takes
// many times as long as running it. Where a partial index is meant, the query says the constant itself.
func planOnce(query string) string { return compared.ReplaceAllString(query, "$1+?") }

// prepared is a statement, which is kept for the next time.
func (c *conn) prepared(query string) (*statement, error) {
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
	s := &statement{driver: made.(*sqlite3.SQLiteStmt), text: query, reads: strings.HasPrefix(query, "SELECT")}
	c.known[query], c.constant[unsafe.StringData(query)] = s, s
	return s, nil
}

// statement is a prepared statement with room for its arguments and for a row. Contexts are not passed down: a cancellable
// context costs more than a statement, and no statement here runs long.
type statement struct {
	driver *sqlite3.SQLiteStmt
	text   string
	reads  bool
	args   []driver.NamedValue
	row    []driver.Value
	// reading is true from the first row to the last: a visitor that ran the same statement would take its rows away.
	reading bool
}

var errNested = errors.New("a statement was run again while its rows were being read")

// bind makes the arguments ready for the driver.
func (s *statement) bind(args []any) error {
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

// exec runs a statement for its result.
func (s *statement) exec(args []any) (driver.Result, error) {
	if err := s.bind(args); err != nil {
		return nil, err
	}
	defer clear(s.args) // what was sealed or named need not stay in memory
	return s.driver.ExecContext(context.Background(), s.args)
}

// query runs a statement up to its first row. The driver hands over all arguments and steps in one call, which its Exec does not.
func (s *statement) query(args []any) (driver.Rows, error) {
	if s.reading {
		return nil, errNested
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
func (s *statement) done(rows driver.Rows) error {
	s.reading = false
	return rows.Close()
}

// run runs a statement that has no rows, or whose rows do not matter.
func (s *statement) run(args []any) error {
	rows, err := s.query(args)
	if err != nil {
		return err
	}
	return s.done(rows)
}

// get scans the one row of a query; sql.ErrNoRows where there is none.
func (s *statement) get(args []any, dest []any) (err error) {
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

// each calls visit for every row of a query.
func (s *statement) each(args []any, visit func(scan func(dest ...any) error) error) (err error) {
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
func (s *statement) next(rows driver.Rows, columns int) error {
	if len(s.row) != columns {
		s.row = make([]driver.Value, columns)
	}
	return rows.Next(s.row)
}

func (s *statement) scan(dest []any) error {
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
