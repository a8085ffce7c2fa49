package cardreader

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"gongji/cardreader/apdu"
)

// CardKind says what sort of card was read.
type CardKind string

// The kinds of cards.
const (
	CardSocial  CardKind = "social"
	CardHealth  CardKind = "health"
	CardBank    CardKind = "bank"
	CardUnknown CardKind = "unknown"
	// CardIdentity is an identity document, from a reader of role id.
	CardIdentity CardKind = "id"
)

// Credential is what a card says about itself and its holder. Dates are YYYY-MM-DD or empty. It is a value: a copy may be
// kept as long as a transaction needs it, and no longer.
//
// Printing it in any way (fmt with any verb, slog, JSON, text) shows only masked members. That protection cannot reach a
// Credential held by value in an unexported field of another struct that is printed whole; hold a pointer there.
type Credential struct {
	Kind    CardKind
	Version string // of the card's standard: "1.00", "2.00", "3.00"
	// Identifier is the card identifier (卡识别码), 32 hex digits in upper case.
	Identifier string
	// Number is the card number (卡号).
	Number string
	// IssuerArea is the area code of the issuing city, six digits.
	IssuerArea string
	IssuedOn   string
	ExpiresOn  string
	// ATR is the whole answer to reset.
	ATR []byte
	// IDNumber is the social security number, which is the citizen number (GB 11643) of most people.
	IDNumber string
	Name     string
	// Sex is a GB/T 2261.1 code, Ethnicity a GB 3304 code, Birthplace an area code.
	Sex, Ethnicity, Birthplace string
	BirthDate                  string
	// NeedsAuthentication: the card keeps number and name behind an authentication this machine cannot do; IDNumber and Name
	// are empty. The centre may resolve the person by Identifier and Number.
	NeedsAuthentication bool
	// Document is what only identity documents have; nil for cards.
	Document *Document
	// Complete: the reading is over. Before that, the members which the identity check does not need may still be empty: IssuedOn,
	// Sex, Ethnicity, Birthplace, BirthDate of a card, LatestAddress of a document. They may stay empty after it as well.
	Complete bool
	ReadAt   time.Time
}

// MaskedHolder shows a name as a counter may show it: the first character and one star for each other (王芳 → 王*, 欧阳小明 →
// 欧***). A single character is hidden. It is the rule of package settle, so that card and slip name a person alike.
func (c Credential) MaskedHolder() string {
	name := []rune(c.Name)
	if len(name) < 2 {
		return strings.Repeat("*", len(name))
	}
	return string(name[0]) + strings.Repeat("*", len(name)-1)
}

// shownDigits is how much of a number stays visible, at its end; a number of less than twice that is hidden whole.
const shownDigits = 4

// MaskedNumber shows the last four characters of the card number.
func (c Credential) MaskedNumber() string { return maskNumber(c.Number) }

// MaskedIDNumber shows the last four characters of the citizen number.
func (c Credential) MaskedIDNumber() string { return maskNumber(c.IDNumber) }

func maskNumber(s string) string {
	if len(s) < 2*shownDigits {
		return strings.Repeat("*", len(s))
	}
	hidden := len(s) - shownDigits
	return strings.Repeat("*", hidden) + s[hidden:]
}

// Historical returns the historical bytes of the answer to reset (卡复位信息), or nil when it is not one.
func (c Credential) Historical() []byte {
	atr, err := apdu.ParseATR(c.ATR)
	if err != nil {
		return nil
	}
	return atr.Historical
}

// OutputString is what the terminal interface of LD/T 33 returns for a card: eleven fields, each ended by "|". It holds the
// full identity: hand it to the caller that asked for it, never to a log.
func (c Credential) OutputString(terminal, device string) string {
	return strings.Join([]string{
		c.IssuerArea, c.IDNumber, c.Number, c.Identifier, c.Name, strings.ToUpper(hex.EncodeToString(c.Historical())), c.Version,
		compact(c.IssuedOn), compact(c.ExpiresOn), terminal, device, "",
	}, "|")
}

func compact(date string) string { return strings.ReplaceAll(date, "-", "") }

// masked is the only form in which a Credential leaves through printing and marshalling.
type masked struct {
	Kind                CardKind  `json:"kind"`
	Version             string    `json:"version,omitempty"`
	Holder              string    `json:"holder,omitempty"`
	Number              string    `json:"number,omitempty"`
	IssuerArea          string    `json:"issuer_area,omitempty"`
	NeedsAuthentication bool      `json:"needs_authentication,omitempty"`
	ReadAt              time.Time `json:"read_at"`
}

func (c Credential) masked() masked {
	return masked{c.Kind, c.Version, c.MaskedHolder(), c.MaskedNumber(), c.IssuerArea, c.NeedsAuthentication, c.ReadAt}
}

// String is masked.
func (c Credential) String() string {
	s := strings.TrimSpace(string(c.Kind) + " " + c.Version)
	if c.Number != "" {
		s += " " + c.MaskedNumber()
	}
	if c.Name != "" {
		s += " " + c.MaskedHolder()
	}
	if c.NeedsAuthentication {
		s += " needs authentication"
	}
	return s
}

// GoString is masked.
func (c Credential) GoString() string { return "cardreader.Credential{" + c.String() + "}" }

// Format is masked whatever the verb and flags.
func (c Credential) Format(f fmt.State, verb rune) {
	s := c.String()
	if verb == 'v' && f.Flag('#') {
		s = c.GoString()
	}
	_, _ = io.WriteString(f, s)
}

// LogValue is masked.
func (c Credential) LogValue() slog.Value {
	m := c.masked()
	return slog.GroupValue(slog.String("kind", string(m.Kind)), slog.String("version", m.Version), slog.String("holder", m.Holder),
		slog.String("number", m.Number), slog.String("issuer_area", m.IssuerArea), slog.Bool("needs_authentication", m.NeedsAuthentication))
}

// MarshalJSON is masked.
func (c Credential) MarshalJSON() ([]byte, error) { return json.Marshal(c.masked()) }

// MarshalText is masked, for YAML and whatever else asks for text.
func (c Credential) MarshalText() ([]byte, error) { return []byte(c.String()), nil }
