package serialport

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"testing"
	"time"
)

// FuzzRead: whatever pieces a driver hands over, between empty reads, signals and a line that goes, every byte arrives once and
// in order, and what ends the reading has one of this package's names. A piece is a byte that says its length; 0 is an empty
// read, 255 a fault of the driver.
func FuzzRead(f *testing.F) {
	f.Add([]byte("\x03abc\x00\x02de"), uint8(4))
	f.Add([]byte("\x00\x00\x00\x00\x00\x00"), uint8(1))
	f.Add([]byte("\x01a\xff"), uint8(16))
	f.Add([]byte("\x09short"), uint8(2))
	f.Fuzz(func(t *testing.T, script []byte, room uint8) {
		var want []byte
		d := &fake{}
		gone := false
		for rest := script; len(rest) > 0 && !gone; {
			n := int(rest[0])
			rest = rest[1:]
			switch n {
			case 0:
				d.reads = append(d.reads, hungUp)
			case 255:
				gone = true
				d.reads = append(d.reads, func([]byte) (int, error) { return 0, io.ErrUnexpectedEOF })
			default:
				piece := rest[:min(n, len(rest))]
				rest = rest[len(piece):]
				for len(piece) > 0 {
					part := piece[:min(len(piece), int(room)%32+1)]
					piece, want = piece[len(part):], append(want, part...)
					d.reads = append(d.reads, func(b []byte) (int, error) { return copy(b, part), nil })
				}
			}
		}
		d.reads = append(d.reads, repeat(100*earlyReads, hungUp)...) // a machine that has much to do takes some of them for slow ones
		p := newPort(d, lineLock{})
		var got []byte
		buffer := make([]byte, int(room)%32+1)
		for {
			n, err := p.Read(t.Context(), buffer, time.Now().Add(time.Minute))
			got = append(got, buffer[:n]...)
			if err != nil {
				if !errors.Is(err, ErrGone) {
					t.Fatalf("it ended with %v", err)
				}
				break
			}
		}
		if !bytes.HasPrefix(want, got) {
			t.Fatalf("got %q of %q", got, want)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzConfig: no path, speed or number of stop bits opens a line that is not there, and each refusal has a name.
func FuzzConfig(f *testing.F) {
	dir := f.TempDir()
	f.Add("ttyUSB0", 9600, 1)
	f.Add("../x\x00", -1, 3)
	f.Add("", 0, 2)
	f.Fuzz(func(t *testing.T, name string, baud, stopBits int) {
		p, err := Open(Config{Path: filepath.Join(dir, "none", filepath.Base(name)), Baud: baud, StopBits: stopBits})
		if err == nil {
			_ = p.Close()
			t.Fatal("it opened")
		}
		if (stopBits == 1 || stopBits == 2) && !errors.Is(err, ErrMissing) && !errors.Is(err, ErrPermission) && name == "ttyUSB0" {
			t.Fatalf("a line that is not there: %v", err)
		}
	})
}
