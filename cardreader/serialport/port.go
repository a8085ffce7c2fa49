// Package serialport opens serial lines. It is the only importer of github.com/tarm/serial and makes up for what that
// package leaves open:
//
//   - It takes no lock: two programs could share a port and steal each other's bytes. Open takes one, or reports ErrBusy.
//   - Its time-outs are steps of 0.1 s, at most 25.5 s. Read keeps its own deadline above steps of 0.1 s.
//   - An idle line and a line that hung up both return no bytes and io.EOF; they differ only in how fast. Several empty
//     reads well before the step is over mean that the line is gone.
//   - Without a time-out, Close hangs while a Read blocks. There always is one, and Close does not wait for the driver.
//   - On Windows an idle step returns no bytes and no error; it counts the same.
package serialport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"time"

	"github.com/tarm/serial"
)

// Errors of a line. They wrap the system's own where there is one.
var (
	// ErrBusy: another program, or another part of this one, has the port open.
	ErrBusy = errors.New("serialport: port is in use")
	// ErrMissing: there is no such port, as before a USB adapter is plugged in.
	ErrMissing = errors.New("serialport: no such port")
	// ErrPermission: this user may not open the port.
	ErrPermission = errors.New("serialport: not allowed to open the port")
	// ErrGone: the line hung up; the adapter was pulled, or the other end of a pseudo-terminal closed.
	ErrGone = errors.New("serialport: line is gone")
	// ErrTimeout: the deadline passed without a byte.
	ErrTimeout = errors.New("serialport: nothing came in time")
	// ErrClosed: the port was closed on this side.
	ErrClosed = errors.New("serialport: port is closed")
)

// Timings.
const (
	// step is the time-out given to the driver: how soon a Read that is blocked in it sees cancellation and Close. On Linux a
	// Read asks the driver only when there is something to read.
	step = 100 * time.Millisecond
	// earlyReads empty reads, each well before the step, mean a line that is gone. One alone may be a signal or a driver's quirk.
	earlyReads = 5
	// earlyPause keeps these reads from spinning.
	earlyPause = 2 * time.Millisecond
	// writeTimeout is far above the time of the longest frame; a driver that takes longer is stuck.
	writeTimeout = time.Second
	// closeTimeout bounds Close; some drivers wait up to half a minute for bytes nobody will take.
	closeTimeout = 300 * time.Millisecond
)

// Config says which line and how.
type Config struct {
	// Path is the device, for example /dev/ttyUSB0, a link to it, or COM3.
	Path string
	// Baud rate; StopBits is 1 or 2. Data bits are always eight, without parity and flow control.
	Baud     int
	StopBits int
}

// driver is what tarm/serial gives.
type driver interface {
	io.ReadWriteCloser
	Flush() error
}

var _ driver = (*serial.Port)(nil)

// Port is one open line. One goroutine reads and one writes; Close may come from any.
type Port struct {
	driver driver
	lock   lineLock
	once   sync.Once
	closed chan struct{}
	// early counts empty reads in a row that came too soon; only the reading goroutine uses it.
	early int
}

