package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"gongji/settle"
)

// Reading is a data directory that was opened for reading only; a daemon may be working on it. Safe for concurrent use.
type Reading struct{ ledger *Ledger }

// ReadDir opens a data directory for reading. It writes nothing. STORE_BROKEN with the cause ErrKeyMissing, ErrKeyWrong,
// ErrKeyOpen, ErrNewer or what the system said.
func ReadDir(ctx context.Context, dir string) (*Reading, error) {
	l, err := openForReading(ctx, dir)
	if err != nil {
		return nil, storeError(err)
	}
	return &Reading{l}, nil
}

// openForReading is a ledger without writer, clock and metrics: only read may be called on it, and closeReading.
func openForReading(ctx context.Context, dir string) (l *Ledger, err error) {
	path, err := filepath.Abs(filepath.Join(dir, databaseName))
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("no ledger here: %w", err)
	}
	l = &Ledger{}
	ring, err := readKeys(dir)
	if err != nil {
		return nil, err
	}
	if l.reads, err = openReaders(path); err != nil {
		return nil, err
	}
	if err := l.checkReadable(ctx, ring); err != nil {
		return nil, errors.Join(err, l.closeReading())
	}
	return l, nil
}

// checkReadable: the schema is this program's, and the key the database's.
func (l *Ledger) checkReadable(ctx context.Context, ring keyring) error {
	steps, err := loadMigrations(migrationFiles)
	if err != nil {
		return err
	}
	version := 0
	err = l.read(ctx, func(t *tx) error { return t.get("PRAGMA user_version", nil, &version) })
	switch {
	case err != nil:
		return err
	case version > len(steps):
		return ErrNewer
	case version < len(steps):
		return fmt.Errorf("the database has schema %d and this program needs %d; start the daemon once to migrate it", version, len(steps))
	}
	return l.read(ctx, func(t *tx) error {
		state, err := readKeyState(t.meta)
		if err != nil {
			return err
		}
		if state.check == nil {
			return ErrKeyWrong
		}
		now, next, err := ring.vaults(state)
		if err != nil {
			return err
		}
		l.keys.Store(now)
		if next != nil { // the daemon may pass on to it at any moment
			l.turn.Store(&turn{now, next})
		}
		return nil
	})
}

func (l *Ledger) closeReading() error { return l.reads.Close() }

// Records is Ledger.Records.
func (r *Reading) Records(ctx context.Context, q settle.RecordQuery) (settle.RecordPage, error) {
	return r.ledger.Records(ctx, q)
}

// Report is Ledger.Report.
func (r *Reading) Report(ctx context.Context, from, to settle.Date, by settle.Grouping) (settle.Totals, error) {
	return r.ledger.Report(ctx, from, to, by)
}

// CountSettlements is Ledger.CountSettlements.
func (r *Reading) CountSettlements(ctx context.Context, from, to settle.Date) (int, error) {
	return r.ledger.CountSettlements(ctx, from, to)
}

// Close gives the files back.
func (r *Reading) Close() error { return r.ledger.closeReading() }
