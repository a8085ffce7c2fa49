package shop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// openConnections is how many the daemon takes at a time on each of its two addresses.
const openConnections = 2 * 256

// TestThousandsOfConnections: two thousand connections that say nothing, half a request, or a body that never ends. The till that
// was there goes on at once, the daemon holds no more of them than it allows, a new till gets in once they are dropped, and all
// of it is back to what it was.
func TestThousandsOfConnections(t *testing.T) {
	r := open(t, Options{Tills: 2})
	p := r.start()
	r.sell(0, "C-0", "1.10")
	c := r.Client(0)
	defer c.Close()
	files := func() int {
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.PID()))
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	before := files()
	if _, _, err := c.Settle(t.Context(), sale(0, "C-1", "1.10")); err != nil {
		t.Fatal(err)
	}
	words := []string{
		"", "GET /", "POST /v1/quotes HTTP/1.1\r\nHost: " + r.api + "\r\nAuthorization: Bearer " + r.tokens[1] +
			"\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{",
	}
	var held []net.Conn
	defer func() {
		for _, conn := range held {
			_ = conn.Close()
		}
	}()
	for n := range 2000 {
		ctx, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.api)
		stop()
		if err != nil {
			break // the queue of the system is full as well
		}
		held = append(held, conn)
		if _, err := conn.Write([]byte(words[n%len(words)])); err != nil && n < 100 {
			t.Fatal(err)
		}
	}
	if len(held) < 1000 {
		t.Fatalf("only %d connections", len(held))
	}
	slowest := time.Duration(0)
	for n := range 10 {
		began := time.Now()
		if _, _, err := c.Settle(t.Context(), sale(0, fmt.Sprintf("C-MANY-%d", n), "1.10")); err != nil {
			t.Fatalf("a till among %d connections: %v", len(held), err)
		}
		slowest = max(slowest, time.Since(began))
	}
	most := files()
	t.Logf("%d connections asked for, %d files open (%d before), the slowest sale took %s", len(held), most, before, slowest)
	if most > before+openConnections+50 {
		t.Errorf("%d files are open, %d before", most, before)
	}
	if slowest > 5*time.Second {
		t.Errorf("a sale took %s", slowest)
	}
	for n := range words { // whoever says nothing more is dropped after its time
		if err := held[n].SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, held[n]); err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a connection that said %q was not dropped: %v", words[n], err)
		}
	}
	for _, conn := range held {
		_ = conn.Close()
	}
	r.sell(1, "C-NEW", "1.10")
	r.eventually(60*time.Second, func() string {
		if n := files(); n > before+20 {
			return fmt.Sprintf("%d files are open, %d before", n, before)
		}
		return ""
	})
	r.drain(p)
	r.wantCentreRows(map[string]int{"1.10": 13})
	r.stop(p)
	r.wantVerified()
}
