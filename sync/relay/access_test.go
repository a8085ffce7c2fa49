package relay

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"gongji/settle"
	"gongji/sync/nhsa"
)

func must[T any](t testing.TB) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// seeded is a user that proves itself by a seed, with what it may do.
func seeded(t testing.TB, publish, subscribe []string) (*server.NkeyUser, []byte) {
	pair := must[nkeys.KeyPair](t)(nkeys.CreateUser())
	user := &server.NkeyUser{Nkey: must[string](t)(pair.PublicKey())}
	if publish != nil {
		user.Permissions = &server.Permissions{
			Publish: &server.SubjectPermission{Allow: publish}, Subscribe: &server.SubjectPermission{Allow: subscribe},
		}
	}
	return user, must[[]byte](t)(pair.Seed())
}

func venueUser(t testing.TB, venue string) (*server.NkeyUser, []byte) {
	publish, subscribe, err := VenuePermissions("", venue)
	if err != nil {
		t.Fatal(err)
	}
	return seeded(t, publish, subscribe)
}

// TestVenuesApart: over a server with the permissions that VenuePermissions names, one venue can neither read nor write
// what is another's, in whatever way it tries, and what it may write it can write in its own name only.
func TestVenuesApart(t *testing.T) {
	t.Parallel()
	centreUser, centreSeed := seeded(t, nil, nil)
	aUser, aSeed := venueUser(t, venueA)
	bUser, bSeed := venueUser(t, venueB)
	s := hub(t, func(o *server.Options) { o.Nkeys = []*server.NkeyUser{centreUser, aUser, bUser} })
	url := []string{s.ClientURL()}
	book, _ := family(t, nil)
	var calls atomic.Int64
	relayed, _ := serving(t, ServerOptions{Endpoint: Endpoint{Servers: url, Seed: centreSeed}, Handler: counting(book.Handler(), &calls), Watch: WatchOptions{Off: true}})
	a := client(t, line(t, LineOptions{Endpoint: Endpoint{Servers: url, Seed: aSeed}}), 3*time.Second)
	no := signIn(t, a)
	if got := send(t, a, booking(), no); !got.Refused() { // the whole way works with these permissions
		t.Fatalf("venue A: %+v", got)
	}
	// B takes A's code in its own configuration: the server lets nothing of that pass.
	if got := send(t, client(t, line(t, LineOptions{Endpoint: Endpoint{Servers: url, Seed: bSeed}}), 5*time.Second), booking(), no); got.Result != nhsa.NotSent {
		t.Errorf("B on A's subjects: %v, %v", got.Result, got.Err)
	}
	// B listens and writes by hand.
	refused := make(chan error, 16)
	spy := must[*nats.Conn](t)(nats.Connect(s.ClientURL(), must[nats.Option](t)(seedOption(bSeed)), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err })))
	defer spy.Close()
	heard := make(chan *nats.Msg, 16)
	names := relayed.subjects
	for _, subject := range []string{names.answers(venueA), names.report("*"), names.ask(venueA), names.prefix + ".>", ">", "$JS.API.>", "_INBOX.>"} {
		if _, err := spy.ChanSubscribe(subject, heard); err != nil {
			t.Fatal(err)
		}
		wantRefusal(t, spy, refused, subject)
	}
	for _, subject := range []string{
		names.report(venueA), names.ask(venueA), names.receipt(venueA), names.answer(venueA, "x"), names.moved(),
		"$JS.API.STREAM.MSG.GET.GONGJI_REPORTS", "$JS.API.STREAM.PURGE.GONGJI_REPORTS", "$JS.API.STREAM.DELETE.GONGJI_REPORTS", "$JS.API.CONSUMER.MSG.NEXT.GONGJI_REPORTS.centre",
	} {
		if err := spy.Publish(subject, []byte("x")); err != nil {
			t.Fatal(err)
		}
		wantRefusal(t, spy, refused, subject)
	}
	// B sends on its own subject in A's name.
	calls.Store(0)
	body := must[nhsa.Prepared](t)(a.Prepare(t.Context(), nhsa.Call{Message: booking(), Operator: operator, SignNo: no, InsuredArea: "430100"}))
	answers := must[*nats.Subscription](t)(spy.SubscribeSync(names.answers(venueB)))
	for _, subject := range []string{names.report(venueB), names.ask(venueB)} {
		if err := spy.PublishMsg(&nats.Msg{Subject: subject, Header: nats.Header{headID: {body.MsgID}}, Data: body.Body}); err != nil {
			t.Fatal(err)
		}
		if m, err := answers.NextMsg(3 * time.Second); err != nil || !strings.Contains(string(m.Data), "[RELAY]") {
			t.Errorf("on %s: %+v, %v", subject, m, err)
		}
	}
	if got := send(t, a, booking(), no); !got.Refused() {
		t.Errorf("%+v", got)
	}
	if calls.Load() != 1 {
		t.Errorf("the centre saw %d messages, one was A's own", calls.Load())
	}
	if len(heard) > 0 {
		t.Errorf("B heard %s", (<-heard).Subject)
	}
}

