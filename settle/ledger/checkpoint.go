package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The log is copied into the database off the commit path: on a connection of its own, passively, so that the writer does not
// wait, and without truncating, since a log that is written over costs less than one that grows. SQLite begins the log anew only
// once all of it is copied, and behind a writer that never rests there is always something more. So when the log is long
// and the rest of it short, the writer stands back between two transactions while the rest is copied.

const (
	// longLog is the length, in pages, from which on the writer stands back.
	longLog = 16384
	// veryLong is the length from which on it also waits for those who read what it wrote before, which takes longer than the copy:
	// readersLeave at most, where otherwise they have readersPass, and the log is begun anew the next time.
	veryLong     = 4 * longLog
	readersPass  = 2 * time.Millisecond
	readersLeave = 20 * time.Millisecond
	// shortRest is the rest, in pages, that it stands back for at once; a longer one is copied beside it first.
	shortRest = 512
	// besides is how many times the log is copied beside the writer before it stands back whatever the rest is.
	besides = 4
)

// readLong is read for what takes some milliseconds: it does not begin while the log is to be begun anew, and that waits for it
// before the writer stands back.
func (l *Ledger) readLong(ctx context.Context, run func(*tx) error) error {
	l.long.RLock()
	defer l.long.RUnlock()
	return l.read(ctx, run)
}

// checkpoint copies what the log holds by now.
func (l *Ledger) checkpoint() {
	if l.writer.sinceSave.Swap(0) == 0 {
		return
	}
	if err := l.copyLog(); err != nil {
		l.log.Warn("checkpoint failed", "error", err.Error())
	}
}

func (l *Ledger) copyLog() error {
	before := 0
	for range besides {
		length, rest, err := l.copyPages("PASSIVE")
		if err != nil || length < longLog {
			return err
		}
		came := length - before // since the last copy began; what has come during this one is not much more
		if before = length; rest+came <= shortRest {
			break
		}
	}
	patience := readersPass
	if before >= veryLong {
		patience = readersLeave
	}
	l.long.Lock()
	defer l.long.Unlock()
	l.GiveWay(context.Background())
	var err error
	l.writer.standBack(func() { err = l.beginLogAnew(patience) })
	return err
}

// beginLogAnew copies the rest while nothing is written, and waits a moment for those who still read the log.
func (l *Ledger) beginLogAnew(patience time.Duration) error {
	if err := l.saverWaits(patience); err != nil {
		return err
	}
	_, _, err := l.copyPages("RESTART")
	return errors.Join(err, l.saverWaits(busyTimeout))
}

// saverWaits sets how long the saver's connection waits for a lock.
func (l *Ledger) saverWaits(d time.Duration) error {
	_, err := l.saver.ExecContext(context.Background(), fmt.Sprintf("PRAGMA busy_timeout = %d", d.Milliseconds()))
	return err
}

// copyPages copies what may be copied now. length is that of the log in pages, rest how many of them are not copied.
func (l *Ledger) copyPages(mode string) (length, rest int, err error) {
	var busy, copied int
	err = l.saver.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &length, &copied)
	return length, length - copied, err
}

// standBack runs a function while the writer is between two transactions; not at all where the ledger is closed.
func (w *writer) standBack(run func()) {
	done := make(chan struct{})
	select {
	case w.between <- func() { defer close(done); run() }:
		<-done
	case <-w.ended:
	}
}

// rest does what is to be done between two transactions.
func (w *writer) rest() {
	select {
	case run := <-w.between:
		run()
	default:
	}
}
