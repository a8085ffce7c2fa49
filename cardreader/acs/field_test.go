package acs

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"gongji/cardreader/apdu"
	"gongji/cardreader/ccid"
	"gongji/cardreader/internal/golden"
	"gongji/cardreader/wire"
)

// want demands that a state was seen without trouble.
func want(t *testing.T, what string, f *Field, state ccid.CardState) {
	t.Helper()
	if got, err := f.Status(t.Context()); err != nil || got != state {
		t.Fatalf("%s: state %d, want %d, %v", what, got, state, err)
	}
}

// The driver makes exactly the golden host frames, in this order, and understands the golden answers.
func TestGoldenReadingThroughTheRadioPart(t *testing.T) {
	rows := golden.ACR122()
	l := &golden.Tape{}
	for _, r := range rows {
		l.Replies = append(l.Replies, taken(r.Reader))
	}
	k, ctx := link(l, 0), t.Context()
	if name, err := k.Firmware(ctx); err != nil || name != "ACR122S-Sim" {
		t.Fatalf("firmware %q, %v", name, err)
	}
	f := NewField(k)
	if err := f.Start(ctx); err != nil {
		t.Fatal(err)
	}
	want(t, "empty field", f, ccid.CardAbsent)
	want(t, "a card came", f, ccid.CardInactive)
	atr, err := f.PowerOn(ctx)
	if err != nil || !bytes.Equal(atr.Bytes(), []byte{0x3B, 0x8D, 0x80, 0x01, 0x00, 0x81, 0x4E, 0x43, 0x23, 0x86, 0x97, 0x15, 0x99, 0x00, 0xBF, 0x7C, 0x7A, 0x87}) {
		t.Fatalf("answer to reset % X, %v", atr.Bytes(), err)
	}
	ch := apdu.T0{Card: f, Direct: true}
	if r, err := ch.Do(ctx, apdu.Select(4, []byte("sx1.sh.\xC9\xE7\xBB\xE1\xB1\xA3\xD5\xCF"))); err != nil || r.SW != apdu.OK || len(r.Data) != 30 {
		t.Fatalf("SELECT SSSE: %v %v", r.SW, err)
	}
	if r, err := ch.Do(ctx, apdu.Command{INS: apdu.InsReadRecord, P1: 7, P2: 0x2C, Le: 11}); err != nil || string(r.Data[2:]) != "X00000019" {
		t.Fatalf("READ RECORD: %v", err)
	}
	want(t, "the card is still there", f, ccid.CardActive)
	var gone *ccid.Error
	if _, err := f.Transmit(ctx, []byte{0, 0xB2, 1, 0x34, 0x14}); !errors.As(err, &gone) || gone.Code != ccid.CodeMute {
		t.Fatalf("card taken away: %v", err)
	}
	want(t, "the card is gone", f, ccid.CardAbsent)
	if len(l.Sent) != len(rows) {
		t.Fatalf("%d frames sent, want %d", len(l.Sent), len(rows))
	}
	for i, r := range rows {
		if !bytes.Equal(l.Sent[i], r.Host) {
			t.Errorf("%s: sent % X, want % X", r.Step, l.Sent[i], r.Host)
		}
	}
}

// radio is a line to a reader whose radio part answers with what the test has prepared, whatever number the command has.
type radio struct {
	answers [][]byte // data of the answers, status word included
	asked   [][]byte // data of the commands
	dec     Decoder
	rx      []byte
}

func (r *radio) Write(_ context.Context, p []byte) error {
	r.dec.Write(p)
	item, ok := r.dec.Next()
	if !ok || len(r.answers) == 0 {
		return nil
	}
	r.asked = append(r.asked, item.Message.Data)
	m := ccid.Message{Type: ccid.TypeDataBlock, Seq: item.Message.Seq, P: [3]byte{0, GoodError, 0}, Data: r.answers[0]}
	r.rx = append(r.rx, taken(Encode(m))...)
	r.answers = r.answers[1:]
	return nil
}

func (r *radio) Read(_ context.Context, p []byte, _ time.Time) (int, error) {
	if len(r.rx) == 0 {
		return 0, golden.ErrTimeout
	}
	n := copy(p, r.rx)
	r.rx = r.rx[n:]
	return n, nil
}

