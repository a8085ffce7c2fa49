package acs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gongji/cardreader/apdu"
	"gongji/cardreader/ccid"
)

// Limits of one exchange.
const (
	// attempts is how often a command is sent before the reader is given up.
	attempts = 3
	// repeats is how often a spoilt answer is asked for again.
	repeats = 2
	// maxGarbage bounds the bytes skipped before an answer.
	maxGarbage = 1024
	// quiet is how long the line must be silent after a spoilt frame before the next command. At 9600 baud a byte takes a
	// millisecond, and frames are sent without gaps.
	quiet = 30 * time.Millisecond
	// maxDrain bounds that wait on a line that never falls silent.
	maxDrain = 500 * time.Millisecond
	// frameGap is the longest pause within a frame before it counts as truncated.
	frameGap = 250 * time.Millisecond
	// slowLine is added to every time allowed: the longest frame takes 0.3 s at 9600 baud.
	slowLine = 350 * time.Millisecond
)

// ErrSlot: the reader has no slot of the number asked for; the configuration does not fit the reader.
var ErrSlot = errors.New("acs: reader has no such slot")

// Line is the open port. Read returns at least one byte, or an error for which Timeout tells whether only the deadline
// passed; errors of a line that is gone are passed up unchanged.
type Line interface {
	Read(ctx context.Context, p []byte, deadline time.Time) (int, error)
	Write(ctx context.Context, p []byte) error
}

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
	line Line
	opts Options
	seq  byte
	dec  Decoder
	last ccid.Message // the command whose answer is awaited
	// moved and left remember events met while waiting for something else.
	moved, left bool
	buf         [512]byte
}

// New returns a link over an open line.
func New(line Line, opts Options) *Link {
	return &Link{line: line, opts: opts, seq: opts.FirstSeq}
}

var _ ccid.Transport = (*Link)(nil)

// errRefused: the reader did not take the command, and therefore did not act on it.
var errRefused = errors.New("acs: reader did not take the command")

// Exchange sends the command under the next sequence number and returns its answer. A command that the reader refuses is
// sent again with the next number, since it was not acted on. An answer that the line spoilt is asked for again, which never
// disturbs the card. What is lost for good is sent again only when repeating it does no harm; an XfrBlock is left to the layer
// that knows what the card was asked. Errors wrap ccid.ErrSpoilt, ccid.ErrSilent or ErrSlot, or are the line's own.
func (l *Link) Exchange(ctx context.Context, command ccid.Message, timeout time.Duration) (ccid.Message, error) {
	var err error
	for range attempts {
		var answer ccid.Message
		if answer, err = l.once(ctx, command, timeout); err == nil {
			return answer, nil
		}
		switch {
		case errors.Is(err, errRefused):
		case errors.Is(err, ccid.ErrSpoilt), errors.Is(err, ccid.ErrSilent):
			if command.Type == ccid.TypeXfrBlock {
				return ccid.Message{}, err
			}
		default:
			return ccid.Message{}, err
		}
	}
	if errors.Is(err, errRefused) {
		err = fmt.Errorf("%w: %w", ccid.ErrSpoilt, err)
	}
	return ccid.Message{}, err
}

// once sends a command and waits for its answer, asking again for one that was spoilt.
func (l *Link) once(ctx context.Context, command ccid.Message, timeout time.Duration) (ccid.Message, error) {
	command.Seq = l.seq
	l.seq++
	l.last = command
	if err := l.write(ctx, Encode(command), l.describe(command)); err != nil {
		return ccid.Message{}, err
	}
	answer, err := l.Await(ctx, timeout)
	for n := 0; n < repeats && errors.Is(err, ccid.ErrSpoilt); n++ {
		if err := l.write(ctx, Repeat(), "send the last answer again"); err != nil {
			return ccid.Message{}, err
		}
		if answer, err = l.Await(ctx, timeout); errors.Is(err, errRefused) {
			err = fmt.Errorf("%w: request to repeat was refused", ccid.ErrSpoilt) // the command itself had been taken
		}
	}
	return answer, err
}

func (l *Link) write(ctx context.Context, frame []byte, name string) error {
	l.trace(true, frame, name)
	return l.line.Write(ctx, frame)
}

// Await waits for an answer to the command exchanged last.
func (l *Link) Await(ctx context.Context, timeout time.Duration) (ccid.Message, error) {
	garbage := 0
	deadline := time.Now().Add(timeout + slowLine)
	for first := true; ; first = false {
		if !first && !time.Now().Before(deadline) { // a line that never stops talking
			return ccid.Message{}, l.silent()
		}
		item, err := l.next(ctx, deadline)
		if err != nil {
			return ccid.Message{}, err
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
				return ccid.Message{}, l.spoilt(ctx, "garbage without end")
			}
		case ItemBad:
			return ccid.Message{}, l.spoilt(ctx, "wrong checksum or length")
		}
	}
}

