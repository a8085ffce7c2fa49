package settle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"
)

// Fen is an amount of money in fen; 100 fen are one yuan. Sums of a bill fit with room to spare: the largest amount
// that [ParseFen] reads is below 10^11 fen.
type Fen int64

// isYuan reports whether a text is of the only form of money in JSON: one to nine digits, a point, two digits. It is read
// thousands of times for a day's reports, so it is no regular expression.
func isYuan(text string) bool {
	point := len(text) - 3
	if point < 1 || point > 9 || text[point] != '.' {
		return false
	}
	for i := range len(text) {
		if i != point && (text[i] < '0' || text[i] > '9') {
			return false
		}
	}
	return true
}

// isPrice and isQuantity report whether a text has the form of a unit price (1 to 6 decimals) and of a quantity (up to 4, or
// none). Every line of every sale is asked, so they are no regular expressions either.
func isPrice(text string) bool {
	whole, part, pointed := strings.Cut(text, ".")
	return pointed && isDigits(whole, 10) && isDigits(part, 6)
}

func isQuantity(text string) bool {
	whole, part, pointed := strings.Cut(text, ".")
	return isDigits(whole, 8) && (!pointed || isDigits(part, 4))
}

// isDigits: one digit at least, and so many at most.
func isDigits(text string, most int) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return len(text) > 0 && len(text) <= most
}

// ParseFen reads a yuan text with exactly two decimals, such as "12.50". It never rounds. Any other form is an error
// that names the form, not the value.
func ParseFen(text string) (Fen, error) {
	if !isYuan(text) {
		return 0, fmt.Errorf(`money must be yuan with exactly two decimals, such as "12.50"`)
	}
	whole, err := strconv.ParseInt(text[:len(text)-3], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("money: %w", err)
	}
	part, err := strconv.ParseInt(text[len(text)-2:], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("money: %w", err)
	}
	return Fen(whole*100 + part), nil
}

// String writes the amount as yuan with two decimals: "12.50", "-0.05".
func (f Fen) String() string {
	var text [24]byte
	return string(f.appendText(text[:0]))
}

func (f Fen) appendText(text []byte) []byte {
	value := int64(f)
	if value < 0 {
		text, value = append(text, '-'), -value
	}
	part := value % 100
	return append(strconv.AppendInt(text, value/100, 10), '.', byte('0'+part/10), byte('0'+part%10))
}

// MarshalJSON writes the amount as a JSON string of yuan.
func (f Fen) MarshalJSON() ([]byte, error) {
	return f.AppendJSON(make([]byte, 0, 26)), nil
}

// AppendJSON appends what MarshalJSON writes.
func (f Fen) AppendJSON(data []byte) []byte { return append(f.appendText(append(data, '"')), '"') }

// UnmarshalJSON reads what MarshalJSON wrote, with an optional leading minus (a stored negative posting).
func (f *Fen) UnmarshalJSON(data []byte) error {
	var text string
	if last := len(data) - 1; last > 0 && data[0] == '"' && data[last] == '"' && !bytes.ContainsRune(data, '\\') {
		text = string(data[1:last])
	} else if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf(`money must be a JSON string such as "12.50"`)
	}
	negative := len(text) > 0 && text[0] == '-'
	if negative {
		text = text[1:]
	}
	value, err := ParseFen(text)
	if err != nil {
		return err
	}
	if negative {
		value = -value
	}
	*f = value
	return nil
}

// ParsePrice reads a unit price in yuan with 1 to 6 decimals.
func ParsePrice(text string) (decimal.Decimal, error) {
	if !isPrice(text) {
		return decimal.Zero, fmt.Errorf(`unit price must be yuan with 1 to 6 decimals, such as "12.50"`)
	}
	return decimal.NewFromString(text)
}

// ParseQuantity reads a quantity above 0 with up to 4 decimals.
func ParseQuantity(text string) (decimal.Decimal, error) {
	if !isQuantity(text) {
		return decimal.Zero, fmt.Errorf(`quantity must be a number with up to 4 decimals, such as "2" or "0.5"`)
	}
	q, err := decimal.NewFromString(text)
	if err == nil && !q.IsPositive() {
		err = fmt.Errorf("quantity must be above 0")
	}
	return q, err
}

// LineTotal is quantity × price rounded half up to fen, per line (3 × 1.115 yuan = 3.345 → 335 fen). Both are
// non-negative here, where decimal's half-away-from-zero is half up.
func LineTotal(quantity, price decimal.Decimal) Fen {
	return Fen(quantity.Mul(price).Shift(2).Round(0).IntPart())
}

// Cap is an optional upper limit in fen. The zero value is no limit; a limit of 0 that is Set forbids any payment.
type Cap struct {
	Set bool
	Max Fen
}

// CapOf is a limit of max fen.
func CapOf(max Fen) Cap { return Cap{Set: true, Max: max} }
