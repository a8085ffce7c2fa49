//go:build unix

package ledger

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestOthersReadNothing: in a data directory that everybody may enter, under a umask that forbids nothing, no file of the ledger is
// for anybody but its user; and files that an earlier version left open are closed.
func TestOthersReadNothing(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil { //nolint:gosec // what is tested
		t.Fatal(err)
	}
	before := syscall.Umask(0)
	defer syscall.Umask(before)
	h := opened(t, dir)
	h.apply(h.family())
	h.buy(h.patient, 500)
	closed := func() {
		t.Helper()
		files := 0
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || path == dir {
				return err
			}
			info, err := d.Info()
			if err == nil && info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s has mode %v", d.Name(), info.Mode())
			}
			files++
			return err
		})
		if err != nil || files < 5 {
			t.Fatal(files, err)
		}
	}
	closed()
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, databaseName), 0o664); err != nil { //nolint:gosec // what is tested
		t.Fatal(err)
	}
	h.open()
	h.buy(h.patient, 500)
	closed()
}
