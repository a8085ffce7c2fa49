// Package endure runs a busy shop's day in minutes: the real gongjid with several tills that sell and refund, while cards are pulled
// and put back, a reader loses its cable, answers of the line are spoilt, and the way to the centre breaks. Memory, open
// descriptors and goroutines are read from the daemon's own metrics all along; where they grow with the sales, the run fails.
package endure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"gongji/cardreader/virtual"
	"gongji/cmd/gongji-bench/shop"
	"gongji/daemon/localapi/client"
	"gongji/daemon/session"
	"gongji/settle"
)

// Options of a run. Binary, Dir and Sales are needed.
type Options struct {
	Binary string
	Dir    string
	Sales  int
	Tills  int // 0: 3
	Seed   uint64
}

// Sample is the daemon's size at one moment.
type Sample struct {
	Sales      int
	At         time.Duration // since the first sale
	Memory     float64       // resident, bytes
	Heap       float64       // in use, bytes
	Files      float64       // open descriptors
	Goroutines float64
}

// Report is what a run saw.
type Report struct {
	Sales, Refunds, Refusals   int
	CardPulls, Unplugs, Spoilt int
	LineCuts                   int
	Took                       time.Duration
	Samples                    []Sample // one at each twentieth of the sales
	Quiet                      Sample   // at the end, when everything is reported and nobody sells
	Rows                       int      // at the centre
}

// Print writes the report for a person.
func (r *Report) Print(w io.Writer) {
	fmt.Fprintf(w, "%d sales, %d refunds in %s; %d cards pulled, %d cables pulled, %d spoilt answers, %d cuts of the line, %d requests refused meanwhile; %d rows at the centre\n",
		r.Sales, r.Refunds, r.Took.Round(time.Second), r.CardPulls, r.Unplugs, r.Spoilt, r.LineCuts, r.Refusals, r.Rows)
	fmt.Fprintf(w, "%8s %8s %9s %9s %6s %11s\n", "sales", "after", "resident", "heap", "files", "goroutines")
	for _, s := range append(r.Samples, r.Quiet) {
		fmt.Fprintf(w, "%8d %8s %6.1f MB %6.1f MB %6.0f %11.0f\n", s.Sales, s.At.Round(time.Second), s.Memory/1e6, s.Heap/1e6, s.Files, s.Goroutines)
	}
}

// Flat is nil where the daemon is no larger at the end than it was when it was warm; else what has grown. The peak of the last
// quarter is held against that of the second: memory may be an eighth and 8 MB more (the runtime returns it late), descriptors
// and goroutines as many as requests can be under way.
func (r *Report) Flat() error {
	n := len(r.Samples)
	if n < 8 {
		return errors.New("too few samples to tell")
	}
	peak := func(from, to int, of func(Sample) float64) (most float64) {
		for _, s := range r.Samples[from:to] {
			most = max(most, of(s))
		}
		return most
	}
	var faults []error
	for _, c := range []struct {
		what        string
		of          func(Sample) float64
		times, more float64
	}{
		{"resident memory", func(s Sample) float64 { return s.Memory }, 1.125, 8e6},
		{"heap", func(s Sample) float64 { return s.Heap }, 1.125, 8e6},
		{"open files", func(s Sample) float64 { return s.Files }, 1, 12},
		{"goroutines", func(s Sample) float64 { return s.Goroutines }, 1, 24},
	} {
		warm, late := peak(n/4, n/2, c.of), peak(n-n/4, n, c.of)
		if late > warm*c.times+c.more {
			faults = append(faults, fmt.Errorf("%s grew from %.0f to %.0f", c.what, warm, late))
		}
	}
	return errors.Join(faults...)
}

// day is a run on its way.
type day struct {
	Options
	shop    *shop.Shop
	process *shop.Process
	report  Report
	mu      sync.Mutex
	sold    atomic.Int64
	began   time.Time
}

// Run runs the day and drains it. The error is a request that no repetition got done, or a daemon that ended.
func Run(ctx context.Context, o Options) (*Report, error) {
	if o.Tills == 0 {
		o.Tills = 3
	}
	s, err := shop.Open(shop.Options{Dir: o.Dir, Binary: o.Binary, Tills: o.Tills})
	if err != nil {
		return nil, err
	}
	defer s.Close() //nolint:errcheck // nothing of it is needed any more
	p, err := s.Start("--log-level", "warn")
	if err != nil {
		return nil, err
	}
	defer p.Kill()
	if err := p.Ready(ctx); err != nil {
		return nil, err
	}
	d := &day{Options: o, shop: s, process: p, began: time.Now()}
	if err := d.run(ctx); err != nil {
		return &d.report, err
	}
	draining, stop := context.WithTimeout(ctx, 3*time.Minute+time.Duration(o.Sales)*30*time.Millisecond)
	defer stop()
	if err := p.Drain(draining); err != nil {
		return &d.report, err
	}
	d.report.Quiet, err = d.sample(ctx)
	d.report.Took, d.report.Rows = time.Since(d.began), len(s.Centre.Standing())
	return &d.report, errors.Join(err, p.Stop(10*time.Second))
}

