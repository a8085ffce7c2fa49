// Package wire takes whole frames off a serial line, whatever the family of readers: it waits for the rest of a frame that began,
// tells a line that spoilt something from one that is silent and from one that is gone, and clears the line after a spoilt frame
// so that no half frame is taken for a new one. What a frame looks like, and when a command may be repeated, is each family's own.
package wire

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// What a line that brings no usable frame is reported as.
var (
	// ErrSpoilt: bytes came, but no whole frame with a right checksum. What the reader or its card did is unknown.
	ErrSpoilt = errors.New("wire: answer spoilt on the line")
	// ErrSilent: nothing usable came within the time allowed.
	ErrSilent = errors.New("wire: reader does not answer")
)

const (
	// quiet is how long the line must be silent after a spoilt frame before the next command. At 9600 baud a byte takes a
	// millisecond, and frames are sent without gaps.
	quiet = 30 * time.Millisecond
	// frameGap is the longest pause within a frame before it counts as truncated.
	frameGap = 250 * time.Millisecond
)

// Line is the open port. Read returns at least one byte, or an error for which Options.Timeout tells whether only the deadline
// passed; errors of a line that is gone are passed up unchanged.
type Line interface {
	Read(ctx context.Context, p []byte, deadline time.Time) (int, error)
	Write(ctx context.Context, p []byte) error
}

// Decoder finds a family's items in a stream of bytes, however it is cut.
type Decoder[I any] interface {
	// Write adds bytes from the line.
	Write(p []byte)
	// Next returns the next item; ok is false when more bytes are needed.
	Next() (item I, ok bool)
	// Held returns the bytes that wait for the rest of their frame, valid until the next call.
	Held() []byte
	// Reset forgets them.
	Reset()
}

// Options of a connection.
type Options[I any] struct {
	// Timeout tells a read that met its deadline from a line that is gone. Mandatory.
	Timeout func(error) bool
	// Trace, when set, is given what crossed the line in its order, with the raw bytes. They hold personal data: only a
	// technician's explicit request may set it.
	Trace func(toReader bool, raw []byte, name string)
	// Seen, when set, is given each item before Next returns it.
	Seen func(I)
	// Dropped, when set, is called after bytes may have been thrown away unread.
	Dropped func()
	// MaxDrain bounds the wait for quiet on a line that never falls silent.
	MaxDrain time.Duration
}

// Conn reads one family's items from a line. It is not safe for concurrent use.
type Conn[I any] struct {
	line Line
	dec  Decoder[I]
	opts Options[I]
	buf  [2048]byte
}

// New returns a connection over an open line.
func New[I any](line Line, dec Decoder[I], opts Options[I]) *Conn[I] {
	return &Conn[I]{line: line, dec: dec, opts: opts}
}

// Write sends a frame; name is for the trace. Errors are the line's own.
func (c *Conn[I]) Write(ctx context.Context, frame []byte, name string) error {
	c.Trace(true, frame, name)
	return c.line.Write(ctx, frame)
}

// Next returns the next item from the line. Errors: ErrSpoilt for a frame that stops half-way, ErrSilent when nothing at all came
// by the deadline, or the line's own.
func (c *Conn[I]) Next(ctx context.Context, deadline time.Time) (I, error) {
	var none I
	for {
		if item, ok := c.dec.Next(); ok {
			if c.opts.Seen != nil {
				c.opts.Seen(item)
			}
			return item, nil
		}
		until := deadline
		if gap := time.Now().Add(frameGap); len(c.dec.Held()) > 0 && gap.Before(until) {
			until = gap
		}
		n, err := c.line.Read(ctx, c.buf[:], until)
		c.dec.Write(c.buf[:n])
		switch {
		case n > 0 || err == nil:
		case !c.opts.Timeout(err):
			return none, err
		case len(c.dec.Held()) > 0:
			return none, c.Spoilt(ctx, "frame stopped half-way")
		default:
			return none, ErrSilent
		}
	}
}

// Spoilt throws away what is on the line until it is quiet, and returns ErrSpoilt with the reason, or the error of a line that
// went away meanwhile.
func (c *Conn[I]) Spoilt(ctx context.Context, why string) error {
	c.Trace(false, c.dec.Held(), "thrown away: "+why)
	if err := c.Drain(ctx); err != nil {
		return err
	}
	return fmt.Errorf("%w: %s", ErrSpoilt, why)
}

// Drain reads and drops bytes until the line has been quiet for a moment; also the way to meet a reader that introduces itself
// after its port was opened. Errors are the line's own.
func (c *Conn[I]) Drain(ctx context.Context) error {
	c.dec.Reset()
	if c.opts.Dropped != nil {
		c.opts.Dropped()
	}
	for end := time.Now().Add(c.opts.MaxDrain); time.Now().Before(end); {
		n, err := c.line.Read(ctx, c.buf[:], time.Now().Add(quiet))
		switch {
		case n > 0:
			c.Trace(false, c.buf[:n], "thrown away")
		case err != nil && c.opts.Timeout(err):
			return nil
		case err != nil:
			return err
		}
	}
	return nil
}

// Idle lets time pass on a line that says nothing unasked: what comes is dropped, and a line that goes away is noticed at once.
// Errors are the line's own.
func (c *Conn[I]) Idle(ctx context.Context, d time.Duration) error {
	for deadline := time.Now().Add(d); ; {
		_, err := c.line.Read(ctx, c.buf[:], deadline)
		switch {
		case err != nil && c.opts.Timeout(err):
			return nil
		case err != nil:
			return err
		case !time.Now().Before(deadline):
			return nil
		}
	}
}

// Trace passes what crossed the line on to the technician who asked for it.
func (c *Conn[I]) Trace(toReader bool, raw []byte, name string) {
	if c.opts.Trace != nil {
		c.opts.Trace(toReader, raw, name)
	}
}
