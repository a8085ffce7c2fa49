//go:build !linux

package health

// OpenFiles cannot be told here; Windows has no such limit in practice.
func OpenFiles() (Files, bool) { return Files{}, false }
