package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/mattn/go-sqlite3"

	"gongji/settle"
)

// Backup is what a backup holds, written into it when it is made.
type Backup struct {
	At           time.Time  `json:"at"` // of the state it holds
	Schema       int        `json:"schema"`
	Records      int64      `json:"records"`       // links of the chain
	Unsent       int        `json:"unsent"`        // reports that the centre had not acknowledged
	UnsentAmount settle.Fen `json:"unsent_amount"` // account money in them
}

// BackupOptions say what to save and where. All but Attach and Progress are needed.
type BackupOptions struct {
	Dir      string   // data directory; a daemon may be working in it
	To       string   // file to make; refused where it exists
	Attach   []string // small files of the data directory to carry along, by name; those that are missing are left out
	Clock    func() time.Time
	Progress func(done, total int) // pages; may be nil
}

// Names in the table meta of a backup.
const (
	metaBackup     = "backup"
	metaAttachment = "backup_file:" // and the name
	metaRestored   = "restored"     // ms
)

// backupPages is how much is copied between two looks at the context.
const backupPages = 1024

// MakeBackup copies the ledger of a data directory, as it is at one moment, into one file. Nobody who settles waits
// for it. The file is a database itself, whole and in one piece only once it bears its name. The key is not in it: a
// backup that is lost tells nobody anything, and a backup without the key restores nothing (see [CopyKey]). STORE_BROKEN
// with what the system said, STORE_FULL, or the cause [fs.ErrExist].
func MakeBackup(ctx context.Context, o BackupOptions) (b Backup, err error) {
	b, err = makeBackup(ctx, o)
	return b, storeError(err)
}

func makeBackup(ctx context.Context, o BackupOptions) (b Backup, err error) {
	if err := vacant(o.To); err != nil {
		return b, err
	}
	path, err := filepath.Abs(filepath.Join(o.Dir, databaseName))
	if err != nil {
		return b, err
	}
	if _, err := os.Stat(path); err != nil {
		return b, fmt.Errorf("no ledger here: %w", err)
	}
	part := o.To + ".partial"
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return b, err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(part)
		}
	}()
	if err := private(part); err != nil {
		return b, err
	}
	if err := copyDatabase(ctx, path, part, o.Progress); err != nil {
		return b, fmt.Errorf("copy the database: %w", err)
	}
	if b, err = describeBackup(ctx, part, o); err != nil {
		return b, err
	}
	return b, publish(part, o.To)
}

// vacant refuses a name that is taken.
func vacant(path string) error {
	_, err := os.Lstat(path)
	switch {
	case err == nil:
		return fmt.Errorf("%s: %w", path, fs.ErrExist)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return err
}

// private makes an empty file that only its owner can read, before anything is in it.
func private(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return file.Close()
}

// publish makes a finished file durable and gives it its name.
func publish(part, name string) error {
	file, err := os.OpenFile(part, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return err
	}
	// A hard link, unlike a rename, never replaces what somebody else has put there meanwhile.
	if err := os.Link(part, name); err == nil {
		return errors.Join(os.Remove(part), syncDir(filepath.Dir(name)))
	}
	if err := vacant(name); err != nil {
		return err
	}
	return errors.Join(os.Rename(part, name), syncDir(filepath.Dir(name)))
}

// copyDatabase copies page by page, all from one moment: the source's connection holds its snapshot meanwhile.
func copyDatabase(ctx context.Context, from, to string, progress func(done, total int)) error {
	source, err := sql.Open("sqlite3", dsn(from, url.Values{"mode": {"ro"}, "_query_only": {"on"}}))
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	target, err := sql.Open("sqlite3", dsn(to, url.Values{"_synchronous": {"OFF"}}))
	if err != nil {
		return err
	}
	defer func() { _ = target.Close() }()
	reading, err := source.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = reading.Close() }()
	// A statement pins the snapshot: a copy that followed the writer would start anew with every sale.
	if _, err := reading.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	defer func() { _, _ = reading.ExecContext(context.WithoutCancel(ctx), "ROLLBACK") }()
	var tables int
	if err := reading.QueryRowContext(ctx, "SELECT COUNT(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return err
	}
	writing, err := target.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = writing.Close() }()
	return writing.Raw(func(to any) error {
		return reading.Raw(func(from any) error { return copyPages(ctx, to, from, progress) })
	})
}

func copyPages(ctx context.Context, to, from any, progress func(done, total int)) (err error) {
	target, ok := to.(*sqlite3.SQLiteConn)
	source, same := from.(*sqlite3.SQLiteConn)
	if !ok || !same {
		return fmt.Errorf("the driver gave %T and %T", to, from)
	}
	copying, err := target.Backup("main", source, "main")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, copying.Finish()) }()
	for {
		done, err := copying.Step(backupPages)
		if err != nil {
			return err
		}
		if progress != nil {
			progress(copying.PageCount()-copying.Remaining(), copying.PageCount())
		}
		if done {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// describeBackup writes into a copy what it holds, and makes it one file.
func describeBackup(ctx context.Context, path string, o BackupOptions) (b Backup, err error) {
	db, err := sql.Open("sqlite3", dsn(path, url.Values{"_journal_mode": {"DELETE"}, "_synchronous": {"FULL"}}))
	if err != nil {
		return b, err
	}
	db.SetMaxOpenConns(1)
	defer func() { err = errors.Join(err, db.Close()) }()
	b.At = o.Clock().UTC().Truncate(time.Second)
	if b.Schema, err = schemaVersion(ctx, db); err != nil {
		return b, err
	}
	err = db.QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM chain), COUNT(*), COALESCE(SUM(amount), 0) FROM report WHERE done = 0`).
		Scan(&b.Records, &b.Unsent, &b.UnsentAmount)
	if err != nil {
		return b, err
	}
	text, err := json.Marshal(b)
	if err != nil {
		return b, err
	}
	put := func(name string, value []byte) error {
		_, err := db.ExecContext(ctx, "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", name, value)
		return err
	}
	if err := put(metaBackup, text); err != nil {
		return b, err
	}
	for _, name := range o.Attach {
		content, err := os.ReadFile(filepath.Join(o.Dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := errors.Join(err, put(metaAttachment+name, content)); err != nil {
			return b, err
		}
	}
	return b, nil
}

// CopyKey copies the key of a data directory to a file, which should lie in another place than the backups. It refuses to
// overwrite. STORE_BROKEN with the cause ErrKeyMissing, [fs.ErrExist] or what the system said.
func CopyKey(dir, to string) error {
	key, err := os.ReadFile(filepath.Join(dir, keyDirName, keyFileName))
	if errors.Is(err, fs.ErrNotExist) {
		return storeError(ErrKeyMissing)
	}
	if err != nil {
		return storeError(err)
	}
	return storeError(writePrivate(to, key))
}

// writePrivate writes a new file that only its owner can read, durably.
func writePrivate(path string, content []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	err = errors.Join(err, file.Sync(), file.Close())
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return syncDir(filepath.Dir(path))
}
