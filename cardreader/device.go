package cardreader

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"gongji/cardreader/acs"
	"gongji/cardreader/apdu"
	"gongji/cardreader/ccid"
	"gongji/cardreader/gempc"
	"gongji/cardreader/idcard"
	"gongji/cardreader/scanner"
	"gongji/cardreader/serialport"
	"gongji/cardreader/sscard"
)

// Kinds of readers.
const (
	// KindGemPC is the GemPC Twin family: contact cards, CCID over a serial line.
	KindGemPC = "gempc"
	// KindACS is the ACS ACR1281S type, a slot with contacts and one without, or the ACR122S, without contacts only. The reader
	// itself says which.
	KindACS = "acs"
	// KindSDT is a resident identity card reader with a SAM_V module.
	KindSDT = "sdt"
	// KindScanner is a serial scanner or magnetic stripe reader; it only speaks.
	KindScanner = "scanner"
)

// Kinds returns the kinds of readers this package can drive.
func Kinds() []string { return []string{KindGemPC, KindACS, KindSDT, KindScanner} }

// Slots of an acs reader, as the configuration names them.
const (
	SlotContact     = "contact"
	SlotContactless = "contactless"
)

// Port is an open line. Its errors are those of package serialport: ErrTimeout when only the deadline passed, ErrGone when
// the line hung up, ErrClosed after Close. Read returns soon after the context ends.
type Port interface {
	Read(ctx context.Context, p []byte, deadline time.Time) (int, error)
	Write(ctx context.Context, p []byte) error
	Flush() error
	Close() error
}

var _ Port = (*serialport.Port)(nil)

// device is one kind of reader that looks for a card, on an open port. Errors for which isCardError holds are the card's; all
// others mean that the reader cannot be talked to any more.
type device interface {
	// start makes the first contact.
	start(ctx context.Context) error
	// look tells whether a card is there, and whether it is certain that the card read last has left.
	look(ctx context.Context) (present, left bool, err error)
	// wait returns early when something moves at the slot.
	wait(ctx context.Context, d time.Duration) error
	// announces tells whether wait can be relied on to notice what moves, as far as the reader has shown.
	announces() bool
	// read reads the card from its reset on. agreed, unless nil, is called at most once, as soon as the identity is certain;
	// after that call a credential that comes with an error holds at least the same.
	read(ctx context.Context, agreed func(Credential)) (Credential, error)
	// name asks for the reader's name or number; readers that have none answer with an error.
	name(ctx context.Context) (string, error)
}

// tracer is told everything that crosses the line.
type tracer func(toReader bool, raw []byte, name string)

// lineOf is the factory setting of each kind's line.
var lineOf = map[string]struct{ baud, stopBits int }{
	KindGemPC: {gempc.Baud, gempc.StopBits}, KindACS: {acs.Baud, acs.StopBits}, KindSDT: {idcard.Baud, idcard.StopBits},
	KindScanner: {scanner.Baud, scanner.StopBits},
}

// lineSettings returns the line of a kind; baud 0 means the kind's own.
func lineSettings(kind, path string, baud int) serialport.Config {
	line := lineOf[kind]
	if baud == 0 {
		baud = line.baud
	}
	return serialport.Config{Path: path, Baud: baud, StopBits: line.stopBits}
}

// newDevice returns the device of a kind that looks for cards.
func newDevice(o Options, port Port, trace tracer) (device, error) {
	switch o.Kind {
	case KindGemPC:
		link := gempc.New(port, gempc.Options{Timeout: serialport.IsTimeout, Trace: trace})
		slot := ccid.NewSlot(link, 0)
		return &contact{link: link, slot: slot, tpdu: slot, tells: true}, nil // as its specification says
	case KindACS:
		return newACSReader(o, port, trace), nil
	case KindSDT:
		link := idcard.New(port, idcard.Options{Timeout: serialport.IsTimeout, Trace: trace, Photo: o.KeepPhoto})
		return &identityReader{link: link}, nil
	}
	return nil, fmt.Errorf("cardreader: no cards are looked for at a reader of kind %q", o.Kind)
}

// newScanner returns the link to a scanner.
func newScanner(o Options, port Port, trace tracer) *scanner.Link {
	return scanner.New(port, scanner.Options{Prefix: o.Prefix, Timeout: serialport.IsTimeout, Trace: trace})
}

// errNoName: the reader has no name to ask for.
var errNoName = errors.New("cardreader: reader has no name")

// cardGone tells that the reader reported an empty slot.
func cardGone(err error) bool {
	var e interface {
		error
		Gone() bool
	}
	return errors.As(err, &e) && e.Gone()
}

// cardErrors are causes that lie with the card or its answers, not with the reader.
var cardErrors = []error{
	apdu.ErrATR, apdu.ErrSpoilt, apdu.ErrShort, apdu.ErrLoop, sscard.ErrItem, sscard.ErrUnstable, errUnsupportedProtocol,
	idcard.ErrText, idcard.ErrUnstable,
	context.DeadlineExceeded, // of one reading, not of the reader's life
}

func isCardError(err error) bool {
	var failed *ccid.Error
	var refused *apdu.Error
	var rejected *idcard.Error
	if errors.As(err, &failed) || errors.As(err, &refused) || errors.As(err, &rejected) && !rejected.Reader() {
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
		fmt.Fprintf(w, "%s % X  %s\n", arrow, raw, strings.TrimSpace(name))
	}
}
