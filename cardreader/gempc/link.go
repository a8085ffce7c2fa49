package gempc

import (
	"context"
	"errors"
	"time"

	"gongji/cardreader/ccid"
	"gongji/cardreader/wire"
)

// Baud and StopBits are the line settings of the family; data bits are eight, without parity or flow control.
const (
	Baud     = 115200
	StopBits = 2
)

// Limits of one exchange.
const (
	// maxGarbage bounds the bytes skipped before an answer.
	maxGarbage = 1024
	// maxTimeRequests bounds the bare time requests before an answer.
	maxTimeRequests = 64
	// maxDrain bounds the wait for quiet on a line that never falls silent.
	maxDrain = 500 * time.Millisecond
)

// Options of a link.
type Options struct {
	// FirstSeq is the sequence number of the first command.
	FirstSeq byte
	// Timeout tells a read that met its deadline from a line that is gone. Mandatory.
	Timeout func(error) bool
	// Trace, when set, is given every item in the order it crossed the line, with its raw bytes. They hold personal data:
	// only a technician's explicit request may set it.
	Trace func(toReader bool, raw []byte, name string)
}

// Link exchanges CCID messages with a reader. It is not safe for concurrent use.
type Link struct {
	conn *wire.Conn[Item]
	seq  byte
	last ccid.Message // the command whose answer is awaited
	ccid.Movements
}

// New returns a link over an open line.
func New(line wire.Line, opts Options) *Link {
	l := &Link{seq: opts.FirstSeq}
	l.conn = wire.New(line, new(Decoder), wire.Options[Item]{
		Timeout: opts.Timeout, Trace: opts.Trace, Seen: l.note, Dropped: l.Missed, MaxDrain: maxDrain,
	})
	return l
}

var _ ccid.Transport = (*Link)(nil)

// errNAK: the reader asks for the command again.
var errNAK = errors.New("gempc: reader did not understand the command")

// Exchange sends the command under the next sequence number and returns its answer; ccid.Retry says when it is sent again.
// Errors wrap wire.ErrSpoilt or wire.ErrSilent, or are the line's own.
func (l *Link) Exchange(ctx context.Context, command ccid.Message, timeout time.Duration) (ccid.Message, error) {
	return ccid.Retry(command, errNAK, func() (ccid.Message, error) { return l.once(ctx, command, timeout) })
}

// once sends a command and waits for its answer.
func (l *Link) once(ctx context.Context, command ccid.Message, timeout time.Duration) (ccid.Message, error) {
	command.Seq = l.seq
	l.seq++
	l.last = command
	if err := l.conn.Write(ctx, Encode(command), ccid.Describe(command, l.last)); err != nil {
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
			// An echo, or the late answer to an earlier command: neither says anything about this one.
		case ItemNAK:
			return ccid.Message{}, errNAK
		case ItemTime:
			if requests++; requests > maxTimeRequests {
				return ccid.Message{}, l.conn.Spoilt(ctx, "too many time requests")
			}
			deadline = time.Now().Add(timeout)
		case ItemGarbage:
			if garbage += len(item.Raw); garbage > maxGarbage {
				return ccid.Message{}, l.conn.Spoilt(ctx, "garbage without end")
			}
		case ItemBad:
			return ccid.Message{}, l.conn.Spoilt(ctx, "wrong checksum or length")
		}
	}
}

// note traces an item and remembers card movements.
func (l *Link) note(item Item) {
	if item.Kind == ItemCardLeft || item.Kind == ItemCardCame {
		l.Note(item.Kind == ItemCardLeft)
	}
	name := item.Kind.String()
	if item.Kind == ItemMessage {
		name = ccid.Describe(item.Message, l.last)
	}
	l.conn.Trace(false, item.Raw, name)
}

// Drain reads and drops bytes until the line has been quiet for a moment. It is also the way to meet a reader that sends
// its plug-and-play string after the port was opened.
func (l *Link) Drain(ctx context.Context) error { return l.conn.Drain(ctx) }

// Wait listens for card movements for at most d and tells whether there was one, now or since the last call. Other bytes
// between commands mean nothing and are dropped.
func (l *Link) Wait(ctx context.Context, d time.Duration) (moved bool, err error) {
	return l.Movements.Wait(d, func(deadline time.Time) error {
		_, err := l.conn.Next(ctx, deadline)
		return err
	})
}
