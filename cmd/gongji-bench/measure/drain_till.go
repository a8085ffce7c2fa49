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
	"sync/atomic"
	"time"

	"gongji/cmd/gongji-bench/shop"
)

// askEvery is how often it is asked whether the backlog is through.
const askEvery = 50 * time.Millisecond

// till sells one thing after the other at a counter's pace, each with the card in the reader and on the disk.
//
// As a till's software does, it listens to what the daemon has to tell.
type till struct {
	address string
	token   string
	request func(n int) []byte
	pace    time.Duration
	next    int
	sold    atomic.Int64
	took    []time.Duration
}

func newTill(s *shop.Shop, pace time.Duration) *till {
	return &till{address: hostOf(s), token: s.Tokens()[1], request: requests(s), pace: pace}
}

// answered is how many sales were settled so far.
func (t *till) answered() int { return int(t.sold.Load()) }

// outcome is what was sold since the last one.
func (t *till) outcome() (out Outcome) {
	slices.Sort(t.took)
	out.Settled, out.P50, out.P99 = len(t.took), quantile(t.took, 0.5), quantile(t.took, 0.99)
	t.took = nil
	return out
}

// sellUntil sells until it is over. A sale that is refused ends it too: a till that cannot sell has no p99.
func (t *till) sellUntil(ctx context.Context, over func() (bool, error)) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	sold, heard := make(chan error, 1), make(chan error, 1)
	go func() { sold <- t.sell(ctx) }()
	go func() { heard <- t.listen(ctx) }()
	asking := time.NewTicker(askEvery)
	defer asking.Stop()
	for {
		select {
		case err := <-sold:
			stop()
			return errors.Join(err, <-heard)
		case <-asking.C:
		}
		if done, err := over(); done || err != nil {
			stop()
			return errors.Join(err, <-sold, <-heard)
		}
	}
}

// listen reads the daemon's events until ctx ends.
func (t *till) listen(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+t.address+"/v1/events", nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+t.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the daemon's events: %s", response.Status)
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil && ctx.Err() == nil {
		return fmt.Errorf("the daemon's events: %w", err)
	}
	return nil
}

// sell is the till until ctx ends; the sale under way then is still answered.
func (t *till) sell(ctx context.Context) error {
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", t.address)
	if err != nil {
		return err
	}
	defer conn.Close()
	answers := bufio.NewReaderSize(conn, 16<<10)
	tick := time.NewTicker(t.pace)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		request := t.request(t.next)
		t.next++
		began := time.Now()
		refusal, err := exchange(conn, answers, request)
		if err != nil || refusal != "" {
			return fmt.Errorf("a sale at the till: %s %w", refusal, err)
		}
		t.took = append(t.took, time.Since(began))
		t.sold.Add(1)
	}
}
