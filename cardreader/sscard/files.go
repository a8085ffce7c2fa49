// Package sscard reads the Chinese social security card (社会保障卡): which files and items there are, how their bytes are
// coded, and in what order a counter asks for them.
//
// Every free answer is a simple TLV: tag (1) | length (1) | value. Items are fetched by tag from the selected file, since
// record numbers differ between generations: version 2.00 put the name extension 4E between the name and what follows.
//
// What a counter without a security module can read: EF05 (card identifier, number, dates) from every card; EF06 (name,
// citizen number, sex …) from versions 1.00 and 2.00. A 3.00 card gives EF06 only after an external authentication with a
// key this machine does not have; that is an outcome of its own, not an error.
package sscard

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// SSSE is the name of the social security environment: "sx1.sh." and 社会保障 in GBK.
var SSSE = []byte("sx1.sh.\xC9\xE7\xBB\xE1\xB1\xA3\xD5\xCF")

// File identifiers below SSSE.
var (
	fileIssuer = []byte{0xEF, 0x05}
	fileHolder = []byte{0xEF, 0x06}
)

// Tag names one item of a card.
type Tag byte

// Items of EF05 (issuer) and EF06 (holder).
const (
	TagIdentifier Tag = 0x01
	TagClass      Tag = 0x02
	TagVersion    Tag = 0x03
	TagAgency     Tag = 0x04
	TagIssued     Tag = 0x05
	TagExpires    Tag = 0x06
	TagCardNumber Tag = 0x07
	TagIDNumber   Tag = 0x08
	TagName       Tag = 0x09
	TagNameMore   Tag = 0x4E
	TagSex        Tag = 0x0A
	TagEthnicity  Tag = 0x0B
	TagBirthplace Tag = 0x0C
	TagBirthDate  Tag = 0x0D
)

// lengths are the value lengths of the items; a read asks for exactly that and two bytes more.
var lengths = map[Tag]int{
	TagIdentifier: 16, TagClass: 1, TagVersion: 4, TagAgency: 12, TagIssued: 4, TagExpires: 4, TagCardNumber: 9,
	TagIDNumber: 18, TagName: 30, TagNameMore: 20, TagSex: 1, TagEthnicity: 1, TagBirthplace: 3, TagBirthDate: 4,
}

// Length returns the value length of an item in bytes.
func Length(t Tag) (int, bool) {
	n, ok := lengths[t]
	return n, ok
}

var tagNames = map[Tag]string{
	TagIdentifier: "卡识别码", TagClass: "卡类别", TagVersion: "规范版本", TagAgency: "初始化机构编号", TagIssued: "发卡日期",
	TagExpires: "卡有效期", TagCardNumber: "卡号", TagIDNumber: "社会保障号码", TagName: "姓名", TagNameMore: "姓名扩展",
	TagSex: "性别", TagEthnicity: "民族", TagBirthplace: "出生地", TagBirthDate: "出生日期",
}

// String names the item in Chinese.
func (t Tag) String() string {
	if s, ok := tagNames[t]; ok {
		return s
	}
	return fmt.Sprintf("%02X", byte(t))
}

// ErrItem says that an item of the card is not coded as the standard says.
var ErrItem = errors.New("sscard: item not readable")

// ItemError names the item that cannot be read and why, never its value. It wraps ErrItem.
type ItemError struct {
	Tag Tag
	Why string
}

// Error names item and reason.
func (e *ItemError) Error() string {
	return fmt.Sprintf("sscard: item %02X %s: %s", byte(e.Tag), e.Tag, e.Why)
}

// Unwrap returns ErrItem.
func (e *ItemError) Unwrap() error { return ErrItem }

// EncodeTLV returns tag, length and value. Values are at most 253 bytes, so that a whole answer fits a short APDU.
func EncodeTLV(t Tag, value []byte) []byte {
	return append([]byte{byte(t), byte(len(value))}, value...)
}

// ParseTLV reads an answer that must be exactly one item with the given tag. Whatever it accepts, EncodeTLV gives back.
func ParseTLV(t Tag, b []byte) ([]byte, error) {
	switch {
	case len(b) < 2:
		return nil, &ItemError{t, "shorter than tag and length"}
	case b[0] != byte(t):
		return nil, &ItemError{t, fmt.Sprintf("tag %02X came instead", b[0])}
	case int(b[1]) != len(b)-2:
		return nil, &ItemError{t, fmt.Sprintf("length says %d, there are %d bytes", b[1], len(b)-2)}
	}
	return b[2:], nil
}

// text decodes an "an" item: printable ASCII, padded on the right with 00 (blanks are seen too).
func text(t Tag, b []byte) (string, error) {
	s := strings.TrimRight(string(b), "\x00 ")
	for _, r := range s {
		if r <= ' ' || r > '~' {
			return "", &ItemError{t, "not printable text"}
		}
	}
	return s, nil
}

// digits decodes a "cn" item: packed decimal digits, padded on the right with F.
func digits(t Tag, b []byte) (string, error) {
	s := strings.TrimRight(hex.EncodeToString(b), "f")
	if strings.ContainsAny(s, "abcdef") {
		return "", &ItemError{t, "not decimal digits"}
	}
	return s, nil
}

// date decodes a "cn" date as YYYY-MM-DD; all F or all 0 is no date.
func date(t Tag, b []byte) (string, error) {
	s, err := digits(t, b)
	if err != nil || strings.Trim(s, "0") == "" {
		return "", err
	}
	d, err := time.Parse("20060102", s)
	if err != nil {
		return "", &ItemError{t, "not a date"}
	}
	return d.Format(time.DateOnly), nil
}

// Name decodes a name from its item and its extension. The bytes are joined before they are decoded, since a four-byte
// GB18030 character may straddle the two.
func Name(name, more []byte) (string, error) {
	raw := append(bytes.TrimRight(bytes.Clone(name), "\x00"), bytes.TrimRight(more, "\x00")...)
	b, err := simplifiedchinese.GB18030.NewDecoder().Bytes(raw)
	s := strings.TrimRight(string(b), " \u3000")
	if err != nil || s == "" || !utf8.ValidString(s) || strings.ContainsFunc(s, notInName) {
		return "", &ItemError{TagName, "not GB18030 text"}
	}
	return s, nil
}

// EncodeName is the inverse of Name: GB18030 bytes, the first 30 and the rest, both without padding.
func EncodeName(s string) (name, more []byte, err error) {
	b, err := simplifiedchinese.GB18030.NewEncoder().Bytes([]byte(s))
	if err != nil || len(b) > lengths[TagName]+lengths[TagNameMore] {
		return nil, nil, &ItemError{TagName, "does not fit 50 bytes of GB18030"}
	}
	cut := min(len(b), lengths[TagName])
	return b[:cut:cut], b[cut:], nil
}

// notInName: the decoder's mark for bytes that are no character, and control characters.
func notInName(r rune) bool { return r == utf8.RuneError || unicode.IsControl(r) }
