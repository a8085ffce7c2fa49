package acs

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"gongji/cardreader/apdu"
	"gongji/cardreader/ccid"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// longRead is the published answer to a read of 256 bytes: 01 to FF, 00, and the status word.
func longRead() string {
	var data strings.Builder
	for i := 1; i <= 256; i++ {
		data.WriteString(hex.EncodeToString([]byte{byte(i)}))
	}
	return "02 80 02 01 00 00 00 00 00 81 00" + data.String() + "9000 92 03"
}

// published are the frames printed in the reader's manual with their checksums.
var published = []struct {
	frame string
	want  ccid.Message
}{
	{"02 62 00 00 00 00 00 00 00 00 00 62 03", ccid.Message{Type: 0x62}},
	{"02 80 10 00 00 00 00 00 00 81 00 3B 8B 80 01 4A 43 4F 50 33 31 33 36 47 44 54 4C 2A 03", ccid.Message{Type: 0x80, P: [3]byte{0, 0x81, 0}}},
	{"02 63 00 00 00 00 00 00 00 00 00 63 03", ccid.Message{Type: 0x63}},
	{"02 81 00 00 00 00 00 00 00 81 00 00 03", ccid.Message{Type: 0x81, P: [3]byte{0, 0x81, 0}}},
	{"02 6F 05 00 00 00 00 00 00 00 00 80 B2 00 00 00 58 03", ccid.Message{Type: 0x6F}},
	{longRead(), ccid.Message{Type: 0x80, P: [3]byte{0, 0x81, 0}}},
	{"02 62 00 00 00 00 01 00 00 00 00 63 03", ccid.Message{Type: 0x62, Slot: 1}},
	{"02 80 13 00 00 00 01 00 00 81 00 3B BE 11 00 00 41 01 38 00 00 01 00 00 00 00 00 01 90 00 6F 03", ccid.Message{Type: 0x80, Slot: 1, P: [3]byte{0, 0x81, 0}}},
	{"02 6F 05 00 00 00 01 00 00 00 00 80 84 00 00 08 67 03", ccid.Message{Type: 0x6F, Slot: 1}},
	{"02 80 0A 00 00 00 01 00 00 81 00 C2 FF 2D 23 C5 F6 5C F2 90 00 34 03", ccid.Message{Type: 0x80, Slot: 1, P: [3]byte{0, 0x81, 0}}},
	{"02 6B 06 00 00 00 01 00 00 00 00 E0 00 00 28 01 05 A0 03", ccid.Message{Type: 0x6B, Slot: 1}},
	{"02 83 06 00 00 00 01 00 02 00 00 E1 00 00 00 01 05 63 03", ccid.Message{Type: 0x83, Slot: 1, P: [3]byte{2, 0, 0}}},
}

// decodeOne wants exactly one item.
func decodeOne(t *testing.T, b []byte) Item {
	t.Helper()
	var d Decoder
	d.Write(b)
	item, ok := d.Next()
	if !ok || len(d.Held()) != 0 {
		t.Fatalf("% X: %v, %d bytes left", b, ok, len(d.Held()))
	}
	return item
}

func TestPublishedFrames(t *testing.T) {
	if len(published) != 12 {
		t.Fatal(len(published))
	}
	for _, c := range published {
		raw := unhex(t, c.frame)
		item := decodeOne(t, raw)
		m := item.Message
		if item.Kind != ItemMessage || m.Type != c.want.Type || m.Slot != c.want.Slot || m.P != c.want.P {
			t.Errorf("%s: %s %+v", c.frame, item.Kind, m)
		}
		if !bytes.Equal(Encode(m), raw) {
			t.Errorf("%s encodes again as % X", c.frame, Encode(m))
		}
		if m.FromReader() && m.Outcome() != ccid.OutcomeOK {
			t.Errorf("%s: bError %02X was taken for a failure", c.frame, m.P[1])
		}
	}
	// The two answers to reset: the second ends with what looks like a status word and belongs to it.
	for _, i := range []int{1, 7} {
		m := decodeOne(t, unhex(t, published[i].frame)).Message
		if a, err := apdu.CutATR(m.Data); err != nil || !bytes.Equal(a.Bytes(), m.Data) {
			t.Errorf("% X: %v", m.Data, err)
		}
	}
}