func wantRefusal(t testing.TB, nc *nats.Conn, refused <-chan error, subject string) {
	t.Helper()
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-refused:
		if !strings.Contains(strings.ToLower(err.Error()), "permissions violation") {
			t.Errorf("%s: %v", subject, err)
		}
	case <-time.After(3 * time.Second):
		t.Errorf("%s is not refused", subject)
	}
}

func seedOption(seed []byte) (nats.Option, error) {
	options, err := (&Endpoint{Seed: seed}).identity()
	if err != nil {
		return nil, err
	}
	return options[0], nil
}

// TestCredentials: a server that trusts an operator's signatures takes a credentials file, in accounts and permissions that
// the signed tokens carry; one that was not signed is refused and nothing leaves.
func TestCredentials(t *testing.T) {
	t.Parallel()
	operatorKey := must[nkeys.KeyPair](t)(nkeys.CreateOperator())
	account := must[nkeys.KeyPair](t)(nkeys.CreateAccount())
	accountID := must[string](t)(account.PublicKey())
	claims := jwt.NewAccountClaims(accountID)
	claims.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1}
	resolver := &server.MemAccResolver{}
	if err := resolver.Store(accountID, must[string](t)(claims.Encode(operatorKey))); err != nil {
		t.Fatal(err)
	}
	creds := func(signer nkeys.KeyPair, publish, subscribe []string) []byte {
		user := must[nkeys.KeyPair](t)(nkeys.CreateUser())
		claims := jwt.NewUserClaims(must[string](t)(user.PublicKey()))
		claims.Pub.Allow, claims.Sub.Allow = publish, subscribe
		token := must[string](t)(claims.Encode(signer))
		return must[[]byte](t)(jwt.FormatUserConfig(token, must[[]byte](t)(user.Seed())))
	}
	system := must[string](t)(must[nkeys.KeyPair](t)(nkeys.CreateAccount()).PublicKey())
	if err := resolver.Store(system, must[string](t)(jwt.NewAccountClaims(system).Encode(operatorKey))); err != nil {
		t.Fatal(err)
	}
	s := hub(t, func(o *server.Options) {
		o.TrustedKeys = []string{must[string](t)(operatorKey.PublicKey())}
		o.AccountResolver, o.SystemAccount = resolver, system
	})
	url := []string{s.ClientURL()}
	serving(t, ServerOptions{Endpoint: Endpoint{Servers: url, Creds: creds(account, nil, nil)}, Handler: done, Watch: WatchOptions{Off: true}})
	publish, subscribe, err := VenuePermissions("", venueA)
	if err != nil {
		t.Fatal(err)
	}
	end := Endpoint{Servers: url, Creds: creds(account, publish, subscribe)}
	if got := send(t, client(t, line(t, LineOptions{Endpoint: end}), 3*time.Second), booking(), "N1"); !got.Done() {
		t.Errorf("with credentials: %v, %v", got.Result, got.Err)
	}
	end.Creds = creds(must[nkeys.KeyPair](t)(nkeys.CreateAccount()), nil, nil)
	if got := send(t, client(t, line(t, LineOptions{Endpoint: end}), 3*time.Second), booking(), "N1"); got.Result != nhsa.NotSent {
		t.Errorf("with another's credentials: %v, %v", got.Result, got.Err)
	}
}

// certificate is an authority of its own and a server's certificate for this machine.
func certificate(t testing.TB) (tls.Certificate, *x509.CertPool) {
	key := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "example"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	raw := must[[]byte](t)(x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key))
	pool := x509.NewCertPool()
	pool.AddCert(must[*x509.Certificate](t)(x509.ParseCertificate(raw)))
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}, pool
}

