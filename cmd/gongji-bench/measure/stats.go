package measure

import (
	"cmp"
	"slices"
	"time"
)

// quantile is the value below which a share q of a sorted list lies; 0 for an empty one.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// Spread is a figure over the rounds.
type Spread struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// spread is the median, least and greatest of a list, which may be empty.
func spread[T cmp.Ordered](values []T, number func(T) float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return Spread{number(sorted[len(sorted)/2]), number(sorted[0]), number(sorted[len(sorted)-1])}
}

func spreadOf(values []float64) Spread { return spread(values, func(v float64) float64 { return v }) }

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
