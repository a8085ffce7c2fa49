package localapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"gongji/daemon/localapi"
)

// connectAs is a connection that another user opens. The kernel notes the user of the thread that connects, so that thread alone
// becomes that user, and ends with it.
func connectAs(t *testing.T, uid int, path string) net.Conn {
	t.Helper()
	type result struct {
		fd  int
		err error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread is of no use to anybody else
		if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); e != 0 {
			done <- result{-1, e}
			return
		}
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			err = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
		}
		done <- result{fd, err}
	}()
	r := <-done
	if r.err != nil {
		t.Fatal(r.err)
	}
	file := os.NewFile(uintptr(r.fd), "socket")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// TestSocketKnowsItsUsers: with a list, the daemon's own user and those listed get in, with a token as ever; anybody else
// is refused whatever they show.
func TestSocketKnowsItsUsers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can connect as other users")
	}
	dir, err := os.MkdirTemp("", "gongji-sock-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "api.sock")
	r := newRig(t, func(o *localapi.Options) { o.Unix, o.UnixUsers = path, []uint32{4711} })
	if err := os.Chmod(path, 0o666); err != nil { // as if the group were everybody's
		t.Fatal(err)
	}
	for _, c := range []struct {
		uid, status int
		token       string
	}{
		{0, 200, r.cashier}, {4711, 200, r.cashier}, {4711, 401, "gj_guess"}, {65534, 403, r.cashier}, {65534, 403, "gj_guess"},
	} {
		conn := connectAs(t, c.uid, path)
		fmt.Fprintf(conn, "GET /v1/reader HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nConnection: close\r\n\r\n", c.token)
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != c.status {
			t.Errorf("user %d: %d, want %d", c.uid, response.StatusCode, c.status)
		}
		_ = response.Body.Close()
		_ = conn.Close()
	}
}

// TestBothLoopbacks: the port is taken on 127.0.0.1 and on ::1, and a program that sits on ::1 before is found out.
func TestBothLoopbacks(t *testing.T) {
	probe, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6 on this machine")
	}
	port := probe.Addr().(*net.TCPAddr).Port
	r := newRig(t, nil)
	squatted := r.second(fmt.Sprintf("127.0.0.1:%d", port), "")
	if err := squatted.Listen(); err == nil || !strings.Contains(err.Error(), "[::1]") {
		t.Errorf("another program on ::1: %v", err)
	}
	_ = squatted.Close()
	if err := probe.Close(); err != nil {
		t.Fatal(err)
	}
	s := r.second(fmt.Sprintf("127.0.0.1:%d", port), "")
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	for _, host := range []string{"127.0.0.1", "[::1]", "localhost"} {
		response, err := http.Get(fmt.Sprintf("http://%s:%d/livez", host, port)) //nolint:noctx // a test
		if err != nil {
			t.Error(err)
			continue
		}
		_ = response.Body.Close()
		if response.StatusCode != 200 {
			t.Errorf("%s: %d", host, response.StatusCode)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestAuditNamesManagers: what a manager changes, or tries to, is in the audit record with the token's name; a cashier cannot
// read it, and what is everyday is not in it twice.
func TestAuditNamesManagers(t *testing.T) {
	r := newRig(t, nil)
	if got := r.do("POST", "/v1/attention/999", `{"operator": {"id": "1001"}, "note": "没有这一条"}`, as(r.manager)); got.StatusCode != 404 {
		t.Fatalf("closing an item that is not there: %d %s", got.StatusCode, got.body)
	}
	r.do("POST", "/v1/attention/999", `{"operator": {"id": "1001"}, "note": "没有这一条"}`, nil)
	r.do("POST", "/v1/quotes", encode(t, sale("Q", "1.00").SaleRequest), as(r.manager))
	if got := r.do("GET", "/v1/audit?from=2020-01-01", "", nil); got.StatusCode != 403 {
		t.Errorf("a cashier read the audit record: %d", got.StatusCode)
	}
	var read localapi.AuditAnswer
	got := r.do("GET", "/v1/audit?from=2020-01-01", "", as(r.manager))
	if err := json.Unmarshal(got.body, &read); err != nil || got.StatusCode != 200 {
		t.Fatalf("%d %s %v", got.StatusCode, got.body, err)
	}
	if len(read.Lines) != 1 {
		t.Fatalf("%d lines: %s", len(read.Lines), got.body)
	}
	line := read.Lines[0]
	if line.Kind != "MANAGER" || line.POS != "office" || line.Detail["route"] != "POST /v1/attention/{id}" || line.Detail["status"] != "404" || line.Detail["code"] != "NOT_FOUND" {
		t.Errorf("the line is %+v", line)
	}
}
