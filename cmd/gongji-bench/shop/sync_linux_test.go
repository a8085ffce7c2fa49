package shop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"gongji/daemon/localapi/client"
	"gongji/settle"
)

// syncShim stands between SQLite and the system: while the file named in SHIM_FAIL is there, no fsync succeeds; while the one in
// SHIM_SLOW is there, each takes 300 ms.
const syncShim = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
static int judged(const char *name, int fd) {
	const char *fail = getenv("SHIM_FAIL"), *slow = getenv("SHIM_SLOW");
	if (slow && access(slow, F_OK) == 0) usleep(300000);
	if (fail && access(fail, F_OK) == 0) { errno = EIO; return -1; }
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
	return real(fd);
}
int fsync(int fd) { return judged("fsync", fd); }
int fdatasync(int fd) { return judged("fdatasync", fd); }
`

// TestDiskThatDoesNotSync: the real daemon on a disk whose fsync fails, and on one that takes its time. While it fails nothing is
// settled and the warning says so; once it works again, so does the till, by itself, and what was acknowledged is all there.
func TestDiskThatDoesNotSync(t *testing.T) {
	built(t)
	compiler, err := exec.LookPath("gcc")
	if err != nil {
		if os.Getenv("GONGJI_CI") == "1" {
			t.Fatal(err)
		}
		t.Skip("gcc is not here to build what fails an fsync")
	}
	dir := t.TempDir()
	source, shim := filepath.Join(dir, "shim.c"), filepath.Join(dir, "shim.so")
	fail, slow := filepath.Join(dir, "fail"), filepath.Join(dir, "slow")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(source, syncShim)
	if text, err := exec.CommandContext(t.Context(), compiler, "-shared", "-fPIC", "-o", shim, source, "-ldl").CombinedOutput(); err != nil {
		t.Fatal(err, string(text))
	}
	r := open(t, Options{Tills: 1})
	t.Setenv("SHIM_FAIL", fail)
	t.Setenv("SHIM_SLOW", slow)
	t.Setenv("LD_PRELOAD", shim)
	p := r.start()
	if err := os.Unsetenv("LD_PRELOAD"); err != nil {
		t.Fatal(err)
	}
	r.sell(0, "S-0", "1.10")
	c := r.Client(0)
	defer c.Close()

	write(fail, "")
	if _, _, err := c.Settle(t.Context(), sale(0, "S-1", "1.10")); client.CodeOf(err) != settle.StoreBroken {
		t.Fatalf("a sale that cannot be synced: %v", err)
	}
	r.warns("STORE_BROKEN", false)
	if err := os.Remove(fail); err != nil {
		t.Fatal(err)
	}
	r.eventually(30*time.Second, func() string { // the till repeats, as tills do
		if _, _, err := c.Settle(t.Context(), sale(0, "S-1", "1.10")); err != nil {
			return fmt.Sprint("it does not recover: ", err)
		}
		return ""
	})
	r.warns("STORE_BROKEN", true)

	write(slow, "")
	began := time.Now()
	r.sell(0, "S-2", "1.10")
	if took := time.Since(began); took < 300*time.Millisecond {
		t.Errorf("answered after %s, before the disk had it", took)
	}
	if err := os.Remove(slow); err != nil {
		t.Fatal(err)
	}
	r.drain(p)
	r.wantCentreRows(map[string]int{"1.10": 3})
	p.Kill()
	r.wantVerified()
}
