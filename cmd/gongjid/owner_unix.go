//go:build unix

package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// giveBack hands what the superuser has just written into a data directory to the directory's owner: a daemon that runs
// as its own user could not read a token file that belongs to root, and every till would be refused. Only what root
// owns under a single name is touched, so that nothing linked into the directory changes hands.
func giveBack(dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	home, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	owner, ok := home.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid == 0 {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) { // a running daemon tidies up
			return nil
		}
		if err != nil {
			return err
		}
		found, ok := info.Sys().(*syscall.Stat_t)
		if !ok || found.Uid != 0 || !(info.IsDir() || info.Mode().IsRegular() && found.Nlink == 1) {
			return nil
		}
		return os.Lchown(path, int(owner.Uid), int(owner.Gid))
	})
}
