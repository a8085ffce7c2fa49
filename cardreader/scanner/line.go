// Package scanner understands what serial scanners and magnetic stripe readers send: lines of text, ended in one of several
// ways, with optional framing around them.
//
//	[02 STX] [prefix] [AIM id: "]" letter digit] text [CR] [LF] [03 ETX]
//
// A message without an end is ended by a pause. Nothing of this carries a checksum (a stripe's LRC aside): a code counts only
// when its form is right, is sent to the platform once, and the platform knows whether it issued it.
package scanner

import (
	"bytes"
	"context"
	"strings"
	"time"
)

// Baud and StopBits are the common factory settings of the line; many guns use another speed.
const (
	Baud     = 9600
	StopBits = 1
)

// MaxMessage is the longest message in bytes, its framing aside.
const MaxMessage = 4096

// Gap is the pause that ends a message which has no end of its own.
const Gap = 80 * time.Millisecond

// Control bytes.
const (
	stx = 0x02
	etx = 0x03
	gs  = 0x1D // separates fields in codes of the GS1 family
)

// Message is one line. End is what ended it, as it came. It may hold a person's code: hand Text on, do not print it.
type Message struct {
	STX    bool
	Prefix string
	AIM    string
	Text   string
	End    string
}

// Bytes returns the message as it was sent.
func (m Message) Bytes() []byte {
	s := m.Prefix + m.AIM + m.Text + m.End
	if m.STX {
		s = string(rune(stx)) + s
	}
	return []byte(s)
}

// ItemKind says what a Decoder found.
type ItemKind int

// The kinds of items.
const (
	// ItemMessage is one line of text.
	ItemMessage ItemKind = iota
	// ItemEmpty is an end without a message, such as an LF that comes late after its CR.
	ItemEmpty
	// ItemBad is a message that is not text or is too long.
	ItemBad
)

// Item is one thing found on the line. Raw are its bytes as they came.
type Item struct {
	Kind    ItemKind
	Message Message
	Raw     []byte
}

// Decoder finds messages in a stream of bytes, however it is cut.
type Decoder struct {
	// Prefix is what the scanner has been configured to put before each code; it is taken off where it is there.
	Prefix string

	buf []byte
	// skip: the rest of a message that is too long is still coming.
	skip bool
}

// Write adds bytes from the line.
func (d *Decoder) Write(p []byte) { d.buf = append(d.buf, p...) }

// Pending returns how many bytes wait for the end of their message.
func (d *Decoder) Pending() int { return len(d.buf) }

// Next returns the next item; ok is false when more bytes are needed.
func (d *Decoder) Next() (Item, bool) {
	if at := bytes.IndexAny(d.buf, "\r\n\x03"); at >= 0 && at <= MaxMessage {
		return d.take(at, at+ending(d.buf[at:])), true
	}
	if len(d.buf) > MaxMessage {
		raw := bytes.Clone(d.buf[:MaxMessage])
		d.buf = append(d.buf[:0], d.buf[MaxMessage:]...)
		d.skip = true
		return Item{Kind: ItemBad, Raw: raw}, true
	}
	return Item{}, false
}

// Stop ends the message that has no end: nothing came for a while. ok is false when nothing waits.
func (d *Decoder) Stop() (Item, bool) {
	if len(d.buf) == 0 {
		d.skip = false
		return Item{}, false
	}
	return d.take(len(d.buf), len(d.buf)), true
}

// ending returns how many bytes at the beginning of b end a message: CR, LF or both, and then ETX.
func ending(b []byte) int {
	n := 0
	for _, c := range []byte("\r\n\x03") {
		if n < len(b) && b[n] == c {
			n++
		}
	}
	return n
}

// take makes an item of the first total bytes, of which text are before the end.
func (d *Decoder) take(text, total int) Item {
	item := Item{Kind: ItemMessage, Raw: bytes.Clone(d.buf[:total])}
	d.buf = append(d.buf[:0], d.buf[total:]...)
	body := item.Raw[:text]
	item.Message.End = string(item.Raw[text:])
	if len(body) > 0 && body[0] == stx {
		item.Message.STX, body = true, body[1:]
	}
	s := string(body)
	if d.Prefix != "" && strings.HasPrefix(s, d.Prefix) {
		item.Message.Prefix, s = d.Prefix, s[len(d.Prefix):]
	}
	if isAIM(s) {
		item.Message.AIM, s = s[:3], s[3:]
	}
	item.Message.Text = s
	switch {
	case d.skip:
		item.Kind, item.Message, d.skip = ItemBad, Message{}, false
	case s == "":
		item.Kind = ItemEmpty
	case strings.ContainsFunc(s, notText):
		item.Kind, item.Message = ItemBad, Message{}
	}
	return item
}

// isAIM tells an AIM symbology identifier in front of a code: "]", a letter, a digit or letter.
func isAIM(s string) bool {
	return len(s) > 3 && s[0] == ']' && isLetter(s[1]) && (isLetter(s[2]) || s[2] >= '0' && s[2] <= '9')
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// notText tells what no code at a counter holds. A wrong speed or parity shows in such bytes.
func notText(r rune) bool { return (r < ' ' || r > '~') && r != gs }

// Line is the open port, for reading. Read returns at least one byte, or an error for which Timeout tells whether only the
// deadline passed; errors of a line that is gone are passed up unchanged.
type Line interface {
	Read(ctx context.Context, p []byte, deadline time.Time) (int, error)
}

// Options of a link.
type Options struct {
	Prefix string
	// Timeout tells a read that met its deadline from a line that is gone. Mandatory.
	Timeout func(error) bool
	// Trace, when set, is given every item with its raw bytes. They may hold a person's code: only a technician's explicit
	// request may set it.
	Trace func(toReader bool, raw []byte, name string)
}

// Link listens to a scanner; nothing is ever sent to it. It is not safe for concurrent use.
type Link struct {
	line Line
	opts Options
	dec  Decoder
	buf  [512]byte
}

// New returns a link over an open line.
func New(line Line, opts Options) *Link {
	return &Link{line: line, opts: opts, dec: Decoder{Prefix: opts.Prefix}}
}

var itemNames = []string{"message", "empty message", "not a message"}

// Next waits at most d for a message or a bad one; ok is false when none came. A message that has begun is waited for.
// Errors are the line's own.
func (l *Link) Next(ctx context.Context, d time.Duration) (item Item, ok bool, err error) {
	deadline := time.Now().Add(d)
	for {
		for item, ok = l.dec.Next(); ok; item, ok = l.dec.Next() {
			if l.note(item) {
				return item, true, nil
			}
		}
		until := deadline
		if l.dec.Pending() > 0 {
			until = time.Now().Add(Gap)
		}
		n, err := l.line.Read(ctx, l.buf[:], until)
		l.dec.Write(l.buf[:n])
		if n > 0 || err == nil {
			continue
		}
		if !l.opts.Timeout(err) {
			return Item{}, false, err
		}
		if item, ok = l.dec.Stop(); ok && l.note(item) {
			return item, true, nil
		}
		if !time.Now().Before(deadline) {
			return Item{}, false, nil
		}
	}
}

// note traces an item and tells whether it is worth anything.
func (l *Link) note(item Item) bool {
	if l.opts.Trace != nil {
		l.opts.Trace(false, item.Raw, itemNames[item.Kind])
	}
	return item.Kind != ItemEmpty
}
