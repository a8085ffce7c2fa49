package ledger

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"gongji/settle"
)

// The causes of BAD_REQUEST where a proof does not hold.
var (
	ErrProofUnreadable = errors.New("the file is no proof of a settlement, or of a format that this program does not know")
	ErrProofForeign    = errors.New("the proof was signed with another key than the one given")
	ErrProofChanged    = errors.New("the proof was changed after it was signed")
	ErrProofBroken     = errors.New("the proof contradicts itself")
)

// ProofContent is what the records of a proof say.
type ProofContent struct {
	Settlement  settle.Settlement
	Returns     []settle.Return
	Adjustments []settle.Adjustment
	Outcomes    []ProofOutcome
	Decisions   []ProofDecision
}

// ProofOutcome is the centre's answer to a message about the settlement.
type ProofOutcome struct {
	MsgID   string
	Infno   string
	State   settle.DispatchState
	Booking *settle.Booking // nil: it booked nothing
}

// ProofDecision is what a person of the venue decided about it.
type ProofDecision struct {
	Decision settle.Decision
	Operator settle.Operator
	Note     string
}

// proofLimit bounds what is read of a proof: thousands of records of one settlement would be none.
const proofLimit = 64 << 20

// CheckProof reads a proof and checks it without ledger and secret: that it was signed with the verification key (the text of
// [Reading.VerificationKey]), that every record has the hash that stands in the chain, and that each of these is under the
// signed root. BAD_REQUEST with the cause ErrProofUnreadable, ErrProofForeign, ErrProofChanged or ErrProofBroken. An empty
// key leaves open who signed; the caller must say so.
func CheckProof(from io.Reader, key string) (p Proof, content ProofContent, err error) {
	text, err := io.ReadAll(io.LimitReader(from, proofLimit))
	if err != nil {
		return p, content, storeError(err)
	}
	if err := strictly(text, &p); err != nil {
		return p, content, settle.NewError(settle.BadRequest, fmt.Errorf("%w: %w", ErrProofUnreadable, err))
	}
	if err := p.check(key); err != nil {
		return p, content, settle.NewError(settle.BadRequest, err)
	}
	content, err = p.content()
	if err != nil {
		return p, content, settle.NewError(settle.BadRequest, fmt.Errorf("%w: %w", ErrProofBroken, err))
	}
	return p, content, nil
}

// CheckHead is CheckProof for a head alone.
func CheckHead(from io.Reader, key string) (h ProofHead, err error) {
	text, err := io.ReadAll(io.LimitReader(from, proofLimit))
	if err != nil {
		return h, storeError(err)
	}
	if err := strictly(text, &h); err != nil {
		return h, settle.NewError(settle.BadRequest, fmt.Errorf("%w: %w", ErrProofUnreadable, err))
	}
	public, err := verificationKey(h.Key, key)
	if err == nil {
		err = h.check(public)
	}
	if err != nil {
		return h, settle.NewError(settle.BadRequest, err)
	}
	return h, nil
}

// strictly decodes one JSON value with nothing unknown in it and nothing behind it. What is decoded is what was signed, so a
// member that this program does not know must not slip past the signature.
func strictly(text []byte, value any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(value); err != nil {
		return errors.New("not the JSON of a proof")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something stands behind it")
	}
	return nil
}

// verificationKey is the key that a statement names, which must be the one that was given, where one was.
func verificationKey(named, given string) (ed25519.PublicKey, error) {
	if given = strings.TrimSpace(given); given != "" && given != named {
		return nil, ErrProofForeign
	}
	text, found := strings.CutPrefix(named, verificationPrefix)
	key, err := base64.StdEncoding.DecodeString(text)
	if !found || err != nil || len(key) != ed25519.PublicKeySize {
		return nil, ErrProofUnreadable
	}
	return key, nil
}

func signedBy(key ed25519.PublicKey, format, signature string, value any) error {
	text, err := signedText(format, value)
	if err != nil {
		return err
	}
	sig, err := base64.StdEncoding.DecodeString(signature)
	if err != nil || !ed25519.Verify(key, text, sig) {
		return ErrProofChanged
	}
	return nil
}

func (h ProofHead) check(key ed25519.PublicKey) error {
	if h.Format != headFormat {
		return ErrProofUnreadable
	}
	signature := h.Signature
	h.Signature = ""
	return signedBy(key, headFormat, signature, h)
}

