package ledger

import (
	"context"
	"sync"
	"time"
)

// longestWay is how long a step of the outbox waits at most for the counter: a till that never rests must not stop the
// reports altogether.
const longestWay = 20 * time.Millisecond

// counter knows whether somebody at the counter is being answered.
type counter struct {
	mu     sync.Mutex
	asking int
	free   chan struct{} // closed when nobody is asking any more
}

// serve notes that somebody is being answered until done is called.
func (c *counter) serve() (done func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asking++; c.asking == 1 {
		c.free = make(chan struct{})
	}
	return c.leave
}

func (c *counter) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asking--; c.asking == 0 {
		close(c.free)
	}
}

// busy is what is closed once nobody is being answered any more; nil: nobody is.
func (c *counter) busy() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asking == 0 {
		return nil
	}
	return c.free
}

// GiveWay waits while a sale, a quote or a return is being answered, and never for longer than a moment. The outbox asks it
// before each piece of work, so that a backlog takes only what the counter leaves of a small machine.
func (l *Ledger) GiveWay(ctx context.Context) {
	free := l.counter.busy()
	if free == nil {
		return
	}
	enough := time.NewTimer(longestWay)
	defer enough.Stop()
	select {
	case <-free:
	case <-enough.C:
	case <-ctx.Done():
	}
}
