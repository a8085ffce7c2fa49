package gempc

import (
	"bytes"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"gongji/cardreader/ccid"
	"gongji/cardreader/internal/golden"
)

// decodeAll feeds the chunks and returns all items.
func decodeAll(chunks ...[]byte) []Item {
	var d Decoder
	var items []Item
	for _, c := range chunks {
		d.Write(c)
		for {
			item, ok := d.Next()
			if !ok {
				break
			}
			items = append(items, item)
		}
	}
	return items
}

func TestGoldenFramesSurviveParsing(t *testing.T) {
	for _, row := range golden.T0() {
		for _, frame := range [][]byte{row.Host, row.Reader} {
			items := decodeAll(frame)
			if len(items) != 1 || items[0].Kind != ItemMessage {
				t.Fatalf("%s: % X decodes as %v", row.Step, frame, items)
			}
			if got := Encode(items[0].Message); !bytes.Equal(got, frame) {
				t.Errorf("%s: % X encodes again as % X", row.Step, frame, got)
			}
		}
	}
}

func TestDecoderNamesWhatItFinds(t *testing.T) {
	frame := Encode(ccid.Message{Type: ccid.TypeSlotStatus, Seq: 2, P: [3]byte{2, 0, 0}})
	bad := bytes.Clone(frame)
	bad[len(bad)-1] ^= 1
	long := []byte{sync, ack, 0x80, 0x06, 0x01, 0x00, 0x00}
	for name, c := range map[string]struct {
		in   []byte
		want string
	}{
		"nak":             {NAK(), "[NAK]"},
		"came and left":   {[]byte{0x50, 3, 0x50, 2}, "[card came card left]"},
		"time then frame": {append([]byte{0x9A}, frame...), "[time request frame]"},
		"garbage":         {append([]byte{0, 0x7F, 0x11, 6}, frame...), "[garbage frame]"},
		"half a notice":   {append([]byte{0x50, 9}, frame...), "[garbage garbage frame]"},
		"bad checksum":    {bad, "[bad frame]"},
		"length 262":      {long, "[bad frame]"},
		"false NAK":       {[]byte{sync, nak, 0}, "[bad frame]"},
		"truncated":       {frame[:9], "[]"},
	} {
		var kinds []ItemKind
		for _, item := range decodeAll(c.in) {
			kinds = append(kinds, item.Kind)
		}
		if got := fmt.Sprint(kinds); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// However the line cuts the bytes, the items are the same.
func TestDecoderIgnoresHowBytesAreCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.SampledFrom([]byte{0x03, 0x06, 0x15, 0x16, 0x50, 0x02, 0x80, 0x9A, 0x00, 0x81, 0x41}), 0, 60).Draw(t, "bytes")
		cut := rapid.IntRange(0, len(b)).Draw(t, "cut")
		whole, parts := decodeAll(b), decodeAll(b[:cut], b[cut:])
		var w, p []byte
		for _, item := range whole {
			if item.Kind != ItemGarbage {
				w = append(append(w, byte(item.Kind)), item.Raw...)
			}
		}
		for _, item := range parts {
			if item.Kind != ItemGarbage {
				p = append(append(p, byte(item.Kind)), item.Raw...)
			}
		}
		if !bytes.Equal(w, p) {
			t.Fatalf("% X whole gives % X, cut at %d % X", b, w, cut, p)
		}
	})
}

func FuzzDecoder(f *testing.F) {
	f.Add(Encode(ccid.Message{Type: ccid.TypeXfrBlock, Seq: 9, Data: []byte{1, 2, 3}}))
	f.Add([]byte{0x50, 3, 0x9A, 3, 0x15, 0x16, 0, 1, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		var d Decoder
		d.Write(b)
		var seen []byte
		for {
			item, ok := d.Next()
			if !ok {
				break
			}
			seen = append(seen, item.Raw...)
			if item.Kind == ItemMessage && !bytes.Equal(Encode(item.Message), item.Raw) {
				t.Fatalf("% X is read as % X", item.Raw, Encode(item.Message))
			}
		}
		if len(seen)+len(d.Held()) != len(b) || !bytes.HasPrefix(b, seen) {
			t.Fatalf("% X: items hold % X, %d bytes wait", b, seen, len(d.Held()))
		}
		if len(d.Held()) > MaxFrame {
			t.Fatalf("%d bytes wait for a frame of at most %d", len(d.Held()), MaxFrame)
		}
	})
}
