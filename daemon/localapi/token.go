package localapi

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Role is what a token may do.
type Role string

// The roles. A manager may do all that a cashier may; a kiosk shows the holder of a card their own accounts and no more.
const (
	Cashier Role = "cashier"
	Manager Role = "manager"
	Kiosk   Role = "kiosk"
)

func (r Role) known() bool { return r == Cashier || r == Manager || r == Kiosk }

// Token is a till's token as it is stored: a hash, never the token.
type Token struct {
	Name    string    `json:"name"`
	Role    Role      `json:"role"`
	Hash    string    `json:"sha256"` // of the token's text, hex
	Created time.Time `json:"created"`
}

// tokenPrefix marks a text as one of our tokens, so that scanners for lost secrets can find it.
const tokenPrefix = "gj_"

// tokenBytes of randomness make guessing hopeless, which is why a plain hash is enough to store.
const tokenBytes = 32

var nameText = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$`)

// Errors of the token store.
var (
	ErrTokenName   = errors.New("a till's name is 1 to 32 letters, digits, dots, dashes or underscores")
	ErrTokenRole   = errors.New("a role is cashier, manager or kiosk")
	ErrTokenExists = errors.New("there is a token of that name already; revoke it first")
	ErrNoToken     = errors.New("there is no token of that name")
)

// TokenStore is the file of tokens in the data directory. The daemon and the command line share it: a writer replaces the
// file whole, a reader looks at it again whenever its time, size or identity has changed. Methods may be called from any
// goroutine.
type TokenStore struct {
	path string

	mu     sync.Mutex
	seen   os.FileInfo // of the file that tokens came from; nil: none
	tokens []Token
	hashes [][]byte // of tokens, one for one; nil where none is valid
	fault  error
}

// OpenTokens is the store in the directory, which must exist. A missing file is an empty store.
func OpenTokens(dir string) (*TokenStore, error) {
	s := &TokenStore{path: filepath.Join(dir, "tokens.json")}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refresh()
	return s, s.fault
}

// refresh reads the file where it has changed. A file that cannot be read leaves no token valid. The caller holds mu.
func (s *TokenStore) refresh() {
	info, err := os.Stat(s.path)
	if errors.Is(err, os.ErrNotExist) {
		s.seen, s.fault = nil, nil
		s.know(nil)
		return
	}
	if err != nil {
		s.seen, s.fault = nil, err
		s.know(nil)
		return
	}
	if s.seen != nil && os.SameFile(s.seen, info) && s.seen.ModTime().Equal(info.ModTime()) && s.seen.Size() == info.Size() {
		return
	}
	s.seen = info
	tokens, err := readTokens(s.path)
	s.fault = err
	s.know(tokens)
}

// know takes a list of tokens over. One that no version could have made fits nobody; nor does one with a role that this version
// does not know, which may allow less than any that it knows. The caller holds mu.
func (s *TokenStore) know(tokens []Token) {
	s.tokens, s.hashes = tokens, make([][]byte, len(tokens))
	for i, t := range tokens {
		hash, err := hex.DecodeString(t.Hash)
		if err == nil && len(hash) == sha256.Size && nameText.MatchString(t.Name) && t.Role.known() {
			s.hashes[i] = hash
		}
	}
}

func readTokens(path string) ([]Token, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var file struct {
		Tokens []Token `json:"tokens"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("%s is damaged; no token is valid: %w", filepath.Base(path), err)
	}
	return file.Tokens, nil
}

// Add makes a token and returns it; it is shown this once. ErrTokenName, ErrTokenRole, ErrTokenExists.
func (s *TokenStore) Add(name string, role Role) (string, error) {
	if !nameText.MatchString(name) {
		return "", ErrTokenName
	}
	if !role.known() {
		return "", ErrTokenRole
	}
	var secret [tokenBytes]byte
	_, _ = rand.Read(secret[:]) // never fails: the runtime aborts instead
	token := tokenPrefix + base64.RawURLEncoding.EncodeToString(secret[:])
	err := s.change(func(tokens []Token) ([]Token, error) {
		if slices.ContainsFunc(tokens, func(t Token) bool { return t.Name == name }) {
			return nil, ErrTokenExists
		}
		return append(tokens, Token{Name: name, Role: role, Hash: hashToken(token), Created: time.Now().UTC().Truncate(time.Second)}), nil
	})
	if err != nil {
		return "", err
	}
	return token, nil
}

// Revoke ends a token at once, also for a daemon that is running. ErrNoToken.
func (s *TokenStore) Revoke(name string) error {
	return s.change(func(tokens []Token) ([]Token, error) {
		kept := slices.DeleteFunc(slices.Clone(tokens), func(t Token) bool { return t.Name == name })
		if len(kept) == len(tokens) {
			return nil, ErrNoToken
		}
		return kept, nil
	})
}

// List is every token, by name, without the tokens themselves.
func (s *TokenStore) List() ([]Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refresh()
	list := slices.Clone(s.tokens)
	slices.SortFunc(list, func(a, b Token) int { return strings.Compare(a.Name, b.Name) })
	return list, s.fault
}

// Fault is why the file of tokens cannot be read; no token is valid then. Nil where it can.
func (s *TokenStore) Fault() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refresh()
	return s.fault
}

// Lookup finds the token that a request showed. Every stored hash is compared, each in constant time, so that the time
// taken says nothing of how near a guess was.
func (s *TokenStore) Lookup(token string) (Token, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refresh()
	hash := sha256.Sum256([]byte(token))
	found := -1
	for i := range s.hashes {
		if subtle.ConstantTimeCompare(hash[:], s.hashes[i]) == 1 {
			found = i
		}
	}
	if found < 0 {
		return Token{}, false
	}
	return s.tokens[found], true
}

func hashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// change applies one change to the newest state of the file and replaces it. A lock file keeps two commands apart.
func (s *TokenStore) change(apply func([]Token) ([]Token, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	unlock, err := lockFile(s.path + ".lock")
	if err != nil {
		return err
	}
	defer unlock()
	s.refresh()
	if s.fault != nil {
		return s.fault
	}
	tokens, err := apply(slices.Clone(s.tokens))
	if err != nil {
		return err
	}
	if err := replaceTokens(s.path, tokens); err != nil {
		return fmt.Errorf("tokens could not be written: %w", err)
	}
	s.seen = nil // whatever the file's time says, it is new
	s.refresh()
	return s.fault
}

// staleLock is the age at which a lock file counts as left behind by a command that died.
const staleLock = 10 * time.Second

func lockFile(path string) (unlock func(), err error) {
	for deadline := time.Now().Add(staleLock + time.Second); ; time.Sleep(20 * time.Millisecond) {
		file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			return func() { _ = os.Remove(path) }, file.Close()
		}
		if !errors.Is(err, os.ErrExist) {
			return nil, err
		}
		if info, statErr := os.Stat(path); statErr == nil && time.Since(info.ModTime()) > staleLock {
			_ = os.Remove(path)
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("another command is changing the tokens: %w", err)
		}
	}
}

// replaceTokens writes a new file beside the old one and puts it in its place, so that a reader sees one or the other.
func replaceTokens(path string, tokens []Token) error {
	data, err := json.MarshalIndent(struct {
		Tokens []Token `json:"tokens"`
	}{tokens}, "", "  ")
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".tokens-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // fails where the rename has worked
	_, err = file.Write(append(data, '\n'))
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
