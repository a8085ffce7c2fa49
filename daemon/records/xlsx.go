package records

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"gongji/settle"
)

// sheetRows is how many rows one sheet takes; more go on a new one. A sheet of Excel ends at 1048576.
const sheetRows = 1_000_000

// cellLimit is the most characters that a cell of Excel holds.
const cellLimit = 32767

// xlsxSheet streams a workbook: rows go to a temporary file as they come and are packed at Close.
type xlsxSheet struct {
	out    io.Writer
	file   *excelize.File
	stream *excelize.StreamWriter
	head   Head
	money  int // styles
	bold   int
	sheets int
	row    int // last one written
	values []any
}

func newXLSX(w io.Writer, head Head) (Sheet, error) {
	s := &xlsxSheet{out: w, file: excelize.NewFile(), head: head}
	if err := s.begin(); err != nil {
		return nil, errors.Join(err, s.file.Close())
	}
	return s, nil
}

func (s *xlsxSheet) begin() (err error) {
	if s.money, err = s.file.NewStyle(&excelize.Style{NumFmt: 2}); err != nil { // 0.00
		return err
	}
	if s.bold, err = s.file.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}}); err != nil {
		return err
	}
	if err := s.file.SetDocProps(&excelize.DocProperties{Title: s.head.Title, Creator: "gongjid"}); err != nil {
		return err
	}
	return s.nextSheet()
}

// nextSheet begins a sheet with the titles of the columns, which stay in sight.
func (s *xlsxSheet) nextSheet() (err error) {
	s.sheets++
	name := s.head.Title
	if s.sheets > 1 {
		name = fmt.Sprintf("%s %d", s.head.Title, s.sheets)
		_, err = s.file.NewSheet(name)
	} else {
		err = s.file.SetSheetName("Sheet1", name)
	}
	if err != nil {
		return err
	}
	if s.stream, err = s.file.NewStreamWriter(name); err != nil {
		return err
	}
	for i, c := range s.head.Columns {
		// The width of a column is a size on paper, counted in characters; it has nothing to do with money.
		if err := s.stream.SetColWidth(i+1, i+1, float64(min(c.Width+2, 80))); err != nil {
			return err
		}
	}
	if err := s.stream.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return err
	}
	s.row = 0
	titles := make([]any, len(s.head.Columns))
	for i, c := range s.head.Columns {
		titles[i] = excelize.Cell{StyleID: s.bold, Value: c.Title}
	}
	return s.write(titles)
}

func (s *xlsxSheet) write(values []any) error {
	s.row++
	return s.stream.SetRow("A"+strconv.Itoa(s.row), values)
}

// Row writes one row.
func (s *xlsxSheet) Row(cells []Cell) error {
	if s.row > sheetRows {
		if err := s.stream.Flush(); err != nil {
			return err
		}
		if err := s.nextSheet(); err != nil {
			return err
		}
	}
	s.values = s.values[:0]
	for _, c := range cells {
		if c.money {
			number, err := spreadsheetNumber(c.fen)
			if err != nil {
				return err
			}
			s.values = append(s.values, excelize.Cell{StyleID: s.money, Value: number})
		} else {
			s.values = append(s.values, fit(c.text))
		}
	}
	return s.write(s.values)
}

// spreadsheetNumber is an amount as a spreadsheet keeps numbers. The file holds the shortest text that reads back as the same
// double, which below 2^53 fen is the amount itself.
func spreadsheetNumber(f settle.Fen) (float64, error) { return strconv.ParseFloat(f.String(), 64) }

// fit takes away what a workbook cannot hold: control characters, and what is beyond the longest cell.
func fit(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\n' && r != '\t' || r == utf8.RuneError || r == 0xFFFE || r == 0xFFFF {
			return '〓'
		}
		return r
	}, text)
	if utf8.RuneCountInString(text) > cellLimit {
		text = string([]rune(text)[:cellLimit-1]) + "…"
	}
	return text
}

// Close packs the workbook into the writer.
func (s *xlsxSheet) Close() error {
	err := s.stream.Flush()
	if err == nil {
		err = s.notes()
	}
	if err == nil {
		_, err = s.file.WriteTo(s.out)
	}
	return errors.Join(err, s.file.Close())
}

// Discard removes the temporary file.
func (s *xlsxSheet) Discard() { _ = s.file.Close() }

// notes puts what the table is on a sheet of its own, so that the table itself begins with its titles.
func (s *xlsxSheet) notes() error {
	if len(s.head.Notes) == 0 {
		return nil
	}
	const name = "说明"
	if _, err := s.file.NewSheet(name); err != nil {
		return err
	}
	for i, note := range s.head.Notes {
		if err := s.file.SetCellStr(name, "A"+strconv.Itoa(i+1), fit(note)); err != nil {
			return err
		}
	}
	return nil
}
