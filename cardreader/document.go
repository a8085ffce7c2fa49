package cardreader

import (
	"fmt"
	"io"
	"log/slog"
)

// Document is what an identity document says beyond number, name, sex, ethnicity, birth and validity, which are in the
// Credential it belongs to. Printing it in any way shows its type only.
type Document struct {
	// Type is resident, hmt, foreign-2017 or foreign-2023.
	Type string
	// EnglishName and Country are on foreigners' documents; Country is a code.
	EnglishName, Country string
	Address              string
	// LatestAddress was stored after the document was made; empty when there is none.
	LatestAddress string
	// Issuer is the issuing authority. LongTerm: the document does not expire, and ExpiresOn is empty.
	Issuer   string
	LongTerm bool
	// PassNumber and Issues are on residence permits of people from Hong Kong, Macao and Taiwan.
	PassNumber, Issues string
	// Photo is the photograph in its closed format, only where Options.KeepPhoto asks for it.
	Photo []byte
}

// String is masked.
func (d Document) String() string { return "document " + d.Type }

// Format is masked whatever the verb and flags.
func (d Document) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, d.String()) }

// LogValue is masked.
func (d Document) LogValue() slog.Value { return slog.StringValue(d.String()) }

// MarshalText is masked, for JSON, YAML and whatever else asks for text.
func (d Document) MarshalText() ([]byte, error) { return []byte(d.String()), nil }
