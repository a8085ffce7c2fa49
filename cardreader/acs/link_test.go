package acs

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"gongji/cardreader/apdu"
	"gongji/cardreader/ccid"
	"gongji/cardreader/internal/golden"
)

var errTimeout = errors.New("test: timeout")

// tape is a line whose reader answers what the test has prepared, one list of bytes for each command. Reads beyond the
// tape time out at once: the time-outs of a real line are tested with the virtual reader.
type tape struct {
	replies [][]byte
	sent    [][]byte
	rx      []byte
}

func (l *tape) Write(_ context.Context, p []byte) error {
	l.sent = append(l.sent, bytes.Clone(p))
	if len(l.replies) > 0 {
		l.rx = append(l.rx, l.replies[0]...)
		l.replies = l.replies[1:]
	}
	return nil
}

func (l *tape) Read(_ context.Context, p []byte, _ time.Time) (int, error) {
	if len(l.rx) == 0 {
		return 0, errTimeout
	}
	n := copy(p, l.rx)
	l.rx = l.rx[n:]
	return n, nil
}

func link(l Line, first byte) *Link {
	return New(l, Options{Slot: SlotContact, FirstSeq: first, Timeout: func(err error) bool { return errors.Is(err, errTimeout) }})
}

// taken puts the status frame in front of an answer.
func taken(b []byte) []byte { return slices.Concat(StatusAccepted.Bytes(), b) }

// The driver makes exactly the golden host frames and accepts exactly the golden answers.
func TestGoldenExchangeFromTheHostSide(t *testing.T) {
	rows := golden.ACS()
	if len(rows) < 10 {
		t.Fatal(len(rows))
	}
	for _, row := range rows {
		want := decodeOne(t, row.Host).Message
		l := &tape{replies: [][]byte{taken(row.Reader)}}
		got, err := link(l, want.Seq).Exchange(t.Context(), ccid.Message{Type: want.Type, Slot: want.Slot, P: want.P, Data: want.Data}, time.Second)
		if err != nil || !bytes.Equal(l.sent[0], row.Host) || !bytes.Equal(Encode(got), row.Reader) {
			t.Errorf("%s: sent % X, took % X, %v", row.Step, l.sent[0], Encode(got), err)
		}
	}
}

// Driven by the slot and command layers, the driver walks the golden reading in its own words.
func TestGoldenSequenceThroughAllLayers(t *testing.T) {
	rows := golden.ACS()[2:7]
	l := &tape{}
	for _, r := range rows {
		l.replies = append(l.replies, taken(r.Reader))
	}
	slot := ccid.NewSlot(link(l, 2), SlotContact)
	slot.Voltages, slot.CutATR = []byte{0}, true
	ctx := t.Context()
	if _, err := slot.PowerOn(ctx); err != nil {
		t.Fatal(err)
	}
	ch := apdu.T0{Card: slot, Direct: true}
	ssse := []byte("sx1.sh.\xC9\xE7\xBB\xE1\xB1\xA3\xD5\xCF")
	if r, err := ch.Do(ctx, apdu.Select(4, ssse)); err != nil || r.SW != apdu.OK || len(r.Data) != 30 {
		t.Fatalf("SELECT SSSE: %v %v", r.SW, err)
	}
	for _, read := range []apdu.Command{{INS: apdu.InsReadRecord, P1: 7, P2: 0x2C, Le: 11}, {INS: apdu.InsReadRecord, P1: 1, P2: 0x34, Le: 20}} {
		if r, err := ch.Do(ctx, read); err != nil || r.SW != apdu.OK {
			t.Fatalf("READ RECORD: %v %v", r.SW, err)
		}
	}
	for i, r := range rows {
		if !bytes.Equal(l.sent[i], r.Host) {
			t.Errorf("%s: sent % X, want % X", r.Step, l.sent[i], r.Host)
		}
	}
}

var readCommand = ccid.Message{Type: ccid.TypeXfrBlock, Slot: SlotContact, Data: []byte{0, 0xB2, 7, 0, 0x0B}}

func dataAnswer(seq byte) []byte {
	return Encode(ccid.Message{Type: ccid.TypeDataBlock, Slot: SlotContact, Seq: seq, P: [3]byte{0, GoodError, 0}, Data: []byte{0x90, 0}})
}

// What may stand around an answer without spoiling it.
func TestTolerated(t *testing.T) {
	for name, reply := range map[string][]byte{
		"plain":           taken(dataAnswer(5)),
		"status lost":     dataAnswer(5),
		"event between":   slices.Concat(StatusAccepted.Bytes(), Event(ContactlessChanged), dataAnswer(5)),
		"event before":    slices.Concat(Event(ContactPresent), taken(dataAnswer(5))),
		"garbage":         slices.Concat([]byte{0, 0x7F, 0x11}, taken(dataAnswer(5))),
		"late answer":     slices.Concat(dataAnswer(4), taken(dataAnswer(5))),
		"stray STX":       slices.Concat([]byte{2}, taken(dataAnswer(5))),
		"answer twice":    taken(slices.Concat(dataAnswer(5), dataAnswer(5))),
		"status repeated": slices.Concat(StatusAccepted.Bytes(), taken(dataAnswer(5))),
	} {
		l := &tape{replies: [][]byte{reply}}
		m, err := link(l, 5).Exchange(t.Context(), readCommand, time.Second)
		if err != nil || m.Seq != 5 || len(l.sent) != 1 {
			t.Errorf("%s: %+v %v", name, m, err)
		}
	}
}

