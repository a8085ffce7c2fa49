package localapi

import (
	"errors"
	"net"
	"testing"
	"time"
)

func TestBucket(t *testing.T) {
	at := time.Date(2026, 3, 10, 10, 0, 0, 0, time.UTC)
	b := newBucket(2, 3)
	take := func(after time.Duration, want bool) {
		t.Helper()
		at = at.Add(after)
		if got := b.take(at); got != want {
			t.Fatalf("after %s: %v", after, got)
		}
	}
	for range 3 {
		take(0, true)
	}
	take(0, false)
	take(250*time.Millisecond, false) // half an event
	take(250*time.Millisecond, true)
	take(-time.Hour, false) // a clock set back gives nothing
	take(time.Hour, true)
}

// TestConnectionCap: one more connection than allowed waits until another ends, and closing ends the wait.
func TestConnectionCap(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := capConnections(inner, 2)
	accepted, ended := make(chan net.Conn, 4), make(chan error, 1)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				ended <- err
				return
			}
			accepted <- conn
		}
	}()
	for range 4 {
		conn, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	first, second := <-accepted, <-accepted
	select {
	case <-accepted:
		t.Fatal("a third connection was accepted")
	case <-time.After(50 * time.Millisecond):
	}
	if err := errors.Join(first.Close(), second.Close()); err != nil {
		t.Fatal(err)
	}
	_ = first.Close() // a second close must not free a second place
	third, fourth := <-accepted, <-accepted
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Fatalf("accept ended with %v", err)
	}
	if err := errors.Join(third.Close(), fourth.Close()); err != nil {
		t.Fatal(err)
	}
}
