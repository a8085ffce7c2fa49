package virtual

import (
	"context"
	"fmt"
	"sync"
	"time"

	"gongji/cardreader/serialport"
)

// MemoryReader is a reader on a line in memory, for systems without pseudo-terminals and for tests whose time is not the
// machine's.
type MemoryReader struct {
	*Reader
	memory *memory
}

// NewMemoryReader returns a reader that is reached through Open.
func NewMemoryReader(o Options) (*MemoryReader, error) {
	var m *memory
	r, err := newReader(o, func(r *Reader) line {
		m = &memory{reader: r}
		return m
	})
	if err != nil {
		return nil, err
	}
	return &MemoryReader{r, m}, nil
}

// Open returns the host's end of the line, with the errors of package serialport: ErrMissing while unplugged, ErrBusy while
// another has it.
func (m *MemoryReader) Open(context.Context) (*Wire, error) { return m.memory.open(0) }

// OpenAt opens the line at a speed, which a reader with Options.Baud must share to be understood.
func (m *MemoryReader) OpenAt(_ context.Context, baud int) (*Wire, error) { return m.memory.open(baud) }

// queued is how many writes of the host wait while the reader is busy.
const queued = 16

// memory is the line in memory.
type memory struct {
	reader *Reader

	mu   sync.Mutex
	up   bool
	wire *Wire
	in   chan []byte
	done chan struct{}
}

var _ line = (*memory)(nil)

func (m *memory) path() string { return "memory" }

func (m *memory) speed() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.wire == nil {
		return 0
	}
	return m.wire.baud
}

func (m *memory) plug() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.up, m.in, m.done = true, make(chan []byte, queued), make(chan struct{})
	go m.serve(m.in, m.done, m.reader.stop)
	return nil
}

func (m *memory) serve(in <-chan []byte, done chan<- struct{}, stop <-chan struct{}) {
	defer close(done)
	for {
		select {
		case b := <-in:
			m.reader.serve(b, stop)
		case <-stop:
			return
		}
	}
}

func (m *memory) unplug() error {
	m.mu.Lock()
	m.up = false
	wire, done := m.wire, m.done
	m.wire = nil
	m.mu.Unlock()
	if wire != nil {
		close(wire.gone)
	}
	<-done
	return nil
}

func (m *memory) send(b []byte) {
	m.mu.Lock()
	wire := m.wire
	m.mu.Unlock()
	if wire != nil {
		wire.deliver(b)
	}
}

func (m *memory) open(baud int) (*Wire, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.up {
		return nil, fmt.Errorf("%w: memory", serialport.ErrMissing)
	}
	if m.wire != nil {
		return nil, fmt.Errorf("%w: memory", serialport.ErrBusy)
	}
	m.wire = &Wire{memory: m, baud: baud, in: m.in, gone: make(chan struct{}), closed: make(chan struct{}), arrived: make(chan struct{}, 1)}
	return m.wire, nil
}

// Wire is the host's end of a line in memory. It behaves as an open serial port.
type Wire struct {
	memory  *memory
	baud    int
	in      chan<- []byte
	gone    chan struct{}
	closed  chan struct{}
	once    sync.Once
	arrived chan struct{}

	mu  sync.Mutex
	buf []byte
}

func (w *Wire) deliver(b []byte) {
	w.mu.Lock()
	w.buf = append(w.buf, b...)
	w.mu.Unlock()
	select {
	case w.arrived <- struct{}{}:
	default:
	}
}

// Read waits until the deadline for at least one byte.
func (w *Wire) Read(ctx context.Context, p []byte, deadline time.Time) (int, error) {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	for {
		w.mu.Lock()
		n := copy(p, w.buf)
		w.buf = w.buf[n:]
		w.mu.Unlock()
		if n > 0 {
			return n, nil
		}
		select {
		case <-w.arrived:
		case <-w.closed:
			return 0, serialport.ErrClosed
		case <-w.gone:
			return 0, serialport.ErrGone
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-timer.C:
			return 0, serialport.ErrTimeout
		}
	}
}

// Write hands all bytes to the reader.
func (w *Wire) Write(ctx context.Context, p []byte) error {
	select {
	case w.in <- append([]byte(nil), p...):
		return nil
	case <-w.closed:
		return serialport.ErrClosed
	case <-w.gone:
		return serialport.ErrGone
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Flush drops what has arrived and was not read.
func (w *Wire) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf = nil
	return nil
}

// Close gives the line back.
func (w *Wire) Close() error {
	w.once.Do(func() {
		close(w.closed)
		w.memory.mu.Lock()
		defer w.memory.mu.Unlock()
		if w.memory.wire == w {
			w.memory.wire = nil
		}
	})
	return nil
}
