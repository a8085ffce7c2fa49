package localapi

import (
	"context"
	"net"
	"sync"
)

// cappedListener accepts at most a number of connections at a time. Where that many are there, one that the daemon is waiting for
// makes room: it costs nothing to open a connection and say nothing, or half a request, or to keep one after an answer, or not to
// read it, and 256 such would keep every till out. A till that has come to an end with its last request is the last to go. Where
// tills are being answered on all of them, a new one waits.
type cappedListener struct {
	net.Listener
	slots chan struct{}
	done  chan struct{}
	quiet chan struct{} // something has become quiet
	once  sync.Once

	mu    sync.Mutex
	turns int64 // counts what happens, to know what is longest quiet
	open  map[*cappedConn]bool
}

// CapConnections bounds the connections of another listener in the same way. Nobody is a till there.
func CapConnections(l net.Listener, most int) net.Listener { return capConnections(l, most) }

func capConnections(l net.Listener, most int) *cappedListener {
	return &cappedListener{
		Listener: l, slots: make(chan struct{}, most), done: make(chan struct{}), quiet: make(chan struct{}, 1), open: map[*cappedConn]bool{},
	}
}

// Accept waits for a connection and for a place.
func (l *cappedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	for {
		select {
		case l.slots <- struct{}{}:
			return l.admit(conn), nil
		default:
		}
		if l.makeRoom() {
			continue
		}
		select {
		case l.slots <- struct{}{}:
			return l.admit(conn), nil
		case <-l.quiet:
		case <-l.done:
			_ = conn.Close()
			return nil, net.ErrClosed
		}
	}
}

func (l *cappedListener) admit(conn net.Conn) *cappedConn {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := &cappedConn{Conn: conn, listener: l}
	l.open[c] = true
	l.turns++
	c.since = l.turns
	return c
}

// makeRoom closes the connection that has been quiet for longest: a stranger's first, whatever it is doing, since it is told nothing
// that it cannot ask for again; then one that has shown a token and does not come out with its body, then one that is kept for the
// next request.
func (l *cappedListener) makeRoom() (made bool) {
	l.mu.Lock()
	var out *cappedConn
	for c := range l.open {
		if c.busy > 0 && c.trusted {
			continue
		}
		if out == nil || c.rank() < out.rank() || c.rank() == out.rank() && c.since < out.since {
			out = c
		}
	}
	if out != nil {
		out.gone = true
	}
	l.mu.Unlock()
	if out == nil {
		return false
	}
	_ = out.Close() // the system may have noticed before that the other end has gone
	return true
}

// Close also ends an Accept that waits for a place.
func (l *cappedListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return l.Listener.Close()
}

// cappedConn is a connection and what is known of it. The fields are the listener's, under its mu.
type cappedConn struct {
	net.Conn
	listener *cappedListener
	closed   sync.Once

	busy    int  // requests that are being answered
	body    bool // of a request, not busy meanwhile: its body is awaited
	trusted bool // a token was shown on it
	gone    bool // it made room for another
	since   int64
}

// rank is in which order the quiet ones go.
func (c *cappedConn) rank() int {
	switch {
	case !c.trusted && c.busy == 0:
		return 0
	case !c.trusted: // it does not read its answer, most likely
		return 1
	case c.body:
		return 2
	}
	return 3
}

// Close frees the place, once.
func (c *cappedConn) Close() error {
	defer c.closed.Do(func() {
		l := c.listener
		l.mu.Lock()
		delete(l.open, c)
		l.mu.Unlock()
		<-l.slots
	})
	return c.Conn.Close()
}

// begin says that a request on it is being answered; false: it has made room for another, and nobody would hear the answer.
func (c *cappedConn) begin() bool {
	c.listener.mu.Lock()
	defer c.listener.mu.Unlock()
	if !c.gone {
		c.busy++
	}
	return !c.gone
}

// end is the end of what begin began.
func (c *cappedConn) end() {
	c.listener.mu.Lock()
	if !c.body { // else it has ended while the body was awaited
		c.busy--
	}
	c.body = false
	c.rest()
}

// awaits says that the body of the request that is being answered is waited for, until took.
func (c *cappedConn) awaits() {
	c.listener.mu.Lock()
	c.busy--
	c.body = true
	c.rest()
}

// took says that the body is there; false: the connection has made room meanwhile.
func (c *cappedConn) took() bool {
	c.listener.mu.Lock()
	defer c.listener.mu.Unlock()
	c.busy++
	c.body = false
	return !c.gone
}

// rest begins a quiet time and tells whoever waits for a place. It is called with the listener's mu held and gives it up.
func (c *cappedConn) rest() {
	l := c.listener
	l.turns++
	c.since = l.turns
	l.mu.Unlock()
	select {
	case l.quiet <- struct{}{}:
	default:
	}
}

// trust notes that a token was shown on it; false: it has made room for another meanwhile.
func (c *cappedConn) trust() bool {
	c.listener.mu.Lock()
	defer c.listener.mu.Unlock()
	c.trusted = true
	return !c.gone
}

type connKey struct{}

// connOf is the connection of a request; nil in a test that has none.
func connOf(ctx context.Context) *cappedConn {
	c, _ := ctx.Value(connKey{}).(*cappedConn)
	return c
}