// Open opens the line for this process alone and drops what was waiting in it. Errors wrap ErrBusy, ErrMissing or
// ErrPermission where that is the cause.
func Open(c Config) (*Port, error) {
	stop := serial.Stop1
	switch c.StopBits {
	case 1:
	case 2:
		stop = serial.Stop2
	default:
		return nil, fmt.Errorf("serialport: %d stop bits", c.StopBits)
	}
	path, err := resolve(c.Path)
	if err != nil {
		return nil, classify(err)
	}
	lock, err := takeLock(path)
	if err != nil {
		return nil, classify(err)
	}
	d, err := serial.OpenPort(&serial.Config{Name: path, Baud: c.Baud, Size: 8, StopBits: stop, ReadTimeout: step})
	if err != nil {
		return nil, errors.Join(classify(err), lock.release())
	}
	if err := lock.mark(); err != nil {
		return nil, errors.Join(fmt.Errorf("serialport: take the port exclusively: %w", err), d.Close(), lock.release())
	}
	p := newPort(d, lock)
	if err := p.Flush(); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func newPort(d driver, lock lineLock) *Port {
	return &Port{driver: d, lock: lock, closed: make(chan struct{})}
}

// classify gives the system's refusal one of this package's names.
func classify(err error) error {
	for _, name := range []error{ErrBusy, ErrMissing, ErrPermission, ErrGone} {
		if errors.Is(err, name) {
			return err
		}
	}
	switch {
	case isBusy(err):
		return fmt.Errorf("%w: %w", ErrBusy, err)
	case errors.Is(err, fs.ErrNotExist), isGone(err):
		return fmt.Errorf("%w: %w", ErrMissing, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: %w", ErrPermission, err)
	}
	return fmt.Errorf("serialport: open: %w", err)
}

// Read waits until the deadline for at least one byte. Errors: ErrTimeout, ErrGone, ErrClosed, or the context's. It returns
// within 0.1 s of a cancellation or a Close.
func (p *Port) Read(ctx context.Context, b []byte, deadline time.Time) (int, error) {
	for {
		if err := p.usable(ctx); err != nil {
			return 0, err
		}
		if ready, err := p.lock.ready(ctx, deadline, p.usable); err != nil {
			return 0, err
		} else if !ready {
			if err := p.usable(ctx); err != nil {
				return 0, err // it was woken
			}
			p.early = 0
			return 0, ErrTimeout
		}
		began := time.Now()
		n, err := p.driver.Read(b)
		if n > 0 {
			p.early = 0
			return n, nil
		}
		if err := p.usable(ctx); err != nil {
			return 0, err
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, fmt.Errorf("%w: %w", ErrGone, err)
		}
		if time.Since(began) >= step/2 {
			p.early = 0
		} else if p.early++; p.early >= earlyReads {
			return 0, fmt.Errorf("%w: %d empty reads at once", ErrGone, p.early)
		} else {
			time.Sleep(earlyPause)
			continue // whether the line lives is decided before the deadline counts
		}
		if !time.Now().Before(deadline) {
			return 0, ErrTimeout
		}
	}
}

// usable reports a closed port or an ended context.
func (p *Port) usable(ctx context.Context) error {
	select {
	case <-p.closed:
		return ErrClosed
	default:
		return ctx.Err()
	}
}

// Write sends all bytes. A driver that does not take them within a second is reported as ErrGone; the port must then be
// closed.
func (p *Port) Write(ctx context.Context, b []byte) error {
	if err := p.usable(ctx); err != nil {
		return err
	}
	own := append([]byte(nil), b...) // a stuck driver may hold the bytes longer than the caller
	done := make(chan error, 1)
	go func() {
		n, err := p.driver.Write(own)
		if err == nil && n < len(own) {
			err = io.ErrShortWrite
		}
		done <- err
	}()
	timer := time.NewTimer(writeTimeout)
	defer timer.Stop()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("%w: %w", ErrGone, err)
		}
		return nil
	case <-timer.C:
		_ = p.driver.Flush() // wakes a driver that waits for room
		return fmt.Errorf("%w: write stuck", ErrGone)
	case <-p.closed:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Flush drops what waits in both directions.
func (p *Port) Flush() error {
	if err := p.driver.Flush(); err != nil {
		return fmt.Errorf("%w: flush: %w", ErrGone, err)
	}
	return nil
}

// Close gives the port back. It never waits longer than a fraction of a second, even for a driver that hangs; a blocked
// Read returns ErrClosed. Further calls do nothing.
func (p *Port) Close() error {
	var err error
	p.once.Do(func() {
		close(p.closed)
		p.lock.wake()
		done := make(chan error, 1)
		go func() {
			_ = p.driver.Flush() // or the driver would wait for bytes nobody takes
			done <- errors.Join(p.driver.Close(), p.lock.release())
		}()
		timer := time.NewTimer(closeTimeout)
		defer timer.Stop()
		select {
		case err = <-done:
		case <-timer.C:
		}
	})
	return err
}

// IsTimeout tells whether a Read only met its deadline.
func IsTimeout(err error) bool { return errors.Is(err, ErrTimeout) }
