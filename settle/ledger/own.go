package ledger

import (
	"errors"
	"fmt"
	"os"
	"runtime"
)

// ownFiles makes the database and its log readable for the daemon's user alone, whatever umask the daemon was started with
// and whoever made the data directory: names are sealed in it, but what was sold, when, and for how much is not. SQLite gives the log
// the mode of the database. Files of earlier versions are set right. It is called before anything in this process has them open.
func ownFiles(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		return file.Close()
	}
	if !errors.Is(err, os.ErrExist) {
		return err
	}
	if runtime.GOOS == "windows" { // the folder's access list says who may
		return nil
	}
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if mode := info.Mode().Perm(); mode&0o077 != 0 {
			if err := os.Chmod(name, mode&0o700); err != nil {
				return fmt.Errorf("others may read the ledger: %w", err)
			}
		}
	}
	return nil
}
