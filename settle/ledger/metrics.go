package ledger

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gongji/settle"
)

// scrapeTimeout bounds how long a scrape may wait for the database.
const scrapeTimeout = 2 * time.Second

// The values of settlements_total's label result.
const (
	resultSettled  = "settled"
	resultReplayed = "replayed"
	resultRefused  = "refused"
	resultFailed   = "failed"
)

// refusals are the codes with which Settle refuses besides RULE_REFUSED.
var refusals = []settle.Code{
	settle.PersonUnknown, settle.LedgerStale, settle.OfflineLimit, settle.QuoteChanged, settle.IdempotencyConflict,
	settle.BadRequest, settle.PersonCardMismatch, settle.CardReportedLost, settle.CardExpiredCode, settle.CardRemoved,
	settle.CardAbsent, settle.ReaderDown,
}

// otherRefusal stands for whatever else Confirm may answer, so that label values stay a fixed set.
const otherRefusal = "other"

// metrics are what the ledger counts. Yuan in metrics are floating-point by their format and are never read back.
type metrics struct {
	registerer       prometheus.Registerer
	registered       []prometheus.Collector
	settlements      *prometheus.CounterVec
	settleDuration   prometheus.Histogram
	yuan             *prometheus.CounterVec
	snapshotAt       prometheus.Gauge
	verifiedAt       prometheus.Gauge
	batchSize        prometheus.Histogram
	commitDuration   prometheus.Histogram
	clockCorrections prometheus.Counter
	stagedFacts      prometheus.Gauge
	movedFacts       prometheus.Gauge
}

func newMetrics(registerer prometheus.Registerer, l *Ledger) (*metrics, error) {
	m := &metrics{
		registerer: registerer,
		settlements: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gongji_settlements_total", Help: "Settlement requests by result and, where refused, by reason.",
		}, []string{"result", "reason"}),
		settleDuration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "gongji_settle_duration_seconds", Help: "Time from a settlement request to its answer, on disk.",
			Buckets: prometheus.ExponentialBuckets(0.0002, 2, 15),
		}),
		yuan: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gongji_settled_yuan_total", Help: "Yuan settled by source; returns are not subtracted.",
		}, []string{"source"}),
		snapshotAt: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gongji_ledger_snapshot_timestamp_seconds", Help: "Centre time of the newest snapshot applied; 0 for none.",
		}),
		verifiedAt: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gongji_chain_verified_timestamp_seconds", Help: "When the hash chain was last verified without a finding; 0 for never.",
		}),
		batchSize: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "gongji_commit_batch_size", Help: "Requests in one commit.", Buckets: prometheus.ExponentialBuckets(1, 2, 9),
		}),
		commitDuration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "gongji_commit_duration_seconds", Help: "Time that the disk takes to make a transaction lasting.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}),
		clockCorrections: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gongji_clock_correction_total", Help: "Times the centre's time corrected the high-water clock.",
		}),
	}
	m.stagedFacts = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "gongji_snapshot_staged_facts", Help: "Facts of the latest large snapshot that have been gathered.",
	})
	m.movedFacts = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "gongji_snapshot_moved_facts", Help: "Facts of the latest large snapshot that are in their place.",
	})
	m.fill()
	return m, m.register(l)
}

// fill makes every label value exist from the start.
func (m *metrics) fill() {
	m.settlements.WithLabelValues(resultSettled, "")
	m.settlements.WithLabelValues(resultReplayed, "")
	for reason := range settle.ReasonSentences {
		if reason[0] == 'E' {
			m.settlements.WithLabelValues(resultRefused, string(reason))
		}
	}
	for _, code := range refusals {
		m.settlements.WithLabelValues(resultRefused, string(code))
	}
	m.settlements.WithLabelValues(resultRefused, otherRefusal)
	m.settlements.WithLabelValues(resultFailed, string(settle.StoreFull))
	m.settlements.WithLabelValues(resultFailed, string(settle.StoreBroken))
	for _, source := range []string{"own", "shared", "cash", "fund"} {
		m.yuan.WithLabelValues(source)
	}
}

func (m *metrics) register(l *Ledger) error {
	for _, c := range []prometheus.Collector{
		m.settlements, m.settleDuration, m.yuan, m.snapshotAt, m.verifiedAt, m.batchSize, m.commitDuration, m.clockCorrections, m.stagedFacts, m.movedFacts,
		&standing{ledger: l}, &differing{ledger: l},
	} {
		if err := m.registerer.Register(c); err != nil {
			m.unregister()
			return err
		}
		m.registered = append(m.registered, c)
	}
	return nil
}

