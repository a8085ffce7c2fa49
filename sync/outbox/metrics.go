package outbox

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gongji/settle"
)

// collector reads the outbox when the metrics are scraped, so that they are true at that moment and cost a backlog
// nothing while it drains.
type collector struct {
	w                                      *Worker
	unsent, yuan, oldest, unknown, offline *prometheus.Desc
}

func newCollector(w *Worker) *collector {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("gongji_"+name, help, nil, nil)
	}
	return &collector{
		w:       w,
		unsent:  desc("outbox_unsent", "Reports that the centre has not acknowledged, unknown ones included."),
		yuan:    desc("outbox_unsent_yuan", "Account money in the reports that are not acknowledged."),
		oldest:  desc("outbox_oldest_unsent_timestamp_seconds", "When the oldest report that is not acknowledged was made; 0 when there is none."),
		unknown: desc("outbox_unknown", "Reports that were sent and whose outcome is open."),
		offline: desc("offline_mode", "1 while the last contact with the centre failed and nothing has succeeded since."),
	}
}

// Describe lists the metrics.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{c.unsent, c.yuan, c.oldest, c.unknown, c.offline} {
		out <- desc
	}
}

// Collect reads the outbox within two seconds; a store that does not answer shows as a failed scrape of these series.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value float64) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value)
	}
	down := 0.0
	if c.w.Offline() {
		down = 1
	}
	gauge(c.offline, down)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	totals, err := c.w.options.Store.OutboxTotals(ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(c.unsent, err)
		return
	}
	gauge(c.unsent, float64(totals.Unsent))
	gauge(c.yuan, yuan(totals.UnsentAmount))
	gauge(c.unknown, float64(totals.Unknown))
	oldest := 0.0
	if !totals.OldestUnsent.IsZero() {
		oldest = float64(totals.OldestUnsent.UnixMilli()) / 1000
	}
	gauge(c.oldest, oldest)
}

// yuan is for display in metrics only; nothing is computed with it.
func yuan(fen settle.Fen) float64 { return float64(fen) / 100 }