func (d *day) run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var tills, rest sync.WaitGroup
	for i := range d.Tills {
		tills.Go(func() {
			if err := d.sell(ctx, i); err != nil {
				stop(err)
			}
		})
	}
	trouble, quiet := context.WithCancel(ctx)
	rest.Go(func() { d.trouble(trouble) })
	rest.Go(func() {
		if err := d.watch(trouble); err != nil {
			stop(err)
		}
	})
	tills.Wait()
	quiet()
	rest.Wait()
	return context.Cause(ctx)
}

// sell is one till until all sales are done.
func (d *day) sell(ctx context.Context, till int) error {
	dice := rand.New(rand.NewPCG(d.Seed, uint64(till))) //nolint:gosec // a test's dice
	c := d.shop.Client(till)
	defer c.Close()
	operator := session.OperatorRequest{ID: "1001", Name: "李敏"}
	for {
		n := d.sold.Add(1)
		if n > int64(d.Sales) {
			return ctx.Err()
		}
		id := fmt.Sprintf("E-%06d", n)
		price := settle.Fen(10 + dice.IntN(200)).String()
		sale := session.SettleRequest{SaleRequest: session.SaleRequest{
			SaleID: id, Terminal: shop.Till(till), Operator: operator, MedType: "41", PersonCheck: "card_read", WaitSeconds: 20,
			Lines: []session.LineRequest{{
				ID: "1", Code: "C14010200002", ShopCode: "7002", Name: "医用口罩", Class: "consumable", Quantity: "1", UnitPrice: price, Total: price,
			}},
		}}
		var settlement string
		if err := d.insist(ctx, func() error {
			answer, _, err := c.Settle(ctx, sale)
			settlement = answer.SettlementID
			return err
		}); err != nil {
			return fmt.Errorf("sale %s: %w", id, err)
		}
		d.count(&d.report.Sales)
		if dice.IntN(10) > 0 {
			continue
		}
		if err := d.insist(ctx, func() error {
			_, _, err := c.Refund(ctx, settlement, session.RefundRequest{
				RefundID: "R" + id, Terminal: shop.Till(till), Operator: operator, Reason: "未拆封退货", WaitSeconds: 20,
				Lines: []session.RefundLineRequest{{ID: "1", Quantity: "1"}},
			})
			return err
		}); err != nil {
			return fmt.Errorf("refund of %s: %w", id, err)
		}
		d.count(&d.report.Refunds)
	}
}

func (d *day) count(n *int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	*n++
}

// insist repeats what the counter's troubles refused.
func (d *day) insist(ctx context.Context, send func() error) error {
	for deadline := time.Now().Add(2 * time.Minute); ; {
		err := send()
		var network *net.OpError
		switch code := client.CodeOf(err); {
		case err == nil || ctx.Err() != nil:
			return err
		case time.Now().After(deadline), code == "" && !errors.As(err, &network):
			return err
		case code == settle.RuleRefused, code == settle.BadRequest, code == settle.RefundOver, code == settle.OfflineLimit:
			return err
		}
		d.count(&d.report.Refusals)
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// trouble is what happens at a counter and outside of it, every second or so.
func (d *day) trouble(ctx context.Context) {
	dice := rand.New(rand.NewPCG(d.Seed, 1<<20)) //nolint:gosec // a test's dice
	pause := func(most time.Duration) {
		select {
		case <-time.After(time.Duration(dice.Int64N(int64(most)))):
		case <-ctx.Done():
		}
	}
	for ctx.Err() == nil {
		till := dice.IntN(d.Tills)
		reader := d.shop.Reader(till)
		switch dice.IntN(6) {
		case 0:
			_ = reader.Unplug() // it is plugged; an error would be seen below, as a reader that stays away
			pause(300 * time.Millisecond)
			_ = reader.Replug()
			d.count(&d.report.Unplugs)
		case 1:
			_ = d.shop.SetCentre(false)
			pause(time.Second)
			_ = d.shop.SetCentre(true)
			d.count(&d.report.LineCuts)
		case 2, 3:
			if reader.SetFault(virtual.FaultGarbage, 1+dice.IntN(3)) == nil {
				d.count(&d.report.Spoilt)
			}
		default:
			reader.Remove()
			pause(100 * time.Millisecond)
			d.shop.Insert(till, till)
			d.count(&d.report.CardPulls)
		}
		pause(time.Second)
	}
}

// watch takes a sample at each twentieth of the sales.
func (d *day) watch(ctx context.Context) error {
	next := 0
	for ctx.Err() == nil {
		if int(d.sold.Load()) >= next {
			s, err := d.sample(ctx)
			if err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return err
			}
			d.report.Samples = append(d.report.Samples, s)
			next += max(1, d.Sales/20)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-d.process.Ended():
			return errors.New("the daemon ended\n" + d.shop.LogTail())
		case <-ctx.Done():
		}
	}
	return nil
}

func (d *day) sample(ctx context.Context) (Sample, error) {
	m, err := d.shop.Metrics(ctx)
	return Sample{
		Sales: min(d.Sales, int(d.sold.Load())), At: time.Since(d.began), Memory: m["process_resident_memory_bytes"],
		Heap: m["go_memstats_heap_inuse_bytes"], Files: m["process_open_fds"], Goroutines: m["go_goroutines"],
	}, err
}
