package records

import (
	"bytes"
	"fmt"

	"github.com/signintech/gopdf"
)

// The measures of a slip as PDF, in points.
const (
	narrowPaper = 164.4 // 58 mm
	widePaper   = 226.8 // 80 mm
	slipMargin  = 8.0
	slipFont    = 8.0
	slipLeading = 11.0
)

// pdfLine is one line of a slip: a text and, in a pair, a value at the right edge.
type pdfLine struct {
	left, right string
	centre      bool
	rule        bool
	size        float64
}

// PDF is the slip on one page that is as long as it needs to be; columns is 32 or 48 and stands for the paper.
func (s *Slip) PDF(columns int) ([]byte, error) {
	f, err := face()
	if err != nil {
		return nil, fmt.Errorf("the font of PDFs: %w", err)
	}
	width := narrowPaper
	if columns > 32 {
		width = widePaper
	}
	font := slipFont
	if s.large {
		font = 2 * slipFont
	}
	lines := s.pdfLines(f, width-2*slipMargin, font)
	height := 2*slipMargin + slipLeading
	for _, line := range lines {
		height += line.size + slipLeading - slipFont
	}
	doc := &gopdf.GoPdf{}
	doc.Start(gopdf.Config{PageSize: gopdf.Rect{W: width, H: height}})
	doc.SetInfo(gopdf.PdfInfo{Creator: "gongjid"})
	if err := addFonts(doc); err != nil {
		return nil, fmt.Errorf("the font of PDFs: %w", err)
	}
	doc.AddPage()
	doc.SetLineWidth(0.4)
	if err := drawSlip(doc, f, lines, width); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	_, err = doc.WriteTo(&out)
	return out.Bytes(), err
}

func drawSlip(doc *gopdf.GoPdf, f *typeface, lines []pdfLine, width float64) error {
	y := slipMargin
	for _, line := range lines {
		x := slipMargin
		if line.centre {
			x = max(x, (width-f.width(line.left)*line.size)/2)
		}
		if err := f.draw(doc, line.left, line.size, x, y); err != nil {
			return err
		}
		if err := f.draw(doc, line.right, line.size, width-slipMargin-f.width(line.right)*line.size, y); err != nil {
			return err
		}
		if line.rule {
			doc.Line(slipMargin, y+slipLeading/2, width-slipMargin, y+slipLeading/2)
		}
		y += line.size + slipLeading - slipFont
	}
	return nil
}

// pdfLines breaks the items into lines by the widths of the font.
func (s *Slip) pdfLines(f *typeface, width, font float64) (lines []pdfLine) {
	const manyLines = 1000
	put := func(text string, size float64, centre bool) {
		for _, part := range f.lines(text, width/size, manyLines) {
			lines = append(lines, pdfLine{left: part, centre: centre, size: size})
		}
	}
	for _, item := range s.items {
		switch item.kind {
		case slipRule:
			lines = append(lines, pdfLine{rule: true, size: font})
		case slipStrong:
			put(item.left, font+3, true)
		case slipCentre:
			put(item.left, font, true)
		case slipPair:
			if (f.width(item.left)+f.width(item.right)+1)*font <= width {
				lines = append(lines, pdfLine{left: item.left, right: item.right, size: font})
				continue
			}
			put(item.left, font, false)
			for _, part := range f.lines(item.right, width/font, manyLines) {
				lines = append(lines, pdfLine{right: part, size: font})
			}
		default:
			put(item.left, font, false)
		}
	}
	return lines
}
