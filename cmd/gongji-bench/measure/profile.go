package measure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// profiler takes profiles of a daemon while it is under load. A nil profiler takes none.
type profiler struct {
	socket string
	files  string // what they are called, without the kind
	took   chan error
}

// profiled is the daemon's profiler for a case, where profiles were asked for.
func (m *Measure) profiled(socket string, callers int, slow time.Duration) *profiler {
	if m.Profiles == "" {
		return nil
	}
	return &profiler{socket: socket, files: filepath.Join(m.Profiles, fmt.Sprintf("gongjid-%d-%s", callers, slow)), took: make(chan error, 2)}
}

// begin lets the daemon look at itself for so long: where its processor time goes, and what it allocates.
func (p *profiler) begin(ctx context.Context, each time.Duration) {
	if p == nil {
		return
	}
	seconds := max(1, int(each.Seconds()))
	for kind, path := range map[string]string{"cpu": "profile", "allocs": "allocs"} {
		go func() {
			p.took <- p.save(ctx, fmt.Sprintf("http://daemon/debug/pprof/%s?seconds=%d", path, seconds), p.files+"."+kind+".pprof")
		}()
	}
}

// end waits for the profiles to be written.
func (p *profiler) end() error {
	if p == nil {
		return nil
	}
	return errors.Join(<-p.took, <-p.took)
}

func (p *profiler) save(ctx context.Context, url, file string) error {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", p.socket)
	}}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	profile, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return errors.Join(err, fmt.Errorf("a profile: %s", response.Status))
	}
	return os.WriteFile(file, profile, 0o600)
}
