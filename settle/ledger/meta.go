package ledger

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// Names in the table meta.
const (
	metaKeyCheck = "key_check"
	metaRetired  = "keys_retired"  // sealed
	metaRotation = "keys_changing" // there while everything is sealed anew
	metaHead     = "chain_head"
	metaClock    = "clock_high" // ms
	metaCursor   = "feed_cursor"
	metaPulled   = "last_pull"     // ms, centre time of the last full or delta pull
	metaSnapshot = "last_snapshot" // ms, newest centre time of any snapshot
	metaVerified = "verified"      // ms
	metaChecked  = "verified_head" // as far as the chain was verified, under a keyed hash
	metaBroken   = "chain_broken"  // number of the record at which a verification failed
	metaIndexed  = "indexed"       // every settlement up to this id is in the index of the records
)

// meta is a value, nil where there is none.
func (t *tx) meta(name string) (value []byte, err error) {
	err = t.get("SELECT value FROM meta WHERE name = ?", []any{name}, &value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return value, err
}

func (t *tx) metaInt(name string) (value int64, err error) {
	err = t.get("SELECT value FROM meta WHERE name = ?", []any{name}, &value)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return value, err
}

func (t *tx) setMeta(name string, value any) error {
	return t.run("INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value)
}

// raiseMeta sets a number that only rises.
func (t *tx) raiseMeta(name string, value int64) error {
	return t.run("INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = MAX(value, excluded.value)", name, value)
}

// count adds n to a counter and returns its new value. A request that fails gives its numbers back.
func (t *tx) count(name string, n int64) (value int64, err error) {
	err = t.get(`INSERT INTO counter (name, value) VALUES (?, ?)
		ON CONFLICT (name) DO UPDATE SET value = value + excluded.value RETURNING value`, []any{name, n}, &value)
	return value, err
}

// serialBlock is how many message serials are taken from the disk at once: numbers may be skipped after a restart but
// never repeated, so not every message needs an fsync for its number.
const serialBlock = 64

// serials hands out the message serials of a block.
type serials struct {
	mu         sync.Mutex
	next, last uint64
}

// NextMessageSerial is the next number of a counter that survives restarts; it may skip numbers, never repeat one.
func (l *Ledger) NextMessageSerial(ctx context.Context) (uint64, error) {
	l.serials.mu.Lock()
	defer l.serials.mu.Unlock()
	if l.serials.next == l.serials.last {
		var top int64
		err := l.write(ctx, func(t *tx) (err error) {
			top, err = t.count("message", serialBlock)
			return err
		})
		if err != nil {
			return 0, err
		}
		l.serials.next, l.serials.last = uint64(top)-serialBlock, uint64(top)
	}
	l.serials.next++
	return l.serials.next, nil
}
