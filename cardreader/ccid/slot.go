package ccid

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gongji/cardreader/apdu"
	"gongji/cardreader/wire"
)

// Transport carries messages to one reader. Errors wrap wire.ErrSpoilt or wire.ErrSilent, or are the line's own (gone, closed).
type Transport interface {
	// Exchange gives the command the next sequence number, sends it, and returns its answer.
	Exchange(ctx context.Context, command Message, timeout time.Duration) (Message, error)
	// Await waits for a further answer to the command exchanged last, after a time extension.
	Await(ctx context.Context, timeout time.Duration) (Message, error)
}

// Times and limits of a slot.
const (
	// statusTimeout is long for a reader that answers in milliseconds and short enough that a dead one is known in a second.
	statusTimeout = 500 * time.Millisecond
	// powerTimeout allows for cold reset and the longest answer to reset.
	powerTimeout = 2 * time.Second
	// blockTimeout is above the 1 s work waiting time of T=0 with default parameters.
	blockTimeout = 2 * time.Second
	// maxExtensions bounds how often one exchange may ask for more time.
	maxExtensions = 16
	// maxExtendedWait bounds each of these waits.
	maxExtendedWait = 10 * time.Second
)

// Slot is one card slot of a reader. It is not safe for concurrent use: the goroutine that owns the port owns the slot.
type Slot struct {
	// Voltages are tried in this order until the card answers a reset; 0 leaves the choice to the reader. The default is 5 V
	// first, as every social security card takes it, then 3 V and 1.8 V.
	Voltages []byte
	// CutATR: the reader may add bytes behind the answer to reset.
	CutATR bool

	transport Transport
	number    byte
}

// NewSlot returns the slot with the given number behind a transport.
func NewSlot(t Transport, number byte) *Slot {
	return &Slot{Voltages: voltages, transport: t, number: number}
}

// Status asks whether a card is there and powered.
func (s *Slot) Status(ctx context.Context) (CardState, error) {
	m, err := s.do(ctx, Message{Type: TypeGetSlotStatus}, statusTimeout)
	if err != nil {
		return CardAbsent, err
	}
	return m.Card(), nil
}

// voltages in the order tried.
var voltages = []byte{1, 2, 3}

// PowerOn resets the card and returns its answer to reset. A card that stays mute at one voltage is tried at the next.
// Errors: *Error when the reader or card refuses, apdu.ErrATR when the answer to reset is not one.
func (s *Slot) PowerOn(ctx context.Context) (apdu.ATR, error) {
	var last error
	for _, v := range s.Voltages {
		m, err := s.do(ctx, Message{Type: TypePowerOn, P: [3]byte{v}}, powerTimeout)
		if err == nil {
			if s.CutATR {
				return apdu.CutATR(m.Data)
			}
			return apdu.ParseATR(m.Data)
		}
		var failed *Error
		if !errors.As(err, &failed) || failed.Gone() {
			return apdu.ATR{}, err
		}
		last = err
		if _, err := s.do(ctx, Message{Type: TypePowerOff}, powerTimeout); err != nil && !errors.As(err, &failed) {
			return apdu.ATR{}, err
		}
	}
	return apdu.ATR{}, last
}

// PowerOff takes the power from the card.
func (s *Slot) PowerOff(ctx context.Context) error {
	_, err := s.do(ctx, Message{Type: TypePowerOff}, powerTimeout)
	return err
}

// Default parameters of ISO 7816-3: Fi/Di 372/1, no extra guard time, waiting integers, clock not stopped.
var (
	ParametersT0 = []byte{0x11, 0x00, 0x00, 0x0A, 0x00}
	ParametersT1 = []byte{0x11, 0x10, 0x00, 0x42, 0x00, 0xFE, 0x00}
)

// SetParameters tells the reader how to talk to the card: protocol 0 with five bytes or 1 with seven.
func (s *Slot) SetParameters(ctx context.Context, protocol byte, parameters []byte) error {
	_, err := s.do(ctx, Message{Type: TypeSetParameters, P: [3]byte{protocol}, Data: parameters}, statusTimeout)
	return err
}

// Escape sends a vendor command and returns what the reader answers.
func (s *Slot) Escape(ctx context.Context, data []byte) ([]byte, error) {
	m, err := s.do(ctx, Message{Type: TypeEscape, Data: data}, statusTimeout)
	return m.Data, err
}

// Transmit exchanges one block with the card: a TPDU for T=0, a block for T=1. It implements apdu.Transceiver: an answer
// spoilt on the line, or none at all, is reported as apdu.ErrSpoilt, since what the card did is unknown. After silence the
// reader is asked whether it is still there; when it is not, that is reported instead.
func (s *Slot) Transmit(ctx context.Context, block []byte) ([]byte, error) {
	if len(block) > MaxData {
		return nil, fmt.Errorf("%w: block of %d bytes", ErrLength, len(block))
	}
	m, err := s.do(ctx, Message{Type: TypeXfrBlock, Data: block}, blockTimeout)
	if errors.Is(err, wire.ErrSilent) {
		if _, dead := s.Status(ctx); dead != nil {
			return nil, dead
		}
		return nil, errors.Join(apdu.ErrSpoilt, err)
	}
	if errors.Is(err, wire.ErrSpoilt) {
		return nil, errors.Join(apdu.ErrSpoilt, err)
	}
	return m.Data, err
}

var _ apdu.Transceiver = (*Slot)(nil)

// do exchanges one message and follows its time extensions.
func (s *Slot) do(ctx context.Context, command Message, timeout time.Duration) (Message, error) {
	command.Slot = s.number
	m, err := s.transport.Exchange(ctx, command, timeout)
	for n := 0; err == nil && m.Outcome() == OutcomeTimeExtension; n++ {
		if n == maxExtensions {
			return Message{}, fmt.Errorf("%w: asked for more time %d times", wire.ErrSilent, n)
		}
		m, err = s.transport.Await(ctx, min(time.Duration(m.Multiplier())*timeout, maxExtendedWait))
	}
	if err != nil {
		return Message{}, err
	}
	if m.Outcome() != OutcomeOK {
		return Message{}, &Error{Command: command.Type, Card: m.Card(), Code: m.P[1]}
	}
	return m, nil
}
