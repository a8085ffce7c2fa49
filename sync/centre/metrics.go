package centre

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of a centre. Labels name messages, never people or venues.
type metrics struct {
	messages *prometheus.CounterVec
	duration prometheus.Histogram

	booked     *prometheus.CounterVec
	repeated   prometheus.Counter
	faults     *prometheus.CounterVec
	allowances *prometheus.CounterVec
}

// What happens to the book, and to allowances.
const (
	bookedSettled   = "settled"
	bookedCancelled = "cancelled"
	bookedUndone    = "undone"

	allowanceGranted  = "granted"
	allowanceSpent    = "spent"
	allowanceRefilled = "refilled"
	allowanceReturned = "returned"
	allowanceExpired  = "expired"
)

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
	vector := func(name, help, label string, values ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gongji_centre_" + name, Help: help}, []string{label})
		for _, value := range values {
			v.WithLabelValues(value)
		}
		return v
	}
	m.booked = vector("booked_total", "Rows of the book by what became of them: settlements and cancellations that were booked, and rows undone by 2601.", "of",
		bookedSettled, bookedCancelled, bookedUndone)
	m.repeated = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "gongji_centre_repeated_total", Help: "Messages refused because their msgid is booked: copies, and answers that were lost on the way."})
	m.faults = vector("faults_total", "Faults that were rehearsed, by kind.", "kind")
	for _, kind := range faultKinds {
		m.faults.WithLabelValues(string(kind))
	}
	m.allowances = vector("allowance_yuan_total", "Money set aside for venues, spent by them, put back by what was undone, returned, and free again after its time.", "of",
		allowanceGranted, allowanceSpent, allowanceRefilled, allowanceReturned, allowanceExpired)
	for _, result := range []string{resultDone, resultRefused, resultFailed} {
		for infno := range answerers(nil) {
			m.messages.WithLabelValues(infno, result)
		}
		m.messages.WithLabelValues(otherInfno, result)
	}
	if registry != nil {
		registry.MustRegister(m.messages, m.duration, m.booked, m.repeated, m.faults, m.allowances)
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
