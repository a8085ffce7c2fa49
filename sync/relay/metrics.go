package relay

import "github.com/prometheus/client_golang/prometheus"

// serverMetrics count what passes the centre's end.
type serverMetrics struct {
	reports, asks, repeated, refused, lost, notices prometheus.Counter
}

func newServerMetrics(reg prometheus.Registerer) *serverMetrics {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "gongji_centre_relay_" + name, Help: help})
		if reg != nil {
			reg.MustRegister(c)
		}
		return c
	}
	return &serverMetrics{
		reports:  counter("reports_total", "Messages of the stream that were done and answered."),
		asks:     counter("asks_total", "Messages beside the stream that were answered."),
		repeated: counter("repeated_total", "Deliveries of messages that were answered already."),
		refused:  counter("refused_total", "Messages refused before the centre: in another venue's name, or no envelope."),
		lost:     counter("answers_lost_total", "Answers that could not leave."),
		notices:  counter("notices_total", "Urgent changes told to all venues."),
	}
}
