package measure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"time"

	"gongji/cmd/gongji-bench/shop"
)

// Rest is the daemon of an ordinary counter when nobody buys: three readers with cards in them.
type Rest struct {
	Readers    int     `json:"readers"`
	StartedMS  Spread  `json:"start_to_ready_ms"`
	IdleCPU    float64 `json:"idle_cpu_percent"` // of one processor
	RSS        float64 `json:"rss_mib"`
	MetricsP50 float64 `json:"metrics_p50_ms"`
	MetricsP99 float64 `json:"metrics_p99_ms"`
	For        string  `json:"watched_for"`
}

const (
	restReaders = 3
	restStarts  = 5
	scrapes     = 200
)

// rest starts a counter some times, leaves the last one alone, and then reads its metrics.
func (m *Measure) rest(ctx context.Context) (r *Rest, err error) {
	dir, err := os.MkdirTemp(m.Dir, "rest-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := shop.Open(shop.Options{Dir: dir, Binary: m.Binary, Tills: restReaders})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	var p *shop.Process
	var started []time.Duration
	for n := range restStarts {
		if n > 0 {
			if err := p.Stop(endWithin); err != nil {
				return nil, err
			}
		}
		began := time.Now()
		if p, err = s.Start(); err != nil {
			return nil, err
		}
		waiting, stop := context.WithTimeout(ctx, startWithin)
		took, startErr := answers(waiting, s, began)
		stop()
		if startErr != nil {
			p.Kill()
			return nil, startErr
		}
		started = append(started, took)
	}
	defer func() { err = errors.Join(err, p.Stop(endWithin)) }()
	waiting, stop := context.WithTimeout(ctx, startWithin)
	defer stop()
	if err := p.Ready(waiting); err != nil {
		return nil, err
	}
	pause(ctx, time.Second) // what a start leaves to do
	before := usageOf(p.PID())
	pause(ctx, m.Rest)
	after := usageOf(p.PID())
	r = &Rest{
		Readers: restReaders, StartedMS: spread(started, func(d time.Duration) float64 { return micros(d) / 1000 }),
		IdleCPU: 100 * (after.cpu - before.cpu).Seconds() / m.Rest.Seconds(), RSS: mib(after.rss), For: m.Rest.String(),
	}
	return r, r.scrape(ctx, s.MetricsURL())
}

// scrape reads the metrics again and again, as a monitoring server does.
func (r *Rest) scrape(ctx context.Context, url string) error {
	var took []time.Duration
	for range scrapes {
		began := time.Now()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, response.Body)
		if err = errors.Join(err, response.Body.Close()); err != nil {
			return err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	r.MetricsP50, r.MetricsP99 = micros(quantile(took, 0.5))/1000, micros(quantile(took, 0.99))/1000
	return nil
}

func (r *Rest) print(w io.Writer) {
	fmt.Fprintf(w, "\nat rest, %d readers with cards\t\t\t\t\n", r.Readers)
	fmt.Fprintf(w, "start to ready, ms\t≤ 300\t%s\t\t\n", text(r.StartedMS))
	fmt.Fprintf(w, "idle, percent of a processor over %s\t< 0.2\t%.2f\t\t\n", r.For, r.IdleCPU)
	fmt.Fprintf(w, "resident, MiB\t< 64\t%.0f\t\t\n", r.RSS)
	fmt.Fprintf(w, "/metrics, ms\t< 2\t%.2f (p99 %.2f)\t\t\n", r.MetricsP50, r.MetricsP99)
}
