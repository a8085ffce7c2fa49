package serialport

import (
	"errors"

	"golang.org/x/sys/windows"
)

// lineLock is empty on Windows: the system opens a port for one program only, and refuses the second with "access denied".
type lineLock struct{}

// resolve leaves names like COM3 and \\.\COM10 as they are.
func resolve(path string) (string, error) { return path, nil }

func takeLock(string) (lineLock, error) { return lineLock{}, nil }

func (lineLock) mark() error { return nil }

func (lineLock) release() error { return nil }

func isBusy(err error) bool {
	return errors.Is(err, windows.ERROR_ACCESS_DENIED) || errors.Is(err, windows.ERROR_SHARING_VIOLATION)
}

func isGone(err error) bool {
	return errors.Is(err, windows.ERROR_GEN_FAILURE) || errors.Is(err, windows.ERROR_DEVICE_NOT_CONNECTED)
}
