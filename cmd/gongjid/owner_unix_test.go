//go:build unix

package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestRootGivesBackWhatItWrites: an administrator makes a token for a daemon that runs as its own user.
func TestRootGivesBackWhatItWrites(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("GONGJI_CI") == "1" {
			t.Log("not the superuser: nothing to give back")
		}
		t.Skip("only the superuser gives files away")
	}
	const someone = 54321
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "roots-own")
	if err := os.WriteFile(outside, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, someone, someone); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(outside, filepath.Join(dir, "linked")); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := runTool(t, "pos", "add", "counter-1", "--data", dir); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	owner := func(path string) uint32 {
		t.Helper()
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Sys().(*syscall.Stat_t).Uid
	}
	if got := owner(filepath.Join(dir, "tokens.json")); got != someone {
		t.Errorf("the tokens belong to %d, want the daemon's user %d", got, someone)
	}
	if got := owner(outside); got != 0 {
		t.Errorf("a file linked into the directory was given away to %d", got)
	}
}
