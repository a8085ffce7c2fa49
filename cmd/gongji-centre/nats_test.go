package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"gongji/settle"
	"gongji/sync/nhsa"
	"gongji/sync/relay"
)

// TestServeOverMessageServers: the command answers a venue over a message server as it does over HTTP, ends with messages
// answered, and does not fill its log with its own questions.
func TestServeOverMessageServers(t *testing.T) {
	hub, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true, DisableJetStreamBanner: true, JetStreamMaxMemory: 1 << 30,
	})
	if err != nil {
		t.Fatal(err)
	}
	hub.Start()
	defer func() { hub.Shutdown(); hub.WaitForShutdown() }()
	if !hub.ReadyForConnections(10 * time.Second) {
		t.Fatal("the message server does not come up")
	}
	metrics := freeAddress(t)
	_, stop := serve(t, "--listen", "127.0.0.1:0", "--data", filepath.Join(t.TempDir(), "centre"), "--demo", "--nats", hub.ClientURL(), "--metrics", metrics, "--verbose")
	line, err := relay.NewLine(relay.LineOptions{Endpoint: relay.Endpoint{Servers: []string{hub.ClientURL()}}, Venue: "P43010000001"})
	if err != nil {
		t.Fatal(err)
	}
	var serial atomic.Uint64
	client, err := nhsa.NewClient(nhsa.Options{
		URL: "https://centre.invalid/", Venue: settle.Venue{Code: "P43010000001", Name: "示例大药房", Area: "430100"}, Transport: line, Timeout: 5 * time.Second,
		Serials: func(context.Context) (uint64, error) { return serial.Add(1), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var no string
	for deadline := time.Now().Add(10 * time.Second); no == "" && time.Now().Before(deadline); {
		no, _, err = nhsa.NewSignIns(client).Number(t.Context(), settle.Operator{ID: "1001", Name: "李敏"})
		if err != nil {
			t.Fatal(err)
		}
	}
	if no == "" {
		t.Error("no sign-in over the message server")
	}
	text := get(t, "http://"+metrics+"/metrics")
	for _, name := range []string{"gongji_centre_relay_asks_total ", "gongji_centre_relay_venues ", "gongji_centre_relay_news_delay_seconds_count "} {
		if !strings.Contains(text, name) {
			t.Errorf("%s is not among the metrics", name)
		}
	}
	if code := stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	open := filepath.Join(t.TempDir(), "open.creds")
	if err := os.WriteFile(open, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	for says, args := range map[string][]string{
		"chmod 600":               {"--nats", hub.ClientURL(), "--nats-creds", open},
		"nats:// is for this":     {"--nats", "nats://192.0.2.1:4222"},
		"--nats-replicas must be": {"--nats", hub.ClientURL(), "--nats-replicas", "2"},
	} {
		var stderr output
		args = append(args, "--listen", "127.0.0.1:0", "--data", filepath.Join(t.TempDir(), "centre"))
		if code := execute(t.Context(), args, io.Discard, &stderr); code == 0 || !strings.Contains(stderr.String(), says) {
			t.Errorf("%s: %d, %s", says, code, stderr.String())
		}
	}
}
