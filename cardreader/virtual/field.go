package virtual

import (
	"slices"

	"gongji/cardreader/apdu"
)

// Models of an acs reader.
const (
	// ModelACR1281S has a slot with contacts and one without. It is the default.
	ModelACR1281S = "acr1281s"
	// ModelACR122S has a slot for a security module, and a radio part behind it.
	ModelACR122S = "acr122s"
)

// acr122Firmware is what an ACR122S calls itself here.
const acr122Firmware = "ACR122S-Sim"

// chipPiece is how many bytes of a card's answer the radio part hands over at once.
const chipPiece = 250

// field is the radio part of an ACR122S: as much of a PN532 as reading a card needs, strict about the order of commands. A card
// that was listed answers no second call until the field was off.
type field struct {
	place *socket
	// listed: a card was listed, whether or not it is still there. auto: cards are opened when they are listed.
	listed, auto bool
	in, out      []byte // what has come of a command and what is left of an answer
}

func newField() *field {
	f := &field{place: newSocket(), auto: true}
	f.place.selfDriven, f.place.commands = true, true
	return f
}

func (f *field) off() {
	f.place.powerOff()
	f.listed, f.in, f.out = false, nil, nil
}

// pseudo answers FF 00 00 00 Lc D4 …; status words other than 9000 are the reader's for what its chip does not take.
func (f *field) pseudo(b []byte) []byte {
	if len(b) < 7 || int(b[4]) != len(b)-5 || b[5] != 0xD4 {
		return []byte{0x63, 0x00}
	}
	answer, ok := f.chip(b[6], b[7:])
	if !ok {
		return []byte{0x63, 0x00}
	}
	return append(append([]byte{0xD5, b[6] + 1}, answer...), status(apdu.OK)...)
}

// chip carries out a command of the PN532.
func (f *field) chip(command byte, p []byte) (answer []byte, ok bool) {
	switch {
	case command == 0x00 && len(p) == 1 && p[0] == 6:
		switch {
		case !f.listed:
			return []byte{0x27}, true
		case f.place.chip == nil:
			return []byte{0x01}, true
		}
		return []byte{0x00}, true
	case command == 0x12 && len(p) == 1:
		f.auto = p[0]&0x10 != 0
		return nil, true
	case command == 0x32 && len(p) == 2 && p[0] == 1:
		if p[1]&1 == 0 {
			f.off()
		}
		return nil, true
	case command == 0x32 && len(p) == 4 && p[0] == 5:
		return nil, true
	case command == 0x4A && len(p) == 2 && p[0] > 0:
		return f.list(p[1]), true
	case command == 0x40 && len(p) > 0:
		return f.exchange(p[0], p[1:]), true
	}
	return nil, false
}

// list calls for cards of type A.
func (f *field) list(kind byte) []byte {
	if kind != 0 || f.place.chip != nil {
		return []byte{0}
	}
	atr, ok := f.place.powerOn(voltageAuto)
	if !ok {
		return []byte{0}
	}
	f.listed, f.in, f.out = true, nil, nil
	a := append([]byte{1, 1, 0x00, 0x04, 0x20, byte(len(uid))}, uid...)
	if f.auto {
		a = append(a, answerToSelect(atr)...)
	}
	return a
}

// answerToSelect is the card's ATS: frames of 64 bytes, a frame waiting time of 77 ms, and the historical bytes of its chip.
func answerToSelect(atr []byte) []byte {
	var history []byte
	if a, err := apdu.ParseATR(atr); err == nil {
		history = a.Historical
	}
	return slices.Concat([]byte{byte(5 + len(history)), 0x75, 0x80, 0x80, 0x00}, history)
}

// exchange passes a command to the card and its answer back, both in pieces where bit 6 says so.
func (f *field) exchange(to byte, p []byte) []byte {
	switch {
	case !f.listed || to&^0x40 != 1:
		return []byte{0x27}
	case f.place.chip == nil:
		return []byte{0x01}
	case to&0x40 != 0:
		f.in = append(f.in, p...)
		return []byte{0x00}
	}
	if len(f.out) == 0 {
		answer, ok := f.place.transfer(append(f.in, p...))
		if f.in = nil; !ok {
			return []byte{0x01}
		}
		f.out = answer
	}
	n := min(len(f.out), chipPiece)
	out := append([]byte{0}, f.out[:n]...)
	if f.out = f.out[n:]; len(f.out) > 0 {
		out[0] = 0x40
	}
	return out
}
