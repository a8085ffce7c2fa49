package records

import (
	"slices"
	"testing"
)

// TestWrapKeepsNumbersWhole: a telephone number is not cut at the end of a line; a number longer than half a line may be.
func TestWrapKeepsNumbersWhole(t *testing.T) {
	for text, want := range map[string][]string{
		"医保热线 12393，社保 12333": {"医保热线 ", "12393，社保 ", "12333"},
		"12345678901234":      {"123456789012", "34"},
		"追8123456789012":      {"追8123456789", "012"},
		"追溯码8123456789":       {"追溯码", "8123456789"},
		"":                    {""},
	} {
		if got := wrap(text, 12); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
