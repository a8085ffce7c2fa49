package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gongji/settle"
	"gongji/sync/centre"
	"gongji/sync/centre/pgstore/pgtest"
	"gongji/sync/feed"
)

// postgres is the PostgreSQL of this package's tests.
var postgres *pgtest.Server

func TestMain(m *testing.M) {
	postgres = pgtest.Start()
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		postgres.Stop()
		os.Exit(code)
	}))
}

// output is a buffer that two goroutines may use.
type output struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.out.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.out.String()
}

var address = regexp.MustCompile(`book: +(http://\S+)`)

// serve runs the command until stop is called, which returns the exit code.
func serve(t *testing.T, args ...string) (book string, stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var stdout, stderr output
	code := make(chan int, 1)
	go func() { code <- execute(ctx, args, &stdout, &stderr) }()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		if found := address.FindStringSubmatch(stdout.String()); found != nil {
			book = found[1]
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no address: %s%s", stdout.String(), stderr.String())
		}
	}
	return book, func() int {
		begin := time.Now()
		cancel()
		end := <-code
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("the end took %v", took)
		}
		return end
	}
}

func people(t *testing.T, book string) (rows []map[string]any) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(strings.TrimSuffix(book, "book") + "people")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body, &rows); err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestServe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "centre")
	book, stop := serve(t, "--listen", "127.0.0.1:0", "--data", dir, "--demo")
	if n := len(people(t, book)); n != 5 {
		t.Errorf("%d people", n)
	}
	if code := stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	// A restart knows the people without being told, and a file adds to them.
	s := centre.DemoFamily(20261122).Snapshot(time.Now())
	s.People, s.Accounts, s.Bindings = s.People[:1], nil, nil
	s.People[0].PsnNo, s.People[0].IDNumber, s.People[0].Cards = "43010000000000009099", "11010519491231002X", nil
	s.People[0].Status = settle.StatusPaused
	data, err := feed.EncodeSnapshot(s)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "people.json")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	book, stop = serve(t, "--listen", "127.0.0.1:0", "--data", dir, "--demo", "--people", file, "--answer", "empty-amounts", "--bindings", "pending:2")
	if n := len(people(t, book)); n != 6 {
		t.Errorf("%d people after the restart", n)
	}
	var stderr output
	if code := execute(t.Context(), []string{"--listen", "127.0.0.1:0", "--data", dir}, io.Discard, &stderr); code != 1 || !strings.Contains(stderr.String(), "another centre") {
		t.Errorf("a second centre on the folder: %d, %s", code, stderr.String())
	}
	if code := stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestServeFromADatabase: two processes answer from one book, know each other's people, say how they are, and a process with
// another key is refused.
func TestServeFromADatabase(t *testing.T) {
	dir, database := filepath.Join(t.TempDir(), "centre"), postgres.URL(t)
	metrics := freeAddress(t)
	book, stop := serve(t, "--listen", "127.0.0.1:0", "--data", dir, "--store", database, "--demo", "--metrics", metrics)
	other, stopOther := serve(t, "--listen", "127.0.0.1:0", "--data", dir, "--store", database)
	if a, b := len(people(t, book)), len(people(t, other)); a != 5 || b != 5 {
		t.Errorf("%d and %d people", a, b)
	}
	for path, want := range map[string]string{"/livez": "alive", "/readyz": "ready", "/metrics": "gongji_centre_ready 1"} {
		if got := get(t, "http://"+metrics+path); !strings.Contains(got, want) {
			t.Errorf("%s: %s", path, got)
		}
	}
	if text := get(t, "http://"+metrics+"/metrics"); !strings.Contains(text, `gongji_centre_transactions_total{result="committed"}`) ||
		!strings.Contains(text, `gongji_centre_messages_total{infno="2102",result="done"} 0`) {
		t.Error(text)
	}
	var stderr output
	if code := execute(t.Context(), []string{"--data", t.TempDir(), "--store", database}, io.Discard, &stderr); code != 1 || !strings.Contains(stderr.String(), "key") {
		t.Errorf("a process without the key: %d, %s", code, stderr.String())
	}
	if a, b := stop(), stopOther(); a != 0 || b != 0 {
		t.Errorf("exit codes %d, %d", a, b)
	}
	if code := execute(t.Context(), []string{"--data", dir, "--store", "postgres:///x?user=geheim&password=geheim&host=/nonexistent"}, io.Discard, &stderr); code != 1 ||
		strings.Contains(stderr.String(), "password") {
		t.Errorf("no database: %d, %s", code, stderr.String())
	}
}

// freeAddress is a loopback address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func get(t *testing.T, url string) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestUsage(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"help":         {[]string{"--help"}, 0, "gongji-centre --listen 127.0.0.1:7400 --data ./centre --demo"},
		"no data":      {nil, 2, "--data is needed"},
		"restored":     {[]string{"--data", "x", "--restored"}, 2, "--restored is about a database"},
		"unknown flag": {[]string{"--colour"}, 2, "unknown flag"},
		"argument":     {[]string{"--data", "x", "now"}, 2, "unknown command"},
		"fault":        {[]string{"--data", t.TempDir(), "--fault", "2102=explode"}, 2, "with one of the kinds"},
		"answer":       {[]string{"--data", t.TempDir(), "--answer", "sideways"}, 2, "string-numbers"},
		"bindings":     {[]string{"--data", t.TempDir(), "--bindings", "pending:0"}, 2, "pending:N"},
		"address":      {[]string{"--data", t.TempDir(), "--listen", "nowhere:-1"}, 1, "cannot listen on"},
		"people":       {[]string{"--data", t.TempDir(), "--people", "/nonexistent.json"}, 1, "people:"},
	} {
		t.Run(name, func(t *testing.T) {
			var out output
			if code := execute(t.Context(), c.args, &out, &out); code != c.code || !strings.Contains(out.String(), c.says) {
				t.Errorf("code %d, output %s", code, out.String())
			}
		})
	}
}
