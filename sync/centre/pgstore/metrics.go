package pgstore

import (
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// metrics of a store.
type metrics struct {
	transactions *prometheus.CounterVec
	retries      *prometheus.CounterVec
}

// Label values.
const (
	committed = "committed"
	failed    = "failed"

	retrySerialization = "serialization"
	retryDeadlock      = "deadlock"
	retryDuplicate     = "duplicate"
)

func newMetrics() *metrics {
	m := &metrics{
		transactions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gongji_centre_transactions_total", Help: "Database transactions by result; one that starts again counts once."}, []string{"result"}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gongji_centre_retries_total", Help: "Database transactions that started again, by reason."}, []string{"reason"}),
	}
	for _, result := range []string{committed, failed} {
		m.transactions.WithLabelValues(result)
	}
	for _, reason := range []string{retrySerialization, retryDeadlock, retryDuplicate} {
		m.retries.WithLabelValues(reason)
	}
	return m
}

func (m *metrics) register(registry prometheus.Registerer, pool *pgxpool.Pool) {
	gauge := func(name, help string, value func(*pgxpool.Stat) int32) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(value(pool.Stat())) })
	}
	registry.MustRegister(m.transactions, m.retries,
		gauge("gongji_centre_connections_in_use", "Database connections that a transaction has.", (*pgxpool.Stat).AcquiredConns),
		gauge("gongji_centre_connections_max", "Database connections that this process may have.", (*pgxpool.Stat).MaxConns),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "gongji_centre_connection_waits_total", Help: "Transactions that waited for a connection."},
			func() float64 { return float64(pool.Stat().EmptyAcquireCount()) }))
}
