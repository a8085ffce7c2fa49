package ledger

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// SQLiteVersion is the version of the SQLite library that is built in.
func SQLiteVersion() string {
	version, _, _ := sqlite3.Version()
	return version
}

// Exists reports whether a data directory holds a ledger, without opening it.
func Exists(dir string) (bool, error) {
	_, err := os.Stat(filepath.Join(dir, databaseName))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
