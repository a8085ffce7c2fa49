package nhsa

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// silentAfter is how long a message may be without an answer before the line counts as silent, long before the message
// itself is given up: until then a till would settle without the limits that hold offline.
const silentAfter = 3 * time.Second

// line remembers whether the centre can be reached, from every message whoever sent it. It begins as failing: what was
// never reached is not there.
type line struct {
	clock    func() time.Time
	mu       sync.Mutex
	known    bool
	failing  bool
	streak   int
	waiting  int       // messages without an answer yet
	since    time.Time // when the first of them left, or the last answer came
	watchers []func(offline bool)
}

// begin notes that a message leaves; end that its outcome is there.
func (l *line) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting == 0 {
		l.since = l.clock()
	}
	l.waiting++
}

func (l *line) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting--
}

func (l *line) silent() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failing || l.waiting > 0 && l.clock().Sub(l.since) > silentAfter
}

// contact records one contact and returns ok. Watchers hear of a change.
func (l *line) contact(ok bool) bool {
	l.mu.Lock()
	changed := l.failing == ok
	l.known, l.failing = true, !ok
	if ok {
		l.streak, l.since = 0, l.clock()
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

// Offline reports whether the last contact failed and nothing has succeeded since, whether there was no contact yet, or
// whether the centre has left messages without an answer for some seconds.
func (c *Client) Offline() bool { return c.line.silent() }

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
var Infnos = []string{
	InfnoSignIn, InfnoSignOut, InfnoPerson, InfnoInstitution, InfnoDictionary, InfnoBenefit,
	InfnoQuote, InfnoSettle, InfnoCancel, InfnoReverse,
	InfnoRegister, InfnoUnregister, InfnoVisit, InfnoVisitA, InfnoVisitB, InfnoFees, InfnoUnfees, InfnoClinicQuote, InfnoClinicSettle, InfnoClinicCancel,
	InfnoTotals, InfnoDetails, InfnoClearing, InfnoMapping, InfnoUnmapping, InfnoSold, InfnoReturned,
	InfnoVisits, InfnoSettlement, InfnoSettledLines, InfnoUpload, InfnoDownload,
	InfnoFamily, InfnoDelta, InfnoBinding, InfnoPremium,
}

type metrics struct {
	requests *prometheus.CounterVec
	took     *prometheus.HistogramVec
	last     prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gongji_upstream_requests_total",
			Help: "Messages to the centre by transaction number and result.",
		}, []string{"infno", "result"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gongji_upstream_request_duration_seconds",
			Help: "Time from sending a message to the centre to its outcome, by transaction number; what never left is not counted.",
			// The line is called silent after three seconds, and the message is given up after thirty unless configured otherwise.
			Buckets: []float64{.02, .1, .3, 1, 3, 10, 30},
		}, []string{"infno"}),
		last: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gongji_upstream_last_success_timestamp_seconds",
			Help: "When the centre last answered; 0 before the first answer.",
		}),
	}
	for _, infno := range Infnos {
		for _, result := range []string{"accepted", "refused", "unsent", "unknown"} {
			m.requests.WithLabelValues(infno, result)
		}
		m.took.WithLabelValues(infno)
	}
	if reg != nil {
		reg.MustRegister(m.requests, m.took, m.last)
	}
	return m
}

func (m *metrics) count(infno string, o Outcome, took time.Duration) {
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
	if o.Result != NotSent {
		m.took.WithLabelValues(infno).Observe(took.Seconds())
	}
}

func (m *metrics) success(at time.Time) { m.last.Set(float64(at.UnixMilli()) / 1000) }
