//go:build !windows

package main

import (
	"context"
	"log/slog"

	"github.com/spf13/cobra"
)

// runAsStarted runs the daemon for whoever started it.
func runAsStarted(ctx context.Context, log *slog.Logger, run func(context.Context, supervisor) error) error {
	return run(ctx, startedBy(log))
}

// serviceCommands are commands of a system's service manager. Here a package brings the unit, and systemctl the commands.
func serviceCommands() []*cobra.Command { return nil }
