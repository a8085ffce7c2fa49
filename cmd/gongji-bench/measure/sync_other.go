//go:build !linux

package measure

import "os"

func datasync(f *os.File) error { return f.Sync() }
