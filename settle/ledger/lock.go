package ledger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// lockName is the file whose lock says that a daemon works on a data directory.
const lockName = "gongji.lock"

// ErrInUse is the cause of STORE_BROKEN where another process holds the data directory.
var ErrInUse = errors.New("the data directory is in use by another daemon")

// lockDir takes the directory for this process; a second taker gets ErrInUse naming the holder's process id.
func lockDir(dir string) (*os.File, error) {
	path := filepath.Join(dir, lockName)
	file, err := openLocked(path)
	if errors.Is(err, ErrInUse) {
		holder, _ := os.ReadFile(path)
		return nil, fmt.Errorf("%w (pid %s)", ErrInUse, orUnknown(strings.TrimSpace(string(holder))))
	}
	if err != nil {
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	if err := writePid(file); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	return file, nil
}

func writePid(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	return err
}

func orUnknown(text string) string {
	if text == "" {
		return "unknown"
	}
	return text
}
