//go:build unix

package ledger

import (
	"os"
	"syscall"
)

// sameOwner gives a file the owner of another: the superuser may replace what a daemon that runs as its own user reads.
func sameOwner(part, as string) error {
	info, err := os.Stat(as)
	if err != nil || os.Geteuid() != 0 {
		return err
	}
	if of, ok := info.Sys().(*syscall.Stat_t); ok {
		return os.Lchown(part, int(of.Uid), int(of.Gid))
	}
	return nil
}
