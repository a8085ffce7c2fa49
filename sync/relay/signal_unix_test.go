//go:build unix

package relay

import "syscall"

// hold stops a process where it is, goOn lets it go on.
const hold, goOn = syscall.SIGSTOP, syscall.SIGCONT
