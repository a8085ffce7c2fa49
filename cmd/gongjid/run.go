package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"
	"gopkg.in/natefinch/lumberjack.v2"

	"gongji/config"
	"gongji/daemon"
)

func runCommand() *cobra.Command {
	var file, level, logFile string
	cmd := &cobra.Command{
		Use:     "run --config FILE",
		Short:   "Run the daemon",
		Long:    "Runs the daemon in the foreground until it gets SIGINT or SIGTERM. Logs are JSON lines on standard error, or in\n--log-file, which is kept to some files of some size. Under systemd (Type=notify) it says when it serves and, with WatchdogSec,\nthat it still makes progress; started by the Windows service manager it is a service.",
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
			log := slog.New(slog.NewJSONHandler(logTo(logFile), &slog.HandlerOptions{Level: threshold}))
			return runAsStarted(cmd.Context(), log, func(ctx context.Context, s supervisor) error { return serve(ctx, c, log, s) })
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "configuration file (config/gongjid.example.yaml documents every key)")
	cmd.Flags().StringVar(&logFile, "log-file", "", "write the log to this file instead of standard error")
	cmd.Flags().StringVar(&level, "log-level", "info", "debug, info, warn or error")
	return cmd
}

// The log's files: enough for some weeks of a busy shop.
const (
	logMegabytes = 20
	logFiles     = 10
)

// logTo is where the log goes. A file is rotated by lumberjack: small, stable for years, and the one that everybody uses.
func logTo(file string) io.Writer {
	if file == "" {
		return os.Stderr
	}
	return &lumberjack.Logger{Filename: file, MaxSize: logMegabytes, MaxBackups: logFiles}
}

// serve is one daemon from start to end.
func serve(ctx context.Context, c *config.Config, log *slog.Logger, s supervisor) error {
	options := daemonOptions(c, log)
	options.OnServing = s.serving
	daemon.UseMemory()
	daemon.UseProcessors()
	d, err := daemon.New(ctx, options)
	if err != nil {
		return err
	}
	watching, stop := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { watchOver(watching, d, s, log) })
	err = d.Run(ctx)
	stop()
	watch.Wait()
	return err
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
