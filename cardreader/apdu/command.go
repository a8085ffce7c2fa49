// Package apdu is the card layer: commands and responses of ISO 7816-4, status words, the answer to reset, and the
// transmission protocols that a host must carry out itself when its reader works at TPDU level.
package apdu

import (
	"context"
	"errors"
	"fmt"
)

// Instruction bytes used at a counter.
const (
	InsSelect      byte = 0xA4
	InsReadRecord  byte = 0xB2
	InsGetResponse byte = 0xC0
)

// MaxData is the longest data part of a short command in bytes, MaxLe the longest answer it may ask for.
const (
	MaxData = 255
	MaxLe   = 256
)

// Errors of this layer. They never carry card data.
var (
	// ErrSpoilt: the line spoilt an answer, or swallowed it; what the card did is unknown. Start again from SELECT: a
	// repeated GET RESPONSE would meet an empty buffer, and a good card would be called a stranger.
	ErrSpoilt = errors.New("apdu: answer spoilt on the line")
	// ErrShort: an answer without a status word.
	ErrShort = errors.New("apdu: answer without a status word")
	// ErrLoop: the card keeps announcing more data or other lengths than the bounds of this package allow.
	ErrLoop = errors.New("apdu: card keeps asking")
	// ErrCommand: a command that cannot be sent.
	ErrCommand = errors.New("apdu: command not well formed")
)

// Transceiver exchanges one block with the card. Errors wrap ErrSpoilt when the answer was lost on the way; any other
// error means that the card or the reader refused.
type Transceiver interface {
	Transmit(ctx context.Context, block []byte) ([]byte, error)
}

// Channel carries whole commands to the card, whatever the protocol below.
type Channel interface {
	Do(ctx context.Context, c Command) (Response, error)
}

// Command is a short command. Le is the number of answer bytes wanted: 0 none, 1 to 256.
type Command struct {
	CLA, INS, P1, P2 byte
	Data             []byte
	Le               int
}

// Bytes returns the command as an APDU, or ErrCommand.
func (c Command) Bytes() ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	b := []byte{c.CLA, c.INS, c.P1, c.P2}
	if len(c.Data) > 0 {
		b = append(b, byte(len(c.Data)))
		b = append(b, c.Data...)
	}
	if c.Le > 0 {
		b = append(b, byte(c.Le)) // 256 is written as 00
	}
	return b, nil
}

func (c Command) check() error {
	switch {
	case len(c.Data) > MaxData:
		return fmt.Errorf("%w: %d data bytes", ErrCommand, len(c.Data))
	case c.Le < 0 || c.Le > MaxLe:
		return fmt.Errorf("%w: Le %d", ErrCommand, c.Le)
	case c.INS>>4 == 6 || c.INS>>4 == 9:
		return fmt.Errorf("%w: INS %02X", ErrCommand, c.INS)
	}
	return nil
}

// ParseCommand reads an APDU. Whatever it accepts, Bytes gives back unchanged.
func ParseCommand(b []byte) (Command, error) {
	if len(b) < 4 {
		return Command{}, fmt.Errorf("%w: %d bytes", ErrCommand, len(b))
	}
	c := Command{CLA: b[0], INS: b[1], P1: b[2], P2: b[3]}
	rest := b[4:]
	if len(rest) > 1 {
		n := int(rest[0])
		if n == 0 || len(rest) != 1+n && len(rest) != 2+n {
			return Command{}, fmt.Errorf("%w: Lc does not fit", ErrCommand)
		}
		c.Data, rest = append([]byte(nil), rest[1:1+n]...), rest[1+n:]
	}
	if len(rest) == 1 {
		c.Le = int(rest[0])
		if c.Le == 0 {
			c.Le = MaxLe
		}
	}
	return c, c.check()
}

// Select returns SELECT with the given P1 (04 by name, 02 file below the current one, 00 by identifier).
func Select(p1 byte, name []byte) Command { return Command{INS: InsSelect, P1: p1, Data: name} }

// ReadTag returns READ RECORD for the first record with a tag in the current file; total is tag, length and value.
func ReadTag(tag byte, total int) Command { return Command{INS: InsReadRecord, P1: tag, Le: total} }

// Response is a card's answer: data and status word.
type Response struct {
	Data []byte
	SW   SW
}

// ParseResponse splits an answer into data and status word.
func ParseResponse(b []byte) (Response, error) {
	if len(b) < 2 {
		return Response{}, ErrShort
	}
	n := len(b) - 2
	return Response{Data: b[:n:n], SW: SW(b[n])<<8 | SW(b[n+1])}, nil
}

var insNames = map[byte]string{InsSelect: "SELECT", InsReadRecord: "READ RECORD", InsGetResponse: "GET RESPONSE"}

// Describe names a block sent to the card for a trace: its command and parameters, without data.
func Describe(block []byte) string {
	if len(block) < 4 {
		return "block"
	}
	name, ok := insNames[block[1]]
	if !ok {
		name = fmt.Sprintf("INS %02X", block[1])
	}
	return fmt.Sprintf("%s %02X %02X", name, block[2], block[3])
}
