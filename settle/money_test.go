package settle

import (
	"encoding/json"
	"fmt"
	"regexp"
	"testing"

	"pgregory.net/rapid"
)

func TestParseFen(t *testing.T) {
	for in, want := range map[string]Fen{"0.00": 0, "12.50": 1250, "0.05": 5, "999999999.99": 99999999999} {
		if got, err := ParseFen(in); err != nil || got != want {
			t.Errorf("ParseFen(%q) = %d, %v; want %d", in, got, err, want)
		}
	}
	for _, bad := range []string{"", "1", "1.5", "1.500", "-1.00", "+1.00", "1e-2", "5.", ".50", "1,000.00", " 1.00", "1.00\n", "1234567890.00", "１.00"} {
		if got, err := ParseFen(bad); err == nil {
			t.Errorf("ParseFen(%q) = %d, want an error", bad, got)
		}
	}
}

func TestFenRoundTrips(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		fen := Fen(rapid.Int64Range(-99999999999, 99999999999).Draw(rt, "fen"))
		data, err := json.Marshal(fen)
		if err != nil {
			rt.Fatal(err)
		}
		var back Fen
		if err := json.Unmarshal(data, &back); err != nil || back != fen {
			rt.Fatalf("%d became %s became %d (%v)", fen, data, back, err)
		}
	})
}

func TestLineTotalRoundsHalfUpPerLine(t *testing.T) {
	for _, c := range []struct {
		quantity, price string
		want            Fen
	}{{"3", "1.115", 335}, {"2", "12.50", 2500}, {"0.3333", "10.00", 333}, {"1", "0.005", 1}, {"1", "0.0049", 0}} {
		q, err := ParseQuantity(c.quantity)
		if err != nil {
			t.Fatal(err)
		}
		p, err := ParsePrice(c.price)
		if err != nil {
			t.Fatal(err)
		}
		if got := LineTotal(q, p); got != c.want {
			t.Errorf("%s × %s = %d fen, want %d", c.quantity, c.price, got, c.want)
		}
	}
}

func TestQuantityAndPriceForms(t *testing.T) {
	for _, bad := range []string{"0", "0.0", "-1", "1e3", "1.23456", "", "."} {
		if _, err := ParseQuantity(bad); err == nil {
			t.Errorf("quantity %q accepted", bad)
		}
	}
	for _, bad := range []string{"1", "1.", "1.1234567", "-1.00", "1e3", ""} {
		if _, err := ParsePrice(bad); err == nil {
			t.Errorf("price %q accepted", bad)
		}
	}
}

// TestFenReadsAsAnExpressionSays holds the form of money, which is read by hand, against the expression that defines it, and
// JSON that was written by hand against the encoder's.
func TestFenReadsAsAnExpressionSays(t *testing.T) {
	form := regexp.MustCompile(`^\d{1,9}\.\d{2}$`)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(
			rapid.StringMatching(`-?\d{0,11}[.,]?\d{0,3}`), rapid.StringOfN(rapid.RuneFrom([]rune("0129.-+e \n٣")), 0, 14, -1),
		).Draw(t, "text")
		if _, err := ParseFen(text); (err == nil) != form.MatchString(text) {
			t.Fatalf("%q: %v", text, err)
		}
		amount := Fen(rapid.Int64Range(-99_999_999_999, 99_999_999_999).Draw(t, "fen"))
		data, err := json.Marshal(amount)
		if sign := map[bool]string{true: "-"}[amount < 0]; err != nil || string(data) != fmt.Sprintf(`"%s%d.%02d"`, sign, max(amount, -amount)/100, max(amount, -amount)%100) {
			t.Fatalf("%d is %s, %v", amount, data, err)
		}
		var back Fen
		if err := json.Unmarshal(data, &back); err != nil || back != amount {
			t.Fatalf("%s reads as %d, %v", data, back, err)
		}
	})
	for _, wrong := range []string{`"12.500`, `12.50`, `"`, `""`, `null`, `"12.5"`, `"1\u0032.50 "`, `{}`} {
		var f Fen
		if f.UnmarshalJSON([]byte(wrong)) == nil {
			t.Errorf("%s is read as %s", wrong, f)
		}
	}
	var escaped Fen
	if err := json.Unmarshal([]byte(`"1\u0032.50"`), &escaped); err != nil || escaped != 1250 {
		t.Errorf("an escaped digit: %s, %v", escaped, err)
	}
}

// TestLineFormsAreTheirPatterns: prices and quantities are read by hand as these expressions say.
func TestLineFormsAreTheirPatterns(t *testing.T) {
	price, quantity := regexp.MustCompile(`^\d{1,10}\.\d{1,6}$`), regexp.MustCompile(`^\d{1,8}(\.\d{1,4})?$`)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.StringMatching(`\d{0,11}\.?\d{0,7}`), rapid.StringMatching(`\d{1,4}\.\d{1,4}[.\n -]?`), rapid.String()).Draw(t, "text")
		if isPrice(text) != price.MatchString(text) || isQuantity(text) != quantity.MatchString(text) {
			t.Fatalf("%q: price %v, quantity %v", text, isPrice(text), isQuantity(text))
		}
	})
}