// said is an answer of the chip with the reader's status word.
func said(b ...byte) []byte { return append(append([]byte{0xD5}, b...), 0x90, 0x00) }

// with returns a field in which a card was opened, and its line.
func with(answers ...[]byte) (*Field, *radio) {
	r := &radio{answers: answers}
	f := NewField(link(r, 0))
	f.opened, f.powered, f.used = true, true, true
	return f, r
}

// Long commands go in pieces with the bit that says more follows, and long answers come so.
func TestPieces(t *testing.T) {
	head, tail := bytes.Repeat([]byte{0xAB}, 200), []byte{0xCD, 0x90, 0x00}
	f, r := with(said(0x41, 0x00), said(append([]byte{0x41, 0x40}, head...)...), said(append([]byte{0x41, 0x00}, tail...)...))
	command := append([]byte{0x00, 0xD6, 0x00, 0x00, 0xFF}, bytes.Repeat([]byte{0x11}, 255)...)
	got, err := f.Transmit(t.Context(), command)
	if err != nil || !bytes.Equal(got, slices.Concat(head, tail)) {
		t.Fatalf("% X %v", got, err)
	}
	wanted := [][]byte{
		slices.Concat([]byte{0xFF, 0, 0, 0, 0xFF, 0xD4, 0x40, 0x41}, command[:252]),
		slices.Concat([]byte{0xFF, 0, 0, 0, 11, 0xD4, 0x40, 0x01}, command[252:]),
		{0xFF, 0, 0, 0, 3, 0xD4, 0x40, 0x01},
	}
	if !slices.EqualFunc(r.asked, wanted, bytes.Equal) {
		t.Errorf("asked % X", r.asked)
	}
	endless := make([][]byte, 40)
	for i := range endless {
		endless[i] = said(append([]byte{0x41, 0x40}, head...)...)
	}
	f, _ = with(endless...)
	if _, err := f.Transmit(t.Context(), []byte{0, 0xB2, 1, 0, 0}); !errors.Is(err, apdu.ErrLoop) {
		t.Errorf("an answer without end: %v", err)
	}
}

// Some firmware wants the answer fetched.
func TestAnswerThatHasToBeFetched(t *testing.T) {
	f, r := with([]byte{0x61, 0x07}, said(0x41, 0x00, 0x6A, 0x82))
	got, err := f.Transmit(t.Context(), []byte{0, 0xA4, 2, 0, 2, 0xEF, 5})
	if err != nil || !bytes.Equal(got, []byte{0x6A, 0x82}) || !bytes.Equal(r.asked[1], []byte{0xFF, 0xC0, 0, 0, 7}) {
		t.Errorf("% X after % X, %v", got, r.asked, err)
	}
}

