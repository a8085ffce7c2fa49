package sscard_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"gongji/cardreader/apdu"
	"gongji/cardreader/sscard"
)

// plain is a card as a map from command to answer; it counts commands and lets a test spoil one of them.
type plain struct {
	files map[string]apdu.Response
	count int
	spoil func(n int, c apdu.Command, r apdu.Response) (apdu.Response, error)
	log   []string
}

func key(c apdu.Command) string {
	return apdu.Describe([]byte{c.CLA, c.INS, c.P1, c.P2}) + string(c.Data)
}

func (p *plain) Do(_ context.Context, c apdu.Command) (apdu.Response, error) {
	p.count++
	p.log = append(p.log, key(c))
	r, ok := p.files[key(c)]
	if !ok {
		r = apdu.Response{SW: apdu.RecordNotFound}
		if c.INS == apdu.InsSelect {
			r.SW = apdu.FileNotFound
		}
	}
	if p.spoil != nil {
		return p.spoil(p.count, c, r)
	}
	return r, nil
}

func (p *plain) put(t sscard.Tag, value string) {
	p.files[key(apdu.ReadTag(byte(t), 0))] = apdu.Response{Data: sscard.EncodeTLV(t, []byte(value)), SW: apdu.OK}
}

// wang is 王芳's card of version 2.00; the person is invented.
func wang() *plain {
	p := &plain{files: map[string]apdu.Response{
		key(apdu.Select(4, sscard.SSSE)):        {Data: []byte("\x6F\x07\x84\x00\x9F\x0C\x03\x86\x01\x03"), SW: apdu.OK},
		key(apdu.Select(2, []byte{0xEF, 0x05})): {SW: apdu.OK},
		key(apdu.Select(2, []byte{0xEF, 0x06})): {SW: apdu.OK},
	}}
	p.put(sscard.TagIdentifier, "\x43\x01\x00\xD1\x56\x00\x00\x05\x00\xBF\x7C\x7A\x48\xFB\x49\x66")
	p.put(sscard.TagClass, "3")
	p.put(sscard.TagVersion, "2.00")
	p.put(sscard.TagAgency, "\x91\x56\x00\x00\x02\x43\x01\x00\x43\x01\x00\x01")
	p.put(sscard.TagIssued, "\x20\x24\x01\x01")
	p.put(sscard.TagExpires, "\x20\x34\x01\x01")
	p.put(sscard.TagCardNumber, "A12345678")
	p.put(sscard.TagIDNumber, "11010519491231002x")
	p.put(sscard.TagName, "\xCD\xF5\xB7\xBC"+strings.Repeat("\x00", 26))
	p.put(sscard.TagNameMore, strings.Repeat("\x00", 20))
	p.put(sscard.TagSex, "2")
	p.put(sscard.TagEthnicity, "\x01")
	p.put(sscard.TagBirthplace, "\x11\x01\xFF")
	p.put(sscard.TagBirthDate, "\x19\x49\x12\x31")
	return p
}

var wangCard = sscard.Card{
	Kind: sscard.Social, Algorithm: 3, Identifier: "430100D15600000500BF7C7A48FB4966", Class: "3", Version: "2.00",
	Agency: "915600000243010043010001", IssuedOn: "2024-01-01", ExpiresOn: "2034-01-01", Number: "A12345678",
	IDNumber: "11010519491231002X", Name: "王芳", Sex: "2", Ethnicity: "01", Birthplace: "1101", BirthDate: "1949-12-31",
}

func TestRead(t *testing.T) {
	p := wang()
	var early []sscard.Card
	var asked int
	got, err := sscard.Read(t.Context(), p, func(c sscard.Card) { early, asked = append(early, c), p.count })
	if err != nil || got != wangCard {
		t.Fatalf("%+v %v", got, err)
	}
	// The identity is told once, before the rest is asked for, and is the same afterwards.
	want := wangCard
	want.IssuedOn, want.Class, want.Agency, want.Sex, want.Ethnicity, want.Birthplace, want.BirthDate = "", "", "", "", "", "", ""
	if len(early) != 1 || early[0] != want || asked >= p.count {
		t.Errorf("early %+v after %d of %d", early, asked, p.count)
	}
	// What identifies the person comes before everything else.
	for i, want := range []sscard.Tag{sscard.TagVersion, sscard.TagIdentifier, sscard.TagCardNumber, sscard.TagExpires} {
		if p.log[2+i] != key(apdu.ReadTag(byte(want), 0)) {
			t.Errorf("read %d is %q", i, p.log[2+i])
		}
	}
}

