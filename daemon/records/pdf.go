package records

import (
	"fmt"
	"io"

	"github.com/signintech/gopdf"
)

// MaxPDFRows is the most rows of a PDF: a few hundred pages. Longer tables are for XLSX and CSV.
const MaxPDFRows = 10_000

// The measures of a table on A4, lying, in points.
const (
	pageWidth, pageHeight = 842.0, 595.0
	margin                = 30.0
	fontSize              = 8.0
	lineHeight            = 10.5
	cellPad               = 2.5
	cellLines             = 4 // the most lines of one cell
)

// pdfSheet builds a table page by page.
type pdfSheet struct {
	out    io.Writer
	doc    *gopdf.GoPdf
	face   *typeface
	head   Head
	shown  []int     // columns that are printed
	widths []float64 // of them, in points
	y      float64
	pages  int
	rows   int
}

func newPDF(w io.Writer, head Head) (Sheet, error) {
	f, err := face()
	if err != nil {
		return nil, fmt.Errorf("the font of PDFs: %w", err)
	}
	s := &pdfSheet{out: w, doc: &gopdf.GoPdf{}, face: f, head: head}
	sum := 0
	for i, c := range head.Columns {
		if !c.Extra {
			s.shown = append(s.shown, i)
			sum += c.Width
		}
	}
	for _, i := range s.shown {
		s.widths = append(s.widths, (pageWidth-2*margin)*float64(head.Columns[i].Width)/float64(max(sum, 1)))
	}
	s.doc.Start(gopdf.Config{PageSize: gopdf.Rect{W: pageWidth, H: pageHeight}})
	s.doc.SetInfo(gopdf.PdfInfo{Title: head.Title, Creator: "gongjid"})
	if err := addFonts(s.doc); err != nil {
		return nil, fmt.Errorf("the font of PDFs: %w", err)
	}
	s.doc.SetLineWidth(0.4)
	return s, s.page()
}

// page begins a page with the titles of the columns; the first one has the table's title and notes too.
func (s *pdfSheet) page() error {
	s.doc.AddPage()
	s.pages++
	s.y = margin
	if s.pages == 1 {
		if err := s.line(s.head.Title, 14, margin); err != nil {
			return err
		}
		s.y += 20
		for _, note := range s.head.Notes {
			for _, text := range s.face.lines(note, (pageWidth-2*margin)/fontSize, cellLines) {
				if err := s.line(text, fontSize, margin); err != nil {
					return err
				}
				s.y += lineHeight
			}
		}
		s.y += 4
	}
	titles := make([]Cell, len(s.head.Columns))
	for i, c := range s.head.Columns {
		titles[i] = Text(c.Title)
	}
	if err := s.cells(titles); err != nil {
		return err
	}
	return s.foot()
}

// foot numbers the page.
func (s *pdfSheet) foot() error {
	y := s.y
	s.y = pageHeight - margin + 6
	err := s.line(fmt.Sprintf("%s  第 %d 页", s.head.Title, s.pages), 7, margin)
	s.y = y
	return err
}

// line prints a text at the height of the pen.
func (s *pdfSheet) line(text string, size, x float64) error {
	return s.face.draw(s.doc, text, size, x, s.y)
}

// Row writes one row, on a new page where the old one is full.
func (s *pdfSheet) Row(cells []Cell) error {
	if s.rows++; s.rows > MaxPDFRows {
		return ErrTooLong
	}
	if s.y+s.height(cells) > pageHeight-margin {
		if err := s.page(); err != nil {
			return err
		}
	}
	return s.cells(cells)
}

func (s *pdfSheet) cellLines(cells []Cell, n int) []string {
	return s.face.lines(cells[s.shown[n]].String(), (s.widths[n]-2*cellPad)/fontSize, cellLines)
}

func (s *pdfSheet) height(cells []Cell) float64 {
	most := 1
	for n := range s.shown {
		most = max(most, len(s.cellLines(cells, n)))
	}
	return float64(most)*lineHeight + 2
}

func (s *pdfSheet) cells(cells []Cell) error {
	top, x := s.y, margin
	height := s.height(cells)
	for n, i := range s.shown {
		for k, text := range s.cellLines(cells, n) {
			at := x + cellPad
			if cells[i].money {
				at = max(at, x+s.widths[n]-cellPad-s.face.width(text)*fontSize)
			}
			s.y = top + 1 + float64(k)*lineHeight
			if err := s.line(text, fontSize, at); err != nil {
				return err
			}
		}
		x += s.widths[n]
	}
	s.y = top + height
	s.doc.Line(margin, s.y, pageWidth-margin, s.y)
	s.y += 1
	return nil
}

// Close writes the document.
func (s *pdfSheet) Close() error {
	_, err := s.doc.WriteTo(s.out)
	return err
}

// Discard has nothing to give up: the document is in memory.
func (s *pdfSheet) Discard() {}
