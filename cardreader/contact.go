package cardreader

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gongji/cardreader/apdu"
	"gongji/cardreader/ccid"
	"gongji/cardreader/sscard"
)

// cardLink is a line to a reader with card slots.
type cardLink interface {
	ccid.Transport
	// Drain drops what is on the line.
	Drain(ctx context.Context) error
	// Wait returns early when a card comes or leaves.
	Wait(ctx context.Context, d time.Duration) (moved bool, err error)
	// Left tells whether the card left since the last call, as far as the reader said so.
	Left() bool
}

// cardSlot is a place for a card: a slot of the reader, or the field of its radio part.
type cardSlot interface {
	Status(ctx context.Context) (ccid.CardState, error)
	PowerOn(ctx context.Context) (apdu.ATR, error)
	PowerOff(ctx context.Context) error
	apdu.Transceiver
}

// contact is one slot for social security cards, with contacts or without.
type contact struct {
	link cardLink
	slot cardSlot
	// tpdu is the same slot when its reader passes blocks through and leaves speed and parameters to the host, else nil.
	tpdu *ccid.Slot
	// powered: this card was powered on here. A card found without power after that is not the same insertion.
	powered bool
	// tells: the reader announces what moves. The last movement that was seen after a wait decides: whether the reader had
	// ended the wait, or the card was found to have moved when it was over.
	tells bool
	// held is whether a card was there at the last look. moved is how the wait since then ended, where there was one.
	held, waited, moved bool
}

func (d *contact) start(ctx context.Context) error {
	if err := d.link.Drain(ctx); err != nil {
		return err
	}
	_, err := d.slot.Status(ctx)
	return err
}

func (d *contact) look(ctx context.Context) (present, left bool, err error) {
	state, err := d.slot.Status(ctx)
	if err != nil {
		return false, false, err
	}
	left = d.link.Left() || d.powered && state != ccid.CardActive
	if left {
		d.powered = false
	}
	present = state != ccid.CardAbsent
	if d.waited && present != d.held {
		d.tells = d.moved
	}
	d.held, d.waited = present, false
	return present, left, nil
}

func (d *contact) wait(ctx context.Context, wait time.Duration) (err error) {
	d.moved, err = d.link.Wait(ctx, wait)
	d.waited = true
	return err
}

func (d *contact) announces() bool { return d.tells }

// escapeFirmware asks a GemPC reader for its name.
var escapeFirmware = []byte{0x02}

func (d *contact) name(ctx context.Context) (string, error) {
	if d.tpdu == nil {
		return "", errNoName
	}
	b, err := d.tpdu.Escape(ctx, escapeFirmware)
	return string(b), err
}

// coldResets is how often a card is reset and read before it is called unreadable.
const coldResets = 3

func (d *contact) read(ctx context.Context, agreed func(Credential)) (Credential, error) {
	var err error
	told := false
	tell := func(c Credential) {
		told = true
		if agreed != nil {
			agreed(c)
		}
	}
	for try := range coldResets {
		if try > 0 {
			d.powered = false
			if off := d.slot.PowerOff(ctx); off != nil && !isCardError(off) {
				return Credential{}, off
			}
		}
		var c Credential
		if c, err = d.readOnce(ctx, tell); err == nil || told || !isCardError(err) || cardGone(err) || ctx.Err() != nil {
			return c, err
		}
	}
	return Credential{}, err
}

// readOnce resets the card and reads it.
func (d *contact) readOnce(ctx context.Context, agreed func(Credential)) (Credential, error) {
	d.link.Left() // what left before this card came is known
	atr, ch, err := d.reset(ctx, true)
	if errors.Is(err, errSpeedRefused) {
		// After a failed selection the card waits for a reset, and is then left at the speed it begins with.
		if off := d.slot.PowerOff(ctx); off != nil && !isCardError(off) {
			return Credential{}, off
		}
		atr, ch, err = d.reset(ctx, false)
	}
	if err != nil {
		return Credential{}, err
	}
	card, err := sscard.Read(ctx, ch, func(c sscard.Card) { agreed(credential(c, atr.Bytes())) })
	if err != nil && card.Kind == "" {
		return Credential{}, err
	}
	return credential(card, atr.Bytes()), err
}

