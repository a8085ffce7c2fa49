package virtual

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gongji/cardreader/ccid"
	"gongji/cardreader/gempc"
	"gongji/cardreader/internal/golden"
	"gongji/cardreader/serialport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// host is the other end of a memory line, used byte by byte.
type host struct {
	t    *testing.T
	wire *Wire
}

func memoryHost(t *testing.T, o Options) (*MemoryReader, host) {
	t.Helper()
	r, err := NewMemoryReader(o)
	if err != nil {
		t.Fatal(err)
	}
	w, err := r.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(w.Close(), r.Close()); err != nil {
			t.Error(err)
		}
	})
	return r, host{t, w}
}

// ask sends a frame and reads exactly n bytes.
func (h host) ask(frame []byte, n int) []byte {
	h.t.Helper()
	if err := h.wire.Write(h.t.Context(), frame); err != nil {
		h.t.Fatal(err)
	}
	return h.read(n)
}

func (h host) read(n int) []byte {
	h.t.Helper()
	var got []byte
	deadline := time.Now().Add(5 * time.Second)
	for len(got) < n {
		b := make([]byte, n-len(got))
		k, err := h.wire.Read(h.t.Context(), b, deadline)
		if err != nil {
			h.t.Fatalf("after % X: %v", got, err)
		}
		got = append(got, b[:k]...)
	}
	return got
}

// link speaks to the reader through the driver, to bring it into a state.
func (h host) link() *gempc.Link {
	return gempc.New(h.wire, gempc.Options{Timeout: serialport.IsTimeout, FirstSeq: 0x80})
}

// stage brings slot and card into the state that a golden row takes for granted.
func stage(t *testing.T, r *MemoryReader, h host, step string) {
	t.Helper()
	slot := ccid.NewSlot(h.link(), 0)
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("before %q: %v", step, err)
		}
	}
	transmit := func(b ...byte) {
		t.Helper()
		_, err := slot.Transmit(t.Context(), b)
		do(err)
	}
	switch step {
	case "Escape 02 (firmware)", "GetSlotStatus, card in, not powered", "IccPowerOff":
		r.Insert(SampleCard())
	case "GetSlotStatus, no card", "XfrBlock, card pulled out":
		r.Remove()
	case "3.00 card: EF06 before external authentication":
		c := SocialCard(Person{IDNumber: "111111198101011110", Name: "张三", Number: "X00000019", Identifier: "639900D15600000500BF7C7A48FB4966", Version: "3.00"})
		r.Insert(c)
		_, err := slot.PowerOn(t.Context())
		do(err)
		transmit(append([]byte{0, 0xA4, 4, 0, 15}, "sx1.sh.\xC9\xE7\xBB\xE1\xB1\xA3\xD5\xCF"...)...)
	}
}

// Every row of the golden exchange, byte for byte, with the echo in front and without.
func TestGoldenExchangeFromTheReaderSide(t *testing.T) {
	for _, noEcho := range []bool{false, true} {
		r, h := memoryHost(t, Options{NoEcho: noEcho, NoSlotChange: true})
		for _, row := range golden.T0() {
			stage(t, r, h, row.Step)
			want := row.Reader
			if !noEcho {
				want = append(bytes.Clone(row.Host), row.Reader...)
			}
			if got := h.ask(row.Host, len(want)); !bytes.Equal(got, want) {
				t.Errorf("%s: % X, want % X", row.Step, got, want)
			}
		}
	}
}

func TestSlotChangesAreAnnounced(t *testing.T) {
	r, h := memoryHost(t, Options{})
	r.Insert(SampleCard())
	if got := h.read(2); !bytes.Equal(got, []byte{0x50, 3}) {
		t.Errorf("inserted: % X", got)
	}
	r.Swap(SampleCard())
	if got := h.read(4); !bytes.Equal(got, []byte{0x50, 2, 0x50, 3}) {
		t.Errorf("swapped: % X", got)
	}
	// In synchronous mode the notice waits for the next command and stands before its answer.
	sync := []byte{3, 6, 0x6B, 3, 0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 0x6D}
	h.ask(sync, len(sync)+13)
	r.Remove()
	status := []byte{3, 6, 0x65, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0x62}
	want := append(append(bytes.Clone(status), 0x50, 2), 3, 6, 0x81, 0, 0, 0, 0, 0, 2, 2, 0, 0, 0x84)
	if got := h.ask(status, len(want)); !bytes.Equal(got, want) {
		t.Errorf("synchronous: % X, want % X", got, want)
	}
}

