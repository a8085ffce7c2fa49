package measure

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"gongji/cardreader"
	"gongji/cardreader/virtual"
)

// Line is the reading of a card at a speed: what crosses the line, how long that takes by itself, and how long it took.
type Line struct {
	Baud           int     `json:"baud"`
	Bytes          int64   `json:"bytes"`
	MS             float64 `json:"line_ms"`
	IdentityLineMS float64 `json:"identity_line_ms"` // what crosses the line until the holder is known
	IdentityMS     float64 `json:"identity_ms"`      // from the insertion until the holder is known
	WholeMS        float64 `json:"whole_ms"`
}

var lineSpeeds = []int{9600, 38400, 115200}

// gemPCBits are the bits of a byte on the line of a GemPC Twin: start, eight, and two stop bits.
const gemPCBits = 11

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

// cardLines reads a card at every speed.
func cardLines(ctx context.Context) (list []Line, err error) {
	for _, baud := range lineSpeeds {
		l, err := cardLine(ctx, baud)
		if err != nil {
			return nil, fmt.Errorf("a card at %d baud: %w", baud, err)
		}
		list = append(list, l)
	}
	return list, nil
}

func cardLine(ctx context.Context, baud int) (l Line, err error) {
	v, err := virtual.NewMemoryReader(virtual.Options{Kind: virtual.KindGemPC, Pace: baud})
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	var bytes atomic.Int64
	r, err := cardreader.New(cardreader.Options{Name: "r", Kind: v.Kind(), Open: func(ctx context.Context) (cardreader.Port, error) {
		p, err := v.Open(ctx)
		return countingPort{p, &bytes}, err
	}})
	if err != nil {
		return l, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	defer func() { cancel(); err = errors.Join(err, <-done) }()
	until := func(holds func(cardreader.Status) bool) {
		for ctx.Err() == nil && !holds(r.Status()) {
			pause(ctx, 200*time.Microsecond)
		}
	}
	until(func(s cardreader.Status) bool { return s.State == cardreader.StateAbsent })
	began, before := time.Now(), bytes.Load()
	v.Insert(virtual.SampleCard())
	until(func(s cardreader.Status) bool { return s.State == cardreader.StatePresent })
	l.IdentityMS, l.IdentityLineMS = micros(time.Since(began))/1000, lineMS(bytes.Load()-before, baud)
	until(func(s cardreader.Status) bool { return s.Credential != nil && s.Credential.Complete })
	l.WholeMS = micros(time.Since(began)) / 1000
	l.Baud, l.Bytes = baud, bytes.Load()-before
	l.MS = lineMS(l.Bytes, baud)
	return l, ctx.Err()
}

// lineMS is how long so many bytes take on the line.
func lineMS(bytes int64, baud int) float64 { return float64(bytes*gemPCBits) * 1000 / float64(baud) }
