package acs

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"gongji/cardreader/apdu"
	"gongji/cardreader/ccid"
	"gongji/cardreader/internal/golden"
	"gongji/cardreader/wire"
)

func link(l wire.Line, first byte) *Link {
	return New(l, Options{Slot: SlotContact, FirstSeq: first, Timeout: golden.IsTimeout})
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
		l := &golden.Tape{Replies: [][]byte{taken(row.Reader)}}
		got, err := link(l, want.Seq).Exchange(t.Context(), ccid.Message{Type: want.Type, Slot: want.Slot, P: want.P, Data: want.Data}, time.Second)
		if err != nil || !bytes.Equal(l.Sent[0], row.Host) || !bytes.Equal(Encode(got), row.Reader) {
			t.Errorf("%s: sent % X, took % X, %v", row.Step, l.Sent[0], Encode(got), err)
		}
	}
}

// Driven by the slot and command layers, the driver walks the golden reading in its own words.
func TestGoldenSequenceThroughAllLayers(t *testing.T) {
	rows := golden.ACS()[2:7]
	l := &golden.Tape{}
	for _, r := range rows {
		l.Replies = append(l.Replies, taken(r.Reader))
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
		if !bytes.Equal(l.Sent[i], r.Host) {
			t.Errorf("%s: sent % X, want % X", r.Step, l.Sent[i], r.Host)
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
		l := &golden.Tape{Replies: [][]byte{reply}}
		m, err := link(l, 5).Exchange(t.Context(), readCommand, time.Second)
		if err != nil || m.Seq != 5 || len(l.Sent) != 1 {
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
		l := &golden.Tape{Replies: [][]byte{s.Bytes(), taken(dataAnswer(6))}}
		if _, err := link(l, 5).Exchange(t.Context(), readCommand, time.Second); err != nil || len(l.Sent) != 2 || l.Sent[1][7] != 6 {
			t.Errorf("%s: sent % X, %v", s, l.Sent, err)
		}
	}
	for name, replies := range map[string][][]byte{
		"spoilt":       {taken(spoilt), dataAnswer(5)},
		"spoilt twice": {taken(spoilt), spoilt, dataAnswer(5)},
		"truncated":    {taken(spoilt[:8]), dataAnswer(5)},
		"with status":  {taken(spoilt), taken(dataAnswer(5))},
	} {
		l := &golden.Tape{Replies: replies}
		_, err := link(l, 5).Exchange(t.Context(), readCommand, time.Second)
		if err != nil || len(l.Sent) != len(replies) || !bytes.Equal(l.Sent[len(l.Sent)-1], Repeat()) {
			t.Errorf("%s: sent % X, %v", name, l.Sent, err)
		}
	}
	// A request to repeat that is refused does not mean that the command was not acted on.
	l := &golden.Tape{Replies: [][]byte{taken(spoilt), StatusChecksum.Bytes(), spoilt}}
	if _, err := link(l, 5).Exchange(t.Context(), readCommand, time.Second); !errors.Is(err, wire.ErrSpoilt) || len(l.Sent) != 3 {
		t.Errorf("refused to repeat: %v after % X", err, l.Sent)
	}
}

func TestTroubleIsNamed(t *testing.T) {
	l := &golden.Tape{Replies: [][]byte{StatusSlot.Bytes()}}
	if _, err := link(l, 0).Exchange(t.Context(), readCommand, time.Second); !errors.Is(err, ErrSlot) || len(l.Sent) != 1 {
		t.Errorf("slot: %v", err)
	}
	l = &golden.Tape{}
	if _, err := link(l, 0).Exchange(t.Context(), ccid.Message{Type: ccid.TypeGetSlotStatus, Slot: 1}, time.Second); !errors.Is(err, wire.ErrSilent) || len(l.Sent) != ccid.Attempts {
		t.Errorf("silent: %v after %d", err, len(l.Sent))
	}
	refused := StatusChecksum.Bytes()
	l = &golden.Tape{Replies: [][]byte{refused, refused, refused, refused}}
	if _, err := link(l, 0).Exchange(t.Context(), readCommand, time.Second); !errors.Is(err, wire.ErrSpoilt) || len(l.Sent) != ccid.Attempts {
		t.Errorf("refused: %v after %d", err, len(l.Sent))
	}
}

func TestWaitNoticesTheOwnSlotOnly(t *testing.T) {
	l := &golden.Tape{RX: Event(ContactlessPresent | ContactlessChanged)}
	k := link(l, 0)
	if moved, err := k.Wait(t.Context(), time.Millisecond); err != nil || moved || k.Left() {
		t.Error("the other slot's card counted", moved, err)
	}
	l.RX = slices.Concat(Event(ContactChanged), Event(ContactPresent|ContactChanged))
	if moved, err := k.Wait(t.Context(), time.Second); err != nil || !moved || !k.Left() || k.Left() {
		t.Error("the card's leaving must be told once", moved, err)
	}
}

func TestChangeSpeed(t *testing.T) {
	answer := func(sw ...byte) []byte {
		return taken(Encode(ccid.Message{Type: ccid.TypeDataBlock, P: [3]byte{0, GoodError, 0}, Data: sw}))
	}
	l := &golden.Tape{Replies: [][]byte{answer(0x90, 1)}}
	if err := link(l, 0).ChangeSpeed(t.Context(), true); err != nil || !bytes.Contains(l.Sent[0], speedFast) {
		t.Errorf("% X %v", l.Sent, err)
	}
	var refused *apdu.Error
	l = &golden.Tape{Replies: [][]byte{answer(0x63, 0)}}
	if err := link(l, 0).ChangeSpeed(t.Context(), false); !errors.As(err, &refused) || !bytes.Contains(l.Sent[0], speedSlow) {
		t.Errorf("% X %v", l.Sent, err)
	}
}

func TestTraceNamesTheExchange(t *testing.T) {
	var lines []string
	l := &golden.Tape{Replies: [][]byte{taken(dataAnswer(5))}}
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