func TestVariants(t *testing.T) {
	refuse := func(p *plain, t sscard.Tag, sw apdu.SW) {
		p.files[key(apdu.ReadTag(byte(t), 0))] = apdu.Response{SW: sw}
	}
	for name, c := range map[string]struct {
		change func(*plain)
		want   func(*sscard.Card)
	}{
		"no name extension":     {func(p *plain) { refuse(p, sscard.TagNameMore, apdu.RecordNotFound) }, func(*sscard.Card) {}},
		"second generation, 00": {func(p *plain) { p.put(sscard.TagVersion, "\x00\x00\x00\x00") }, func(*sscard.Card) {}},
		"no dates": {func(p *plain) {
			p.put(sscard.TagExpires, "\xFF\xFF\xFF\xFF")
			p.put(sscard.TagIssued, "\x00\x00\x00\x00")
		}, func(c *sscard.Card) { c.ExpiresOn, c.IssuedOn = "", "" }},
		"no sex":        {func(p *plain) { refuse(p, sscard.TagSex, apdu.RecordNotFound) }, func(c *sscard.Card) { c.Sex = "" }},
		"odd ethnicity": {func(p *plain) { p.put(sscard.TagEthnicity, "\xAB") }, func(c *sscard.Card) { c.Ethnicity = "" }},
		"long number":   {func(p *plain) { p.put(sscard.TagCardNumber, "A12345678\x00\x00") }, func(*sscard.Card) {}},
		"needs authentication": {func(p *plain) {
			p.put(sscard.TagVersion, "3.00")
			for _, tag := range []sscard.Tag{sscard.TagIDNumber, sscard.TagName, sscard.TagSex} {
				refuse(p, tag, apdu.SecurityNotSatisfied)
			}
		}, func(c *sscard.Card) {
			c.NeedsAuthentication, c.Version = true, "3.00"
			c.IDNumber, c.Name, c.Sex, c.Ethnicity, c.Birthplace, c.BirthDate = "", "", "", "", "", ""
		}},
		"a character across both parts": {func(p *plain) {
			name, more, err := sscard.EncodeName(strings.Repeat("王", 14) + "𠮷𠮷")
			if err != nil || len(more) != 6 {
				t.Fatal(len(more), err)
			}
			p.put(sscard.TagName, string(name))
			p.put(sscard.TagNameMore, string(more)+strings.Repeat("\x00", 14))
		}, func(c *sscard.Card) { c.Name = strings.Repeat("王", 14) + "𠮷𠮷" }},
	} {
		p, want := wang(), wangCard
		c.change(p)
		c.want(&want)
		if got, err := sscard.Read(t.Context(), p, nil); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, want)
		}
	}
}

func TestOtherCards(t *testing.T) {
	p := &plain{files: map[string]apdu.Response{key(apdu.Select(0, []byte{0xDD, 0xF1})): {SW: apdu.OK}}}
	if got, err := sscard.Read(t.Context(), p, nil); err != nil || got != (sscard.Card{Kind: sscard.Health}) {
		t.Errorf("health card: %+v %v", got, err)
	}
	p = &plain{files: map[string]apdu.Response{}}
	if got, err := sscard.Read(t.Context(), p, nil); err != nil || got != (sscard.Card{Kind: sscard.Unknown}) {
		t.Errorf("unknown card: %+v %v", got, err)
	}
}

