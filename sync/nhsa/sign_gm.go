package nhsa

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/subtle"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/smx509"

	"gongji/settle"
)

// The kinds of signatures (§1.5.2 of the interface facts).
const (
	SignNone        = "none"
	SignSM3Envelope = "sm3-envelope" // SM3 over the envelope's members without cainfo and input
	SignSM3Input    = "sm3-input"    // SM3 over the text of input
	SignSM2Envelope = "sm2-envelope" // SM2 with SM3 over the envelope's members without cainfo and input
)

// DefaultUserID is the user id of SM2 that GB/T 32918 and the Hubei text name.
const DefaultUserID = "1234567812345678"

// SignatureOptions say how a centre wants its envelopes signed.
type SignatureOptions struct {
	Kind      string // one of the Sign constants; empty: none
	SkipEmpty bool   // members without a value are left out of what is signed
	KeyPEM    []byte // sm2-envelope: the private key, PKCS#8 or SEC 1
	UserID    string // sm2-envelope; default DefaultUserID
}

// NewSigner is the signer of a kind. The error is NOT_CONFIGURED and shows nothing of the key.
func NewSigner(o SignatureOptions) (Signer, error) {
	switch o.Kind {
	case "", SignNone:
		return NoSignature{}, nil
	case SignSM3Envelope:
		return sm3Envelope{o.SkipEmpty}, nil
	case SignSM3Input:
		return sm3Input{}, nil
	case SignSM2Envelope:
		key, err := parseSM2Key(o.KeyPEM)
		if err != nil {
			return nil, settle.NewError(settle.NotConfigured, err)
		}
		return &sm2Envelope{key: key, public: &key.PublicKey, user: []byte(orElse(o.UserID, DefaultUserID)), skip: o.SkipEmpty}, nil
	}
	return nil, settle.NewError(settle.NotConfigured, errors.New("upstream.signature.kind is none of none, sm3-envelope, sm3-input, sm2-envelope"))
}

// Verifier checks the signature of a received message, on the centre's side.
type Verifier interface {
	// Verify takes the message as it arrived; the error says why it is not accepted and holds nothing of it.
	Verify(message []byte) error
}

// NewVerifier is the other side of a signer. For sm2-envelope KeyPEM is the sender's public key (PKIX) or certificate.
func NewVerifier(o SignatureOptions) (Verifier, error) {
	switch o.Kind {
	case SignSM3Envelope:
		return sm3Envelope{o.SkipEmpty}, nil
	case SignSM3Input:
		return sm3Input{}, nil
	case SignSM2Envelope:
		public, err := parseSM2Public(o.KeyPEM)
		if err != nil {
			return nil, settle.NewError(settle.NotConfigured, err)
		}
		return &sm2Envelope{public: public, user: []byte(orElse(o.UserID, DefaultUserID)), skip: o.SkipEmpty}, nil
	}
	return nil, settle.NewError(settle.NotConfigured, errors.New("a signature of this kind cannot be verified"))
}

var (
	errKey       = errors.New("upstream.signature.key_file holds no SM2 key in PEM")
	errSignature = errors.New("the signature does not fit the message")
)

func parseSM2Key(data []byte) (*sm2.PrivateKey, error) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if key, err := smx509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if own, is := key.(*sm2.PrivateKey); is {
				return own, nil
			}
		}
		if key, err := smx509.ParseSM2PrivateKey(block.Bytes); err == nil {
			return key, nil
		}
	}
	return nil, errKey
}

func parseSM2Public(data []byte) (*ecdsa.PublicKey, error) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		var found any
		if key, err := smx509.ParsePKIXPublicKey(block.Bytes); err == nil {
			found = key
		} else if certificate, err := smx509.ParseCertificate(block.Bytes); err == nil {
			found = certificate.PublicKey
		}
		if public, is := found.(*ecdsa.PublicKey); is && sm2.IsSM2PublicKey(public) {
			return public, nil
		}
	}
	return nil, errKey
}

// signedText is what an envelope's signature covers: all members but cainfo and input, sorted by name, as k=v joined
// with &.
func signedText(message []byte, skipEmpty bool) (string, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(message, &members); err != nil {
		return "", errors.New("the message is not a JSON object")
	}
	delete(members, "cainfo")
	delete(members, "input")
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	slices.Sort(names)
	var parts []string
	for _, name := range names {
		value := members[name]
		var text string
		if json.Unmarshal(value, &text) != nil { // not a text: a number or a flag as it is written
			text = string(value)
		}
		if text == "null" {
			text = ""
		}
		if text != "" || !skipEmpty {
			parts = append(parts, name+"="+text)
		}
	}
	return strings.Join(parts, "&"), nil
}

