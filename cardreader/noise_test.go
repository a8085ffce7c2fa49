package cardreader_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"testing/synctest"

	"gongji/cardreader"
	"gongji/cardreader/virtual"
)

// line is a disturbed line: each frame is hit with a probability, in one of the ways real lines have.
type line struct {
	rng    *rand.Rand
	chance float64
	frames int
	hits   int
}

// disturb changes a frame. Two of the ways cancel in the checksum, so the frame looks right.
func (l *line) disturb(b []byte) []byte {
	l.frames++
	if l.rng.Float64() >= l.chance || len(b) == 0 {
		return b
	}
	l.hits++
	b = bytes.Clone(b)
	at, to := l.rng.IntN(len(b)), l.rng.IntN(len(b))
	switch l.rng.IntN(7) {
	case 0: // one byte wrong
		b[at] ^= byte(1 + l.rng.IntN(255))
	case 1: // the same bit in two bytes
		bit := byte(1) << l.rng.IntN(8)
		b[at] ^= bit
		b[to] ^= bit
	case 2: // two bytes exchanged
		b[at], b[to] = b[to], b[at]
	case 3: // bytes lost
		b = append(b[:min(at, to)], b[max(at, to):]...)
	case 4: // cut off
		b = b[:at]
	case 5: // bytes that were not sent
		b = append(b[:at:at], append([]byte{byte(l.rng.IntN(256)), byte(l.rng.IntN(256))}, b[at:]...)...)
	case 6: // noise over a stretch
		for i := at; i < min(len(b), at+4); i++ {
			b[i] = byte(l.rng.IntN(256))
		}
	}
	return b
}

// identity is what must be right or not there at all.
type identity struct {
	identifier, number, idNumber, name, version, expires string
}

func of(c cardreader.Credential) identity {
	return identity{c.Identifier, c.Number, c.IDNumber, c.Name, c.Version, c.ExpiresOn}
}

// No disturbance of the line ever makes one person's card another's: a reading ends with the right identity, or with none.
// GONGJI_NOISE_READINGS asks for more readings than the usual ones.
func TestNoiseNeverMakesAnotherIdentity(t *testing.T) {
	readings := 150
	if n, err := strconv.Atoi(os.Getenv("GONGJI_NOISE_READINGS")); err == nil {
		readings = n
	}
	for _, chance := range []float64{0.01, 0.05, 0.15} {
		good, frames, hits := 0, 0, 0
		for seed := range readings {
			l := &line{rng: rand.New(rand.NewPCG(uint64(seed), uint64(chance*100))), chance: chance}
			synctest.Test(t, func(t *testing.T) {
				if readDisturbed(t, l) {
					good++
				}
			})
			frames, hits = frames+l.frames, hits+l.hits
		}
		t.Logf("chance %v: %d frames, %d disturbed, %d of %d readings right, none wrong", chance, frames, hits, good, readings)
		if good == 0 || hits == 0 {
			t.Errorf("chance %v: the test shows nothing: %d good readings, %d hits", chance, good, hits)
		}
	}
}

// readDisturbed reads a card once and tells whether that gave its identity; any other identity fails the test.
func readDisturbed(t *testing.T, l *line) bool {
	v, err := virtual.NewMemoryReader(virtual.Options{Noise: l.disturb})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	v.Insert(card("2.00"))
	c, err := cardreader.ReadOnce(t.Context(), cardreader.Options{Name: "r", Kind: cardreader.KindGemPC,
		Open: func(ctx context.Context) (cardreader.Port, error) { return v.Open(ctx) }}, nil)
	if err != nil {
		if c.IDNumber != "" || c.Number != "" {
			t.Errorf("an error came with an identity: %v", err)
		}
		return false
	}
	want := identity{"430100D15600000500BF7C7A48FB4966", "A12345678", "11010519491231002X", "王小芳", "2.00", "2034-01-01"}
	if of(c) != want {
		t.Errorf("read %+v, which is not on the card", of(c))
		return false
	}
	return true
}
