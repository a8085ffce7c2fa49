package simulate

import (
	"fmt"
	"slices"
	"strings"
)

// The kinds of life that a world can be without: a seed that was found before a kind existed replays without it.
const (
	KindRestarts = "centre-restarts" // the centre is killed and opened again on its journal
	KindLists    = "lists"           // cards are reported lost and people deceased at the centre
	KindRush     = "rush"            // customers of a busy world leave less time between them; some outboxes wait longer between two tries
	KindPlain    = "plain-venues"    // some venues have no feed extension: 1101 on a swipe, and the families from a file when they open
	KindCodes    = "codes"           // some patients show a 医保码 instead of a card
	KindOwn      = "own-swipes"      // some venues with the feed ask 1101 on a swipe, between two pulls
)

// Kinds lists them.
var Kinds = []string{KindRestarts, KindLists, KindRush, KindPlain, KindCodes, KindOwn}

// CheckKinds is an error that names what is no kind.
func CheckKinds(names []string) error {
	for _, name := range names {
		if !slices.Contains(Kinds, name) {
			return fmt.Errorf("a world has no %q; it has %s", name, strings.Join(Kinds, ", "))
		}
	}
	return nil
}

// has reports whether a world lives with a kind.
func (c *Config) has(kind string) bool { return !slices.Contains(c.Without, kind) }
