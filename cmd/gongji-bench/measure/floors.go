package measure

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"gongji/cmd/gongji-bench/baseline"
)

// Floor is how long a thing takes that no server can do without.
type Floor struct {
	P50 time.Duration `json:"p50_ns"`
	P99 time.Duration `json:"p99_ns"`
}

func floorOf(took []time.Duration) Floor {
	slices.Sort(took)
	return Floor{quantile(took, 0.5), quantile(took, 0.99)}
}

const (
	probeBytes = 4096
	probeTimes = 200
	echoFor    = 300 * time.Millisecond
	sqlTimes   = 2000
)

// probe appends 4 KiB to a file and waits for the disk, one after the other: what a commit costs at least.
func probe(dir string) (Floor, error) {
	path := filepath.Join(dir, "probe")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return Floor{}, err
	}
	defer os.Remove(path)
	defer f.Close()
	block, took := make([]byte, probeBytes), make([]time.Duration, 0, probeTimes)
	for range probeTimes {
		began := time.Now()
		if _, err := f.Write(block); err != nil {
			return Floor{}, err
		}
		if err := datasync(f); err != nil {
			return Floor{}, err
		}
		took = append(took, time.Since(began))
	}
	return floorOf(took), nil
}

// echo is a JSON body to a server on this machine and back.
func echo(ctx context.Context, dir, network string) (floor Floor, err error) {
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(dir, "echo.sock")
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		return floor, err
	}
	server := &http.Server{Handler: baseline.Handler(nil), ReadHeaderTimeout: time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	defer func() {
		err = errors.Join(err, server.Close())
		if end := <-served; !errors.Is(end, http.ErrServerClosed) {
			err = errors.Join(err, end)
		}
	}()
	body := handSale(0)
	out, err := Run(ctx, Target{network, listener.Addr().String(), func(int) []byte { return post("localhost", "/echo", "", body) }},
		Window{Callers: 1, Warm: echoFor / 3, Each: echoFor})
	return Floor{out.P50, out.P99}, err
}

// statements is what the statements of one settlement cost where nothing waits for the disk.
func statements(ctx context.Context, dir string) (floor Floor, err error) {
	store, err := baseline.Open(dir, baseline.Unsynced)
	if err != nil {
		return floor, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := store.Seed(tills); err != nil {
		return floor, err
	}
	took := make([]time.Duration, 0, sqlTimes)
	for n := range sqlTimes {
		sale := saleByHand(n)
		began := time.Now()
		if _, err := store.Settle(ctx, &sale); err != nil {
			return floor, err
		}
		took = append(took, time.Since(began))
	}
	return floorOf(took[sqlTimes/10:]), nil
}
