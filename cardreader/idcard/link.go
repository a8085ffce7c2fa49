package idcard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gongji/cardreader/wire"
)

// ErrUnstable: readings of the same card keep differing or being spoilt.
var ErrUnstable = errors.New("idcard: readings do not agree")

// Limits of one exchange.
const (
	attempts   = 3
	maxGarbage = 4096
	// maxDrain bounds the wait for quiet: the longest frame takes two seconds at 9600 baud.
	maxDrain = 2 * time.Second
	// shortTimeout is for what the reader itself knows, addressTimeout and readTimeout for readings by radio, fingerTimeout
	// for one with fingerprints. The line's own time at 9600 baud is in the readings'.
	shortTimeout   = 500 * time.Millisecond
	addressTimeout = time.Second
	readTimeout    = 3500 * time.Millisecond
	fingerTimeout  = 5500 * time.Millisecond
	// maxReadings bounds how often a card is read until two readings agree.
	maxReadings = 6
)

// Options of a link.
type Options struct {
	// Timeout tells a read that met its deadline from a line that is gone. Mandatory.
	Timeout func(error) bool
	// Trace, when set, is given every item in the order it crossed the line, with its raw bytes. They hold personal data:
	// only a technician's explicit request may set it.
	Trace func(toReader bool, raw []byte, name string)
	// Photo and Fingers keep the photograph and the fingerprints, which are dropped otherwise.
	Photo, Fingers bool
}

// Link speaks to one reader. It is not safe for concurrent use.
type Link struct {
	conn *wire.Conn[Item]
	opts Options
}

// New returns a link over an open line.
func New(line wire.Line, opts Options) *Link {
	l := &Link{opts: opts}
	l.conn = wire.New(line, new(Decoder), wire.Options[Item]{
		Timeout: opts.Timeout, Trace: opts.Trace, Seen: l.note, MaxDrain: maxDrain,
	})
	return l
}

// Do sends a command and returns its answer. All commands here may be repeated without harm, so a spoilt, missing or
// misheard exchange is. Errors: *Error for a refusal, wire.ErrSpoilt, wire.ErrSilent, or the line's own.
func (l *Link) Do(ctx context.Context, c Command) (Answer, error) {
	var a Answer
	var err error
	for range attempts {
		a, err = l.once(ctx, c)
		var refused *Error
		misheard := errors.As(err, &refused) && refused.Code.misheard()
		if errors.Is(err, wire.ErrSilent) && timeout(c) > shortTimeout {
			if _, dead := l.Do(ctx, Status); dead != nil {
				return a, err // not only slow
			}
			continue
		}
		if err == nil || !misheard && !errors.Is(err, wire.ErrSpoilt) && !errors.Is(err, wire.ErrSilent) {
			return a, err
		}
	}
	return a, err
}

func (l *Link) once(ctx context.Context, c Command) (Answer, error) {
	if err := l.conn.Write(ctx, Encode(c.Bytes()), c.String()); err != nil {
		return Answer{}, err
	}
	body, err := l.await(ctx, c)
	if err != nil {
		return Answer{}, err
	}
	a, err := ParseAnswer(body)
	if err != nil || !a.fits(c) {
		return Answer{}, l.conn.Spoilt(ctx, "answer to something else")
	}
	if a.Code != CodeDone && a.Code != CodeFound {
		return Answer{}, &Error{c, a.Code}
	}
	return a, nil
}

func timeout(c Command) time.Duration {
	switch c {
	case LatestAddress:
		return addressTimeout
	case ReadText:
		return readTimeout
	case ReadFinger:
		return fingerTimeout
	}
	return shortTimeout
}

// await waits for one frame.
func (l *Link) await(ctx context.Context, c Command) ([]byte, error) {
	garbage, deadline := 0, time.Now().Add(timeout(c))
	for first := true; ; first = false {
		if !first && !time.Now().Before(deadline) { // a line that never stops talking
			return nil, fmt.Errorf("%w: %s", wire.ErrSilent, c)
		}
		item, err := l.conn.Next(ctx, deadline)
		if errors.Is(err, wire.ErrSilent) {
			return nil, fmt.Errorf("%w: %s", err, c)
		}
		if err != nil {
			return nil, err
		}
		switch item.Kind {
		case ItemFrame:
			return item.Body, nil
		case ItemGarbage:
			if garbage += len(item.Raw); garbage > maxGarbage {
				return nil, l.conn.Spoilt(ctx, "garbage without end")
			}
		case ItemBad:
			return nil, l.conn.Spoilt(ctx, "wrong checksum or length")
		}
	}
}

// note traces an item.
func (l *Link) note(item Item) {
	name := item.Kind.String()
	if a, err := ParseAnswer(item.Body); item.Kind == ItemFrame && err == nil {
		name = a.Code.String()
	}
	l.conn.Trace(false, item.Raw, name)
}

// Drain reads and drops bytes until the line has been quiet for a moment.
func (l *Link) Drain(ctx context.Context) error { return l.conn.Drain(ctx) }

// Wait lets time pass until the next look and notices a line that goes away. Readers say nothing unasked; what comes is dropped.
func (l *Link) Wait(ctx context.Context, d time.Duration) error { return l.conn.Idle(ctx, d) }

// Find tells whether a card has been laid on. Most readers find a card once: after it was read they find none until it is
// lifted.
func (l *Link) Find(ctx context.Context) (bool, error) { return l.yes(ctx, Find, CodeFindFailed) }

