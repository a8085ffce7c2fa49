package localapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"syscall"
)

// peer is the process at the other end of a Unix socket, as the kernel vouches for it. Of a TCP connection, and on systems
// without peer credentials, nothing is known.
type peer struct {
	unix  bool
	known bool
	uid   uint32
	pid   int32
}

// errPeer says that the socket is not for that user.
var errPeer = errors.New("this user may not use the socket (listen.unix_users)")

// String is for the log: "uid 1000 pid 4711", empty where nothing is known.
func (p peer) String() string {
	if !p.known {
		return ""
	}
	return "uid " + strconv.FormatUint(uint64(p.uid), 10) + " pid " + strconv.Itoa(int(p.pid))
}

type peerKey struct{}

// markPeer notes once for each connection who is at its other end, and the connection itself.
func markPeer(ctx context.Context, conn net.Conn) context.Context {
	p := peer{unix: conn.LocalAddr().Network() == "unix"}
	if capped, ok := conn.(*cappedConn); ok {
		ctx, conn = context.WithValue(ctx, connKey{}, capped), capped.Conn
	}
	if socket, ok := conn.(*net.UnixConn); ok {
		p.uid, p.pid, p.known = credentials(socket)
	}
	return context.WithValue(ctx, peerKey{}, p)
}

func peerOf(ctx context.Context) peer {
	p, _ := ctx.Value(peerKey{}).(peer)
	return p
}

func overUnix(ctx context.Context) bool { return peerOf(ctx).unix }

// admits reports whether the user at the other end may use the socket. Where a list is configured and the kernel does not
// say who it is, nobody may.
func (s *Server) admits(p peer) bool {
	if !p.unix || len(s.o.UnixUsers) == 0 {
		return true
	}
	return p.known && (p.uid == ownUser() || slices.Contains(s.o.UnixUsers, p.uid))
}

// listenSix takes the port on ::1 too: a name such as localhost may lead a till there first, and whoever sits on it is shown
// the till's token. A machine without IPv6 has nobody there. asked: the port was configured, so that a taken one is an error.
func (s *Server) listenSix(port int, asked bool) error {
	six, err := net.Listen("tcp", net.JoinHostPort("::1", strconv.Itoa(port)))
	switch {
	case err == nil:
		s.listeners = append(s.listeners, capConnections(six, maxConnections))
	case asked && errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("another program listens on the API's port on [::1] and would be sent the tills' tokens: %w", err)
	}
	return nil
}
