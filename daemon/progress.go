package daemon

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// lookedWithin is how old the last look at the warnings may be while the daemon makes progress.
const lookedWithin = 30 * time.Second

// Progress finds out whether the daemon still does its work, for a supervisor that would start it anew: the writer of the
// ledger takes a request and answers, the API answers over its own listener, and the warnings are looked at. A full disk
// or a centre that is away is no lack of progress, since starting anew would not help. The error says what hangs; ctx
// bounds the whole.
func (d *Daemon) Progress(ctx context.Context) error {
	if last := d.looked.Load(); last != 0 {
		if age := time.Since(time.Unix(0, last)); age > lookedWithin {
			return fmt.Errorf("the warnings were last looked at %s ago", age.Round(time.Second))
		}
	}
	if err := d.ledger.Ping(ctx); err != nil {
		return fmt.Errorf("the ledger's writer: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, d.URL()+"/livez", nil)
	if err != nil {
		return err
	}
	response, err := d.alive.Do(request)
	if err != nil {
		return fmt.Errorf("the API: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the API answers /livez with %s", response.Status)
	}
	return nil
}

// aliveClient asks this daemon alone: no proxy of the environment stands between.
func aliveClient() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
}
