package serialport

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ready waits on the second descriptor until the line has something to say or the deadline has passed. Nothing runs meanwhile,
// where a read in steps of the driver wakes a thread ten times a second for every reader. A line that hung up is ready. Where
// the descriptor cannot be waited on, the driver is asked at once.
// usable is asked once a wake would be felt, so that none is missed.
func (l lineLock) ready(ctx context.Context, deadline time.Time, usable func(context.Context) error) (bool, error) {
	if l.file == nil {
		return true, nil
	}
	line, err := l.file.SyscallConn()
	now := false
	if err == nil {
		err = line.Control(func(fd uintptr) { now = hasNews(fd) })
	}
	if now || err == nil && l.file.SetReadDeadline(deadline) != nil {
		return true, nil
	}
	if err := usable(ctx); err != nil {
		return false, err
	}
	defer context.AfterFunc(ctx, l.wake)()
	if err == nil {
		err = line.Read(hasNews)
	}
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return false, nil
	case errors.Is(err, os.ErrClosed):
		return false, ErrClosed
	}
	return true, nil // whatever else is wrong with it, the driver will say
}

// wake ends a wait.
func (l lineLock) wake() {
	if l.file != nil {
		_ = l.file.SetReadDeadline(time.Unix(1, 0)) // fails where nothing can be waiting
	}
}

// hasNews reports whether a read would not wait.
func hasNews(fd uintptr) bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	return n != 0 || err != nil && !errors.Is(err, unix.EINTR)
}
