package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

var (
	metricsLine = regexp.MustCompile(`metrics: (http://\S+)`)
	metricName  = regexp.MustCompile(`\bgongji_centre_[a-z_]+\b`)
)

// TestOperatorsFilesNameRealMetrics: what the centre's alert rules and dashboard ask for is in the scrape of a centre over
// PostgreSQL that has answered nothing yet, and whose message servers do not answer.
func TestOperatorsFilesNameRealMetrics(t *testing.T) {
	exposed := map[string]bool{}
	for _, name := range metricName.FindAllString(scrapeCentre(t), -1) {
		exposed[name] = true
	}
	for _, file := range []string{"prometheus/centre-alerts.yml", "grafana/gongji-centre.json"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "config", "deploy", filepath.FromSlash(file)))
		if err != nil {
			t.Fatal(err)
		}
		names := metricName.FindAllString(string(text), -1)
		if len(names) < 5 {
			t.Errorf("%s names only %d metrics", file, len(names))
		}
		for _, name := range names {
			if !exposed[name] {
				t.Errorf("%s asks for %s, which the centre does not expose", file, name)
			}
		}
	}
}

// scrapeCentre starts the command over a database of its own and returns its metrics.
func scrapeCentre(t *testing.T) string {
	t.Helper()
	var stdout output
	ended := make(chan int, 1)
	store := postgres.URL(t)
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		ended <- execute(ctx, []string{"--listen", "127.0.0.1:0", "--data", filepath.Join(t.TempDir(), "centre"), "--metrics", "127.0.0.1:0", "--store", store,
			"--nats", "nats://127.0.0.1:1"}, &stdout, io.Discard)
	}()
	defer func() {
		stop()
		if code := <-ended; code != 0 {
			t.Errorf("exit code %d", code)
		}
	}()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		found := metricsLine.FindStringSubmatch(stdout.String())
		if found == nil {
			continue
		}
		response, err := client.Get(found[1])
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	t.Fatalf("no metrics: %s", stdout.String())
	return ""
}
