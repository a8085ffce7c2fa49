package pgstore

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

//go:embed migrations
var files embed.FS

// migration is one step of the schema. Programs that know schema from or a later one can live with it.
type migration struct {
	version, from int
	statements    []string
}

// fromMark in a migration's first lines says from which schema on a program can live with it; without it, from the first.
const fromMark = "-- lives-with: "

func migrations() ([]migration, error) {
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var list []migration
	for i, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		m, err := parseMigration(i+1, string(text))
		if err != nil {
			return nil, fmt.Errorf("migration %s: %w", name, err)
		}
		list = append(list, m)
	}
	return list, nil
}

// parseMigration cuts a file into statements: they end with a semicolon at the end of a line.
func parseMigration(version int, text string) (migration, error) {
	m := migration{version: version, from: 1}
	var clean []string
	for line := range strings.Lines(text) {
		if rest, is := strings.CutPrefix(line, fromMark); is {
			from, err := strconv.Atoi(strings.TrimSpace(rest))
			if err != nil || from > version {
				return m, errors.New("says no schema that programs can live with")
			}
			m.from = from
		}
		if !strings.HasPrefix(line, "--") {
			clean = append(clean, line)
		}
	}
	for statement := range strings.SplitSeq(strings.Join(clean, ""), ";\n") {
		if strings.TrimSpace(statement) != "" {
			m.statements = append(m.statements, statement)
		}
	}
	return m, nil
}

// The entries of centre_meta.
const (
	metaSchema = "schema"     // the newest migration that was done
	metaFrom   = "lives-with" // programs that know an older schema must not run
	metaKey    = "key"        // sealed with the book's key, to know it again
)

// migrateTries is how often a migration starts again when another process does the same.
const migrateTries = 20

const undefinedTable = "42P01"

// migrate brings the schema to the newest of the list. Several processes may do so at once: every statement may be run twice.
func (s *Store) migrate(ctx context.Context, list []migration) error {
	known := list[len(list)-1].version
	for try := 0; ; try++ {
		err := s.migrateOnce(ctx, list)
		if err == nil {
			s.known = known
			return nil
		}
		if try == migrateTries || !raced(err) {
			return fmt.Errorf("the database's schema: %w", err)
		}
		if err := pause(ctx, try); err != nil {
			return err
		}
	}
}

// raced reports whether a statement failed because another process made the same.
func raced(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return false
	}
	switch pg.Code {
	case serializationFailure, deadlockDetected, uniqueViolation, "42P07", "42701", "42710", "XX000":
		return true // 42…: it is there by now; XX000: "tuple concurrently updated", of two that alter one table
	}
	return false
}

func (s *Store) migrateOnce(ctx context.Context, list []migration) error {
	if _, err := s.pool.Exec(ctx, `CREATE TABLE IF NOT EXISTS centre_meta (name text PRIMARY KEY, value text NOT NULL)`); err != nil {
		return err
	}
	version, from, err := s.schema(ctx)
	if err != nil {
		return err
	}
	if known := list[len(list)-1].version; from > known {
		return outdated(from, known)
	}
	for _, m := range list {
		if m.version <= version {
			continue
		}
		for _, statement := range m.statements {
			if _, err := s.pool.Exec(ctx, statement); err != nil {
				return fmt.Errorf("migration %d: %w", m.version, err)
			}
		}
		if err := s.reached(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// reached notes that a migration is done. A process that was slower does not set it back.
func (s *Store) reached(ctx context.Context, m migration) error {
	return pgx.BeginTxFunc(ctx, s.pool, serializable, func(tx pgx.Tx) error {
		for name, value := range map[string]int{metaSchema: m.version, metaFrom: m.from} {
			var have string
			err := tx.QueryRow(ctx, `SELECT value FROM centre_meta WHERE name = $1`, name).Scan(&have)
			if err != nil && !errors.Is(err, pgx.ErrNoRows) {
				return err
			}
			if number, _ := strconv.Atoi(have); number >= value { // what is no number is replaced
				continue
			}
			if _, err := tx.Exec(ctx, `INSERT INTO centre_meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
				name, strconv.Itoa(value)); err != nil {
				return err
			}
		}
		return nil
	})
}

// schema is the schema that is there, 0 for none, and the oldest one that a program must know.
func (s *Store) schema(ctx context.Context) (version, from int, err error) {
	rows, err := s.pool.Query(ctx, `SELECT name, value FROM centre_meta WHERE name IN ('schema', 'lives-with')`)
	if err != nil {
		var pg *pgconn.PgError
		if errors.As(err, &pg) && pg.Code == undefinedTable {
			return 0, 0, nil
		}
		return 0, 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return 0, 0, err
		}
		number, err := strconv.Atoi(value)
		if err != nil {
			return 0, 0, fmt.Errorf("centre_meta %s is no number", name)
		}
		if name == metaSchema {
			version = number
		} else {
			from = number
		}
	}
	return version, from, rows.Err()
}

func outdated(from, known int) error {
	return fmt.Errorf("the database needs a program that knows schema %d; this one knows %d: run the newer program", from, known)
}

// checkKey holds the book's key against the one that the database was begun with.
func (s *Store) checkKey(ctx context.Context) error {
	sealed, err := s.sealer.seal("centre_meta", metaKey, "", []byte("gongji"))
	if err != nil {
		return err
	}
	if _, err := s.pool.Exec(ctx, `INSERT INTO centre_meta (name, value) VALUES ($1, encode($2, 'hex')) ON CONFLICT (name) DO NOTHING`, metaKey, sealed); err != nil {
		return err
	}
	var have []byte
	if err := s.pool.QueryRow(ctx, `SELECT decode(value, 'hex') FROM centre_meta WHERE name = $1`, metaKey).Scan(&have); err != nil {
		return err
	}
	if _, _, err := s.sealer.open("centre_meta", metaKey, have); err != nil {
		return errors.New("the key file is not the one that this database was begun with")
	}
	return nil
}
