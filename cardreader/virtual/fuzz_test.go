package virtual

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"gongji/cardreader"
	"gongji/cardreader/serialport"
)

// meddled is a line to a reader's inside, on which somebody changes what the reader answers. Nothing on it takes time: a read
// beyond what was answered times out at once.
type meddled struct {
	machine machine
	script  []byte // what is done to the answers, in order; beyond its end they are honest
	rx      []byte
	writes  int
}

// mostWrites is far more than any reading sends, however often it begins again.
const mostWrites = 4000

var errTalksForEver = errors.New("the host does not stop")

// Write lets the reader answer.
func (l *meddled) Write(_ context.Context, p []byte) error {
	if l.writes++; l.writes > mostWrites {
		return errTalksForEver
	}
	for _, c := range l.machine.receive(p) {
		l.rx = append(l.rx, l.meddle(bytes.Clone(c.bytes))...)
	}
	return nil
}

// next is one number of the script; 0 beyond its end.
func (l *meddled) next() (b byte) {
	if len(l.script) > 0 {
		b, l.script = l.script[0], l.script[1:]
	}
	return b
}

// meddle changes an answer as the script says. The checksums of these readers are an XOR over the frame: two bytes that are
// changed alike leave it good, so that what is changed gets past it.
func (l *meddled) meddle(answer []byte) []byte {
	switch op := l.next(); {
	case op == 0 || len(answer) < 4:
	case op < 128: // two bytes, alike
		mask, first, second := l.next(), int(l.next()), int(l.next())
		answer[first%len(answer)] ^= mask
		answer[second%len(answer)] ^= mask
	case op < 160:
		return append(answer, answer...)
	case op < 192:
		return answer[:int(l.next())%len(answer)]
	case op < 224:
		n := min(int(l.next()), len(l.script))
		answer, l.script = append(bytes.Clone(l.script[:n]), answer...), l.script[n:]
	default:
		return nil
	}
	return answer
}

// Read takes what was answered.
func (l *meddled) Read(_ context.Context, p []byte, _ time.Time) (int, error) {
	if len(l.rx) == 0 {
		return 0, serialport.ErrTimeout
	}
	n := copy(p, l.rx)
	l.rx = l.rx[n:]
	return n, nil
}

func (l *meddled) Flush() error { l.rx = nil; return nil }
func (l *meddled) Close() error { return nil }

// read reads the medium once over such a line.
func read(t *testing.T, kind string, m Medium, script []byte) (cardreader.Credential, error) {
	t.Helper()
	inside := machines[kind].build(Options{Kind: kind, Firmware: DefaultFirmware})
	inside.move(m)
	line := &meddled{machine: inside, script: script}
	open := func(context.Context) (cardreader.Port, error) { return line, nil }
	c, err := cardreader.ReadOnce(t.Context(), cardreader.Options{
		Name: "fuzz", Kind: kind, Open: open, OpenAt: func(ctx context.Context, _ int) (cardreader.Port, error) { return open(ctx) },
	}, nil)
	if line.writes > mostWrites {
		t.Fatalf("more than %d commands in one reading", mostWrites)
	}
	return c, err
}

// blockCard is the file of a card that speaks T=1.
const blockCard = `{"kind":"social-2.00","protocol":"T1","ef05":{"01":"430100D15600000500BF7C7A48FB4966","07":"A12345678","05":"20240101",
	"06":"20340101"},"ef06":{"08":"11010519491231002X","09":"买买提·吐尔逊","0A":"2","0C":"1101","0B":"01","0D":"19491231"}}`

// FuzzReading: whatever a reader, or the card in it, answers to the commands of a reading, the reading ends, with a card or
// with a fault that has a name.
func FuzzReading(f *testing.F) {
	kinds := []string{KindGemPC, KindACS, KindSDT}
	for i := range kinds {
		f.Add(uint8(i), false, []byte{})
		f.Add(uint8(i), false, []byte{0, 0, 0, 9, 0x40, 8, 11, 200, 3, 'a', 'b', 'c', 255, 0, 130})
		f.Add(uint8(i), true, []byte{0, 0, 1, 0x60, 10, 12, 0, 1, 1, 12, 13, 170, 9})
	}
	f.Fuzz(func(t *testing.T, which uint8, blocks bool, script []byte) {
		kind := kinds[int(which)%len(kinds)]
		m := SampleMedium(kind)
		if _, is := m.(Card); is && blocks {
			var err error
			if m, err = LoadCard(strings.NewReader(blockCard)); err != nil {
				t.Fatal(err)
			}
		}
		c, err := read(t, kind, m, script)
		var fault *cardreader.Fault
		if err != nil && !errors.As(err, &fault) && !errors.Is(err, cardreader.ErrNoCard) {
			t.Fatalf("a fault without a name: %v", err)
		}
		if err == nil && c.IDNumber == "" && !c.NeedsAuthentication && c.Document == nil {
			t.Fatalf("a card of nobody: %+v", c)
		}
	})
}

// FuzzMedium: a file of a card, a document or a code is refused or taken; what is taken is read from a reader as it is, or the
// reader says why not.
func FuzzMedium(f *testing.F) {
	kinds := []string{KindGemPC, KindACS, KindSDT, KindScanner}
	for i, file := range []string{
		blockCard,
		`{"kind":"bank","atr":"3B6D00000081544A434F532D503031312E30"}`,
		`{"type":"foreign-2023","name":"","english_name":"ZHENG, JIAN","sex":"1","country":"GBR","birth":"1981-11-21","number":"931156198111210013","issuer":"1500","from":"20231106","to":"20331105"}`,
		`{"text":"4241234567890123456708330000"}`,
	} {
		f.Add(uint8(i), []byte(file)) //nolint:gosec // four
	}
	f.Fuzz(func(t *testing.T, which uint8, file []byte) {
		kind := kinds[int(which)%len(kinds)]
		m, err := LoadMedium(kind, bytes.NewReader(file))
		if err != nil || kind == KindScanner {
			return
		}
		c, err := read(t, kind, m, nil)
		var fault *cardreader.Fault
		if err != nil && !errors.As(err, &fault) && !errors.Is(err, cardreader.ErrNoCard) {
			t.Fatalf("a fault without a name: %v", err)
		}
		if card, is := m.(Card); is && err == nil && c.IDNumber != string(bytes.TrimRight(card.ef06[8], "\x00")) {
			t.Fatalf("%q is on the card, and %q was read", card.ef06[8], c.IDNumber)
		}
	})
}
