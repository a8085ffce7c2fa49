package acs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gongji/cardreader/apdu"
	"gongji/cardreader/ccid"
	"gongji/cardreader/wire"
)

// Limits of one exchange.
const (
	// repeats is how often a spoilt answer is asked for again.
	repeats = 2
	// maxGarbage bounds the bytes skipped before an answer.
	maxGarbage = 1024
	// maxDrain bounds the wait for quiet on a line that never falls silent.
	maxDrain = 500 * time.Millisecond
	// slowLine is added to every time allowed: the longest frame takes 0.3 s at 9600 baud.
	slowLine = 350 * time.Millisecond
)

// ErrSlot: the reader has no slot of the number asked for; the configuration does not fit the reader.
var ErrSlot = errors.New("acs: reader has no such slot")

// Options of a link.
type Options struct {
	// Slot is the slot whose cards Left and Wait tell of.
	Slot byte
	// FirstSeq is the sequence number of the first command.
	FirstSeq byte
	// Timeout tells a read that met its deadline from a line that is gone. Mandatory.
	Timeout func(error) bool
	// Trace, when set, is given every item in the order it crossed the line, with its raw bytes. They hold personal data:
	// only a technician's explicit request may set it.
	Trace func(toReader bool, raw []byte, name string)
}

// Link exchanges messages with a reader. It is not safe for concurrent use.
type Link struct {
	conn *wire.Conn[Item]
	slot byte // whose movements are noted
	seq  byte
	last ccid.Message // the command whose answer is awaited
	ccid.Movements
}

// New returns a link over an open line.
func New(line wire.Line, opts Options) *Link {
	l := &Link{slot: opts.Slot, seq: opts.FirstSeq}
	l.conn = wire.New(line, new(Decoder), wire.Options[Item]{
		Timeout: opts.Timeout, Trace: opts.Trace, Seen: l.note, Dropped: l.Missed, MaxDrain: maxDrain,
	})
	return l
}

var _ ccid.Transport = (*Link)(nil)

// errRefused: the reader did not take the command, and therefore did not act on it.
var errRefused = errors.New("acs: reader did not take the command")

// Exchange sends the command under the next sequence number and returns its answer; ccid.Retry says when it is sent again. An
// answer that the line spoilt is asked for again first, which never disturbs the card. Errors wrap wire.ErrSpoilt, wire.ErrSilent
// or ErrSlot, or are the line's own.
func (l *Link) Exchange(ctx context.Context, command ccid.Message, timeout time.Duration) (ccid.Message, error) {
	return ccid.Retry(command, errRefused, func() (ccid.Message, error) { return l.once(ctx, command, timeout) })
}

// once sends a command and waits for its answer, asking again for one that was spoilt.
func (l *Link) once(ctx context.Context, command ccid.Message, timeout time.Duration) (ccid.Message, error) {
	command.Seq = l.seq
	l.seq++
	l.last = command
	if err := l.conn.Write(ctx, Encode(command), ccid.Describe(command, l.last)); err != nil {
		return ccid.Message{}, err
	}
	answer, err := l.Await(ctx, timeout)
	for n := 0; n < repeats && errors.Is(err, wire.ErrSpoilt); n++ {
		if err := l.conn.Write(ctx, Repeat(), "send the last answer again"); err != nil {
			return ccid.Message{}, err
		}
		if answer, err = l.Await(ctx, timeout); errors.Is(err, errRefused) {
			err = fmt.Errorf("%w: request to repeat was refused", wire.ErrSpoilt) // the command itself had been taken
		}
	}
	return answer, err
}

// Await waits for an answer to the command exchanged last.
func (l *Link) Await(ctx context.Context, timeout time.Duration) (ccid.Message, error) {
	garbage := 0
	deadline := time.Now().Add(timeout + slowLine)
	for first := true; ; first = false {
		if !first && !time.Now().Before(deadline) { // a line that never stops talking
			return ccid.Message{}, ccid.Silent(wire.ErrSilent, l.last)
		}
		item, err := l.conn.Next(ctx, deadline)
		if err != nil {
			return ccid.Message{}, ccid.Silent(err, l.last)
		}
		switch item.Kind {
		case ItemMessage:
			if item.Message.Answers(l.last) {
				return item.Message, nil
			}
			// The late answer to an earlier command says nothing about this one.
		case ItemStatus:
			if item.Status == StatusSlot {
				return ccid.Message{}, fmt.Errorf("%w: %d", ErrSlot, l.last.Slot)
			}
			if item.Status != StatusAccepted {
				return ccid.Message{}, fmt.Errorf("%w: %s", errRefused, item.Status)
			}
		case ItemGarbage:
			if garbage += len(item.Raw); garbage > maxGarbage {
				return ccid.Message{}, l.conn.Spoilt(ctx, "garbage without end")
			}
		case ItemBad:
			return ccid.Message{}, l.conn.Spoilt(ctx, "wrong checksum or length")
		}
	}
}

// note traces an item and remembers what happened at the slot.
func (l *Link) note(item Item) {
	name := item.Kind.String()
	switch item.Kind {
	case ItemMessage:
		name = ccid.Describe(item.Message, l.last)
	case ItemStatus:
		name = item.Status.String()
	case ItemEvent:
		if item.Slots.Changed(l.slot) {
			l.Note(!item.Slots.Present(l.slot))
		}
	}
	l.conn.Trace(false, item.Raw, name)
}

// Drain reads and drops bytes until the line has been quiet for a moment.
func (l *Link) Drain(ctx context.Context) error { return l.conn.Drain(ctx) }

// Wait listens for cards coming and leaving for at most d and tells whether there was one, now or since the last call.
func (l *Link) Wait(ctx context.Context, d time.Duration) (moved bool, err error) {
	return l.Movements.Wait(d, func(deadline time.Time) error {
		_, err := l.conn.Next(ctx, deadline)
		return err
	})
}

// Pseudo commands that the reader answers itself.
var (
	speedSlow = []byte{0xFF, 0x00, 0x44, 0x00, 0x00}
	speedFast = []byte{0xFF, 0x00, 0x44, 0x01, 0x00}
)

// speedTimeout is ample for a command that no card is asked.
const speedTimeout = 500 * time.Millisecond

// ChangeSpeed switches the reader's line between Baud and FastBaud. When it returns without an error the reader already speaks
// at the new speed and the port must be opened anew. Errors: *apdu.Error when the reader cannot do that, or those of Exchange.
func (l *Link) ChangeSpeed(ctx context.Context, fast bool) error {
	command, want := speedSlow, apdu.SW(0x9000)
	if fast {
		command, want = speedFast, 0x9001
	}
	m, err := l.Exchange(ctx, ccid.Message{Type: ccid.TypeXfrBlock, Slot: SlotContactless, Data: command}, speedTimeout)
	if err != nil {
		return err
	}
	r, err := apdu.ParseResponse(m.Data)
	if err == nil && r.SW != want {
		err = &apdu.Error{INS: command[2], SW: r.SW}
	}
	return err
}