// A command the reader refused was not acted on and is sent again with the next number; an answer that was spoilt is asked for
// again, even when it is the card's.
func TestRepeats(t *testing.T) {
	spoilt := dataAnswer(5)
	spoilt[len(spoilt)-2] ^= 0xFF
	for _, s := range []Status{StatusChecksum, StatusLength, StatusETX, StatusTimeout, StatusTimeout2} {
		l := &tape{replies: [][]byte{s.Bytes(), taken(dataAnswer(6))}}
		if _, err := link(l, 5).Exchange(t.Context(), readCommand, time.Second); err != nil || len(l.sent) != 2 || l.sent[1][7] != 6 {
			t.Errorf("%s: sent % X, %v", s, l.sent, err)
		}
	}
	for name, replies := range map[string][][]byte{
		"spoilt":       {taken(spoilt), dataAnswer(5)},
		"spoilt twice": {taken(spoilt), spoilt, dataAnswer(5)},
		"truncated":    {taken(spoilt[:8]), dataAnswer(5)},
		"with status":  {taken(spoilt), taken(dataAnswer(5))},
	} {
		l := &tape{replies: replies}
		_, err := link(l, 5).Exchange(t.Context(), readCommand, time.Second)
		if err != nil || len(l.sent) != len(replies) || !bytes.Equal(l.sent[len(l.sent)-1], Repeat()) {
			t.Errorf("%s: sent % X, %v", name, l.sent, err)
		}
	}
	// A request to repeat that is refused does not mean that the command was not acted on.
	l := &tape{replies: [][]byte{taken(spoilt), StatusChecksum.Bytes(), spoilt}}
	if _, err := link(l, 5).Exchange(t.Context(), readCommand, time.Second); !errors.Is(err, ccid.ErrSpoilt) || len(l.sent) != 3 {
		t.Errorf("refused to repeat: %v after % X", err, l.sent)
	}
}

func TestTroubleIsNamed(t *testing.T) {
	l := &tape{replies: [][]byte{StatusSlot.Bytes()}}
	if _, err := link(l, 0).Exchange(t.Context(), readCommand, time.Second); !errors.Is(err, ErrSlot) || len(l.sent) != 1 {
		t.Errorf("slot: %v", err)
	}
	l = &tape{}
	if _, err := link(l, 0).Exchange(t.Context(), ccid.Message{Type: ccid.TypeGetSlotStatus, Slot: 1}, time.Second); !errors.Is(err, ccid.ErrSilent) || len(l.sent) != attempts {
		t.Errorf("silent: %v after %d", err, len(l.sent))
	}
	refused := StatusChecksum.Bytes()
	l = &tape{replies: [][]byte{refused, refused, refused, refused}}
	if _, err := link(l, 0).Exchange(t.Context(), readCommand, time.Second); !errors.Is(err, ccid.ErrSpoilt) || len(l.sent) != attempts {
		t.Errorf("refused: %v after %d", err, len(l.sent))
	}
}

func TestWaitNoticesTheOwnSlotOnly(t *testing.T) {
	l := &tape{rx: Event(ContactlessPresent | ContactlessChanged)}
	k := link(l, 0)
	if moved, err := k.Wait(t.Context(), time.Millisecond); err != nil || moved || k.Left() {
		t.Error("the other slot's card counted", moved, err)
	}
	l.rx = slices.Concat(Event(ContactChanged), Event(ContactPresent|ContactChanged))
	if moved, err := k.Wait(t.Context(), time.Second); err != nil || !moved || !k.Left() || k.Left() {
		t.Error("the card's leaving must be told once", moved, err)
	}
}

func TestChangeSpeed(t *testing.T) {
	answer := func(sw ...byte) []byte {
		return taken(Encode(ccid.Message{Type: ccid.TypeDataBlock, P: [3]byte{0, GoodError, 0}, Data: sw}))
	}
	l := &tape{replies: [][]byte{answer(0x90, 1)}}
	if err := link(l, 0).ChangeSpeed(t.Context(), true); err != nil || !bytes.Contains(l.sent[0], speedFast) {
		t.Errorf("% X %v", l.sent, err)
	}
	var refused *apdu.Error
	l = &tape{replies: [][]byte{answer(0x63, 0)}}
	if err := link(l, 0).ChangeSpeed(t.Context(), false); !errors.As(err, &refused) || !bytes.Contains(l.sent[0], speedSlow) {
		t.Errorf("% X %v", l.sent, err)
	}
}

func TestTraceNamesTheExchange(t *testing.T) {
	var lines []string
	l := &tape{replies: [][]byte{taken(dataAnswer(5))}}
	k := New(l, Options{Slot: 1, FirstSeq: 5, Timeout: func(error) bool { return true }, Trace: func(_ bool, _ []byte, name string) {
		lines = append(lines, name)
	}})
	if _, err := k.Exchange(t.Context(), readCommand, time.Second); err != nil {
		t.Fatal(err)
	}
	want := "XfrBlock slot 1 seq 05 READ RECORD 07 00|accepted|DataBlock slot 1 seq 05 9000 ok"
	if got := strings.Join(lines, "|"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
