package idcard

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"gongji/cardreader/internal/golden"
	"gongji/cardreader/wire"
	"slices"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The published requests and answers, byte for byte.
func TestPublishedFrames(t *testing.T) {
	for s, body := range map[string][]byte{
		"AA AA AA 96 69 00 03 10 FF EC": Reset.Bytes(), "AA AA AA 96 69 00 03 11 FF ED": Status.Bytes(), "AA AA AA 96 69 00 03 12 FF EE": GetSAMID.Bytes(),
		"AA AA AA 96 69 00 03 20 01 22": Find.Bytes(), "AA AA AA 96 69 00 03 20 02 21": Select.Bytes(), "AA AA AA 96 69 00 03 30 01 32": ReadText.Bytes(),
		"AA AA AA 96 69 00 03 30 10 23": ReadFinger.Bytes(), "AA AA AA 96 69 00 03 30 03 30": LatestAddress.Bytes(),
		"AA AA AA 96 69 00 04 00 00 90 94":                                      {0, 0, 0x90},
		"AA AA AA 96 69 00 08 00 00 9F 00 00 00 00 97":                          {0, 0, 0x9F, 0, 0, 0, 0},
		"AA AA AA 96 69 00 0C 00 00 90 00 00 00 00 00 00 00 00 9C":              {0, 0, 0x90, 0, 0, 0, 0, 0, 0, 0, 0},
		"AA AA AA 96 69 00 04 00 00 80 84":                                      {0, 0, 0x80},
		"AA AA AA 96 69 00 04 00 00 81 85":                                      {0, 0, 0x81},
		"AA AA AA 96 69 00 14 00 00 90 0500 0300 989F3301 87D61200 B168DE3A C9": append([]byte{0, 0, 0x90}, sam.Bytes()...),
	} {
		if got := Encode(body); !bytes.Equal(got, unhex(t, s)) {
			t.Errorf("% X, want %s", got, s)
		}
		if got, err := ParseFrame(unhex(t, s)); err != nil || !bytes.Equal(got, body) {
			t.Errorf("%s: % X %v", s, got, err)
		}
	}
	// A code alone, with the last byte of its frame.
	for code, last := range map[Code]byte{0x90: 0x94, 0x10: 0x14, 0x11: 0x15, 0x21: 0x25, 0x24: 0x20, 0x31: 0x35, 0x32: 0x36, 0x33: 0x37, 0x40: 0x44, 0x41: 0x45,
		0x47: 0x43, 0x60: 0x64, 0x66: 0x62, 0x80: 0x84, 0x81: 0x85, 0x91: 0x95} {
		frame := Encode(Answer{Code: code}.Bytes())
		if frame[len(frame)-1] != last || strings.Contains(code.String(), "unknown status") {
			t.Errorf("%s: % X", code, frame)
		}
	}
	for baud, frame := range map[int]string{115200: "AAAAAA966900036000 63", 57600: "AAAAAA966900036001 62", 38400: "AAAAAA966900036002 61",
		19200: "AAAAAA966900036003 60", 9600: "AAAAAA966900036004 67"} {
		if c, ok := SetBaud(baud); !ok || !bytes.Equal(Encode(c.Bytes()), unhex(t, frame)) {
			t.Errorf("%d: % X", baud, Encode(c.Bytes()))
		}
	}
	if _, ok := SetBaud(4800); ok {
		t.Error("4800 baud was taken")
	}
}

var sam = SAMID{Maker: 5, Kind: 3, Date: 20160408, Serial: 1234567, Random: 987654321}

func TestSAMID(t *testing.T) {
	got, err := ParseSAMID(sam.Bytes())
	if err != nil || got.String() != "05.03-20160408-0001234567-0987654321" {
		t.Errorf("%s %v", got, err)
	}
}

// wang is the golden text; the person is invented, the number is the sample of GB 11643.
func wang() Text {
	return Text{Type: Resident, Fields: map[Field]string{
		FieldName: "王芳", FieldSex: "2", FieldEthnicity: "01", FieldBirth: "19491231", FieldAddress: "北京市朝阳区某街道1号",
		FieldNumber: "11010519491231002X", FieldIssuer: "北京市公安局朝阳分局", FieldFrom: "20150101", FieldTo: "长期",
	}}
}

