package ccid

import (
	"bytes"
	"errors"
	"testing"
)

func TestParseRefusesWrongLengths(t *testing.T) {
	good := Message{Type: TypeXfrBlock, Seq: 9, Data: []byte{1, 2, 3}}.Bytes()
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"empty":       {nil, ErrShort},
		"half header": {good[:9], ErrShort},
		"data short":  {good[:len(good)-1], ErrLength},
		"data long":   {append(bytes.Clone(good), 0), ErrLength},
		"huge length": {[]byte{0x6F, 0xFF, 0xFF, 0xFF, 0x7F, 0, 0, 0, 0, 0}, ErrLength},
	} {
		if _, err := Parse(c.b); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	m, err := Parse(good)
	if err != nil || m.Seq != 9 || !bytes.Equal(m.Data, []byte{1, 2, 3}) {
		t.Fatalf("%+v %v", m, err)
	}
}

func TestAnswersOnlyItsOwnCommand(t *testing.T) {
	command := Message{Type: TypeXfrBlock, Seq: 5}
	for name, c := range map[string]struct {
		m    Message
		want bool
	}{
		"answer":            {Message{Type: TypeDataBlock, Seq: 5}, true},
		"echo":              {command, false},
		"late answer":       {Message{Type: TypeDataBlock, Seq: 4}, false},
		"other slot":        {Message{Type: TypeDataBlock, Seq: 5, Slot: 1}, false},
		"other type":        {Message{Type: TypeParameters, Seq: 5}, false},
		"status, no fail":   {Message{Type: TypeSlotStatus, Seq: 5}, false},
		"status as refusal": {Message{Type: TypeSlotStatus, Seq: 5, P: [3]byte{0x41, 0, 0}}, true},
	} {
		if got := c.m.Answers(command); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestCodeNames(t *testing.T) {
	for code, want := range map[byte]string{0xFE: "card absent or mute", 0x00: "command not supported", 0x21: "bad byte at offset 33", 0x90: "error 90"} {
		if got := CodeName(code); got != want {
			t.Errorf("%02X: %q, want %q", code, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(Message{Type: TypeXfrBlock, Seq: 9, Data: []byte{1, 2, 3}}.Bytes())
	f.Add([]byte{0x81, 0, 0, 0, 0, 0, 1, 2, 0xFE, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		if err == nil && !bytes.Equal(m.Bytes(), b) {
			t.Fatalf("% X parses as %+v, which is % X", b, m, m.Bytes())
		}
	})
}
