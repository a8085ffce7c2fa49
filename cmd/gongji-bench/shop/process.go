package shop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is one gongjid from start to end. Kill, Stop and Ended may be called from any goroutine.
type Process struct {
	shop    *Shop
	cmd     *exec.Cmd
	started time.Time
	ended   chan struct{} // closed when it has ended
	err     error         // of its end; read after ended
	log     *os.File
}

// ErrEnded says that the daemon ended by itself before it was ready.
var ErrEnded = errors.New("the daemon ended")

// Start runs the daemon and does not wait for anything; extra arguments go to `gongjid run`. Its log is appended to LogFile.
func (s *Shop) Start(extra ...string) (*Process, error) {
	return s.Command(append([]string{"run", "--config", s.Config()}, extra...)...)
}

// Command is Start for another command of the binary, with all of its arguments.
func (s *Shop) Command(args ...string) (*Process, error) {
	log, err := os.OpenFile(s.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	p := &Process{shop: s, cmd: exec.Command(s.o.Binary, args...), started: time.Now(), ended: make(chan struct{}), log: log}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	go func() {
		p.err = errors.Join(p.cmd.Wait(), log.Close())
		close(p.ended)
	}()
	return p, nil
}

// PID is the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Ready waits until the API is ready to settle and every reader has read its card. A card that a reader could not read, as happens
// on a machine that is short of time, is taken out and put back, as a cashier does. The error is ErrEnded, or ctx's.
func (p *Process) Ready(ctx context.Context) error {
	office := p.shop.Office()
	defer office.Close()
	for {
		answer, err := office.Reader(ctx)
		ready := err == nil && len(answer.Readers) == len(p.shop.readers)
		for _, r := range answer.Readers {
			ready = ready && r.Card != nil && r.State == "present"
			if till := p.shop.till(r.Name); r.State == "fault" && till >= 0 {
				p.shop.Reader(till).Remove()
				p.shop.Insert(till, till)
			}
		}
		if ready {
			return nil
		}
		if err := p.pause(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
}

// pause waits a moment; its error says that waiting longer is of no use.
func (p *Process) pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.ended:
		return fmt.Errorf("%w: %w\n%s", ErrEnded, p.err, p.shop.LogTail())
	case <-ctx.Done():
		return fmt.Errorf("waiting for the daemon: %w\n%s", context.Cause(ctx), p.shop.LogTail())
	case <-timer.C:
		return nil
	}
}

// Kill is kill -9. It returns when the process is gone; killed is false where it had ended before.
func (p *Process) Kill() (killed bool) {
	_ = p.cmd.Process.Kill() // an error says that it has ended, which is looked at below
	<-p.ended
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// Wait waits until the process has ended by itself; the error says how it failed, or that ctx ended first.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.ended:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if p.err != nil {
		return fmt.Errorf("%w\n%s", p.err, p.shop.LogTail())
	}
	return nil
}

// Term asks the daemon to end and does not wait.
func (p *Process) Term() error { return p.cmd.Process.Signal(syscall.SIGTERM) }

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Stop ends the daemon in order. The error says that it did not end within the time, or how it failed.
func (p *Process) Stop(within time.Duration) error {
	if err := p.Term(); err != nil {
		return err
	}
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-p.ended:
		return p.err
	case <-timer.C:
		p.Kill()
		return fmt.Errorf("the daemon did not end within %s", within)
	}
}

// LogTail is the end of the daemons' log.
func (s *Shop) LogTail() string {
	data, err := os.ReadFile(s.LogFile())
	if err != nil {
		return err.Error()
	}
	return string(data[max(0, len(data)-2000):])
}

// Metrics reads the daemon's metrics: the value of each series, by its name with labels.
func (s *Shop) Metrics(ctx context.Context) (map[string]float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.MetricsURL(), nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	series := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		name, value, found := strings.Cut(strings.TrimSpace(line), " ")
		if number, err := strconv.ParseFloat(value, 64); found && err == nil && !strings.HasPrefix(name, "#") {
			series[name] = number
		}
	}
	return series, nil
}

// Drain waits until the daemon has no report left that the centre does not know. The error names what is left.
func (p *Process) Drain(ctx context.Context) error {
	for {
		series, err := p.shop.Metrics(ctx)
		if unsent, there := series["gongji_outbox_unsent"]; err == nil && there && unsent == 0 {
			return nil
		}
		if waiting := p.pause(ctx, 20*time.Millisecond); waiting != nil {
			return fmt.Errorf("%v reports unsent, %v of them unknown: %w", series["gongji_outbox_unsent"], series["gongji_outbox_unknown"], waiting)
		}
	}
}
