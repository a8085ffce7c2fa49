package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"gongji/config"
	"gongji/sync/relay"
)

// natsSettings say how the centre serves over message servers, besides HTTP.
type natsSettings struct {
	servers, plain       []string
	creds, seed          string
	ca, certificate, key string
	prefix               string
	replicas             int
	venueMessages        int64
}

func (n *natsSettings) flags(command *cobra.Command) {
	flags := command.Flags()
	flags.StringSliceVar(&n.servers, "nats", nil, "message servers to serve venues over as well: tls://host:port[,…]; nats:// for this machine and --nats-plain")
	flags.StringSliceVar(&n.plain, "nats-plain", nil, "hosts that may be spoken to without TLS")
	flags.StringVar(&n.creds, "nats-creds", "", "credentials file (JWT and seed), chmod 600")
	flags.StringVar(&n.seed, "nats-nkey", "", "seed file, instead of --nats-creds")
	flags.StringVar(&n.ca, "nats-ca", "", "root of the message servers' certificates; empty: the system's")
	flags.StringVar(&n.certificate, "nats-cert", "", "client certificate towards the message servers")
	flags.StringVar(&n.key, "nats-key", "", "its key")
	flags.StringVar(&n.prefix, "nats-prefix", relay.DefaultPrefix, "first words of every subject, as the venues' upstream.nats.subject_prefix")
	flags.IntVar(&n.replicas, "nats-replicas", 1, "message servers that hold a report: 1, or 3 or 5 of a cluster")
	flags.Int64Var(&n.venueMessages, "nats-venue-messages", 0, "reports of one venue that may wait in the stream; 0: 1000")
}

// endpoint reads the secret files; one that is open to others is refused.
func (n *natsSettings) endpoint() (end relay.Endpoint, err error) {
	end = relay.Endpoint{Servers: n.servers, AllowPlain: n.plain}
	if n.creds != "" {
		if end.Creds, err = config.ReadSecret(n.creds); err != nil {
			return end, err
		}
	}
	if n.seed != "" {
		if end.Seed, err = config.ReadSecret(n.seed); err != nil {
			return end, err
		}
	}
	if n.ca == "" && n.certificate == "" {
		return end, nil
	}
	end.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	if n.ca != "" {
		pem, err := os.ReadFile(n.ca)
		if err != nil {
			return end, fmt.Errorf("--nats-ca: %w", err)
		}
		end.TLS.RootCAs = x509.NewCertPool()
		if !end.TLS.RootCAs.AppendCertsFromPEM(pem) {
			return end, errors.New("--nats-ca holds no certificate")
		}
	}
	if n.certificate != "" {
		if _, err := config.ReadSecret(n.key); err != nil {
			return end, err
		}
		pair, err := tls.LoadX509KeyPair(n.certificate, n.key)
		if err != nil {
			return end, fmt.Errorf("--nats-cert: %w", err)
		}
		end.TLS.Certificates = []tls.Certificate{pair}
	}
	return end, nil
}

// serve feeds the handler from the message servers until ctx ends; ended waits for the messages under way. Without --nats it
// does nothing.
func (n *natsSettings) serve(ctx context.Context, handler http.Handler, log *slog.Logger, registry prometheus.Registerer) (ended func(), err error) {
	if len(n.servers) == 0 {
		return func() {}, nil
	}
	if n.replicas != 1 && n.replicas != 3 && n.replicas != 5 {
		return nil, wrongUsage{errors.New("--nats-replicas must be 1, 3 or 5")}
	}
	end, err := n.endpoint()
	if err != nil {
		return nil, err
	}
	server, err := relay.NewServer(relay.ServerOptions{
		Endpoint: end, Prefix: n.prefix, Handler: handler, Logger: log, Registerer: registry,
		Bounds: relay.Bounds{Replicas: n.replicas, Venue: n.venueMessages},
		Watch:  relay.WatchOptions{Observer: fmt.Sprintf("%s%07d", observers, rand.N(10_000_000))}, //nolint:gosec // no secret
	})
	if err != nil {
		return nil, err
	}
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	return func() {
		if err := <-done; err != nil {
			log.Warn("the end over message servers", "err", err.Error())
		}
	}, nil
}

// observers begins the venue codes under which the centre is asked several times a second whether something urgent has changed.
// Each process has its own: in a database a venue's messages stand behind each other.
const observers = "P0000"

// withoutObserver is a log without the answers to that question.
type withoutObserver struct{ slog.Handler }

func (h withoutObserver) Handle(ctx context.Context, record slog.Record) error {
	quiet := false
	record.Attrs(func(a slog.Attr) bool {
		quiet = a.Key == "msgid" && strings.HasPrefix(a.Value.String(), observers)
		return !quiet
	})
	if quiet && record.Level <= slog.LevelInfo {
		return nil
	}
	return h.Handler.Handle(ctx, record)
}

func (h withoutObserver) WithAttrs(attrs []slog.Attr) slog.Handler {
	return withoutObserver{h.Handler.WithAttrs(attrs)}
}

func (h withoutObserver) WithGroup(name string) slog.Handler {
	return withoutObserver{h.Handler.WithGroup(name)}
}
