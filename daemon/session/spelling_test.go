package session

import (
	"regexp"
	"testing"

	"pgregory.net/rapid"
)

// TestSpellingsAreTheirPatterns: what is read by hand is what the pattern says, which is what people are told.
func TestSpellingsAreTheirPatterns(t *testing.T) {
	for _, s := range []*spelling{&idText, &medTypeText, &checkText, &traceText} {
		pattern := regexp.MustCompile(s.pattern)
		rapid.Check(t, func(t *rapid.T) {
			text := rapid.OneOf(rapid.StringMatching(`[A-Za-z0-9._:\-]{0,70}`), rapid.StringMatching(`[a-z0-9_]{0,34}`), rapid.StringMatching(`[0-9A-Z]{0,32}\n?`), rapid.String()).Draw(t, "text")
			if got, want := s.MatchString(text), pattern.MatchString(text); got != want {
				t.Fatalf("%q is %s: %v, want %v", text, s, got, want)
			}
		})
	}
}
