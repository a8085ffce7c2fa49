package nhsa

import (
	"regexp"
	"strings"
)

// longDigits are the numbers in a centre's text that may be somebody's: identity, person, card and account numbers.
// Transaction and error codes are shorter.
var longDigits = regexp.MustCompile(`[0-9A-Za-z]*\d{7,}[0-9A-Za-z]*`)

// maxFault is the longest text that is kept of a centre's answer, in characters.
const maxFault = 200

// Redact makes a centre's text fit to be stored and logged: the given secrets and every number of seven digits or more
// are replaced, and the text is cut to 200 characters.
func Redact(text string, secrets ...string) string {
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	text = longDigits.ReplaceAllString(text, "***")
	if runes := []rune(text); len(runes) > maxFault {
		text = string(runes[:maxFault-1]) + "…"
	}
	return text
}