// yes does a command and tells it from the one refusal that means no.
func (l *Link) yes(ctx context.Context, c Command, no Code) (bool, error) {
	_, err := l.Do(ctx, c)
	var refused *Error
	if errors.As(err, &refused) && refused.Code == no {
		return false, nil
	}
	return err == nil, err
}

// Lies tells whether the card that was read is still there, on a reader that finds it no more: its latest address can be asked
// for, and a refusal of that means that it left.
func (l *Link) Lies(ctx context.Context) (bool, error) {
	_, err := l.Do(ctx, LatestAddress)
	var refused *Error
	if errors.As(err, &refused) && !refused.Reader() {
		return refused.Code == CodeNoContent, nil
	}
	return err == nil, err
}

// SAMID asks for the number of the security module.
func (l *Link) SAMID(ctx context.Context) (SAMID, error) {
	a, err := l.Do(ctx, GetSAMID)
	if err != nil {
		return SAMID{}, err
	}
	return ParseSAMID(a.Data)
}

// Check asks the security module for its status; an *Error names a failed self test or a missing authorisation.
func (l *Link) Check(ctx context.Context) error {
	_, err := l.Do(ctx, Status)
	return err
}

// ChangeSpeed sets the line's speed. When it returns without an error the reader already speaks at the new speed and the port
// must be opened anew.
func (l *Link) ChangeSpeed(ctx context.Context, baud int) error {
	c, ok := SetBaud(baud)
	if !ok {
		return fmt.Errorf("idcard: readers know no %d baud", baud)
	}
	_, err := l.Do(ctx, c)
	return err
}

// Read reads the card on the reader until two readings agree; a spoilt one does not count. Find and Select before each reading
// may fail on a card that lies on the reader already, which says nothing as long as it can be read. agreed, unless nil, is
// called with what is certain before the rest (the latest address) is asked for.
// Errors: ErrUnstable, ErrText, wire.ErrSilent, *Error for a refusal, or the line's own.
func (l *Link) Read(ctx context.Context, agreed func(Card)) (Card, error) {
	var last *Record
	var cause error
	for range maxReadings {
		r, err := l.record(ctx)
		switch {
		case errors.Is(err, wire.ErrSpoilt):
			cause = err
			continue
		case err != nil:
			return Card{}, err
		case last == nil || !last.agrees(r):
			last, cause = &r, nil
			continue
		}
		c, err := r.decode()
		if err != nil {
			return Card{}, err
		}
		if agreed != nil {
			agreed(c)
		}
		c.LatestAddress, err = l.latestAddress(ctx)
		return c, err
	}
	if cause == nil {
		return Card{}, ErrUnstable
	}
	return Card{}, fmt.Errorf("%w: %w", ErrUnstable, cause)
}

// agrees compares what two readings gave.
func (r Record) agrees(o Record) bool {
	return bytes.Equal(r.Text, o.Text) && bytes.Equal(r.Photo, o.Photo) && bytes.Equal(r.Fingers, o.Fingers)
}

// record reads once. What was not asked for is dropped here.
func (l *Link) record(ctx context.Context) (Record, error) {
	var found error
	for _, c := range []Command{Find, Select} {
		_, err := l.Do(ctx, c)
		var refused *Error
		if errors.As(err, &refused) && !refused.Reader() {
			if found == nil {
				found = err
			}
			continue
		}
		if err != nil {
			return Record{}, err
		}
	}
	command := ReadText
	if l.opts.Fingers {
		command = ReadFinger
	}
	a, err := l.Do(ctx, command)
	var refused *Error
	if errors.As(err, &refused) && refused.Code == CodeReadFailed && found != nil {
		err = found // nothing was found, and nothing could be read
	}
	if err != nil {
		return Record{}, err
	}
	r, err := ParseRecord(a.Data, l.opts.Fingers)
	if err != nil {
		return Record{}, l.conn.Spoilt(ctx, "lengths of the parts")
	}
	if !l.opts.Photo {
		r.Photo = nil
	}
	return r, nil
}

// decode turns an agreed reading into a card.
func (r Record) decode() (Card, error) {
	t, err := ParseText(r.Text)
	if err != nil {
		return Card{}, err
	}
	c, err := t.Decode()
	if err != nil {
		return Card{}, err
	}
	c.Photo, c.Fingers = r.Photo, r.Fingers
	return c, nil
}

// latestAddress asks for the address stored after the card was made, until two answers agree. It may be missing; only a
// reader that fails is an error.
func (l *Link) latestAddress(ctx context.Context) (string, error) {
	var last string
	for range attempts {
		a, err := l.Do(ctx, LatestAddress)
		var refused *Error
		if errors.As(err, &refused) || errors.Is(err, wire.ErrSpoilt) {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		s, err := DecodeAddress(a.Data)
		if err == nil && s != "" && s == last {
			return s, nil
		}
		last = s
	}
	return "", nil
}

// Identify reads the text once and tells whether it is still the card with this number, for readers that find a lying card anew
// at every look. A reading that the line spoils tells nothing; same is true then.
func (l *Link) Identify(ctx context.Context, number string) (same bool, err error) {
	r, err := l.record(ctx)
	var refused *Error
	if errors.As(err, &refused) && !refused.Reader() || errors.Is(err, wire.ErrSpoilt) {
		return !errors.As(err, &refused), nil
	}
	if err != nil {
		return false, err
	}
	t, err := ParseText(r.Text)
	return err != nil || strings.EqualFold(t.Fields[FieldNumber], number), nil
}
