package settle

import (
	"encoding/json"
	"strings"
	"testing"
)

// FuzzText: the texts out of which money, quantities, dates and identity numbers are made. What is taken is written as it was
// read, is within its bounds, and is what JSON reads too.
func FuzzText(f *testing.F) {
	for _, text := range []string{"12.50", "-0.01", "1e2", "+5", "5.", "999999999.99", "2026-02-29", "20261122", "43010219800101001X", "43010219800101001x", "0.001", " 1.00", "１２.50"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if fen, err := ParseFen(text); err == nil {
			if short := strings.TrimLeft(text[:len(text)-3], "0") + text[len(text)-3:]; fen.String() != short && fen.String() != "0"+short {
				t.Fatalf("%q is %s", text, fen)
			}
			var again Fen
			quoted, err := json.Marshal(text)
			if err != nil || json.Unmarshal(quoted, &again) != nil || again != fen {
				t.Fatalf("%q is %s, and in JSON %s", text, fen, again)
			}
		}
		if d, err := ParseDate(text); err == nil && d.String() != text {
			t.Fatalf("%q is %s", text, d)
		}
		if _, err := ParseIDNumber(text); err == nil && MaskNumber(text) == text {
			t.Fatal("an identity number is its own mask")
		}
		if d, err := ParsePrice(text); err == nil && d.IsNegative() {
			t.Fatalf("the price %q is less than nothing", text)
		}
		if d, err := ParseQuantity(text); err == nil && !d.IsPositive() {
			t.Fatalf("the quantity %q is nothing", text)
		}
		_, _ = ParseCodeForm(text)
	})
}
