package ledger

import (
	"context"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gongji/settle"
)

// A proof shows one settlement to somebody who has neither this ledger nor its key: a court, the centre's finance desk.
//
//	records of the settlement ── hash of each, with the hash before it
//	                                  │ path (audit path of a hash tree over all hashes of the chain, as in RFC 6962)
//	                                  ▼
//	head: venue, time, number of records, last hash, root ── signed (Ed25519)
//	the whole proof                                       ── signed (Ed25519)
//
// What it proves: who holds the venue's signing key stated at the head's time that these records, word for word, stood under
// these numbers in the chain. What it does not prove by itself is that the records were true, nor that the chain was not
// made up before the head's time: for that a head of an earlier day must have been given to somebody else
// ([MakeHead]), and a proof until that head be asked for; its root must be the one that was given away.

// Names of what is signed, so that a signature of one is none of the other.
const (
	proofFormat = "gongji-proof-1"
	headFormat  = "gongji-head-1"
	// verificationPrefix begins the text of a verification key.
	verificationPrefix = "gongji-verify-1:"
)

// ProofHead is a signed statement about the chain as a whole.
type ProofHead struct {
	Format    string    `json:"format"`
	Venue     string    `json:"venue"` // 定点医药机构编号
	Name      string    `json:"venue_name"`
	At        time.Time `json:"at"`      // when it was stated
	Records   int64     `json:"records"` // that it covers, from the first
	Hash      string    `json:"hash"`    // of the last of them, hexadecimal
	Root      string    `json:"root"`    // of the tree over all their hashes, hexadecimal
	Key       string    `json:"key"`     // verification key
	Signature string    `json:"signature,omitempty"`
}

// ProofRecord is one record of the chain, word for word.
type ProofRecord struct {
	Number int64    `json:"number"`
	Kind   string   `json:"kind"`
	Ref    string   `json:"ref"`
	Doc    string   `json:"doc"`    // JSON as it was hashed
	Before string   `json:"before"` // hash of the record before, hexadecimal
	Hash   string   `json:"hash"`
	Path   []string `json:"path"` // hexadecimal, from the leaf up
}

// ProofPerson says who is behind a PersonID of the records. Number and name are there only where the proof was asked to tell.
type ProofPerson struct {
	Person   settle.PersonID `json:"person"`
	Masked   string          `json:"masked"`
	Name     string          `json:"name,omitempty"`
	IDNumber string          `json:"id_number,omitempty"`
}

// Proof is everything that the chain holds about one settlement, signed.
type Proof struct {
	Format     string        `json:"format"`
	Settlement string        `json:"settlement_id"`
	Records    []ProofRecord `json:"records"` // in the order of the chain; the first is the settlement
	People     []ProofPerson `json:"people"`
	Head       ProofHead     `json:"head"`
	Signature  string        `json:"signature,omitempty"`
}

// ProofOptions say what to prove.
type ProofOptions struct {
	Venue settle.Venue
	Clock func() time.Time
	// Until bounds the records that the head covers, to prove against a head that was given away before; 0: all.
	Until int64
	// Reveal tells identity numbers and names. For whoever may know them.
	Reveal bool
}

// signing is the key that this ledger signs statements with. It is made from the ledger's key, so it needs no file of its own,
// is in the backup of the key, and changes when that is rotated.
func (v *vault) signing() (ed25519.PrivateKey, error) {
	seed, err := hkdf.Key(sha256.New, v.guard.master, nil, "gongji proof", ed25519.SeedSize)
	if err != nil {
		return nil, err
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

func verificationText(key ed25519.PrivateKey) string {
	return verificationPrefix + base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey))
}

// signed is the signature of a value that has none yet, over the name of its format and its JSON in one line.
func signed(key ed25519.PrivateKey, format string, value any) (string, error) {
	text, err := signedText(format, value)
	return base64.StdEncoding.EncodeToString(ed25519.Sign(key, text)), err
}

func signedText(format string, value any) ([]byte, error) {
	text, err := json.Marshal(value)
	return append([]byte(format+"\n"), text...), err
}

// VerificationKey is the text that whoever checks proofs of this ledger needs. It is public: it should be given away before
// there is a dispute, such as with the agreement. STORE_BROKEN as [ReadDir].
func (r *Reading) VerificationKey() (string, error) {
	key, err := r.ledger.vault().signing()
	if err != nil {
		return "", storeError(err)
	}
	return verificationText(key), nil
}

// MakeHead states the chain as it is now, signed. Given to somebody else from time to time, it makes later proofs say that
// nothing before it was changed since. STORE_BROKEN, also where the chain does not fit its head.
func (r *Reading) MakeHead(ctx context.Context, o ProofOptions) (h ProofHead, err error) {
	err = r.ledger.read(ctx, func(t *tx) error {
		leaves, err := t.leaves(o.Until)
		if err != nil {
			return err
		}
		h, err = t.stateHead(leaves, o)
		return err
	})
	return h, err
}

// MakeProof exports the proof of one settlement: its own record and those of what became of it. NOT_FOUND; STORE_BROKEN, also
// where a record does not fit the chain.
func (r *Reading) MakeProof(ctx context.Context, settlement string, o ProofOptions) (p Proof, err error) {
	err = r.ledger.read(ctx, func(t *tx) error {
		p, err = t.proof(settlement, o)
		return err
	})
	return p, err
}

