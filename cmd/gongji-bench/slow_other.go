//go:build !linux

package main

import (
	"errors"
	"time"
)

func slowDisk(string, time.Duration) (func() int, error) {
	return nil, errors.New("the disk can be slowed on Linux only; use --slow=")
}