func TestReaderRefusesWhatItDoesNotUnderstand(t *testing.T) {
	_, h := memoryHost(t, Options{NoEcho: true})
	bad := []byte{3, 6, 0x65, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0x63}
	if got := h.ask(bad, 3); !bytes.Equal(got, gempc.NAK()) {
		t.Errorf("bad checksum: % X", got)
	}
	for name, c := range map[string]struct{ command, answer ccid.Message }{
		"unknown type":   {ccid.Message{Type: 0x7A, Seq: 1}, ccid.Message{Type: 0x81, Seq: 1, P: [3]byte{0x42, 0, 0}}},
		"other slot":     {ccid.Message{Type: 0x65, Seq: 2, Slot: 3}, ccid.Message{Type: 0x81, Seq: 2, Slot: 3, P: [3]byte{0x42, 5, 0}}},
		"unknown escape": {ccid.Message{Type: 0x6B, Seq: 3, Data: []byte{9}}, ccid.Message{Type: 0x83, Seq: 3, P: [3]byte{0x42, 0, 0}}},
		"no card":        {ccid.Message{Type: 0x62, Seq: 4}, ccid.Message{Type: 0x80, Seq: 4, P: [3]byte{0x42, 0xFE, 0}}},
		"parameters":     {ccid.Message{Type: 0x61, Seq: 5, Data: []byte{1}}, ccid.Message{Type: 0x82, Seq: 5, P: [3]byte{0x42, 7, 0}}},
	} {
		want := gempc.Encode(c.answer)
		if got := h.ask(gempc.Encode(c.command), len(want)); !bytes.Equal(got, want) {
			t.Errorf("%s: % X, want % X", name, got, want)
		}
	}
}

func TestPPSIsAgreedTo(t *testing.T) {
	r, h := memoryHost(t, Options{NoEcho: true, NoSlotChange: true})
	r.Insert(SampleCard())
	slot := ccid.NewSlot(h.link(), 0)
	if _, err := slot.PowerOn(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := slot.Transmit(t.Context(), []byte{0xFF, 0x10, 0x94, 0x7B}); err != nil || !bytes.Equal(got, []byte{0xFF, 0x10, 0x94, 0x7B}) {
		t.Fatalf("% X, %v", got, err)
	}
}

func TestMemoryLineHasOneOwner(t *testing.T) {
	r, h := memoryHost(t, Options{})
	if _, err := r.Open(context.Background()); !errors.Is(err, serialport.ErrBusy) {
		t.Errorf("second owner: %v", err)
	}
	if err := r.Unplug(); err != nil {
		t.Fatal(err)
	}
	if _, err := h.wire.Read(t.Context(), make([]byte, 1), time.Now().Add(time.Second)); !errors.Is(err, serialport.ErrGone) {
		t.Errorf("unplugged: %v", err)
	}
	if _, err := r.Open(context.Background()); !errors.Is(err, serialport.ErrMissing) {
		t.Errorf("open while unplugged: %v", err)
	}
}

func TestPaceTakesTheTimeOfTheLine(t *testing.T) {
	_, h := memoryHost(t, Options{NoEcho: true, Pace: 9600})
	began := time.Now()
	h.ask(gempc.Encode(ccid.Message{Type: 0x65}), 13)
	if took, least := time.Since(began), 26*11*time.Second/9600; took < least {
		t.Errorf("26 bytes at 9600 baud took %v, less than %v", took, least)
	}
}

func TestFaultNames(t *testing.T) {
	r, _ := memoryHost(t, Options{})
	for _, name := range Faults() {
		if err := r.SetFault(name, 1); err != nil {
			t.Error(err)
		}
	}
	if err := r.SetFault("fire", 1); err == nil {
		t.Error("an unknown fault was taken")
	}
	if _, err := NewMemoryReader(Options{Kind: "toaster"}); err == nil {
		t.Error("an unknown kind was taken")
	}
}
