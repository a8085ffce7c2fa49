package canon

import (
	"unicode/utf8"
)

// What a byte is inside a text.
const (
	inText = iota // stands for itself
	inRune        // belongs to a character that has several
	noText        // ends the text, begins an escape, or must not be there
)

var textBytes = func() (kinds [256]byte) {
	for c := range kinds {
		switch {
		case c < ' ', c == '"', c == '\\':
			kinds[c] = noText
		case c >= utf8.RuneSelf:
			kinds[c] = inRune
		}
	}
	return kinds
}()

func ascii(text []byte) bool {
	for _, c := range text {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// take passes over a byte, where it is next.
func (r *reader) take(c byte) bool {
	if r.at < len(r.data) && r.data[r.at] == c {
		r.at++
		return true
	}
	return false
}

// word passes over a word, where it is next.
func (r *reader) word(w string) bool {
	if len(r.data)-r.at >= len(w) && string(r.data[r.at:r.at+len(w)]) == w {
		r.at += len(w)
		return true
	}
	return false
}

func (r *reader) null() bool { return r.word("null") }

// within goes one value deeper; leave comes back.
func (r *reader) within() bool {
	r.deep++
	return r.deep <= deepest
}

func (r *reader) leave() { r.deep-- }

// digits reads a whole number without sign that fits into any; nothing else is left to read of it.
func (r *reader) digits() (n int64, ok bool) {
	const most = 18 // digits that fit for certain
	from := r.at
	for r.at < len(r.data) && r.data[r.at]-'0' <= 9 {
		n = n*10 + int64(r.data[r.at]-'0')
		if r.at++; r.at-from > most {
			return 0, false
		}
	}
	return n, r.at == from+1 || r.at > from && r.data[from] != '0'
}

// text reads a text. One that is no UTF-8 is encoding/json's to mend.
func (r *reader) text() (text string, ok bool) {
	if !r.take('"') {
		return "", false
	}
	from, runes := r.at, false
	for i := from; i < len(r.data); i++ {
		switch textBytes[r.data[i]] {
		case inText:
			continue
		case inRune:
			runes = true
			continue
		}
		switch plain := r.data[from:i]; r.data[i] {
		case '"':
			r.at = i + 1
			return string(plain), !runes || utf8.Valid(plain)
		case '\\':
			r.at = i
			return r.escaped(append(make([]byte, 0, 2*len(plain)+32), plain...))
		}
		return "", false
	}
	return "", false
}

// escaped reads the rest of a text that holds escapes.
func (r *reader) escaped(text []byte) (string, bool) {
	for r.at < len(r.data) {
		c := r.data[r.at]
		r.at++
		switch {
		case c == '"':
			return string(text), utf8.Valid(text)
		case c == '\\':
			char, ok := r.escape()
			if !ok {
				return "", false
			}
			text = utf8.AppendRune(text, char)
		case textBytes[c] == noText:
			return "", false
		default:
			text = append(text, c)
		}
	}
	return "", false
}

// escapes are the characters behind a backslash, but for u.
var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape reads what is behind a backslash. Characters that are written as two escapes are encoding/json's.
func (r *reader) escape() (char rune, ok bool) {
	if r.at >= len(r.data) {
		return 0, false
	}
	c := r.data[r.at]
	r.at++
	if c != 'u' {
		return rune(escapes[c]), escapes[c] != 0
	}
	if len(r.data)-r.at < 4 {
		return 0, false
	}
	for _, c := range r.data[r.at : r.at+4] {
		switch {
		case '0' <= c && c <= '9':
			char = char<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			char = char<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	r.at += 4
	return char, utf8.ValidRune(char)
}

// value passes over a value and returns its text.
func (r *reader) value() (raw []byte, ok bool) {
	from := r.at
	ok = r.pass()
	return r.data[from:r.at:r.at], ok
}

// pass passes over a value that has no spaces in it.
func (r *reader) pass() bool {
	if r.at >= len(r.data) {
		return false
	}
	switch c := r.data[r.at]; c {
	case '"':
		return r.passText()
	case '{':
		return r.object(func() bool { return r.passText() && r.take(':') && r.pass() })
	case '[':
		return r.list(func(int) bool { return r.pass() }, func() {})
	case 't':
		return r.word("true")
	case 'f':
		return r.word("false")
	case 'n':
		return r.null()
	}
	return r.passNumber()
}

func (r *reader) passText() bool {
	if !r.take('"') {
		return false
	}
	for i := r.at; i < len(r.data); i++ {
		if textBytes[r.data[i]] != noText {
			continue
		}
		switch r.at = i + 1; r.data[i] {
		case '"':
			return true
		case '\\':
			if _, ok := r.escape(); !ok {
				return false
			}
			i = r.at - 1
			continue
		}
		return false
	}
	return false
}

// passNumber passes over a number in any form that JSON has.
func (r *reader) passNumber() bool {
	r.take('-')
	if !r.take('0') && !r.run() {
		return false
	}
	if r.take('.') && !r.run() {
		return false
	}
	if r.take('e') || r.take('E') {
		if !r.take('-') {
			r.take('+')
		}
		return r.run()
	}
	return true
}

// run passes over digits, of which there is at least one.
func (r *reader) run() bool {
	from := r.at
	for r.at < len(r.data) && r.data[r.at]-'0' <= 9 {
		r.at++
	}
	return r.at > from
}
