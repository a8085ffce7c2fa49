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

// TestConnectionCap: one more connection than allowed waits while all are busy, and closing ends the wait.
func TestConnectionCap(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := capConnections(inner, 2)
	accepted, ended := make(chan *cappedConn, 8), make(chan error, 1)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				ended <- err
				return
			}
			c := conn.(*cappedConn)
			c.begin()
			c.trust()
			accepted <- c
		}
	}()
	dial := func() net.Conn {
		t.Helper()
		conn, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	for range 4 {
		dial()
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
	dial()
	third.end() // quiet now: it makes room
	fifth := <-accepted
	if third.begin() || !fourth.begin() || !fourth.trust() {
		t.Error("the quiet one stayed, or the busy one went")
	}
	fourth.end()
	fourth.end() // quiet before the fifth
	fifth.awaits()
	dial()
	sixth := <-accepted
	if fifth.took() || !fourth.begin() {
		t.Error("one that does not come out with its body stayed, or one that is kept went")
	}
	listener.mu.Lock()
	sixth.trusted = false // a stranger, who does not read
	listener.mu.Unlock()
	dial()
	<-accepted
	if sixth.begin() || !fourth.trust() {
		t.Error("one that had shown a token went before one that had not")
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Fatalf("accept ended with %v", err)
	}
	if err := fourth.Close(); err != nil {
		t.Fatal(err)
	}
}
