package ledger

import (
	"bytes"
	"crypto/cipher"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"gongji/settle"
	"gongji/settle/canon"
)

// The kinds under which private data are sealed and indexed. A seal of one kind does not open as another.
const (
	KindPerson  = "person"  // seal: psn_no, certno and name; index: psn_no
	KindCertno  = "certno"  // index: identity number
	KindCard    = "card"    // seal: settle.CardNumbers as JSON; index: number + "|" + identifier
	KindAgent   = "agent"   // seal and index: who buys for an absent patient
	KindBody    = "body"    // seal: a message of the journal
	KindBooking = "booking" // seal: settle.Booking as JSON
	KindRecord  = "record"  // seal: a money record of the chain
	KindNote    = "note"    // seal: texts that people or the centre wrote
	KindBinding = "binding" // index: the request that reports the end of a binding
	kindGiver   = "giver"   // index: binding
	kindHash    = "hash"    // seal: a card's hash, where it is only kept
	kindChain   = "chain"   // index: head of the chain
	kindChecked = "checked" // index: as far as the chain was verified
	kindAttest  = "attest"  // index: signature under data that leaves the house
	kindCheck   = "check"   // index: proves that a database belongs to a key
)

// Faults of the keys, causes of STORE_BROKEN.
var (
	ErrKeyMissing      = errors.New("the database exists but its key file does not; restore keys/ledger.key from the backup")
	ErrDatabaseMissing = errors.New("the key file exists but its database does not, or is empty; restore the backup, " +
		"or move the keys directory away to start a new ledger")
	ErrKeyWrong   = errors.New("the key file does not belong to this database")
	ErrKeyOpen    = errors.New("the key file or its directory can be read by other users; set modes 0600 and 0700")
	ErrSealBroken = errors.New("sealed data do not open: changed on disk, or sealed with another key or as another kind")
)

const (
	keyDirName  = "keys"
	keyFileName = "ledger.key"
	keyBytes    = 32
	sealVersion = 1
	hashBytes   = 16 // of the 32 of an index that are kept: enough that no two people ever collide
)

// vault seals and indexes with the keys of a database. It never changes; one that passes to another key has another vault.
//
// What somebody is called in records (a PersonID, a card's hash) is a hash under the first key that the ledger ever had, since
// records never change. Columns hold such a hash covered: enciphered, as one block, by a key of the vault, so that whoever
// has an older key can test no guess against them. A ledger that never changed its key has nothing to cover.
//
// It is safe for concurrent use.
type vault struct {
	seals *keySet       // everything is sealed with it
	guard *keySet       // head of the chain, check and covers; another than seals while everything is being sealed anew
	older []cipher.AEAD // of the keys before: seals that are not made anew yet, or lie inside a record of the chain
	names *macKey       // key of the hashes by which people and cards are called
	old   retired
}

// openKeys reads the key file of a data directory. Where neither key nor database exists it makes a key; fresh is then
// true until [takeKey]: only a key that a database has taken bears the key's name, so that a first start that
// was cut short can be told from a database that vanished.
func openKeys(dir string, databaseExists bool) (ring keyring, fresh bool, err error) {
	path := filepath.Join(dir, keyDirName, keyFileName)
	_, err = os.Stat(path)
	switch {
	case err == nil && !databaseExists:
		return nil, false, ErrDatabaseMissing
	case err == nil:
		ring, err = readKeys(dir)
		return ring, false, err
	case !errors.Is(err, os.ErrNotExist):
		return nil, false, fmt.Errorf("read the key file: %w", err)
	}
	text, err := freshKey(path+freshSuffix, databaseExists)
	if err == nil {
		err = checkModes(path + freshSuffix)
	}
	if err != nil {
		return nil, false, err
	}
	ring, err = parseKey(text)
	return ring, true, err
}

// freshSuffix marks a key that no database has taken yet.
const freshSuffix = ".new"

