package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gongji/daemon/localapi/client"
	"gongji/daemon/session"
)

// binary is the program as a person installs it, built once for the tests that need a process of its own.
var binary struct {
	once sync.Once
	path string
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if binary.path != "" {
		_ = os.RemoveAll(filepath.Dir(binary.path))
	}
	os.Exit(code)
}

func built(t *testing.T) string {
	t.Helper()
	binary.once.Do(func() {
		dir, err := os.MkdirTemp("", "gongjid-test-")
		if err != nil {
			binary.err = err
			return
		}
		binary.path = filepath.Join(dir, "gongjid")
		output, err := exec.Command("go", "build", "-o", binary.path, ".").CombinedOutput()
		if err != nil {
			binary.err = errors.New(string(output))
		}
	})
	if binary.err != nil {
		t.Fatal(binary.err)
	}
	return binary.path
}

// runTool runs the program to its end.
func runTool(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	cmd := exec.CommandContext(ctx, built(t), args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"version"}, 0, "sqlite"},
		{[]string{"--help"}, 0, "gongjid demo"},
		{[]string{"run"}, 2, "--config is needed"},
		{[]string{"run", "--no-such-flag"}, 2, "no-such-flag"},
		{[]string{"nonsense"}, 2, "nonsense"},
		{[]string{"pos"}, 2, "pos add"},
		{[]string{"pos", "add"}, 2, "arg"},
		{[]string{"run", "--config", "/does/not/exist.yaml"}, 1, "exist.yaml"},
		{[]string{"verify", "--data", t.TempDir()}, 1, ""},
		{[]string{"read", "--port", "/does/not/exist", "--kind", "gempc"}, 1, "READER_DOWN"},
		{[]string{"read"}, 2, "--config or --port"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			stdout, stderr, code := runTool(t, c.args...)
			if code != c.code || !strings.Contains(stdout+stderr, c.says) {
				t.Errorf("exit %d, want %d with %q:\n%s%s", code, c.code, c.says, stdout, stderr)
			}
		})
	}
}

// TestEveryCommandHasAnExample: what --help promises.
func TestEveryCommandHasAnExample(t *testing.T) {
	for _, c := range rootCommand().Commands() {
		if c.HasSubCommands() {
			for _, child := range c.Commands() {
				if child.Example == "" {
					t.Errorf("%s has no example", child.CommandPath())
				}
			}
		} else if c.Example == "" && c.Name() != "help" && c.Name() != "completion" {
			t.Errorf("%s has no example", c.CommandPath())
		}
	}
}

// TestSignalsEndWithinTwoSeconds with a reader, an event stream and a request that waits for a card on their way.
func TestSignalsEndWithinTwoSeconds(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no such signals on Windows")
	}
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		t.Run(signal.String(), func(t *testing.T) {
			cmd := exec.Command(built(t), "demo", "--dir", t.TempDir(), "--listen", "127.0.0.1:0")
			cmd.Stderr = os.Stderr
			output, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			busyTill(t, output)
			go func() { ended <- cmd.Wait() }()
			began := time.Now()
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-ended:
				if err != nil {
					t.Errorf("ended with %v", err)
				}
				t.Logf("ended after %s", time.Since(began).Round(time.Millisecond))
			case <-time.After(2 * time.Second):
				_ = cmd.Process.Kill()
				t.Error("did not end within two seconds")
			}
		})
	}
}

// busyTill reads where a demo listens, opens its event stream, and leaves a settlement waiting for a card.
func busyTill(t *testing.T, output io.Reader) {
	t.Helper()
	var address, token string
	for lines := bufio.NewScanner(output); lines.Scan(); {
		if _, found, ok := strings.Cut(lines.Text(), "console    "); ok {
			address, token, _ = strings.Cut(found, "/console/#token=")
		}
		if strings.Contains(lines.Text(), "退出 quit") {
			break
		}
	}
	c := client.New(address, token)
	t.Cleanup(c.Close)
	var events <-chan client.Event
	if missing := eventually(t.Context(), func() string { // the port is bound before it is served
		var err error
		if events, err = c.Events(t.Context()); err != nil {
			return err.Error()
		}
		return ""
	}); missing != "" {
		t.Fatal(missing)
	}
	for e := range events {
		if e.Name != "state" && e.Name != "reader_ready" {
			continue
		}
		if answer, err := c.Reader(t.Context()); err == nil && answer.Readers[0].State == "absent" {
			break
		}
	}
	waiting := make(chan struct{})
	go func() {
		close(waiting)
		sale := session.SaleRequest{
			SaleID: "WAITS", Terminal: "counter-1", Operator: session.OperatorRequest{ID: "1"}, MedType: "41", WaitSeconds: 60,
			Lines: []session.LineRequest{{ID: "1", Code: "C", Name: "a", Class: "consumable", Quantity: "1", UnitPrice: "1.00", Total: "1.00"}},
		}
		_, _, _ = c.Settle(context.Background(), session.SettleRequest{SaleRequest: sale}) // ends with the daemon
	}()
	<-waiting
}

// TestReadAndSimulateTogether: a technician's rehearsal with two processes and a real pseudo-terminal between them.
func TestReadAndSimulateTogether(t *testing.T) {
	link := filepath.Join(t.TempDir(), "reader")
	reader := exec.Command(built(t), "simulate", "reader", "--kind", "gempc", "--link", link)
	in, err := reader.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := reader.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := reader.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close(); _ = reader.Wait() }()
	answers := bufio.NewScanner(out)
	say := func(line, want string) {
		t.Helper()
		if line != "" {
			if _, err := in.Write([]byte(line + "\n")); err != nil {
				t.Fatal(err)
			}
		}
		if !answers.Scan() || !strings.HasPrefix(answers.Text(), want) {
			t.Fatalf("%q was answered %q, want %q", line, answers.Text(), want)
		}
	}
	say("", "ready "+link)

	_, stderr, code := runTool(t, "read", "--port", link, "--kind", "gempc")
	if code != 1 || !strings.Contains(stderr, "CARD_ABSENT") {
		t.Errorf("an empty reader: exit %d, %s", code, stderr)
	}
	say("insert", "ok")
	stdout, stderr, code := runTool(t, "read", "--port", link, "--kind", "gempc")
	if code != 0 || !strings.Contains(stdout, "张*") || strings.Contains(stdout, "111111198101011110") {
		t.Errorf("masked reading: exit %d\n%s%s", code, stdout, stderr)
	}
	stdout, _, code = runTool(t, "read", "--port", link, "--kind", "gempc", "--reveal", "--trace")
	const golden = "639900|111111198101011110|X00000019|639900D15600000500BF7C7A48FB4966|张三|00814E43238697159900BF7C7A|1.00|20101001|20201001|"
	if code != 0 || !strings.Contains(stdout, golden) || !strings.Contains(stdout, "00 A4 04 00 0F 73 78 31") {
		t.Errorf("revealed reading: exit %d\n%s", code, stdout)
	}
	say("nonsense", "error unknown command")
	say("remove", "ok")
}
