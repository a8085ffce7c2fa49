package lite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	"gongji/settle"
)

func open(t *testing.T) *Conn {
	t.Helper()
	c, err := Open(filepath.Join(t.TempDir(), "some.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func prepared(t *testing.T, c *Conn, text string) *Statement {
	t.Helper()
	s, err := c.Prepared(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestColumnsBecomeVariables: every kind of variable that a query reads into, and what must be refused.
func TestColumnsBecomeVariables(t *testing.T) {
	c := open(t)
	read := func(column string, dest any) error { return prepared(t, c, "SELECT "+column).Get(nil, []any{dest}) }
	var (
		n     int
		small settle.Date
		fen   settle.Fen
		yes   bool
		text  string
		state settle.ReportState
		data  []byte
		maybe sql.NullInt64
		count uint64
	)
	for column, dest := range map[string]any{
		"7": &n, "20261122": &small, "-250": &fen, "1": &yes, "'甲'": &text, "'accepted'": &state, "x'0102'": &data, "NULL": &maybe, "8": &count,
	} {
		if err := read(column, dest); err != nil {
			t.Errorf("%s: %v", column, err)
		}
	}
	if n != 7 || small != 20261122 || fen != -250 || !yes || text != "甲" || state != settle.ReportAccepted || !bytes.Equal(data, []byte{1, 2}) || maybe.Valid || count != 8 {
		t.Error(n, small, fen, yes, text, state, data, maybe, count)
	}
	for column, dest := range map[string]any{
		"NULL": &n, "99999999999": &small, "'x'": &fen, "2": &yes, "x'00' || NULL": &text, "-1": &count, "3": new(struct{}),
	} {
		if err := read(column, dest); err == nil {
			t.Errorf("%s was read into a %T", column, dest)
		}
	}
	if err := read("1 WHERE 0", &n); !errors.Is(err, sql.ErrNoRows) {
		t.Errorf("no row: %v", err)
	}
	if err := prepared(t, c, "SELECT ?").Get(nil, []any{&n}); err == nil {
		t.Error("a missing argument was taken for NULL")
	}
}

// A statement has one set of rows: a visitor that ran it again would read the rest of its own loop from the start.
func TestAStatementIsNotRunWithinItself(t *testing.T) {
	c := open(t)
	const query = "SELECT value FROM (SELECT 1 AS value UNION ALL SELECT 2)"
	var seen []int
	visit := func(inner string) error {
		seen = nil
		return prepared(t, c, query).Each(nil, func(scan func(dest ...any) error) error {
			var n, m int
			if err := errors.Join(scan(&n), prepared(t, c, inner).Get(nil, []any{&m})); err != nil {
				return err
			}
			seen = append(seen, n)
			return nil
		})
	}
	if err := visit(query); !errors.Is(err, ErrNested) {
		t.Errorf("nested: %v", err)
	}
	if err := visit(query + " LIMIT 1"); err != nil || len(seen) != 2 {
		t.Errorf("beside another: %v, %v", seen, err)
	}
}

// TestAStatementIsKept: the same text, wherever it stands, is one statement; one that begins in the same place is another.
func TestAStatementIsKept(t *testing.T) {
	c := open(t)
	const text = "SELECT 1 AS one, 2 AS two"
	first := prepared(t, c, text)
	if again := prepared(t, c, string([]byte(text))); again != first {
		t.Error("the same text was prepared twice")
	}
	if part := prepared(t, c, text[:len("SELECT 1 AS one")]); part == first {
		t.Error("the beginning of a text was taken for all of it")
	}
	if texts := c.Texts(); len(texts) != 2 {
		t.Errorf("kept %v", texts)
	}
}

// TestNobodyTakesFromAClosedPool: whoever waits is refused, and so is who comes later.
func TestNobodyTakesFromAClosedPool(t *testing.T) {
	p, err := OpenPool(filepath.Join(t.TempDir(), "some.db"), 1)
	if err != nil {
		t.Fatal(err)
	}
	c, err := p.Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	given, stop := context.WithCancel(t.Context())
	stop()
	if _, err := p.Take(given); !errors.Is(err, context.Canceled) {
		t.Errorf("waited with nobody waiting for it: %v", err)
	}
	p.Give(c)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Take(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("took from a closed pool: %v", err)
	}
}

// TestParametersAreHiddenFromThePlanner: a statement is planned once, whatever is bound to it.
func TestParametersAreHiddenFromThePlanner(t *testing.T) {
	for query, want := range map[string]string{
		"SELECT a FROM t WHERE b = ? AND c >= ?1 LIMIT ?":                             "SELECT a FROM t WHERE b = +? AND c >= +?1 LIMIT ?",
		"INSERT INTO t (a, b) VALUES (?, ?)":                                          "INSERT INTO t (a, b) VALUES (?, ?)",
		"UPDATE t SET a = ?, b = b + ? WHERE c <> ?":                                  "UPDATE t SET a = +?, b = b + ? WHERE c <> +?",
		"SELECT a FROM t WHERE b IN (?, ?) AND (c, d) < (?, ?) AND e BETWEEN ? AND ?": "SELECT a FROM t WHERE b IN (?, ?) AND (c, d) < (?, ?) AND e BETWEEN ? AND ?",
	} {
		if got := planOnce(query); got != want {
			t.Errorf("%s\nbecomes %s\nwant    %s", query, got, want)
		}
	}
}
