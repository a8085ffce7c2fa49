package ledger

import (
	"context"
	"time"
)

// What the outbox writes can wait a moment; a patient at a till cannot. So the outbox has a queue of its own: it is looked
// at when nobody else waits, and a batch of it makes way for a till that comes while it is under way. The till's request
// then goes into that same transaction, at once, and what is left of the batch into the next.
//
// A backlog brings many requests that each wait for a commit. They wait a moment for company, so that one commit is for
// many; a report that comes alone does not.

const (
	lateGroup  = 16                   // requests of the outbox that are worth a commit
	lateWait   = 6 * time.Millisecond // how long the first of them waits for the others
	lateBeside = 4                    // of them in a transaction that somebody at the counter waits for
)

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

// fill adds what is already waiting: the counter's requests, then those that made way, then the outbox's, of which only a few
// go with the counter's.
func (w *writer) fill(requests []*request) []*request {
	requests = w.take(requests, w.queue)
	most := batchLimit
	if len(requests) > 0 && !requests[0].late {
		most = min(batchLimit, len(requests)+lateBeside)
	}
	if room := min(len(w.left), most-len(requests)); room > 0 {
		requests = append(requests, w.left[:room]...)
		w.left = append(w.left[:0:0], w.left[room:]...)
	}
	return w.takeUpTo(most, requests, w.late)
}

// gather waits for company for a request of the outbox, where its last ones came in company too. Whoever comes to the counter
// goes first.
func (w *writer) gather(requests []*request) []*request {
	if len(requests) == 0 || !requests[0].late {
		return requests
	}
	defer func() { w.grouped = late(requests) }()
	if w.grouped < 2 || len(requests) >= lateGroup {
		return requests
	}
	enough := time.NewTimer(lateWait)
	defer enough.Stop()
	for len(requests) < lateGroup {
		select {
		case r := <-w.late:
			requests = append(requests, r)
		case r, more := <-w.queue:
			if !more {
				return requests
			}
			w.left = append(w.left, requests...)
			return w.fill(append(requests[:0:0], r))
		case <-enough.C:
			return requests
		}
	}
	return requests
}

// late is how many of a batch are the outbox's. Who came to the counter at the same moment is no sign of a backlog.
func late(requests []*request) (n int) {
	for _, r := range requests {
		if r.late {
			n++
		}
	}
	return n
}

// take adds what waits in a queue, as far as a batch has room.
func (w *writer) take(requests []*request, queue chan *request) []*request {
	return w.takeUpTo(batchLimit, requests, queue)
}

// takeUpTo is take for a batch that has less room.
func (w *writer) takeUpTo(most int, requests []*request, queue chan *request) []*request {
	for len(requests) < most {
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
