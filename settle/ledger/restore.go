package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gongji/settle"
)

// The causes of STORE_BROKEN where a restore is refused.
var (
	ErrNoBackup     = errors.New("the file is not a backup of a ledger")
	ErrOccupied     = errors.New("the data directory holds a ledger; a restore never overwrites one")
	ErrBackupBroken = errors.New("the backup does not verify; restore an older one")
)

// held is the time of a report that nothing but a person's decision sends: after a restore nobody here knows what was
// sent since the backup was made.
const held = open

// heldNote tells the person who decides.
const heldNote = "账本由备份恢复：备份之后这笔可能已经上报。请先与中心对账，确认中心没有这笔，再选择重新上报"

// receiptGap and messageGap are how many numbers a restore leaves out, more than a shop can have used since the backup.
const (
	receiptGap = 100_000
	messageGap = 1 << 20
)

// RestoreOptions say what to restore and where.
type RestoreOptions struct {
	From     string // backup
	Key      string // key file; empty: the data directory has its key
	Dir      string // data directory
	Clock    func() time.Time
	Progress func(done, total int) // records verified; may be nil
}

// Restored is what a restore did.
type Restored struct {
	Backup Backup
	Verify VerifyReport
	Held   int // reports that wait for a decision now
}

// RestoreBackup makes the ledger of a data directory from a backup. It refuses a directory that has a ledger, whatever that
// holds, since its unsent reports would be lost; a backup that does not verify; and a key that is not the
// backup's. Nothing bears a name in the directory before everything has been verified.
//
// What a restored ledger does not know is what happened after the backup. So its unsent reports are not sent by
// themselves, for they may have been: each is held on the work list until a person has held it against the centre's
// book. Receipt and message numbers leave a gap. The cached balances count as too old for settling offline until the
// centre has sent new ones. What was settled after the backup and reached the centre is found by reconciliation, as rows
// that only the centre has.
func RestoreBackup(ctx context.Context, o RestoreOptions) (r Restored, err error) {
	r, err = restoreBackup(ctx, o)
	return r, storeError(err)
}

func restoreBackup(ctx context.Context, o RestoreOptions) (r Restored, err error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return r, err
	}
	lock, err := lockDir(o.Dir)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	for _, name := range []string{databaseName, databaseName + "-wal"} {
		if err := vacant(filepath.Join(o.Dir, name)); err != nil {
			return r, fmt.Errorf("%w: %w", ErrOccupied, err)
		}
	}
	work := filepath.Join(o.Dir, "restoring")
	if err := os.RemoveAll(work); err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	if err := layOut(o, work); err != nil {
		return r, err
	}
	if r.Backup, err = readBackup(ctx, filepath.Join(work, databaseName)); err != nil {
		return r, err
	}
	files, err := bringUp(ctx, o, work, &r)
	if err != nil {
		return r, err
	}
	return r, moveIn(o.Dir, work, files)
}

// layOut puts the backup and the key side by side, as in a data directory.
func layOut(o RestoreOptions, work string) error {
	keys := filepath.Join(work, keyDirName)
	if err := os.MkdirAll(keys, 0o700); err != nil {
		return err
	}
	key := o.Key
	if key == "" {
		key = filepath.Join(o.Dir, keyDirName, keyFileName)
	}
	text, err := os.ReadFile(key)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w (%s)", ErrKeyMissing, key)
	}
	if err != nil {
		return err
	}
	if _, err := parseKey(text); err != nil {
		return err
	}
	if err := writePrivate(filepath.Join(keys, keyFileName), text); err != nil {
		return err
	}
	return copyFile(o.From, filepath.Join(work, databaseName))
}

func copyFile(from, to string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Sync(), target.Close())
}

