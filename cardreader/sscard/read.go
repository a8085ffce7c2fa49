package sscard

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"gongji/cardreader/apdu"
)

// Kind says what sort of card is in the slot.
type Kind string

// The kinds.
const (
	Social  Kind = "social"
	Health  Kind = "health"
	Bank    Kind = "bank"
	Unknown Kind = "unknown"
)

// Card is what was read. Dates are YYYY-MM-DD or empty. It holds a person's data: hand it on, do not print it.
type Card struct {
	Kind Kind
	// Algorithm is the card's algorithm identifier (01 when it names none).
	Algorithm byte
	// Identifier is the card identifier (卡识别码): 32 hex digits in upper case. Its first six are the issuer's area.
	Identifier string
	Class      string
	Version    string
	Agency     string
	IssuedOn   string
	ExpiresOn  string
	Number     string
	// NeedsAuthentication: the card keeps the holder's items behind an external authentication. The items below are empty.
	NeedsAuthentication bool
	IDNumber            string
	Name                string
	Sex                 string
	Ethnicity           string
	Birthplace          string
	BirthDate           string
}

// identity is what must agree between two readings.
type identity struct {
	kind                                                 Kind
	identifier, version, number, expires, idNumber, name string
	locked                                               bool
}

func (c Card) identity() identity {
	return identity{c.Kind, c.Identifier, c.Version, c.Number, c.ExpiresOn, c.IDNumber, c.Name, c.NeedsAuthentication}
}

// maxReadings bounds how often a card is read until two readings agree. A spoilt answer costs one.
const maxReadings = 6

// ErrUnstable says that readings of the same card keep differing or being spoilt.
var ErrUnstable = errors.New("sscard: readings do not agree")

// Read reads the card on an activated channel. A card of another kind is returned with its Kind and nothing else.
//
// The lines' checksums are a single XOR byte, which misses errors that cancel each other. So what identifies a person is
// read until two readings agree; a spoilt answer makes the reading start again from SELECT. What identifies the person
// comes first in each reading; what a counter can do without comes last and only once, and may be missing. agreed, unless
// nil, is called between the two with what is certain then, so that a purchase need not wait for the rest; it is not
// called for cards of another kind.
//
// Errors: ErrUnstable, an *ItemError, an *apdu.Error for a refusal, or what the channel reports. After agreed was called the
// card that comes with an error holds at least the same.
func Read(ctx context.Context, ch apdu.Channel, agreed func(Card)) (Card, error) {
	var last *Card
	var cause error
	for range maxReadings {
		c, err := readIdentity(ctx, ch)
		if err != nil {
			if !again(err) {
				return Card{}, err
			}
			cause = err
			continue
		}
		if last != nil && last.identity() == c.identity() {
			if agreed != nil && c.Kind == Social {
				agreed(c)
			}
			err := readRest(ctx, ch, &c)
			return c, err
		}
		last, cause = &c, nil
	}
	if cause == nil {
		return Card{}, ErrUnstable
	}
	return Card{}, fmt.Errorf("%w: %w", ErrUnstable, cause)
}

// again tells errors that another reading may cure: a spoilt answer, and a refusal or content that makes no sense, which
// may have been spoilt without the checksum noticing.
func again(err error) bool {
	return errors.Is(err, apdu.ErrSpoilt) || errors.Is(err, apdu.ErrShort) || errors.Is(err, apdu.ErrLoop) ||
		errors.Is(err, ErrItem) || isRefusal(err)
}

// readIdentity selects the environment and reads what identifies card and person.
func readIdentity(ctx context.Context, ch apdu.Channel) (Card, error) {
	r, err := ch.Do(ctx, apdu.Select(4, SSSE))
	if err != nil {
		return Card{}, err
	}
	if r.SW == apdu.FileNotFound || r.SW == apdu.NotSupported {
		return identifyOther(ctx, ch)
	}
	if r.SW != apdu.OK {
		return Card{}, &apdu.Error{INS: apdu.InsSelect, SW: r.SW}
	}
	c := Card{Kind: Social, Algorithm: algorithm(r.Data)}
	f := file{ctx: ctx, ch: ch}
	f.open(fileIssuer)
	c.Version = f.must(TagVersion, version)
	c.Identifier = f.must(TagIdentifier, identifier)
	c.Number = f.must(TagCardNumber, text)
	c.ExpiresOn = f.must(TagExpires, date)
	if f.err != nil {
		return Card{}, f.err
	}
	err = readHolder(&f, &c)
	return c, err
}

