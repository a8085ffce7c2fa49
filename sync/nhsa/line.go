package nhsa

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// line remembers whether the centre can be reached, from every message whoever sent it.
type line struct {
	mu       sync.Mutex
	known    bool
	failing  bool
	streak   int
	watchers []func(offline bool)
}

// contact records one contact and returns ok. Watchers hear of a change.
func (l *line) contact(ok bool) bool {
	l.mu.Lock()
	changed := l.failing == ok
	l.known, l.failing = true, !ok
	if ok {
		l.streak = 0
	} else {
		l.streak++
	}
	watchers := l.watchers
	l.mu.Unlock()
	if changed {
		for _, watch := range watchers {
			watch(!ok)
		}
	}
	return ok
}

// Offline reports whether the last contact failed and nothing has succeeded since. Before the first contact it is
// false: nothing speaks against the line yet.
func (c *Client) Offline() bool {
	c.line.mu.Lock()
	defer c.line.mu.Unlock()
	return c.line.failing
}

// Failures is how many contacts have failed in a row, and whether there was any contact at all.
func (c *Client) Failures() (streak int, known bool) {
	c.line.mu.Lock()
	defer c.line.mu.Unlock()
	return c.line.streak, c.line.known
}

// Watch calls back whenever the line is lost or found again. The function must not block.
func (c *Client) Watch(changed func(offline bool)) {
	c.line.mu.Lock()
	defer c.line.mu.Unlock()
	c.line.watchers = append(c.line.watchers, changed)
}

// Infnos are the transaction numbers that this package speaks; the metrics have a series for each from the start.
var Infnos = []string{InfnoSignIn, InfnoPerson, InfnoSettle, InfnoCancel, InfnoReverse, InfnoFamily, InfnoDelta}

type metrics struct {
	requests *prometheus.CounterVec
	last     prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gongji_upstream_requests_total",
			Help: "Messages to the centre by transaction number and result.",
		}, []string{"infno", "result"}),
		last: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gongji_upstream_last_success_timestamp_seconds",
			Help: "When the centre last answered; 0 before the first answer.",
		}),
	}
	for _, infno := range Infnos {
		for _, result := range []string{"accepted", "refused", "unsent", "unknown"} {
			m.requests.WithLabelValues(infno, result)
		}
	}
	if reg != nil {
		reg.MustRegister(m.requests, m.last)
	}
	return m
}

func (m *metrics) count(infno string, o Outcome) {
	result := "unknown"
	switch {
	case o.Done():
		result = "accepted"
	case o.Refused():
		result = "refused"
	case o.Result == NotSent:
		result = "unsent"
	}
	m.requests.WithLabelValues(infno, result).Inc()
}

func (m *metrics) success(at time.Time) { m.last.Set(float64(at.UnixMilli()) / 1000) }
