package lite

import (
	"context"
	"errors"
)

// ErrClosed says that a pool is closed.
var ErrClosed = errors.New("the connections are closed")

// Pool holds connections of a kind; whoever needs one takes it and gives it back. Safe for concurrent use.
type Pool struct {
	free   chan *Conn
	closed chan struct{}
}

// OpenPool opens so many connections under one name.
func OpenPool(name string, connections int) (*Pool, error) {
	p := &Pool{free: make(chan *Conn, connections), closed: make(chan struct{})}
	for range connections {
		c, err := Open(name)
		if err != nil {
			return nil, errors.Join(err, p.close(len(p.free)))
		}
		p.Give(c)
	}
	return p, nil
}

// Take waits for a connection. The error is ctx's or ErrClosed.
func (p *Pool) Take(ctx context.Context) (*Conn, error) {
	select {
	case c := <-p.free:
		return c, nil
	case <-p.closed:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Give gives a connection back.
func (p *Pool) Give(c *Conn) { p.free <- c }

// Close waits until every connection was given back, and closes them.
func (p *Pool) Close() error { return p.close(cap(p.free)) }

// close closes so many connections.
func (p *Pool) close(n int) error {
	close(p.closed)
	var faults []error
	for range n {
		faults = append(faults, (<-p.free).Close())
	}
	return errors.Join(faults...)
}