// readHolder reads number and name, or finds that they need an authentication.
func readHolder(f *file, c *Card) error {
	f.open(fileHolder)
	number := f.must(TagIDNumber, text)
	if locked(f.err) {
		c.NeedsAuthentication = true
		return nil
	}
	name := f.raw(TagName)
	if f.err != nil {
		if locked(f.err) {
			c.NeedsAuthentication = true
			return nil
		}
		return f.err
	}
	more, err := f.optional(TagNameMore)
	if err != nil {
		return err
	}
	c.IDNumber = strings.ToUpper(number)
	if err := checkIDNumber(c.IDNumber); err != nil {
		return err
	}
	c.Name, err = Name(name, more)
	return err
}

// locked tells the refusals of a card that wants an authentication first.
func locked(err error) bool {
	var refused *apdu.Error
	return errors.As(err, &refused) && refused.SW == apdu.SecurityNotSatisfied
}

// checkIDNumber accepts what can be a citizen number or a number in its place: 15 or 18 digits and letters. The check digit
// of GB 11643 is the business of whoever uses the number: numbers of people who are not citizens may not have one.
func checkIDNumber(s string) error {
	if len(s) != 15 && len(s) != 18 {
		return &ItemError{TagIDNumber, fmt.Sprintf("%d characters", len(s))}
	}
	for _, r := range s {
		if (r < '0' || r > '9') && (r < 'A' || r > 'Z') {
			return &ItemError{TagIDNumber, "not digits and letters"}
		}
	}
	return nil
}

// restReadings bounds how often the items a counter can do without are tried when the line spoils an answer.
const restReadings = 3

// readRest reads what a counter can do without. Only a line or reader that failed is an error.
func readRest(ctx context.Context, ch apdu.Channel, c *Card) error {
	if c.Kind != Social {
		return nil
	}
	for try := range restReadings {
		f := file{ctx: ctx, ch: ch}
		if try > 0 {
			f.reselect(!c.NeedsAuthentication)
		}
		f.rest(c)
		if f.err == nil || !again(f.err) {
			return f.err
		}
	}
	return nil
}

// reselect begins again from the environment after a spoilt answer, with the holder's file open if it is free.
func (f *file) reselect(holder bool) {
	if _, f.err = f.ch.Do(f.ctx, apdu.Select(4, SSSE)); holder {
		f.open(fileHolder)
	}
}

// rest reads the items; the holder's file is selected when it is free.
func (f *file) rest(c *Card) {
	if !c.NeedsAuthentication {
		c.Sex = f.may(TagSex, text)
		c.Ethnicity = f.may(TagEthnicity, digits)
		c.Birthplace = f.may(TagBirthplace, digits)
		c.BirthDate = f.may(TagBirthDate, date)
	}
	f.open(fileIssuer)
	c.IssuedOn = f.may(TagIssued, date)
	c.Class = f.may(TagClass, text)
	c.Agency = f.may(TagAgency, agency)
}

// identifier decodes the card identifier: hex, of which the first six digits are an area code.
func identifier(t Tag, b []byte) (string, error) {
	if len(b) != lengths[t] {
		return "", &ItemError{t, fmt.Sprintf("%d bytes", len(b))}
	}
	if area := hex.EncodeToString(b[:3]); strings.ContainsAny(area, "abcdef") {
		return "", &ItemError{t, "no area code in front"}
	}
	return strings.ToUpper(hex.EncodeToString(b)), nil
}

// version decodes the version of the standard, such as 2.00; cards whose item begins with 00 are of the second generation.
func version(t Tag, b []byte) (string, error) {
	if len(b) == lengths[t] && b[0] == 0 {
		return "2.00", nil
	}
	return text(t, b)
}

