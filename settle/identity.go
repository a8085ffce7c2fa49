package settle

import (
	"errors"
	"log/slog"
	"strings"
	"time"
)

// IDNumber is a citizen's identity number (公民身份号码, GB 11643) or a residence permit's number of the same form. It
// equals the social security number (社会保障号码) on the card. Its String, LogValue and MarshalText are masked, so that
// it cannot reach a log, an error or a JSON document by accident; Reveal is the one way to the digits.
type IDNumber struct{ digits string }

// Faults of an identity number.
var (
	ErrIDLength = errors.New("identity number must have 18 (or, old form, 15) characters")
	ErrIDForm   = errors.New("identity number must be digits, the last one a digit or X")
	ErrIDDate   = errors.New("identity number holds no valid birth date")
	ErrIDCheck  = errors.New("identity number's check character does not fit")
)

// ParseIDNumber checks and normalises a number: lower-case x becomes X, a 15-digit number of the old form is completed
// to 18. On ErrIDCheck and ErrIDDate the normalised number is returned as well: a social card may carry a number that
// is not a citizen's, so a card's number with a wrong check is a warning, a typed one an error. Rule: GB 11643-1999,
// ISO 7064 MOD 11-2.
func ParseIDNumber(text string) (IDNumber, error) {
	text = strings.ToUpper(strings.TrimSpace(text))
	if len(text) == 15 {
		if !allDigits(text) {
			return IDNumber{}, ErrIDForm
		}
		body := text[:6] + "19" + text[6:]
		text = body + string(CheckCharacter(body))
	}
	if len(text) != 18 {
		return IDNumber{}, ErrIDLength
	}
	if !allDigits(text[:17]) || (text[17] != 'X' && (text[17] < '0' || text[17] > '9')) {
		return IDNumber{}, ErrIDForm
	}
	number := IDNumber{digits: text}
	if text[17] != CheckCharacter(text[:17]) {
		return number, ErrIDCheck
	}
	if _, err := time.Parse("20060102", text[6:14]); err != nil {
		return number, ErrIDDate
	}
	return number, nil
}

// CheckCharacter is the 18th character for the first 17 digits (ISO 7064 MOD 11-2).
func CheckCharacter(body string) byte {
	weights := [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}
	sum := 0
	for i, w := range weights {
		sum += int(body[i]-'0') * w
	}
	return "10X98765432"[sum%11]
}

func allDigits(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return len(text) > 0
}

// Reveal is the whole number. Callers are the session's match, the sealing of private columns and the wire messages.
func (n IDNumber) Reveal() string { return n.digits }

// Zero reports whether there is no number.
func (n IDNumber) Zero() bool { return n.digits == "" }

// Birth is the birth date in the number; 0 where it holds none.
func (n IDNumber) Birth() Date {
	if len(n.digits) != 18 {
		return 0
	}
	t, err := time.ParseInLocation("20060102", n.digits[6:14], Beijing)
	if err != nil {
		return 0
	}
	return DateOf(t)
}

// String is the masked number: 110105********002X.
func (n IDNumber) String() string { return MaskNumber(n.digits) }

// GoString keeps %#v masked.
func (n IDNumber) GoString() string { return n.String() }

// LogValue keeps structured logs masked.
func (n IDNumber) LogValue() slog.Value { return slog.StringValue(n.String()) }

// MarshalText keeps JSON masked.
func (n IDNumber) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// MaskNumber keeps the area and the last four characters of an 18-character number and hides everything else of
// anything else, except for the last two characters of a card number of at least nine. It fails closed: what is not
// recognised is hidden whole.
func MaskNumber(number string) string {
	switch {
	case len(number) == 18:
		return number[:6] + "********" + number[14:]
	case len(number) >= 9 && len(number) < 18:
		return strings.Repeat("*", len(number)-2) + number[len(number)-2:]
	}
	return strings.Repeat("*", len([]rune(number)))
}

// MaskName keeps the first character of a name: 王芳 → 王*, 买买提·吐尔逊 → 买******. A name of one character is hidden.
func MaskName(name string) string {
	runes := []rune(strings.TrimSpace(name))
	if len(runes) < 2 {
		return strings.Repeat("*", len(runes))
	}
	return string(runes[0]) + strings.Repeat("*", len(runes)-1)
}
