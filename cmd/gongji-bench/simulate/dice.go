package simulate

import (
	"encoding/binary"
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// dice are one actor's source of chance.
type dice struct{ *rand.Rand }

// throw makes the dice of whatever the names say, under a seed. The same seed and names make the same dice.
func throw(seed uint64, names ...string) dice {
	sum := fnv.New128a()
	var number [8]byte
	binary.LittleEndian.PutUint64(number[:], seed)
	_, _ = sum.Write(number[:]) // a hash never fails
	for _, name := range names {
		_, _ = sum.Write([]byte(name))
		_, _ = sum.Write([]byte{0})
	}
	key := sum.Sum(nil)
	return dice{rand.New(rand.NewPCG(binary.LittleEndian.Uint64(key), binary.LittleEndian.Uint64(key[8:])))} //nolint:gosec // not a secret
}

// hit is true percent times in a hundred.
func (d dice) hit(percent int) bool { return d.IntN(100) < percent }

// between is a time from least to most, to the nanosecond, so that no two actors wake together.
func (d dice) between(least, most time.Duration) time.Duration {
	return least + time.Duration(d.Int64N(int64(most-least)+1))
}

// one picks an element.
func one[T any](d dice, of []T) T { return of[d.IntN(len(of))] }
