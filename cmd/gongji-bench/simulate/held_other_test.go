//go:build !linux

package simulate

import "runtime"

// heldUp gives way: there is no waiting here that a bubble's clock does not see.
func heldUp(int64) { runtime.Gosched() }
