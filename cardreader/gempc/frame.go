// Package gempc speaks to serial readers of the GemPC Twin family: CCID messages in frames with a checksum, on a line at
// 115200 baud with two stop bits.
//
//	03 SYNC | 06 ACK | CCID message (10-byte header, data) | LRC     XOR of the whole frame is 0
//	03 SYNC | 15 NAK | 16                                            the reader did not understand the command
//	50 02 / 50 03                                                    the card left / came (no SYNC, no LRC)
//	80 … FF                                                          one bare byte: the card asks for time (T=0)
//
// A Twin repeats each command before it answers; other members of the family do not. The echo is told by its message type.
package gempc

import (
	"fmt"

	"gongji/cardreader/ccid"
	"gongji/cardreader/wire"
)

// Control bytes of a frame.
const (
	sync byte = 0x03
	ack  byte = 0x06
	nak  byte = 0x15
	// slotChange begins the two bare bytes of a card movement; it is also the CCID type of that notice.
	slotChange byte = 0x50
	cardLeft   byte = 0x02
	cardCame   byte = 0x03
)

// frameOverhead is SYNC, ACK and LRC.
const frameOverhead = 3

// MaxFrame is the longest frame in bytes.
const MaxFrame = ccid.MaxMessage + frameOverhead

// Encode returns the frame that carries a message.
func Encode(m ccid.Message) []byte {
	b := make([]byte, 0, ccid.HeaderLen+len(m.Data)+frameOverhead)
	b = m.Append(append(b, sync, ack))
	return append(b, lrc(b))
}

// NAK is the reader's "not understood".
func NAK() []byte { return []byte{sync, nak, sync ^ nak} }

// SlotChange is the reader's notice of a card movement.
func SlotChange(present bool) []byte {
	if present {
		return []byte{slotChange, cardCame}
	}
	return []byte{slotChange, cardLeft}
}

func lrc(b []byte) byte {
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
	// ItemMessage is a whole frame with a right checksum.
	ItemMessage ItemKind = iota
	ItemNAK
	ItemCardCame
	ItemCardLeft
	// ItemTime is a bare time request.
	ItemTime
	// ItemGarbage is bytes that belong to nothing.
	ItemGarbage
	// ItemBad is a frame with a wrong checksum or an impossible length; what follows it cannot be trusted either.
	ItemBad
)

var itemNames = []string{"frame", "NAK", "card came", "card left", "time request", "garbage", "bad frame"}

// String names the kind.
func (k ItemKind) String() string {
	if k < 0 || int(k) >= len(itemNames) {
		return fmt.Sprintf("item %d", int(k))
	}
	return itemNames[k]
}

// Item is one thing found on the line. Raw are its bytes as they came.
type Item struct {
	Kind    ItemKind
	Message ccid.Message
	Raw     []byte
}

// Decoder finds items in a stream of bytes, however it is cut. It keeps at most one frame and what came after it.
type Decoder struct{ wire.Buffer }

// Next returns the next item; ok is false when more bytes are needed.
func (d *Decoder) Next() (Item, bool) {
	if len(d.Held()) == 0 {
		return Item{}, false
	}
	switch first := d.Held()[0]; {
	case first >= 0x80:
		return d.take(ItemTime, 1), true
	case first == sync:
		return d.frame()
	case first == slotChange:
		return d.movement()
	}
	return d.garbage(), true
}

// movement reads 50 02 or 50 03.
func (d *Decoder) movement() (Item, bool) {
	if len(d.Held()) < 2 {
		return Item{}, false
	}
	switch d.Held()[1] {
	case cardCame:
		return d.take(ItemCardCame, 2), true
	case cardLeft:
		return d.take(ItemCardLeft, 2), true
	}
	return d.take(ItemGarbage, 1), true
}

// frame reads what begins with SYNC.
func (d *Decoder) frame() (Item, bool) {
	if len(d.Held()) < 2 {
		return Item{}, false
	}
	switch d.Held()[1] {
	case nak:
		if len(d.Held()) < 3 {
			return Item{}, false
		}
		if d.Held()[2] != sync^nak {
			return d.take(ItemBad, 3), true
		}
		return d.take(ItemNAK, 3), true
	case ack:
		return d.message()
	}
	return d.take(ItemGarbage, 1), true
}

// message reads SYNC ACK, a message and its LRC. The length is checked before anything waits for it.
func (d *Decoder) message() (Item, bool) {
	if len(d.Held()) < 2+5 {
		return Item{}, false
	}
	n, ok := ccid.DataLen(d.Held()[2:])
	if !ok {
		return d.take(ItemBad, 2+5), true
	}
	total := frameOverhead + ccid.HeaderLen + n
	if len(d.Held()) < total {
		return Item{}, false
	}
	if lrc(d.Held()[:total]) != 0 {
		return d.take(ItemBad, total), true
	}
	m, err := ccid.Parse(d.Held()[2 : total-1])
	if err != nil {
		return d.take(ItemBad, total), true
	}
	item := d.take(ItemMessage, total)
	item.Message = m
	return item, true
}

// garbage takes bytes up to the next one that may begin something.
func (d *Decoder) garbage() Item {
	n := 1
	for n < len(d.Held()) && d.Held()[n] < 0x80 && d.Held()[n] != sync && d.Held()[n] != slotChange {
		n++
	}
	return d.take(ItemGarbage, n)
}

func (d *Decoder) take(kind ItemKind, n int) Item { return Item{Kind: kind, Raw: d.Take(n)} }
