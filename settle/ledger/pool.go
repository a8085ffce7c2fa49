package ledger

import (
	"context"
	"errors"
)

// readers is how many reads may run at the same time.
const readers = 4

// pool holds the connections for reading; whoever reads takes one and gives it back.
type pool struct {
	free   chan *conn
	closed chan struct{}
}

func openPool(path string) (*pool, error) {
	p := &pool{free: make(chan *conn, readers), closed: make(chan struct{})}
	for range readers {
		c, err := openReader(path)
		if err != nil {
			return nil, errors.Join(err, p.close(len(p.free)))
		}
		p.give(c)
	}
	return p, nil
}

// take waits for a connection. The error is ctx's, or says that the pool is closed.
func (p *pool) take(ctx context.Context) (*conn, error) {
	select {
	case c := <-p.free:
		return c, nil
	case <-p.closed:
		return nil, errClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pool) give(c *conn) { p.free <- c }

// close waits for those who read, and closes so many connections.
func (p *pool) close(n int) error {
	close(p.closed)
	var faults []error
	for range n {
		faults = append(faults, (<-p.free).close())
	}
	return errors.Join(faults...)
}
