package ccid

import (
	"errors"
	"fmt"
	"time"

	"gongji/cardreader/apdu"
	"gongji/cardreader/wire"
)

// Attempts is how often a serial reader is sent a command before it is given up.
const Attempts = 3

// Retry does a command of a serial reader through once, up to Attempts times. A command that the reader did not take, which once
// reports as an error wrapping refused, was not acted on and is sent again. After a spoilt or missing answer it is sent again only
// when repeating it does no harm: an XfrBlock may already have changed the card and is left to the layer that knows what the card
// was asked. Errors wrap wire.ErrSpoilt or wire.ErrSilent, or are once's own.
func Retry(command Message, refused error, once func() (Message, error)) (Message, error) {
	var err error
	for range Attempts {
		var answer Message
		if answer, err = once(); err == nil {
			return answer, nil
		}
		switch {
		case errors.Is(err, refused):
		case errors.Is(err, wire.ErrSpoilt), errors.Is(err, wire.ErrSilent):
			if command.Type == TypeXfrBlock {
				return Message{}, err
			}
		default:
			return Message{}, err
		}
	}
	if errors.Is(err, refused) {
		err = fmt.Errorf("%w: %w", wire.ErrSpoilt, err)
	}
	return Message{}, err
}

// Movements remembers cards that came or left while a link waited for something else. Not safe for concurrent use.
type Movements struct{ moved, left bool }

// Note records that a card came, or left.
func (m *Movements) Note(left bool) {
	m.moved = true
	m.left = m.left || left
}

// Missed records that a notice may have been among bytes that were thrown away.
func (m *Movements) Missed() { m.moved = true }

// Left tells whether the reader announced since the last call that a card left. Silence proves nothing: the notice may be
// switched off or lost.
func (m *Movements) Left() bool {
	left := m.left
	m.left = false
	return left
}

// Wait listens through next for at most d and tells whether there was a movement, now or since the last call. Errors are those of
// a line that is gone.
func (m *Movements) Wait(d time.Duration, next func(deadline time.Time) error) (moved bool, err error) {
	deadline := time.Now().Add(d)
	for first := true; !m.moved && (first || time.Now().Before(deadline)); first = false {
		if err := next(deadline); err != nil {
			if errors.Is(err, wire.ErrSilent) || errors.Is(err, wire.ErrSpoilt) {
				break
			}
			return false, err
		}
	}
	moved, m.moved = m.moved, false
	return moved, nil
}

// Describe names a message for the trace, awaited being the command whose answer is due: of blocks for the card it names the
// command, of the card's answers the status. It shows no data.
func Describe(m, awaited Message) string {
	s := fmt.Sprintf("%s slot %d seq %02X", TypeName(m.Type), m.Slot, m.Seq)
	switch {
	case m.Type == TypeXfrBlock:
		return s + " " + apdu.Describe(m.Data)
	case !m.FromReader():
		return s
	case m.Outcome() == OutcomeFailed:
		return s + " failed: " + CodeName(m.P[1])
	case m.Outcome() == OutcomeTimeExtension:
		return s + fmt.Sprintf(" time extension ×%d", m.Multiplier())
	case m.Type == TypeDataBlock && awaited.Type == TypeXfrBlock:
		if r, err := apdu.ParseResponse(m.Data); err == nil {
			return s + " " + r.SW.String()
		}
	}
	return s
}

// Silent says which command met silence, and passes other errors on.
func Silent(err error, awaited Message) error {
	if errors.Is(err, wire.ErrSilent) {
		return fmt.Errorf("%w: %s", err, TypeName(awaited.Type))
	}
	return err
}
