//go:build !linux

package serialport

import (
	"context"
	"time"
)

// ready leaves the waiting to the driver's own steps.
func (lineLock) ready(context.Context, time.Time, func(context.Context) error) (bool, error) {
	return true, nil
}

// wake has nobody to wake.
func (lineLock) wake() {}
