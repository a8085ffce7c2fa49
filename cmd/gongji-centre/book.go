package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"gongji/sync/centre"
	"gongji/sync/centre/pgstore"
)

// openBook opens where the book is kept: a database where the command line names one, else the folder's journal.
func openBook(ctx context.Context, s settings, registry prometheus.Registerer, options *centre.Options) (closeBook func(), err error) {
	options.Registry = registry
	if s.store == "" {
		journal, err := centre.OpenJournal(s.data)
		if err != nil {
			return nil, err
		}
		options.Journal = journal
		return func() { _ = journal.Close() }, nil // every entry is on disk already
	}
	store, err := pgstore.Open(ctx, pgstore.Options{
		URL: s.store, Registry: registry, Restored: s.restored, Key: func(fresh bool) ([]byte, error) { return centre.OpenKey(s.data, fresh) },
	})
	if err != nil {
		return nil, err
	}
	options.Store = store
	return store.Close, nil
}

// readyWithin is how long a check of the store may take.
const readyWithin = 2 * time.Second

// watch serves metrics and health on an address of its own until the returned function is called.
func watch(address string, c *centre.Centre, registry *prometheus.Registry) (at net.Addr, end func(), err error) {
	ready := func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, readyWithin)
		defer cancel()
		return c.Ready(ctx)
	}
	registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gongji_centre_ready", Help: "1 where messages could be answered now."}, func() float64 {
		if ready(context.Background()) != nil {
			return 0
		}
		return 1
	}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "alive") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := ready(r.Context()); err != nil {
			http.Error(w, "not ready: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot listen on %s: %w", address, err)
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	return listener.Addr(), func() {
		_ = errors.Join(server.Close(), <-served) // it ends because it was told to
	}, nil
}
