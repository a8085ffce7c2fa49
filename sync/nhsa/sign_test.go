package nhsa

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/pem"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/smx509"

	"gongji/settle"
)

func fixedClock() time.Time { return testNow }

// sm2Pair is a fresh key pair in the PEM forms that key files have.
func sm2Pair(t testing.TB) (pkcs8, sec1, public []byte) {
	t.Helper()
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	}
	der8, err8 := smx509.MarshalPKCS8PrivateKey(key)
	der1, err1 := smx509.MarshalSM2PrivateKey(key)
	derP, errP := smx509.MarshalPKIXPublicKey(&key.PublicKey)
	return block("PRIVATE KEY", der8, err8), block("EC PRIVATE KEY", der1, err1), block("PUBLIC KEY", derP, errP)
}

// TestSM3Vector is the digest of "abc" of GB/T 32905, so that the library is held to the standard and not to itself.
func TestSM3Vector(t *testing.T) {
	if got := sm3Hex("abc"); got != "66C7F0F462EEEDD9D1F2D46BDC10E4E24167C4875CF2F7A2297DA02B8F4BA8E0" {
		t.Errorf("SM3 %s", got)
	}
}

// TestSignedText is the Hubei rule on an envelope whose result is written out by hand.
func TestSignedText(t *testing.T) {
	message := []byte(`{"msgid":"M1","infno":"1101","dev_no":"","cainfo":"AB","opter_name":"李 敏","count":7,"none":null,"input":{"data":{"a":"<b>"}}}`)
	if got, err := signedText(message, false); err != nil || got != "count=7&dev_no=&infno=1101&msgid=M1&none=&opter_name=李 敏" {
		t.Errorf("keep: %q, %v", got, err)
	}
	if got, _ := signedText(message, true); got != "count=7&infno=1101&msgid=M1&opter_name=李 敏" {
		t.Errorf("skip: %q", got)
	}
	if got, _ := inputText(message); got != `{"data":{"a":"<b>"}}` {
		t.Errorf("input: %q", got)
	}
	if got, _ := inputText([]byte(`{"input":"{\"data\":1}"}`)); got != `{"data":1}` {
		t.Errorf("input as text: %q", got)
	}
}

