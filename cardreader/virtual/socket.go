package virtual

import (
	"slices"

	"gongji/cardreader/apdu"
	"gongji/cardreader/ccid"
)

// Voltages of IccPowerOn.
const (
	voltageAuto byte = 0
	voltage5    byte = 1
)

// socket is one place for a card and what the card there is in the middle of.
type socket struct {
	// card is there when inserted; chip while it has power.
	card     Card
	inserted bool
	chip     *chip
	block    *t1Card
	protocol byte
	params   [2][]byte
	// speed is what card and reader have agreed on, as TA1; fresh until the card was sent anything.
	speed byte
	fresh bool
	// selfDriven: the reader itself sets speed and parameters. commands: it takes whole commands for T=1 cards.
	selfDriven, commands bool
}

func newSocket() *socket {
	s := &socket{}
	s.resetParameters()
	return s
}

func (s *socket) resetParameters() {
	s.protocol = 0
	s.params = [2][]byte{slices.Clone(ccid.ParametersT0), slices.Clone(ccid.ParametersT1)}
}

// state is the card state of an answer.
func (s *socket) state() ccid.CardState {
	switch {
	case !s.inserted:
		return ccid.CardAbsent
	case s.chip == nil:
		return ccid.CardInactive
	}
	return ccid.CardActive
}

// put changes what is in the place; nil takes it out.
func (s *socket) put(m Medium) {
	s.powerOff()
	s.inserted = m != nil
	if card, ok := m.(Card); ok {
		s.card = card
	} else {
		s.card = Card{mute: true}
	}
}

func (s *socket) powerOff() { s.chip, s.block = nil, nil }

// powerOn resets the card; ok is false when it stays mute.
func (s *socket) powerOn(voltage byte) (atr []byte, ok bool) {
	s.powerOff()
	if !s.inserted || s.card.mute || s.card.voltage != 0 && voltage != voltageAuto && voltage != s.card.voltage {
		return nil, false
	}
	parsed, err := apdu.ParseATR(s.card.atr)
	if err != nil {
		return nil, false
	}
	s.chip = &chip{card: s.card}
	s.block = newT1Card(s.chip.apdu, parsed.EDC())
	s.resetParameters()
	s.speed, s.fresh = apdu.DefaultFiDi, true
	if parsed.Specific() {
		s.speed = parsed.FiDi()
	}
	return slices.Clone(s.card.atr), true
}

// transfer passes a block to the card; ok is false when nothing the reader understands comes back.
func (s *socket) transfer(b []byte) (answer []byte, ok bool) {
	fresh := s.fresh
	s.fresh = false
	if pps, err := apdu.ParsePPS(b); err == nil && !s.selfDriven {
		if !fresh || s.card.noPPS {
			return nil, false
		}
		s.speed = pps.FiDi
		return b, true
	}
	protocol := 0
	if s.card.t1 {
		protocol = 1
	}
	switch {
	case !s.selfDriven && s.params[protocol][0] != s.speed:
		return nil, false // reader and card talk past each other
	case s.card.t1 && !s.commands:
		return s.block.answer(b), true
	case s.card.t1 || s.commands:
		return s.chip.apdu(b), true
	}
	return s.chip.t0(b), true
}

// setParameters takes what the host says about the card; ok is false when it makes no sense.
func (s *socket) setParameters(protocol byte, b []byte) bool {
	if protocol > 1 || len(b) != len(s.params[protocol]) {
		return false
	}
	s.protocol, s.params[protocol] = protocol, slices.Clone(b)
	return true
}