// inputText is the text of input: what is inside the quotes where it is a text, else the JSON as it is written.
func inputText(message []byte) (string, error) {
	var m struct {
		Input json.RawMessage `json:"input"`
	}
	if err := json.Unmarshal(message, &m); err != nil {
		return "", errors.New("the message is not a JSON object")
	}
	var text string
	if json.Unmarshal(m.Input, &text) == nil {
		return text, nil
	}
	return string(m.Input), nil
}

func upperHex(data []byte) string { return strings.ToUpper(hex.EncodeToString(data)) }

func sm3Hex(text string) string {
	sum := sm3.Sum([]byte(text))
	return upperHex(sum[:])
}

// caOf is the signature that a message carries.
func caOf(message []byte) string {
	var m struct {
		CAInfo string `json:"cainfo"`
	}
	_ = json.Unmarshal(message, &m) //nolint:errcheck // what cannot be read carries no signature
	return m.CAInfo
}

func sameHex(have, want string) error {
	if subtle.ConstantTimeCompare([]byte(strings.ToUpper(have)), []byte(want)) != 1 {
		return errSignature
	}
	return nil
}

type sm3Envelope struct{ skip bool }

// Sign writes the digest of the envelope.
func (s sm3Envelope) Sign(r *Request) error {
	r.SignType = "SM3"
	text, err := signedRequest(r, s.skip)
	if err == nil {
		r.CAInfo = sm3Hex(text)
	}
	return err
}

// Verify compares the digest.
func (s sm3Envelope) Verify(message []byte) error {
	text, err := signedText(message, s.skip)
	if err != nil {
		return err
	}
	return sameHex(caOf(message), sm3Hex(text))
}

type sm3Input struct{}

// Sign writes the digest of the input's text.
func (sm3Input) Sign(r *Request) error {
	r.SignType = "SM3"
	body, err := encode(r)
	if err != nil {
		return err
	}
	text, err := inputText(body)
	if err == nil {
		r.CAInfo = sm3Hex(text)
	}
	return err
}

// Verify compares the digest.
func (sm3Input) Verify(message []byte) error {
	text, err := inputText(message)
	if err != nil {
		return err
	}
	return sameHex(caOf(message), sm3Hex(text))
}

// signedRequest is what the signature of a message that is about to be sent covers.
func signedRequest(r *Request, skipEmpty bool) (string, error) {
	body, err := encode(r)
	if err != nil {
		return "", err
	}
	return signedText(body, skipEmpty)
}

type sm2Envelope struct {
	key    *sm2.PrivateKey // nil at the centre
	public *ecdsa.PublicKey
	user   []byte
	skip   bool
}

// pair is r and s of a signature.
type pair struct{ R, S *big.Int }

// Sign writes r‖s in upper-case hexadecimal digits, 64 for each.
func (s *sm2Envelope) Sign(r *Request) error {
	r.SignType = "SM2"
	text, err := signedRequest(r, s.skip)
	if err != nil {
		return err
	}
	signature, err := s.key.SignWithSM2(rand.Reader, s.user, []byte(text))
	if err != nil {
		return fmt.Errorf("SM2: %w", err)
	}
	var rs pair
	if rest, err := asn1.Unmarshal(signature, &rs); err != nil || len(rest) > 0 {
		return errors.New("SM2: the signature has an unknown form")
	}
	r.CAInfo = upperHex(append(rs.R.FillBytes(make([]byte, 32)), rs.S.FillBytes(make([]byte, 32))...))
	return nil
}

// Verify checks r‖s.
func (s *sm2Envelope) Verify(message []byte) error {
	text, err := signedText(message, s.skip)
	if err != nil {
		return err
	}
	raw, err := hex.DecodeString(caOf(message))
	if err != nil || len(raw) != 64 {
		return errSignature
	}
	der, err := asn1.Marshal(pair{new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])})
	if err != nil || !sm2.VerifyASN1WithSM2(s.public, s.user, []byte(text), der) {
		return errSignature
	}
	return nil
}
