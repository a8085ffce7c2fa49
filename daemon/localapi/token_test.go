package localapi_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gongji/daemon/localapi"
)

func openTokens(t *testing.T, dir string) *localapi.TokenStore {
	t.Helper()
	store, err := localapi.OpenTokens(dir)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestTokensAreStoredHashed(t *testing.T) {
	dir := t.TempDir()
	store := openTokens(t, dir)
	token, err := store.Add("till", localapi.Cashier)
	if err != nil || !strings.HasPrefix(token, "gj_") || len(token) < 40 {
		t.Fatalf("token of %d characters, %v", len(token), err)
	}
	path := filepath.Join(dir, "tokens.json")
	data, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(data), token) || strings.Contains(string(data), strings.TrimPrefix(token, "gj_")) {
		t.Fatalf("the file holds the token (%v)", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v %v", info.Mode(), err)
	}
	found, ok := openTokens(t, dir).Lookup(token)
	if !ok || found.Name != "till" || found.Role != localapi.Cashier {
		t.Fatalf("found %+v %v", found, ok)
	}
	for _, wrong := range []string{"", token + "x", token[:len(token)-1], found.Hash, strings.ToUpper(token)} {
		if _, ok := store.Lookup(wrong); ok {
			t.Errorf("%q was taken", wrong)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".tokens-*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestTokenFaults(t *testing.T) {
	dir := t.TempDir()
	store := openTokens(t, dir)
	token, err := store.Add("till", localapi.Manager)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		role localapi.Role
		want error
	}{
		{"till", localapi.Cashier, localapi.ErrTokenExists}, {"", localapi.Cashier, localapi.ErrTokenName},
		{"a b", localapi.Cashier, localapi.ErrTokenName}, {"../x", localapi.Cashier, localapi.ErrTokenName}, {"x", "owner", localapi.ErrTokenRole},
	} {
		if _, err := store.Add(c.name, c.role); !errors.Is(err, c.want) {
			t.Errorf("add %q %q: %v", c.name, c.role, err)
		}
	}
	if err := store.Revoke("nobody"); !errors.Is(err, localapi.ErrNoToken) {
		t.Errorf("revoke: %v", err)
	}
	path := filepath.Join(dir, "tokens.json")
	if err := os.WriteFile(path, []byte("{damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok := store.Lookup(token); ok {
		t.Error("a damaged file leaves tokens valid")
	}
	if _, err := store.Add("x", localapi.Cashier); err == nil {
		t.Error("a damaged file was overwritten")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, ok := store.Lookup(token); ok {
		t.Error("a missing file leaves tokens valid")
	}
}

// TestTwoCommandsAtOnce: two processes that add at the same time lose nothing.
func TestTwoCommandsAtOnce(t *testing.T) {
	dir := t.TempDir()
	var adding sync.WaitGroup
	for _, who := range []string{"a", "b"} {
		store := openTokens(t, dir)
		adding.Go(func() {
			for i := range 10 {
				if _, err := store.Add(fmt.Sprintf("%s-%d", who, i), localapi.Cashier); err != nil {
					t.Error(err)
				}
			}
		})
	}
	adding.Wait()
	list, err := openTokens(t, dir).List()
	if err != nil || len(list) != 20 || list[0].Name != "a-0" {
		t.Fatalf("%d tokens, %v", len(list), err)
	}
}

// TestLeftoverLock: the lock of a command that died long ago does not hold up the next one.
func TestLeftoverLock(t *testing.T) {
	dir := t.TempDir()
	lock := filepath.Join(dir, "tokens.json.lock")
	if err := os.WriteFile(lock, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-time.Hour)
	if err := os.Chtimes(lock, long, long); err != nil {
		t.Fatal(err)
	}
	if _, err := openTokens(t, dir).Add("till", localapi.Cashier); err != nil {
		t.Fatal(err)
	}
}
