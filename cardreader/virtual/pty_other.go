//go:build !linux

package virtual

import "errors"

// ErrNoTerminal says that this system has no pseudo-terminals; use NewMemoryReader.
var ErrNoTerminal = errors.New("virtual: no pseudo-terminals on this system")

type terminal struct{}

var _ line = terminal{}

func newTerminal(*Reader, string) line { return terminal{} }

func (terminal) plug() error   { return ErrNoTerminal }
func (terminal) unplug() error { return nil }
func (terminal) send([]byte)   {}
func (terminal) path() string  { return "" }
func (terminal) speed() int    { return 0 }
