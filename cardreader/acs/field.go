package acs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"gongji/cardreader/apdu"
	"gongji/cardreader/ccid"
	"gongji/cardreader/wire"
)

// An ACR122S has one slot, and that is for a security module. Its radio part is a PN532 chip, reached through pseudo commands
// to that slot, once the slot has power:
//
//	FF 00 00 00 Lc | D4 command parameters  →  D5 command+1 answer | 90 00
//
// Source: ACS manual of the ACR122S for the envelope, NXP's PN532 user manual for what is in it.

// SlotSAM is the only slot of an ACR122S.
const SlotSAM byte = 0

// firmwareACR122 is how the firmware answer of the family begins.
const firmwareACR122 = "ACR122"

// askFirmware is answered with text, without a status word, before anything has power.
var askFirmware = []byte{0xFF, 0x00, 0x48, 0x00, 0x00}

// firmwareTries bounds the questions until two answers agree.
const firmwareTries = 6

// Firmware returns what a reader of the ACR122 family calls itself, and "" from a reader of another family. The line's checksum
// does not see every fault and the answer decides how the reader is driven, so two answers must agree. Errors: those of Exchange.
func (l *Link) Firmware(ctx context.Context) (string, error) {
	last, known := "", false
	for range firmwareTries {
		m, err := l.Exchange(ctx, ccid.Message{Type: ccid.TypeXfrBlock, Slot: SlotSAM, Data: askFirmware}, speedTimeout)
		if errors.Is(err, wire.ErrSpoilt) || errors.Is(err, wire.ErrSilent) {
			continue
		}
		if err != nil {
			return "", err
		}
		name := ""
		if text := string(m.Data); m.Outcome() == ccid.OutcomeOK && strings.HasPrefix(text, firmwareACR122) {
			name = text
		}
		if known && name == last {
			return name, nil
		}
		last, known = name, true
	}
	return "", fmt.Errorf("%w: two answers about the firmware never agreed", wire.ErrSpoilt)
}

// Commands of the PN532.
const (
	hostToChip byte = 0xD4
	chipToHost byte = 0xD5

	cmdDiagnose      byte = 0x00
	cmdSetParameters byte = 0x12
	cmdConfigure     byte = 0x32
	cmdExchange      byte = 0x40
	cmdList          byte = 0x4A
)

// Parameters of these commands.
var (
	// automaticRATS makes the chip open ISO 14443-4 with a card by itself as soon as it is listed.
	automaticRATS = []byte{0x14}
	// fewRetries: a list of an empty field is answered after two attempts and not when a card comes.
	fewRetries = []byte{0x05, 0x00, 0x00, 0x01}
	// fieldOff takes the power from the card; listing switches the field on again.
	fieldOff = []byte{0x01, 0x00}
	// listOneA lists one card of type A at 106 kbit/s.
	listOneA = []byte{0x01, 0x00}
	// stillThere asks an opened card for a sign of life.
	stillThere = []byte{0x06}
)

// Limits of one exchange with the card.
const (
	// target is the number of the one card that is listed; more marks a piece that others follow, in either direction.
	target byte = 0x01
	more   byte = 0x40
	// maxPiece is what fits into one pseudo command (Lc is one byte) beside D4, the command and the target. Longer commands go
	// in pieces.
	maxPiece = 255 - 3
	// maxCollected bounds an answer that comes in pieces.
	maxCollected = 4096
	// controlTries is how often a question that only the radio part answers is asked when the line spoilt the answer.
	controlTries = 4
)

// isoDEP is the bit of a card's SAK that says it speaks ISO 14443-4.
const isoDEP byte = 0x20

// Status of the chip on an exchange, without the bit that says more follows.
const (
	fieldCRC     byte = 0x02
	fieldParity  byte = 0x03
	fieldFraming byte = 0x05
)

// ErrField: the radio part of the reader does not do what it is told. The reader has to be started again.
var ErrField = errors.New("acs: radio part of the reader refuses")

// Field is the contactless side of an ACR122S in the form of a card slot. Cards of ISO 14443 type A at 106 kbit/s that speak
// ISO 14443-4 can be read; others are reported as cards with an unknown protocol, and type B is not seen. It is not safe for
// concurrent use.
type Field struct {
	sam *ccid.Slot
	// opened: a card was listed and has answered so far; powered: PowerOn returned its answer to reset.
	opened, powered bool
	// fresh: the card has been sent nothing since it was opened. used: the field has been on since it was last switched off.
	fresh, used bool
	atr         apdu.ATR
}

// NewField returns the contactless side of the reader behind a link. Start must come first.
func NewField(l *Link) *Field {
	sam := ccid.NewSlot(l, SlotSAM)
	sam.Voltages, sam.CutATR = []byte{0}, true
	return &Field{sam: sam}
}

