package session

import (
	"github.com/prometheus/client_golang/prometheus"

	"gongji/settle"
)

// refusalReasons are all values of the label reason; they exist from the start.
var refusalReasons = []settle.Code{
	settle.CardAbsent, settle.CardRemoved, settle.CardUnreadable, settle.CardNotSocialSecurity, settle.CardNeedsAuthentication,
	settle.CardExpiredCode, settle.CardReportedLost, settle.PersonCardMismatch, settle.PersonUnknown, settle.ReaderDown,
}

type metrics struct {
	refusals *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gongji_match_refusals_total",
		Help: "Requests refused because no card, or not the right card, was at the counter.",
	}, []string{"reason"})}
	for _, reason := range refusalReasons {
		m.refusals.WithLabelValues(string(reason))
	}
	reg.MustRegister(m.refusals)
	return m
}

// count adds one where err is a refusal of the card.
func (m *metrics) count(err error) {
	if err == nil {
		return
	}
	for _, reason := range refusalReasons {
		if isCode(err, reason) {
			m.refusals.WithLabelValues(string(reason)).Inc()
		}
	}
}
