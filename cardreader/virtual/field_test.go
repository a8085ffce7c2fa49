package virtual

import (
	"bytes"
	"testing"

	"gongji/cardreader/acs"
	"gongji/cardreader/internal/golden"
)

// Every row of the golden reading through the radio part, byte for byte.
func TestGoldenACR122FromTheReaderSide(t *testing.T) {
	r, h := memoryHost(t, Options{Kind: KindACS, Model: ModelACR122S})
	for _, row := range golden.ACR122() {
		switch row.Step {
		case "InListPassiveTarget, a card":
			r.Insert(SampleCard())
		case "InDataExchange, card taken away":
			r.Remove()
		}
		want := append(acs.StatusAccepted.Bytes(), row.Reader...)
		if got := h.ask(row.Host, len(want)); !bytes.Equal(got, want) {
			t.Errorf("%s: % X, want % X", row.Step, got, want)
		}
	}
}

// The radio part is as strict as the real one about the order of commands.
func TestFieldIsStrict(t *testing.T) {
	ok := []byte{0x90, 0x00}
	list, off, refused := "FF00000004D44A0100", "FF00000004D4320100", []byte{0x63, 0x00}
	f := newField()
	for _, step := range []struct {
		name, command string
		before        func()
		want          []byte
	}{
		{"exchange before a list", "FF00000004D4400100", nil, append([]byte{0xD5, 0x41, 0x27}, ok...)},
		{"sign of life before a list", "FF00000003D40006", nil, append([]byte{0xD5, 0x01, 0x27}, ok...)},
		{"type B", "FF00000005D44A010300", func() { f.place.put(SampleCard()) }, refused},
		{"a mute card", list, func() { f.place.put(SampleCard().Mute()) }, append([]byte{0xD5, 0x4B, 0}, ok...)},
		{"no automatic RATS", "FF00000003D41204", func() { f.place.put(SampleCard()) }, append([]byte{0xD5, 0x13}, ok...)},
		{"list without ATS", list, nil, append([]byte{0xD5, 0x4B, 1, 1, 0, 4, 0x20, 4, 4, 0xA1, 0xB2, 0xC3}, ok...)},
		{"a card that was called answers no other call", list, nil, append([]byte{0xD5, 0x4B, 0}, ok...)},
		{"another target", "FF00000003D44002", nil, append([]byte{0xD5, 0x41, 0x27}, ok...)},
		{"field off", off, nil, append([]byte{0xD5, 0x33}, ok...)},
		{"exchange without field", "FF00000008D4400100B2010000", nil, append([]byte{0xD5, 0x41, 0x27}, ok...)},
		{"length", "FF00000009D44A0100", nil, refused},
		{"unknown command", "FF00000002D466", nil, refused},
	} {
		if step.before != nil {
			step.before()
		}
		if got := f.pseudo(unhexed(t, step.command)); !bytes.Equal(got, step.want) {
			t.Errorf("%s: % X, want % X", step.name, got, step.want)
		}
	}
}

// Commands and answers go in pieces.
func TestFieldTakesAndGivesPieces(t *testing.T) {
	f := newField()
	f.place.put(SampleCard())
	f.pseudo(unhexed(t, "FF00000004D44A0100"))
	if got := f.pseudo(unhexed(t, "FF0000000AD4404100A404000F7378")); !bytes.Equal(got, []byte{0xD5, 0x41, 0, 0x90, 0}) {
		t.Fatalf("first piece: % X", got)
	}
	if got := f.pseudo(unhexed(t, "FF00000010D44001312E73682EC9E7BBE1B1A3D5CF")); len(got) != 3+30+2+2 || got[2] != 0 {
		t.Errorf("second piece: % X", got)
	}
	f.out = bytes.Repeat([]byte{7}, chipPiece+3)
	if got := f.pseudo(unhexed(t, "FF00000003D44001")); len(got) != 3+chipPiece+2 || got[2] != 0x40 {
		t.Errorf("first piece of the answer: %d bytes", len(got))
	}
	if got := f.pseudo(unhexed(t, "FF00000003D44001")); !bytes.Equal(got, []byte{0xD5, 0x41, 0, 7, 7, 7, 0x90, 0}) {
		t.Errorf("the rest: % X", got)
	}
}

func TestModelsOfAnACSReader(t *testing.T) {
	if _, err := NewMemoryReader(Options{Kind: KindACS, Model: "acr9"}); err == nil {
		t.Error("an unknown model was taken")
	}
	// Without power in the module's slot nothing reaches the radio part.
	_, h := memoryHost(t, Options{Kind: KindACS, Model: ModelACR122S})
	row := golden.ACR122()[3]
	got := h.ask(row.Host, 4+13)[4:]
	if got[8] != 0x41 || got[9] != 0xFE {
		t.Errorf("without power: % X", got)
	}
}
