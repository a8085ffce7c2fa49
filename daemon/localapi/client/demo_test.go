package client_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"

	"gongji/daemon/localapi/client"
)

// The examples talk to a real demo: the program is built, started on a port of its own, and the patient's card put in.
var address, token string

func TestMain(m *testing.M) { os.Exit(withDemo(m.Run)) }

func withDemo(run func() int) int {
	dir, err := os.MkdirTemp("", "gongji-client-")
	if err != nil {
		return failed(err)
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "gongjid")
	if output, err := exec.Command("go", "build", "-o", program, "gongji/cmd/gongjid").CombinedOutput(); err != nil {
		return failed(fmt.Errorf("%w: %s", err, output))
	}
	demo := exec.Command(program, "demo", "--listen", "127.0.0.1:0", "--dir", filepath.Join(dir, "demo"))
	hands, err := demo.StdinPipe()
	if err != nil {
		return failed(err)
	}
	said, err := demo.StdoutPipe()
	if err != nil {
		return failed(err)
	}
	if err := demo.Start(); err != nil {
		return failed(err)
	}
	defer func() {
		_ = demo.Process.Signal(syscall.SIGTERM)
		_ = demo.Wait()
	}()
	if err := meet(said); err != nil {
		return failed(err)
	}
	if err := insert(hands); err != nil {
		return failed(err)
	}
	return run()
}

func failed(err error) int {
	fmt.Fprintln(os.Stderr, "the demo behind the examples:", err)
	return 1
}

var consoleLine = regexp.MustCompile(`(http://\S+)/console/#token=(\S+)`)

// meet reads the demo's address and token, and lets it talk on.
func meet(said io.Reader) error {
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		if found := consoleLine.FindStringSubmatch(lines.Text()); found != nil {
			address, token = found[1], found[2]
			go func() { _, _ = io.Copy(io.Discard, said) }() // ends with the program
			return nil
		}
	}
	return fmt.Errorf("it said no address: %w", lines.Err())
}

// insert puts the patient's card in and waits until it was read.
func insert(hands io.Writer) error {
	ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
	defer stop()
	c := client.New(address, token)
	defer c.Close()
	events, err := c.Events(ctx)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(hands, "1\n"); err != nil {
		return err
	}
	for event := range events {
		if event.Name == "card_inserted" {
			return nil
		}
	}
	return fmt.Errorf("no card came: %w", ctx.Err())
}