// unregister lets the directory be opened again under the same registry.
func (m *metrics) unregister() {
	for _, c := range m.registered {
		m.registerer.Unregister(c)
	}
	m.registered = nil
}

// countSettle counts one request by what became of it.
func (m *metrics) countSettle(replayed bool, err error) {
	switch {
	case err == nil && replayed:
		m.settlements.WithLabelValues(resultReplayed, "").Inc()
	case err == nil:
		m.settlements.WithLabelValues(resultSettled, "").Inc()
	case !refused(err):
		m.settlements.WithLabelValues(resultFailed, string(settle.CodeOf(err))).Inc()
	default:
		m.settlements.WithLabelValues(resultRefused, refusalLabel(err)).Inc()
	}
}

func refusalLabel(err error) string {
	if reason := settle.ReasonOf(err); reason != "" {
		if _, known := settle.ReasonSentences[reason]; known {
			return string(reason)
		}
	}
	for _, code := range refusals {
		if settle.CodeOf(err) == code {
			return string(code)
		}
	}
	return otherRefusal
}

// observeBatch counts one commit; one that only wrote the clock is none.
func (m *metrics) observeBatch(requests int) {
	if requests > 0 {
		m.batchSize.Observe(float64(requests))
	}
}

// countStaged and countMoved show how far a large snapshot has come, in facts.
func (m *metrics) countStaged(facts int) { m.stagedFacts.Set(float64(facts)) }

func (m *metrics) countMoved(facts int) { m.movedFacts.Set(float64(facts)) }

// setInstant shows a stored instant, in seconds as the format wants it; 0 for none.
func setInstant(gauge prometheus.Gauge, ms int64) { gauge.Set(float64(ms) / 1000) }

func (m *metrics) addYuan(fig *settle.Figures) {
	for source, amount := range map[string]settle.Fen{"own": fig.Own, "shared": fig.Shared, "cash": fig.Cash, "fund": fig.Fund} {
		m.yuan.WithLabelValues(source).Add(float64(amount) / 100)
	}
}

// standing are the gauges that are read from the database when they are asked for, so that they are right whoever
// changed it.
type standing struct{ ledger *Ledger }

var (
	atRiskDesc    = prometheus.NewDesc("gongji_at_risk_yuan", "Account money settled offline beyond allowances and not yet booked by the centre.", nil, nil)
	allowanceDesc = prometheus.NewDesc("gongji_allowance_unspent_yuan", "Account money that the centre guarantees this venue offline and that is not spent yet.", nil, nil)
	attentionDesc = prometheus.NewDesc("gongji_attention_items", "Items that wait for a person's decision.", []string{"kind"}, nil)
)

// Describe implements prometheus.Collector.
func (s *standing) Describe(ch chan<- *prometheus.Desc) {
	ch <- atRiskDesc
	ch <- allowanceDesc
	ch <- attentionDesc
}

// Collect implements prometheus.Collector. A database that does not answer is a scrape error, not a wrong number.
func (s *standing) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	var risk, guaranteed settle.Fen
	open := map[AttentionKind]int{}
	err := s.ledger.read(ctx, func(t *tx) error {
		var riskErr error
		risk, riskErr = t.atRisk()
		return errors.Join(riskErr, t.allowancesLeft(&guaranteed), t.each("SELECT kind, COUNT(*) FROM attention WHERE closed IS NULL GROUP BY kind", nil,
			func(scan func(dest ...any) error) error {
				var kind AttentionKind
				var n int
				err := scan(&kind, &n)
				open[kind] = n
				return err
			}))
	})
	if err != nil {
		ch <- prometheus.NewInvalidMetric(atRiskDesc, err)
		ch <- prometheus.NewInvalidMetric(allowanceDesc, err)
		ch <- prometheus.NewInvalidMetric(attentionDesc, err)
		return
	}
	ch <- prometheus.MustNewConstMetric(atRiskDesc, prometheus.GaugeValue, float64(risk)/100)
	ch <- prometheus.MustNewConstMetric(allowanceDesc, prometheus.GaugeValue, float64(guaranteed)/100)
	for _, kind := range AttentionKinds {
		ch <- prometheus.MustNewConstMetric(attentionDesc, prometheus.GaugeValue, float64(open[kind]), string(kind))
	}
}
