package daemon

import (
	"context"
	"crypto/rand"
	"log/slog"
	"testing"
	"time"

	"aead.dev/minisign"
	"github.com/prometheus/client_golang/prometheus"

	"gongji/daemon/localapi"
	"gongji/daemon/localapi/client"
	"gongji/settle"
	"gongji/sync/feed"
)

// TestDaemonTakesFilesOfTheConfiguredKeys: the whole way from import.trusted_keys to the ledger, without any centre.
func TestDaemonTakesFilesOfTheConfiguredKeys(t *testing.T) {
	public, private, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, stranger, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := shopConfig(t)
	c.Upstream.URL, c.Listen.API, c.Listen.Metrics, c.Listen.Unix = "", "127.0.0.1:0", "", ""
	c.Import.TrustedKeys = []string{public.String()}
	d, err := New(t.Context(), Options{Config: c, Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	token, err := d.tokens.Add("office", localapi.Manager)
	if err != nil {
		t.Fatal(err)
	}
	office := client.New(d.URL(), token)
	defer office.Close()
	file, err := feed.EncodeSnapshot(settle.Snapshot{ID: "S-1", CentreTime: time.Now().Add(-time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	request := localapi.ImportRequest{File: string(file), Signature: string(minisign.Sign(private, file))}
	if preview, _, err := office.Import(t.Context(), request); err != nil || preview.SnapshotID != "S-1" {
		t.Errorf("preview %+v, %v", preview, err)
	}
	request.Signature = string(minisign.Sign(stranger, file))
	if _, _, err := office.Import(t.Context(), request); client.CodeOf(err) != settle.BadRequest {
		t.Errorf("a stranger's signature: %v", err)
	}
}

// TestWrongTrustedKeyIsNotConfigured: a daemon does not start as if nobody had been trusted.
func TestWrongTrustedKeyIsNotConfigured(t *testing.T) {
	c := shopConfig(t)
	c.Listen.API, c.Listen.Metrics, c.Import.TrustedKeys = "127.0.0.1:0", "", []string{"RWQ"}
	_, err := New(t.Context(), Options{Config: c, Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()})
	if settle.CodeOf(err) != settle.NotConfigured {
		t.Errorf("got %v", err)
	}
}
