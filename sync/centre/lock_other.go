//go:build !unix

package centre

import (
	"fmt"
	"os"
)

// lockFile keeps the file open. Where there is no flock, an open file cannot be removed, which is all it guards.
func lockFile(name string) (*os.File, error) {
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	return file, nil
}
