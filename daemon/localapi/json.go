package localapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// checkJSON looks over a document: one value, valid UTF-8, at most maxDepth levels, no member twice.
func checkJSON(body []byte) error {
	if !utf8.Valid(body) {
		return malformed("请求须为 UTF-8 编码。", "the body is not valid UTF-8")
	}
	if !json.Valid(body) {
		return invalidJSON(body)
	}
	w := walker{text: body}
	return w.value(0)
}

// invalidJSON tells a document that is broken from one that something follows.
func invalidJSON(body []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	var first json.RawMessage
	err := decoder.Decode(&first)
	if err == nil {
		var more json.RawMessage
		if decoder.Decode(&more) == nil {
			return malformed("请求只能是一个 JSON 对象。", "more than one JSON value")
		}
	}
	at := decoder.InputOffset()
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		at = syntax.Offset
	}
	return malformed("请求不是正确的 JSON。", fmt.Sprintf("not valid JSON near byte %d", at))
}

// walker goes once through a text that is known to be valid JSON.
type walker struct {
	text []byte
	at   int
}

// next is the next byte that is no space; the walker stands on it.
func (w *walker) next() byte {
	for w.at < len(w.text) && w.text[w.at] <= ' ' {
		w.at++
	}
	if w.at == len(w.text) {
		return 0
	}
	return w.text[w.at]
}

func (w *walker) value(depth int) error {
	switch opening := w.next(); opening {
	case '{', '[':
		if depth == maxDepth {
			return malformed("请求的 JSON 层次太深。", fmt.Sprintf("more than %d levels of nesting", maxDepth))
		}
		return w.members(opening, depth)
	case '"':
		w.quoted()
	default: // a number or a word ends where a list or an object goes on
		for w.at < len(w.text) && strings.IndexByte(",]} \n\t\r", w.text[w.at]) < 0 {
			w.at++
		}
	}
	return nil
}

// members goes through an object or a list, to the byte behind it.
func (w *walker) members(opening byte, depth int) error {
	var names members
	for w.at++; ; {
		switch w.next() {
		case '}', ']':
			w.at++
			return nil
		case ',':
			w.at++
			continue
		}
		if opening == '{' {
			if !names.add(w.name()) {
				return malformed("同一个字段出现了两次。", fmt.Sprintf("a member is given twice near byte %d", w.at))
			}
			w.next() // the colon
			w.at++
		}
		if err := w.value(depth + 1); err != nil {
			return err
		}
	}
}

// quoted is the text that begins here, with its quotation marks; the walker then stands behind it.
func (w *walker) quoted() []byte {
	began := w.at
	for w.at++; w.text[w.at] != '"'; w.at++ {
		if w.text[w.at] == '\\' {
			w.at++
		}
	}
	w.at++
	return w.text[began:w.at]
}

// name is a member's name as it is meant, however it is escaped.
func (w *walker) name() []byte {
	text := w.quoted()
	if bytes.IndexByte(text, '\\') < 0 {
		return text[1 : len(text)-1]
	}
	var name string
	_ = json.Unmarshal(text, &name) // it is valid
	return []byte(name)
}

// members are the names of an object. A few are compared one by one, which costs least.
type members struct {
	few  [][]byte
	many map[string]bool
}

const fewMembers = 32

// add reports whether the name is new.
func (m *members) add(name []byte) bool {
	if m.many != nil {
		twice := m.many[string(name)]
		m.many[string(name)] = true
		return !twice
	}
	for _, known := range m.few {
		if bytes.Equal(known, name) {
			return false
		}
	}
	if m.few = append(m.few, name); len(m.few) > fewMembers {
		m.many = make(map[string]bool, 2*len(m.few))
		for _, known := range m.few {
			m.many[string(known)] = true
		}
	}
	return true
}
