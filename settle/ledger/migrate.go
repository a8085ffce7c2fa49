package ledger

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// ErrNewer is the cause of STORE_BROKEN where the database was written by a newer version of this program.
var ErrNewer = errors.New("the database was written by a newer version; install that version again")

// migration is one numbered step of the schema.
type migration struct {
	number int
	name   string
	text   string
}

// loadMigrations reads the embedded steps in order; a gap or a double number is a mistake of ours.
func loadMigrations(files fs.FS) ([]migration, error) {
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	steps := make([]migration, 0, len(names))
	for i, name := range names {
		base := strings.TrimPrefix(name, "migrations/")
		digits, _, _ := strings.Cut(base, "_")
		number, err := strconv.Atoi(digits)
		if err != nil || number != i+1 {
			return nil, fmt.Errorf("migration %s must have number %04d", base, i+1)
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		steps = append(steps, migration{number: number, name: base, text: string(text)})
	}
	return steps, nil
}

// errSchemaNumber says that a file is damaged, or was never ours, where SQLite itself saw nothing wrong with it.
var errSchemaNumber = errors.New("the database's schema has a number that no program writes: the file is damaged")

// schemaVersion is the number of the last step a database has seen; 0 for an empty one.
func schemaVersion(ctx context.Context, db *sql.DB) (version int, err error) {
	err = db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version)
	if err == nil && version < 0 {
		return 0, errSchemaNumber
	}
	return version, err
}

// migrate brings the database to the newest schema, each step in a transaction of its own together with its number.
// It returns the version reached.
func migrate(ctx context.Context, db *sql.DB, steps []migration) (int, error) {
	version, err := schemaVersion(ctx, db)
	if err != nil {
		return 0, err
	}
	if version > len(steps) {
		return version, fmt.Errorf("%w (schema %d, this program knows %d)", ErrNewer, version, len(steps))
	}
	for _, step := range steps[version:] {
		if err := applyStep(ctx, db, step); err != nil {
			return version, fmt.Errorf("migration %s: %w", step.name, err)
		}
		version = step.number
	}
	return version, nil
}

// applyStep runs one step. A step may write a table anew, which drops the old one while others refer to it; so foreign keys
// are off meanwhile (a pragma that does nothing inside a transaction) and every reference is checked before the commit.
func applyStep(ctx context.Context, db *sql.DB, step migration) (err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := conn.ExecContext(ctx, "PRAGMA foreign_keys = OFF"); err != nil {
		return err
	}
	defer func() {
		_, on := conn.ExecContext(context.WithoutCancel(ctx), "PRAGMA foreign_keys = ON")
		err = errors.Join(err, on)
	}()
	dbtx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = dbtx.Rollback() }()
	// user_version takes no placeholder; the number is our own.
	for _, text := range []string{step.text, fmt.Sprintf("PRAGMA user_version = %d", step.number)} {
		if _, err := dbtx.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	if err := checkReferences(ctx, dbtx); err != nil {
		return err
	}
	return dbtx.Commit()
}

// checkReferences fails where a row refers to one that is not there.
func checkReferences(ctx context.Context, dbtx *sql.Tx) error {
	var table, parent string
	var row, key any
	err := dbtx.QueryRowContext(ctx, "PRAGMA foreign_key_check").Scan(&table, &row, &parent, &key)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return errors.Join(err, fmt.Errorf("a row of %s refers to a row of %s that is not there", table, parent))
}
