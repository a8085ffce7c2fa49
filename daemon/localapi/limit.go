package localapi

import (
	"net"
	"sync"
	"time"
)

// Limits of the interface.
const (
	maxBodyBytes   = 256 << 10
	maxDepth       = 16
	maxHeaderBytes = 16 << 10
	maxConnections = 256
	maxStreams     = 64               // of events
	bodyTimeout    = 10 * time.Second // for a client to send a body

	failedRate  = 1  // refused tokens a second, all callers together, answered with 401 …
	failedBurst = 20 // … after this many at once; more get 429
	logRate     = 5  // logged refusals a second
	logBurst    = 50
)

// bucket lets events through at a rate, with a burst after a pause.
type bucket struct {
	mu          sync.Mutex
	rate, burst float64
	level       float64
	last        time.Time
}

func newBucket(rate, burst float64) *bucket { return &bucket{rate: rate, burst: burst, level: burst} }

// take reports whether one more event at now is within the rate.
func (b *bucket) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if passed := now.Sub(b.last).Seconds(); !b.last.IsZero() && passed > 0 {
		b.level = min(b.burst, b.level+passed*b.rate)
	}
	b.last = now
	if b.level < 1 {
		return false
	}
	b.level--
	return true
}

// cappedListener accepts at most a number of connections at a time; more wait in the system's queue.
type cappedListener struct {
	net.Listener
	slots chan struct{}
	done  chan struct{}
	once  sync.Once
}

func capConnections(l net.Listener, most int) *cappedListener {
	return &cappedListener{Listener: l, slots: make(chan struct{}, most), done: make(chan struct{})}
}

// Accept waits for a free slot and a connection.
func (l *cappedListener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.done:
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &cappedConn{Conn: conn, release: sync.OnceFunc(func() { <-l.slots })}, nil
}

// Close also ends an Accept that waits for a slot.
func (l *cappedListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return l.Listener.Close()
}

type cappedConn struct {
	net.Conn
	release func()
}

func (c *cappedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}
