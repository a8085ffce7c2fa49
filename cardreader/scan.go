package cardreader

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"gongji/cardreader/scanner"
)

// ScanLife is how long a scanned code may be used.
const ScanLife = 60 * time.Second

// Errors of Take.
var (
	// ErrScanUsed: the code was taken already; a code is used once.
	ErrScanUsed = errors.New("cardreader: code was used already")
	// ErrScanExpired: the code is older than ScanLife, or another was scanned since, or the scanner went away.
	ErrScanExpired = errors.New("cardreader: code has expired")
)

// Scan is one code before it is used. The code itself comes out once, through Take, within ScanLife; then it is forgotten. It
// appears in no printing, logging or marshalling. All methods are safe for concurrent use.
type Scan struct {
	kind  scanner.Kind
	clock func() time.Time
	until time.Time

	mu   sync.Mutex
	code string
	used bool
}

// NewScan is a code that was scanned just now.
func NewScan(text string, clock func() time.Time) *Scan {
	return &Scan{kind: scanner.Classify(text), code: text, clock: clock, until: clock().Add(ScanLife)}
}

// Kind tells what the code is by its form: a 医保码 (Kind().Code()), a stripe, or anything else. Other codes are not refused
// here: forms of 医保码 that this program does not know may exist, and the platform decides.
func (s *Scan) Kind() scanner.Kind { return s.kind }

// Take gives out the code, once. Errors: ErrScanUsed, ErrScanExpired. Send it at once, and never keep it.
func (s *Scan) Take() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.used:
		return "", ErrScanUsed
	case s.code == "" || !s.clock().Before(s.until):
		s.code = ""
		return "", ErrScanExpired
	}
	code := s.code
	s.code, s.used = "", true
	return code, nil
}

// pending tells whether Take would give the code out.
func (s *Scan) pending() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.code != "" && s.clock().Before(s.until)
}

// forget makes the code unusable.
func (s *Scan) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.code = ""
}

// String names the kind only.
func (s *Scan) String() string { return "scan " + string(s.kind) }

// Format is masked whatever the verb and flags.
func (s *Scan) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue is masked.
func (s *Scan) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is masked, for JSON, YAML and whatever else asks for text.
func (s *Scan) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// listen serves a scanner until its line breaks. A scanner answers nothing, so one that hangs looks like one nobody uses.
func (r *Reader) listen(ctx context.Context, port Port) error {
	link := newScanner(r.opts, port, nil)
	r.publish(ReaderReady, content{state: StateAbsent})
	for ctx.Err() == nil {
		item, ok, err := link.Next(ctx, pollEvery)
		if err != nil {
			return err
		}
		r.expire()
		if ok {
			r.scanned(item)
		}
	}
	return ctx.Err()
}

// expire ends what was scanned once it has been used or is too old.
func (r *Reader) expire() {
	s := r.Status()
	over := s.Scan != nil && !s.Scan.pending() || s.State == StateFault && r.opts.Clock().Sub(s.Since) >= ScanLife
	if over {
		r.publish(CardRemoved, content{state: StateAbsent})
	}
}

// scanned publishes a message of the scanner. It takes the place of the one before.
func (r *Reader) scanned(item scanner.Item) {
	if item.Kind != scanner.ItemMessage {
		r.count(resultBad)
		r.publish(CardInserted, content{state: StateFault, fault: scanFault(nil)})
		return
	}
	text := item.Message.Text
	if scanner.Classify(text) == scanner.Stripe {
		if _, err := scanner.ParseTrack2(text); errors.Is(err, scanner.ErrNoTrack2) {
			return // readers that send each track by itself send the one that counts in another message
		} else if err != nil {
			r.count(resultBad)
			r.publish(CardInserted, content{state: StateFault, fault: scanFault(err)})
			return
		}
	}
	r.count(resultOK)
	r.publish(CardInserted, content{state: StatePresent, scan: NewScan(text, r.opts.Clock)})
}

// ErrNoScan says that ScanOnce heard nothing.
var ErrNoScan = errors.New("cardreader: nothing was scanned")

// ScanOnce opens a scanner, waits for one message until the context ends and closes it again, for a technician. With trace set
// all bytes are written to it in hex; they may hold somebody's code, so only an explicit request may set it. Errors: ErrNoScan,
// or a *Fault.
func ScanOnce(ctx context.Context, opts Options, trace io.Writer) (scan *Scan, err error) {
	if err := opts.fill(); err != nil {
		return nil, err
	}
	port, err := opts.Open(ctx)
	if err != nil {
		return nil, readerFault(err)
	}
	defer func() {
		if e := port.Close(); e != nil && err == nil {
			err = readerFault(e)
		}
	}()
	var t tracer
	if trace != nil {
		t = writeTrace(trace)
	}
	link := newScanner(opts, port, t)
	for {
		item, ok, err := link.Next(ctx, pollEvery)
		switch {
		case ctx.Err() != nil:
			return nil, ErrNoScan
		case err != nil:
			return nil, readerFault(err)
		case ok && item.Kind != scanner.ItemMessage:
			return nil, scanFault(nil)
		case ok:
			return NewScan(item.Message.Text, opts.Clock), nil
		}
	}
}