// TestTLS: a server that is who it should be is spoken to; one that is not, or that offers no TLS, gets nothing.
func TestTLS(t *testing.T) {
	t.Parallel()
	pair, pool := certificate(t)
	s := hub(t, func(o *server.Options) {
		o.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
		o.TLS, o.TLSTimeout = true, 5
	})
	trusting := Endpoint{Servers: []string{"tls://" + s.Addr().String()}, TLS: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	serving(t, ServerOptions{Endpoint: trusting, Handler: done, Watch: WatchOptions{Off: true}})
	if got := send(t, client(t, line(t, LineOptions{Endpoint: trusting}), 3*time.Second), booking(), "N1"); !got.Done() {
		t.Errorf("the right server: %v, %v", got.Result, got.Err)
	}
	wary := Endpoint{Servers: trusting.Servers}
	if got := send(t, client(t, line(t, LineOptions{Endpoint: wary}), 3*time.Second), booking(), "N1"); got.Result != nhsa.NotSent {
		t.Errorf("a stranger's certificate: %v, %v", got.Result, got.Err)
	}
	plain := hub(t, nil)
	stripped := Endpoint{Servers: []string{"tls://" + plain.Addr().String()}, TLS: trusting.TLS}
	if got := send(t, client(t, line(t, LineOptions{Endpoint: stripped}), 3*time.Second), booking(), "N1"); got.Result != nhsa.NotSent {
		t.Errorf("a server without TLS: %v, %v", got.Result, got.Err)
	}
}

// TestConfigured: what would speak in clear over a network, or as two people, is refused by its key.
func TestConfigured(t *testing.T) {
	for says, o := range map[string]LineOptions{
		"nats:// is for this machine": {Endpoint: Endpoint{Servers: []string{"nats://192.0.2.1:4222"}}},
		"names no server":             {},
		"use one":                     {Endpoint: Endpoint{Servers: []string{"tls://192.0.2.1:4222"}, Creds: []byte("x"), Seed: []byte("y")}},
		"all entries":                 {Endpoint: Endpoint{Servers: []string{"tls://192.0.2.1:4222", "nats://127.0.0.1:4222"}}},
		"not tls://host:port":         {Endpoint: Endpoint{Servers: []string{"tls://someone@192.0.2.1:4222"}}},
		"neither":                     {Endpoint: Endpoint{Servers: []string{"ws://192.0.2.1:4222"}}},
		"creds_file holds no":         {Endpoint: Endpoint{Servers: []string{"tls://192.0.2.1:4222"}, Creds: []byte("x")}},
		"nkey_file holds no":          {Endpoint: Endpoint{Servers: []string{"tls://192.0.2.1:4222"}, Seed: []byte("SUx")}},
		"subject_prefix":              {Endpoint: Endpoint{Servers: []string{"tls://192.0.2.1:4222"}}, Prefix: "a.*"},
		"venue.code":                  {Endpoint: Endpoint{Servers: []string{"tls://192.0.2.1:4222"}}, Venue: "P4301>"},
	} {
		if o.Venue == "" {
			o.Venue = venueA
		}
		if _, err := NewLine(o); settle.CodeOf(err) != settle.NotConfigured || !strings.Contains(fmt.Sprint(err), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
	if _, err := NewLine(LineOptions{Venue: venueA, Endpoint: Endpoint{Servers: []string{"nats://10.1.2.3:4222"}, AllowPlain: []string{"10.1.2.3"}}}); err != nil {
		t.Error(err)
	}
}

// TestLeaf: a store of a chain speaks to a leaf node on its own premises, without JetStream there. While the leaf is cut off
// from the hub nothing is sent and the venue knows; when it is back, the venue is told to look what it missed.
func TestLeaf(t *testing.T) {
	t.Parallel()
	s := hub(t, func(o *server.Options) {
		o.LeafNode = server.LeafNodeOpts{Host: "127.0.0.1", Port: -1, NoAdvertise: true}
	})
	between := newWay(t, s.Addr().(*net.TCPAddr).IP.String()+":"+leafPort(t, s))
	leaf := started(t, &server.Options{
		ServerName: "store", Host: "127.0.0.1", Port: -1, NoLog: true, NoSigs: true,
		LeafNode: server.LeafNodeOpts{ReconnectInterval: 100 * time.Millisecond, Remotes: []*server.RemoteLeafOpts{{URLs: []*url.URL{must[*url.URL](t)(url.Parse("nats-leaf://" + between.addr()))}}}},
	})
	book, members := family(t, nil)
	serving(t, ServerOptions{Endpoint: at(s), Handler: book.Handler(), Watch: WatchOptions{Every: 30 * time.Millisecond, Gap: 60 * time.Millisecond, Beat: 200 * time.Millisecond}})
	until(t, 10*time.Second, "the leaf is on the hub", func() bool { return leaf.NumLeafNodes() == 1 })
	l := line(t, LineOptions{Endpoint: at(leaf), Presence: 300 * time.Millisecond, Spread: time.Millisecond})
	moved := make(chan struct{}, 64)
	l.OnMoved(func() { moved <- struct{}{} })
	c := client(t, l, 3*time.Second)
	var no string
	until(t, 10*time.Second, "the centre's interest reaches the leaf", func() bool {
		no, _, _ = nhsa.NewSignIns(c).Number(context.Background(), operator)
		return no != ""
	})
	if got := send(t, c, booking(), no); !got.Refused() {
		t.Fatalf("through the leaf: %v, %v", got.Result, got.Err)
	}
	<-moved // the first notice
	between.cut()
	until(t, 10*time.Second, "the leaf is alone", func() bool { return leaf.NumLeafNodes() == 0 })
	loseCard(t, book, members[0])
	until(t, 5*time.Second, "the beats have ended", l.silent)
	if got := send(t, c, booking(), no); got.Result != nhsa.NotSent {
		t.Errorf("while the leaf is alone: %v, %v", got.Result, got.Err)
	}
	for len(moved) > 0 {
		<-moved
	}
	between.mend()
	select {
	case <-moved:
	case <-time.After(20 * time.Second):
		t.Error("nobody says that a card was lost meanwhile")
	}
	until(t, 10*time.Second, "messages pass again", func() bool { return send(t, c, booking(), no).Refused() })
}

func leafPort(t testing.TB, s *server.Server) string {
	t.Helper()
	varz := must[*server.Varz](t)(s.Varz(nil))
	return fmt.Sprint(varz.LeafNode.Port)
}
