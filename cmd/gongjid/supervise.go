package main

import (
	"context"
	"log/slog"
	"time"

	"gongji/daemon"
)

// supervisor is whoever started the daemon and wants to know how it does: systemd, the Windows service manager, or
// nobody.
type supervisor interface {
	// serving: everything runs.
	serving()
	// every is how often alive is expected; 0: never.
	every() time.Duration
	// alive: the daemon made progress just now.
	alive()
	// ending: the daemon stops, in order.
	ending()
}

// watchOver tells the supervisor that the daemon is alive as long as it really makes progress: a daemon that hangs is
// started anew. It returns when ctx ends.
func watchOver(ctx context.Context, d *daemon.Daemon, s supervisor, log *slog.Logger) {
	every := s.every()
	if every <= 0 {
		<-ctx.Done()
		s.ending()
		return
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			s.ending()
			return
		case <-ticker.C:
		}
		asking, stop := context.WithTimeout(ctx, every)
		err := d.Progress(asking)
		stop()
		switch {
		case err == nil:
			s.alive()
		case ctx.Err() == nil:
			log.Error("no progress; the supervisor will start the daemon anew", "err", err.Error())
		}
	}
}
