package records

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// Columns are the widths of slip printers, in half-width characters: 58 mm and 80 mm paper.
var Columns = []int{32, 48}

// slipKind is how an item of a slip is set.
type slipKind int

const (
	slipText slipKind = iota
	slipCentre
	slipStrong // centred, twice as high
	slipPair
	slipRule
)

type slipItem struct {
	kind        slipKind
	left, right string
}

// Slip is what is printed for a patient, independent of the paper. The zero value is empty.
type Slip struct {
	items []slipItem
	large bool
}

// Large sets everything twice as large (S-159): on the same paper half the columns fit. As plain text, whose size is the
// driver's affair, the lines are as short as that.
func (s *Slip) Large() { s.large = true }

// width is how many columns fit on paper that has so many of the usual size.
func (s *Slip) width(columns int) int {
	if s.large {
		return columns / 2
	}
	return columns
}

func (s *Slip) add(kind slipKind, left, right string) {
	s.items = append(s.items, slipItem{kind, printable(left), printable(right)})
}

// Copy heads the slip with the mark of a copy, the n-th.
func (s *Slip) Copy(n int) {
	s.items = append([]slipItem{{slipStrong, fmt.Sprintf("【重打 第 %d 次】", n), ""}}, s.items...)
}

// Text prints a paragraph from the left.
func (s *Slip) Text(text string) { s.add(slipText, text, "") }

// Centre prints a centred line.
func (s *Slip) Centre(text string) { s.add(slipCentre, text, "") }

// Strong prints a centred line that nobody overlooks.
func (s *Slip) Strong(text string) { s.add(slipStrong, text, "") }

// Pair prints a label on the left and a value on the right, on two lines where one is too short.
func (s *Slip) Pair(label, value string) { s.add(slipPair, label, value) }

// Rule draws a line.
func (s *Slip) Rule() { s.add(slipRule, "", "") }

// slipRow is one printed line.
type slipRow struct {
	text string
	kind slipKind
}

// rows lays the slip out in columns; no row is wider.
func (s *Slip) rows(columns int) (rows []slipRow) {
	put := func(kind slipKind, lines ...string) {
		for _, line := range lines {
			rows = append(rows, slipRow{line, kind})
		}
	}
	for _, item := range s.items {
		switch item.kind {
		case slipRule:
			put(slipText, strings.Repeat("-", columns))
		case slipPair:
			put(slipText, pair(item.left, item.right, columns)...)
		default:
			put(item.kind, wrap(item.left, columns)...)
		}
	}
	return rows
}

func pair(left, right string, columns int) []string {
	if gap := columns - textWidth(left) - textWidth(right); gap >= 1 {
		return []string{left + strings.Repeat(" ", gap) + right}
	}
	lines := wrap(left, columns)
	for _, line := range wrap(right, columns) {
		lines = append(lines, strings.Repeat(" ", max(0, columns-textWidth(line)))+line)
	}
	return lines
}

// wrap breaks a text where a line is full; at least one line. A Chinese character is never cut in two, nor a number that
// fits half a line: a telephone number on two lines is dialled wrong.
func wrap(text string, columns int) (lines []string) {
	line, used := "", 0
	for _, r := range text {
		w := runeWidth(r)
		if used+w > columns {
			kept := line
			if isDigit(r) {
				if head := strings.TrimRightFunc(line, isDigit); head != "" && textWidth(line)-textWidth(head) <= columns/2 {
					kept = head
				}
			}
			lines = append(lines, kept)
			line = line[len(kept):]
			used = textWidth(line)
		}
		line += string(r)
		used += w
	}
	return append(lines, line)
}

func isDigit(r rune) bool { return '0' <= r && r <= '9' }

func textWidth(text string) (columns int) {
	for _, r := range text {
		columns += runeWidth(r)
	}
	return columns
}

// runeWidth is the columns of a character on a slip printer: one byte of GB18030 is one column, everything else two.
func runeWidth(r rune) int {
	if r < 0x80 {
		return 1
	}
	return 2
}

// slipInstead are characters that no slip printer has and others that mean the same.
var slipInstead = map[rune]rune{'•': '·', '‧': '·', '∙': '·', '・': '·', '\u00a0': ' ', '\t': ' ', '\n': ' ', '\r': ' ', '–': '-', '¥': '￥'}

// printable replaces what a slip printer cannot print by 〓: control characters (a name must never command a printer), broken
// text, and what GB18030 writes in four bytes without being a Chinese character, which printers take for rubbish. Rare Chinese
// characters in four bytes stay.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if instead, ok := slipInstead[r]; ok {
			r = instead
		}
		switch {
		case r >= 0x20 && r < 0x7f:
			return r
		case r < 0xa0, r == unicode.ReplacementChar, unicode.Is(unicode.Co, r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Mn, r):
			return '〓'
		}
		if encoded, err := simplifiedchinese.GB18030.NewEncoder().String(string(r)); err != nil || len(encoded) == 4 && !unicode.Is(unicode.Han, r) {
			return '〓'
		}
		return r
	}, text)
}

// encode is a text in GB18030. It has been made printable before, so that nothing is left that does not encode.
func encode(text string) []byte {
	data, err := simplifiedchinese.GB18030.NewEncoder().Bytes([]byte(text))
	if err != nil {
		panic("records: printable text does not encode: " + err.Error())
	}
	return data
}

// PlainText is the slip as lines of text in GB18030, for a printer's driver.
func (s *Slip) PlainText(columns int) []byte {
	var out bytes.Buffer
	columns = s.width(columns)
	for _, row := range s.rows(columns) {
		text := row.text
		if row.kind == slipCentre || row.kind == slipStrong {
			text = strings.Repeat(" ", max(0, (columns-textWidth(text))/2)) + text
		}
		out.Write(encode(text + "\n"))
	}
	return out.Bytes()
}
