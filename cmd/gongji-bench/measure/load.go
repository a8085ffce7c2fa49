package measure

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Target is a server under load: where it listens and what the n-th request to it is, as bytes of HTTP/1.1.
type Target struct {
	Network, Address string
	Request          func(n int) []byte
}

// Outcome is what a window of load came to.
type Outcome struct {
	Settled   int
	Failed    int
	Took      time.Duration
	P50       time.Duration
	P99       time.Duration
	P999      time.Duration
	FirstFail string // what the first refusal said
}

// Rate is settlements a second.
func (o *Outcome) Rate() float64 {
	if o.Took <= 0 {
		return 0
	}
	return float64(o.Settled) / o.Took.Seconds()
}

// Window says how long to load: what ends within the warm-up counts for nothing. Begin and End are called at the edges.
type Window struct {
	Callers    int
	Warm, Each time.Duration
	Begin, End func()
}

// load is the callers' common state.
type load struct {
	target Target
	next   atomic.Int64
	from   atomic.Int64 // Unix nanoseconds at which the window begins; 0: not yet
	mu     sync.Mutex
	took   []time.Duration
	out    Outcome
}

// Run sends requests from so many callers, each on a connection of its own and the next as soon as the last was answered.
func Run(ctx context.Context, target Target, w Window) (Outcome, error) {
	l := &load{target: target}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	errs := make([]error, w.Callers)
	var callers sync.WaitGroup
	for i := range w.Callers {
		callers.Go(func() { errs[i] = l.call(ctx) })
	}
	pause(ctx, w.Warm)
	if w.Begin != nil {
		w.Begin()
	}
	began := time.Now()
	l.from.Store(began.UnixNano())
	pause(ctx, w.Each)
	l.out.Took = time.Since(began)
	if w.End != nil {
		w.End()
	}
	stop()
	callers.Wait()
	slices.Sort(l.took)
	l.out.P50, l.out.P99, l.out.P999 = quantile(l.took, 0.5), quantile(l.took, 0.99), quantile(l.took, 0.999)
	return l.out, errors.Join(errs...)
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// call is one caller until ctx ends. Requests go over a bare connection: a client that does more would be measured too.
func (l *load) call(ctx context.Context) error {
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, l.target.Network, l.target.Address)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	answers := bufio.NewReaderSize(conn, 16<<10)
	var took []time.Duration
	settled, failed := 0, 0
	defer func() { l.add(took, settled, failed) }()
	for ctx.Err() == nil {
		request := l.target.Request(int(l.next.Add(1) - 1))
		began := time.Now()
		refusal, err := exchange(conn, answers, request)
		ended := time.Now()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("a caller's connection: %w", err)
		}
		if from := l.from.Load(); from == 0 || ended.UnixNano() < from {
			continue
		}
		if refusal != "" {
			failed++
			l.note(refusal)
			continue
		}
		settled++
		took = append(took, ended.Sub(began))
	}
	return nil
}

// exchange sends one request; refusal is what an answer other than 2xx says.
func exchange(conn net.Conn, answers *bufio.Reader, request []byte) (refusal string, err error) {
	if _, err := conn.Write(request); err != nil {
		return "", err
	}
	response, err := http.ReadResponse(answers, nil)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode < 300 {
		_, err = io.Copy(io.Discard, response.Body)
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, 4096))
	return response.Status + ": " + strings.TrimSpace(string(text)), err
}

func (l *load) note(refusal string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.out.FirstFail == "" {
		l.out.FirstFail = refusal
	}
}

func (l *load) add(took []time.Duration, settled, failed int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.took = append(l.took, took...)
	l.out.Settled += settled
	l.out.Failed += failed
}

// post is a request as bytes. Every request of a target has a body of one length, so that only the body changes.
func post(host, path, token, body string) []byte {
	authorization := ""
	if token != "" {
		authorization = "Authorization: Bearer " + token + "\r\n"
	}
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, host, authorization, len(body), body)
}
