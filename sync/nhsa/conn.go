package nhsa

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http/httptrace"
	"net/url"
	"sync"
	"time"
)

// trackedConn is a connection that can prove that nothing was written. It counts the writes that began, and once sealed
// it lets no further one begin. Counting alone would not do: when a request is given up, the transport's writing
// goroutine may be just about to write, and the message would leave after the sender was told that it had not.
type trackedConn struct {
	net.Conn

	mu     sync.Mutex
	sealed bool
	writes uint64
}

var errSealed = errors.New("connection was given up before the message was written")

// Write counts and passes on.
func (c *trackedConn) Write(data []byte) (int, error) {
	c.mu.Lock()
	if c.sealed {
		c.mu.Unlock()
		return 0, errSealed
	}
	c.writes++
	c.mu.Unlock()
	return c.Conn.Write(data)
}

func (c *trackedConn) begun() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.writes
}

// seal ends the connection for good and returns how many writes have begun on it.
func (c *trackedConn) seal() uint64 {
	c.mu.Lock()
	c.sealed = true
	writes := c.writes
	c.mu.Unlock()
	c.Close() //nolint:errcheck,gosec // nothing is lost with a connection that is given up
	return writes
}

// dialer makes tracked connections. Under TLS the tracked layer lies above the cipher, so that a handshake is not
// mistaken for a message.
type dialer struct {
	net   net.Dialer
	tls   *tls.Config
	proxy *url.URL // nil: none
}

func (d *dialer) plain(ctx context.Context, network, address string) (net.Conn, error) {
	raw, err := d.net.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &trackedConn{Conn: raw}, nil
}

func (d *dialer) secure(ctx context.Context, network, address string) (net.Conn, error) {
	raw, err := d.reach(ctx, network, address)
	if err != nil {
		return nil, err
	}
	settings := d.tls.Clone()
	if settings.ServerName == "" {
		settings.ServerName, _, _ = net.SplitHostPort(address)
	}
	wrapped := tls.Client(raw, settings)
	ctx, cancel := context.WithTimeout(ctx, d.net.Timeout)
	defer cancel()
	if err := wrapped.HandshakeContext(ctx); err != nil {
		raw.Close() //nolint:errcheck,gosec // the handshake's error is the one to report
		return nil, err
	}
	return &trackedConn{Conn: wrapped}, nil
}

// witness sees which connections one request was given, fresh or reused, and what had been written on them before.
type witness struct {
	mu    sync.Mutex
	conns []*trackedConn
	marks []uint64
	other bool // a connection that is not ours: nothing can be proved
}

func (w *witness) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		w.mu.Lock()
		defer w.mu.Unlock()
		conn, ours := info.Conn.(*trackedConn)
		if !ours {
			w.other = true
			return
		}
		w.conns = append(w.conns, conn)
		w.marks = append(w.marks, conn.begun())
	}}
}

// nothingLeft seals the request's connections and reports whether it is certain that no byte of it left or will leave.
func (w *witness) nothingLeft() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	nothing := !w.other
	for i, conn := range w.conns {
		if conn.seal() != w.marks[i] {
			nothing = false
		}
	}
	return nothing
}

// keepAlive is short enough that a centre or a gateway seldom closes an idle connection under a message, which would
// make a needless Unknown.
const keepAlive = 15 * time.Second
