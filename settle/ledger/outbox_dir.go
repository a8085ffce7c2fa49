package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"gongji/settle"
)

// Undelivered is what a data directory still owes the centre: what would be lost with the directory.
type Undelivered struct {
	Reports  int        // settlements, returns, premiums and requests that the centre has not acknowledged
	Amount   settle.Fen // account money in them
	Unknown  int        // of the reports: sent, and the answer was lost
	Held     int        // of the reports: they wait for a person's decision
	Deciding int        // binding requests that the centre has and has not decided about
	Uploads  int        // lists of goods sold (3505, 3506)
	Oldest   time.Time  // when the oldest of the reports and uploads was written; zero where there is none
}

// Empty reports whether the centre has everything.
func (u *Undelivered) Empty() bool { return u.Reports == 0 && u.Deciding == 0 && u.Uploads == 0 }

// UndeliveredDir counts what a data directory still owes the centre. It writes nothing, a daemon may be working on the
// directory, and it needs no key: whoever lost the key must still learn what else would be lost. STORE_BROKEN with the
// cause ErrNewer or what the system said; a directory without a ledger has the cause [fs.ErrNotExist].
func UndeliveredDir(ctx context.Context, dir string) (u Undelivered, err error) {
	u, err = undeliveredDir(ctx, dir)
	return u, storeError(err)
}

func undeliveredDir(ctx context.Context, dir string) (u Undelivered, err error) {
	path, err := filepath.Abs(filepath.Join(dir, databaseName))
	if err != nil {
		return u, err
	}
	if _, err := os.Stat(path); err != nil {
		return u, fmt.Errorf("no ledger here: %w", err)
	}
	db, err := sql.Open("sqlite3", dsn(path, url.Values{"mode": {"ro"}, "_query_only": {"on"}}))
	if err != nil {
		return u, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	steps, err := loadMigrations(migrationFiles)
	if err != nil {
		return u, err
	}
	version, err := schemaVersion(ctx, db)
	if err != nil {
		return u, err
	}
	if version > len(steps) {
		return u, ErrNewer
	}
	moment, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}) // all counts of one moment
	if err != nil {
		return u, err
	}
	defer func() { _ = moment.Rollback() }()
	return u, countUndelivered(ctx, moment, &u)
}

func countUndelivered(ctx context.Context, db *sql.Tx, u *Undelivered) error {
	var oldestReport, oldestUpload sql.NullInt64
	err := db.QueryRowContext(ctx, `SELECT COUNT(*), COALESCE(SUM(amount), 0), COALESCE(SUM(state = 'unknown'), 0),
		COALESCE(SUM(next = 9223372036854775807), 0), MIN(created) FROM report o WHERE done = 0 AND NOT `+deciding).
		Scan(&u.Reports, &u.Amount, &u.Unknown, &u.Held, &oldestReport)
	if err != nil {
		return err
	}
	if err := db.QueryRowContext(ctx, `SELECT COUNT(*) FROM report o WHERE done = 0 AND `+deciding).Scan(&u.Deciding); err != nil {
		return err
	}
	if err := db.QueryRowContext(ctx, `SELECT COUNT(*), MIN(created) FROM upload WHERE done = 0`).Scan(&u.Uploads, &oldestUpload); err != nil {
		return err
	}
	u.Oldest = instant(oldestReport.Int64)
	if at := instant(oldestUpload.Int64); !at.IsZero() && (u.Oldest.IsZero() || at.Before(u.Oldest)) {
		u.Oldest = at
	}
	return nil
}