// agency is digits in practice, with hex digits at its end on some cards.
func agency(_ Tag, b []byte) (string, error) { return strings.ToUpper(hex.EncodeToString(b)), nil }

// algorithm finds the algorithm identifier in the answer to SELECT; a card that names none uses 01.
func algorithm(fci []byte) byte {
	mark := "\x9F\x0C\x03\x86\x01"
	if i := strings.Index(string(fci), mark); i >= 0 && i+len(mark) < len(fci) {
		return fci[i+len(mark)]
	}
	return 1
}

// Names of other cards' applications, selected only to say what card it is; nothing in them is read.
var (
	masterFile = []byte{0x3F, 0x00}
	healthDDF  = []byte{0xDD, 0xF1}
	bankAID    = []byte{0xA0, 0x00, 0x00, 0x03, 0x33, 0x01, 0x01, 0x01}
)

// identifyOther finds out what card it is that has no social security environment.
func identifyOther(ctx context.Context, ch apdu.Channel) (Card, error) {
	if _, err := ch.Do(ctx, apdu.Select(0, masterFile)); err != nil {
		return Card{}, err
	}
	r, err := ch.Do(ctx, apdu.Select(0, healthDDF))
	if err != nil {
		return Card{}, err
	}
	if r.SW == apdu.OK {
		return Card{Kind: Health}, nil
	}
	if r, err = ch.Do(ctx, apdu.Select(4, bankAID)); err != nil {
		return Card{}, err
	}
	if r.SW == apdu.OK {
		return Card{Kind: Bank}, nil
	}
	return Card{Kind: Unknown}, nil
}

// file reads items of one file at a time and remembers the first error, so that a reading is a plain list of items.
type file struct {
	ctx context.Context
	ch  apdu.Channel
	err error
}

// open selects a file below the environment.
func (f *file) open(id []byte) {
	if f.err != nil {
		return
	}
	r, err := f.ch.Do(f.ctx, apdu.Select(2, id))
	if f.err = err; err == nil && r.SW != apdu.OK {
		f.err = &apdu.Error{INS: apdu.InsSelect, SW: r.SW}
	}
}

// raw reads the value of one item.
func (f *file) raw(t Tag) []byte {
	if f.err != nil {
		return nil
	}
	r, err := f.ch.Do(f.ctx, apdu.ReadTag(byte(t), lengths[t]+2))
	if err == nil && r.SW != apdu.OK {
		err = &apdu.Error{INS: apdu.InsReadRecord, SW: r.SW}
	}
	var value []byte
	if err == nil {
		value, err = ParseTLV(t, r.Data)
	}
	if err == nil && t == TagCardNumber && len(value) > lengths[t] {
		value = value[:lengths[t]] // some cards pad it; the terminal rule is to use nine bytes
	}
	f.err = err
	return value
}

// optional reads an item that the card may lack.
func (f *file) optional(t Tag) ([]byte, error) {
	value := f.raw(t)
	if isRefusal(f.err) {
		f.err = nil
	}
	return value, f.err
}

type decoder func(Tag, []byte) (string, error)

// must reads and decodes an item that has to be there.
func (f *file) must(t Tag, decode decoder) string {
	value := f.raw(t)
	if f.err != nil {
		return ""
	}
	s, err := decode(t, value)
	if f.err = err; err == nil && s == "" && t != TagExpires {
		f.err = &ItemError{t, "empty"}
	}
	return s
}

// may reads and decodes an item that may be missing or badly coded.
func (f *file) may(t Tag, decode decoder) string {
	value, err := f.optional(t)
	if errors.Is(err, ErrItem) {
		f.err = nil
	}
	if err != nil {
		return ""
	}
	s, _ := decode(t, value) // badly coded is as good as missing here
	return s
}

// isRefusal tells an answer with a status word other than success.
func isRefusal(err error) bool {
	var refused *apdu.Error
	return errors.As(err, &refused)
}
