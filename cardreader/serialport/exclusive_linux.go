package serialport

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// unix98 pseudo-terminals have these device majors.
const (
	ptyMajorFirst = 136
	ptyMajorLast  = 143
)

// lineLock holds a second descriptor of the device. Two marks are put on it: an flock, which also stops the superuser's
// second program and dies with its holder, and TIOCEXCL, which stops programs that know nothing of flock.
type lineLock struct{ file *os.File }

// resolve follows links (/dev/serial/by-id/…), so that lock and line are the same device even if the link moves meanwhile.
func resolve(path string) (string, error) { return filepath.EvalSymlinks(path) }

// takeLock opens the device and locks it, or reports ErrBusy.
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

// mark puts TIOCEXCL on the line, after the driver has opened it. A pseudo-terminal is left out: it would keep the mark
// after its holder was killed for as long as its other end lives, and then refuse everybody.
func (l lineLock) mark() error {
	var st unix.Stat_t
	fd := int(l.file.Fd())
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if major := unix.Major(st.Rdev); major >= ptyMajorFirst && major <= ptyMajorLast {
		return nil
	}
	return unix.IoctlSetInt(fd, unix.TIOCEXCL, 0)
}

// release takes both marks away.
func (l lineLock) release() error {
	if l.file == nil {
		return nil
	}
	// On a line that is gone this fails, and nothing is left to unmark.
	_ = unix.IoctlSetInt(int(l.file.Fd()), unix.TIOCNXCL, 0)
	return l.file.Close()
}

func isBusy(err error) bool { return errors.Is(err, unix.EBUSY) }

func isGone(err error) bool {
	return errors.Is(err, unix.EIO) || errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ENODEV)
}
