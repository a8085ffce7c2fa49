package records

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"gongji/settle"
)

// Format is the form of a table.
type Format string

// The formats.
const (
	XLSX Format = "xlsx"
	PDF  Format = "pdf"
	CSV  Format = "csv"
)

// Formats lists them.
var Formats = []Format{XLSX, PDF, CSV}

// ContentType is the media type of a format.
func (f Format) ContentType() string {
	switch f {
	case XLSX:
		return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	case PDF:
		return "application/pdf"
	}
	return "text/csv; charset=utf-8"
}

// Column is a column of a table.
type Column struct {
	Title string
	Width int  // in characters, a Chinese one counts two
	Extra bool // left out of a PDF, whose page has no room for it
}

// Cell is a text or an amount.
type Cell struct {
	text  string
	fen   settle.Fen
	money bool
}

// Text is a cell of text.
func Text(text string) Cell { return Cell{text: text} }

// Money is a cell of fen, shown as yuan.
func Money(f settle.Fen) Cell { return Cell{fen: f, money: true} }

// String is what the cell shows.
func (c Cell) String() string {
	if c.money {
		return c.fen.String()
	}
	return c.text
}

// Head says what a table is.
type Head struct {
	Title   string
	Notes   []string // period, venue, how it was counted
	Columns []Column
}

// Sheet is a table that is being written. Rows have one cell for each column. Close finishes the file; Discard gives up what is
// not finished. One of them must be called.
type Sheet interface {
	Row(cells []Cell) error
	Close() error
	Discard()
}

// ErrTooLong is the error of a PDF with more than MaxPDFRows rows.
var ErrTooLong = errors.New("too many rows for a PDF")

// NewSheet begins a table. Nothing but CSV reaches w before Close.
func NewSheet(format Format, w io.Writer, head Head) (Sheet, error) {
	switch format {
	case XLSX:
		return newXLSX(w, head)
	case PDF:
		return newPDF(w, head)
	case CSV:
		return newCSV(w, head)
	}
	return nil, fmt.Errorf("records: there is no format %q", format)
}

// csvSheet writes CSV as Excel reads it: a byte order mark, or Chinese is spoilt, and CRLF.
type csvSheet struct {
	w   *csv.Writer
	row []string
}

func newCSV(w io.Writer, head Head) (Sheet, error) {
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return nil, err
	}
	s := &csvSheet{w: csv.NewWriter(w)}
	s.w.UseCRLF = true
	titles := make([]Cell, len(head.Columns))
	for i, c := range head.Columns {
		titles[i] = Text(c.Title)
	}
	return s, s.Row(titles)
}

// Row writes one row.
func (s *csvSheet) Row(cells []Cell) error {
	s.row = s.row[:0]
	for _, c := range cells {
		text := c.String()
		if !c.money {
			text = harmless(text)
		}
		s.row = append(s.row, text)
	}
	return s.w.Write(s.row)
}

// Close writes out what is buffered.
func (s *csvSheet) Close() error {
	s.w.Flush()
	return s.w.Error()
}

// Discard has nothing to give up.
func (s *csvSheet) Discard() {}

// harmless keeps a spreadsheet from running a text as a formula: whatever begins like one gets an apostrophe, which the
// spreadsheet does not show. Leading white space hides nothing.
func harmless(text string) string {
	first := strings.TrimLeft(text, " \t\r\n\u00a0\u3000")
	if first != "" && strings.ContainsRune("=+-@＝＋－＠|%", []rune(first)[0]) || strings.HasPrefix(text, "\t") || strings.HasPrefix(text, "\r") {
		return "'" + text
	}
	return text
}
