package relay

import "github.com/prometheus/client_golang/prometheus"

// serverMetrics count what passes the centre's end.
type serverMetrics struct {
	reports, asks, repeated, refused, lost, notices, news, told prometheus.Counter

	listeners, waiting, oldest prometheus.Gauge

	latency prometheus.Histogram
}

func newServerMetrics(reg prometheus.Registerer) *serverMetrics {
	counter := func(name, help string) prometheus.Counter {
		return registered(reg, prometheus.NewCounter(prometheus.CounterOpts{Name: "gongji_centre_relay_" + name, Help: help}))
	}
	gauge := func(name, help string) prometheus.Gauge {
		return registered(reg, prometheus.NewGauge(prometheus.GaugeOpts{Name: "gongji_centre_relay_" + name, Help: help}))
	}
	return &serverMetrics{
		reports:   counter("reports_total", "Messages of the stream that were done and answered."),
		asks:      counter("asks_total", "Messages beside the stream that were answered."),
		repeated:  counter("repeated_total", "Deliveries of messages that were answered already."),
		refused:   counter("refused_total", "Messages refused before the centre: in another venue's name, or no envelope."),
		lost:      counter("answers_lost_total", "Answers that could not leave."),
		notices:   counter("notices_total", "Urgent changes that made venues pull, and those that were told as news."),
		news:      counter("news_total", "News: urgent changes told in full."),
		told:      counter("news_sent_total", "News by venue that it was sent to."),
		listeners: gauge("venues", "Venues' lines that have said in the last minutes that they listen to this process."),
		waiting:   gauge("waiting", "Reports in the stream that are not acknowledged yet, by any process."),
		oldest:    gauge("oldest_waiting_timestamp_seconds", "When the oldest of them came; 0 where none waits."),
		latency: registered(reg, prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "gongji_centre_relay_news_delay_seconds", Help: "From the look before the one that found an urgent change until it was on its way to every venue: the most it can have waited.",
			Buckets: []float64{.05, .1, .25, .5, .75, 1, 1.5, 2, 3, 5, 10}})),
	}
}

func registered[C prometheus.Collector](reg prometheus.Registerer, c C) C {
	if reg != nil {
		reg.MustRegister(c)
	}
	return c
}
