package cardreader_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gongji/cardreader"
	"gongji/cardreader/serialport"
	"gongji/cardreader/virtual"
)

// countingPort counts the bytes of both directions.
type countingPort struct {
	cardreader.Port
	bytes *atomic.Int64
}

func (p countingPort) Read(ctx context.Context, b []byte, deadline time.Time) (int, error) {
	n, err := p.Port.Read(ctx, b, deadline)
	p.bytes.Add(int64(n))
	return n, err
}

func (p countingPort) Write(ctx context.Context, b []byte) error {
	p.bytes.Add(int64(len(b)))
	return p.Port.Write(ctx, b)
}

// lineTime is how long bytes take on the line of a kind.
func lineTime(kind string, bytes int64, baud int) time.Duration {
	bits := int64(10)
	if kind == cardreader.KindGemPC {
		bits = 11 // two stop bits
	}
	return time.Duration(bytes*bits) * time.Second / time.Duration(baud)
}

// speedSetups are the forms of readers whose speed is measured.
func speedSetups() []setup {
	wanted := []string{"gempc", "gempc T=1", "acs", "acs contactless", "acr122s", "sdt"}
	return slices.DeleteFunc(cardSetups(), func(s setup) bool { return !slices.Contains(wanted, s.name) })
}

// The driver adds no waiting of its own to the time the bytes need: time is simulated, so anything above the line's time is
// a pause in the driver. The identity is there well before the whole.
func TestReadingTakesTheTimeOfItsBytes(t *testing.T) {
	for _, s := range speedSetups() {
		for _, baud := range []int{9600, 38400, 115200} {
			synctest.Test(t, func(t *testing.T) {
				o := s.virtual
				o.Pace = baud
				v, err := virtual.NewMemoryReader(o)
				if err != nil {
					t.Fatal(err)
				}
				defer v.Close()
				m, err := s.timeReading(t.Context(), v.Reader, func(ctx context.Context) (cardreader.Port, error) { return v.Open(ctx) })
				if err != nil {
					t.Fatal(err)
				}
				own := lineTime(v.Kind(), m.bytes, baud)
				t.Logf("%s, %d baud: %d bytes need %v, identity after %v, all after %v", s.name, baud, m.bytes, own, m.identity, m.all)
				if m.all > own*115/100 || m.identity >= m.all {
					t.Errorf("%s, %d baud: %v for bytes that need %v, identity after %v", s.name, baud, m.all, own, m.identity)
				}
			})
		}
	}
}

// measured is one reading: from the moment the driver begins until the identity and until everything is known.
type measured struct {
	identity, all time.Duration
	bytes         int64
}

// step is how often the state is looked at, which bounds what is measured.
const step = 200 * time.Microsecond

// timeReading puts a card in and measures its reading.
func (s setup) timeReading(ctx context.Context, v *virtual.Reader, open func(context.Context) (cardreader.Port, error)) (measured, error) {
	var bytes atomic.Int64
	r, err := cardreader.New(cardreader.Options{Name: "r", Kind: v.Kind(), Slot: s.slot, Open: func(ctx context.Context) (cardreader.Port, error) {
		p, err := open(ctx)
		if err != nil {
			return nil, err
		}
		return countingPort{p, &bytes}, nil
	}})
	if err != nil {
		return measured{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	defer func() { cancel(); <-done }()
	until := func(holds func(cardreader.Status) bool) error {
		for !holds(r.Status()) {
			if ctx.Err() != nil {
				return fmt.Errorf("stuck in state %s: %w", r.Status().State, ctx.Err())
			}
			time.Sleep(step)
		}
		return nil
	}
	if err := until(func(s cardreader.Status) bool { return s.State == cardreader.StateAbsent }); err != nil {
		return measured{}, err
	}
	v.Insert(s.one)
	if err := until(func(s cardreader.Status) bool { return s.State == cardreader.StateReading }); err != nil {
		return measured{}, err
	}
	began, before := time.Now(), bytes.Load()
	var m measured
	if err := until(func(s cardreader.Status) bool { return s.State == cardreader.StatePresent }); err != nil {
		return measured{}, err
	}
	m.identity = time.Since(began)
	err = until(func(s cardreader.Status) bool { return s.Credential != nil && s.Credential.Complete })
	m.all, m.bytes = time.Since(began), bytes.Load()-before
	return m, err
}

// BenchmarkReadOverPTY measures whole readings over a pseudo-terminal whose bytes take the time of a real line.
func BenchmarkReadOverPTY(b *testing.B) {
	for _, s := range speedSetups() {
		for _, baud := range []int{9600, 38400, 115200} {
			b.Run(fmt.Sprintf("%s/%d", s.name, baud), func(b *testing.B) {
				o := s.virtual
				o.Pace = baud
				v, err := virtual.NewReader(o)
				if err != nil {
					b.Fatal(err)
				}
				defer v.Close()
				var all, identity, own time.Duration
				for b.Loop() {
					m, err := s.timeReading(b.Context(), v, func(context.Context) (cardreader.Port, error) {
						return serialport.Open(serialport.Config{Path: v.Path(), Baud: 115200, StopBits: 2})
					})
					if err != nil {
						b.Fatal(err)
					}
					all, identity, own = all+m.all, identity+m.identity, own+lineTime(v.Kind(), m.bytes, baud)
					v.Remove()
				}
				b.ReportMetric(float64(identity.Milliseconds())/float64(b.N), "ms/identity")
				b.ReportMetric(float64(all.Milliseconds())/float64(b.N), "ms/read")
				b.ReportMetric(float64(all)/float64(own), "×line-time")
			})
		}
	}
}
