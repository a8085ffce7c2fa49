package ledger

import (
	"sync/atomic"
	"time"
)

// SlowCommit is how long a commit may take before the disk is slow: an answer at the counter waits for one commit, and one
// that waits for half a second is felt. A sound disk takes some milliseconds.
const SlowCommit = 500 * time.Millisecond

const (
	// paceWeight is the part by which a commit moves the pace.
	paceWeight = 4
	// paceMost is what one commit counts for at most, so that a single one that was held up is no slow disk.
	paceMost = 3 * SlowCommit
)

// pace is how long commits take of late. One goroutine begins and ends commits; reading is safe for concurrent use.
type pace struct {
	smooth atomic.Int64              // nanoseconds
	began  atomic.Pointer[time.Time] // of the commit under way
}

// begin notes that a commit is under way; the returned function ends it and says how long it took.
func (p *pace) begin() (end func() time.Duration) {
	now := time.Now()
	p.began.Store(&now)
	return func() time.Duration {
		took := time.Since(now)
		p.began.Store(nil)
		p.note(took)
		return took
	}
}

func (p *pace) note(took time.Duration) {
	smooth := p.smooth.Load()
	p.smooth.Store(smooth + (int64(min(took, paceMost))-smooth)/paceWeight)
}

// now is the pace of the last commits, or how long the one under way has taken where that is worse than any counts for.
func (p *pace) now() time.Duration {
	if began := p.began.Load(); began != nil {
		if waits := time.Since(*began); waits > paceMost {
			return waits
		}
	}
	return time.Duration(p.smooth.Load())
}

// CommitTime is how long a commit takes of late, smoothed over some of them: the disk's share of every answer.
func (l *Ledger) CommitTime() time.Duration { return l.writer.pace.now() }
