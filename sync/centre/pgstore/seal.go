package pgstore

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
)

// sealer hides people from the database.
type sealer struct {
	aead  cipher.AEAD
	index []byte // key of the hashes
}

// keySize is the size of the book's key in bytes.
const keySize = 32

func newSealer(key []byte) (*sealer, error) {
	if len(key) != keySize {
		return nil, fmt.Errorf("the book's key does not have %d bytes", keySize)
	}
	derive := func(use string) []byte {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte("gongji-centre-store-1 " + use))
		return mac.Sum(nil)
	}
	block, err := aes.NewCipher(derive("values"))
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return &sealer{aead, derive("index")}, err
}

// hash is what an identity is looked up by.
func (s *sealer) hash(clear string) string {
	mac := hmac.New(sha256.New, s.index)
	mac.Write([]byte(clear))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

// seal hides a key and its value, bound to their place.
func (s *sealer) seal(table, id, key string, value []byte) ([]byte, error) {
	sealed := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+len(key)+len(value)+32)
	if _, err := rand.Read(sealed); err != nil {
		return nil, err
	}
	clear := binary.AppendUvarint(nil, uint64(len(key)))
	clear = append(append(clear, key...), value...)
	return s.aead.Seal(sealed, sealed, clear, place(table, id)), nil
}

func place(table, id string) []byte { return []byte(table + "\x00" + id) }

var errDamaged = errors.New("is damaged, out of its place, or sealed with another key")

// open is seal backwards.
func (s *sealer) open(table, id string, sealed []byte) (key string, value []byte, err error) {
	size := s.aead.NonceSize()
	if len(sealed) < size {
		return "", nil, errDamaged
	}
	clear, err := s.aead.Open(nil, sealed[:size], sealed[size:], place(table, id))
	if err != nil {
		return "", nil, errDamaged
	}
	length, n := binary.Uvarint(clear)
	if n <= 0 || length > uint64(len(clear)-n) {
		return "", nil, errDamaged
	}
	return string(clear[n : n+int(length)]), clear[n+int(length):], nil
}
