//go:build !linux && !windows

package serialport

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// lineLock holds a second descriptor of the device with an flock, which dies with its holder.
type lineLock struct{ file *os.File }

// resolve follows links, so that lock and line are the same device even if the link moves meanwhile.
func resolve(path string) (string, error) { return filepath.EvalSymlinks(path) }

func takeLock(path string) (lineLock, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return lineLock{}, &os.PathError{Op: "open", Path: path, Err: err}
	}
	f := os.NewFile(uintptr(fd), path)
	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return lineLock{}, fmt.Errorf("%w: %s", ErrBusy, path)
		}
		return lineLock{}, &os.PathError{Op: "flock", Path: path, Err: err}
	}
	return lineLock{f}, nil
}

func (lineLock) mark() error { return nil }

func (l lineLock) release() error { return l.file.Close() }

func isBusy(err error) bool { return errors.Is(err, unix.EBUSY) }

func isGone(err error) bool {
	return errors.Is(err, unix.EIO) || errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ENODEV)
}
