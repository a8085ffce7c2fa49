package ccid

import (
	"context"
	"errors"
	"testing"
	"time"

	"gongji/cardreader/apdu"
	"gongji/cardreader/wire"
)

// script answers commands in order and remembers them.
type script struct {
	t       *testing.T
	answers []step
	sent    []Message
}

type step struct {
	m   Message
	err error
}

func (s *script) Exchange(ctx context.Context, m Message, _ time.Duration) (Message, error) {
	s.sent = append(s.sent, m)
	return s.Await(ctx, 0)
}

func (s *script) Await(context.Context, time.Duration) (Message, error) {
	if len(s.answers) == 0 {
		s.t.Fatal("more was sent than the script expects")
	}
	a := s.answers[0]
	s.answers = s.answers[1:]
	return a.m, a.err
}

var mute = Message{Type: TypeDataBlock, P: [3]byte{0x41, CodeMute, 0}}

func TestPowerOnTriesLowerVoltages(t *testing.T) {
	atr := []byte{0x3B, 0x02, 0x14, 0x50}
	s := &script{t: t, answers: []step{{m: mute}, {}, {m: mute}, {}, {m: Message{Type: TypeDataBlock, Data: atr}}}}
	got, err := NewSlot(s, 0).PowerOn(t.Context())
	if err != nil || string(got.Bytes()) != string(atr) {
		t.Fatalf("% X, %v", got.Bytes(), err)
	}
	var tried []byte
	for _, m := range s.sent {
		if m.Type == TypePowerOn {
			tried = append(tried, m.P[0])
		}
	}
	if string(tried) != "\x01\x02\x03" {
		t.Errorf("voltages tried: % X", tried)
	}
}

func TestPowerOnWithoutCardStopsAtOnce(t *testing.T) {
	s := &script{t: t, answers: []step{{m: Message{Type: TypeDataBlock, P: [3]byte{0x42, CodeMute, 0}}}}}
	_, err := NewSlot(s, 0).PowerOn(t.Context())
	var e *Error
	if !errors.As(err, &e) || !e.Gone() {
		t.Fatalf("%v", err)
	}
}

func TestTransmitFollowsTimeExtensions(t *testing.T) {
	more := Message{Type: TypeDataBlock, P: [3]byte{0x80, 2, 0}}
	s := &script{t: t, answers: []step{{m: more}, {m: more}, {m: Message{Type: TypeDataBlock, Data: []byte{0x90, 0}}}}}
	got, err := NewSlot(s, 0).Transmit(t.Context(), []byte{0, 0xB2, 1, 0, 0x12})
	if err != nil || len(got) != 2 {
		t.Fatalf("% X, %v", got, err)
	}
}

func TestTransmitGivesUpOnEndlessExtensions(t *testing.T) {
	s := &script{t: t}
	for range maxExtensions + 1 {
		s.answers = append(s.answers, step{m: Message{Type: TypeDataBlock, P: [3]byte{0x80, 1, 0}}})
	}
	s.answers = append(s.answers, step{m: Message{Type: TypeSlotStatus}}) // the reader itself is alive
	_, err := NewSlot(s, 0).Transmit(t.Context(), []byte{0, 0xB2, 1, 0, 0x12})
	if !errors.Is(err, apdu.ErrSpoilt) {
		t.Fatalf("%v", err)
	}
}

func TestSilenceAsksWhetherTheReaderLives(t *testing.T) {
	s := &script{t: t, answers: []step{{err: wire.ErrSilent}, {m: Message{Type: TypeSlotStatus}}}}
	if _, err := NewSlot(s, 0).Transmit(t.Context(), []byte{0, 0xB2, 1, 0, 0x12}); !errors.Is(err, apdu.ErrSpoilt) {
		t.Errorf("reader alive: %v", err)
	}
	s = &script{t: t, answers: []step{{err: wire.ErrSilent}, {err: wire.ErrSilent}}}
	if _, err := NewSlot(s, 0).Transmit(t.Context(), []byte{0, 0xB2, 1, 0, 0x12}); errors.Is(err, apdu.ErrSpoilt) || !errors.Is(err, wire.ErrSilent) {
		t.Errorf("reader dead: %v", err)
	}
}

func TestTransmitRefusesOversizedBlocks(t *testing.T) {
	if _, err := NewSlot(&script{t: t}, 0).Transmit(t.Context(), make([]byte, MaxData+1)); !errors.Is(err, ErrLength) {
		t.Fatal(err)
	}
}
