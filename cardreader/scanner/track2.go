package scanner

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Errors of a magnetic stripe. They never hold what is on it.
var (
	// ErrNoTrack2: the message holds other tracks only. Readers that send each track by itself send three messages.
	ErrNoTrack2 = errors.New("scanner: no second track in the message")
	// ErrBadTrack: the reader itself says that it could not read the track (an E between the sentinels).
	ErrBadTrack = errors.New("scanner: track not readable")
	// ErrTrack: the track is not coded as ISO 7813 says, or its check is wrong.
	ErrTrack = errors.New("scanner: not a second track")
)

// Bounds of ISO 7813.
const (
	maxTrack  = 40 // with sentinels
	maxNumber = 19
)

// Track2 is the second track of a magnetic stripe:
//
//	; number (up to 19 digits) = YYMM service (3) issuer's own ? [LRC]
//
// Old medical cards put an institution's number in place of an account's and may have nothing behind it, so no check digit
// is demanded. Printing it in any way shows the end of the number only.
type Track2 struct {
	Number string
	// Expires is YYMM and Service three digits; both may be empty. Discretionary is what the issuer wrote behind.
	Expires, Service, Discretionary string
	// separated: there is a separator, even when nothing follows it.
	separated bool
	// lrc is the check, where the reader sends it.
	lrc string
}

// ParseTrack2 finds the second track in what a stripe reader sent: alone, or between the first (%…?) and the third (+…?),
// with or without the check behind its end. Whatever it accepts of a track alone, Bytes gives back.
func ParseTrack2(text string) (Track2, error) {
	if strings.HasPrefix(text, "%") {
		end := strings.IndexByte(text, '?')
		if end < 0 {
			return Track2{}, ErrTrack
		}
		text = text[end+1:]
		if at := strings.IndexByte(text, ';'); at == 1 {
			text = text[1:] // the first track's own check
		}
	}
	if text == "" || text[0] == '+' {
		return Track2{}, ErrNoTrack2
	}
	end := strings.IndexByte(text, '?')
	if text[0] != ';' || end < 0 {
		return Track2{}, ErrTrack
	}
	body, rest := text[1:end], text[end+1:]
	if at := strings.IndexByte(rest, '+'); at >= 0 && strings.HasSuffix(rest, "?") {
		rest = rest[:at]
	}
	if body == "E" {
		return Track2{}, ErrBadTrack
	}
	if len(body)+2 > maxTrack || len(rest) > 1 || rest != "" && rest != lrc(text[:end+1]) {
		return Track2{}, ErrTrack
	}
	t, err := parseBody(body)
	t.lrc = rest
	return t, err
}

// parseBody reads what is between the sentinels.
func parseBody(body string) (Track2, error) {
	number, more, separated := strings.Cut(body, "=")
	t := Track2{Number: number, separated: separated}
	if number == "" || len(number) > maxNumber || strings.Trim(body, "0123456789=") != "" {
		return Track2{}, ErrTrack
	}
	if len(more) >= 4 && !strings.Contains(more[:4], "=") {
		t.Expires, more = more[:4], more[4:]
		if len(more) >= 3 && !strings.Contains(more[:3], "=") {
			t.Service, more = more[:3], more[3:]
		}
	}
	t.Discretionary = more
	return t, nil
}

// lrc is the check: the exclusive or of the four data bits of all characters, sentinels included, as a character.
func lrc(s string) string {
	var x byte
	for i := range len(s) {
		x ^= s[i] & 0xF
	}
	return string(rune('0' + x))
}

// Bytes returns the track as it was sent.
func (t Track2) Bytes() []byte {
	s := ";" + t.Number
	if t.separated {
		s += "=" + t.Expires + t.Service + t.Discretionary
	}
	return []byte(s + "?" + t.lrc)
}

// shownDigits is how much of a number stays visible, at its end; a number of less than twice that is hidden whole.
const shownDigits = 4

// String is masked.
func (t Track2) String() string {
	if len(t.Number) < 2*shownDigits {
		return "track 2 " + strings.Repeat("*", len(t.Number))
	}
	hidden := len(t.Number) - shownDigits
	return "track 2 " + strings.Repeat("*", hidden) + t.Number[hidden:]
}

// Format is masked whatever the verb and flags.
func (t Track2) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) }

// LogValue is masked.
func (t Track2) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalText is masked, for JSON, YAML and whatever else asks for text.
func (t Track2) MarshalText() ([]byte, error) { return []byte(t.String()), nil }