// What goes wrong with the card and what with the reader are told apart.
func TestTroubleInTheField(t *testing.T) {
	for status, code := range map[byte]byte{0x01: ccid.CodeMute, 0x27: ccid.CodeMute, 0x29: ccid.CodeMute, 0x02: ccid.CodeParity, 0x03: ccid.CodeParity, 0x05: ccid.CodeParity} {
		f, _ := with(said(0x41, status))
		var failed *ccid.Error
		if _, err := f.Transmit(t.Context(), []byte{0, 0xB2, 1, 0, 0}); !errors.As(err, &failed) || failed.Code != code || failed.Gone() || f.opened {
			t.Errorf("status %02X: %v", status, err)
		}
	}
	for name, c := range map[string]struct {
		answer []byte
		want   error
	}{
		"refused": {[]byte{0x63, 0x00}, ErrField}, "another answer": {said(0x4B, 0x00), apdu.ErrSpoilt}, "nothing in it": {said(0x41), apdu.ErrSpoilt},
		"no status word": {[]byte{0xD5}, apdu.ErrShort},
	} {
		f, _ := with(c.answer)
		if _, err := f.Transmit(t.Context(), []byte{0, 0xB2, 1, 0, 0}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	f, _ := with([]byte{0x63, 0x01}, said(0x33), said(0x4B, 0))
	want(t, "no sign of life, and then no card", f, ccid.CardAbsent)
	f, _ = with([]byte{0x63, 0x01}, []byte{0x63, 0x01})
	if _, err := f.Status(t.Context()); !errors.Is(err, ErrField) {
		t.Errorf("the chip is silent: %v", err)
	}
	f, _ = with(said(9), said(9), said(9), said(9), said(9))
	if _, err := f.Status(t.Context()); !errors.Is(err, wire.ErrSpoilt) || errors.Is(err, apdu.ErrSpoilt) {
		t.Errorf("only strange answers: %v", err)
	}
}

// A list whose answer makes no sense is asked for again with a new field; a card of an older kind is there and cannot be read.
func TestListsOfCards(t *testing.T) {
	off, none := said(0x33), said(0x4B, 0)
	opened := said(0x4B, 1, 1, 0, 4, 0x20, 4, 1, 2, 3, 4, 2, 0x00)
	for name, bad := range map[string][]byte{
		"two cards": said(0x4B, 2, 1, 0, 4, 0x20, 0), "short": said(0x4B, 1, 1, 0), "UID cut": said(0x4B, 1, 1, 0, 4, 0x20, 7, 1, 2),
		"other target": said(0x4B, 1, 2, 0, 4, 0x20, 0, 1), "ATS length": said(0x4B, 1, 1, 0, 4, 0x20, 0, 9, 1), "ATS cut": said(0x4B, 1, 1, 0, 4, 0x20, 0, 2, 0x70),
	} {
		f, r := with(off, bad, off, opened)
		f.opened, f.powered = false, false
		want(t, name, f, ccid.CardInactive)
		if atr, err := f.PowerOn(t.Context()); err != nil || len(atr.Historical) != 0 || len(r.answers) != 0 {
			t.Errorf("%s: % X %v, %d answers left", name, atr.Bytes(), err, len(r.answers))
		}
	}
	var old *ccid.Error
	f, _ := with(off, said(0x4B, 1, 1, 0, 4, 0x08, 4, 1, 2, 3, 4))
	if _, err := f.PowerOn(t.Context()); !errors.As(err, &old) || old.Code != ccid.CodeProtocol || old.Gone() {
		t.Errorf("a card of an older kind: %v", err)
	}
	f, _ = with(off, none)
	if _, err := f.PowerOn(t.Context()); !errors.As(err, &old) || !old.Gone() {
		t.Errorf("no card: %v", err)
	}
}

// The family is believed when two answers agree: one that the line changed is asked for again.
func TestFirmwareMustBeSaidTwice(t *testing.T) {
	name, other := []byte("ACR122S203"), []byte("BCR122S203")
	for what, c := range map[string]struct {
		answers [][]byte
		want    string
	}{
		"at once": {[][]byte{name, name}, "ACR122S203"}, "changed once": {[][]byte{other, name, name}, "ACR122S203"}, "another family": {[][]byte{{0x6A, 0x81}, {0x6A, 0x81}}, ""},
	} {
		r := &radio{answers: c.answers}
		if got, err := link(r, 0).Firmware(t.Context()); err != nil || got != c.want || len(r.answers) != 0 {
			t.Errorf("%s: %q %v", what, got, err)
		}
	}
	r := &radio{answers: [][]byte{name, other, name, other, name, other}}
	if _, err := link(r, 0).Firmware(t.Context()); !errors.Is(err, wire.ErrSpoilt) {
		t.Errorf("answers that never agree: %v", err)
	}
}

// FuzzList: whatever the radio part says about cards, what is taken for an opened card has an answer to reset that is one.
func FuzzList(f *testing.F) {
	f.Add([]byte{0})
	f.Add([]byte{1, 1, 0, 4, 0x20, 4, 1, 2, 3, 4, 5, 0x75, 0x80, 0x80, 0})
	f.Add([]byte{1, 1, 0, 4, 0x08, 4, 1, 2, 3, 4})
	f.Add([]byte{1, 1, 0, 4, 0x20, 0xFF, 1, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		field := NewField(link(&radio{}, 0))
		found, err := field.take(b)
		if field.opened && (!found || err != nil) {
			t.Fatalf("opened, and found %v, %v", found, err)
		}
		if !field.opened {
			return
		}
		again, err := apdu.ParseATR(field.atr.Bytes())
		if err != nil || !bytes.HasSuffix(b, again.Historical) && len(again.Historical) < maxHistorical {
			t.Fatalf("% X from % X, %v", field.atr.Bytes(), b, err)
		}
	})
}
