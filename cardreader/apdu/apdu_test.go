package apdu

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestATR(t *testing.T) {
	for _, c := range []struct {
		atr, history, protocols string
		ifsc                    int
	}{
		{"3B 6D 00 00 00 81 4E 43 23 86 97 15 99 00 BF 7C 7A", "00 81 4E 43 23 86 97 15 99 00 BF 7C 7A", "00", 32},
		{"3B 6D 00 00 00 81 54 4C 92 86 84 42 01 00 00 01 35", "00 81 54 4C 92 86 84 42 01 00 00 01 35", "00", 32},
		{"3B ED 00 00 81 31 FE 42 00 81 4E 43 23 86 97 15 99 00 BF 7C 7A 6A", "00 81 4E 43 23 86 97 15 99 00 BF 7C 7A", "01", 254},
		{"3B 7D 94 00 00 00 81 4E 43 23 86 97 15 99 00 BF 7C 7A", "00 81 4E 43 23 86 97 15 99 00 BF 7C 7A", "00", 32},
	} {
		a, err := ParseATR(unhex(t, c.atr))
		if err != nil {
			t.Errorf("%s: %v", c.atr, err)
			continue
		}
		if !bytes.Equal(a.Historical, unhex(t, c.history)) || !bytes.Equal(a.Protocols(), unhex(t, c.protocols)) || a.IFSC() != c.ifsc {
			t.Errorf("%s: history % X, protocols % X, IFSC %d", c.atr, a.Historical, a.Protocols(), a.IFSC())
		}
		if !bytes.Equal(a.Bytes(), unhex(t, c.atr)) {
			t.Errorf("%s encodes again as % X", c.atr, a.Bytes())
		}
	}
	a, _ := ParseATR(unhex(t, "3B 7D 94 00 00 00 81 4E 43 23 86 97 15 99 00 BF 7C 7A"))
	if a.FiDi() != 0x94 || a.Specific() {
		t.Errorf("TA1 %02X, specific %v", a.FiDi(), a.Specific())
	}
}

func TestATRRefusals(t *testing.T) {
	for name, s := range map[string]string{
		"nothing":             "",
		"TS":                  "3A 6D 00 00",
		"truncated":           "3B 6D 00 00 00 81 4E",
		"surplus":             "3B 02 14 50 90",
		"interface missing":   "3B F0 11",
		"TCK wrong":           "3B ED 00 00 81 31 FE 42 00 81 4E 43 23 86 97 15 99 00 BF 7C 7A 6B",
		"longer than allowed": "3B 0F" + strings.Repeat("00", 40),
	} {
		if a, err := ParseATR(unhex(t, s)); !errors.Is(err, ErrATR) {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
}

func FuzzATR(f *testing.F) {
	f.Add(unhex(f, "3B ED 00 00 81 31 FE 42 00 81 4E 43 23 86 97 15 99 00 BF 7C 7A 6A"))
	f.Add(unhex(f, "3B 6D 00 00 00 81 4E 43 23 86 97 15 99 00 BF 7C 7A"))
	f.Add([]byte{0x3F, 0x80, 0x80, 0x80, 0x00})
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := ParseATR(b)
		if err == nil && !bytes.Equal(a.Bytes(), b) {
			t.Fatalf("% X encodes again as % X", b, a.Bytes())
		}
		_, _, _ = a.Protocols(), a.IFSC(), a.CRC()
	})
}

func FuzzCommand(f *testing.F) {
	f.Add([]byte{0, 0xA4, 4, 0})
	f.Add([]byte{0, 0xB2, 1, 0, 0x12})
	f.Add([]byte{0, 0xA4, 2, 0, 2, 0xEF, 5, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseCommand(b)
		if err != nil {
			return
		}
		if got, err := c.Bytes(); err != nil || !bytes.Equal(got, b) {
			t.Fatalf("% X encodes again as % X, %v", b, got, err)
		}
	})
}

