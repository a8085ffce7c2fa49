package main

import (
	"log/slog"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
)

// service is systemd, spoken to over the socket that it names in the environment. The library is systemd's own companion
// for Go, kept by its maintainers.
type service struct {
	log *slog.Logger
	gap time.Duration
}

// startedBy is the supervisor of this process.
func startedBy(log *slog.Logger) supervisor {
	gap, err := systemd.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("the watchdog's settings cannot be read", "err", err.Error())
	}
	return &service{log: log, gap: gap / 3} // two may be missed
}

func (s *service) serving() {
	s.tell(systemd.SdNotifyReady + "\nSTATUS=结算服务已就绪 / serving")
}
func (s *service) every() time.Duration { return s.gap }
func (s *service) alive()               { s.tell(systemd.SdNotifyWatchdog) }
func (s *service) ending()              { s.tell(systemd.SdNotifyStopping) }

// tell does nothing where nobody listens.
func (s *service) tell(state string) {
	if _, err := systemd.SdNotify(false, state); err != nil {
		s.log.Warn("systemd was not told", "err", err.Error())
	}
}
