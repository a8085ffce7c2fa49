package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"

	"gongji/config"
	"gongji/daemon"
)

func runCommand() *cobra.Command {
	var file, level string
	cmd := &cobra.Command{
		Use:     "run --config FILE",
		Short:   "Run the daemon",
		Long:    "Runs the daemon in the foreground until it gets SIGINT or SIGTERM. Logs are JSON lines on standard error.",
		Example: "  gongjid run --config /etc/gongji/gongjid.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needFlag(cmd, "config"); err != nil {
				return err
			}
			var threshold slog.Level
			if err := threshold.UnmarshalText([]byte(level)); err != nil {
				return fmt.Errorf("%w: --log-level is debug, info, warn or error", errUsage)
			}
			c, err := config.Load(file)
			if err != nil {
				return err
			}
			return serve(cmd.Context(), c, slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: threshold})))
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "configuration file (config/gongjid.example.yaml documents every key)")
	cmd.Flags().StringVar(&level, "log-level", "info", "debug, info, warn or error")
	return cmd
}

// serve is one daemon from start to end.
func serve(ctx context.Context, c *config.Config, log *slog.Logger) error {
	d, err := daemon.New(ctx, daemonOptions(c, log))
	if err != nil {
		return err
	}
	return d.Run(ctx)
}

// daemonOptions are what every daemon of this program has in common.
func daemonOptions(c *config.Config, log *slog.Logger) daemon.Options {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return daemon.Options{Config: c, Logger: log, Registry: registry, Version: version, Commit: commit()}
}

// quietLog drops everything but faults, for commands whose output a person reads.
func quietLog(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelError}))
}
