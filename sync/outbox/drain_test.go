//go:build linux

package outbox

import (
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gongji/settle"
	"gongji/sync/centre"
)

// BenchmarkDrain measures how fast a backlog in the real database reaches the reference centre over loopback HTTP, and what
// a sale at the till costs meanwhile. One operation is one report of the backlog; run it with -benchtime=100000x for a
// day without the centre. Reported besides: reports/s, and the till's 99th percentile idle and while it drains.
func BenchmarkDrain(b *testing.B) {
	const people, tills = 512, 8
	members := crowd(people + tills)
	h := newShop(b, quickDir(b), false, crowdSnapshot(members), members)
	defer h.close()
	h.backlog(b, members[:people], b.N)
	at := &till{shop: h, members: members[people:]}
	idle := at.sell(b, func(n int) bool { return n < 400 })
	reports := b.N + len(idle)
	parallel := 0
	if text := os.Getenv("GONGJI_DRAIN_PARALLEL"); text != "" {
		var err error
		if parallel, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	begin, cpu := time.Now(), cpuTime(b)
	var done atomic.Int64
	drained := make(chan struct{})
	l := h.begin(10*time.Second, time.Minute, func(o *Options) {
		o.Parallel, o.LeastWait, o.MostWait, o.ProbeEvery = parallel, 100*time.Millisecond, time.Second, time.Second
		o.GiveWay = h.GiveWay
		o.OnUpstream = func(e Event) {
			if e.Done && done.Add(1) == int64(reports) {
				close(drained)
			}
		}
	})
	var busy []time.Duration
	var wg sync.WaitGroup
	wg.Go(func() {
		busy = at.sell(b, func(int) bool {
			select {
			case <-drained:
				return false
			default:
				return true
			}
		})
	})
	select {
	case <-drained:
	case <-time.After(10 * time.Minute):
		b.Fatalf("%d of %d are through", done.Load(), reports)
	}
	took, worked := time.Since(begin), cpuTime(b)-cpu
	b.StopTimer()
	wg.Wait()
	l.Wake()
	if !h.rest(time.Minute) {
		b.Fatal("the outbox does not come to rest")
	}
	l.end(b)
	if n := len(h.centre.Standing()); n != reports+len(busy) {
		b.Fatalf("%d of %d are booked", n, reports+len(busy))
	}
	before, during := percentile99(idle), percentile99(busy)
	b.ReportMetric(float64(reports)/took.Seconds(), "reports/s")
	b.ReportMetric(float64(worked.Microseconds())/float64(reports), "cpu-us/report") // of both sides; what the machine has is the limit
	b.ReportMetric(float64(before.Microseconds())/1000, "idle-p99-ms")
	b.ReportMetric(float64(during.Microseconds())/1000, "drain-p99-ms")
	b.ReportMetric(float64(during)/float64(before), "p99-ratio")
}

// backlog settles n sales that nobody reports yet.
func (h *shop) backlog(b *testing.B, members []centre.Member, n int) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				if _, _, err := h.Settle(b.Context(), h.order(members[i%int64(len(members))], false, false, 100)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// till is a counter at which people take turns.
type till struct {
	shop    *shop
	members []centre.Member
}

// sell settles one sale after the other at a busy counter's pace for as long as asked, and returns how long each took.
func (c *till) sell(b *testing.B, more func(n int) bool) (took []time.Duration) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for more(len(took)) {
		<-tick.C
		order := c.shop.order(c.members[len(took)%len(c.members)], false, false, settle.Fen(100))
		begin := time.Now()
		if _, _, err := c.shop.Settle(b.Context(), order); err != nil {
			b.Error(err)
			return took
		}
		took = append(took, time.Since(begin))
	}
	return took
}

func percentile99(took []time.Duration) time.Duration {
	slices.Sort(took)
	return took[len(took)*99/100]
}

// cpuTime is what the process has worked so far, on all processors together.
func cpuTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
