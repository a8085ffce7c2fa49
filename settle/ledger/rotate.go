package ledger

import (
	"bytes"
	"context"
	"crypto/cipher"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// A ledger passes to another key while money goes on, and may be killed at any moment of it:
//
//  1. The key file gets both keys (AskRotation). Nothing else is different yet.
//  2. One transaction writes down that the change has begun, with what must be kept of the old key, sealed under the new one.
//     From here on everything is sealed with the new key.
//  3. What is sealed is sealed anew, some rows in a transaction, until a whole walk finds nothing that is sealed with the
//     old key. Whoever starts again after a kill starts the walk again; it passes over what is done.
//  4. One transaction covers the looked-up hashes anew, together with the head of the chain and the proof of whose the
//     database is. From here on it belongs to the new key.
//  5. The key file keeps the new key alone.
//
// The chain stays what it is: its hashes are over words, not over seals, and the names of people in it are those they had.

// rotationRows is how many rows are sealed anew in a transaction: little enough that a till does not notice it.
const rotationRows = 50

// sealedColumn is a column whose values are sealed.
type sealedColumn struct{ table, key, column, kind string }

// sealedColumns are all of them but those of a large snapshot that is moving in, which is over before step 4.
var sealedColumns = []sealedColumn{
	{"person", "id", "sealed", KindPerson},
	{"person_history", "id", "sealed", KindPerson},
	{"chain", "seq", "doc", KindRecord},
	{"settlement", "id", "booking", KindBooking},
	{"presence", "record", "card", kindHash},
	{"dispatch", "msgid", "body", KindBody},
	{"attention", "id", "detail", KindNote},
	{"attention", "id", "note", KindNote},
	{"incident", "id", "card", kindHash},
	{"incident", "id", "detail", KindNote},
	{"request", "id", "answer", KindNote},
	{"binding", "ref", "told", KindNote},
	{"reconciliation", "day", "doc", KindNote},
	{"word", "id", "text", KindNote},
	{"upload_message", "msgid", "body", KindBody},
	{"intent", "id", "body", KindBody},
	{"intent", "id", "doc", KindNote},
	{"intent_message", "msgid", "body", KindBody},
}

// coveredColumn is a column whose values are covered names. text: they are kept as hexadecimal text.
type coveredColumn struct {
	table, key, column string
	text               bool
}

var coveredColumns = []coveredColumn{
	{"person", "id", "pid", false}, {"person", "id", "certno", false}, {"card", "hash", "hash", false}, {"word", "id", "hash", false},
	{"proxy", "settlement", "agent", true},
}

// turn are the two vaults between which the covers change.
type turn struct{ before, after *vault }

// enter says which vault fits the state that a read will see, and is told when the read is over. The vault is nil while the
// covers may change: then the state itself must be asked.
func (l *Ledger) enter() (v *vault, leave func()) {
	l.plain.Add(1)
	if l.turn.Load() == nil {
		return l.vault(), func() { l.plain.Add(-1) }
	}
	l.plain.Add(-1)
	return nil, func() {}
}

// coveredBy asks the state that is read by whose key its hashes are covered.
func (t *tx) coveredBy() (*vault, error) {
	now := t.ledger.turn.Load()
	if now == nil { // it was over before this state
		return t.ledger.vault(), nil
	}
	check, err := t.meta(metaKeyCheck)
	if err == nil && bytes.Equal(check, now.after.mac(kindCheck, "")) {
		return now.after, nil
	}
	return now.before, err
}

// AskRotation puts a new key beside the one of a data directory; the ledger passes to it when [Ledger.Rotate] runs, which a
// running daemon does by itself. keep, where it is not empty, is a file that gets the old key: backups from before can
// only be restored with it. Where a change is under way already it is only kept, and asked is false. STORE_BROKEN with the
// cause ErrKeyMissing, ErrKeyOpen, [fs.ErrExist] or what the system said.
func AskRotation(dir, keep string) (asked bool, err error) {
	asked, err = askRotation(dir, keep)
	return asked, storeError(err)
}

func askRotation(dir, keep string) (bool, error) {
	if _, err := os.Stat(filepath.Join(dir, databaseName)); err != nil {
		return false, fmt.Errorf("no ledger here: %w", err)
	}
	ring, err := readKeys(dir)
	if err != nil {
		return false, err
	}
	if keep != "" {
		if err := writePrivate(keep, ring[len(ring)-1:].text()); err != nil {
			return false, err
		}
	}
	if len(ring) > 1 {
		return false, nil
	}
	next, err := newMaster()
	if err != nil {
		return false, err
	}
	return true, replaceKeys(dir, keyring{next, ring[0]})
}

// RotationPending reports whether a data directory waits for, or is on, the way to another key.
func RotationPending(dir string) (bool, error) {
	ring, err := readKeys(dir)
	return len(ring) > 1, storeError(err)
}

// Rotate passes to the key that [AskRotation] has put beside the old one; rotated is false where there is none. Settling goes on
// meanwhile. Where it ends early, by an error or a kill, it goes on where it was the next time. It waits for a large snapshot
// that is moving in. STORE_BROKEN, STORE_FULL.
func (l *Ledger) Rotate(ctx context.Context) (rotated bool, err error) {
	l.rotation.Lock()
	defer l.rotation.Unlock()
	ring, err := readKeys(l.options.Dir)
	if err != nil || len(ring) < 2 {
		return false, storeError(err)
	}
	next, err := deriveKeys(ring[0])
	if err != nil {
		return false, storeError(err)
	}
	for _, step := range []func(context.Context, *keySet) error{l.beginRotation, l.sealAnew, l.coverAnew, l.endRotation} {
		if err := step(ctx, next); err != nil {
			return false, storeError(err)
		}
	}
	if err := replaceKeys(l.options.Dir, ring[:1]); err != nil {
		return false, storeError(err)
	}
	l.rotationStep()
	return true, nil
}

func (l *Ledger) rotationStep() {
	if l.afterRotationStep != nil {
		l.afterRotationStep()
	}
}

// belongsTo reports whether the database is the key's already.
func (v *vault) belongsTo(next *keySet) bool { return bytes.Equal(v.guard.master, next.master) }

func (l *Ledger) beginRotation(ctx context.Context, next *keySet) error {
	v := l.vault()
	if bytes.Equal(v.seals.master, next.master) {
		return nil
	}
	// Every read must be able to open what is sealed with the next key before anything is.
	knowing := *v
	knowing.older = append([]cipher.AEAD{next.aead}, v.older...)
	l.keys.Store(&knowing)
	err := l.announce(ctx, turn{&knowing, &knowing})
	l.turn.Store(nil)
	if err != nil {
		return err
	}
	err = l.write(ctx, func(t *tx) error {
		kept, err := v.retire(next)
		if err != nil {
			return err
		}
		t.batch.vault = v.resealing(next)
		return errors.Join(t.setMeta(metaRetired, kept), t.setMeta(metaRotation, 1))
	})
	if err == nil {
		l.rotationStep()
	}
	return err
}

// sealAnew walks over everything that is sealed until a walk finds nothing to do. What a request sealed just before the change
// began may be written behind the first walk.
func (l *Ledger) sealAnew(ctx context.Context, next *keySet) error {
	if l.vault().belongsTo(next) {
		return nil
	}
	// What is freed or written over must not stay in the file under a key that may be known to others.
	if err := l.secureDelete(ctx, true); err != nil {
		return err
	}
	for {
		found := 0
		for i := range sealedColumns {
			n, err := l.sealColumn(ctx, &sealedColumns[i])
			if err != nil {
				return fmt.Errorf("seal %s.%s anew: %w", sealedColumns[i].table, sealedColumns[i].column, err)
			}
			found += n
		}
		if found == 0 {
			return nil
		}
	}
}

func (l *Ledger) secureDelete(ctx context.Context, on bool) error {
	return l.write(ctx, func(*tx) error {
		// It acts when it is prepared, so it must not be a statement that is kept.
		err := l.writer.conn.Set(fmt.Sprintf("PRAGMA secure_delete = %t", on))
		return err
	})
}

// sealedRow is a value of a sealed column.
type sealedRow struct {
	key  any
	data []byte
}

func (t *tx) sealedRows(c *sealedColumn, after any) (rows []sealedRow, err error) {
	query, args := fmt.Sprintf("SELECT %s, %s FROM %s ORDER BY %s LIMIT %d", c.key, c.column, c.table, c.key, rotationRows), []any(nil)
	if after != nil {
		query = fmt.Sprintf("SELECT %s, %s FROM %s WHERE %s > ? ORDER BY %s LIMIT %d", c.key, c.column, c.table, c.key, c.key, rotationRows)
		args = []any{after}
	}
	err = t.each(query, args, func(scan func(dest ...any) error) error {
		var r sealedRow
		err := scan(&r.key, &r.data)
		rows = append(rows, r)
		return err
	})
	return rows, err
}

// stale reports whether a value must be sealed (again) with the key that seals now.
func (c *sealedColumn) stale(v *vault, data []byte) bool {
	return len(data) > 0 && !v.current(c.kind, data)
}

func (l *Ledger) sealColumn(ctx context.Context, c *sealedColumn) (n int, err error) {
	var after any
	for {
		var rows []sealedRow
		old := 0
		err := l.read(ctx, func(t *tx) (err error) {
			rows, err = t.sealedRows(c, after)
			for _, r := range rows {
				if c.stale(t.vault(), r.data) {
					old++
				}
			}
			return err
		})
		if err != nil || len(rows) == 0 {
			return n, err
		}
		if old > 0 {
			if err := l.writeLate(ctx, func(t *tx) error { return t.sealRows(c, after) }); err != nil {
				return n, err
			}
			n += old
			l.rotationStep()
		}
		after = rows[len(rows)-1].key
		if err := ctx.Err(); err != nil {
			return n, err
		}
	}
}

func (t *tx) sealRows(c *sealedColumn, after any) error {
	rows, err := t.sealedRows(c, after)
	if err != nil {
		return err
	}
	update := fmt.Sprintf("UPDATE %s SET %s = ? WHERE %s = ?", c.table, c.column, c.key)
	for _, r := range rows {
		if !c.stale(t.vault(), r.data) {
			continue
		}
		data := r.data
		if c.kind != kindHash || isSealed(data) {
			if data, err = t.vault().unseal(c.kind, r.data); err != nil {
				return fmt.Errorf("row %v: %w", r.key, err)
			}
		}
		if err := t.run(update, t.vault().seal(c.kind, data), r.key); err != nil {
			return err
		}
	}
	return nil
}

// plainPoll is how often it is looked whether the reads from before are over.
const plainPoll = 5 * time.Millisecond

// announce makes reads look from now on, and returns when those that did not are over.
func (l *Ledger) announce(ctx context.Context, t turn) error {
	l.turn.Store(&t)
	for l.plain.Load() > 0 {
		select {
		case <-time.After(plainPoll):
		case <-ctx.Done():
			l.turn.Store(nil)
			return ctx.Err()
		}
	}
	return nil
}

// coverAnew is the moment at which the database passes to the next key. No large snapshot is under way meanwhile, since its
// hashes wait in memory; and reads that have not looked which key covers are over before.
func (l *Ledger) coverAnew(ctx context.Context, next *keySet) error {
	if l.vault().belongsTo(next) {
		return nil
	}
	select {
	case l.bulk.gate <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-l.bulk.ctx.Done():
		return errClosed
	}
	defer func() { <-l.bulk.gate }()
	before := l.vault()
	if err := l.announce(ctx, turn{before, before.covering()}); err != nil {
		return err
	}
	defer l.turn.Store(nil)
	err := l.writeSlice(ctx, func(t *tx) error {
		after := l.turn.Load().after
		for _, c := range coveredColumns {
			if err := t.coverColumn(&c, t.vault(), after); err != nil {
				return fmt.Errorf("cover %s.%s anew: %w", c.table, c.column, err)
			}
		}
		t.batch.vault = after
		return t.setMeta(metaKeyCheck, after.mac(kindCheck, ""))
	})
	if err == nil {
		l.rotationStep()
	}
	return err
}

func (t *tx) coverColumn(c *coveredColumn, before, after *vault) error {
	var rows []sealedRow
	err := t.each(fmt.Sprintf("SELECT %s, %s FROM %s", c.key, c.column, c.table), nil, func(scan func(dest ...any) error) error {
		var r sealedRow
		err := scan(&r.key, &r.data)
		rows = append(rows, r)
		return err
	})
	if err != nil {
		return err
	}
	update := fmt.Sprintf("UPDATE %s SET %s = ? WHERE %s = ?", c.table, c.column, c.key)
	for _, r := range rows {
		data := r.data
		if c.text {
			name, ok := decodeIndex(string(data))
			if !ok {
				continue
			}
			data = name
		}
		if len(data) != hashBytes {
			continue
		}
		data = after.column(before.uncover(data))
		if c.text {
			data = []byte(hex.EncodeToString(data))
		}
		if err := t.run(update, data, r.key); err != nil {
			return err
		}
	}
	return nil
}

// endRotation empties the log, in which the old seals still lie, and forgets that there was a change.
func (l *Ledger) endRotation(ctx context.Context, _ *keySet) error {
	for try := 0; ; try++ {
		busy, err := l.emptyLog(ctx)
		if err != nil {
			return err
		}
		if !busy || try == emptyTries { // a read that lasts: the log is written over in time
			break
		}
		select {
		case <-time.After(emptyPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := l.secureDelete(ctx, false); err != nil {
		return err
	}
	err := l.write(ctx, func(t *tx) error { return t.run("DELETE FROM meta WHERE name = ?", metaRotation) })
	if err == nil {
		l.rotationStep()
	}
	return err
}

// Scrub writes the database anew without what lies in the free space of its pages, where old seals and removed rows may be
// read for a long time. Nobody can settle meanwhile: it is for a ledger that no daemon serves. STORE_BROKEN, STORE_FULL.
func (l *Ledger) Scrub(ctx context.Context) error {
	if _, err := l.saver.ExecContext(ctx, "VACUUM"); err != nil {
		return storeError(err)
	}
	_, err := l.emptyLog(ctx)
	return storeError(err)
}

const (
	emptyTries = 10
	emptyPause = 100 * time.Millisecond
)

// emptyLog copies the log into the database and cuts it off, unless somebody reads from it: nobody is made to wait.
func (l *Ledger) emptyLog(ctx context.Context) (busy bool, err error) {
	conn, err := l.saver.Conn(ctx)
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.ExecContext(ctx, "PRAGMA busy_timeout = 0"); err != nil {
		return false, err
	}
	defer func() {
		_, restore := conn.ExecContext(context.WithoutCancel(ctx), fmt.Sprintf("PRAGMA busy_timeout = %d", busyTimeout.Milliseconds()))
		err = errors.Join(err, restore)
	}()
	var log, copied int
	err = conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &log, &copied)
	return busy, err
}
