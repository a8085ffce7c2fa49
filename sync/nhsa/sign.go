package nhsa

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/emmansun/gmsm/sm3"
)

// Signer fills cainfo and signtype of an envelope. What is signed differs from centre to centre, so the signer is given
// the whole envelope and sets both members.
type Signer interface {
	Sign(r *Request) error
}

// NoSignature leaves cainfo and signtype empty: trust is the private line and the gateway key.
type NoSignature struct{}

// Sign does nothing.
func (NoSignature) Sign(*Request) error { return nil }

// Gateway adds what the gateway in front of a centre wants to see on the HTTP request.
type Gateway interface {
	Authorize(r *http.Request, now time.Time) error
}

// NoGateway adds nothing.
type NoGateway struct{}

// Authorize does nothing.
func (NoGateway) Authorize(*http.Request, time.Time) error { return nil }

// XTif is the x-tif gateway: account, time, nonce and SHA-256 over time + secret + nonce + time (§1.5.1). The body is
// not covered; where it must be, that is the Signer's work.
type XTif struct {
	Account string
	Secret  string
	Nonce   func() string // nil: 16 random bytes in hex
}

// Authorize sets the four headers.
func (g XTif) Authorize(r *http.Request, now time.Time) error {
	if g.Account == "" || g.Secret == "" {
		return fmt.Errorf("x-tif gateway: account and secret are needed")
	}
	nonce := randomNonce()
	if g.Nonce != nil {
		nonce = g.Nonce()
	}
	stamp := strconv.FormatInt(now.Unix(), 10)
	sum := sha256.Sum256([]byte(stamp + g.Secret + nonce + stamp))
	r.Header.Set("x-tif-paasid", g.Account)
	r.Header.Set("x-tif-timestamp", stamp)
	r.Header.Set("x-tif-nonce", nonce)
	r.Header.Set("x-tif-signature", hex.EncodeToString(sum[:]))
	return nil
}

func randomNonce() string {
	var raw [16]byte
	rand.Read(raw[:]) //nolint:errcheck // crypto/rand never fails; it ends the process instead
	return hex.EncodeToString(raw[:])
}

// XCa is the x-ca gateway (Zhejiang): the account, and the time with HMAC-SM3 over time and body (§1.5.1).
type XCa struct {
	Key    string
	Secret string
}

// Authorize sets the two headers. It reads the body from the request's own copy, which is still unread.
func (g XCa) Authorize(r *http.Request, now time.Time) error {
	if g.Key == "" || g.Secret == "" {
		return errors.New("x-ca gateway: key and secret are needed")
	}
	if r.GetBody == nil {
		return errors.New("x-ca gateway: the body cannot be read twice")
	}
	copied, err := r.GetBody()
	if err != nil {
		return err
	}
	defer copied.Close() //nolint:errcheck // a reader over memory
	stamp := strconv.FormatInt(now.Unix(), 10)
	mac := hmac.New(sm3.New, []byte(g.Secret))
	io.WriteString(mac, stamp+"\n") //nolint:errcheck // a hash takes everything
	if _, err := io.Copy(mac, copied); err != nil {
		return err
	}
	r.Header.Set("x-ca-key", g.Key)
	r.Header.Set("x-ca-signature", stamp+":"+upperHex(mac.Sum(nil)))
	return nil
}
