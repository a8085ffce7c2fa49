package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
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
		if found == nil || !strings.Contains(stdout.String(), "centre: http") { // what serves the message servers comes last
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

// TestContainersStartTheCommand: what container file and compose examples start it with are flags that it has.
func TestContainersStartTheCommand(t *testing.T) {
	type service struct {
		Entrypoint, Command []string
	}
	starts := map[string][]string{}
	for _, file := range []string{"compose.yaml", "compose-postgres.yaml"} {
		var compose struct{ Services map[string]service }
		if err := yaml.Unmarshal(deployed(t, file), &compose); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for name, s := range compose.Services {
			if strings.HasPrefix(name, "centre") {
				starts[file+" "+name] = append(s.Entrypoint, s.Command...)
			}
		}
	}
	lines := regexp.MustCompile(`(?m)^(?:ENTRYPOINT|CMD) (\[.*\])$`).FindAllSubmatch(deployed(t, "Containerfile"), -1)
	for _, line := range lines {
		var words []string
		if err := json.Unmarshal(line[1], &words); err != nil {
			t.Fatal(err)
		}
		starts["Containerfile"] = append(starts["Containerfile"], words...)
	}
	if len(starts) != 4 {
		t.Errorf("only %d starts were found", len(starts))
	}
	for where, words := range starts {
		if len(words) > 0 && words[0] == "/gongji-centre" {
			words = words[1:]
		}
		if err := newCommand().ParseFlags(words); err != nil || len(words) == 0 {
			t.Errorf("%s starts %v: %v", where, words, err)
		}
	}
}

func deployed(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "config", "deploy", "centre", file))
	if err != nil {
		t.Fatal(err)
	}
	return text
}
