package measure

import (
	"fmt"
	"time"
)

// Goal is what the daemon shall reach, and what it did. What is compared on a machine that drifts is a ratio whose sides are of
// one round.
type Goal struct {
	Name  string  `json:"name"`
	Shall string  `json:"shall"`
	Value Spread  `json:"value"`
	Met   bool    `json:"met"`
	bound float64 // the least, or, negative, the most
}

// atLeast and atMost are the bounds of a goal.
func atLeast(v float64) float64 { return v }
func atMost(v float64) float64  { return -v }

func (g *Goal) judge() {
	if g.bound < 0 {
		g.Shall, g.Met = fmt.Sprintf("≤ %g", -g.bound), g.Value.Median <= -g.bound
		return
	}
	g.Shall, g.Met = fmt.Sprintf("≥ %g", g.bound), g.Value.Median >= g.bound
}

// goals collects what was measured; what was not is left out.
type goals []Goal

func (list *goals) add(name string, bound float64, values ...float64) {
	if len(values) == 0 {
		return
	}
	g := Goal{Name: name, Value: spreadOf(values), bound: bound}
	g.judge()
	*list = append(*list, g)
}

// load adds the goals of the daemon under load, as far as their cases were measured.
func (list *goals) load(turns map[Case][]turnOf, floors []floorsOf) {
	ours := func(callers int, slow time.Duration) []turnOf { return turns[Case{Daemon, callers, slow}] }
	add := func(name string, bound float64, of []turnOf, value func(i int, t *turnOf) float64) {
		list.add(name, bound, each(of, value)...)
	}
	for _, goal := range []struct {
		callers int
		least   float64
	}{{16, 4.5}, {64, 6}} {
		add(fmt.Sprintf("%d callers: settlements/s by probes/s", goal.callers), atLeast(goal.least), ours(goal.callers, 0), func(_ int, t *turnOf) float64 {
			return t.figures.Rate() * t.probe.P50.Seconds()
		})
	}
	for _, goal := range []struct {
		callers int
		least   float64
	}{{16, 14}, {64, 50}} {
		const slow = 10 * time.Millisecond
		byHand := turns[Case{ByHandWAL, goal.callers, slow}]
		add(fmt.Sprintf("%d callers, fsync +%s: gongjid by one commit a sale", goal.callers, slow), atLeast(goal.least), ours(goal.callers, slow), func(i int, t *turnOf) float64 {
			return over(t.figures.Rate(), byHand[i].figures.Rate())
		})
	}
	rollback := turns[Case{ByHand, 16, 0}]
	add("16 callers: gongjid by the rollback journal", atLeast(30), ours(16, 0), func(i int, t *turnOf) float64 {
		return over(t.figures.Rate(), rollback[i].figures.Rate())
	})
	add("16 callers: gongjid failed, percent", atMost(0.0001), ours(16, 0), func(_ int, t *turnOf) float64 { return failedPercent(&t.figures) })
	add("16 callers: server CPU, µs a settlement", atMost(75), ours(16, 0), func(_ int, t *turnOf) float64 { return micros(t.figures.CPU) })
	for _, alone := range []struct {
		name string
		load Case
		echo func(*floorsOf) Floor
	}{
		{"a lone caller", Case{Daemon, 1, 0}, func(f *floorsOf) Floor { return f.tcp }},
		{"a lone caller over the socket", Case{Socket, 1, 0}, func(f *floorsOf) Floor { return f.unix }},
	} {
		add(alone.name+": p50 by F", atMost(1.1), turns[alone.load], func(i int, t *turnOf) float64 {
			return over(micros(t.figures.P50), micros(t.probe.P50+alone.echo(&floors[i]).P50+floors[i].statements.P50))
		})
		add(alone.name+": p99 by F at p99", atMost(1), turns[alone.load], func(i int, t *turnOf) float64 {
			return over(micros(t.figures.P99), micros(t.probe.P99+alone.echo(&floors[i]).P99+floors[i].statements.P99))
		})
	}
	for _, callers := range []int{16, 64, 256} {
		add(fmt.Sprintf("%d callers: resident at most, MiB", callers), atMost(128), ours(callers, 0), func(_ int, t *turnOf) float64 { return mib(t.figures.Most) })
	}
}

// rest adds the goals of a daemon that nobody buys at.
func (list *goals) rest(r *Rest) {
	list.add("start to ready, ms", atMost(300), r.Started...)
	list.add("at rest: percent of a processor", atMost(0.2), r.IdleCPU)
	list.add("at rest: resident, MiB", atMost(64), r.RSS)
	list.add("/metrics, ms", atMost(2), r.MetricsP50)
	list.add("card in to the quote, by the line", atMost(lineRoom), r.QuoteByLine...)
}

// lineRoom is how much longer than its bytes take on the line a card may take.
const lineRoom = 1.15

// lines adds what a card takes.
func (list *goals) lines(lines []Line) {
	for _, l := range lines {
		list.add(fmt.Sprintf("card in at %d baud to the identity, by the line", l.Baud), atMost(lineRoom), over(l.IdentityMS, l.IdentityLineMS))
	}
}

func each[T any](turns []T, value func(i int, t *T) float64) []float64 {
	values := make([]float64, len(turns))
	for i := range turns {
		values[i] = value(i, &turns[i])
	}
	return values
}

func over(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}
