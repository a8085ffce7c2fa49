package records

import (
	_ "embed"
	"fmt"
	"sync"

	"github.com/signintech/gopdf"
)

//go:embed font/DroidSansFallbackFull.ttf
var chineseFont []byte

//go:embed font/DejaVuSansCondensed.ttf
var latinFont []byte

// The two fonts of a document: neither has the characters of the other.
const (
	chinese = "chinese"
	latin   = "latin"
)

// fontMissing stands for a character that neither font has.
const fontMissing = '〓'

// fontInstead are characters that are set as others.
var fontInstead = map[rune]rune{'\u00a0': ' ', '\t': ' ', '\n': ' ', '\r': ' '}

// glyph is a character as it is set.
type glyph struct {
	r     rune
	font  string
	width float64 // in ems
}

// typeface knows which font has a character, and how wide it is. It is safe for concurrent use.
type typeface struct {
	mu    sync.Mutex
	probe *gopdf.GoPdf
	known map[rune]glyph
}

var face = sync.OnceValues(func() (*typeface, error) {
	probe := &gopdf.GoPdf{}
	probe.Start(gopdf.Config{PageSize: *gopdf.PageSizeA4})
	return &typeface{probe: probe, known: map[rune]glyph{}}, addFonts(probe)
})

// addFonts makes the fonts known to a document.
func addFonts(doc *gopdf.GoPdf) error {
	for _, f := range []struct {
		name string
		data []byte
	}{{chinese, chineseFont}, {latin, latinFont}} {
		if err := doc.AddTTFFontData(f.name, f.data); err != nil {
			return fmt.Errorf("font %s: %w", f.name, err)
		}
	}
	return nil
}

// glyph is how a character is set.
func (t *typeface) glyph(r rune) glyph {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.find(r)
}

func (t *typeface) find(r rune) glyph {
	if g, ok := t.known[r]; ok {
		return g
	}
	g, set := r, false
	if instead, ok := fontInstead[r]; ok {
		g = instead
	}
	fonts := []string{latin, chinese}
	if r >= 0x2e80 { // from here on characters are as wide as they are high
		fonts = []string{chinese, latin}
	}
	found := glyph{}
	for _, font := range fonts {
		if found, set = t.measure(g, font); set {
			break
		}
	}
	if !set && r != fontMissing {
		found = t.find(fontMissing)
	}
	t.known[r] = found
	return found
}

// measure looks a character up in one font; ok is false where it is not there.
func (t *typeface) measure(r rune, font string) (g glyph, ok bool) {
	const size = 100
	if r < 0x20 || t.probe.SetFont(font, "", size) != nil {
		return g, false
	}
	if has, err := t.probe.IsCurrFontContainGlyph(r); err != nil || !has {
		return g, false
	}
	width, err := t.probe.MeasureTextWidth(string(r))
	return glyph{r, font, width / size}, err == nil
}

// set is a text as it is set, and its width in ems.
func (t *typeface) set(text string) (glyphs []glyph, ems float64) {
	for _, r := range text {
		g := t.glyph(r)
		glyphs, ems = append(glyphs, g), ems+g.width
	}
	return glyphs, ems
}

// width is the width of a text in ems.
func (t *typeface) width(text string) float64 {
	_, ems := t.set(text)
	return ems
}

// draw prints a text at a place, each run in its font.
func (t *typeface) draw(doc *gopdf.GoPdf, text string, size, x, y float64) error {
	glyphs, _ := t.set(text)
	for len(glyphs) > 0 {
		n, run, width := 0, []rune{}, 0.0
		for n < len(glyphs) && glyphs[n].font == glyphs[0].font {
			run, width = append(run, glyphs[n].r), width+glyphs[n].width
			n++
		}
		if err := doc.SetFont(glyphs[0].font, "", size); err != nil {
			return err
		}
		doc.SetXY(x, y)
		if err := doc.Cell(nil, string(run)); err != nil {
			return err
		}
		x += width * size
		glyphs = glyphs[n:]
	}
	return nil
}

// lines breaks a text into lines of at most so many ems, at least one and at most so many lines. A text that needs more ends
// in two dots.
func (t *typeface) lines(text string, ems float64, most int) []string {
	lines := [][]rune{nil}
	var used float64
	for _, r := range text {
		w := t.glyph(r).width
		last := len(lines) - 1
		if used+w > ems && len(lines[last]) > 0 {
			if len(lines) == most {
				lines[last] = append(lines[last][:max(0, len(lines[last])-2)], '.', '.')
				break
			}
			lines, last, used = append(lines, nil), last+1, 0
		}
		lines[last], used = append(lines[last], r), used+w
	}
	texts := make([]string, len(lines))
	for i, line := range lines {
		texts[i] = string(line)
	}
	return texts
}
