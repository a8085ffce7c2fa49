package virtual

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Options of a virtual reader. All may be empty.
type Options struct {
	// Kind of reader, one of ReaderKinds; "gempc" is the default.
	Kind string
	// Link is a path that is kept pointing at the pseudo-terminal, also after Replug. It must not exist, or be a link.
	Link string
	// NoEcho: the reader does not repeat commands, as some of the family. NoSlotChange: it does not announce card movements.
	NoEcho, NoSlotChange bool
	// Firmware is the name it gives itself (default DefaultFirmware).
	Firmware string
	// Model of an acs reader: ModelACR1281S (default) or ModelACR122S.
	Model string
	// Contactless: cards are put on the contactless slot of an acs reader. APDULevel: that reader takes whole commands for T=1
	// cards, in place of blocks.
	Contactless, APDULevel bool
	// FindsAgain: the sdt reader finds a document at every look, also after reading it.
	FindsAgain bool
	// Prefix and Suffix stand around each code of a scanner (default suffix: CR; "none" for none).
	Prefix, Suffix string
	// Baud is the speed the line is set to: a host at another speed hears and says nothing but garbage. 0 fits any host.
	Baud int
	// Pace in baud makes bytes in both directions take the time they take on a real line; 0 is as fast as possible.
	Pace int
	// Noise, when set, may change the bytes of each frame on their way to the host. It runs in the reader's goroutine.
	Noise func([]byte) []byte
}

func (o *Options) fill() error {
	if o.Kind == "" {
		o.Kind = KindGemPC
	}
	if o.Pace < 0 {
		return fmt.Errorf("virtual: pace %d baud", o.Pace)
	}
	if !slices.Contains([]string{"", ModelACR1281S, ModelACR122S}, o.Model) {
		return fmt.Errorf("virtual: no acs reader of model %q (known: %s, %s)", o.Model, ModelACR1281S, ModelACR122S)
	}
	switch o.Suffix {
	case "":
		o.Suffix = "\r"
	case "none":
		o.Suffix = ""
	}
	if o.Firmware == "" {
		o.Firmware = DefaultFirmware
	}
	return nil
}

// line is where a reader's bytes go: a pseudo-terminal or memory.
type line interface {
	// plug brings the line up; from now on bytes are served until unplug.
	plug() error
	// unplug takes the line away, as when the cable is pulled, and waits until nothing is served any more.
	unplug() error
	// send passes bytes to the host, or drops them when nobody listens.
	send(b []byte)
	path() string
	// speed is the host's, 0 when it cannot be told.
	speed() int
}

// Reader is a virtual card reader. All methods are safe for concurrent use.
type Reader struct {
	opts    Options
	kind    kind
	machine machine
	line    line
	pace    pace

	out  sync.Mutex   // one item at a time goes out
	baud atomic.Int64 // the reader's present speed; 0 fits any

	mu      sync.Mutex // guards plugging
	plugged bool
	closed  bool
	// stop ends pauses of the reader's goroutine while the line is taken away.
	stop chan struct{}
}

// ErrClosed says that the virtual reader was closed.
var ErrClosed = errors.New("virtual: reader is closed")

func newReader(o Options, attach func(*Reader) line) (*Reader, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	k, err := kindOf(o.Kind)
	if err != nil {
		return nil, err
	}
	r := &Reader{opts: o, kind: k, machine: k.build(o), pace: pace{baud: o.Pace, bits: k.bits}}
	r.baud.Store(int64(o.Baud))
	r.line = attach(r)
	return r, r.Replug()
}

// NewReader returns a reader on a new pseudo-terminal.
func NewReader(o Options) (*Reader, error) {
	return newReader(o, func(r *Reader) line { return newTerminal(r, o.Link) })
}

// Path is the device a host opens: the link if there is one, else the pseudo-terminal, which changes with every Replug.
func (r *Reader) Path() string { return r.line.path() }

// Kind is the kind of the reader.
func (r *Reader) Kind() string { return r.opts.Kind }

