package relay

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
)

// News is sealed between one process of the centre and one line of a venue, each with a key of its own that lives as long as
// it does: X25519, HKDF-SHA-256, AES-256-GCM. The line's public half is known to whoever may listen to the centre's subjects,
// and to nobody else; so what opens has come from there, and neither another venue nor a server's trace reads it.
const sealedFor = "gongji-news-1 "

// keyPair is one side's.
type keyPair struct {
	private *ecdh.PrivateKey
	name    string // the public half, as a header has it
}

func newKeyPair() (keyPair, error) {
	private, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return keyPair{}, err
	}
	return keyPair{private, base64.RawURLEncoding.EncodeToString(private.PublicKey().Bytes())}, nil
}

// mark is a short word for a line's public half, as part of a subject.
func mark(name string) string {
	sum := sha256.Sum256([]byte(name))
	return "news-" + hex.EncodeToString(sum[:8])
}

var errStranger = errors.New("that is no key")

// meet is what both sides seal and open with; centre and line are the two public halves.
func (k keyPair) meet(other, centre, line, venue string) (cipher.AEAD, error) {
	raw, err := base64.RawURLEncoding.DecodeString(other)
	if err != nil {
		return nil, errStranger
	}
	public, err := ecdh.X25519().NewPublicKey(raw)
	if err != nil {
		return nil, errStranger
	}
	shared, err := k.private.ECDH(public)
	if err != nil {
		return nil, errStranger
	}
	key, err := hkdf.Key(sha256.New, shared, []byte(centre+line), sealedFor+venue, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// nonce is the number of a news: each is sealed once under a key.
func nonce(number uint64) []byte { return binary.BigEndian.AppendUint64(make([]byte, 4, 12), number) }
