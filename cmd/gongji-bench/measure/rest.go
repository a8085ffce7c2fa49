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
	Readers     int       `json:"readers"`
	Started     []float64 `json:"start_to_ready_ms"`
	IdleCPU     float64   `json:"idle_cpu_percent"` // of one processor
	RSS         float64   `json:"rss_mib"`
	MetricsP50  float64   `json:"metrics_p50_ms"`
	MetricsP99  float64   `json:"metrics_p99_ms"`
	QuoteByLine []float64 `json:"quote_by_line"` // from the insertion of a card to the quote, by what the identity takes on the line
	For         string    `json:"watched_for"`
}

const (
	restReaders = 3
	restStarts  = 5
	scrapes     = 200
)

// rest starts a counter some times, leaves the last one alone, and then reads its metrics.
func (m *Measure) rest(ctx context.Context, lines []Line) (r *Rest, err error) {
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
	r = &Rest{Readers: restReaders, For: m.Rest.String()}
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
		r.Started = append(r.Started, micros(took)/1000)
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
	r.IdleCPU, r.RSS = 100*(after.cpu-before.cpu).Seconds()/m.Rest.Seconds(), mib(after.rss)
	if err := r.scrape(ctx, s.MetricsURL()); err != nil {
		return nil, err
	}
	return r, r.quotes(waiting, s, lines)
}

// quotes lets a till ask for a quote before the card is there, puts the card in and waits for the answer, at each speed of the
// line.
func (r *Rest) quotes(ctx context.Context, s *shop.Shop, lines []Line) error {
	for _, l := range lines {
		s.Reader(0).Remove()
		if err := s.Reader(0).SetPace(l.Baud); err != nil {
			return err
		}
		took, err := quote(ctx, s)
		if err != nil {
			return fmt.Errorf("a quote at %d baud: %w", l.Baud, err)
		}
		r.QuoteByLine = append(r.QuoteByLine, over(took, l.IdentityLineMS))
	}
	return nil
}

// quote is how long it takes from the insertion to the answer, in milliseconds.
func quote(ctx context.Context, s *shop.Shop) (float64, error) {
	c := s.Client(0)
	defer c.Close()
	for { // until the reader is empty
		answer, err := c.Reader(ctx)
		if err != nil {
			return 0, err
		}
		if answer.Readers[0].State == "absent" {
			break
		}
		pause(ctx, 5*time.Millisecond)
	}
	asked := sale(0).SaleRequest
	asked.WaitSeconds = 30
	answered := make(chan error, 1)
	go func() {
		_, err := c.Quote(ctx, asked)
		answered <- err
	}()
	pause(ctx, 300*time.Millisecond) // for the request to be under way
	began := time.Now()
	s.Insert(0, 0)
	err := <-answered
	return micros(time.Since(began)) / 1000, err
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
