// Package virtual is the other end of the line: a card reader and the cards in it, byte for byte as a real one, on a
// pseudo-terminal or on a line in memory. Demonstrations, tests and integrators without hardware use it; the code that
// reads cards cannot tell the difference.
//
// A card is data: its files are sealed in it and come out only by the commands of ISO 7816-4, with the status words a real
// card answers. The people on cards made here are invented.
package virtual

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"

	"gongji/cardreader/apdu"
	"gongji/cardreader/sscard"
)

// Kinds of cards a file may name.
const (
	KindSocial1 = "social-1.00"
	KindSocial2 = "social-2.00"
	KindSocial3 = "social-3.00"
	KindHealth  = "health"
	KindBank    = "bank"
	KindNone    = "none"
)

var kinds = []string{KindSocial1, KindSocial2, KindSocial3, KindHealth, KindBank, KindNone}

// Protocols of a card.
const (
	ProtocolT0 = "T0"
	ProtocolT1 = "T1"
)

// Card is a card as data. The zero Card is none; make one with LoadCard, SocialCard, OtherCard or SampleCard.
type Card struct {
	kind       string
	atr        []byte
	t1         bool
	mute       bool
	noPPS      bool
	voltage    byte // 0: any
	ef05, ef06 map[byte][]byte
}

// Kind returns the kind the card was made with.
func (c Card) Kind() string { return c.kind }

// Mute returns the same card with a dirty chip: it is there, and never answers a reset.
func (c Card) Mute() Card {
	c.mute = true
	return c
}

// RefusePPS returns the same card with a chip that stays silent when asked for another speed, until it is reset.
func (c Card) RefusePPS() Card {
	c.noPPS = true
	return c
}

// At3Volts returns the same card with a chip that answers a reset at 3 V only.
func (c Card) At3Volts() Card {
	c.voltage = voltage5 + 1
	return c
}

// social tells whether the card has a social security environment.
func (c Card) social() bool { return strings.HasPrefix(c.kind, "social-") }

// version of the card's standard.
func (c Card) version() string { return strings.TrimPrefix(c.kind, "social-") }

// Person is what is personalised into a social security card. Dates are YYYY-MM-DD; empty members get a default: Version
// 1.00, sex, birth date and birthplace from the citizen number, Han, no dates.
type Person struct {
	IDNumber, Name, Number, Identifier, Version, IssuedOn, ExpiresOn string
	Sex, Ethnicity, Birthplace, BirthDate                            string
}

// SocialCard returns a card for a person. It panics with the names of all bad members when the person does not fit a card;
// use NewSocialCard for data that is not written in the program.
func SocialCard(p Person) Card {
	c, err := NewSocialCard(p)
	if err != nil {
		panic(err)
	}
	return c
}

// NewSocialCard returns a card for a person, or an error that names every member that does not fit.
func NewSocialCard(p Person) (Card, error) {
	if p.Version == "" {
		p.Version = "1.00"
	}
	if len(p.IDNumber) == 18 {
		p.Sex = first(p.Sex, string("21"[(p.IDNumber[16]-'0')&1]))
		p.BirthDate = first(p.BirthDate, p.IDNumber[6:14])
		p.Birthplace = first(p.Birthplace, p.IDNumber[:6])
	}
	area := "F"
	if len(p.Identifier) >= 6 {
		area = p.Identifier[:6]
	}
	f := cardFile{Kind: "social-" + p.Version, EF05: map[string]string{
		"01": p.Identifier, "02": "3", "04": "9156000002" + area + area + "01", "05": bcd(p.IssuedOn), "06": bcd(p.ExpiresOn), "07": p.Number,
	}, EF06: map[string]string{
		"08": p.IDNumber, "09": p.Name, "0A": p.Sex, "0B": first(p.Ethnicity, "01"), "0C": first(p.Birthplace, "F"), "0D": bcd(p.BirthDate),
	}}
	return f.card()
}

func first(s, otherwise string) string {
	if s != "" {
		return s
	}
	return otherwise
}

func bcd(date string) string { return first(strings.ReplaceAll(date, "-", ""), "FFFFFFFF") }

