package pgstore_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gongji/settle"
	"gongji/sync/centre"
	"gongji/sync/nhsa"
)

// crowd is n invented people with an account each; each gives to the next, in fives.
func crowd(n int) settle.Snapshot {
	today := settle.DateOf(time.Now())
	s := settle.Snapshot{ID: "crowd", CentreTime: time.Now().Truncate(time.Millisecond)}
	for i := range n {
		m := citizen(i)
		s.People = append(s.People, settle.SnapshotPerson{PsnNo: m.PsnNo, IDNumber: m.IDNumber, Name: m.Name, Insurance: m.Insurance,
			Status: settle.StatusNormal, Area: m.Area,
			Cards: []settle.SnapshotCard{{Number: m.CardNumber, Identifier: m.Identifier, Status: settle.CardValid, Expires: today + 100000}}})
		s.Accounts = append(s.Accounts, settle.SnapshotAccount{PsnNo: m.PsnNo, Status: settle.StatusNormal, Balance: 100000})
		if i%5 != 4 && i+1 < n {
			s.Bindings = append(s.Bindings, settle.SnapshotBinding{ID: fmt.Sprintf("B-%06d", i), Giver: m.PsnNo, Beneficiary: citizen(i + 1).PsnNo,
				Relation: settle.Parent, Rank: 1, BoundAt: today, ValidFrom: today, Mode: settle.Direct, LimitAll: true, Active: true})
		}
	}
	return s
}

func citizen(i int) centre.Member {
	body := fmt.Sprintf("430102%04d0412%03d", 1950+i/1000, i%1000)
	return centre.Member{Name: "周若兰", IDNumber: body + string(settle.CheckCharacter(body)), PsnNo: fmt.Sprintf("4301000000%010d", i), Insurance: settle.InsuranceEmployee,
		Area: "430100", CardNumber: fmt.Sprintf("D%08d", i), Identifier: fmt.Sprintf("430100D1560000054D7E3A%010d", i)}
}

// BenchmarkBookings measures 2102 over HTTP: 64 venues with a till each, 5,000 people, one and two processes of the centre
// over one database, and two such pairs of books on one server, which share nothing but the processor. GONGJI_PG_FSYNC=1 has
// the database flush to the disk. Centres, database and tills are processes of their own; what each takes of the processor
// for one report is stated where the system tells it (Linux).
func BenchmarkBookings(b *testing.B) {
	for _, c := range []struct {
		name             string
		processes, books int
	}{{"processes=1", 1, 1}, {"processes=2", 2, 1}, {"processes=2,books=2", 2, 2}} {
		b.Run(c.name, func(b *testing.B) {
			var all []*remote
			for i := range c.books {
				database := server.URL(b)
				local := start(b, database, centre.Options{})
				if err := local.Seed(crowd(5000)); err != nil {
					b.Fatal(err)
				}
				if err := local.Tidy(b.Context()); err != nil {
					b.Fatal(err)
				}
				for n := range c.processes {
					if n%c.books == i {
						all = append(all, startRemote(b, database))
					}
				}
			}
			var tills []*till
			for n := range 64 {
				tills = append(tills, newTill(b, fmt.Sprintf("P43%09d", n), all[n%len(all)].process()))
			}
			tell := processorShares(b, all)
			measure(b, tills)
			tell()
			retries := 0.0
			for _, r := range all {
				retries += r.retries(b)
			}
			b.ReportMetric(1000*retries/float64(b.N), "retries/1000")
		})
	}
}

func measure(b *testing.B, tills []*till) {
	var next atomic.Int64
	var mu sync.Mutex
	var took []time.Duration
	var work sync.WaitGroup
	begin := time.Now()
	b.ResetTimer()
	for _, x := range tills {
		work.Go(func() {
			for {
				i := int(next.Add(1))
				if i > b.N {
					return
				}
				start := time.Now()
				x.ask(nhsa.PharmacySettle{Dossier: sale(citizen(i*7%5000), 100), Extensions: nhsa.Extensions{ExpectedSplit: true}})
				mu.Lock()
				took = append(took, time.Since(start))
				mu.Unlock()
			}
		})
	}
	work.Wait()
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/time.Since(begin).Seconds(), "reports/s")
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-p99")
}
