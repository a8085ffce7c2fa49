package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gongji/settle"
)

// The sizes of the two benchmarks. The defaults fit any run; the sizes that the promises speak of are
//
//	GONGJI_BENCH_PEOPLE=1000000 GONGJI_BENCH_ACCOUNTS=10000000 go test ./settle/ledger -run '^$' -bench 'Import|Size' -benchtime 1x -timeout 2h
const (
	peopleEnv   = "GONGJI_BENCH_PEOPLE"
	accountsEnv = "GONGJI_BENCH_ACCOUNTS"
	scaleEnv    = "GONGJI_BENCH_CHILD"
)

func sizeOf(env string, small int) int {
	if n, err := strconv.Atoi(os.Getenv(env)); err == nil && n > 0 {
		return n
	}
	return small
}

// latencies are how long settlements took.
type latencies struct {
	mu   sync.Mutex
	list []time.Duration
}

func (l *latencies) add(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, d)
}

// p99 is in milliseconds.
func (l *latencies) p99() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.list) == 0 {
		return 0
	}
	slices.Sort(l.list)
	return float64(l.list[len(l.list)*99/100].Microseconds()) / 1000
}

// shoppers is how many people the till of an import sells to, in turn: sold all to one, what is not acknowledged would pile up
// on one account, and the till would be slow by that and not by the import.
const shoppers = 500

// crowdOfShoppers are they.
func crowdOfShoppers(s settle.Snapshot) settle.Snapshot {
	for i := range shoppers {
		s.People = append(s.People, shopper(i).snapshot())
		s.Accounts = append(s.Accounts, shopper(i).account(100_000))
	}
	return s
}

// shopper is one of them; townsfolk have lower numbers.
func shopper(n int) human { return invent(3_000_000 + n%shoppers) }

// till settles, twenty sales a second, which is more than any counter's, until it is told to stop.
func (h *house) till(stop <-chan struct{}) *latencies {
	l := &latencies{}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-stop:
			return l
		case <-tick.C:
			began := time.Now()
			h.buy(shopper(n), 1)
			l.add(time.Since(began))
		}
	}
}

// beside runs a till for as long as work takes.
func (h *house) beside(work func()) *latencies {
	stop, done := make(chan struct{}), make(chan *latencies)
	go func() { done <- h.till(stop) }()
	work()
	close(stop)
	return <-done
}

// BenchmarkImport takes a chain's full ledger in: people with a card, an account and a binding each, staged and moved as the
// feed and the import do it, with a till beside it. It reports facts (people, accounts and bindings) a second, the till's
// p99 alone and beside it, and how long the switch took.
func BenchmarkImport(b *testing.B) {
	people := sizeOf(peopleEnv, 20_000)
	for b.Loop() {
		h := newHouse(b)
		h.apply(crowdOfShoppers(h.next("S-shoppers", noon)))
		idle := h.beside(func() {
			timer := time.NewTimer(5 * time.Second)
			<-timer.C
		})
		var took, switched time.Duration
		busy := h.beside(func() {
			began := time.Now()
			s, err := h.StageSnapshot(b.Context(), noon.Add(time.Minute), true, true)
			if err != nil {
				b.Error(err)
				return
			}
			if err := s.Add(b.Context(), crowdOfShoppers(h.family())); err != nil {
				b.Error(err)
			}
			for from := 0; from < people; from += stagePart {
				if err := s.Add(b.Context(), townsfolk(from, min(from+stagePart, people))); err != nil {
					b.Error(err)
					return
				}
			}
			b.Logf("staged after %s", time.Since(began).Round(time.Millisecond))
			if err := s.Apply(b.Context(), "S-town", "", nil); err != nil {
				b.Error(err)
			}
			took, switched = time.Since(began), s.(*stage).switched
		})
		b.ReportMetric(float64(people*3)/took.Seconds(), "facts/s")
		b.ReportMetric(idle.p99(), "till-alone-p99-ms")
		b.ReportMetric(busy.p99(), "till-beside-p99-ms")
		b.ReportMetric(float64(slices.Max(busy.list).Microseconds())/1000, "till-beside-max-ms")
		b.ReportMetric(float64(switched.Microseconds())/1000, "switch-ms")
	}
}

// townsfolk are people of a large snapshot, each bound to a neighbour.
func townsfolk(from, to int) (s settle.Snapshot) {
	for i := from; i < to; i++ {
		one, next := invent(1_000_000+i), invent(1_000_000+i^1)
		s.People = append(s.People, one.snapshot())
		s.Accounts = append(s.Accounts, one.account(5000))
		s.Bindings = append(s.Bindings, bind(fmt.Sprintf("T-%d", i), one, next, settle.Spouse, 1))
	}
	return s
}

// scaled is what a fresh process measured on a ledger.
type scaled struct {
	OpenMS, P99MS float64
	RSSMiB        float64
}