// SampleCard is the sample record printed in the social security terminal standard, as a card of version 1.00.
func SampleCard() Card {
	return SocialCard(Person{
		IDNumber: "111111198101011110", Name: "张三", Number: "X00000019", Identifier: "639900D15600000500BF7C7A48FB4966",
		Version: "1.00", IssuedOn: "2010-10-01", ExpiresOn: "2020-10-01",
	})
}

// OtherCard returns a card that is no social security card: KindHealth, KindBank or KindNone.
func OtherCard(kind string) (Card, error) { return cardFile{Kind: kind}.card() }

// cardFile is a card file: values by the type of the tag, digits for packed numbers and bytes, text for text.
type cardFile struct {
	Kind     string            `json:"kind"`
	ATR      string            `json:"atr"`
	Protocol string            `json:"protocol"`
	EF05     map[string]string `json:"ef05"`
	EF06     map[string]string `json:"ef06"`
}

// LoadCard reads a card file in JSON. Its error names every bad member at once.
func LoadCard(r io.Reader) (Card, error) {
	var f cardFile
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return Card{}, fmt.Errorf("virtual: card file: %w", err)
	}
	return f.card()
}

// itemCoding is how a card file writes an item.
type itemCoding int

const (
	codedText itemCoding = iota
	codedHex             // bytes, exactly
	codedBCD             // decimal digits, padded with F
	codedName            // characters, GB18030
)

// item is what the file system knows of one tag.
type item struct {
	tag    sscard.Tag
	coding itemCoding
}

// The files in record order. Cards of version 1.00 lack the name extension, so what follows it has lower numbers there.
var (
	issuerItems = []item{{sscard.TagIdentifier, codedHex}, {sscard.TagClass, codedText}, {sscard.TagVersion, codedText}, {sscard.TagAgency, codedHex},
		{sscard.TagIssued, codedBCD}, {sscard.TagExpires, codedBCD}, {sscard.TagCardNumber, codedText}}
	holderItems = []item{{sscard.TagIDNumber, codedText}, {sscard.TagName, codedName}, {sscard.TagNameMore, codedName}, {sscard.TagSex, codedText},
		{sscard.TagEthnicity, codedBCD}, {sscard.TagBirthplace, codedBCD}, {sscard.TagBirthDate, codedBCD}}
)

// card checks everything and builds the card.
func (f cardFile) card() (Card, error) {
	c := Card{kind: f.Kind, t1: f.Protocol == ProtocolT1, ef05: map[byte][]byte{}, ef06: map[byte][]byte{}}
	var errs []error
	if !slices.Contains(kinds, f.Kind) {
		errs = append(errs, fmt.Errorf("kind: %q is none of %s", f.Kind, strings.Join(kinds, ", ")))
	}
	if f.Protocol != "" && f.Protocol != ProtocolT0 && f.Protocol != ProtocolT1 {
		errs = append(errs, fmt.Errorf("protocol: %q is neither T0 nor T1", f.Protocol))
	}
	switch {
	case c.social():
		errs = append(errs, f.files(c)...)
	case len(f.EF05)+len(f.EF06) > 0:
		errs = append(errs, errors.New("ef05, ef06: only social security cards have these files here"))
	}
	errs = append(errs, f.reset(&c))
	if err := errors.Join(errs...); err != nil {
		return Card{}, fmt.Errorf("virtual: card: %w", err)
	}
	return c, nil
}

// files encodes EF05 and EF06.
func (f cardFile) files(c Card) []error {
	values := map[string]string{"03": c.version(), "02": "3"}
	for k, v := range f.EF05 {
		values[k] = v
	}
	errs := encodeFile("ef05", issuerItems, values, c.ef05)
	errs = append(errs, encodeFile("ef06", holderItems, f.EF06, c.ef06)...)
	if c.kind == KindSocial1 && c.ef06[byte(sscard.TagNameMore)] != nil {
		errs = append(errs, errors.New("ef06.4E: cards of version 1.00 have no name extension"))
	}
	for _, must := range []sscard.Tag{sscard.TagIdentifier, sscard.TagCardNumber} {
		if c.ef05[byte(must)] == nil {
			errs = append(errs, fmt.Errorf("ef05.%02X: %s is missing", byte(must), must))
		}
	}
	return errs
}

