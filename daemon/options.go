package daemon

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gongji/cardreader"
	"gongji/config"
	"gongji/daemon/console"
	"gongji/settle"
)

// Options are what varies between a shop, a demo and a test. Config, Logger and Registry are needed.
type Options struct {
	Config   *config.Config
	Logger   *slog.Logger
	Registry *prometheus.Registry
	Version  string
	Commit   string
	Clock    func() time.Time // nil: time.Now

	// Demo gives the console the hands of a demo; nil in a shop.
	Demo console.DemoControls

	// OnServing is called once, when everything runs; nil: nobody asks.
	OnServing func()

	// ProofAfter is how long after a message was sent its absence from the centre's book may be concluded; 0: as configured
	// (upstream.proof_after). A demo's centre has no gateway in front of it that could hold a message back.
	ProofAfter time.Duration
}

func (o *Options) validate() error {
	switch {
	case o.Config == nil:
		return errors.New("daemon: Options.Config is missing")
	case o.Logger == nil:
		return errors.New("daemon: Options.Logger is missing")
	case o.Registry == nil:
		return errors.New("daemon: Options.Registry is missing")
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return Supported(o.Config)
}

// Supported names every setting that is valid in a configuration but that this version cannot do yet. A daemon that
// started with such a setting would silently do something else.
func Supported(c *config.Config) error {
	var missing []string
	need := func(ok bool, key string, value any) {
		if !ok {
			missing = append(missing, fmt.Sprintf("%s: %v", key, value))
		}
	}
	for _, r := range c.Cards() {
		need(r.Kind == cardreader.KindGemPC || r.Kind == cardreader.KindACS, "reader.kind", r.Kind)
	}
	if r, set := c.Identity(); set {
		need(r.Kind == cardreader.KindSDT, "id_reader.kind", r.Kind)
	}
	if r, set := c.Codes(); set {
		need(r.Kind == cardreader.KindScanner, "scanner.kind", r.Kind)
	}
	need(len(c.Listen.UnixUsers) == 0 || runtime.GOOS == "linux", "listen.unix_users", runtime.GOOS)
	need(c.Listen.WebConfig == "", "listen.web_config", c.Listen.WebConfig)
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	return settle.NewError(settle.NotConfigured,
		fmt.Errorf("this version does not support: %s", strings.Join(missing, "; ")))
}

// VenueOf is the venue of a configuration in the vocabulary of the rules.
func VenueOf(c *config.Config) settle.Venue {
	return settle.Venue{
		Code: c.Venue.Code, Name: c.Venue.Name, Kind: c.Venue.Kind, Area: c.Venue.Area,
		AgreementUntil: settle.Date(c.Venue.AgreementUntil),
	}
}

func offlineLimits(o config.Offline) settle.OfflineLimits {
	return settle.OfflineLimits{
		MaxAge: o.MaxAge, MaxSale: settle.CapOf(settle.Fen(o.MaxSale)), MaxPersonTotal: settle.CapOf(settle.Fen(o.MaxPersonTotal)),
		MaxTotal: settle.CapOf(settle.Fen(o.MaxTotal)), MaxCount: o.MaxCount, Allowed: true, Shared: true,
	}
}
