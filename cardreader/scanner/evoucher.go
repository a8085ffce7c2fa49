package scanner

import "strings"

// Kind says what a message is, by its form alone.
type Kind string

// The kinds.
const (
	// EVoucher is a 医保码 (医保电子凭证): "424" and 25 digits.
	EVoucher Kind = "evoucher"
	// EVoucherOpen is the open platform's form of it: "opc" and 25 digits.
	EVoucherOpen Kind = "evoucher-open"
	// Stripe is what a magnetic stripe reader sends.
	Stripe Kind = "stripe"
	// Other is any other code, such as that on a box of medicine, or a new form of 医保码: the platform decides.
	Other Kind = "other"
)

// codeLen is the length of a 医保码, with its prefix of three characters.
const codeLen = 28

// Classify tells the kind of a message. A 医保码 is opaque: only the platform knows whose it is, and only once.
func Classify(text string) Kind {
	if len(text) == codeLen && strings.Trim(text[3:], "0123456789") == "" {
		switch text[:3] {
		case "424":
			return EVoucher
		case "opc":
			return EVoucherOpen
		}
	}
	if text != "" && strings.ContainsRune("%;+", rune(text[0])) && strings.ContainsRune(text, '?') {
		return Stripe
	}
	return Other
}

// Code tells whether the kind is a 医保码.
func (k Kind) Code() bool { return k == EVoucher || k == EVoucherOpen }

// Province returns the two digits of a 医保码 that name the issuing province, or nothing for other messages.
func Province(text string) string {
	if !Classify(text).Code() {
		return ""
	}
	return text[22:24]
}
