package serialport_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/creack/pty"

	"gongji/cardreader/serialport"
)

func config(path string) serialport.Config {
	return serialport.Config{Path: path, Baud: 115200, StopBits: 2}
}

// terminal returns the master end and the path of the other.
func terminal(t *testing.T) (*os.File, string) {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = master.Close() })
	if err := slave.Close(); err != nil {
		t.Fatal(err)
	}
	return master, slave.Name()
}

// open opens the port for the length of the test.
func open(t *testing.T, path string) *serialport.Port {
	t.Helper()
	p, err := serialport.Open(config(path))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func TestBytesPassBothWays(t *testing.T) {
	master, path := terminal(t)
	p := open(t, path)
	if err := p.Write(t.Context(), []byte("\x03\x06\r\n\x11\x13")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 16)
	n, err := master.Read(b)
	if err != nil || string(b[:n]) != "\x03\x06\r\n\x11\x13" {
		t.Fatalf("%q %v", b[:n], err)
	}
	if _, err := master.Write([]byte("\x03\x15\x16\r\x04")); err != nil {
		t.Fatal(err)
	}
	var got []byte
	for len(got) < 5 {
		n, err := p.Read(t.Context(), b, time.Now().Add(5*time.Second))
		if err != nil {
			t.Fatalf("after %q: %v", got, err)
		}
		got = append(got, b[:n]...)
	}
	if string(got) != "\x03\x15\x16\r\x04" {
		t.Errorf("%q", got)
	}
}

func TestSecondOpenerIsTold(t *testing.T) {
	_, path := terminal(t)
	p := open(t, path)
	if _, err := serialport.Open(config(path)); !errors.Is(err, serialport.ErrBusy) {
		t.Fatalf("second open: %v", err)
	}
	// Under another name it is the same device.
	link := filepath.Join(t.TempDir(), "reader")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if _, err := serialport.Open(config(link)); !errors.Is(err, serialport.ErrBusy) {
		t.Fatalf("open through a link: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, link)
}

// otherProcess is the variable by which the test starts itself again as the second program.
const otherProcess = "GONGJI_TEST_OPEN_PORT"

func TestSecondProcessIsTold(t *testing.T) {
	if path := os.Getenv(otherProcess); path != "" {
		_, err := serialport.Open(config(path))
		if !errors.Is(err, serialport.ErrBusy) {
			t.Fatalf("other process: %v", err)
		}
		return
	}
	_, path := terminal(t)
	open(t, path)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSecondProcessIsTold$")
	cmd.Env = append(os.Environ(), otherProcess+"="+path)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestLineThatHangsUpIsGone(t *testing.T) {
	master, path := terminal(t)
	p := open(t, path)
	time.AfterFunc(150*time.Millisecond, func() { _ = master.Close() })
	began := time.Now()
	_, err := p.Read(t.Context(), make([]byte, 8), began.Add(10*time.Second))
	if !errors.Is(err, serialport.ErrGone) {
		t.Fatalf("read: %v", err)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("noticed after %v", took)
	}
	if err := p.Write(t.Context(), []byte{1}); !errors.Is(err, serialport.ErrGone) {
		t.Errorf("write: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Logf("close of a line that is gone: %v", err)
	}
}

func TestCloseEndsABlockedRead(t *testing.T) {
	_, path := terminal(t)
	p := open(t, path)
	done := make(chan error, 1)
	go func() {
		_, err := p.Read(context.Background(), make([]byte, 8), time.Now().Add(time.Minute))
		done <- err
	}()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		if !errors.Is(err, serialport.ErrClosed) {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("read still blocks")
	}
}

func TestOpenNamesTheTrouble(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := serialport.Open(config("/dev/no-such-reader")); !errors.Is(err, serialport.ErrMissing) {
		t.Errorf("missing: %v", err)
	}
	if _, err := serialport.Open(config(plain)); err == nil {
		t.Error("a plain file was opened as a line")
	}
	_, path := terminal(t)
	bad := config(path)
	bad.StopBits = 3
	if _, err := serialport.Open(bad); err == nil {
		t.Error("three stop bits were taken")
	}
	bad = config(path)
	bad.Baud = 12345
	if _, err := serialport.Open(bad); err == nil {
		t.Error("12345 baud was taken")
	}
	open(t, path) // the failed attempts left no lock behind
}

func TestFlushDropsWhatWaits(t *testing.T) {
	master, path := terminal(t)
	p := open(t, path)
	if _, err := master.Write([]byte("stale")); err != nil {
		t.Fatal(err)
	}
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	if n, err := p.Read(t.Context(), make([]byte, 8), time.Now().Add(50*time.Millisecond)); !serialport.IsTimeout(err) {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// TestWaitingEnds: a wait for bytes that never come ends at once where it is cancelled or the port is closed, and bytes that
// are there already are read though the deadline has passed.
func TestWaitingEnds(t *testing.T) {
	master, path := terminal(t)
	p := open(t, path)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	read := func(ctx context.Context) {
		_, err := p.Read(ctx, make([]byte, 8), time.Now().Add(time.Minute))
		ended <- err
	}
	go read(ctx)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := master.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 8)
	if n, err := p.Read(t.Context(), b, time.Now().Add(time.Minute)); n != 1 || err != nil {
		t.Errorf("after a cancelled read: %d, %v", n, err)
	}
	if _, err := master.Write([]byte("yz")); err != nil {
		t.Fatal(err)
	}
	if n, err := p.Read(t.Context(), b[:1], time.Now().Add(time.Minute)); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if n, err := p.Read(t.Context(), b, time.Now().Add(-time.Second)); n != 1 || err != nil || b[0] != 'z' {
		t.Errorf("what was there already: %d, %v", n, err)
	}
	go read(t.Context())
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, serialport.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}
