package virtual

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// pcscSocket is where the PC/SC daemon listens; there can be only one on a machine.
const pcscSocket = "/run/pcscd/pcscd.comm"

// absent skips the test, except where the project's own checks run: there everything must be installed.
func absent(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("GONGJI_CI") == "1" {
		t.Fatalf("%s, and GONGJI_CI=1 forbids skipping", what)
	}
	t.Skip(what)
}

// StartPCSC starts pcscd with one reader's configuration and driver, and ends it with the test. A socket that nobody listens at
// is what a daemon that was killed left behind, and no reason against starting another.
func StartPCSC(t *testing.T, driver, reader string) {
	t.Helper()
	for _, program := range []string{"pcscd", "opensc-tool"} {
		if _, err := exec.LookPath(program); err != nil {
			absent(t, program+" is not installed")
		}
	}
	if _, err := os.Stat(driver); err != nil {
		absent(t, driver+" is not installed")
	}
	if os.Geteuid() != 0 {
		absent(t, "pcscd opens serial readers only for the superuser")
	}
	if conn, err := net.Dial("unix", pcscSocket); err == nil {
		_ = conn.Close()
		absent(t, "another pcscd runs on this machine")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "reader.conf"), []byte(reader), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cmd := exec.Command("pcscd", "--foreground", "--config", dir)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		timer := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		timer.Stop()
		if t.Failed() {
			t.Logf("pcscd:\n%s", log.String())
		}
	})
}
