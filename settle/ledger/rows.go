package ledger

import "strings"

// table is where rows are written, several with one INSERT: a statement costs more than what it writes. There are as many
// statements as numbers of rows, up to rowsAtOnce; more rows are written in several.
type table struct {
	columns int
	texts   [rowsAtOnce]string // of one row, of two, …
}

const rowsAtOnce = 16

// into is the table of an INSERT that ends in VALUES, with so many columns a row.
func into(head string, columns int) *table {
	t := &table{columns: columns}
	row := ", (" + strings.Repeat(", ?", columns)[2:] + ")"
	for n := range t.texts {
		t.texts[n] = head + strings.Repeat(row, n+1)[1:]
	}
	return t
}

// rows gathers rows of a table.
type rows struct {
	*table
	values []any
}

func (r *rows) add(values ...any) { r.values = append(r.values, values...) }

// insert writes the rows.
func (r *rows) insert(t *tx) error {
	for values := r.values; len(values) > 0; {
		n := min(len(values)/r.columns, rowsAtOnce)
		if err := t.run(r.texts[n-1], values[:n*r.columns]...); err != nil {
			return err
		}
		values = values[n*r.columns:]
	}
	return nil
}