func (p Proof) check(given string) error {
	if p.Format != proofFormat {
		return ErrProofUnreadable
	}
	key, err := verificationKey(p.Head.Key, given)
	if err != nil {
		return err
	}
	if err := p.Head.check(key); err != nil {
		return err
	}
	signature := p.Signature
	p.Signature = ""
	if err := signedBy(key, proofFormat, signature, p); err != nil {
		return err
	}
	root, err := hashText(p.Head.Root)
	if err != nil {
		return err
	}
	last := int64(0)
	for i := range p.Records {
		r := &p.Records[i]
		if r.Number <= last {
			return fmt.Errorf("%w: its records are out of order", ErrProofBroken)
		}
		last = r.Number
		if err := r.check(root, p.Head.Records); err != nil {
			return fmt.Errorf("%w: record %d: %w", ErrProofBroken, r.Number, err)
		}
	}
	return nil
}

func hashText(text string) (l leaf, err error) {
	hash, err := hex.DecodeString(text)
	if err != nil || len(hash) != sha256.Size {
		return l, fmt.Errorf("%w: a hash has another length", ErrProofBroken)
	}
	return leaf(hash), nil
}

// check recomputes a record's hash from its words, and the root from the hash.
func (r *ProofRecord) check(root leaf, records int64) error {
	before, err := hashText(r.Before)
	if err != nil {
		return err
	}
	hash, err := hashText(r.Hash)
	if err != nil {
		return err
	}
	if (head{seq: r.Number - 1, hash: before}).next(r.Kind, r.Ref, []byte(r.Doc)).hash != hash {
		return errors.New("its hash is not that of its words")
	}
	path := make([]leaf, len(r.Path))
	for i, text := range r.Path {
		if path[i], err = hashText(text); err != nil {
			return err
		}
	}
	if got, ok := climb(hash, r.Number-1, records, path); !ok || got != root {
		return errors.New("it is not under the signed root")
	}
	return nil
}

// content reads what the records say; each must be about the settlement that is proved.
func (p *Proof) content() (c ProofContent, err error) {
	for i := range p.Records {
		r := &p.Records[i]
		of, err := c.add(r)
		if err != nil {
			return c, fmt.Errorf("record %d does not decode", r.Number)
		}
		if of != p.Settlement || (r.Kind == recordSettlement) != (i == 0) {
			return c, fmt.Errorf("record %d is not about settlement %s", r.Number, p.Settlement)
		}
	}
	if len(p.Records) == 0 {
		return c, errors.New("it has no record")
	}
	return c, nil
}

// add takes in one record and returns the settlement that it is about. The centre's answers name a message; that the message
// was about the settlement is what the venue states.
func (c *ProofContent) add(r *ProofRecord) (settlement string, err error) {
	doc := []byte(r.Doc)
	switch r.Kind {
	case recordSettlement:
		var record settlementRecord
		err = json.Unmarshal(doc, &record)
		c.Settlement = record.Settlement
		return record.Settlement.ID, err
	case recordReturn:
		var record returnRecord
		err = json.Unmarshal(doc, &record)
		c.Returns = append(c.Returns, record.Return)
		return record.Return.Settlement, err
	case recordAdjustment:
		var record adjustmentRecord
		err = json.Unmarshal(doc, &record)
		c.Adjustments = append(c.Adjustments, record.Adjustment)
		return record.Adjustment.Settlement, err
	case recordDecision:
		var record decisionRecord
		err = json.Unmarshal(doc, &record)
		c.Decisions = append(c.Decisions, ProofDecision{record.Decision, record.Operator, record.Note})
		return record.Settlement, err
	case recordDispatch:
		var record dispatchRecord
		err = json.Unmarshal(doc, &record)
		c.Outcomes = append(c.Outcomes, ProofOutcome{record.MsgID, record.Infno, record.State, record.Booking})
		return c.Settlement.ID, err
	}
	return "", fmt.Errorf("a record of kind %q", r.Kind)
}

// people are all whose accounts or card the records name, the patient first.
func (c *ProofContent) people() []settle.PersonID {
	list := []settle.PersonID{c.Settlement.Sale.Patient}
	take := func(postings []settle.Posting) {
		for i := range postings {
			if !slices.Contains(list, postings[i].Person) {
				list = append(list, postings[i].Person)
			}
		}
	}
	take(c.Settlement.Postings)
	for i := range c.Returns {
		take(c.Returns[i].Postings)
	}
	for i := range c.Adjustments {
		take(c.Adjustments[i].Postings)
	}
	return list
}
