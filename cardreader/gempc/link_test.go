package gempc

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"gongji/cardreader/apdu"
	"gongji/cardreader/ccid"
	"gongji/cardreader/internal/golden"
	"gongji/cardreader/wire"
)

func link(l wire.Line, first byte) *Link {
	return New(l, Options{FirstSeq: first, Timeout: golden.IsTimeout})
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

var (
	statusCommand = ccid.Message{Type: ccid.TypeGetSlotStatus}
	readCommand   = ccid.Message{Type: ccid.TypeXfrBlock, Data: []byte{0, 0xB2, 7, 0, 0x0B}}
)

func statusAnswer(seq byte) []byte {
	return Encode(ccid.Message{Type: ccid.TypeSlotStatus, Seq: seq, P: [3]byte{1, 0, 0}})
}

func dataAnswer(seq byte) []byte {
	return Encode(ccid.Message{Type: ccid.TypeDataBlock, Seq: seq, Data: []byte{0x90, 0}})
}

// The driver makes exactly the golden host frames and accepts exactly the golden answers, with and without echo.
func TestGoldenExchangeFromTheHostSide(t *testing.T) {
	for _, echo := range []bool{true, false} {
		for _, row := range golden.T0() {
			sent, err := ccid.Parse(row.Host[2 : len(row.Host)-1])
			if err != nil {
				t.Fatal(err)
			}
			reply := row.Reader
			if echo {
				reply = join(row.Host, row.Reader)
			}
			l := &golden.Tape{Replies: [][]byte{reply}}
			got, err := link(l, sent.Seq).Exchange(t.Context(), ccid.Message{Type: sent.Type, P: sent.P, Data: sent.Data}, time.Second)
			if err != nil {
				t.Fatalf("%s: %v", row.Step, err)
			}
			if !bytes.Equal(l.Sent[0], row.Host) {
				t.Errorf("%s: sent % X, want % X", row.Step, l.Sent[0], row.Host)
			}
			if !bytes.Equal(Encode(got), row.Reader) {
				t.Errorf("%s: took % X for % X", row.Step, Encode(got), row.Reader)
			}
		}
	}
}

// Driven by the slot and T=0 layers, the driver walks the golden reading in its own words: power on, parameters, SELECT
// with GET RESPONSE, and a read whose length the card corrects.
func TestGoldenSequenceThroughAllLayers(t *testing.T) {
	rows := golden.T0()[4:9]
	l := &golden.Tape{}
	for _, r := range rows {
		l.Replies = append(l.Replies, join(r.Host, r.Reader))
	}
	slot := ccid.NewSlot(link(l, 4), 0)
	ctx := t.Context()
	if _, err := slot.PowerOn(ctx); err != nil {
		t.Fatal(err)
	}
	if err := slot.SetParameters(ctx, 0, ccid.ParametersT0); err != nil {
		t.Fatal(err)
	}
	ch := apdu.T0{Card: slot}
	ssse := []byte("sx1.sh.\xC9\xE7\xBB\xE1\xB1\xA3\xD5\xCF")
	if r, err := ch.Do(ctx, apdu.Select(4, ssse)); err != nil || r.SW != apdu.OK || len(r.Data) != 30 {
		t.Fatalf("SELECT SSSE: %v %v", r.SW, err)
	}
	if r, err := ch.Do(ctx, apdu.Select(2, []byte{0xEF, 5})); err != nil || r.SW != apdu.OK {
		t.Fatalf("SELECT EF05: %v %v", r.SW, err)
	}
	for i, r := range rows {
		if !bytes.Equal(l.Sent[i], r.Host) {
			t.Errorf("%s: sent % X, want % X", r.Step, l.Sent[i], r.Host)
		}
	}
}

func TestNAKIsAnsweredWithTheNextNumber(t *testing.T) {
	l := &golden.Tape{Replies: [][]byte{NAK(), dataAnswer(6)}}
	if _, err := link(l, 5).Exchange(t.Context(), readCommand, time.Second); err != nil {
		t.Fatal(err)
	}
	if len(l.Sent) != 2 || l.Sent[0][8] != 5 || l.Sent[1][8] != 6 {
		t.Fatalf("sent % X", l.Sent)
	}
}

func TestNAKWithoutEndIsSpoilt(t *testing.T) {
	l := &golden.Tape{Replies: [][]byte{NAK(), NAK(), NAK(), NAK()}}
	_, err := link(l, 0).Exchange(t.Context(), readCommand, time.Second)
	if !errors.Is(err, wire.ErrSpoilt) || len(l.Sent) != ccid.Attempts {
		t.Fatalf("%v after %d", err, len(l.Sent))
	}
}

// What may stand around an answer without spoiling it.
func TestTolerated(t *testing.T) {
	echo := Encode(ccid.Message{Type: readCommand.Type, Seq: 5, Data: readCommand.Data})
	for name, reply := range map[string][]byte{
		"plain":           dataAnswer(5),
		"echo":            join(echo, dataAnswer(5)),
		"time byte":       join(echo, []byte{0x9A}, dataAnswer(5)),
		"card movement":   join([]byte{0x50, 3}, dataAnswer(5)),
		"garbage":         join([]byte{0, 0x7F, 0x11}, dataAnswer(5)),
		"late answer":     join(dataAnswer(4), dataAnswer(5)),
		"another's":       join(dataAnswer(0xFE), echo, dataAnswer(5)),
		"stray sync byte": join([]byte{3}, dataAnswer(5)),
	} {
		l := &golden.Tape{Replies: [][]byte{reply}}
		m, err := link(l, 5).Exchange(t.Context(), readCommand, time.Second)
		if err != nil || m.Seq != 5 || len(l.Sent) != 1 {
			t.Errorf("%s: %+v %v", name, m, err)
		}
	}
}

// A spoilt answer is repeated when that is harmless, and left to the card layer when the card was asked.
func TestSpoiltAnswers(t *testing.T) {
	flipped := func(b []byte) []byte {
		b = bytes.Clone(b)
		b[len(b)-1] ^= 0xFF
		return b
	}
	oversized := []byte{3, 6, 0x80, 0x06, 0x01, 0, 0, 0, 5, 0, 0, 0}
	for name, spoil := range map[string]func([]byte) []byte{
		"checksum":  flipped,
		"truncated": func(b []byte) []byte { return b[:len(b)/2] },
		"oversized": func([]byte) []byte { return oversized },
		"garbage":   func([]byte) []byte { return bytes.Repeat([]byte{0x11}, maxGarbage+1) },
	} {
		l := &golden.Tape{Replies: [][]byte{spoil(statusAnswer(5)), statusAnswer(6)}}
		if _, err := link(l, 5).Exchange(t.Context(), statusCommand, time.Second); err != nil {
			t.Errorf("%s: status: %v", name, err)
		}
		l = &golden.Tape{Replies: [][]byte{spoil(dataAnswer(5)), dataAnswer(6)}}
		if _, err := link(l, 5).Exchange(t.Context(), readCommand, time.Second); !errors.Is(err, wire.ErrSpoilt) || len(l.Sent) != 1 {
			t.Errorf("%s: block: %v after %d", name, err, len(l.Sent))
		}
	}
}

func TestSilenceIsNamed(t *testing.T) {
	l := &golden.Tape{}
	if _, err := link(l, 0).Exchange(t.Context(), statusCommand, time.Second); !errors.Is(err, wire.ErrSilent) || len(l.Sent) != ccid.Attempts {
		t.Fatalf("%v after %d", err, len(l.Sent))
	}
}

func TestWaitNoticesMovements(t *testing.T) {
	l := &golden.Tape{RX: []byte{0x50, 2, 0x50, 3}}
	k := link(l, 0)
	if moved, err := k.Wait(t.Context(), time.Second); err != nil || !moved {
		t.Fatal(moved, err)
	}
	if !k.Left() || k.Left() {
		t.Error("the card's leaving must be told once")
	}
}

func TestTraceNamesTheExchange(t *testing.T) {
	var lines []string
	l := &golden.Tape{Replies: [][]byte{join([]byte{0x9A}, dataAnswer(5))}}
	k := New(l, Options{FirstSeq: 5, Timeout: func(error) bool { return true }, Trace: func(out bool, raw []byte, name string) {
		lines = append(lines, fmt.Sprintf("%v %d %s", out, len(raw), name))
	}})
	if _, err := k.Exchange(t.Context(), readCommand, time.Second); err != nil {
		t.Fatal(err)
	}
	want := "true 18 XfrBlock slot 0 seq 05 READ RECORD 07 00|false 1 time request|false 15 DataBlock slot 0 seq 05 9000 ok"
	if got := strings.Join(lines, "|"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
