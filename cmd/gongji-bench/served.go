package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	_ "net/http/pprof" // served by run --profiles only
	"os"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"

	"gongji/cmd/gongji-bench/baseline"
	"gongji/config"
	"gongji/daemon"
)

// slowed are the flags of the servers that a measurement runs as processes.
type slowed struct {
	by    time.Duration
	syncs string // file for the number of fsyncs; empty: they are not counted
}

func (s *slowed) flags(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&s.by, "slow", 0, "what is added to every fsync; 0: the disk is left alone, and nothing is counted")
	cmd.Flags().StringVar(&s.syncs, "syncs", "", "file for the number of fsyncs")
}

// around runs a server on a directory whose disk is as slow as was asked for.
func (s *slowed) around(dir string, serve func() error) error {
	if s.by <= 0 {
		return serve()
	}
	count, err := slowDisk(dir, s.by)
	if err != nil {
		return err
	}
	err = serve()
	if s.syncs == "" {
		return err
	}
	return errors.Join(err, os.WriteFile(s.syncs, []byte(strconv.Itoa(count())), 0o600))
}

// runCommand is `gongjid run` on a slowed disk, for which a shim must live in the daemon's own process.
func runCommand() *cobra.Command {
	var file, profiles string
	var s slowed
	cmd := &cobra.Command{
		Use: "run --config FILE", Short: "the daemon on a slowed disk or with its profiles served, for measure", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := config.Load(file)
			if err != nil {
				return err
			}
			daemon.UseMemory()
			daemon.UseProcessors()
			return s.around(c.Data, func() error {
				registry := prometheus.NewRegistry()
				registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
				d, err := daemon.New(cmd.Context(), daemon.Options{
					Config: c, Logger: slog.New(slog.NewJSONHandler(os.Stderr, nil)), Registry: registry, Version: "measured",
				})
				if err != nil {
					return err
				}
				if err := serveProfiles(profiles); err != nil {
					return err
				}
				return d.Run(cmd.Context())
			})
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "configuration file")
	cmd.Flags().StringVar(&profiles, "profiles", "", "unix socket on which the runtime's profiles are served")
	s.flags(cmd)
	return cmd
}

// serveProfiles serves the runtime's profiles on a unix socket until the process ends. The daemon itself never does: a profile
// is nobody's business at a counter.
func serveProfiles(socket string) error {
	if socket == "" {
		return nil
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: http.DefaultServeMux, ReadHeaderTimeout: 5 * time.Second}
	go server.Serve(listener) //nolint:errcheck // ends with the process
	return nil
}

// byHandCommand is a server by hand.
func byHandCommand() *cobra.Command {
	var dir, form string
	var patients int
	var s slowed
	cmd := &cobra.Command{
		Use: "by-hand --form FORM --dir DIR", Short: "a server as one writes it by hand, for measure", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.around(dir, func() error { return serveByHand(cmd.Context(), dir, baseline.Form(form), patients) })
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "data directory")
	cmd.Flags().StringVar(&form, "form", string(baseline.WAL), "rollback or wal")
	cmd.Flags().IntVar(&patients, "patients", 64, "patients with two relatives each")
	s.flags(cmd)
	return cmd
}

func serveByHand(ctx context.Context, dir string, form baseline.Form, patients int) (err error) {
	store, err := baseline.Open(dir, form)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := store.Seed(patients); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: baseline.Handler(store), ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	fmt.Printf("listening on %s\n", listener.Addr())
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	return server.Close()
}
