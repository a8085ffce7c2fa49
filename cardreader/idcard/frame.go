// Package idcard speaks to resident identity card readers with a SAM_V security module (the SDT serial protocol), as all
// makers of such readers use it: 115200 baud, one stop bit.
//
//	AA AA AA 96 69 | length (2, big-endian: body and checksum) | body | XOR of length and body
//	body of a request:  command | parameter | data
//	body of an answer:  00 00 SW3 | data
//
// A reader finds a card, selects it and reads it in one piece: 256 bytes of text, 1024 bytes of photograph, and fingerprints
// where asked for. The photograph is in a closed format; it stays opaque and is dropped unless the caller asks for it.
//
// # Decisions
//
// The only check on the line is one XOR byte, and answers carry no number. So the text counts only after two readings that
// agree, and an answer whose length does not fit its command is taken as spoilt.
package idcard

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"gongji/cardreader/wire"
)

// Baud and StopBits are the factory settings of the line.
const (
	Baud     = 115200
	StopBits = 1
)

// preamble begins every frame.
var preamble = []byte{0xAA, 0xAA, 0xAA, 0x96, 0x69}

// lengthLen is the length field; after it come body and checksum.
const lengthLen = 2

// Bounds of a body in bytes: the shortest is a command without parameter, the longest a reading with two fingerprints.
const (
	minBody = 2
	MaxBody = 3 + 6 + TextLen + PhotoLen + 2*FingerLen
)

// MaxFrame is the longest frame in bytes.
const MaxFrame = 5 + lengthLen + MaxBody + 1

// ErrFrame says that bytes are not one whole frame with a right checksum.
var ErrFrame = errors.New("idcard: not a frame")

// Encode returns the frame that carries a body.
func Encode(body []byte) []byte {
	b := append([]byte(nil), preamble...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(body)+1))
	b = append(b, body...)
	return append(b, xor(b[len(preamble):]))
}

// ParseFrame returns the body of exactly one frame. Whatever it accepts, Encode gives back.
func ParseFrame(b []byte) ([]byte, error) {
	var d Decoder
	d.Write(b)
	item, ok := d.Next()
	if !ok || item.Kind != ItemFrame || len(d.Held()) > 0 {
		return nil, ErrFrame
	}
	return item.Body, nil
}

func xor(b []byte) byte {
	var x byte
	for _, v := range b {
		x ^= v
	}
	return x
}

// ItemKind says what a Decoder found.
type ItemKind int

// The kinds of items.
const (
	// ItemFrame is a whole frame with a right checksum.
	ItemFrame ItemKind = iota
	// ItemGarbage is bytes that belong to nothing.
	ItemGarbage
	// ItemBad is a frame with a wrong checksum or an impossible length; what follows it cannot be trusted either.
	ItemBad
)

var itemNames = []string{"frame", "garbage", "bad frame"}

// String names the kind.
func (k ItemKind) String() string {
	if k < 0 || int(k) >= len(itemNames) {
		return fmt.Sprintf("item %d", int(k))
	}
	return itemNames[k]
}

// Item is one thing found on the line. Raw are its bytes as they came.
type Item struct {
	Kind ItemKind
	Body []byte
	Raw  []byte
}

// Decoder finds items in a stream of bytes, however it is cut. It keeps at most one frame and what came after it.
type Decoder struct{ wire.Buffer }

// Next returns the next item; ok is false when more bytes are needed.
func (d *Decoder) Next() (Item, bool) {
	if at := d.start(); at > 0 {
		return d.take(ItemGarbage, at), true
	}
	if len(d.Held()) < len(preamble)+lengthLen {
		return Item{}, false
	}
	n := int(binary.BigEndian.Uint16(d.Held()[len(preamble):]))
	if n < minBody+1 || n > MaxBody+1 {
		return d.take(ItemBad, len(preamble)+lengthLen), true
	}
	total := len(preamble) + lengthLen + n
	if len(d.Held()) < total {
		return Item{}, false
	}
	if xor(d.Held()[len(preamble):total]) != 0 {
		return d.take(ItemBad, total), true
	}
	item := d.take(ItemFrame, total)
	item.Body = item.Raw[len(preamble)+lengthLen : total-1]
	return item, true
}

// start returns where the first preamble begins, or may begin when its end has not come yet.
func (d *Decoder) start() int {
	if i := bytes.Index(d.Held(), preamble); i >= 0 {
		return i
	}
	for i := max(0, len(d.Held())-len(preamble)+1); i < len(d.Held()); i++ {
		if bytes.HasPrefix(preamble, d.Held()[i:]) {
			return i
		}
	}
	return len(d.Held())
}

func (d *Decoder) take(kind ItemKind, n int) Item { return Item{Kind: kind, Raw: d.Take(n)} }