func (t *tx) proof(settlement string, o ProofOptions) (p Proof, err error) {
	p = Proof{Format: proofFormat, Settlement: settlement}
	leaves, err := t.leaves(o.Until)
	if err != nil {
		return p, err
	}
	if p.Head, err = t.stateHead(leaves, o); err != nil {
		return p, err
	}
	records, err := t.recordsOf(settlement)
	if err != nil {
		return p, err
	}
	for _, seq := range records {
		if seq > int64(len(leaves)) {
			break // later than the head that is proved against
		}
		record, err := t.proofRecord(seq, leaves)
		if err != nil {
			return p, err
		}
		p.Records = append(p.Records, record)
	}
	if len(p.Records) == 0 || p.Records[0].Kind != recordSettlement {
		return p, settle.NewError(settle.NotFound, errors.New("the settlement is later than the head that was asked for"))
	}
	if p.People, err = t.proofPeople(&p, o.Reveal); err != nil {
		return p, err
	}
	key, err := t.vault().signing()
	if err != nil {
		return p, err
	}
	p.Signature, err = signed(key, proofFormat, p)
	return p, err
}

// leaves are the hashes of the chain in order, up to a number; and they end where the keyed head says.
func (t *tx) leaves(until int64) (leaves []leaf, err error) {
	end, err := t.loadHead()
	if err != nil {
		return nil, err
	}
	if until == 0 {
		until = end.seq
	}
	if until < 1 || until > end.seq {
		return nil, settle.NewError(settle.NotFound, fmt.Errorf("the chain has %d records", end.seq))
	}
	err = t.each("SELECT seq, hash FROM chain WHERE seq <= ? ORDER BY seq", []any{end.seq}, func(scan func(dest ...any) error) error {
		var seq int64
		var hash []byte
		if err := scan(&seq, &hash); err != nil {
			return err
		}
		if seq != int64(len(leaves))+1 || len(hash) != sha256.Size {
			return fmt.Errorf("%w: record %d of the chain is missing or changed; run gongjid verify", errNoProof, len(leaves)+1)
		}
		leaves = append(leaves, leaf(hash))
		return nil
	})
	if err != nil {
		return nil, err
	}
	if int64(len(leaves)) != end.seq || leaves[end.seq-1] != end.hash {
		return nil, fmt.Errorf("%w: the chain does not end where its head says; run gongjid verify", errNoProof)
	}
	return leaves[:until], nil
}

// errNoProof is the cause of STORE_BROKEN where the chain itself is at fault: nothing is signed about such a one.
var errNoProof = errors.New("nothing can be proved from this ledger")

func (t *tx) stateHead(leaves []leaf, o ProofOptions) (h ProofHead, err error) {
	key, err := t.vault().signing()
	if err != nil {
		return h, err
	}
	root := rootOf(leaves)
	h = ProofHead{
		Format: headFormat, Venue: o.Venue.Code, Name: o.Venue.Name, At: o.Clock().In(settle.Beijing).Truncate(time.Second), Records: int64(len(leaves)),
		Hash: hex.EncodeToString(leaves[len(leaves)-1][:]), Root: hex.EncodeToString(root[:]), Key: verificationText(key),
	}
	h.Signature, err = signed(key, headFormat, h)
	return h, err
}

// recordsOf are the numbers of all records about a settlement, in order.
func (t *tx) recordsOf(settlement string) ([]int64, error) {
	var key int64
	if err := t.get("SELECT id FROM settlement WHERE ref = ?", []any{settlement}, &key); err != nil {
		return nil, notFound(err)
	}
	return t.records(`SELECT record FROM settlement WHERE id = ?1
		UNION SELECT record FROM refund WHERE settlement = ?1
		UNION SELECT record FROM adjustment WHERE settlement = ?1
		UNION SELECT record FROM attention WHERE settlement = ?1 AND record IS NOT NULL
		UNION SELECT c.seq FROM report r JOIN dispatch d ON d.report = r.id JOIN chain c ON c.kind = 'dispatch' AND c.ref = d.msgid
			AND c.seq >= r.record WHERE r.settlement = ?1
		ORDER BY 1`, key)
}

// proofRecord is a record with its path, after it was held against the chain.
func (t *tx) proofRecord(seq int64, leaves []leaf) (r ProofRecord, err error) {
	var sealed []byte
	r.Number = seq
	if err := t.get("SELECT kind, ref, doc FROM chain WHERE seq = ?", []any{seq}, &r.Kind, &r.Ref, &sealed); err != nil {
		return r, err
	}
	doc, err := t.vault().unseal(KindRecord, sealed)
	if err != nil {
		return r, err
	}
	before := head{seq: seq - 1}
	if seq > 1 {
		before.hash = leaves[seq-2]
	}
	if before.next(r.Kind, r.Ref, doc).hash != leaves[seq-1] {
		return r, fmt.Errorf("%w: record %d does not fit the chain; run gongjid verify", errNoProof, seq)
	}
	r.Doc, r.Before, r.Hash = string(doc), hex.EncodeToString(before.hash[:]), hex.EncodeToString(leaves[seq-1][:])
	for _, sibling := range pathOf(leaves, int(seq-1)) {
		r.Path = append(r.Path, hex.EncodeToString(sibling[:]))
	}
	return r, nil
}

// proofPeople are the patient and everybody whose account paid, got back or was adjusted.
func (t *tx) proofPeople(p *Proof, reveal bool) (people []ProofPerson, err error) {
	content, err := p.content()
	if err != nil {
		return nil, err
	}
	for _, id := range content.people() {
		pid, _ := t.vault().pid(id)
		var row personRow
		person := ProofPerson{Person: id}
		if err := t.get("SELECT masked, sealed FROM person WHERE pid = ?", []any{pid}, &person.Masked, &row.sealed); err != nil {
			return nil, fmt.Errorf("a person of the record: %w", err)
		}
		if reveal {
			who, err := t.identity(&row)
			if err != nil {
				return nil, err
			}
			person.Name, person.IDNumber = who.Name, who.Certno
		}
		people = append(people, person)
	}
	return people, nil
}
