package cardreader_test

import (
	"context"
	"fmt"
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

// lineTime is how long bytes take on a line with two stop bits.
func lineTime(bytes int64, baud int) time.Duration {
	return time.Duration(bytes) * 11 * time.Second / time.Duration(baud)
}

// The driver adds no waiting of its own to the time the bytes need: time is simulated, so anything above the line's time is
// a pause in the driver.
func TestReadingTakesTheTimeOfItsBytes(t *testing.T) {
	for _, baud := range []int{9600, 38400, 115200} {
		synctest.Test(t, func(t *testing.T) {
			v, err := virtual.NewMemoryReader(virtual.Options{Pace: baud})
			if err != nil {
				t.Fatal(err)
			}
			defer v.Close()
			var bytes atomic.Int64
			took, err := timeReading(t.Context(), v.Reader, &bytes, func(ctx context.Context) (cardreader.Port, error) { return v.Open(ctx) })
			if err != nil {
				t.Fatal(err)
			}
			own := lineTime(bytes.Load(), baud)
			t.Logf("%d baud: %d bytes need %v, the reading took %v", baud, bytes.Load(), own, took)
			if took > own*115/100 {
				t.Errorf("%d baud: %v for bytes that need %v", baud, took, own)
			}
		})
	}
}

// timeReading measures from putting a card in to its event, and counts the bytes meanwhile.
func timeReading(ctx context.Context, v *virtual.Reader, bytes *atomic.Int64, open func(context.Context) (cardreader.Port, error)) (time.Duration, error) {
	r, err := cardreader.New(cardreader.Options{Name: "r", Kind: cardreader.KindGemPC, Open: func(ctx context.Context) (cardreader.Port, error) {
		p, err := open(ctx)
		if err != nil {
			return nil, err
		}
		return countingPort{p, bytes}, nil
	}})
	if err != nil {
		return 0, err
	}
	events, end := r.Subscribe(8)
	defer end()
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	defer func() { cancel(); <-done }()
	if e := <-events; e.Kind != cardreader.ReaderReady {
		return 0, fmt.Errorf("%s", e.Kind)
	}
	bytes.Store(0)
	began := time.Now()
	v.Insert(card("2.00"))
	e := <-events
	if e.State != cardreader.StatePresent {
		return 0, fmt.Errorf("%s: %w", e.Kind, e.Fault)
	}
	return time.Since(began), nil
}

// BenchmarkReadOverPTY measures a whole reading over a pseudo-terminal whose bytes take the time of a real line.
func BenchmarkReadOverPTY(b *testing.B) {
	for _, baud := range []int{9600, 38400, 115200} {
		b.Run(fmt.Sprint(baud), func(b *testing.B) {
			v, err := virtual.NewReader(virtual.Options{Pace: baud})
			if err != nil {
				b.Fatal(err)
			}
			defer v.Close()
			var bytes atomic.Int64
			var took, own time.Duration
			for b.Loop() {
				d, err := timeReading(b.Context(), v, &bytes, func(context.Context) (cardreader.Port, error) {
					return serialport.Open(serialport.Config{Path: v.Path(), Baud: 115200, StopBits: 2})
				})
				if err != nil {
					b.Fatal(err)
				}
				took, own = took+d, own+lineTime(bytes.Load(), baud)
				v.Remove()
			}
			b.ReportMetric(float64(took.Milliseconds())/float64(b.N), "ms/read")
			b.ReportMetric(float64(took)/float64(own), "×line-time")
		})
	}
}
