package cardreader

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// The results of a reading, as label values.
const (
	resultOK        = "ok"
	resultLocked    = "needs_authentication"
	resultStranger  = "not_social_security"
	resultBad       = "unreadable"
	resultRemoved   = "removed"
	resultNoReader  = "reader_down"
	labelReader     = "reader"
	labelResult     = "result"
	metricNamespace = "gongji"
)

var results = []string{resultOK, resultLocked, resultStranger, resultBad, resultRemoved, resultNoReader}

// metrics are the collectors shared by all readers of one registry.
type metrics struct {
	up, present *prometheus.GaugeVec
	reads       *prometheus.CounterVec
	duration    prometheus.Histogram
}

// newMetrics registers the collectors, or finds them when another reader has.
func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		up: prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: metricNamespace, Name: "reader_up",
			Help: "1 while the reader answers."}, []string{labelReader}),
		present: prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: metricNamespace, Name: "reader_card_present",
			Help: "1 while a card is in the reader, readable or not."}, []string{labelReader}),
		reads: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: metricNamespace, Name: "card_reads_total",
			Help: "Cards read, by how it ended."}, []string{labelReader, labelResult}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: metricNamespace, Name: "card_read_duration_seconds",
			Help:    "Time from noticing a card to knowing whose it is, or that it cannot be read.",
			Buckets: []float64{0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8, 1.2, 2, 4, 8}}),
	}
	if reg == nil {
		return m, nil
	}
	var err error
	m.up = register(reg, m.up, &err)
	m.present = register(reg, m.present, &err)
	m.reads = register(reg, m.reads, &err)
	m.duration = register(reg, m.duration, &err)
	return m, err
}

// register returns the collector, or the equal one that is registered already.
func register[C prometheus.Collector](reg prometheus.Registerer, c C, err *error) C {
	e := reg.Register(c)
	var already prometheus.AlreadyRegisteredError
	if errors.As(e, &already) {
		if old, ok := already.ExistingCollector.(C); ok {
			return old
		}
	}
	if e != nil {
		*err = errors.Join(*err, fmt.Errorf("cardreader: register metrics: %w", e))
	}
	return c
}

// start makes every label value of a reader exist.
func (m *metrics) start(reader string) {
	m.up.WithLabelValues(reader).Set(0)
	m.present.WithLabelValues(reader).Set(0)
	for _, r := range results {
		m.reads.WithLabelValues(reader, r)
	}
}

// show sets the gauges to a state.
func (m *metrics) show(reader string, s State) {
	m.up.WithLabelValues(reader).Set(b2f(s != StateDown))
	m.present.WithLabelValues(reader).Set(b2f(s == StateReading || s == StatePresent || s == StateFault))
}

func b2f(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
