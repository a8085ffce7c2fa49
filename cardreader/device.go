package cardreader

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"gongji/cardreader/apdu"
	"gongji/cardreader/ccid"
	"gongji/cardreader/gempc"
	"gongji/cardreader/serialport"
	"gongji/cardreader/sscard"
)

// KindGemPC is the kind of readers of the GemPC Twin family.
const KindGemPC = "gempc"

// Kinds returns the kinds of readers this package can drive.
func Kinds() []string { return []string{KindGemPC} }

// Port is an open line. Its errors are those of package serialport: ErrTimeout when only the deadline passed, ErrGone when
// the line hung up, ErrClosed after Close. Read returns soon after the context ends.
type Port interface {
	Read(ctx context.Context, p []byte, deadline time.Time) (int, error)
	Write(ctx context.Context, p []byte) error
	Flush() error
	Close() error
}

var _ Port = (*serialport.Port)(nil)

// device is one kind of reader on an open port. Errors for which isCardError holds are the card's; all others mean that the
// reader cannot be talked to any more.
type device interface {
	// start makes the first contact.
	start(ctx context.Context) error
	// look tells whether a card is there, and whether it is certain that the card read last has left.
	look(ctx context.Context) (present, left bool, err error)
	// wait returns early when something moves at the slot.
	wait(ctx context.Context, d time.Duration) error
	// read reads the card from its reset on.
	read(ctx context.Context) (Credential, error)
	// firmware asks for the reader's name; readers that have none answer with an error.
	firmware(ctx context.Context) (string, error)
}

// tracer is told everything that crosses the line.
type tracer func(toReader bool, raw []byte, name string)

// lineSettings returns the line of a kind; baud 0 means the kind's own.
func lineSettings(kind, path string, baud int) serialport.Config {
	if baud == 0 {
		baud = gempc.Baud
	}
	return serialport.Config{Path: path, Baud: baud, StopBits: gempc.StopBits}
}

func newDevice(kind string, port Port, trace tracer) (device, error) {
	if kind != KindGemPC {
		return nil, fmt.Errorf("cardreader: unknown kind of reader %q (known: %s)", kind, strings.Join(Kinds(), ", "))
	}
	link := gempc.New(port, gempc.Options{Timeout: serialport.IsTimeout, Trace: trace})
	return &contact{link: link, slot: ccid.NewSlot(link, 0)}, nil
}

// contact is a contact reader with one slot.
type contact struct {
	link *gempc.Link
	slot *ccid.Slot
	// powered: this card was powered on here. A card found without power after that is not the same insertion.
	powered bool
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
	return state != ccid.CardAbsent, left, nil
}

func (d *contact) wait(ctx context.Context, wait time.Duration) error {
	_, err := d.link.Wait(ctx, wait)
	return err
}

// escapeFirmware asks a GemPC reader for its name.
var escapeFirmware = []byte{0x02}

func (d *contact) firmware(ctx context.Context) (string, error) {
	b, err := d.slot.Escape(ctx, escapeFirmware)
	return string(b), err
}

// coldResets is how often a card is reset and read before it is called unreadable.
const coldResets = 3

func (d *contact) read(ctx context.Context) (Credential, error) {
	var err error
	for try := range coldResets {
		if try > 0 {
			d.powered = false
			if off := d.slot.PowerOff(ctx); off != nil && !isCardError(off) {
				return Credential{}, off
			}
		}
		var c Credential
		if c, err = d.readOnce(ctx); err == nil || !isCardError(err) || cardGone(err) || ctx.Err() != nil {
			return c, err
		}
	}
	return Credential{}, err
}

// readOnce resets the card and reads it.
func (d *contact) readOnce(ctx context.Context) (Credential, error) {
	d.link.Left() // what left before this card came is known
	atr, err := d.slot.PowerOn(ctx)
	if err != nil {
		return Credential{}, err
	}
	d.powered = true
	ch, err := d.channel(ctx, atr)
	if err != nil {
		return Credential{}, err
	}
	card, err := sscard.Read(ctx, ch, nil)
	if err != nil {
		return Credential{}, err
	}
	return credential(card, atr.Bytes()), nil
}

// channel sets the reader to the card's protocol and returns the way to send commands. Without a negotiation a card speaks
// the first protocol it announces, at the default speed unless it is in specific mode.
func (d *contact) channel(ctx context.Context, atr apdu.ATR) (apdu.Channel, error) {
	fidi := byte(0x11)
	if atr.Specific() {
		fidi = atr.FiDi()
	}
	switch protocol := atr.Protocols()[0]; {
	case protocol == 0:
		p := slices.Clone(ccid.ParametersT0)
		p[0], p[2] = fidi, atr.GuardTime()
		return apdu.T0{Card: d.slot}, d.slot.SetParameters(ctx, 0, p)
	case protocol == 1 && !atr.CRC():
		p := slices.Clone(ccid.ParametersT1)
		p[0], p[2], p[5] = fidi, atr.GuardTime(), byte(atr.IFSC())
		if err := d.slot.SetParameters(ctx, 1, p); err != nil {
			return nil, err
		}
		t := apdu.NewT1(d.slot, atr)
		return apdu.T0{Card: t, Direct: true}, t.Start(ctx)
	}
	return nil, errUnsupportedProtocol
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

// cardGone tells that the reader reported an empty slot.
func cardGone(err error) bool {
	var e *ccid.Error
	return errors.As(err, &e) && e.Gone()
}

// cardErrors are causes that lie with the card or its answers, not with the reader.
var cardErrors = []error{
	apdu.ErrATR, apdu.ErrSpoilt, apdu.ErrShort, apdu.ErrLoop, sscard.ErrItem, sscard.ErrUnstable, errUnsupportedProtocol,
	context.DeadlineExceeded, // of one reading, not of the reader's life
}

func isCardError(err error) bool {
	var failed *ccid.Error
	var refused *apdu.Error
	if errors.As(err, &failed) || errors.As(err, &refused) {
		return true
	}
	return slices.ContainsFunc(cardErrors, func(target error) bool { return errors.Is(err, target) })
}

// writeTrace prints each item with its direction, bytes and name.
func writeTrace(w io.Writer) tracer {
	return func(toReader bool, raw []byte, name string) {
		arrow := "←"
		if toReader {
			arrow = "→"
		}
		fmt.Fprintf(w, "%s % X  %s\n", arrow, raw, name)
	}
}
