// Package acs speaks to serial readers of the ACS ACR1281S type: messages of CCID shape in frames with a checksum, each
// command acknowledged by a short status frame before its answer comes, on a line at 9600 baud (factory setting) with one stop
// bit.
//
//	02 STX | CCID-like message (10-byte header, data) | XOR of the message | 03 ETX
//	02 | status twice | 03                              at once after each command: 00 accepted, anything else refused
//	02 | 50 | slots | XOR of the two | 03               a card came or left
//	02 | eleven 00 | 03                                 from the host: send the last answer again
//
// An ACR1281S has two slots: 0 is the contactless one, 1 the one with contacts. An ACR122S has one, for a security module, and
// behind it the radio part (Field); it announces no cards. Firmware tells the families apart. Answers report success in bit 6 of
// bStatus alone: bError is 81 in good answers too.
package acs

import (
	"fmt"
	"slices"

	"gongji/cardreader/ccid"
	"gongji/cardreader/wire"
)

// Baud and StopBits are the factory settings of the line; FastBaud is what ChangeSpeed switches to.
const (
	Baud     = 9600
	FastBaud = 115200
	StopBits = 1
)

// Slots of an ACR1281S.
const (
	SlotContactless byte = 0
	SlotContact     byte = 1
)

// Control bytes of a frame.
const (
	stx byte = 0x02
	etx byte = 0x03
	// event is the second byte of a notice about cards.
	event byte = 0x50
)

// frameOverhead is STX, checksum and ETX.
const frameOverhead = 3

// Lengths of the short frames.
const (
	statusLen = 4
	eventLen  = 5
)

// MaxFrame is the longest frame in bytes.
const MaxFrame = ccid.MaxMessage + frameOverhead

// GoodError is bError of a successful answer of an ACR1281S.
const GoodError byte = 0x81

// Status is the reader's word on whether it took a command.
type Status byte

// The status values. Two of them mean a time-out: older readers say FC, newer 99.
const (
	StatusAccepted Status = 0x00
	StatusChecksum Status = 0xFF
	StatusLength   Status = 0xFE
	StatusETX      Status = 0xFD
	StatusTimeout  Status = 0xFC
	StatusSlot     Status = 0xFB
	StatusTimeout2 Status = 0x99
)

var statusNames = map[Status]string{
	StatusAccepted: "accepted", StatusChecksum: "refused: checksum", StatusLength: "refused: length", StatusETX: "refused: no end of frame",
	StatusTimeout: "refused: time-out", StatusTimeout2: "refused: time-out", StatusSlot: "refused: no such slot",
}

// String names the status.
func (s Status) String() string { return statusNames[s] }

// Bytes returns the status frame.
func (s Status) Bytes() []byte { return []byte{stx, byte(s), byte(s), etx} }

// Slots are the bits of an event: for each slot whether a card is there and whether that has just changed.
type Slots byte

// The bits.
const (
	ContactlessPresent Slots = 1 << iota
	ContactlessChanged
	ContactPresent
	ContactChanged
)

// Changed tells whether the card in a slot came or left, and Present whether one is there now.
func (s Slots) Changed(slot byte) bool { return s>>(2*slot)&ContactlessChanged != 0 }

// Present tells whether a card is in the slot.
func (s Slots) Present(slot byte) bool { return s>>(2*slot)&ContactlessPresent != 0 }

// Event returns the frame of a notice about cards.
func Event(s Slots) []byte { return []byte{stx, event, byte(s), event ^ byte(s), etx} }

// Repeat is the host's request for the last answer.
func Repeat() []byte { return Encode(ccid.Message{}) }

// Encode returns the frame that carries a message.
func Encode(m ccid.Message) []byte {
	b := make([]byte, 0, ccid.HeaderLen+len(m.Data)+frameOverhead)
	b = m.Append(append(b, stx))
	return append(b, xor(b[1:]), etx)
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
	// ItemMessage is a whole frame with a right checksum. From the host, one of type 0 asks for the last answer.
	ItemMessage ItemKind = iota
	ItemStatus
	ItemEvent
	// ItemGarbage is bytes that belong to nothing.
	ItemGarbage
	// ItemBad is a frame with a wrong checksum, an impossible length or no end; what follows it cannot be trusted either.
	ItemBad
)

