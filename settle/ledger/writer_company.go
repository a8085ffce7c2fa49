package ledger

import (
	"time"
)

// Many tills at once share a commit, and the more of them, the fewer commits. Left alone they fall into two halves: while one
// half is committed the other comes to the counter, and each commit serves one of them. So a transaction stays open for those
// who come while it is under way, and after a rush, on a disk whose commits are slow, the writer also waits a moment for those
// whom it answered last to be back.
//
// What that costs at most is a bound, not a habit. A transaction takes company for joinLeast or for as long as a commit takes,
// whichever is longer, at most joinMost; of that it is idle for a quarter of a commit at a time at most, and only where rush or more
// were at the counter at once during the transaction before. A lone caller and two or three tills never wait, and of those who come
// after a rush is over one batch does, once: the next knows how few they were.
const (
	joinLeast = 4 * time.Millisecond
	joinMost  = 40 * time.Millisecond
	rush      = 4
	// slowCommit is the commit from which on waiting for company is worth more than it costs.
	slowCommit = 2 * time.Millisecond
	// idlePart is the part of a commit that the writer waits for the next to come.
	idlePart = 4
)

// openFor is how long a transaction takes company on a disk whose commits take so long.
func openFor(commit time.Duration) time.Duration { return max(joinLeast, min(commit, joinMost)) }

// idleFor is how long the writer waits for the next to come, of a crowd of which some are not there yet.
func idleFor(commit time.Duration, crowd, there int) time.Duration {
	if crowd < rush || there >= crowd || commit < slowCommit {
		return 0
	}
	return min(commit, joinMost) / idlePart
}

// company takes whoever has come to the counter into a batch that is done with everybody else, and reports whether anybody has.
func (w *writer) company(l *load) bool {
	if l.alone || len(l.live) >= batchLimit {
		return false
	}
	commit := w.pace.now()
	left := openFor(commit) - time.Since(l.began)
	if left <= 0 {
		return false
	}
	if l.join(w.take(nil, w.queue)) {
		return true
	}
	idle := min(left, idleFor(commit, w.crowd, l.atCounter()))
	if idle <= 0 {
		return false
	}
	waited := time.NewTimer(idle)
	defer waited.Stop()
	for {
		select {
		case r, more := <-w.queue:
			if !more {
				return false
			}
			if l.join([]*request{r}) {
				return true
			}
		case <-waited.C:
			return false
		}
	}
}

// join adds those who have not given up, and reports whether there are any.
func (l *load) join(requests []*request) bool {
	before := len(l.live)
	for _, r := range requests {
		if r.state.CompareAndSwap(waiting, taken) {
			l.live = append(l.live, r)
		}
	}
	l.results = append(l.results, make([]error, len(l.live)-before)...)
	return len(l.live) > before
}

// atCounter is how many of a batch are not the outbox's.
func (l *load) atCounter() int { return len(l.live) - late(l.live) }