func (l *Link) silent() error {
	return fmt.Errorf("%w: %s", ccid.ErrSilent, ccid.TypeName(l.last.Type))
}

// next returns the next item from the line. A frame that stops half-way is spoilt; nothing at all is silence.
func (l *Link) next(ctx context.Context, deadline time.Time) (Item, error) {
	for {
		if item, ok := l.dec.Next(); ok {
			l.note(item)
			return item, nil
		}
		until := deadline
		if gap := time.Now().Add(frameGap); l.dec.Pending() > 0 && gap.Before(until) {
			until = gap
		}
		n, err := l.line.Read(ctx, l.buf[:], until)
		l.dec.Write(l.buf[:n])
		if n > 0 || err == nil {
			continue
		}
		if !l.opts.Timeout(err) {
			return Item{}, err
		}
		if l.dec.Pending() > 0 {
			return Item{}, l.spoilt(ctx, "frame stopped half-way")
		}
		return Item{}, l.silent()
	}
}

// note traces an item and remembers what happened at the slot.
func (l *Link) note(item Item) {
	name := item.Kind.String()
	switch item.Kind {
	case ItemMessage:
		name = l.describe(item.Message)
	case ItemStatus:
		name = item.Status.String()
	case ItemEvent:
		if item.Slots.Changed(l.opts.Slot) {
			l.moved = true
			l.left = l.left || !item.Slots.Present(l.opts.Slot)
		}
	}
	l.trace(false, item.Raw, name)
}

func (l *Link) trace(toReader bool, raw []byte, name string) {
	if l.opts.Trace != nil {
		l.opts.Trace(toReader, raw, name)
	}
}

// spoilt throws away what is on the line until it is quiet, so that no half frame is taken for a new one.
func (l *Link) spoilt(ctx context.Context, why string) error {
	l.trace(false, l.dec.buf, "thrown away: "+why)
	l.dec.Reset()
	if err := l.Drain(ctx); err != nil {
		return err
	}
	return fmt.Errorf("%w: %s", ccid.ErrSpoilt, why)
}

// Drain reads and drops bytes until the line has been quiet for a moment.
func (l *Link) Drain(ctx context.Context) error {
	end := time.Now().Add(maxDrain)
	for time.Now().Before(end) {
		n, err := l.line.Read(ctx, l.buf[:], time.Now().Add(quiet))
		if n > 0 {
			l.trace(false, l.buf[:n], "thrown away")
			continue
		}
		if err != nil && l.opts.Timeout(err) {
			break
		}
		if err != nil {
			return err
		}
	}
	l.dec.Reset()
	l.moved = true // an event may have been among the bytes dropped
	return nil
}

// Wait listens for cards coming and leaving for at most d and tells whether there was one, now or since the last call.
func (l *Link) Wait(ctx context.Context, d time.Duration) (moved bool, err error) {
	deadline := time.Now().Add(d)
	for first := true; !l.moved && (first || time.Now().Before(deadline)); first = false {
		if _, err := l.next(ctx, deadline); err != nil {
			if errors.Is(err, ccid.ErrSilent) || errors.Is(err, ccid.ErrSpoilt) {
				break
			}
			return false, err
		}
	}
	moved, l.moved = l.moved, false
	return moved, nil
}

// Left tells whether the reader announced since the last call that the slot's card left. Silence proves nothing.
func (l *Link) Left() bool {
	left := l.left
	l.left = false
	return left
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

// describe names a message for the trace; of blocks for the card it names the command, of the card's answers the status.
func (l *Link) describe(m ccid.Message) string {
	s := fmt.Sprintf("%s slot %d seq %02X", ccid.TypeName(m.Type), m.Slot, m.Seq)
	switch {
	case m.Type == ccid.TypeXfrBlock:
		return s + " " + apdu.Describe(m.Data)
	case !m.FromReader():
		return s
	case m.Outcome() == ccid.OutcomeFailed:
		return s + " failed: " + ccid.CodeName(m.P[1])
	case m.Type == ccid.TypeDataBlock && l.last.Type == ccid.TypeXfrBlock:
		if r, err := apdu.ParseResponse(m.Data); err == nil {
			return s + " " + r.SW.String()
		}
	}
	return s
}
