package cardreader_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"testing/synctest"

	"gongji/cardreader"
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

func newRand(a, b uint64) *rand.Rand { return rand.New(rand.NewPCG(a, b)) }

// No disturbance of the line ever makes one person's card another's: a reading ends with the right identity, or with none.
// GONGJI_NOISE_READINGS asks for more readings than the usual ones; a reading is some sixty frames, one of an identity
// document ten.
func TestNoiseNeverMakesAnotherIdentity(t *testing.T) {
	readings := 200
	if n, err := strconv.Atoi(os.Getenv("GONGJI_NOISE_READINGS")); err == nil {
		readings = n
	}
	for _, s := range cardSetups() {
		for _, chance := range []float64{0.01, 0.05, 0.15} {
			good, frames, hits := 0, 0, 0
			for seed := range readings {
				l := &line{rng: newRand(uint64(seed), uint64(chance*100)), chance: chance}
				synctest.Test(t, func(t *testing.T) {
					c, err := s.readOnce(t, nil, l.disturb)
					if right(t, s.name, c, err) {
						good++
					}
				})
				frames, hits = frames+l.frames, hits+l.hits
			}
			t.Logf("%s, chance %v: %d frames, %d disturbed, %d of %d readings right, none wrong", s.name, chance, frames, hits, good, readings)
			if good == 0 || hits == 0 {
				t.Errorf("%s, chance %v: the test shows nothing: %d good readings, %d hits", s.name, chance, good, hits)
			}
		}
	}
}