func FuzzBlock(f *testing.F) {
	f.Add([]byte{0, 0xC1, 1, 0xFE, 0x3E})
	f.Add([]byte{0, 0x80, 0, 0x80})
	f.Fuzz(func(t *testing.T, b []byte) {
		if block, err := ParseBlock(b); err == nil && !bytes.Equal(block.Bytes(), b) {
			t.Fatalf("% X encodes again as % X", b, block.Bytes())
		}
	})
}

func TestStatusWords(t *testing.T) {
	for sw, want := range map[SW]string{
		0x9000: "9000 ok", 0x6982: "6982 security status not satisfied", 0x611E: "611E 30 bytes waiting", 0x6C00: "6C00 exact length is 256",
		0x63C2: "63C2 wrong PIN, 2 tries left", 0x1234: "1234 unknown status",
	} {
		if got := sw.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for sw, want := range map[SW]int{0x9000: 0, 0x6982: -27010, 0x6A82: -27266, 0x6E00: -28160, 0x9303: -37635, 0x63C1: -51, 0x6700: -26368} {
		if got := sw.TerminalCode(); got != want {
			t.Errorf("%04X: %d, want %d", uint16(sw), got, want)
		}
	}
}

// player answers TPDUs from a script: command in hex, answer in hex; "!" stands for an answer spoilt on the line.
type player struct {
	t      *testing.T
	script []string
}

func (p *player) Transmit(_ context.Context, b []byte) ([]byte, error) {
	p.t.Helper()
	if len(p.script) < 2 {
		p.t.Fatalf("unexpected % X", b)
	}
	want, answer := p.script[0], p.script[1]
	p.script = p.script[2:]
	if !bytes.Equal(b, unhex(p.t, want)) {
		p.t.Fatalf("sent % X, want %s", b, want)
	}
	if answer == "!" {
		return nil, ErrSpoilt
	}
	return unhex(p.t, answer), nil
}

func TestT0(t *testing.T) {
	read := Command{INS: InsReadRecord, P1: 7, Le: 11}
	for name, c := range map[string]struct {
		script []string
		cmd    Command
		data   string
		sw     SW
		err    error
	}{
		"plain":                {[]string{"00B207000B", "AABB9000"}, read, "AABB", OK, nil},
		"wrong length":         {[]string{"00B207000B", "6C02", "00B2070002", "AABB9000"}, read, "AABB", OK, nil},
		"refused":              {[]string{"00B207000B", "6A83"}, read, "", RecordNotFound, nil},
		"announced":            {[]string{"00A40200" + "02EF05", "6102", "00C0000002", "AABB9000"}, Select(2, []byte{0xEF, 5}), "AABB", OK, nil},
		"announced in parts":   {[]string{"00A4020002EF05", "6102", "00C0000002", "AABB6101", "00C0000001", "CC9000"}, Select(2, []byte{0xEF, 5}), "AABBCC", OK, nil},
		"announced, corrected": {[]string{"00A4020002EF05", "6105", "00C0000005", "6C02", "00C0000002", "AABB9000"}, Select(2, []byte{0xEF, 5}), "AABB", OK, nil},
		"length twice":         {[]string{"00B207000B", "6C02", "00B2070002", "6C03"}, read, "", 0, ErrLoop},
		"length for a SELECT":  {[]string{"00A4020002EF05", "6C02"}, Select(2, []byte{0xEF, 5}), "", 0, ErrLoop},
		"spoilt in the chain":  {[]string{"00A4020002EF05", "6102", "00C0000002", "!"}, Select(2, []byte{0xEF, 5}), "", 0, ErrSpoilt},
		"chain is empty":       {[]string{"00A4020002EF05", "6102", "00C0000002", "6985"}, Select(2, []byte{0xEF, 5}), "", 0, ErrSpoilt},
		"too much":             {[]string{"00B207000B", strings.Repeat("00", 12) + "9000"}, read, "", 0, ErrSpoilt},
		"no status":            {[]string{"00B207000B", "90"}, read, "", 0, ErrShort},
	} {
		p := &player{t: t, script: c.script}
		r, err := T0{Card: p}.Do(t.Context(), c.cmd)
		if !errors.Is(err, c.err) || r.SW != c.sw || !bytes.Equal(r.Data, unhex(t, c.data)) {
			t.Errorf("%s: % X %v %v", name, r.Data, r.SW, err)
		}
		if len(p.script) != 0 {
			t.Errorf("%s: not sent: %v", name, p.script)
		}
	}
}

func TestT0IsBounded(t *testing.T) {
	script := []string{"00A4020002EF05", "6101"}
	for range maxRounds {
		script = append(script, "00C0000001", "AA6101")
	}
	if _, err := (T0{Card: &player{t: t, script: script}}).Do(t.Context(), Select(2, []byte{0xEF, 5})); !errors.Is(err, ErrLoop) {
		t.Fatal(err)
	}
}

// newT1 starts the protocol over a scripted card.
func newT1(t *testing.T, script ...string) (*T1, *player) {
	p := &player{t: t, script: append([]string{"00C101FE3E", "00E101FE1E"}, script...)}
	atr, err := ParseATR(unhex(t, "3B ED 00 00 81 31 FE 42 00 81 4E 43 23 86 97 15 99 00 BF 7C 7A 6A"))
	if err != nil {
		t.Fatal(err)
	}
	c := NewT1(p, atr)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c, p
}

const (
	hostSelect = "00001400A404000F7378312E73682EC9E7BBE1B1A3D5CFE6"
	cardSelect = "000002611E7D"
	hostRead   = "00400500B2072C0BD7"
	cardRead   = "00400D07095830303030303031399000" + "83"
)

func TestT1GoldenBlocks(t *testing.T) {
	sel, _ := Select(4, unhex(t, "7378312E73682EC9E7BBE1B1A3D5CF")).Bytes()
	read, _ := Command{INS: InsReadRecord, P1: 7, P2: 0x2C, Le: 11}.Bytes()
	for name, script := range map[string][]string{
		"plain":                 {hostSelect, cardSelect, hostRead, cardRead},
		"card wants time":       {hostSelect, "00C30102C0", "00E30102E0", cardSelect, hostRead, cardRead},
		"answer unreadable":     {hostSelect, "000002611E7C", "00810081", cardSelect, hostRead, cardRead},
		"card asks again":       {hostSelect, "00810081", hostSelect, cardSelect, hostRead, cardRead},
		"answer out of order":   {hostSelect, "004002611E3D", "00820082", cardSelect, hostRead, cardRead},
		"card names its size":   {hostSelect, "00C101FE3E", "00E101FE1E", cardSelect, hostRead, cardRead},
		"answer in two blocks":  {hostSelect, "0020016140", "00900090", "0040011E5F", hostRead, "00000D07095830303030303031399000C3"},
		"lost, then resynched":  {hostSelect, "!", "00C000C0", "00E000E0", hostSelect, cardSelect, hostRead, cardRead},
		"aborted, then resynch": {hostSelect, "00C200C2", "00C000C0", "00E000E0", hostSelect, cardSelect, hostRead, cardRead},
	} {
		c, p := newT1(t, script...)
		got, err := c.Transmit(t.Context(), sel)
		if errors.Is(err, ErrSpoilt) {
			got, err = c.Transmit(t.Context(), sel)
		}
		if err != nil || !bytes.Equal(got, []byte{0x61, 0x1E}) {
			t.Errorf("%s: SELECT % X, %v", name, got, err)
			continue
		}
		if got, err = c.Transmit(t.Context(), read); err != nil || !bytes.Equal(got, unhex(t, "0709583030303030303139"+"9000")) {
			t.Errorf("%s: READ % X, %v", name, got, err)
		}
		if len(p.script) != 0 {
			t.Errorf("%s: not sent: %v", name, p.script)
		}
	}
}

func TestT1ChainsLongCommands(t *testing.T) {
	c, p := newT1(t, iHex(0, true, "AABBCCDD"), "00900090", iHex(1, false, "EE"), iHex(0, false, "9000"))
	c.ifsc = 4
	got, err := c.Transmit(t.Context(), unhex(t, "AABBCCDDEE"))
	if err != nil || !bytes.Equal(got, []byte{0x90, 0}) || len(p.script) != 0 {
		t.Fatalf("% X %v", got, err)
	}
}

// iHex writes an I-block in hex.
func iHex(seq byte, more bool, inf string) string {
	b, err := hex.DecodeString(inf)
	if err != nil {
		panic(err)
	}
	return hex.EncodeToString(IBlock(seq, more, b).Bytes())
}

func TestCommandRefusals(t *testing.T) {
	for name, c := range map[string]Command{
		"data": {INS: InsSelect, Data: make([]byte, 256)}, "Le": {INS: InsSelect, Le: 257}, "INS 6x": {INS: 0x61}, "INS 9x": {INS: 0x90},
	} {
		if _, err := (T0{}).Do(t.Context(), c); !errors.Is(err, ErrCommand) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The frame check of ISO/IEC 13239 by its published values: the examples of ISO/IEC 14443-3 for type B, and the usual check
// string (906E, low byte first). The blocks are the sample exchange with this check, computed by hand from the polynomial.
func TestCRC(t *testing.T) {
	for data, want := range map[string]string{
		"000000": "CCC6", "0FAAFF": "FCD1", "0A123456": "2CF6", hex.EncodeToString([]byte("123456789")): "6E90",
	} {
		if got := CRC.of(unhex(t, data)); !bytes.Equal(got, unhex(t, want)) {
			t.Errorf("%s: % X, want %s", data, got, want)
		}
	}
	for _, c := range []Block{IBlock(1, true, []byte{0x61, 0x1E}), RBlock(1, REDC), SBlock(SIFS, false, []byte{254})} {
		raw := CRC.Encode(c)
		back, err := CRC.Parse(raw)
		if err != nil || back.PCB != c.PCB || !bytes.Equal(back.INF, c.INF) {
			t.Errorf("% X: %+v %v", raw, back, err)
		}
		for bit := range 8 * len(raw) {
			bad := bytes.Clone(raw)
			bad[bit/8] ^= 1 << (bit % 8)
			if _, err := CRC.Parse(bad); err == nil {
				t.Errorf("% X with bit %d turned was accepted", raw, bit)
			}
		}
		// What the XOR misses: the same bit in two bytes.
		bad := bytes.Clone(raw)
		bad[0] ^= 1
		bad[1] ^= 1
		if _, err := CRC.Parse(bad); err == nil {
			t.Errorf("% X: two errors that cancel were accepted", bad)
		}
	}
}

// atrCRC announces T=1 with a CRC (TC of the group after TD2).
const atrCRC = "3B ED 00 00 81 71 FE 42 01 00 81 4E 43 23 86 97 15 99 00 BF 7C 7A 2B"

func TestT1WithCRC(t *testing.T) {
	atr, err := ParseATR(unhex(t, atrCRC))
	if err != nil || !atr.CRC() || atr.EDC() != CRC {
		t.Fatalf("%+v %v", atr, err)
	}
	crc := func(b Block) string { return hex.EncodeToString(CRC.Encode(b)) }
	p := &player{t: t, script: []string{
		crc(SBlock(SIFS, false, []byte{254})), crc(SBlock(SIFS, true, []byte{254})),
		crc(IBlock(0, false, []byte{1, 2})), "0000029000" + "0000", // a wrong check
		crc(RBlock(0, REDC)), crc(IBlock(0, false, []byte{0x90, 0})),
	}}
	c := NewT1(p, atr)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Transmit(t.Context(), []byte{1, 2}); err != nil || !bytes.Equal(got, []byte{0x90, 0}) || len(p.script) != 0 {
		t.Errorf("% X %v, not sent: %v", got, err, p.script)
	}
}

func TestBlocksOrCommands(t *testing.T) {
	for name, c := range map[string]struct {
		script []string
		blocks bool
		err    error
	}{
		"blocks":            {[]string{"00C101FE3E", "00E101FE1E"}, true, nil},
		"commands":          {[]string{"00C101FE3E", "6D00"}, false, nil},
		"asked again":       {[]string{"00C101FE3E", "00810081", "00C101FE3E", "00E101FE1E"}, true, nil},
		"neither":           {[]string{"00C101FE3E", "AA", "00C101FE3E", "AA", "00C101FE3E", "AA"}, false, ErrSpoilt},
		"spoilt on the way": {[]string{"00C101FE3E", "!"}, false, ErrSpoilt},
	} {
		p := &player{t: t, script: c.script}
		atr, err := ParseATR(unhex(t, "3B ED 00 00 81 31 FE 42 00 81 4E 43 23 86 97 15 99 00 BF 7C 7A 6A"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := NewT1(p, atr).Blocks(t.Context())
		if got != c.blocks || !errors.Is(err, c.err) {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
}

func TestPPS(t *testing.T) {
	if got := (PPS{0, 0x94}).Bytes(); !bytes.Equal(got, unhex(t, "FF10947B")) {
		t.Errorf("% X", got)
	}
	if got := (PPS{1, 0x18}).Bytes(); !bytes.Equal(got, unhex(t, "FF1118F6")) {
		t.Errorf("% X", got)
	}
	for atr, want := range map[string]bool{
		"3B 6D 00 00 00 81 4E 43 23 86 97 15 99 00 BF 7C 7A":    false, // no TA1
		"3B 7D 94 00 00 00 81 4E 43 23 86 97 15 99 00 BF 7C 7A": true,
		"3B 7D 11 00 00 00 81 4E 43 23 86 97 15 99 00 BF 7C 7A": false, // the default
		"3B 7D 70 00 00 00 81 4E 43 23 86 97 15 99 00 BF 7C 7A": false, // means nothing
		"3B F0 18 00 00 10 80":                                  false, // specific mode: TA2
	} {
		a, err := ParseATR(unhex(t, atr))
		if err != nil {
			t.Fatalf("%s: %v", atr, err)
		}
		if _, ok := a.Offer(); ok != want {
			t.Errorf("%s: offer %v", atr, ok)
		}
	}
}

// The last two bytes of an answer to reset may look like a status word; its own counts tell.
func TestCutATR(t *testing.T) {
	for _, c := range []struct{ raw, want string }{
		{"3BBE11000041013800000100000000000190 00", "3BBE11000041013800000100000000000190 00"},
		{"3B 8B 80 01 4A 43 4F 50 33 31 33 36 47 44 54 4C 90 00", "3B 8B 80 01 4A 43 4F 50 33 31 33 36 47 44 54 4C"},
		{"3B 6D 00 00 00 81 4E 43 23 86 97 15 99 00 BF 7C 7A 90 00", "3B 6D 00 00 00 81 4E 43 23 86 97 15 99 00 BF 7C 7A"},
	} {
		a, err := CutATR(unhex(t, c.raw))
		if err != nil || !bytes.Equal(a.Bytes(), unhex(t, c.want)) {
			t.Errorf("%s: % X %v", c.raw, a.Bytes(), err)
		}
	}
	if _, err := CutATR(unhex(t, "3B 6D 00")); !errors.Is(err, ErrATR) {
		t.Error(err)
	}
}

func FuzzCRCBlock(f *testing.F) {
	f.Add(CRC.Encode(SBlock(SIFS, false, []byte{254})))
	f.Fuzz(func(t *testing.T, b []byte) {
		if block, err := CRC.Parse(b); err == nil && !bytes.Equal(CRC.Encode(block), b) {
			t.Fatalf("% X encodes again as % X", b, CRC.Encode(block))
		}
	})
}

func FuzzPPS(f *testing.F) {
	f.Add([]byte{0xFF, 0x10, 0x94, 0x7B})
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := ParsePPS(b); err == nil && !bytes.Equal(p.Bytes(), b) {
			t.Fatalf("% X encodes again as % X", b, p.Bytes())
		}
	})
}

func FuzzResponse(f *testing.F) {
	f.Add([]byte{1, 2, 0x90, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseResponse(b)
		if err == nil && !bytes.Equal(append(bytes.Clone(r.Data), byte(r.SW>>8), byte(r.SW)), b) {
			t.Fatalf("% X encodes again otherwise", b)
		}
	})
}