// encodeFile encodes the values of one file into dst and names every value that does not fit.
func encodeFile(name string, items []item, values map[string]string, dst map[byte][]byte) []error {
	var errs []error
	known := map[string]item{}
	for _, it := range items {
		known[fmt.Sprintf("%02X", byte(it.tag))] = it
	}
	keys := make([]string, 0, len(values))
	for k := range values {
		keys = append(keys, k)
	}
	sort.Strings(keys) // 09 before 4E, so that an extension given by itself wins over what spills
	for _, k := range keys {
		it, ok := known[strings.ToUpper(k)]
		if !ok {
			errs = append(errs, fmt.Errorf("%s.%s: no such item", name, k))
			continue
		}
		if err := it.encode(values[k], dst); err != nil {
			errs = append(errs, fmt.Errorf("%s.%s %s: %w", name, k, it.tag, err))
		}
	}
	return errs
}

// encode writes a value with its padding. Errors never repeat the value.
func (it item) encode(value string, dst map[byte][]byte) error {
	n, _ := sscard.Length(it.tag)
	switch it.coding {
	case codedText:
		return put(dst, it.tag, []byte(value), n, 0)
	case codedName:
		name, more, err := sscard.EncodeName(value)
		if err != nil {
			return err
		}
		if it.tag == sscard.TagNameMore {
			return put(dst, it.tag, append(name, more...), n, 0)
		}
		if len(more) > 0 {
			if err := put(dst, sscard.TagNameMore, more, 20, 0); err != nil {
				return err
			}
		}
		return put(dst, it.tag, name, n, 0)
	}
	if it.coding == codedBCD {
		if strings.Trim(strings.ToUpper(value), "0123456789F") != "" {
			return errors.New("not decimal digits")
		}
		value += strings.Repeat("F", max(0, 2*n-len(value)))
	}
	b, err := hex.DecodeString(value)
	if err != nil {
		return errors.New("not pairs of hex digits")
	}
	if it.coding == codedHex && len(b) != n {
		return fmt.Errorf("%d bytes where %d belong", len(b), n)
	}
	return put(dst, it.tag, b, n, 0xFF)
}

func put(dst map[byte][]byte, t sscard.Tag, b []byte, n int, pad byte) error {
	if len(b) > n {
		return fmt.Errorf("%d bytes where %d fit", len(b), n)
	}
	out := slices.Clone(b)
	for len(out) < n {
		out = append(out, pad)
	}
	dst[byte(t)] = out
	return nil
}

// Historical bytes of the cards made here: chip maker, operating system, card maker, serial number.
var (
	socialHistory = []byte{0x00, 0x81, 0x4E, 0x43, 0x23, 0x86, 0x97, 0x15, 0x99, 0x00, 0xBF, 0x7C, 0x7A}
	otherHistory  = []byte{0x00, 0x90, 0x54, 0x31, 0x16, 0x86, 0x60, 0x26, 0x01, 0x15, 0x00, 0x00, 0x01}
)

// reset sets the answer to reset: the file's own, which must be one, or the usual one with the serial number that the card
// identifier repeats.
func (f cardFile) reset(c *Card) error {
	if f.ATR != "" {
		b, err := hex.DecodeString(f.ATR)
		if err != nil {
			return errors.New("atr: not pairs of hex digits")
		}
		if _, err := apdu.ParseATR(b); err != nil {
			return fmt.Errorf("atr: %w", err)
		}
		c.atr = b
		return nil
	}
	history := slices.Clone(otherHistory)
	if c.social() {
		history = slices.Clone(socialHistory)
		if id := c.ef05[byte(sscard.TagIdentifier)]; len(id) == 16 {
			copy(history[9:], id[8:12])
		}
	}
	c.atr = append([]byte{0x3B, 0x6D, 0x00, 0x00}, history...)
	if c.t1 {
		c.atr = append([]byte{0x3B, 0xED, 0x00, 0x00, 0x81, 0x31, 0xFE, 0x42}, history...)
		var tck byte
		for _, v := range c.atr[1:] {
			tck ^= v
		}
		c.atr = append(c.atr, tck)
	}
	return nil
}