// reset powers the card on and agrees with it on how to talk; fast tries for its full speed.
func (d *contact) reset(ctx context.Context, fast bool) (apdu.ATR, apdu.Channel, error) {
	atr, err := d.slot.PowerOn(ctx)
	if err != nil {
		return atr, nil, err
	}
	d.powered = true
	ch, err := d.channel(ctx, atr, fast)
	return atr, ch, err
}

// channel returns the way to send commands. The card speaks the first protocol it announces.
func (d *contact) channel(ctx context.Context, atr apdu.ATR, fast bool) (apdu.Channel, error) {
	protocol := atr.Protocols()[0]
	if protocol > 1 {
		return nil, errUnsupportedProtocol
	}
	if d.tpdu != nil {
		if err := d.tune(ctx, atr, fast); err != nil {
			return nil, err
		}
		if protocol == 0 {
			return apdu.T0{Card: d.slot}, nil
		}
		t := apdu.NewT1(d.slot, atr)
		return apdu.T0{Card: t, Direct: true}, t.Start(ctx)
	}
	if protocol == 0 { // the reader may follow 61xx and 6Cxx itself
		return apdu.T0{Card: d.slot, Direct: true}, nil
	}
	t := apdu.NewT1(d.slot, atr)
	blocks, err := t.Blocks(ctx)
	if blocks {
		return apdu.T0{Card: t, Direct: true}, err
	}
	return apdu.T0{Card: d.slot, Direct: true}, err
}

// errSpeedRefused: card or reader did not agree to the speed that the card had announced.
var errSpeedRefused = errors.New("cardreader: speed refused")

// tune agrees on a speed with the card and tells the reader. Without a selection a card goes on at the default speed, unless
// it is in specific mode, which fixes its own.
func (d *contact) tune(ctx context.Context, atr apdu.ATR, fast bool) error {
	fidi := apdu.DefaultFiDi
	if atr.Specific() {
		fidi = atr.FiDi()
	}
	offer, ok := atr.Offer()
	if ok = ok && fast; ok {
		echo, err := d.slot.Transmit(ctx, offer.Bytes())
		if err != nil && (!isCardError(err) || cardGone(err)) {
			return err
		}
		if err != nil || !bytes.Equal(echo, offer.Bytes()) {
			return fmt.Errorf("%w by the card", errSpeedRefused)
		}
		fidi = offer.FiDi
	}
	protocol, p := parameters(atr, fidi)
	err := d.tpdu.SetParameters(ctx, protocol, p)
	if ok && err != nil && isCardError(err) && !cardGone(err) {
		return fmt.Errorf("%w by the reader: %w", errSpeedRefused, err)
	}
	return err
}

// Bits of the second parameter: a CRC in place of the XOR (T=1), the inverse convention.
const (
	parameterCRC     byte = 0x01
	parameterInverse byte = 0x02
)

// parameters returns protocol and parameters of a card at a speed.
func parameters(atr apdu.ATR, fidi byte) (protocol byte, p []byte) {
	if protocol = atr.Protocols()[0]; protocol == 1 {
		p = slices.Clone(ccid.ParametersT1)
		p[5] = byte(atr.IFSC())
		if atr.CRC() {
			p[1] |= parameterCRC
		}
	} else {
		p = slices.Clone(ccid.ParametersT0)
	}
	p[0], p[2] = fidi, atr.GuardTime()
	if atr.Inverse() {
		p[1] |= parameterInverse
	}
	return protocol, p
}

// credential turns what the card says into the form of the house.
func credential(c sscard.Card, atr []byte) Credential {
	out := Credential{
		Kind: CardKind(c.Kind), Version: c.Version, Identifier: c.Identifier, Number: c.Number, IssuedOn: c.IssuedOn, ExpiresOn: c.ExpiresOn,
		ATR: atr, IDNumber: c.IDNumber, Name: c.Name, Sex: c.Sex, Ethnicity: c.Ethnicity, Birthplace: c.Birthplace, BirthDate: c.BirthDate,
		NeedsAuthentication: c.NeedsAuthentication,
	}
	if len(c.Identifier) >= 6 {
		out.IssuerArea = c.Identifier[:6]
	}
	return out
}
