package ledger

import (
	"fmt"
	"sync/atomic"
	"testing"

	"gongji/settle"
)

// BenchmarkSettle measures a whole settlement, fsync included, one till at a time and with sixteen at once. People
// take turns, as they do at a counter, and every sale debits an own account and a giver's. With few people, each has bought
// often since the centre last told of them.
func BenchmarkSettle(b *testing.B) {
	for _, load := range []struct{ tills, people int }{{1, 800}, {16, 800}, {16, 64}} {
		tills, people := load.tills, load.people
		b.Run(fmt.Sprintf("tills=%d/people=%d", tills, people), func(b *testing.B) {
			h := openHouse(b)
			s := h.next("S-1", noon)
			for i := range people {
				own, giver := invent(i), invent(i+people)
				s.People = append(s.People, own.snapshot(), giver.snapshot())
				s.Accounts = append(s.Accounts, own.account(100), giver.account(90_000_000))
				s.Bindings = append(s.Bindings, bind(fmt.Sprintf("B-%d", i), giver, own, settle.Parent, 1))
			}
			h.apply(s)
			if err := h.quiet(b.Context()); err != nil { // so many people move into their tables by and by
				b.Fatal(err)
			}
			orders := make([]settle.SettleOrder, b.N)
			for i := range orders {
				orders[i] = h.order(invent(i%people), line("1", 2500), line("2", 1200), line("3", 1))
			}
			var next atomic.Int64
			b.SetParallelism(tills)
			b.ReportAllocs()
			b.ResetTimer()
			worked := cpuTime()
			if tills == 1 {
				for i := range orders {
					h.settle(orders[i])
				}
			} else {
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if _, _, err := h.Settle(b.Context(), orders[next.Add(1)-1]); err != nil {
							b.Error(err)
						}
					}
				})
			}
			b.StopTimer()
			b.ReportMetric(float64((cpuTime()-worked).Microseconds())/float64(b.N), "cpu-us/settle")
			b.ReportMetric(float64(b.N)/float64(h.writer.commits.Load()), "settles/commit")
		})
	}
}
