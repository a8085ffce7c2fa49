package centre

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of a centre. Labels name messages, never people or venues.
type metrics struct {
	messages *prometheus.CounterVec
	duration prometheus.Histogram
}

// The results of a message.
const (
	resultDone    = "done"
	resultRefused = "refused"
	resultFailed  = "failed"
)

// otherInfno stands for every number that this centre does not answer, so that a stranger cannot make labels.
const otherInfno = "other"

func newMetrics(registry prometheus.Registerer) *metrics {
	m := &metrics{
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gongji_centre_messages_total", Help: "Messages answered, by number and result; failed ones were answered with HTTP 500."}, []string{"infno", "result"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "gongji_centre_message_duration_seconds", Help: "Time to decide a message, transactions that started again included.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}}),
	}
	for _, result := range []string{resultDone, resultRefused, resultFailed} {
		for infno := range answerers(nil) {
			m.messages.WithLabelValues(infno, result)
		}
		m.messages.WithLabelValues(otherInfno, result)
	}
	if registry != nil {
		registry.MustRegister(m.messages, m.duration)
	}
	return m
}

func (m *metrics) message(known map[string]answerer, infno string, err error, refused bool, took time.Duration) {
	if known[infno] == nil {
		infno = otherInfno
	}
	result := resultDone
	switch {
	case refused:
		result = resultRefused
	case err != nil:
		result = resultFailed
	}
	m.messages.WithLabelValues(infno, result).Inc()
	m.duration.Observe(took.Seconds())
}
