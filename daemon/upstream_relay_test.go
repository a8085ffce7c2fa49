package daemon

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
	"github.com/prometheus/client_golang/prometheus"

	"gongji/config"
	"gongji/settle"
	"gongji/sync/centre"
	"gongji/sync/nhsa"
	"gongji/sync/relay"
)

// relayServer is a message server that knows one user by a seed, and the centre's end on it.
func relayServer(t *testing.T, centre http.Handler, watch relay.WatchOptions) (url, seed string) {
	t.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	secret, err := pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	hub, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true, DisableJetStreamBanner: true,
		JetStreamMaxMemory: 1 << 30, Nkeys: []*server.NkeyUser{{Nkey: public}},
	})
	if err != nil {
		t.Fatal(err)
	}
	hub.Start()
	t.Cleanup(func() { hub.Shutdown(); hub.WaitForShutdown() })
	if !hub.ReadyForConnections(10 * time.Second) {
		t.Fatal("the message server does not come up")
	}
	end, err := relay.NewServer(relay.ServerOptions{
		Endpoint: relay.Endpoint{Servers: []string{hub.ClientURL()}, Seed: secret}, Handler: centre, Watch: watch,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- end.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	<-end.Ready()
	return hub.ClientURL(), string(secret)
}

// TestConfiguredRelay: upstream.kind nats, as the configuration names it, reaches the centre with the gateway's signature
// and the encrypted content as HTTP does; a seed file that others may read is refused before anything leaves.
func TestConfiguredRelay(t *testing.T) {
	url, seed := relayServer(t, strictCentre(t), relay.WatchOptions{Off: true})
	shop := shopConfig(t)
	u := &shop.Upstream
	u.Kind, u.URL = "nats", ""
	u.NATS = config.NATS{Servers: []string{url}, NKeyFile: secretFile(t, seed), SubjectPrefix: "gongji"}
	u.Gateway = config.Gateway{Kind: "x-ca", PaasID: "shop1", SecretFile: secretFile(t, wireSecret)}
	u.Body = config.Body{Cipher: "sm4", KeyFile: secretFile(t, wireKey)}
	client, err := Client(shop, func(context.Context) (uint64, error) { return 1, nil })
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	number, outcome, err := nhsa.NewSignIns(client).Number(t.Context(), settle.Operator{ID: "gongjid", Name: "系统"})
	if err != nil || number != "N1" {
		t.Errorf("%q, %+v, %v", number, outcome, err)
	}
	if err := os.Chmod(u.NATS.NKeyFile, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Client(shop, nil); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("an open seed file: %v", err)
	}
}

// TestRelayNudgesTheFeed: an urgent change at the centre is in the ledger long before the feed's interval is over.
func TestRelayNudgesTheFeed(t *testing.T) {
	book, err := centre.New(centre.Options{})
	if err != nil {
		t.Fatal(err)
	}
	family := centre.DemoFamily(settle.DateOf(time.Now()))
	if err := book.Seed(family.Snapshot(time.Now().Add(-time.Second))); err != nil {
		t.Fatal(err)
	}
	url, seed := relayServer(t, book.Handler(), relay.WatchOptions{})
	shop := shopConfig(t)
	u := &shop.Upstream
	u.Kind, u.URL, u.Feed.Interval = "nats", "", time.Hour
	u.NATS = config.NATS{Servers: []string{url}, NKeyFile: secretFile(t, seed), SubjectPrefix: "gongji"}
	shop.Listen.API, shop.Listen.Metrics = "127.0.0.1:0", ""
	d, err := New(t.Context(), Options{Config: shop, Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.up.feed.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	cursor := func() string {
		c, err := d.ledger.FeedCursor(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	moves := func(from string) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); cursor() == from; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the ledger does not hear of it")
			}
		}
	}
	moves("")
	before := cursor()
	change := family.Snapshot(time.Now())
	change.People, change.Accounts, change.Bindings = change.People[:1], nil, nil
	change.People[0].Cards[0].Status = settle.CardLost
	if err := book.Seed(change); err != nil {
		t.Fatal(err)
	}
	moves(before)
}
