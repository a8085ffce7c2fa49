package ledger

import (
	"bytes"
	"database/sql"
	"errors"
	"testing"

	"gongji/settle"
)

// TestColumnsBecomeVariables: every kind of variable that a query of this package reads into, and what must be refused.
func TestColumnsBecomeVariables(t *testing.T) {
	h := openHouse(t)
	read := func(column string, dest any) error {
		return h.read(t.Context(), func(t *tx) error { return t.get("SELECT "+column, nil, dest) })
	}
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
	if err := h.read(t.Context(), func(t *tx) error { return t.get("SELECT ?", nil, &n) }); err == nil {
		t.Error("a missing argument was taken for NULL")
	}
}

// TestNobodyReadsAfterTheEnd: a closed ledger refuses, and does not let its caller wait.
func TestNobodyReadsAfterTheEnd(t *testing.T) {
	h := openHouse(t)
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := h.Person(t.Context(), h.id(h.patient))
	wantCode(t, err, settle.StoreBroken)
}

// A statement has one set of rows: a visitor that ran it again would read the rest of its own loop from the start.
func TestAStatementIsNotRunWithinItself(t *testing.T) {
	h := openHouse(t)
	const query = "SELECT value FROM (SELECT 1 AS value UNION ALL SELECT 2)"
	var seen []int
	visit := func(t *tx, inner string) error {
		seen = nil
		return t.each(query, nil, func(scan func(dest ...any) error) error {
			var n, m int
			if err := errors.Join(scan(&n), t.get(inner, nil, &m)); err != nil {
				return err
			}
			seen = append(seen, n)
			return nil
		})
	}
	if err := h.read(t.Context(), func(t *tx) error { return visit(t, query) }); !errors.Is(err, errNested) {
		t.Errorf("nested: %v", err)
	}
	if err := h.read(t.Context(), func(t *tx) error { return visit(t, query+" LIMIT 1") }); err != nil || len(seen) != 2 {
		t.Errorf("beside another: %v, %v", seen, err)
	}
}
