package simulate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// journal is what happened in a world, in the order of fake time. It is safe for concurrent use.
type journal struct {
	mu    sync.Mutex
	began time.Time
	lines []line
}

type line struct {
	at   time.Duration // since the world began
	text string
}

func (j *journal) note(who, format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line{time.Since(j.began), who + " " + fmt.Sprintf(format, args...)})
}

// sorted are the lines in an order that does not depend on how goroutines ran within an instant.
func (j *journal) sorted() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	slices.SortStableFunc(j.lines, func(a, b line) int {
		if a.at != b.at {
			return int(min(max(a.at-b.at, -1), 1))
		}
		return strings.Compare(a.text, b.text)
	})
	texts := make([]string, len(j.lines))
	for i, l := range j.lines {
		texts[i] = fmt.Sprintf("%15.9fs %s", l.at.Seconds(), l.text)
	}
	return texts
}

// hash is the fingerprint of the sorted lines.
func hash(lines []string) string {
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:])
}
