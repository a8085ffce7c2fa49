package ledger

import "strings"

// rows gathers rows for one INSERT: a statement costs more than what it writes. There are as many statements as numbers of
// rows, up to rowsAtOnce; more rows are written in several.
type rows struct {
	head    string
	columns int
	values  []any
}

const rowsAtOnce = 16

// rowsOf begins an INSERT that ends in VALUES, with so many columns a row.
func rowsOf(head string, columns int) *rows { return &rows{head: head, columns: columns} }

func (r *rows) add(values ...any) { r.values = append(r.values, values...) }

// insert writes the rows.
func (r *rows) insert(t *tx) error {
	for values := r.values; len(values) > 0; {
		n := min(len(values)/r.columns, rowsAtOnce)
		if err := t.run(insertText(r.head, r.columns, n), values[:n*r.columns]...); err != nil {
			return err
		}
		values = values[n*r.columns:]
	}
	return nil
}

func insertText(head string, columns, n int) string {
	row := ", (" + strings.Repeat(", ?", columns)[2:] + ")"
	return head + strings.Repeat(row, n)[1:]
}
