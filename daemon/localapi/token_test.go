package localapi_test

import (
	"crypto/sha256"
	"encoding/hex"
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
	hash := sha256.Sum256([]byte(token))
	for role, valid := range map[string]bool{"manager": true, "Manager": false, "": false, "guest": false} {
		text := fmt.Sprintf(`{"tokens":[{"name":"till","role":%q,"sha256":"%x"}]}`, role, hash)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, ok := openTokens(t, dir).Lookup(token); ok != valid {
			t.Errorf("a token of role %q is valid: %t", role, ok)
		}
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

// FuzzTokens: whatever stands in the file of tokens, a token is good only where the file has its hash whole, a name and a role
// that there are; what is good goes when it is revoked; and no file keeps the daemon's guard from answering.
func FuzzTokens(f *testing.F) {
	const secret = "gj_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	sum := sha256.Sum256([]byte(secret))
	for _, file := range []string{
		`{"tokens":[{"name":"till","role":"cashier","sha256":"HASH","created":"2026-11-22T00:00:00Z"}]}`,
		`{"tokens":[{"name":"till","role":"owner","sha256":"HASH"},{"name":"a b","role":"kiosk","sha256":"HASH"}]}`,
		`{"tokens":[{"name":"till","role":"manager","sha256":"HASH00"},{"name":"till","role":"kiosk","sha256":"HASH"}]}`,
		`{"tokens":null}`, `{"tokens":[null]}`, `[]`, "", `{"tokens":[{}]}{`,
	} {
		f.Add([]byte(strings.ReplaceAll(file, "HASH", hex.EncodeToString(sum[:]))))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "tokens.json"), file, 0o600); err != nil {
			t.Fatal(err)
		}
		store, err := localapi.OpenTokens(dir)
		found, ok := store.Lookup(secret)
		if !ok {
			return
		}
		if err != nil || !strings.EqualFold(found.Hash, hex.EncodeToString(sum[:])) || found.Name == "" {
			t.Fatalf("%+v is good, %v", found, err)
		}
		if found.Role != localapi.Cashier && found.Role != localapi.Manager && found.Role != localapi.Kiosk {
			t.Fatalf("a token of role %q is good", found.Role)
		}
		if _, ok := store.Lookup(""); ok {
			t.Fatal("no token is a good one")
		}
		for range 20 { // a name may stand there more than once
			if found, ok = store.Lookup(secret); !ok {
				break
			}
			if err := store.Revoke(found.Name); err != nil {
				t.Fatal(err)
			}
		}
		if list, err := store.List(); ok && len(list) < 20 || err != nil {
			t.Fatalf("revoked, and still good: %+v %v", list, err)
		}
	})
}