// readBackup reads what a file says of itself.
func readBackup(ctx context.Context, path string) (b Backup, err error) {
	db, err := sql.Open("sqlite3", dsn(path, url.Values{"mode": {"ro"}}))
	if err != nil {
		return b, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var text []byte
	err = db.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = ?", metaBackup).Scan(&text)
	if err == nil {
		err = json.Unmarshal(text, &b)
	}
	if err != nil {
		return b, fmt.Errorf("%w: %w", ErrNoBackup, err)
	}
	return b, nil
}

// bringUp migrates, verifies and marks the copy, and returns the files that it carries.
func bringUp(ctx context.Context, o RestoreOptions, work string, r *Restored) (files map[string][]byte, err error) {
	path := filepath.Join(work, databaseName)
	db, err := openWriter(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	steps, err := loadMigrations(migrationFiles)
	if err != nil {
		return nil, err
	}
	if _, err := migrate(ctx, db, steps); err != nil {
		return nil, err
	}
	if r.Verify, err = verifyDir(ctx, work, o.Progress); err != nil {
		return nil, err
	}
	if !r.Verify.OK() {
		return nil, fmt.Errorf("%w: %d findings, the first: %s", ErrBackupBroken, len(r.Verify.Findings), r.Verify.Findings[0])
	}
	ring, err := readKeys(work)
	if err != nil {
		return nil, err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }()
	files, err = attachments(ctx, tx)
	if err != nil {
		return nil, err
	}
	state, err := readKeyState(func(name string) (value []byte, err error) {
		err = tx.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = ?", name).Scan(&value)
		if errors.Is(err, sql.ErrNoRows) {
			return nil, nil
		}
		return value, err
	})
	if err != nil {
		return nil, err
	}
	vault, _, err := ring.vaults(state)
	if err != nil {
		return nil, err
	}
	if r.Held, err = markRestored(ctx, tx, vault, o.Clock()); err != nil {
		return nil, err
	}
	return files, tx.Commit()
}

func attachments(ctx context.Context, tx *sql.Tx) (files map[string][]byte, err error) {
	rows, err := tx.QueryContext(ctx, "SELECT name, value FROM meta WHERE substr(name, 1, ?) = ?", len(metaAttachment), metaAttachment)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	files = map[string][]byte{}
	for rows.Next() {
		var name string
		var content []byte
		if err := rows.Scan(&name, &content); err != nil {
			return nil, err
		}
		name = strings.TrimPrefix(name, metaAttachment)
		if name != filepath.Base(name) {
			return nil, fmt.Errorf("%w: it carries a file named %q", ErrNoBackup, name)
		}
		files[name] = content
	}
	return files, rows.Err()
}

// markRestored makes a copy a ledger that knows that it is one.
func markRestored(ctx context.Context, tx *sql.Tx, v *vault, now time.Time) (count int, err error) {
	type statement struct {
		text string
		args []any
	}
	books := []any{settle.ReportSettle, settle.ReportReverse, settle.ReportRefund}
	result, err := tx.ExecContext(ctx, "UPDATE report SET next = ? WHERE done = 0 AND kind IN (?, ?, ?)", append([]any{held}, books...)...)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	if err != nil {
		return 0, err
	}
	for _, s := range []statement{
		// What was on its way when the backup was made is as open as after a crash, and held with the rest.
		{"UPDATE dispatch SET state = ? WHERE state = ?", []any{settle.DispatchUnknown, settle.DispatchSent}},
		{`INSERT INTO attention (kind, settlement, report, opened, detail) SELECT ?, settlement, id, ?, ? FROM report WHERE next = ?
			ON CONFLICT (kind, report) WHERE closed IS NULL DO UPDATE SET detail = excluded.detail`,
			[]any{AttentionHeld, millis(now), v.seal(KindNote, []byte(heldNote)), held}},
		// Who was heard of at no time is too old for every limit.
		{"UPDATE account SET as_of = 0", nil},
		{"UPDATE person SET as_of = 0", nil},
		{"UPDATE counter SET value = value + ? WHERE substr(name, 1, 8) = 'receipt-'", []any{receiptGap}},
		{"UPDATE counter SET value = value + ? WHERE name = 'message'", []any{messageGap}},
		{"DELETE FROM meta WHERE name IN (?, ?, ?)", []any{metaSnapshot, metaPulled, metaBackup}},
		{"DELETE FROM meta WHERE substr(name, 1, ?) = ?", []any{len(metaAttachment), metaAttachment}},
		{"INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", []any{metaRestored, millis(now)}},
	} {
		if _, err := tx.ExecContext(ctx, s.text, s.args...); err != nil {
			return 0, err
		}
	}
	return int(n), nil
}

// moveIn gives everything its name, the database last: a directory with a key and no database is refused by name, so a
// restore that is cut short here is seen.
func moveIn(dir, work string, files map[string][]byte) error {
	keys := filepath.Join(dir, keyDirName)
	if err := os.MkdirAll(keys, 0o700); err != nil {
		return err
	}
	key := filepath.Join(keys, keyFileName)
	if _, err := os.Stat(key); errors.Is(err, fs.ErrNotExist) {
		if err := os.Rename(filepath.Join(work, keyDirName, keyFileName), key); err != nil {
			return err
		}
	} else if err := sameKey(key, filepath.Join(work, keyDirName, keyFileName)); err != nil {
		return err
	}
	for name, content := range files {
		err := writePrivate(filepath.Join(dir, name), content)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if err := errors.Join(syncDir(keys), syncDir(dir)); err != nil {
		return err
	}
	return errors.Join(os.Rename(filepath.Join(work, databaseName), filepath.Join(dir, databaseName)), syncDir(dir))
}

// sameKey refuses a directory whose key is another than the one that opened the backup.
func sameKey(there, used string) error {
	a, err := os.ReadFile(there)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(used)
	if err != nil {
		return err
	}
	if string(a) != string(b) {
		return fmt.Errorf("%w: the data directory has another key than the one given; move its keys directory away", ErrKeyWrong)
	}
	return nil
}
