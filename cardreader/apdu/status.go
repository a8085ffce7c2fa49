package apdu

import "fmt"

// SW is a status word.
type SW uint16

// Status words that decide something.
const (
	OK                   SW = 0x9000
	WrongLength          SW = 0x6700
	FileType             SW = 0x6981
	SecurityNotSatisfied SW = 0x6982
	Locked               SW = 0x6983
	BadRandom            SW = 0x6984
	Conditions           SW = 0x6985
	NoCurrentFile        SW = 0x6986
	BadMAC               SW = 0x6988
	BadData              SW = 0x6A80
	NotSupported         SW = 0x6A81
	FileNotFound         SW = 0x6A82
	RecordNotFound       SW = 0x6A83
	BadP1P2              SW = 0x6A86
	KeyNotFound          SW = 0x6A88
	BadOffset            SW = 0x6B00
	BadINS               SW = 0x6D00
	BadCLA               SW = 0x6E00
	ApplicationLocked    SW = 0x9303
)

var swNames = map[SW]string{
	OK: "ok", WrongLength: "wrong length", FileType: "command does not fit the file", SecurityNotSatisfied: "security status not satisfied",
	Locked: "key or PIN locked", BadRandom: "bad random number", Conditions: "conditions not satisfied", NoCurrentFile: "no current file",
	BadMAC: "bad MAC", BadData: "bad data", NotSupported: "not supported, or locked", FileNotFound: "file not found",
	RecordNotFound: "record not found", BadP1P2: "bad P1 P2", KeyNotFound: "key not found", BadOffset: "bad parameters",
	BadINS: "unknown instruction", BadCLA: "unknown class", ApplicationLocked: "application locked for good",
}

// More returns how many bytes wait for GET RESPONSE (61xx; 00 means 256).
func (s SW) More() (n int, ok bool) { return s.count(0x61) }

// Exact returns the length the card wants as Le (6Cxx; 00 means 256).
func (s SW) Exact() (n int, ok bool) { return s.count(0x6C) }

func (s SW) count(sw1 SW) (int, bool) {
	if s>>8 != sw1 {
		return 0, false
	}
	if n := int(s & 0xFF); n != 0 {
		return n, true
	}
	return MaxLe, true
}

// TerminalCode is the number the social security terminal interface returns for a status word: 0 for success, otherwise
// minus the word itself, but −51 for every wrong PIN.
func (s SW) TerminalCode() int {
	switch {
	case s == OK:
		return 0
	case s&0xFFF0 == 0x63C0:
		return -51
	}
	return -int(s)
}

// String shows the word in hex with its meaning.
func (s SW) String() string {
	name, ok := swNames[s]
	if n, more := s.More(); more {
		name, ok = fmt.Sprintf("%d bytes waiting", n), true
	}
	if n, exact := s.Exact(); exact {
		name, ok = fmt.Sprintf("exact length is %d", n), true
	}
	if s&0xFFF0 == 0x63C0 {
		name, ok = fmt.Sprintf("wrong PIN, %d tries left", s&0xF), true
	}
	if !ok {
		name = "unknown status"
	}
	return fmt.Sprintf("%04X %s", uint16(s), name)
}

// Error is a status word that is not the expected one.
type Error struct {
	INS byte
	SW  SW
}

// Error names the instruction and the status; it holds no card data.
func (e *Error) Error() string { return fmt.Sprintf("apdu: instruction %02X: %s", e.INS, e.SW) }
