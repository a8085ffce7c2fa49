package daemon

import (
	"bufio"
	"context"
	"crypto/hmac"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/emmansun/gmsm/sm3"

	"gongji/config"
	"gongji/settle"
	"gongji/sync/nhsa"
)

const (
	wireSecret = "s3cret"
	wireKey    = "00112233445566778899aabbccddeeff"
)

// strictCentre is a centre that answers a sign-in only where the gateway's signature is right and the content decrypts.
func strictCentre(t *testing.T) http.Handler {
	t.Helper()
	raw, err := hex.DecodeString(wireKey)
	if err != nil {
		t.Fatal(err)
	}
	cipher, err := nhsa.NewSM4Body(raw)
	if err != nil {
		t.Fatal(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		stamp, signature, _ := strings.Cut(r.Header.Get("x-ca-signature"), ":")
		mac := hmac.New(sm3.New, []byte(wireSecret))
		mac.Write([]byte(stamp + "\n" + string(body)))
		if r.Header.Get("x-ca-key") != "shop1" || signature != strings.ToUpper(hex.EncodeToString(mac.Sum(nil))) {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		var request struct {
			EncType string          `json:"enc_type"`
			Input   json.RawMessage `json:"input"`
		}
		var input nhsa.SignInInput
		err = json.Unmarshal(body, &request)
		text, openErr := cipher.OpenText(request.Input)
		if err != nil || openErr != nil || request.EncType != nhsa.EncSM4 || json.Unmarshal(text, &input) != nil || input.SignIn.Operator != "gongjid" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		sealed, err := cipher.Seal([]byte(`{"signinoutb":{"sign_time":"2026-11-22 12:00:00","sign_no":"N1"}}`))
		if err != nil {
			t.Error(err)
		}
		json.NewEncoder(w).Encode(map[string]any{"infcode": 0, "enc_type": nhsa.EncSM4, "output": sealed}) //nolint:errcheck // the client notices
	})
}

// forwardProxy is a real proxy: it dials for CONNECT and forwards plain requests. It counts what went through it.
func forwardProxy(t *testing.T, through *atomic.Int64) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		through.Add(1)
		if r.Method != http.MethodConnect {
			r.RequestURI = ""
			answer, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			defer answer.Body.Close()
			w.WriteHeader(answer.StatusCode)
			io.Copy(w, answer.Body) //nolint:errcheck // the client notices
			return
		}
		far, err := net.Dial("tcp", r.Host)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		near, pending, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		near.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n")) //nolint:errcheck // the client notices
		go func() { defer far.Close(); copyAll(far, pending.Reader) }()
		go func() { defer near.Close(); copyAll(near, far) }()
	}))
	t.Cleanup(server.Close)
	return server
}

func copyAll(to io.Writer, from io.Reader) {
	if b, is := from.(*bufio.Reader); is {
		b.WriteTo(to) //nolint:errcheck // one of the ends has closed
		return
	}
	io.Copy(to, from) //nolint:errcheck // one of the ends has closed
}

func secretFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestConfiguredWire: gateway x-ca, SM4 content and a proxy, as the configuration names them, reach a centre that takes
// nothing else, with TLS and without.
func TestConfiguredWire(t *testing.T) {
	for name, secure := range map[string]bool{"https through a tunnel": true, "plain on this machine": false} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewUnstartedServer(strictCentre(t))
			if secure {
				server.StartTLS()
			} else {
				server.Start()
			}
			t.Cleanup(server.Close)
			var through atomic.Int64
			shop := shopConfig(t)
			u := &shop.Upstream
			u.URL, u.Proxy = server.URL, forwardProxy(t, &through).URL
			u.Gateway = config.Gateway{Kind: "x-ca", PaasID: "shop1", SecretFile: secretFile(t, wireSecret)}
			u.Body = config.Body{Cipher: "sm4", KeyFile: secretFile(t, wireKey)}
			if secure {
				u.TLS.CAFile = secretFile(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
			}
			signIn := func() nhsa.Outcome {
				t.Helper()
				client, err := Client(shop, func(context.Context) (uint64, error) { return 1, nil })
				if err != nil {
					t.Fatal(err)
				}
				defer client.Close()
				number, outcome, err := nhsa.NewSignIns(client).Number(t.Context(), settle.Operator{ID: "gongjid", Name: "系统"})
				if err != nil || outcome.Done() != (number == "N1") {
					t.Fatalf("%q, %+v, %v", number, outcome, err)
				}
				return outcome
			}
			if outcome := signIn(); !outcome.Done() || through.Load() != 1 {
				t.Errorf("%+v; %d requests went through the proxy", outcome, through.Load())
			}
			u.Gateway.SecretFile = secretFile(t, "another")
			if outcome := signIn(); outcome.Done() {
				t.Error("a wrong secret was taken")
			}
			u.Gateway.SecretFile, u.Body.KeyFile = secretFile(t, wireSecret), secretFile(t, "ffeeddccbbaa99887766554433221100")
			if outcome := signIn(); outcome.Done() {
				t.Error("a wrong key was taken")
			}
		})
	}
}

// TestProxyThatRefuses: a proxy that does not let us through certainly kept the message from leaving.
func TestProxyThatRefuses(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	t.Cleanup(proxy.Close)
	shop := shopConfig(t)
	shop.Upstream.Proxy = proxy.URL
	client, err := Client(shop, func(context.Context) (uint64, error) { return 1, nil })
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	message, err := client.Prepare(t.Context(), nhsa.Call{
		Message: nhsa.SignIn{Operator: "1", MAC: "m", IP: "i"}, Operator: settle.Operator{ID: "1", Name: "收银员"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if outcome := client.Send(t.Context(), message); outcome.Result != nhsa.NotSent {
		t.Errorf("%+v", outcome)
	}
}
