package canon

import "unicode/utf8"

const hexDigits = "0123456789abcdef"

// wire are the bytes that stand in a JSON text for themselves.
var wire = func() (wire [utf8.RuneSelf]bool) {
	for c := byte(' '); c < utf8.RuneSelf; c++ {
		wire[c] = c != '"' && c != '\\'
	}
	return wire
}()

// plain are those that HTML and scripts do not take for their own.
var plain = func() (plain [utf8.RuneSelf]bool) {
	for c := byte(' '); c < utf8.RuneSelf; c++ {
		plain[c] = wire[c] && c != '<' && c != '>' && c != '&'
	}
	return plain
}()

// string writes a text.
func (w *writer) string(s string) { w.data = appendString(w.data, s, w.plain) }

// appendString appends a text as encoding/json writes it: what does not stand for itself is escaped, as are two characters that a
// script would take for its own, and what is no UTF-8 is replaced.
func appendString(data []byte, s string, plain *[utf8.RuneSelf]bool) []byte {
	data = append(data, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if !plain[c] {
				data = appendEscaped(append(data, s[from:i]...), c)
				from = i + 1
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			data = append(append(data, s[from:i]...), `\ufffd`...)
			from = i + size
		case r == '\u2028' || r == '\u2029':
			data = append(append(data, s[from:i]...), `\u202`...)
			data = append(data, hexDigits[r&0xf])
			from = i + size
		}
		i += size
	}
	return append(append(data, s[from:]...), '"')
}

func appendEscaped(data []byte, c byte) []byte {
	switch c {
	case '\\', '"':
		return append(data, '\\', c)
	case '\b':
		return append(data, '\\', 'b')
	case '\f':
		return append(data, '\\', 'f')
	case '\n':
		return append(data, '\\', 'n')
	case '\r':
		return append(data, '\\', 'r')
	case '\t':
		return append(data, '\\', 't')
	}
	return append(data, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
}
