package apdu

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// ErrBlock says that bytes are no T=1 block, or one whose check is wrong.
var ErrBlock = errors.New("apdu: not a T=1 block")

// MaxINF is the longest information field of a T=1 block in bytes.
const MaxINF = 254

// Kinds and bits of the protocol control byte.
const (
	pcbMore     byte = 0x20 // of an I-block: more follows
	pcbR        byte = 0x80
	pcbS        byte = 0xC0
	pcbResponse byte = 0x20 // of an S-block
)

// Requests of S-blocks, and what an R-block complains about.
const (
	SResynch byte = 0
	SIFS     byte = 1
	SAbort   byte = 2
	SWTX     byte = 3

	RAck   byte = 0
	REDC   byte = 1
	ROther byte = 2
)

// Block is one T=1 block:
//
//	NAD | PCB | LEN | INF (0–254 bytes) | EDC (one byte of XOR, or two of CRC)
type Block struct {
	NAD, PCB byte
	INF      []byte
}

// IBlock carries part of a command or answer under a send number.
func IBlock(seq byte, more bool, inf []byte) Block {
	b := Block{PCB: seq << 6, INF: inf}
	if more {
		b.PCB |= pcbMore
	}
	return b
}

// RBlock asks for the block with the given number: as acknowledgement, or because of an error.
func RBlock(next, why byte) Block { return Block{PCB: pcbR | next<<4 | why} }

// SBlock is a request, or the response to one, about the protocol itself.
func SBlock(request byte, response bool, inf []byte) Block {
	b := Block{PCB: pcbS | request, INF: inf}
	if response {
		b.PCB |= pcbResponse
	}
	return b
}

// I tells whether the block is an I-block.
func (b Block) I() bool { return b.PCB < pcbR }

// R tells whether the block is an R-block.
func (b Block) R() bool { return b.PCB&pcbS == pcbR }

// S returns the request of an S-block and whether it is the response to it.
func (b Block) S() (request byte, response, ok bool) {
	return b.PCB & 0x1F, b.PCB&pcbResponse != 0, b.PCB&pcbS == pcbS
}

// Seq is the number of an I-block, or the number an R-block asks for.
func (b Block) Seq() byte {
	if b.I() {
		return b.PCB >> 6
	}
	return b.PCB >> 4 & 1
}

// More tells whether further I-blocks belong to this one.
func (b Block) More() bool { return b.I() && b.PCB&pcbMore != 0 }

// Bytes returns the block with the usual check.
func (b Block) Bytes() []byte { return LRC.Encode(b) }

// ParseBlock reads exactly one block with the usual check. Whatever it accepts, Bytes gives back.
func ParseBlock(raw []byte) (Block, error) { return LRC.Parse(raw) }

// prologue is NAD, PCB and LEN.
const prologue = 3

// EDC is the check at the end of a block. A card names the one it uses in its answer to reset (ATR.CRC).
type EDC byte

// The checks of ISO 7816-3.
const (
	// LRC is one byte, the XOR of all before.
	LRC EDC = iota
	// CRC is the 16-bit frame check of ISO/IEC 13239, as contactless cards of type B use it: polynomial x¹⁶+x¹²+x⁵+1 with the
	// lowest bit first, register preset to all ones, result inverted, low byte first.
	CRC
)

// Encode returns the block with its check.
func (e EDC) Encode(b Block) []byte {
	out := append([]byte{b.NAD, b.PCB, byte(len(b.INF))}, b.INF...)
	return append(out, e.of(out)...)
}

// Parse reads exactly one block, or returns ErrBlock. Whatever it accepts, Encode gives back.
func (e EDC) Parse(raw []byte) (Block, error) {
	check := len(e.of(nil))
	if len(raw) < prologue+check || int(raw[2]) > MaxINF || len(raw) != prologue+int(raw[2])+check {
		return Block{}, ErrBlock
	}
	end := len(raw) - check
	if !bytes.Equal(e.of(raw[:end]), raw[end:]) {
		return Block{}, ErrBlock
	}
	return Block{NAD: raw[0], PCB: raw[1], INF: append([]byte(nil), raw[prologue:end]...)}, nil
}

// of computes the check over bytes.
func (e EDC) of(b []byte) []byte {
	if e == LRC {
		return []byte{xor(b)}
	}
	crc := uint16(0xFFFF)
	for _, v := range b {
		crc ^= uint16(v)
		for range 8 {
			low := crc & 1
			crc >>= 1
			if low == 1 {
				crc ^= 0x8408
			}
		}
	}
	return binary.LittleEndian.AppendUint16(nil, ^crc)
}