// Insert puts something in or on the reader, or holds it before the scanner. What was there is taken away first.
func (r *Reader) Insert(m Medium) { r.say(r.machine.move(m)) }

// Swap exchanges it as fast as no hand can.
func (r *Reader) Swap(m Medium) { r.Insert(m) }

// Remove takes it away.
func (r *Reader) Remove() { r.say(r.machine.move(nil)) }

// SetFault spoils the next n answers; n of 0 or less means all until FaultNone is set. The error names the known faults.
func (r *Reader) SetFault(name string, n int) error { return r.SetFaultAfter(name, 0, n) }

// SetFaultAfter spoils n answers after skip good ones.
func (r *Reader) SetFaultAfter(name string, skip, n int) error {
	p, err := planFault(r.kind.faults, name, skip, n)
	if err == nil {
		r.machine.setFault(p)
	}
	return err
}

// SetPace makes bytes take the time of a line of that speed from now on; 0 is as fast as possible.
func (r *Reader) SetPace(baud int) error {
	if baud < 0 {
		return fmt.Errorf("virtual: pace %d baud", baud)
	}
	r.pace.set(baud)
	return nil
}

// Unplug pulls the cable: the line is gone until Replug. What is in the reader stays there without power.
func (r *Reader) Unplug() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.plugged {
		return nil
	}
	r.plugged = false
	close(r.stop)
	err := r.line.unplug()
	r.machine.powerCycle()
	r.baud.Store(int64(r.opts.Baud))
	return err
}

// Replug brings the line back, under the same link if there is one.
func (r *Reader) Replug() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return ErrClosed
	}
	if r.plugged {
		return nil
	}
	r.stop = make(chan struct{})
	if err := r.line.plug(); err != nil {
		return err
	}
	r.plugged = true
	return nil
}

// Close takes the reader away for good and ends its goroutines.
func (r *Reader) Close() error {
	err := r.Unplug()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	return err
}

// deaf tells whether the host speaks at another speed than the reader.
func (r *Reader) deaf() bool {
	own, host := int(r.baud.Load()), r.line.speed()
	return own != 0 && host != 0 && own != host
}

// serve answers bytes from the host. The line calls it from its one goroutine, with the stop channel of its plugging.
func (r *Reader) serve(b []byte, stop <-chan struct{}) {
	at := r.pace.received(len(b))
	if !until(at, stop) || r.deaf() {
		return
	}
	r.transmit(r.machine.receive(b), at, stop)
}

// say sends what the reader says by itself, when its line is up.
func (r *Reader) say(list []chunk) {
	r.mu.Lock()
	stop, up := r.stop, r.plugged
	r.mu.Unlock()
	if up {
		r.transmit(list, time.Now(), stop)
	}
}

// transmit sends bytes at the pace of the line, from a moment on.
func (r *Reader) transmit(list []chunk, at time.Time, stop <-chan struct{}) {
	for _, c := range list {
		if r.opts.Noise != nil {
			c.bytes = r.opts.Noise(c.bytes)
		}
		at = r.pace.sent(len(c.bytes), at.Add(c.pause))
		if !until(at, stop) {
			return
		}
		r.deliver(c.bytes)
		r.pace.delivered(at)
		if c.baud != 0 && r.opts.Baud != 0 {
			r.baud.Store(int64(c.baud))
		}
	}
}

// deliver hands bytes to the host; one at another speed sees something else.
func (r *Reader) deliver(b []byte) {
	r.out.Lock()
	defer r.out.Unlock()
	if r.deaf() {
		b = slices.Clone(b)
		for i := range b {
			b[i] = b[i]<<1 | 0x80
		}
	}
	r.line.send(b)
}

// until waits for a moment and tells whether the line is still there.
func until(at time.Time, stop <-chan struct{}) bool { return pause(time.Until(at), stop) }

// pause waits and tells whether the line is still there.
func pause(d time.Duration, stop <-chan struct{}) bool {
	if d <= 0 {
		select {
		case <-stop:
			return false
		default:
			return true
		}
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-stop:
		return false
	case <-timer.C:
		return true
	}
}
