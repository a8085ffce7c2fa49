package ledger

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// keyring is what a key file holds: one master key, or two while the ledger passes from one to the next, the next first.
type keyring [][]byte

const (
	keyHeader     = "gongji-ledger-key-1"
	keyHeaderNext = "gongji-ledger-key-2" // two keys
)

func parseKey(text []byte) (keyring, error) {
	lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(string(text), "\r\n", "\n")), "\n")
	wanted := map[string]int{keyHeader: 1, keyHeaderNext: 2}[lines[0]]
	if wanted != len(lines)-1 || wanted == 0 {
		return nil, errKeyDamaged
	}
	ring := make(keyring, wanted)
	for i, line := range lines[1:] {
		master, err := base64.StdEncoding.DecodeString(strings.TrimSpace(line))
		if err != nil || len(master) != keyBytes {
			return nil, errKeyDamaged
		}
		ring[i] = master
	}
	return ring, nil
}

var errKeyDamaged = fmt.Errorf("the key file is damaged: it must hold %q and 32 bytes in base64", keyHeader)

// text is the key file.
func (r keyring) text() []byte {
	header := keyHeader
	if len(r) > 1 {
		header = keyHeaderNext
	}
	text := []byte(header + "\n")
	for _, master := range r {
		text = append(text, base64.StdEncoding.EncodeToString(master)+"\n"...)
	}
	return text
}

// readKeys reads the key file of a data directory that has a database.
func readKeys(dir string) (keyring, error) {
	path := filepath.Join(dir, keyDirName, keyFileName)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, ErrKeyMissing
	}
	if err != nil {
		return nil, fmt.Errorf("read the key file: %w", err)
	}
	if err := checkModes(path); err != nil {
		return nil, err
	}
	return parseKey(text)
}

// replaceKeys gives a data directory another key file, whole or not at all.
func replaceKeys(dir string, ring keyring) error {
	path := filepath.Join(dir, keyDirName, keyFileName)
	part := path + ".partial"
	if err := os.Remove(part); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := writePrivate(part, ring.text()); err != nil {
		return err
	}
	if err := sameOwner(part, path); err != nil {
		return err
	}
	return errors.Join(os.Rename(part, path), syncDir(filepath.Dir(path)))
}

func newMaster() ([]byte, error) {
	master := make([]byte, keyBytes)
	_, err := rand.Read(master)
	return master, err
}

// keySet is what is derived from one master key.
type keySet struct {
	master  []byte
	sealKey []byte
	index   *macKey
	aead    cipher.AEAD
	cover   cipher.Block
}

func deriveKeys(master []byte) (*keySet, error) {
	k := &keySet{master: master}
	var cover, index []byte
	for _, of := range []struct {
		into *[]byte
		info string
	}{{&k.sealKey, "gongji seal"}, {&index, "gongji index"}, {&cover, "gongji cover"}} {
		key, err := hkdf.Key(sha256.New, master, nil, of.info, keyBytes)
		if err != nil {
			return nil, err
		}
		*of.into = key
	}
	k.index = newMacKey(index)
	var err error
	if k.aead, err = newAEAD(k.sealKey); err != nil {
		return nil, err
	}
	k.cover, err = aes.NewCipher(cover)
	return k, err
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (k *keySet) mac(kind, value string) []byte { return k.index.mac(kind, value) }

// macKey is a key of keyed hashes. It keeps what is worked out of the key alone, which is half of a short hash. Safe for
// concurrent use.
type macKey struct {
	key  []byte
	idle sync.Pool
}

func newMacKey(key []byte) *macKey {
	return &macKey{key: key, idle: sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

func (k *macKey) mac(kind, value string) []byte {
	h := k.idle.Get().(hash.Hash)
	defer k.idle.Put(h)
	h.Reset()
	h.Write(append(append(append(make([]byte, 0, 96), kind...), 0), value...))
	return h.Sum(nil)
}

// retired is what a ledger keeps of the keys that it had before, sealed under the one that it has: the key under which people
// and cards got their names, which stand in records that cannot change, and the keys of seals inside such records.
type retired struct {
	Names []byte   `json:"names"`
	Seals [][]byte `json:"seals"`
}

const kindRetired = "retired" // seal

// keyState is what a database says of its keys.
type keyState struct {
	check   []byte // keyed hash that proves to which key the database belongs; nil: none has been written
	retired []byte // sealed
	passing bool   // everything is being sealed anew
}

func readKeyState(meta func(name string) ([]byte, error)) (s keyState, err error) {
	passing, err := meta(metaRotation)
	if err != nil {
		return s, err
	}
	s.passing = passing != nil
	if s.check, err = meta(metaKeyCheck); err != nil {
		return s, err
	}
	s.retired, err = meta(metaRetired)
	return s, err
}

// vaults are the vault of a database with these keys and, where it is on the way to the next key, the one that it will have
// once its hashes have been covered anew; else next is nil. ErrKeyWrong.
func (r keyring) vaults(s keyState) (now, next *vault, err error) {
	sets := make([]*keySet, len(r))
	for i, master := range r {
		if sets[i], err = deriveKeys(master); err != nil {
			return nil, nil, err
		}
	}
	own := sets[len(sets)-1]
	if s.check != nil {
		own = nil
		for _, set := range sets {
			if bytes.Equal(set.mac(kindCheck, ""), s.check) {
				own = set
			}
		}
		if own == nil {
			return nil, nil, ErrKeyWrong
		}
	}
	old := retired{Names: own.index.key}
	if s.retired != nil {
		if old, err = openRetired(sets, s.retired); err != nil {
			return nil, nil, err
		}
	}
	now = &vault{seals: own, guard: own, names: newMacKey(old.Names), old: old}
	for _, key := range old.Seals {
		aead, err := newAEAD(key)
		if err != nil {
			return nil, nil, err
		}
		now.older = append(now.older, aead)
	}
	if s.passing && own != sets[0] {
		now = now.resealing(sets[0])
		next = now.covering()
	}
	return now, next, nil
}

func openRetired(sets []*keySet, sealed []byte) (old retired, err error) {
	for _, set := range sets {
		v := &vault{seals: set}
		if err = v.unsealJSON(kindRetired, sealed, &old); err == nil {
			return old, nil
		}
	}
	return old, fmt.Errorf("%w: its change of keys was begun with a key that is not here", ErrKeyWrong)
}

// resealing seals with the next key and still knows everything by the one before.
func (v *vault) resealing(next *keySet) *vault {
	n := *v
	n.seals = next
	n.older = append([]cipher.AEAD{v.seals.aead}, v.older...)
	return &n
}

// covering is the vault after the hashes are covered by the key that seals.
func (v *vault) covering() *vault {
	n := *v
	n.guard = v.seals
	return &n
}

// retire is what is kept once next has taken the place of the vault's key.
func (v *vault) retire(next *keySet) ([]byte, error) {
	old := retired{Names: v.names.key, Seals: append([][]byte{v.seals.sealKey}, v.old.Seals...)}
	text, err := json.Marshal(old)
	return (&vault{seals: next}).seal(kindRetired, text), err
}