// Start gives the module's slot power, without which the reader passes nothing to its radio part, and prepares that. An empty
// module slot is no error.
func (f *Field) Start(ctx context.Context) error {
	var empty *ccid.Error
	if _, err := f.sam.PowerOn(ctx); err != nil && !errors.As(err, &empty) && !errors.Is(err, apdu.ErrATR) {
		return err
	}
	if _, err := f.control(ctx, cmdSetParameters, automaticRATS); err != nil {
		return err
	}
	_, err := f.control(ctx, cmdConfigure, fewRetries)
	f.used = true
	return err
}

// Status tells whether a card is in the field, and whether it is the one that PowerOn opened.
func (f *Field) Status(ctx context.Context) (ccid.CardState, error) {
	if f.opened {
		b, err := f.control(ctx, cmdDiagnose, stillThere)
		if err != nil && !errors.Is(err, ErrField) { // a chip that waits for a card which has left may be called silent
			return ccid.CardAbsent, err
		}
		if err == nil && len(b) > 0 && b[0] == 0 {
			return f.state(), nil
		}
		f.lost()
	}
	found, err := f.list(ctx)
	if err != nil || !found {
		return ccid.CardAbsent, err
	}
	return f.state(), nil
}

func (f *Field) state() ccid.CardState {
	if f.opened && f.powered {
		return ccid.CardActive
	}
	return ccid.CardInactive
}

func (f *Field) lost() { f.opened, f.powered, f.fresh = false, false, false }

// PowerOn resets the card by taking the field away, unless it was opened just now, and returns its answer to select in the form
// that PC/SC gives it. Errors: *ccid.Error when no card is there or it does not speak ISO 14443-4.
func (f *Field) PowerOn(ctx context.Context) (apdu.ATR, error) {
	if !f.fresh {
		found, err := f.list(ctx)
		if err != nil {
			return apdu.ATR{}, err
		}
		if !found {
			return apdu.ATR{}, &ccid.Error{Command: ccid.TypePowerOn, Card: ccid.CardAbsent, Code: ccid.CodeMute}
		}
	}
	if !f.opened {
		return apdu.ATR{}, &ccid.Error{Command: ccid.TypePowerOn, Card: ccid.CardInactive, Code: ccid.CodeProtocol}
	}
	f.powered, f.fresh = true, false
	return f.atr, nil
}

// PowerOff takes the field away.
func (f *Field) PowerOff(ctx context.Context) error {
	f.lost()
	_, err := f.control(ctx, cmdConfigure, fieldOff)
	f.used = err != nil
	return err
}

// list looks for a card with a field that is new to it: a card that was opened before answers no call. Where the answer is lost
// the field is taken away again.
func (f *Field) list(ctx context.Context) (found bool, err error) {
	f.lost()
	for range controlTries {
		if f.used {
			if err := f.PowerOff(ctx); err != nil {
				return false, err
			}
		}
		f.used = true
		var b []byte
		if b, err = f.transfer(ctx, cmdList, listOneA); err == nil {
			if found, err = f.take(b); err == nil {
				f.used = found
				return found, nil
			}
		}
		if !errors.Is(err, apdu.ErrSpoilt) {
			break
		}
	}
	return false, controlError(err)
}

// take reads the answer to a list: number of cards, then target | ATQA (2) | SAK | length | UID | ATS, whose first byte is its
// length.
func (f *Field) take(b []byte) (found bool, err error) {
	if len(b) == 0 || b[0] == 0 {
		return false, nil
	}
	if b[0] != 1 || len(b) < 6 || b[1] != target || len(b) < 6+int(b[5]) {
		return false, fmt.Errorf("%w: list of cards", apdu.ErrSpoilt)
	}
	ats := b[6+int(b[5]):]
	if b[4]&isoDEP == 0 || len(ats) == 0 {
		return true, nil // a card of an older kind
	}
	if f.atr, err = answerToSelect(ats); err != nil {
		return false, err
	}
	f.opened, f.fresh = true, true
	return true, nil
}

// maxHistorical is how many historical bytes an answer to reset has room for.
const maxHistorical = 15

// answerToSelect turns an ATS (length, T0, TA TB TC as T0 says, historical bytes) into an answer to reset of the form that PC/SC
// prescribes for cards without contacts: 3B 8n 80 01, historical bytes, check byte.
func answerToSelect(ats []byte) (apdu.ATR, error) {
	if int(ats[0]) != len(ats) {
		return apdu.ATR{}, fmt.Errorf("%w: length of the answer to select", apdu.ErrSpoilt)
	}
	var history []byte
	if len(ats) > 1 {
		at := 2
		for _, bit := range []byte{0x10, 0x20, 0x40} {
			if ats[1]&bit != 0 {
				at++
			}
		}
		if at > len(ats) {
			return apdu.ATR{}, fmt.Errorf("%w: answer to select is too short", apdu.ErrSpoilt)
		}
		history = ats[at:]
	}
	history = history[:min(len(history), maxHistorical)]
	b := append([]byte{0x3B, 0x80 | byte(len(history)), 0x80, 0x01}, history...)
	return apdu.ParseATR(append(b, xor(b[1:])))
}

