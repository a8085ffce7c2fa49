package golden

import (
	"bytes"
	"context"
	"errors"
	"time"
)

// ErrTimeout is what a Tape answers when nothing is left on it.
var ErrTimeout = errors.New("golden: timeout")

// IsTimeout tells ErrTimeout from other errors.
func IsTimeout(err error) bool { return errors.Is(err, ErrTimeout) }

// Tape is a line whose reader answers what a test has prepared, one list of bytes for each command. Reads beyond the tape time
// out at once: the time-outs of a real line are tested with the virtual reader.
type Tape struct {
	// Replies are put on the line, one at each Write.
	Replies [][]byte
	// Sent are the frames written so far.
	Sent [][]byte
	// RX are bytes on their way to the host.
	RX []byte
}

// Write keeps the frame and lets the next reply come.
func (l *Tape) Write(_ context.Context, p []byte) error {
	l.Sent = append(l.Sent, bytes.Clone(p))
	if len(l.Replies) > 0 {
		l.RX = append(l.RX, l.Replies[0]...)
		l.Replies = l.Replies[1:]
	}
	return nil
}

// Read returns what is on its way, or ErrTimeout.
func (l *Tape) Read(_ context.Context, p []byte, _ time.Time) (int, error) {
	if len(l.RX) == 0 {
		return 0, ErrTimeout
	}
	n := copy(p, l.RX)
	l.RX = l.RX[n:]
	return n, nil
}
