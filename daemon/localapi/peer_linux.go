package localapi

import (
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// credentials are the user and process that opened the other end (SO_PEERCRED).
func credentials(socket *net.UnixConn) (uid uint32, pid int32, known bool) {
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0, 0, false
	}
	var found *unix.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) { found, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err != nil || failed != nil {
		return 0, 0, false
	}
	return found.Uid, found.Pid, true
}

func ownUser() uint32 { return uint32(os.Geteuid()) } //nolint:gosec // never negative here
