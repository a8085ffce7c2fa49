package gempc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gongji/cardreader/apdu"
	"gongji/cardreader/ccid"
)

// Baud and StopBits are the line settings of the family; data bits are eight, without parity or flow control.
const (
	Baud     = 115200
	StopBits = 2
)

// Limits of one exchange.
const (
	// attempts is how often a command is sent before the reader is given up.
	attempts = 3
	// maxGarbage bounds the bytes skipped before an answer.
	maxGarbage = 1024
	// maxTimeRequests bounds the bare time requests before an answer.
	maxTimeRequests = 64
	// quiet is how long the line must be silent after a spoilt frame before the next command; frames are sent without
	// such gaps.
	quiet = 30 * time.Millisecond
	// maxDrain bounds that wait on a line that never falls silent.
	maxDrain = 500 * time.Millisecond
	// frameGap is the longest pause within a frame before it counts as truncated.
	frameGap = 250 * time.Millisecond
)

// Line is the open port. Read returns at least one byte, or an error for which Timeout tells whether only the deadline
// passed; errors of a line that is gone are passed up unchanged.
type Line interface {
	Read(ctx context.Context, p []byte, deadline time.Time) (int, error)
	Write(ctx context.Context, p []byte) error
}

// Options of a link. All may be empty.
type Options struct {
	// FirstSeq is the sequence number of the first command.
	FirstSeq byte
	// Timeout tells a read that met its deadline from a line that is gone. Mandatory.
	Timeout func(error) bool
	// Trace, when set, is given every item in the order it crossed the line, with its raw bytes. They hold personal data:
	// only a technician's explicit request may set it.
	Trace func(toReader bool, raw []byte, name string)
	// Spoilt, when set, is called for every frame that the line spoilt.
	Spoilt func()
}

// Link exchanges CCID messages with a reader. It is not safe for concurrent use.
type Link struct {
	line Line
	opts Options
	seq  byte
	dec  Decoder
	last ccid.Message // the command whose answer is awaited
	// moved and left remember slot-change bytes met while waiting for something else.
	moved, left bool
	buf         [512]byte
}

// New returns a link over an open line.
func New(line Line, opts Options) *Link {
	return &Link{line: line, opts: opts, seq: opts.FirstSeq}
}

var _ ccid.Transport = (*Link)(nil)

// errNAK: the reader asks for the command again.
var errNAK = errors.New("gempc: reader did not understand the command")

// Exchange sends the command under the next sequence number and returns its answer. After a NAK the command is sent again
// with the next number, since the reader did not act on it. After a spoilt or missing answer it is sent again only when
// repeating it does no harm; an XfrBlock may already have changed the card and is left to the layer that knows what the
// card was asked. Errors wrap ccid.ErrSpoilt or ccid.ErrSilent, or are the line's own.
func (l *Link) Exchange(ctx context.Context, command ccid.Message, timeout time.Duration) (ccid.Message, error) {
	var err error
	for range attempts {
		var answer ccid.Message
		if answer, err = l.once(ctx, command, timeout); err == nil {
			return answer, nil
		}
		switch {
		case errors.Is(err, errNAK):
		case errors.Is(err, ccid.ErrSpoilt), errors.Is(err, ccid.ErrSilent):
			if command.Type == ccid.TypeXfrBlock {
				return ccid.Message{}, err
			}
		default:
			return ccid.Message{}, err
		}
	}
	if errors.Is(err, errNAK) {
		err = fmt.Errorf("%w: %w", ccid.ErrSpoilt, err)
	}
	return ccid.Message{}, err
}

// once sends a command and waits for its answer.
func (l *Link) once(ctx context.Context, command ccid.Message, timeout time.Duration) (ccid.Message, error) {
	command.Seq = l.seq
	l.seq++
	l.last = command
	frame := Encode(command)
	l.trace(true, frame, l.describe(command))
	if err := l.line.Write(ctx, frame); err != nil {
		return ccid.Message{}, err
	}
	return l.Await(ctx, timeout)
}

// Await waits for an answer to the command exchanged last.
func (l *Link) Await(ctx context.Context, timeout time.Duration) (ccid.Message, error) {
	garbage, requests := 0, 0
	deadline := time.Now().Add(timeout)
	for first := true; ; first = false {
		if !first && !time.Now().Before(deadline) { // a line that never stops talking
			return ccid.Message{}, fmt.Errorf("%w: %s", ccid.ErrSilent, ccid.TypeName(l.last.Type))
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
			// An echo, or the late answer to an earlier command: neither says anything about this one.
		case ItemNAK:
			return ccid.Message{}, errNAK
		case ItemTime:
			if requests++; requests > maxTimeRequests {
				return ccid.Message{}, l.spoilt(ctx, "too many time requests")
			}
			deadline = time.Now().Add(timeout)
		case ItemGarbage:
			if garbage += len(item.Raw); garbage > maxGarbage {
				return ccid.Message{}, l.spoilt(ctx, "garbage without end")
			}
		case ItemBad:
			return ccid.Message{}, l.spoilt(ctx, "wrong checksum or length")
		}
	}
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
		return Item{}, fmt.Errorf("%w: %s", ccid.ErrSilent, ccid.TypeName(l.last.Type))
	}
}

// note traces an item and remembers card movements.
func (l *Link) note(item Item) {
	l.left = l.left || item.Kind == ItemCardLeft
	l.moved = l.moved || item.Kind == ItemCardLeft || item.Kind == ItemCardCame
	name := item.Kind.String()
	if item.Kind == ItemMessage {
		name = l.describe(item.Message)
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
	if l.opts.Spoilt != nil {
		l.opts.Spoilt()
	}
	l.trace(false, l.dec.buf, "thrown away: "+why)
	l.dec.Reset()
	if err := l.Drain(ctx); err != nil {
		return err
	}
	return fmt.Errorf("%w: %s", ccid.ErrSpoilt, why)
}

// Drain reads and drops bytes until the line has been quiet for a moment. It is also the way to meet a reader that sends
// its plug-and-play string after the port was opened.
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
	// A card movement may have been among the bytes dropped.
	l.moved = true
	return nil
}

// Wait listens for card movements for at most d and tells whether there was one, now or since the last call. Other bytes
// between commands mean nothing and are dropped.
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

// Left tells whether the reader announced since the last call that a card left. Silence proves nothing: the notice may be
// switched off or lost.
func (l *Link) Left() bool {
	left := l.left
	l.left = false
	return left
}

// describe names a message for the trace; of blocks for the card it names the command, of the card's answers the status.
func (l *Link) describe(m ccid.Message) string {
	s := fmt.Sprintf("%s seq %02X", ccid.TypeName(m.Type), m.Seq)
	switch {
	case m.Type == ccid.TypeXfrBlock:
		return s + " " + apdu.Describe(m.Data)
	case !m.FromReader():
		return s
	case m.Outcome() == ccid.OutcomeFailed:
		return s + " failed: " + ccid.CodeName(m.P[1])
	case m.Outcome() == ccid.OutcomeTimeExtension:
		return s + fmt.Sprintf(" time extension ×%d", m.Multiplier())
	case m.Type == ccid.TypeDataBlock && l.last.Type == ccid.TypeXfrBlock:
		if r, err := apdu.ParseResponse(m.Data); err == nil {
			return s + " " + r.SW.String()
		}
	}
	return s
}