// Transmit sends a command to the card and collects its answer, both in pieces where they are long. It implements
// apdu.Transceiver. Errors: apdu.ErrSpoilt when the line lost something, *ccid.Error when the card does not answer, ErrField.
func (f *Field) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	f.fresh = false
	for len(command) > maxPiece {
		if _, _, err := f.piece(ctx, target|more, command[:maxPiece]); err != nil {
			return nil, err
		}
		command = command[maxPiece:]
	}
	answer, follows, err := f.piece(ctx, target, command)
	for err == nil && follows {
		if len(answer) > maxCollected {
			return nil, fmt.Errorf("%w: more than %d bytes", apdu.ErrLoop, maxCollected)
		}
		var next []byte
		next, follows, err = f.piece(ctx, target, nil)
		answer = append(answer, next...)
	}
	return answer, err
}

var _ apdu.Transceiver = (*Field)(nil)

// piece exchanges one piece with the card.
func (f *Field) piece(ctx context.Context, to byte, p []byte) (answer []byte, follows bool, err error) {
	b, err := f.transfer(ctx, cmdExchange, append([]byte{to}, p...))
	if err != nil {
		return nil, false, err
	}
	if len(b) == 0 {
		return nil, false, fmt.Errorf("%w: exchange without a status", apdu.ErrSpoilt)
	}
	switch status := b[0] &^ more; status {
	case 0:
		return bytes.Clone(b[1:]), b[0]&more != 0, nil
	case fieldCRC, fieldParity, fieldFraming:
		f.lost()
		return nil, false, &ccid.Error{Command: ccid.TypeXfrBlock, Card: ccid.CardInactive, Code: ccid.CodeParity}
	}
	f.lost() // time-out, released, disappeared: the next look says which
	return nil, false, &ccid.Error{Command: ccid.TypeXfrBlock, Card: ccid.CardInactive, Code: ccid.CodeMute}
}

// control has a command carried out that no card is asked for, again where the line spoilt the answer.
func (f *Field) control(ctx context.Context, command byte, parameters []byte) (b []byte, err error) {
	for range controlTries {
		if b, err = f.transfer(ctx, command, parameters); err == nil || !errors.Is(err, apdu.ErrSpoilt) {
			break
		}
	}
	return b, controlError(err)
}

// controlError makes of an error the reader's own: no card had a part in it.
func controlError(err error) error {
	var failed *ccid.Error
	switch {
	case errors.Is(err, wire.ErrSilent):
		return fmt.Errorf("%w: radio part", wire.ErrSilent)
	case errors.Is(err, apdu.ErrSpoilt), errors.Is(err, apdu.ErrShort), errors.Is(err, apdu.ErrATR):
		return fmt.Errorf("%w: radio part", wire.ErrSpoilt)
	case errors.As(err, &failed):
		return fmt.Errorf("%w: %s", ErrField, ccid.CodeName(failed.Code))
	}
	return err
}

// transfer wraps a command for the radio part and returns the bytes behind its answer code. Some firmware announces the answer
// with 61xx and wants it fetched.
func (f *Field) transfer(ctx context.Context, command byte, parameters []byte) ([]byte, error) {
	block := append([]byte{0xFF, 0x00, 0x00, 0x00, byte(2 + len(parameters)), hostToChip, command}, parameters...)
	r, err := f.answer(ctx, block)
	if err != nil {
		return nil, err
	}
	if n, waits := r.SW.More(); waits {
		if r, err = f.answer(ctx, []byte{0xFF, apdu.InsGetResponse, 0x00, 0x00, byte(n)}); err != nil {
			return nil, err
		}
	}
	if r.SW != apdu.OK {
		return nil, fmt.Errorf("%w: %s", ErrField, r.SW)
	}
	if !bytes.HasPrefix(r.Data, []byte{chipToHost, command + 1}) {
		return nil, fmt.Errorf("%w: answer to another command", apdu.ErrSpoilt)
	}
	return r.Data[2:], nil
}

func (f *Field) answer(ctx context.Context, block []byte) (apdu.Response, error) {
	b, err := f.sam.Transmit(ctx, block)
	if err != nil {
		return apdu.Response{}, err
	}
	return apdu.ParseResponse(b)
}
