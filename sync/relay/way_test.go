package relay

import (
	"io"
	"net"
	"sync"
	"testing"
)

// way is a line to an address that a test can cut (connections end, new ones are refused) and hush (nothing passes, and
// nobody is told), as routers do.
type way struct {
	listener net.Listener
	target   string

	mu     sync.Mutex
	conns  map[net.Conn]bool
	down   bool
	hushed chan struct{} // closed while things pass
	wait   sync.WaitGroup
}

func newWay(t testing.TB, target string) *way {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &way{listener: listener, target: target, conns: map[net.Conn]bool{}, hushed: make(chan struct{})}
	close(w.hushed)
	w.wait.Go(w.accept)
	t.Cleanup(func() {
		listener.Close()
		w.speak()
		w.cut()
		w.wait.Wait()
	})
	return w
}

func (w *way) addr() string { return w.listener.Addr().String() }

func (w *way) accept() {
	for {
		near, err := w.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", w.target)
		w.mu.Lock()
		if err != nil || w.down {
			near.Close()
			if far != nil {
				far.Close()
			}
			w.mu.Unlock()
			continue
		}
		w.conns[near], w.conns[far] = true, true
		w.mu.Unlock()
		w.wait.Go(func() { w.copy(near, far) })
		w.wait.Go(func() { w.copy(far, near) })
	}
}

func (w *way) copy(to, from net.Conn) {
	defer to.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		w.mu.Lock()
		gate := w.hushed
		w.mu.Unlock()
		<-gate
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			if err != io.EOF {
				return
			}
			return
		}
	}
}

func (w *way) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = true
	for conn := range w.conns {
		conn.Close()
	}
	w.conns = map[net.Conn]bool{}
}

func (w *way) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = false
}

// hush lets nothing pass any more; speak ends it.
func (w *way) hush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hushed = make(chan struct{})
}

func (w *way) speak() {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.hushed:
	default:
		close(w.hushed)
	}
}
