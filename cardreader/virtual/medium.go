package virtual

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"gongji/cardreader/idcard"
)

// Medium is what a customer holds: a Card for gempc and acs readers, an Identity for sdt readers, a Code for scanners. What a
// reader is not made for it meets as a real one does: a strange thing in the slot is mute, and nothing is seen elsewhere.
type Medium interface{ medium() }

func (Card) medium()     {}
func (Identity) medium() {}
func (Code) medium()     {}

// LoadMedium reads the file of what a reader of this kind is given: a card, an identity document, or a code. Its error names
// every bad member at once.
func LoadMedium(kind string, r io.Reader) (Medium, error) {
	switch kind {
	case KindSDT:
		return LoadIdentity(r)
	case KindScanner:
		return LoadCode(r)
	}
	return LoadCard(r)
}

// SampleMedium is what a reader of this kind is given when nothing else is said.
func SampleMedium(kind string) Medium {
	switch kind {
	case KindSDT:
		return SampleIdentity()
	case KindScanner:
		return Code{Text: "4241234567890123456708330000"}
	}
	return SampleCard()
}

// Code is what a scanner is pointed at, or a stripe drawn through a reader.
type Code struct {
	Text string `json:"text"`
}

// LoadCode reads {"text": …}.
func LoadCode(r io.Reader) (Code, error) {
	var c Code
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return Code{}, fmt.Errorf("virtual: code file: %w", err)
	}
	if c.Text == "" {
		return Code{}, errors.New("virtual: code file: text is missing")
	}
	return c, nil
}

// Identity is an identity document as data. The zero Identity is none; make one with NewIdentity or LoadIdentity.
type Identity struct {
	text    []byte
	address []byte // latest address, nil when none is stored
	fingers int
}

// Holder is what is written on an identity document. Dates are YYYY-MM-DD or YYYYMMDD; To may be 长期. The people are
// invented. Type is resident (default), hmt, foreign-2017 or foreign-2023; the members that a type lacks stay empty.
type Holder struct {
	Type          string `json:"type"`
	Name          string `json:"name"`
	EnglishName   string `json:"english_name"`
	Sex           string `json:"sex"`
	Ethnicity     string `json:"ethnicity"`
	Country       string `json:"country"`
	Birth         string `json:"birth"`
	Address       string `json:"address"`
	LatestAddress string `json:"latest_address"`
	Number        string `json:"number"`
	Issuer        string `json:"issuer"`
	From          string `json:"from"`
	To            string `json:"to"`
	PassNumber    string `json:"pass_number"`
	Issues        string `json:"issues"`
	// Fingers is how many fingerprints are stored, 0 to 2.
	Fingers int `json:"fingers"`
}

// SampleIdentity is the document of an invented person whose number is the sample of GB 11643.
func SampleIdentity() Identity {
	d, err := NewIdentity(Holder{Name: "王芳", Sex: "2", Ethnicity: "01", Birth: "19491231", Address: "北京市朝阳区某街道1号",
		Number: "11010519491231002X", Issuer: "北京市公安局朝阳分局", From: "20150101", To: "长期"})
	if err != nil {
		panic(err)
	}
	return d
}

// LoadIdentity reads a document file in JSON.
func LoadIdentity(r io.Reader) (Identity, error) {
	var h Holder
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&h); err != nil {
		return Identity{}, fmt.Errorf("virtual: document file: %w", err)
	}
	return NewIdentity(h)
}

var documentTypes = map[string]idcard.Type{"": idcard.Resident, "resident": idcard.Resident, "hmt": idcard.HMT,
	"foreign-2017": idcard.Foreign2017, "foreign-2023": idcard.Foreign2023}

// NewIdentity returns a document, or an error that names every member that does not fit, never its value.
func NewIdentity(h Holder) (Identity, error) {
	kind, ok := documentTypes[h.Type]
	if !ok {
		return Identity{}, fmt.Errorf("virtual: document: type: %q is none of resident, hmt, foreign-2017, foreign-2023", h.Type)
	}
	day := func(s string) string { return strings.ReplaceAll(s, "-", "") }
	t := idcard.Text{Type: kind, Fields: map[idcard.Field]string{
		idcard.FieldName: h.Name, idcard.FieldEnglish: h.EnglishName, idcard.FieldSex: h.Sex, idcard.FieldEthnicity: h.Ethnicity,
		idcard.FieldBirth: day(h.Birth), idcard.FieldAddress: h.Address, idcard.FieldNumber: h.Number, idcard.FieldIssuer: h.Issuer,
		idcard.FieldFrom: day(h.From), idcard.FieldTo: day(h.To), idcard.FieldPass: h.PassNumber, idcard.FieldIssues: h.Issues,
		idcard.FieldCountry: h.Country,
	}}
	switch kind {
	case idcard.Foreign2017:
		t.Fields[idcard.FieldAgency] = h.Issuer
	case idcard.Foreign2023: // a long English name is written in two places
		if name := []rune(h.EnglishName); len(name) > 35 {
			t.Fields[idcard.FieldEnglish], t.Fields[idcard.FieldEnglish2] = string(name[:35]), string(name[35:])
		}
	}
	var d Identity
	var err, wrong, place error
	if d.text, err = t.Bytes(); err == nil {
		_, wrong = t.Decode()
	}
	if h.LatestAddress != "" {
		d.address, place = idcard.EncodeAddress(h.LatestAddress)
	}
	if h.Fingers < 0 || h.Fingers > 2 {
		place = errors.Join(place, errors.New("fingers: 0, 1 or 2"))
	}
	d.fingers = h.Fingers
	if err := errors.Join(err, wrong, place); err != nil {
		return Identity{}, fmt.Errorf("virtual: document: %w", err)
	}
	return d, nil
}

// photo is no photograph: it only has the right length, and is the same every time.
func (d Identity) photo() []byte {
	b := make([]byte, idcard.PhotoLen)
	for i := range b {
		b[i] = byte(7*i + 3)
	}
	return b
}

// record is what a reading gives.
func (d Identity) record(fingers bool) []byte {
	var prints []byte
	if fingers {
		prints = make([]byte, d.fingers*idcard.FingerLen)
	}
	return idcard.NewRecord(d.text, d.photo(), prints, fingers).Bytes()
}
