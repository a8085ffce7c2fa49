package centre

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// sealer encrypts the journal's lines with AES-256-GCM: they hold people in clear. The line's number is authenticated
// with it, so that a line that is missing, doubled or moved is damage and not history.
type sealer struct{ aead cipher.AEAD }

// sealMark begins every sealed line; a clear journal of an older version begins with a brace.
const sealMark = "S1 "

const keySize = 32

var errClear = errors.New("is in clear: it was written by an older version; move the folder away and seed the centre anew")

// openSealer is the sealer of a folder's journal.
func openSealer(dir string, fresh bool) (*sealer, error) {
	key, err := OpenKey(dir, fresh)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return &sealer{aead}, err
}

// OpenKey reads the key of a book, 32 bytes, from the folder's keys/centre.key, or makes one where the book is fresh. A key
// that others may read, or that is missing beside a book that is there, is an error.
func OpenKey(dir string, fresh bool) ([]byte, error) {
	file := filepath.Join(dir, "keys", "centre.key")
	key, err := os.ReadFile(file)
	switch {
	case errors.Is(err, os.ErrNotExist) && fresh:
		key, err = makeKey(file)
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("the book's key %s is missing; without it the book cannot be read", file)
	}
	if err != nil {
		return nil, fmt.Errorf("the book's key: %w", err)
	}
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("the book's key: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the book's key %s may be read by others; it must have mode 0600", file)
	}
	if len(key) != keySize {
		return nil, fmt.Errorf("the book's key %s does not have %d bytes", file, keySize)
	}
	return key, nil
}

// makeKey writes a new key, on disk before anything is sealed with it.
func makeKey(file string) ([]byte, error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, err
	}
	key := make([]byte, keySize)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = out.Write(key)
	return key, errors.Join(err, out.Sync(), out.Close())
}

func lineBinding(number int) []byte { return fmt.Appendf(nil, "gongji-centre-journal-1 %d", number) }

// seal writes a line without its end.
func (s *sealer) seal(number int, clear []byte) ([]byte, error) {
	nonce := make([]byte, s.aead.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	sealed := s.aead.Seal(nonce, nonce, clear, lineBinding(number))
	return base64.StdEncoding.AppendEncode([]byte(sealMark), sealed), nil
}

// open reads a line.
func (s *sealer) open(number int, line []byte) ([]byte, error) {
	if len(line) > 0 && line[0] == '{' {
		return nil, errClear
	}
	if len(line) < len(sealMark) || string(line[:len(sealMark)]) != sealMark {
		return nil, errors.New("is damaged")
	}
	sealed, err := base64.StdEncoding.AppendDecode(nil, line[len(sealMark):])
	if err != nil || len(sealed) < s.aead.NonceSize() {
		return nil, errors.New("is damaged")
	}
	size := s.aead.NonceSize()
	clear, err := s.aead.Open(nil, sealed[:size], sealed[size:], lineBinding(number))
	if err != nil {
		return nil, errors.New("is damaged, out of its place, or sealed with another key")
	}
	return clear, nil
}
