package apdu

import (
	"bytes"
	"errors"
)

// ErrPPS says that bytes are no protocol and parameters selection.
var ErrPPS = errors.New("apdu: not a protocol and parameters selection")

// ppsStart is the first byte of a selection; no command and no block begins with it.
const ppsStart byte = 0xFF

// PPS asks a card to go on with a protocol at another speed. The card agrees by repeating it byte for byte:
//
//	FF | PPS0 (protocol, and 10 for PPS1) | PPS1 (as TA1) | PCK (XOR of all is 0)
type PPS struct {
	Protocol byte
	FiDi     byte
}

// Bytes returns the selection on the wire.
func (p PPS) Bytes() []byte {
	b := []byte{ppsStart, 0x10 | p.Protocol&0xF, p.FiDi}
	return append(b, xor(b))
}

// ParsePPS reads a selection of this form. Whatever it accepts, Bytes gives back.
func ParsePPS(b []byte) (PPS, error) {
	if len(b) != 4 {
		return PPS{}, ErrPPS
	}
	p := PPS{Protocol: b[1] & 0xF, FiDi: b[2]}
	if !bytes.Equal(p.Bytes(), b) {
		return PPS{}, ErrPPS
	}
	return p, nil
}

// reservedF and reservedD are the codes of TA1 that ISO 7816-3 keeps for later.
const (
	reservedF uint16 = 1<<7 | 1<<8 | 1<<14 | 1<<15
	reservedD uint16 = 1<<0 | 1<<10 | 1<<11 | 1<<12 | 1<<13 | 1<<14 | 1<<15
)

// Offer returns the selection that uses the card's full speed under its first protocol. ok is false when there is nothing to
// select: TA1 is absent, is the default or means nothing, or the card is in specific mode, where none is allowed.
func (a ATR) Offer() (p PPS, ok bool) {
	p = PPS{Protocol: a.Protocols()[0], FiDi: a.FiDi()}
	meaning := reservedF>>(p.FiDi>>4)&1 == 0 && reservedD>>(p.FiDi&0xF)&1 == 0
	return p, meaning && p.FiDi != DefaultFiDi && !a.Specific()
}
