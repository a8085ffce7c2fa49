package ledger

import (
	"context"
	"time"
)

// What the outbox writes can wait a moment; a patient at a till cannot. So the outbox has a queue of its own: it is looked
// at when nobody else waits, and a batch of it makes way for a till that comes while it is under way. The till's request
// then goes into that same transaction, at once, and what is left of the batch into the next.

// writeLate is write for what can wait.
func (l *Ledger) writeLate(ctx context.Context, run func(*tx) error) error {
	return l.writer.await(ctx, l.writer.late, &request{run: run, done: make(chan error, 1), late: true})
}

// load is a batch on its way through a transaction.
type load struct {
	live    []*request
	results []error
	alone   bool // nobody else comes into its transaction
	began   time.Time
}

// yield lets who came to the counter go before the late requests from the i-th on, which wait for the next transaction.
func (w *writer) yield(l *load, i int) {
	if !l.live[i].late {
		return
	}
	var first []*request
	for _, r := range w.take(nil, w.queue) {
		if r.state.CompareAndSwap(waiting, taken) {
			first = append(first, r)
		}
	}
	if len(first) == 0 {
		return
	}
	w.left = append(w.left, l.live[i:]...)
	l.live = append(l.live[:i:i], first...)
	l.results = append(l.results[:i:i], make([]error, len(first))...)
}

// fill adds what is already waiting: the counter's requests, then those that made way, then the outbox's.
func (w *writer) fill(requests []*request) []*request {
	requests = w.take(requests, w.queue)
	if room := min(len(w.left), batchLimit-len(requests)); room > 0 {
		requests = append(requests, w.left[:room]...)
		w.left = append(w.left[:0:0], w.left[room:]...)
	}
	return w.take(requests, w.late)
}

// take adds what waits in a queue, as far as a batch has room.
func (w *writer) take(requests []*request, queue chan *request) []*request {
	for len(requests) < batchLimit {
		select {
		case r, more := <-queue:
			if !more {
				return requests
			}
			requests = append(requests, r)
		default:
			return requests
		}
	}
	return requests
}
