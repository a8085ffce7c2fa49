//go:build !linux

package main

import (
	"log/slog"
	"time"
)

// nobody started the daemon: a person at a terminal, or a supervisor that asks nothing.
type nobody struct{}

func (nobody) serving()             {}
func (nobody) every() time.Duration { return 0 }
func (nobody) alive()               {}
func (nobody) ending()              {}

// startedBy is the supervisor of this process: none that would be told.
func startedBy(*slog.Logger) supervisor { return nobody{} }