func TestShortFrames(t *testing.T) {
	for s, want := range map[string]Status{
		"02 00 00 03": StatusAccepted, "02 FF FF 03": StatusChecksum, "02 FE FE 03": StatusLength, "02 FD FD 03": StatusETX,
		"02 FC FC 03": StatusTimeout, "02 99 99 03": StatusTimeout2, "02 FB FB 03": StatusSlot,
	} {
		item := decodeOne(t, unhex(t, s))
		if item.Kind != ItemStatus || item.Status != want || !bytes.Equal(want.Bytes(), unhex(t, s)) || want.String() == "" {
			t.Errorf("%s: %s %v", s, item.Kind, item.Status)
		}
	}
	for s, want := range map[string]Slots{
		"02 50 0C 5C 03": ContactPresent | ContactChanged, "02 50 08 58 03": ContactChanged, "02 50 03 53 03": ContactlessPresent | ContactlessChanged,
		"02 50 02 52 03": ContactlessChanged, "02 50 07 57 03": ContactlessPresent | ContactlessChanged | ContactPresent,
	} {
		item := decodeOne(t, unhex(t, s))
		if item.Kind != ItemEvent || item.Slots != want || !bytes.Equal(Event(want), unhex(t, s)) {
			t.Errorf("%s: %s %v", s, item.Kind, item.Slots)
		}
	}
	if s := ContactPresent | ContactChanged; !s.Changed(SlotContact) || !s.Present(SlotContact) || s.Changed(SlotContactless) || s.Present(SlotContactless) {
		t.Error("slots mixed up")
	}
	repeat := unhex(t, "02 00 00 00 00 00 00 00 00 00 00 00 03")
	if item := decodeOne(t, repeat); item.Kind != ItemMessage || item.Message.Type != 0 || !bytes.Equal(Repeat(), repeat) {
		t.Errorf("%s % X", item.Kind, Repeat())
	}
}

func TestDecoderRefuses(t *testing.T) {
	good := unhex(t, published[8].frame)
	broken := func(at int, v byte) []byte {
		b := bytes.Clone(good)
		b[at] ^= v
		return b
	}
	for name, c := range map[string]struct {
		raw  []byte
		want ItemKind
	}{
		"checksum":    {broken(len(good)-2, 0x5A), ItemBad},
		"no ETX":      {broken(len(good)-1, 1), ItemBad},
		"data":        {broken(12, 0x10), ItemBad},
		"huge length": {broken(3, 0x40), ItemBad},
		"no type":     {broken(1, 0x80), ItemGarbage},
		"event":       {unhex(t, "02 50 0C 5D 03"), ItemGarbage},
		"half status": {unhex(t, "02 FF FE 03"), ItemGarbage},
	} {
		var d Decoder
		d.Write(c.raw)
		if item, ok := d.Next(); !ok || item.Kind != c.want {
			t.Errorf("%s: %v %s", name, ok, item.Kind)
		}
	}
}

// A frame is found whatever the pieces it comes in and whatever stands before it.
func TestDecoderByteByByte(t *testing.T) {
	var d Decoder
	var got []Item
	for _, v := range slices.Concat([]byte{0x11, 0x7F}, StatusAccepted.Bytes(), unhex(t, longRead()), Event(ContactChanged)) {
		d.Write([]byte{v})
		for item, ok := d.Next(); ok; item, ok = d.Next() {
			got = append(got, item)
		}
	}
	var kinds []ItemKind
	for _, item := range got {
		kinds = append(kinds, item.Kind)
	}
	if !slices.Equal(kinds, []ItemKind{ItemGarbage, ItemGarbage, ItemStatus, ItemMessage, ItemEvent}) {
		t.Errorf("%v", kinds)
	}
}

// Whatever comes in, no byte is lost or doubled, and what parses encodes again to the same bytes.
func FuzzDecoder(f *testing.F) {
	for _, c := range published {
		f.Add(unhex(f, c.frame))
	}
	f.Add(Repeat())
	f.Add(slices.Concat(StatusAccepted.Bytes(), Event(ContactPresent)))
	f.Fuzz(func(t *testing.T, b []byte) {
		var d Decoder
		d.Write(b)
		var all []byte
		for item, ok := d.Next(); ok; item, ok = d.Next() {
			var again []byte
			switch item.Kind {
			case ItemMessage:
				again = Encode(item.Message)
			case ItemStatus:
				again = item.Status.Bytes()
			case ItemEvent:
				again = Event(item.Slots)
			default:
				again = item.Raw
			}
			if !bytes.Equal(again, item.Raw) {
				t.Fatalf("%s: % X encodes again as % X", item.Kind, item.Raw, again)
			}
			all = append(all, item.Raw...)
		}
		if !bytes.Equal(append(all, d.Held()...), b) {
			t.Fatalf("% X came out as % X", b, all)
		}
	})
}