// TestSignatures: each kind is accepted by its other side, and by nobody once a byte has changed.
func TestSignatures(t *testing.T) {
	pkcs8, sec1, public := sm2Pair(t)
	_, _, stranger := sm2Pair(t)
	for name, c := range map[string]struct {
		sign, verify SignatureOptions
		form         string
		kind         string
	}{
		"sm3-envelope":      {SignatureOptions{Kind: SignSM3Envelope}, SignatureOptions{Kind: SignSM3Envelope}, `^[0-9A-F]{64}$`, "SM3"},
		"sm3-envelope skip": {SignatureOptions{Kind: SignSM3Envelope, SkipEmpty: true}, SignatureOptions{Kind: SignSM3Envelope, SkipEmpty: true}, `^[0-9A-F]{64}$`, "SM3"},
		"sm3-input":         {SignatureOptions{Kind: SignSM3Input}, SignatureOptions{Kind: SignSM3Input}, `^[0-9A-F]{64}$`, "SM3"},
		"sm2 pkcs8":         {SignatureOptions{Kind: SignSM2Envelope, KeyPEM: pkcs8}, SignatureOptions{Kind: SignSM2Envelope, KeyPEM: public}, `^[0-9A-F]{128}$`, "SM2"},
		"sm2 sec1, user":    {SignatureOptions{Kind: SignSM2Envelope, KeyPEM: sec1, UserID: "shop"}, SignatureOptions{Kind: SignSM2Envelope, KeyPEM: public, UserID: "shop"}, `^[0-9A-F]{128}$`, "SM2"},
	} {
		t.Run(name, func(t *testing.T) {
			signer, err := NewSigner(c.sign)
			if err != nil {
				t.Fatal(err)
			}
			verifier, err := NewVerifier(c.verify)
			if err != nil {
				t.Fatal(err)
			}
			for _, input := range []string{InputObject, InputText} {
				dialect := DefaultDialect()
				dialect.Input = input
				client := testClient(t, "http://127.0.0.1:1/", func(o *Options) { o.Signer, o.Dialect = signer, &dialect })
				message, err := client.Prepare(t.Context(), Call{Message: PharmacySettle{Dossier: angled()}, Operator: testOperator, InsuredArea: "430100"})
				if err != nil {
					t.Fatal(err)
				}
				r, err := DecodeRequest(message.Body)
				if err != nil || r.SignType != c.kind || !regexp.MustCompile(c.form).MatchString(r.CAInfo) {
					t.Errorf("%s %s", r.SignType, r.CAInfo)
				}
				if err := verifier.Verify(message.Body); err != nil {
					t.Errorf("input as %s: %v", input, err)
				}
				changed := bytes.Replace(message.Body, []byte("26.67"), []byte("26.68"), 1)
				if c.sign.Kind != SignSM3Input {
					changed = bytes.Replace(message.Body, []byte(`"opter":"1001"`), []byte(`"opter":"1002"`), 1)
				}
				if err := verifier.Verify(changed); err == nil {
					t.Error("a changed message was accepted")
				}
				unsigned := bytes.Replace(message.Body, []byte(r.CAInfo), nil, 1)
				if err := verifier.Verify(unsigned); err == nil {
					t.Error("a message without a signature was accepted")
				}
			}
		})
	}
	signer, _ := NewSigner(SignatureOptions{Kind: SignSM2Envelope, KeyPEM: pkcs8})
	client := testClient(t, "http://127.0.0.1:1/", func(o *Options) { o.Signer = signer })
	message, err := client.Prepare(t.Context(), Call{Message: DeltaQuery{Limit: 1}, Operator: testOperator})
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]SignatureOptions{
		"another key":  {Kind: SignSM2Envelope, KeyPEM: stranger},
		"another user": {Kind: SignSM2Envelope, KeyPEM: public, UserID: "other"},
		"skip":         {Kind: SignSM2Envelope, KeyPEM: public, SkipEmpty: true},
	} {
		verifier, err := NewVerifier(o)
		if err != nil {
			t.Fatal(err)
		}
		if verifier.Verify(message.Body) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for name, o := range map[string]SignatureOptions{"kind": {Kind: "rsa"}, "no key": {Kind: SignSM2Envelope}, "public for private": {Kind: SignSM2Envelope, KeyPEM: public}} {
		if _, err := NewSigner(o); settle.CodeOf(err) != settle.NotConfigured {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewVerifier(SignatureOptions{Kind: SignSM2Envelope, KeyPEM: pkcs8}); settle.CodeOf(err) != settle.NotConfigured {
		t.Errorf("private for public: %v", err)
	}
	if s, err := NewSigner(SignatureOptions{}); err != nil || s != (NoSignature{}) {
		t.Errorf("none: %v", err)
	}
}

// TestSM4Body: the input leaves as ciphertext, the vector of GB/T 32907 holds, and no other key opens it.
func TestSM4Body(t *testing.T) {
	key, _ := hex.DecodeString("0123456789abcdeffedcba9876543210")
	body, err := NewSM4Body(key)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := body.Seal(key)
	if err != nil || !strings.HasPrefix(sealed, "aB7fNNIGll6Gs+lPU25C") { // 681edf34d206965e86b3e94f536e4246 begins so in Base64
		t.Errorf("sealed %s, %v", sealed, err)
	}
	raw, err := body.Open(sealed)
	if err != nil || !bytes.Equal(raw, key) {
		t.Errorf("%x, %v", raw, err)
	}
	client := testClient(t, "http://127.0.0.1:1/", func(o *Options) { o.Body = body })
	message, err := client.Prepare(t.Context(), Call{Message: PharmacySettle{Dossier: testDossier()}, Operator: testOperator, InsuredArea: "430100"})
	if err != nil || bytes.Contains(message.Body, []byte("X00000019")) {
		t.Fatalf("%s, %v", message.Body, err)
	}
	r, err := DecodeRequest(message.Body)
	if err != nil || r.EncType != EncSM4 {
		t.Fatalf("%+v, %v", r, err)
	}
	if opened, err := body.OpenText(r.Input); err != nil || !bytes.Contains(opened, []byte("X00000019")) {
		t.Errorf("%s, %v", opened, err)
	}
	other, _ := NewSM4Body(make([]byte, 16))
	if opened, err := other.OpenText(r.Input); err == nil && bytes.Contains(opened, []byte("X00000019")) {
		t.Error("another key opens the message")
	}
	if _, err := NewSM4Body(key[:8]); settle.CodeOf(err) != settle.NotConfigured {
		t.Error(err)
	}
	if _, err := body.Open("x"); err == nil {
		t.Error("nonsense was opened")
	}
}

func TestXCa(t *testing.T) {
	r, err := http.NewRequest(http.MethodPost, "http://127.0.0.1/", bytes.NewReader([]byte(`{"a":1}`)))
	if err != nil {
		t.Fatal(err)
	}
	if err := (XCa{Key: "K", Secret: "S"}).Authorize(r, time.Unix(1700000000, 0)); err != nil {
		t.Fatal(err)
	}
	// HMAC by its definition, over the digest alone.
	inner, outer := bytes.Repeat([]byte{0x36}, 64), bytes.Repeat([]byte{0x5c}, 64)
	inner[0] ^= 'S'
	outer[0] ^= 'S'
	first := sm3.Sum(append(inner, "1700000000\n{\"a\":1}"...))
	second := sm3.Sum(append(outer, first[:]...))
	if got := r.Header.Get("x-ca-signature"); got != "1700000000:"+strings.ToUpper(hex.EncodeToString(second[:])) || r.Header.Get("x-ca-key") != "K" {
		t.Errorf("header %s", got)
	}
	if left, _ := io.ReadAll(r.Body); string(left) != `{"a":1}` {
		t.Errorf("the body was used up: %q", left)
	}
	if err := (XCa{}).Authorize(r, time.Now()); err == nil {
		t.Error("without a secret")
	}
}
