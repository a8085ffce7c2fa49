package measure

import (
	"fmt"
	"time"
)

// Ratio is a figure that holds on a machine that drifts: both sides are of one round. Goal is what it shall be.
type Ratio struct {
	Name  string  `json:"name"`
	Goal  string  `json:"goal"`
	Value Spread  `json:"value"`
	Met   bool    `json:"met"`
	least float64 // 0: there is no least
	most  float64
}

func (r *Ratio) judge() {
	r.Goal = fmt.Sprintf("≥ %g", r.least)
	r.Met = r.Value.Median >= r.least
	if r.most > 0 {
		r.Goal, r.Met = fmt.Sprintf("≤ %g", r.most), r.Value.Median <= r.most
	}
}

// ratios are the goals that can be said as ratios, as far as their cases were measured.
func ratios(turns map[Case][]turnOf, floors []floorsOf) (list []Ratio) {
	add := func(name string, least, most float64, values []float64) {
		if len(values) == 0 {
			return
		}
		r := Ratio{Name: name, Value: spreadOf(values), least: least, most: most}
		r.judge()
		list = append(list, r)
	}
	ours := func(callers int, slow time.Duration) []turnOf { return turns[Case{Daemon, callers, slow}] }
	for callers, least := range map[int]float64{16: 4.5, 64: 6} {
		add(fmt.Sprintf("%d callers: settlements/s by probes/s", callers), least, 0, each(ours(callers, 0), func(_ int, t *turnOf) float64 {
			return t.figures.Rate() * t.probe.P50.Seconds()
		}))
	}
	for callers, least := range map[int]float64{16: 14, 64: 50} {
		const slow = 10 * time.Millisecond
		byHand := turns[Case{ByHandWAL, callers, slow}]
		add(fmt.Sprintf("%d callers, fsync +%s: gongjid by one commit a sale", callers, slow), least, 0, each(ours(callers, slow), func(i int, t *turnOf) float64 {
			return over(t.figures.Rate(), byHand[i].figures.Rate())
		}))
	}
	rollback := turns[Case{ByHand, 16, 0}]
	add("16 callers: gongjid by the rollback journal", 30, 0, each(ours(16, 0), func(i int, t *turnOf) float64 {
		return over(t.figures.Rate(), rollback[i].figures.Rate())
	}))
	add("16 callers: gongjid failed, percent", 0, 0.0001, each(ours(16, 0), func(_ int, t *turnOf) float64 { return failedPercent(&t.figures) }))
	add("16 callers: server CPU, µs a settlement", 0, 75, each(ours(16, 0), func(_ int, t *turnOf) float64 { return micros(t.figures.CPU) }))
	add("a lone caller's p50 by F", 0, 1.1, each(ours(1, 0), func(i int, t *turnOf) float64 {
		return over(micros(t.figures.P50), micros(t.probe.P50+floors[i].tcp.P50+floors[i].statements.P50))
	}))
	add("a lone caller's p99 by F at p99", 0, 1.0, each(ours(1, 0), func(i int, t *turnOf) float64 {
		return over(micros(t.figures.P99), micros(t.probe.P99+floors[i].tcp.P99+floors[i].statements.P99))
	}))
	return list
}

func each(turns []turnOf, value func(i int, t *turnOf) float64) []float64 {
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
