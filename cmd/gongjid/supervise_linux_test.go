package main

import (
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// watchdogAfter is how long systemd waits for a sign of life in these tests; the daemon gives one three times as often.
const watchdogAfter = 3 * time.Second

// manager is systemd's end of the notification socket.
type manager struct {
	t      *testing.T
	socket *net.UnixConn
}

func newManager(t *testing.T) *manager {
	t.Helper()
	address := &net.UnixAddr{Net: "unixgram", Name: filepath.Join(t.TempDir(), "notify")}
	socket, err := net.ListenUnixgram("unixgram", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	return &manager{t, socket}
}

// hear returns the next message, or nothing where none comes within the time.
func (m *manager) hear(within time.Duration) string {
	m.t.Helper()
	if err := m.socket.SetReadDeadline(time.Now().Add(within)); err != nil {
		m.t.Fatal(err)
	}
	buffer := make([]byte, 4096)
	n, err := m.socket.Read(buffer)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ""
	}
	if err != nil {
		m.t.Fatal(err)
	}
	return string(buffer[:n])
}

func (m *manager) want(state string) {
	m.t.Helper()
	if heard := m.hear(10 * time.Second); !strings.HasPrefix(heard, state) {
		m.t.Fatalf("heard %q, want %s", heard, state)
	}
}

// shopConfig is a shop whose reader is unplugged and that has no centre: it serves all the same.
func shopConfig(t *testing.T) (file, data string) {
	t.Helper()
	dir := t.TempDir()
	file, data = filepath.Join(dir, "gongjid.yaml"), filepath.Join(dir, "data")
	text := fmt.Sprintf(`
data: %s
region: "430100"
venue: {code: P43010000001, name: 示例大药房, kind: pharmacy, area: "430100", agreement_until: 2099-12-31}
listen: {api: "127.0.0.1:0", metrics: "127.0.0.1:0"}
reader: {kind: gempc, port: %s}
`, data, filepath.Join(dir, "no-reader"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, data
}

// startUnder runs the program as systemd would.
func startUnder(t *testing.T, m *manager, file string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(built(t), "run", "--config", file)
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+m.socket.LocalAddr().String(),
		fmt.Sprintf("WATCHDOG_USEC=%d", watchdogAfter.Microseconds()))
	log := &lockedLog{}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Log(log.String())
		}
	})
	go func() { _ = cmd.Wait(); close(ended) }()
	return cmd
}

// TestSystemdIsTold: ready only when it serves, alive while it works, and its end.
func TestSystemdIsTold(t *testing.T) {
	m := newManager(t)
	file, _ := shopConfig(t)
	cmd := startUnder(t, m, file)
	m.want("READY=1")
	for range 3 {
		m.want("WATCHDOG=1")
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for heard := m.hear(10 * time.Second); heard != "STOPPING=1"; heard = m.hear(10 * time.Second) {
		if heard != "WATCHDOG=1" { // one more may have been on its way
			t.Fatalf("heard %q, want STOPPING=1", heard)
		}
	}
}

// TestWatchdogIsSilentWhileTheDaemonHangs: another process holds the ledger's write lock, so that the writer hangs inside
// SQLite while everything else of the process runs on. A timer alone would go on reporting life.
func TestWatchdogIsSilentWhileTheDaemonHangs(t *testing.T) {
	m := newManager(t)
	file, data := shopConfig(t)
	startUnder(t, m, file)
	m.want("READY=1")
	m.want("WATCHDOG=1")

	db, err := sql.Open("sqlite3", "file:"+filepath.Join(data, "ledger.db")+"?_txlock=immediate&_busy_timeout=5000")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	lock, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	m.hear(watchdogAfter / 3) // a sign of life from before the lock may still be in the socket
	if heard := m.hear(watchdogAfter + time.Second); heard != "" {
		t.Errorf("heard %q from a daemon that cannot write", heard)
	}
	if err := lock.Rollback(); err != nil {
		t.Fatal(err)
	}
	m.want("WATCHDOG=1")
}