// freshKey is the key of a first start that was cut short, or a new one.
func freshKey(path string, databaseExists bool) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err == nil {
		if _, bad := parseKey(text); bad == nil {
			return text, nil
		}
	}
	if databaseExists {
		return nil, ErrKeyMissing
	}
	if text, err = createKey(path); err != nil {
		return nil, fmt.Errorf("create the key file: %w", err)
	}
	return text, nil
}

// createKey writes a new random key so that it survives a power cut before anything is sealed with it.
func createKey(path string) ([]byte, error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	master, err := newMaster()
	if err != nil {
		return nil, err
	}
	text := keyring{master}.text()
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = file.Write(text)
	return text, errors.Join(err, file.Sync(), file.Close(), syncDir(dir), syncDir(filepath.Dir(dir)))
}

// takeKey gives a fresh key its name, once a database holds its check.
func takeKey(dir string) error {
	path := filepath.Join(dir, keyDirName, keyFileName)
	return errors.Join(os.Rename(path+freshSuffix, path), syncDir(filepath.Dir(path)))
}

// syncDir makes a new directory entry durable. Windows has no such call and needs none.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	handle, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(handle.Sync(), handle.Close())
}

// checkModes refuses keys that other users can read. Windows protects by access lists instead of modes.
func checkModes(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	for _, p := range []string{path, filepath.Dir(path)} {
		info, err := os.Stat(p)
		if err != nil {
			return fmt.Errorf("read the key file: %w", err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			return ErrKeyOpen
		}
	}
	return nil
}

func (v *vault) seal(kind string, data []byte) []byte {
	aead := v.seals.aead
	sealed := make([]byte, 1, 1+len(data)+aead.Overhead())
	sealed[0] = sealVersion
	return aead.Seal(sealed, nil, data, []byte(kind))
}

func (v *vault) unseal(kind string, sealed []byte) ([]byte, error) {
	if !isSealed(sealed) {
		return nil, ErrSealBroken
	}
	data, err := v.seals.aead.Open(nil, nil, sealed[1:], []byte(kind))
	for i := 0; err != nil && i < len(v.older); i++ {
		data, err = v.older[i].Open(nil, nil, sealed[1:], []byte(kind))
	}
	if err != nil {
		return nil, ErrSealBroken
	}
	return data, nil
}

func isSealed(data []byte) bool { return len(data) > 0 && data[0] == sealVersion }

// current reports whether data are sealed with the key that seals now.
func (v *vault) current(kind string, sealed []byte) bool {
	_, err := (&vault{seals: v.seals}).unseal(kind, sealed)
	return err == nil
}

// sealJSON seals a value as JSON.
func (v *vault) sealJSON(kind string, value any) ([]byte, error) {
	data, err := canon.Append(nil, value)
	if err != nil {
		return nil, fmt.Errorf("encode a %s: %w", kind, err)
	}
	return v.seal(kind, data), nil
}

// unsealJSON opens what sealJSON sealed. The error never quotes the data.
func (v *vault) unsealJSON(kind string, sealed []byte, value any) error {
	data, err := v.unseal(kind, sealed)
	if err != nil {
		return err
	}
	return decodeSealed(kind, data, value)
}

// decodeSealed reads the JSON of what was sealed. The error never quotes the data.
func decodeSealed(kind string, data []byte, value any) error {
	if canon.Read(data, value) != nil {
		return fmt.Errorf("a sealed %s does not decode", kind)
	}
	return nil
}

// mac is a keyed hash that only the ledger itself asks for again.
func (v *vault) mac(kind, value string) []byte { return v.guard.mac(kind, value) }

// name is the keyed hash by which something is called, for ever.
func (v *vault) name(kind, value string) []byte { return v.names.mac(kind, value)[:hashBytes] }

// covers reports whether columns hold hashes covered.
func (v *vault) covers() bool { return !bytes.Equal(v.names.key, v.guard.index.key) }

// column is a name as columns hold it.
func (v *vault) column(name []byte) []byte {
	if !v.covers() || len(name) != hashBytes {
		return name
	}
	covered := make([]byte, hashBytes)
	v.guard.cover.Encrypt(covered, name)
	return covered
}

// uncover is the name that a column holds.
func (v *vault) uncover(column []byte) []byte {
	if !v.covers() || len(column) != hashBytes {
		return column
	}
	name := make([]byte, hashBytes)
	v.guard.cover.Decrypt(name, column)
	return name
}

// hash is the column under which something is looked up.
func (v *vault) hash(kind, value string) []byte { return v.column(v.name(kind, value)) }

// sealHash is the column of a card's hash that nothing is looked up by; none where there is no hash.
func (v *vault) sealHash(hash string) []byte {
	if hash == "" {
		return []byte{}
	}
	return v.seal(kindHash, []byte(hash))
}

// openHash is the hash in such a column. Before there were changes of keys it was not sealed.
func (v *vault) openHash(column []byte) (string, error) {
	if !isSealed(column) {
		return string(column), nil
	}
	hash, err := v.unseal(kindHash, column)
	return string(hash), err
}

// hexColumn is the column of an index that is kept as its text.
func (v *vault) hexColumn(index string) []byte {
	name, ok := decodeIndex(index)
	if !ok {
		return []byte(index)
	}
	return []byte(hex.EncodeToString(v.column(name)))
}

// Seal encrypts data with the ledger's key (AES-256-GCM); kind is bound into the seal, so that sealed data cannot be
// moved to where another kind is expected. Safe for concurrent use; it never fails for a reason of the data.
func (l *Ledger) Seal(kind string, data []byte) ([]byte, error) {
	return l.vault().seal(kind, data), nil
}

// Unseal opens what Seal sealed under the same kind. The cause of STORE_BROKEN is ErrSealBroken.
func (l *Ledger) Unseal(kind string, sealed []byte) ([]byte, error) {
	data, err := l.vault().unseal(kind, sealed)
	if err != nil {
		return nil, settle.NewError(settle.StoreBroken, err)
	}
	return data, nil
}

// Index is the keyed hash (HMAC-SHA256, 32 hexadecimal digits kept) of a value of a kind: equal values have equal
// hashes, and without the key nothing can be read from or tried against them.
func (l *Ledger) Index(kind, value string) string {
	return hex.EncodeToString(l.vault().name(kind, value))
}

// decodeIndex is the name that an Index text tells; ok is false for any other text.
func decodeIndex(text string) (hash []byte, ok bool) {
	hash, err := hex.DecodeString(text)
	return hash, err == nil && len(hash) == hashBytes
}

var lowerBase32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// personID names a person whose column pid is read.
func (v *vault) personID(pid []byte) settle.PersonID { return personID(v.uncover(pid)) }

// pid is the column of a person; ok is false for a text that names nobody.
func (v *vault) pid(id settle.PersonID) (pid []byte, ok bool) {
	name, ok := decodePerson(id)
	return v.column(name), ok
}

// personID is the text of a person's name.
func personID(pid []byte) settle.PersonID {
	return settle.PersonID("p" + lowerBase32.EncodeToString(pid))
}

// decodePerson is the name in a PersonID; ok is false for any other text.
func decodePerson(id settle.PersonID) (pid []byte, ok bool) {
	text, found := strings.CutPrefix(string(id), "p")
	pid, err := lowerBase32.DecodeString(text)
	return pid, found && err == nil && len(pid) == hashBytes
}

// PersonID is the id under which a person number (人员编号) is known here, whether or not the ledger knows the person.
func (l *Ledger) PersonID(psnNo string) settle.PersonID {
	return personID(l.vault().name(KindPerson, psnNo))
}

// giverRef is the opaque reference of a binding that a till may hand back as a chosen giver.
func (v *vault) giverRef(binding string) string {
	return "g" + lowerBase32.EncodeToString(v.name(kindGiver, binding)[:10])
}
