package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"gongji/daemon/localapi"
)

// metricsServer exposes the registry on its own listener, which knows no token and holds no personal data.
type metricsServer struct {
	listener net.Listener // nil: none
	http     *http.Server
}

func (d *Daemon) openMetrics(context.Context) error {
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "gongji_build_info", Help: "Always 1; the labels say what is running.",
	}, []string{"version", "commit", "go"})
	info.WithLabelValues(d.o.Version, d.o.Commit, runtime.Version()).Set(1)
	d.o.Registry.MustRegister(info, warnings{d.health, d.o.Config.Data})
	d.metrics = &metricsServer{}
	address := d.o.Config.Listen.Metrics
	if address == "" {
		return nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("the metrics' port: %w", err)
	}
	mux := http.NewServeMux()
	// To pack what goes over the loopback costs more than everything else of a scrape.
	options := promhttp.HandlerOpts{Registry: d.o.Registry, DisableCompression: true}
	mux.Handle("GET /metrics", promhttp.HandlerFor(d.o.Registry, options))
	d.metrics.listener = localapi.CapConnections(listener, maxScrapers)
	d.metrics.http = &http.Server{
		Handler: loopbackHost(mux), ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10, DisableGeneralOptionsHandler: true,
	}
	d.later("metrics", func() error { return ignoreClosed(d.metrics.http.Close(), d.metrics.listener.Close()) })
	return nil
}

// maxScrapers is how many connections the metrics listener has at a time. Connections that nobody bounds are files that the ledger
// lacks.
const maxScrapers = 64

// loopbackHost refuses requests that a browser was tricked into (DNS rebinding): the metrics hold turnover.
func loopbackHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			http.Error(w, "misdirected request", http.StatusMisdirectedRequest)
			return
		}
		if r.Header.Get("Origin") != "" {
			http.Error(w, "not for web pages", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (m *metricsServer) url() string {
	if m == nil || m.listener == nil {
		return ""
	}
	return "http://" + m.listener.Addr().String() + "/metrics"
}

func (m *metricsServer) serve(ctx context.Context) error {
	if m.listener == nil {
		return nil
	}
	stop := context.AfterFunc(ctx, func() { _ = m.http.Close() })
	defer stop()
	if err := m.http.Serve(m.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// ignoreClosed leaves out what was closed before.
func ignoreClosed(errs ...error) error {
	var kept error
	for _, err := range errs {
		if err != nil && !errors.Is(err, net.ErrClosed) {
			kept = errors.Join(kept, err)
		}
	}
	return kept
}
