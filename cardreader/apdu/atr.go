package apdu

import (
	"errors"
	"fmt"
	"slices"
)

// MaxATR is the longest answer to reset in bytes (ISO 7816-3).
const MaxATR = 33

// ErrATR says that bytes are no answer to reset.
var ErrATR = errors.New("apdu: not an answer to reset")

// Interface is one group of interface bytes; a nil member is absent.
type Interface struct{ TA, TB, TC, TD *byte }

// ATR is an answer to reset by the rules of ISO 7816-3: TS, T0 (presence bits and count of historical bytes), groups of
// interface bytes chained by TDi, historical bytes, and TCK when any protocol but T=0 is announced.
type ATR struct {
	TS         byte
	Interfaces []Interface
	Historical []byte
	TCK        *byte
}

// ParseATR reads an answer to reset that fills b exactly. Whatever it accepts, Bytes gives back unchanged.
func ParseATR(b []byte) (ATR, error) {
	if len(b) < 2 || len(b) > MaxATR {
		return ATR{}, fmt.Errorf("%w: %d bytes", ErrATR, len(b))
	}
	a := ATR{TS: b[0]}
	if a.TS != 0x3B && a.TS != 0x3F {
		return ATR{}, fmt.Errorf("%w: TS %02X", ErrATR, a.TS)
	}
	rest, present, count := b[2:], b[1]>>4, int(b[1]&0xF)
	for present != 0 {
		var g Interface
		for bit, member := range []**byte{&g.TA, &g.TB, &g.TC, &g.TD} {
			if present&(1<<bit) == 0 {
				continue
			}
			if len(rest) == 0 {
				return ATR{}, fmt.Errorf("%w: interface bytes missing", ErrATR)
			}
			v := rest[0]
			*member, rest = &v, rest[1:]
		}
		a.Interfaces = append(a.Interfaces, g)
		if present = 0; g.TD != nil {
			present = *g.TD >> 4
		}
	}
	return a.finish(b, rest, count)
}

// CutATR returns the answer to reset at the beginning of b and drops what follows it: some readers add a status word, but the
// last bytes of an answer may look like one, so only its own counts tell where it ends.
func CutATR(b []byte) (ATR, error) {
	for n := 2; n <= min(len(b), MaxATR); n++ {
		if a, err := ParseATR(b[:n]); err == nil {
			return a, nil
		}
	}
	return ParseATR(b)
}

// finish takes historical bytes and TCK.
func (a ATR) finish(b, rest []byte, count int) (ATR, error) {
	check := a.needsTCK()
	want := count
	if check {
		want++
	}
	if len(rest) != want {
		return ATR{}, fmt.Errorf("%w: %d bytes where %d are announced", ErrATR, len(b), len(b)-len(rest)+want)
	}
	a.Historical = append([]byte(nil), rest[:count]...)
	if check {
		if xor(b[1:]) != 0 {
			return ATR{}, fmt.Errorf("%w: TCK wrong", ErrATR)
		}
		v := rest[count]
		a.TCK = &v
	}
	return a, nil
}

// Bytes returns the answer to reset as it was sent.
func (a ATR) Bytes() []byte {
	b := []byte{a.TS, byte(len(a.Historical))}
	at := 1 // where the presence bits of the next group go
	for _, g := range a.Interfaces {
		next := 0
		for bit, v := range []*byte{g.TA, g.TB, g.TC, g.TD} {
			if v == nil {
				continue
			}
			b[at] |= 0x10 << bit
			b = append(b, *v)
			if bit == 3 {
				next = len(b) - 1
			}
		}
		at = next
	}
	b = append(b, a.Historical...)
	if a.TCK != nil {
		b = append(b, *a.TCK)
	}
	return b
}

// Protocols returns the protocols announced, in order, each once. Without TD1 that is T=0 alone.
func (a ATR) Protocols() []byte {
	var list []byte
	for _, g := range a.Interfaces {
		if g.TD == nil {
			continue
		}
		if p := *g.TD & 0xF; p != 15 && !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	if len(list) == 0 {
		return []byte{0}
	}
	return list
}

// Specific tells whether TA2 fixes protocol and parameters, so that none may be negotiated.
func (a ATR) Specific() bool { return len(a.Interfaces) > 1 && a.Interfaces[1].TA != nil }

// DefaultFiDi is the speed every card begins with: 372 clock cycles a bit.
const DefaultFiDi byte = 0x11

// FiDi returns TA1, or DefaultFiDi when absent.
func (a ATR) FiDi() byte {
	if len(a.Interfaces) > 0 && a.Interfaces[0].TA != nil {
		return *a.Interfaces[0].TA
	}
	return DefaultFiDi
}

// GuardTime returns TC1, the extra guard time N, or 0 when absent. FF means the minimum.
func (a ATR) GuardTime() byte {
	if len(a.Interfaces) > 0 && a.Interfaces[0].TC != nil {
		return *a.Interfaces[0].TC
	}
	return 0
}

// firstT1 returns the first group that specifies T=1: the one after a TDi that names it, from the second on.
func (a ATR) firstT1() (Interface, bool) {
	for i := 1; i+1 < len(a.Interfaces); i++ {
		if td := a.Interfaces[i].TD; td != nil && *td&0xF == 1 {
			return a.Interfaces[i+1], true
		}
	}
	return Interface{}, false
}

// IFSC returns the longest information field the card takes under T=1 (default 32).
func (a ATR) IFSC() int {
	if g, ok := a.firstT1(); ok && g.TA != nil && *g.TA != 0 && *g.TA != 0xFF {
		return int(*g.TA)
	}
	return 32
}

// CRC tells whether T=1 blocks end with a CRC in place of the usual XOR.
func (a ATR) CRC() bool {
	g, ok := a.firstT1()
	return ok && g.TC != nil && *g.TC&1 == 1
}

// EDC returns the check of the card's T=1 blocks.
func (a ATR) EDC() EDC {
	if a.CRC() {
		return CRC
	}
	return LRC
}

// Inverse tells whether the card uses the inverse convention.
func (a ATR) Inverse() bool { return a.TS == 0x3F }

func (a ATR) needsTCK() bool {
	for _, g := range a.Interfaces {
		if g.TD != nil && *g.TD&0xF != 0 {
			return true
		}
	}
	return false
}

func xor(b []byte) byte {
	var x byte
	for _, v := range b {
		x ^= v
	}
	return x
}
