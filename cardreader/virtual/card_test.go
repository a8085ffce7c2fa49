package virtual

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

func TestLoadCard(t *testing.T) {
	c, err := LoadCard(strings.NewReader(`{"kind": "social-2.00", "protocol": "T1",
		"ef05": {"01": "430100D15600000500BF7C7A48FB4966", "07": "A12345678", "05": "20240101", "06": "20340101"},
		"ef06": {"08": "11010519491231002X", "09": "买买提·吐尔逊", "0A": "2", "0C": "1101"}}`))
	if err != nil {
		t.Fatal(err)
	}
	for tag, want := range map[byte]string{
		0x08: "313130313035313934393132333130303258", 0x0C: "1101FF", 0x0A: "32",
		0x09: "C2F2C2F2CCE1A1A4CDC2B6FBD1B7" + strings.Repeat("00", 16),
	} {
		if got := strings.ToUpper(hex.EncodeToString(c.ef06[tag])); got != want {
			t.Errorf("%02X: %s, want %s", tag, got, want)
		}
	}
	if string(c.ef05[3]) != "2.00" || string(c.ef05[2]) != "3" || !c.t1 || c.atr[1] != 0xED {
		t.Errorf("%q %q %v % X", c.ef05[3], c.ef05[2], c.t1, c.atr)
	}
}

// A name too long for its item spills into the extension, in the middle of a character if need be.
func TestLongNameSpills(t *testing.T) {
	long := strings.Repeat("王", 14) + "𠮷𠮷芳" // 28 bytes, then two characters of four bytes
	c, err := NewSocialCard(Person{IDNumber: "11010519491231002X", Name: long, Number: "A12345678", Identifier: "430100D15600000500BF7C7A48FB4966", Version: "2.00"})
	if err != nil {
		t.Fatal(err)
	}
	if more := bytes.TrimRight(c.ef06[0x4E], "\x00"); len(more) != 8 {
		t.Errorf("extension % X", more)
	}
	if _, err := NewSocialCard(Person{IDNumber: "11010519491231002X", Name: long, Number: "A12345678", Identifier: "430100D15600000500BF7C7A48FB4966", Version: "1.00"}); err == nil {
		t.Error("a card of version 1.00 took a name extension")
	}
}

// Every bad member is named at once, and no value is repeated.
func TestLoadCardNamesEveryMistake(t *testing.T) {
	_, err := LoadCard(strings.NewReader(`{"kind": "social-2.00", "atr": "3B6D", "protocol": "T7",
		"ef05": {"01": "4301", "05": "2024-1-1", "99": "00"}, "ef06": {"08": "11010519491231002X99", "0B": "xx", "4E": "` + strings.Repeat("王", 30) + `"}}`))
	if err == nil {
		t.Fatal("taken")
	}
	for _, want := range []string{"atr", "protocol", "ef05.01", "ef05.05", "ef05.99", "ef05.07", "ef06.08", "ef06.0B", "ef06.4E"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not named in %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "11010519491231002X") {
		t.Errorf("the number is in the error")
	}
	for name, in := range map[string]string{
		"unknown kind":   `{"kind": "gold"}`,
		"unknown member": `{"kind": "none", "ef07": {}}`,
		"files of bank":  `{"kind": "bank", "ef05": {"07": "A12345678"}}`,
		"not JSON":       `kind`,
	} {
		if _, err := LoadCard(strings.NewReader(in)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// The card's own rules, by TPDU under T=0.
func TestChipAnswers(t *testing.T) {
	ssse := "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
	sample, old, second := SampleCard(), "00B2033403", "00B2043403"
	two := SocialCard(Person{IDNumber: "11010519491231002X", Name: "王芳", Number: "A12345678", Identifier: "430100D15600000500BF7C7A48FB4966", Version: "2.00"})
	bank, _ := OtherCard(KindBank)
	health, _ := OtherCard(KindHealth)
	for name, c := range map[string]struct {
		card  Card
		steps []string
	}{
		"read before SELECT":         {sample, []string{"00B2070009", "6986"}},
		"file before environment":    {sample, []string{"00A4020002EF05", "6A82"}},
		"no file selected":           {sample, []string{ssse, "611E", "00B207000B", "6986"}},
		"empty buffer":               {sample, []string{"00C000001E", "6985"}},
		"buffer given out once":      {sample, []string{ssse, "611E", "00C0000010", "6C1E", "00C000001E", "*9000", "00C000001E", "6985"}},
		"buffer lost by a command":   {sample, []string{ssse, "611E", "00A4020002EF05", "9000", "00C000001E", "6985"}},
		"sex is record 3 on 1.00":    {sample, []string{ssse, "611E", old, "0A01319000"}},
		"sex is record 4 on 2.00":    {two, []string{ssse, "611E", second, "0A01329000"}},
		"by tag through SFI":         {sample, []string{ssse, "611E", "00B207280B", "*9000"}},
		"no such record":             {sample, []string{ssse, "611E", "00B209280B", "6A83"}},
		"no such file":               {sample, []string{ssse, "611E", "00B201380B", "6A82"}},
		"master file leaves":         {sample, []string{ssse, "611E", "00A40000023F00", "9000", "00A4020002EF05", "6A82"}},
		"class":                      {sample, []string{"80B207000B", "6E00"}},
		"instruction":                {sample, []string{"0088000008", "6D00"}},
		"length":                     {sample, []string{"00A4040010AABB", "6700"}},
		"bank card has no SSSE":      {bank, []string{ssse, "6A82", "00A4040008A000000333010101", "610E"}},
		"health card has its own DF": {health, []string{ssse, "6A82", "00A40000023F00", "6116", "00A4000002DDF1", "6112"}},
	} {
		chip := &chip{card: c.card}
		for i := 0; i < len(c.steps); i += 2 {
			tpdu, err := hex.DecodeString(c.steps[i])
			if err != nil {
				t.Fatal(err)
			}
			got := strings.ToUpper(hex.EncodeToString(chip.t0(tpdu)))
			want, end := c.steps[i+1], strings.TrimPrefix(c.steps[i+1], "*")
			if want != got && (end == want || !strings.HasSuffix(got, end)) {
				t.Errorf("%s: %s answers %s, want %s", name, c.steps[i], got, want)
			}
		}
	}
}