var itemNames = []string{"frame", "status", "event", "garbage", "bad frame"}

// String names the kind.
func (k ItemKind) String() string {
	if k < 0 || int(k) >= len(itemNames) {
		return fmt.Sprintf("item %d", int(k))
	}
	return itemNames[k]
}

// Item is one thing found on the line: a message, a status or an event. Raw are its bytes as they came.
type Item struct {
	Kind    ItemKind
	Message ccid.Message
	Status  Status
	Slots   Slots
	Raw     []byte
}

// Decoder finds items in a stream of bytes, however it is cut. It keeps at most one frame and what came after it.
type Decoder struct{ wire.Buffer }

// Next returns the next item; ok is false when more bytes are needed.
func (d *Decoder) Next() (Item, bool) {
	if len(d.Held()) == 0 {
		return Item{}, false
	}
	if d.Held()[0] != stx {
		n := slices.Index(d.Held(), stx)
		if n < 0 {
			n = len(d.Held())
		}
		return d.take(ItemGarbage, n), true
	}
	if len(d.Held()) < 2 {
		return Item{}, false
	}
	switch second := d.Held()[1]; {
	case second == event:
		return d.event()
	case isStatus(second):
		return d.status()
	case isType(second):
		return d.message()
	}
	return d.take(ItemGarbage, 1), true
}

// isStatus tells the second bytes of a status frame. A host's request to repeat begins with the accepted one as well.
func isStatus(b byte) bool {
	_, ok := statusNames[Status(b)]
	return ok
}

// isType tells the message types of the family from bytes that cannot begin a message.
func isType(b byte) bool { return b >= 0x60 && b < 0x88 }

// status reads the four bytes of a status frame, or finds that it is the host's request to repeat.
func (d *Decoder) status() (Item, bool) {
	if len(d.Held()) < statusLen {
		return Item{}, false
	}
	switch {
	case d.Held()[1] == d.Held()[2] && d.Held()[3] == etx:
		item := d.take(ItemStatus, statusLen)
		item.Status = Status(item.Raw[1])
		return item, true
	case d.Held()[1] == 0 && d.Held()[2] == 0 && d.Held()[3] == 0:
		return d.message()
	}
	return d.take(ItemGarbage, 1), true
}

// event reads the five bytes of a notice about cards.
func (d *Decoder) event() (Item, bool) {
	if len(d.Held()) < eventLen {
		return Item{}, false
	}
	if xor(d.Held()[1:4]) != 0 || d.Held()[4] != etx {
		return d.take(ItemGarbage, 1), true
	}
	item := d.take(ItemEvent, eventLen)
	item.Slots = Slots(item.Raw[2])
	return item, true
}

// message reads STX, a message, its checksum and ETX. The length is checked before anything waits for it.
func (d *Decoder) message() (Item, bool) {
	if len(d.Held()) < 1+5 {
		return Item{}, false
	}
	n, ok := ccid.DataLen(d.Held()[1:])
	if !ok {
		return d.take(ItemBad, 1+5), true
	}
	total := frameOverhead + ccid.HeaderLen + n
	if len(d.Held()) < total {
		return Item{}, false
	}
	if xor(d.Held()[1:total-1]) != 0 || d.Held()[total-1] != etx {
		return d.take(ItemBad, total), true
	}
	m, err := ccid.Parse(d.Held()[1 : total-2])
	if err != nil {
		return d.take(ItemBad, total), true
	}
	item := d.take(ItemMessage, total)
	item.Message = m
	return item, true
}

func (d *Decoder) take(kind ItemKind, n int) Item { return Item{Kind: kind, Raw: d.Take(n)} }