func bytesOf(t testing.TB, text Text) []byte {
	t.Helper()
	b, err := text.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func photo() []byte {
	b := make([]byte, PhotoLen)
	for i := range b {
		b[i] = byte(7*i + 3)
	}
	return b
}

// answerTo is the frame that answers a reading of a text.
func answerTo(t testing.TB, text Text, fingers []byte, finger bool) []byte {
	return Encode(Answer{Code: CodeDone, Data: NewRecord(bytesOf(t, text), photo(), fingers, finger).Bytes()}.Bytes())
}

const goldenSum = "1e686d41a0a82088dad464be8a034b6d633da97e907234366066159ee9f7360b"

func TestGoldenFrame(t *testing.T) {
	frame := answerTo(t, wang(), nil, false)
	sum := sha256.Sum256(frame)
	if len(frame) != 1295 || frame[1294] != 0x74 || hex.EncodeToString(sum[:]) != goldenSum {
		t.Errorf("%d bytes, last %02X, sum %x", len(frame), frame[len(frame)-1], sum)
	}
	if !bytes.HasPrefix(frame, unhex(t, "AA AA AA 96 69 05 08 00 00 90 01 00 04 00 8B 73 B3 82 20 00")) {
		t.Errorf("% X", frame[:20])
	}
	for fingers, want := range map[int]int{0: 1297, 1: 1809, 2: 2321} {
		frame := answerTo(t, wang(), make([]byte, fingers*FingerLen), true)
		body, err := ParseFrame(frame)
		if err != nil || len(frame) != want {
			t.Fatalf("%d fingers: %d bytes, %v", fingers, len(frame), err)
		}
		a, _ := ParseAnswer(body)
		if r, err := ParseRecord(a.Data, true); err != nil || len(r.Fingers) != fingers*FingerLen || !a.fits(ReadFinger) {
			t.Errorf("%d fingers: %d bytes, %v", fingers, len(r.Fingers), err)
		}
	}
	for name, b := range map[string][]byte{"short": make([]byte, 100), "text length": append([]byte{2, 0, 4, 0}, make([]byte, 1280)...),
		"photo length": append([]byte{1, 0, 5, 0}, make([]byte, 1280)...), "surplus": append([]byte{1, 0, 4, 0}, make([]byte, 1281)...)} {
		if _, err := ParseRecord(b, false); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestFourKindsOfDocuments(t *testing.T) {
	long := strings.Repeat("ABCD ", 7) + "KLMNOPQRSTU" // 46 characters, in two places on the card of 2023, cut at a blank
	for name, c := range map[string]struct {
		text Text
		want Card
	}{
		"resident": {wang(), Card{Type: Resident, Number: "11010519491231002X", Name: "王芳", Sex: "2", Ethnicity: "01", BirthDate: "1949-12-31",
			Address: "北京市朝阳区某街道1号", Issuer: "北京市公安局朝阳分局", From: "2015-01-01", LongTerm: true}},
		"hmt": {Text{Type: HMT, Fields: map[Field]string{FieldName: "陈明", FieldSex: "1", FieldBirth: "19880101", FieldAddress: "湖南省长沙市某路2号",
			FieldNumber: "810000198801010012", FieldIssuer: "长沙市公安局", FieldFrom: "20190601", FieldTo: "20240601", FieldPass: "H12345678", FieldIssues: "01"}},
			Card{Type: HMT, Number: "810000198801010012", Name: "陈明", Sex: "1", BirthDate: "1988-01-01", Address: "湖南省长沙市某路2号", Issuer: "长沙市公安局",
				From: "2019-06-01", To: "2024-06-01", PassNumber: "H12345678", Issues: "01"}},
		"foreign 2017": {Text{Type: Foreign2017, Fields: map[Field]string{FieldEnglish: "TEST, PERSON", FieldSex: "1", FieldNumber: "XXX110105198001",
			FieldCountry: "XXX", FieldName: "测试", FieldFrom: "20170616", FieldTo: "20270615", FieldBirth: "19800101", FieldVersion: "01", FieldAgency: "1500"}},
			Card{Type: Foreign2017, Number: "XXX110105198001", Name: "测试", EnglishName: "TEST, PERSON", Sex: "1", Country: "XXX", BirthDate: "1980-01-01",
				Issuer: "1500", From: "2017-06-16", To: "2027-06-15"}},
		"foreign 2023": {Text{Type: Foreign2023, Fields: map[Field]string{FieldName: "", FieldSex: "2", FieldRenewals: "00", FieldBirth: "19900202",
			FieldEnglish: long[:35], FieldEnglish2: long[35:], FieldNumber: "911124199002020009", FieldFrom: "20231201", FieldTo: "20331130", FieldCountry: "124"}},
			Card{Type: Foreign2023, Number: "911124199002020009", EnglishName: long, Sex: "2", Country: "124", BirthDate: "1990-02-02",
				From: "2023-12-01", To: "2033-11-30"}},
	} {
		text, err := ParseText(bytesOf(t, c.text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := text.Decode()
		if err != nil || !equal(got, c.want) {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
}

// equal compares the parts that are text.
func equal(a, b Card) bool {
	a.Photo, a.Fingers, b.Photo, b.Fingers = nil, nil, nil, nil
	return a.Type == b.Type && slices.Equal(parts(a), parts(b)) && a.LongTerm == b.LongTerm
}

func parts(c Card) []string {
	return []string{c.Number, c.Name, c.EnglishName, c.Sex, c.Ethnicity, c.Country, c.BirthDate, c.Address, c.LatestAddress, c.Issuer, c.From, c.To, c.PassNumber, c.Issues}
}

func TestBadTextsAreNamedWithoutTheirValue(t *testing.T) {
	for field, value := range map[Field]string{FieldNumber: "110105194912310021", FieldBirth: "19491331", FieldSex: "7", FieldName: "", FieldFrom: "heute", FieldTo: "20150230"} {
		text := wang()
		text.Fields[field] = value
		parsed, err := ParseText(bytesOf(t, text))
		if err != nil {
			t.Fatal(err)
		}
		_, err = parsed.Decode()
		if !errors.Is(err, ErrText) || !strings.Contains(err.Error(), string(field)) || value != "" && strings.Contains(err.Error(), value) {
			t.Errorf("%s: %v", field, err)
		}
	}
	b := bytesOf(t, wang())
	b[typeAt] = 'Q'
	if _, err := ParseText(b); !errors.Is(err, ErrText) {
		t.Error(err)
	}
	text := wang()
	text.Fields[FieldName] = strings.Repeat("王", 16)
	if _, err := text.Bytes(); !errors.Is(err, ErrText) {
		t.Error(err)
	}
}

func link(l wire.Line) *Link {
	return New(l, Options{Timeout: golden.IsTimeout})
}

func code(c Code, data ...byte) []byte { return Encode(Answer{Code: c, Data: data}.Bytes()) }

var (
	found    = code(CodeFound, 0, 0, 0, 0)
	selected = code(CodeDone, 0, 0, 0, 0, 0, 0, 0, 0)
)

// A card is read twice, whether or not the reader finds it a second time, and the photograph is dropped.
func TestRead(t *testing.T) {
	text := answerTo(t, wang(), nil, false)
	address, err := EncodeAddress("湖南省长沙市某路3号")
	if err != nil {
		t.Fatal(err)
	}
	latest := code(CodeDone, address...)
	l := &golden.Tape{Replies: [][]byte{found, selected, text, code(CodeFindFailed), code(CodeSelectFailed), text, latest, latest}}
	var early Card
	c, err := link(l).Read(t.Context(), func(c Card) { early = c })
	if err != nil || c.Number != "11010519491231002X" || c.LatestAddress != "湖南省长沙市某路3号" || c.Photo != nil || len(l.Replies) != 0 {
		t.Fatalf("%v, %d replies left", err, len(l.Replies))
	}
	if early.Number != c.Number || early.LatestAddress != "" {
		t.Error("the identity must be known before the rest")
	}
	l = &golden.Tape{Replies: [][]byte{found, selected, text, found, selected, text, code(CodeNoContent)}}
	k := link(l)
	k.opts.Photo = true
	if c, err = k.Read(t.Context(), nil); err != nil || !bytes.Equal(c.Photo, photo()) || c.LatestAddress != "" {
		t.Errorf("%v, photo of %d bytes", err, len(c.Photo))
	}
}

// Two errors that cancel in the checksum do not make another person: readings must agree.
func TestReadingsMustAgree(t *testing.T) {
	good := answerTo(t, wang(), nil, false)
	other := bytes.Clone(good)
	other[14] ^= 1
	other[16] ^= 1
	steps := func(texts ...[]byte) (list [][]byte) {
		for _, b := range texts {
			list = append(list, found, selected, b)
		}
		return append(list, code(CodeNoContent))
	}
	c, err := link(&golden.Tape{Replies: steps(other, good, good)}).Read(t.Context(), nil)
	if err != nil || c.Name != "王芳" {
		t.Errorf("%q %v", c.Name, err)
	}
	_, err = link(&golden.Tape{Replies: steps(good, other, good, other, good, other)}).Read(t.Context(), nil)
	if !errors.Is(err, ErrUnstable) {
		t.Error(err)
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range Codes() {
		if c == CodeDone || c == CodeFound {
			continue
		}
		l := &golden.Tape{Replies: [][]byte{code(c), code(c), code(c), code(c)}}
		_, err := link(l).Do(t.Context(), ReadText)
		var refused *Error
		if !errors.As(err, &refused) || refused.Code != c {
			t.Errorf("%s: %v", c, err)
		}
		if want := map[bool]int{true: attempts, false: 1}[c.misheard()]; len(l.Sent) != want {
			t.Errorf("%s: sent %d times, want %d", c, len(l.Sent), want)
		}
	}
	// Nothing lies there.
	gone := [][]byte{code(CodeFindFailed), code(CodeSelectFailed), code(CodeReadFailed)}
	_, err := link(&golden.Tape{Replies: gone}).Read(t.Context(), nil)
	var refused *Error
	if !errors.As(err, &refused) || !refused.Gone() || refused.Reader() {
		t.Error(err)
	}
}

// The late answer to another command, garbage, and a spoilt frame are told from an answer.
func TestSpoiltAnswers(t *testing.T) {
	bad := bytes.Clone(found)
	bad[len(bad)-1] ^= 1
	for name, first := range map[string][]byte{"checksum": bad, "truncated": found[:9], "another's": selected, "oversized": unhex(t, "AAAAAA9669FFFF0000"),
		"undersized": unhex(t, "AAAAAA966900010000"), "nothing": nil} {
		l := &golden.Tape{Replies: [][]byte{first, found}}
		if ok, err := link(l).Find(t.Context()); err != nil || !ok || len(l.Sent) != 2 {
			t.Errorf("%s: %v %v after %d", name, ok, err, len(l.Sent))
		}
	}
	l := &golden.Tape{Replies: [][]byte{slices.Concat([]byte{0xAA, 0xAA, 0xAA, 0xAA, 0x96}, []byte{0, 0x11}, found)}}
	if ok, err := link(l).Find(t.Context()); err != nil || !ok || len(l.Sent) != 1 {
		t.Errorf("garbage: %v %v", ok, err)
	}
	if _, err := link(&golden.Tape{}).Find(t.Context()); !errors.Is(err, wire.ErrSilent) {
		t.Error(err)
	}
}

func FuzzDecoder(f *testing.F) {
	f.Add(found)
	f.Add(slices.Concat([]byte{0xAA, 0xAA}, selected, []byte{0xAA}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var d Decoder
		d.Write(b)
		var all []byte
		for item, ok := d.Next(); ok; item, ok = d.Next() {
			if item.Kind == ItemFrame && !bytes.Equal(Encode(item.Body), item.Raw) {
				t.Fatalf("% X encodes again as % X", item.Raw, Encode(item.Body))
			}
			if a, err := ParseAnswer(item.Body); err == nil && !bytes.Equal(a.Bytes(), item.Body) {
				t.Fatalf("% X answers again as % X", item.Body, a.Bytes())
			}
			all = append(all, item.Raw...)
		}
		if !bytes.Equal(append(all, d.Held()...), b) {
			t.Fatalf("% X came out as % X", b, all)
		}
	})
}

func FuzzText(f *testing.F) {
	f.Add(bytesOf(f, wang()))
	hmt := wang()
	hmt.Type = HMT
	f.Add(bytesOf(f, hmt))
	f.Fuzz(func(t *testing.T, b []byte) {
		text, err := ParseText(b)
		if err != nil {
			return
		}
		if again, err := text.Bytes(); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("% X encodes again as % X, %v", b, again, err)
		}
		_, _ = text.Decode()
	})
}

func FuzzRecord(f *testing.F) {
	f.Add(NewRecord(make([]byte, TextLen), make([]byte, PhotoLen), nil, false).Bytes(), false)
	f.Add(NewRecord(make([]byte, TextLen), make([]byte, PhotoLen), make([]byte, FingerLen), true).Bytes(), true)
	f.Fuzz(func(t *testing.T, b []byte, finger bool) {
		if r, err := ParseRecord(b, finger); err == nil && !bytes.Equal(r.Bytes(), b) {
			t.Fatalf("encodes again otherwise")
		}
	})
}

func FuzzSmallParts(f *testing.F) {
	f.Add(sam.Bytes())
	f.Add(make([]byte, addressLen))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := ParseSAMID(b); err == nil && !bytes.Equal(s.Bytes(), b) {
			t.Fatalf("% X encodes again as % X", b, s.Bytes())
		}
		s, err := DecodeAddress(b)
		if err != nil {
			return
		}
		if again, err := EncodeAddress(s); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("% X encodes again as % X, %v", b, again, err)
		}
	})
}
