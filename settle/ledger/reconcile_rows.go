package ledger

import (
	"sync"

	"gongji/settle"
)

// mostKnownRows is how many booked rows are remembered; a very busy shop's day has a few thousand.
const mostKnownRows = 8192

// knownRows remembers bookings by the record of their outcome, which never changes: every question about one unknown message
// looks at all rows of the day, and each would be unsealed and decoded again. Cancellations are not kept, since they are
// completed from other rows. The zero value is empty; safe for concurrent use.
type knownRows struct {
	mu   sync.Mutex
	rows map[int64]settle.BookedRow
}

func (k *knownRows) get(outcome int64) (settle.BookedRow, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	row, known := k.rows[outcome]
	return row, known
}

func (k *knownRows) put(outcome int64, row *settle.BookedRow) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.rows == nil || len(k.rows) >= mostKnownRows {
		k.rows = make(map[int64]settle.BookedRow)
	}
	k.rows[outcome] = *row
}