// BenchmarkSize opens ledgers of ten thousand accounts and of many, with twice as many postings, in fresh processes and settles out of them: the p99 of a
// settlement must not grow with the ledger, nor the start-up, nor the memory.
func BenchmarkSize(b *testing.B) {
	accounts := sizeOf(accountsEnv, 200_000)
	for b.Loop() {
		small, large := scaleRun(b, 10_000), scaleRun(b, accounts)
		b.ReportMetric(small.P99MS, "small-p99-ms")
		b.ReportMetric(large.P99MS, "large-p99-ms")
		b.ReportMetric(large.P99MS/small.P99MS, "p99-ratio(goal<=1.3)")
		b.ReportMetric(large.OpenMS, "open-ms(goal<1000)")
		b.ReportMetric(large.RSSMiB, "rss-MiB(goal<100)")
	}
}

// realPeople is how many of a large ledger's people can buy; the others only make it large.
const realPeople = 5000

func scaleRun(b *testing.B, accounts int) (out scaled) {
	h := openHouse(b)
	began := time.Now()
	s := h.next("S-1", noon)
	for i := range realPeople {
		s.People = append(s.People, invent(i).snapshot())
		s.Accounts = append(s.Accounts, invent(i).account(90_000_000))
	}
	h.apply(s)
	if err := h.quiet(b.Context()); err != nil {
		b.Fatal(err)
	}
	h.fillUp(accounts - realPeople)
	if err := h.Close(); err != nil {
		b.Fatal(err)
	}
	b.Logf("%d accounts made in %s", accounts, time.Since(began).Round(time.Second))
	file := filepath.Join(b.TempDir(), "out.json")
	command := exec.Command(os.Args[0], "-test.run=^TestScaleChild$", "-test.count=1")
	command.Env = append(os.Environ(), scaleEnv+"="+h.options.Dir, scaleEnv+"_OUT="+file)
	if text, err := command.CombinedOutput(); err != nil {
		b.Fatalf("child: %v\n%s", err, text)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	if err := json.Unmarshal(data, &out); err != nil {
		b.Fatal(err)
	}
	return out
}

// fillUp writes strangers straight into the tables, evenly among the hashes of those who are there, with two postings each
// that the centre has confirmed.
func (h *house) fillUp(n int) {
	h.t.Helper()
	h.sales += 1_000_000 // out of the way of what the fresh process sells
	h.buy(invent(0), 1)
	const posted = `INSERT INTO posting (record, report, settlement, leg, person, patient, pot, day, amount, after, centre)
		SELECT o.record, o.report, o.settlement, 0, p.id, p.id, 'balance', 20251122, 100, 5000, 1
		FROM (SELECT record, report, settlement FROM posting LIMIT 1) o CROSS JOIN person p WHERE ?1 > 0 AND p.as_of = 1`
	if err := h.write(context.Background(), func(t *tx) error {
		for _, statement := range []string{
			`WITH RECURSIVE k(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM k WHERE i + 1 < ?1)
				INSERT INTO person (pid, certno, sealed, masked, insurance, status, area, waiting, as_of, generation)
				SELECT unhex(printf('%016x', i * (9223372036854775807 / ?1))) || randomblob(8),
					unhex(printf('%016x', i * (9223372036854775807 / ?1))) || randomblob(8), randomblob(140), '某*', '310', 'normal', '430100', 0, 1, 1 FROM k`,
			`INSERT INTO account (person, status, two_pots, balance, current, prior, frozen, reserved, limit_used, allowance, allowance_until,
					contains, as_of, generation)
				SELECT id, 'normal', 0, 5000, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1 FROM person WHERE ?1 > 0 AND id NOT IN (SELECT person FROM account)`,
			`INSERT INTO card (hash, person, status, expires, as_of) SELECT pid, id, 'valid', 20351231, 1 FROM person WHERE ?1 > 0 AND as_of = 1`,
			posted, posted,
		} {
			if err := t.run(statement, n); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		h.t.Fatal(err)
	}
	h.writer.sinceSave.Add(1)
	h.checkpoint()
}

// TestScaleChild is the fresh process of BenchmarkSize.
func TestScaleChild(t *testing.T) {
	dir := os.Getenv(scaleEnv)
	if dir == "" {
		t.Skip("only as the child of BenchmarkSize")
	}
	h := &house{t: t, clock: &testClock{at: noon}, rules: settle.DefaultRules()}
	h.options = testOptions(dir, h.clock, h.rules)
	began := time.Now()
	h.open()
	out := scaled{OpenMS: float64(time.Since(began).Microseconds()) / 1000}
	defer func() { _ = h.Close() }()
	l := &latencies{}
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // which customer comes next
	for i := range 6000 {
		order := h.order(invent(random.IntN(realPeople)), line("1", 2500), line("2", 100))
		began := time.Now()
		h.settle(order)
		if i >= 1000 {
			l.add(time.Since(began))
		}
	}
	out.P99MS = l.p99()
	status, err := os.ReadFile("/proc/self/status")
	if err == nil {
		for text := range strings.Lines(string(status)) {
			if kb, found := strings.CutPrefix(text, "VmRSS:"); found {
				_, _ = fmt.Sscanf(strings.TrimSpace(kb), "%f", &out.RSSMiB)
				out.RSSMiB /= 1024
			}
		}
	}
	data, err := json.Marshal(out)
	if err == nil {
		err = os.WriteFile(os.Getenv(scaleEnv+"_OUT"), data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