func TestBadItemsAreNamedWithoutTheirValue(t *testing.T) {
	for name, c := range map[string]struct {
		tag   sscard.Tag
		value string
	}{
		"area of identifier": {sscard.TagIdentifier, "\xAB\xCD\xEF\xD1\x56\x00\x00\x05\x00\xBF\x7C\x7A\x48\xFB\x49\x66"},
		"short identifier":   {sscard.TagIdentifier, "\x43\x01\x00"},
		"date":               {sscard.TagExpires, "\x20\x34\x13\x01"},
		"not digits":         {sscard.TagExpires, "\x20\xA4\x01\x01"},
		"empty number":       {sscard.TagCardNumber, strings.Repeat("\x00", 9)},
		"number not text":    {sscard.TagCardNumber, "A1234\x01678"},
		"ID number length":   {sscard.TagIDNumber, "1101051949"},
		"ID number letters":  {sscard.TagIDNumber, "11010519491231-02X"},
		"name":               {sscard.TagName, "\xFF\xFF" + strings.Repeat("\x00", 28)},
	} {
		p := wang()
		p.put(c.tag, c.value)
		_, err := sscard.Read(t.Context(), p, nil)
		var bad *sscard.ItemError
		if !errors.As(err, &bad) || bad.Tag != c.tag {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if strings.Contains(err.Error(), c.value) {
			t.Errorf("%s: the value is in the error", name)
		}
	}
}

// One spoilt answer at any place in the reading, whether the line noticed or not, changes nothing in what is read.
func TestOneSpoiltAnswerAnywhere(t *testing.T) {
	clean := wang()
	if _, err := sscard.Read(t.Context(), clean, nil); err != nil {
		t.Fatal(err)
	}
	identityEnds := 0
	for i, k := range clean.log {
		if k == key(apdu.ReadTag(byte(sscard.TagNameMore), 0)) {
			identityEnds = i + 1
		}
	}
	for n := 1; n <= clean.count; n++ {
		for name, spoil := range map[string]func(r apdu.Response) (apdu.Response, error){
			"noticed": func(apdu.Response) (apdu.Response, error) { return apdu.Response{}, apdu.ErrSpoilt },
			"refused": func(apdu.Response) (apdu.Response, error) { return apdu.Response{SW: apdu.SecurityNotSatisfied}, nil },
			"unnoticed": func(r apdu.Response) (apdu.Response, error) {
				r.Data = bytes.Clone(r.Data)
				if len(r.Data) > 3 {
					r.Data[3] ^= 1
				}
				return r, nil
			},
		} {
			p := wang()
			p.spoil = func(i int, _ apdu.Command, r apdu.Response) (apdu.Response, error) {
				if i == n {
					return spoil(r)
				}
				return r, nil
			}
			got, err := sscard.Read(t.Context(), p, nil)
			if n > identityEnds && name != "noticed" { // what a counter can do without is read once
				got = sscard.Card{Kind: got.Kind, Algorithm: wangCard.Algorithm, Identifier: got.Identifier, Class: wangCard.Class, Version: got.Version,
					Agency: wangCard.Agency, IssuedOn: wangCard.IssuedOn, ExpiresOn: got.ExpiresOn, Number: got.Number, IDNumber: got.IDNumber, Name: got.Name,
					Sex: wangCard.Sex, Ethnicity: wangCard.Ethnicity, Birthplace: wangCard.Birthplace, BirthDate: wangCard.BirthDate}
			}
			if err != nil || got != wangCard {
				t.Errorf("answer %d %s: %+v %v", n, name, got, err)
			}
		}
	}
}

func TestEndlessTroubleEnds(t *testing.T) {
	p := wang()
	p.spoil = func(int, apdu.Command, apdu.Response) (apdu.Response, error) { return apdu.Response{}, apdu.ErrSpoilt }
	if _, err := sscard.Read(t.Context(), p, nil); !errors.Is(err, sscard.ErrUnstable) || !errors.Is(err, apdu.ErrSpoilt) {
		t.Error(err)
	}
	p = wang()
	flip := byte('0')
	p.spoil = func(_ int, c apdu.Command, r apdu.Response) (apdu.Response, error) {
		if c.INS == apdu.InsReadRecord && c.P1 == byte(sscard.TagCardNumber) {
			flip++
			r.Data = append(bytes.Clone(r.Data[:len(r.Data)-1]), flip)
		}
		return r, nil
	}
	if _, err := sscard.Read(t.Context(), p, nil); !errors.Is(err, sscard.ErrUnstable) {
		t.Error(err)
	}
}

func FuzzTLV(f *testing.F) {
	f.Add(byte(7), []byte("\x07\x09X00000019"))
	f.Add(byte(1), []byte{1, 0})
	f.Fuzz(func(t *testing.T, tag byte, b []byte) {
		value, err := sscard.ParseTLV(sscard.Tag(tag), b)
		if err == nil && !bytes.Equal(sscard.EncodeTLV(sscard.Tag(tag), value), b) {
			t.Fatalf("% X encodes again as % X", b, sscard.EncodeTLV(sscard.Tag(tag), value))
		}
	})
}

func FuzzName(f *testing.F) {
	f.Add([]byte("\xC2\xF2\xC2\xF2\xCC\xE1\xA1\xA4\xCD\xC2\xB6\xFB\xD1\xB7"))
	f.Add([]byte("\x81\x30\x81"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := sscard.Name(b, nil)
		if err != nil {
			return
		}
		name, more, err := sscard.EncodeName(s)
		if err != nil {
			return // longer than a card holds
		}
		if again, err := sscard.Name(name, more); err != nil || again != s {
			t.Fatalf("%q comes back as %q, %v", s, again, err)
		}
	})
}
