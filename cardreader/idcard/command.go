package idcard

import (
	"encoding/binary"
	"fmt"
)

// Command is a request's command and parameter.
type Command struct{ CMD, PARA byte }

// The commands.
var (
	Reset         = Command{0x10, 0xFF}
	Status        = Command{0x11, 0xFF}
	GetSAMID      = Command{0x12, 0xFF}
	Find          = Command{0x20, 0x01}
	Select        = Command{0x20, 0x02}
	ReadText      = Command{0x30, 0x01}
	ReadFinger    = Command{0x30, 0x10}
	LatestAddress = Command{0x30, 0x03}
)

// speeds are the parameters of the command that sets the line's speed.
var speeds = map[int]byte{115200: 0x00, 57600: 0x01, 38400: 0x02, 19200: 0x03, 9600: 0x04}

// Speeds returns the speeds a reader may be set to, fastest first.
func Speeds() []int { return []int{115200, 57600, 38400, 19200, 9600} }

// SetBaud returns the command that sets the speed; ok is false for one that readers do not know.
func SetBaud(baud int) (c Command, ok bool) {
	p, ok := speeds[baud]
	return Command{0x60, p}, ok
}

// Bytes returns the request's body.
func (c Command) Bytes() []byte { return []byte{c.CMD, c.PARA} }

var commandNames = map[Command]string{
	Reset: "reset", Status: "status", GetSAMID: "SAM id", Find: "find card", Select: "select card", ReadText: "read text and photo",
	ReadFinger: "read text, photo and fingerprints", LatestAddress: "read latest address",
}

// String names the command.
func (c Command) String() string {
	if s, ok := commandNames[c]; ok {
		return s
	}
	if c.CMD == 0x60 {
		return "set speed"
	}
	return fmt.Sprintf("command %02X %02X", c.CMD, c.PARA)
}

// Code is the reader's own status, the third byte of an answer (SW3).
type Code byte

// The codes.
const (
	CodeDone          Code = 0x90
	CodeFound         Code = 0x9F
	CodeNoContent     Code = 0x91
	CodeChecksum      Code = 0x10 // what the reader says of our frame
	CodeLength        Code = 0x11
	CodeCommand       Code = 0x21
	CodeUnknown       Code = 0x24
	CodeCardRejects   Code = 0x31
	CodeSAMRejects    Code = 0x32
	CodeDataCheck     Code = 0x33
	CodeWrongCard     Code = 0x40
	CodeReadFailed    Code = 0x41
	CodeRandom        Code = 0x47
	CodeSelfTest      Code = 0x60
	CodeNotAuthorised Code = 0x66
	CodeFindFailed    Code = 0x80
	CodeSelectFailed  Code = 0x81
)

var codeNames = map[Code]string{
	CodeDone: "done", CodeFound: "card found", CodeNoContent: "item has no content", CodeChecksum: "reader saw a wrong checksum",
	CodeLength: "reader saw a wrong length", CodeCommand: "reader does not know the command", CodeUnknown: "reader's unknown error",
	CodeCardRejects: "card rejects the SAM", CodeSAMRejects: "SAM rejects the card", CodeDataCheck: "data check failed",
	CodeWrongCard: "wrong kind of card", CodeReadFailed: "read failed", CodeRandom: "random number failed",
	CodeSelfTest: "self test failed", CodeNotAuthorised: "SAM is not authorised", CodeFindFailed: "no card found",
	CodeSelectFailed: "select failed",
}

// Codes returns all codes that are known.
func Codes() []Code {
	list := make([]Code, 0, len(codeNames))
	for c := range 0x100 {
		if _, ok := codeNames[Code(c)]; ok {
			list = append(list, Code(c))
		}
	}
	return list
}

// String names the code.
func (c Code) String() string {
	if s, ok := codeNames[c]; ok {
		return fmt.Sprintf("%02X %s", byte(c), s)
	}
	return fmt.Sprintf("%02X unknown status", byte(c))
}

// misheard tells the codes that say the line spoilt our frame.
func (c Code) misheard() bool {
	return c == CodeChecksum || c == CodeLength || c == CodeCommand || c == CodeUnknown
}

// Error is the reader's word that a command failed.
type Error struct {
	Command Command
	Code    Code
}

// Error names command and code; it holds no card data.
func (e *Error) Error() string { return fmt.Sprintf("idcard: %s: %s", e.Command, e.Code) }

// Reader tells whether the reader itself is at fault, not the card on it.
func (e *Error) Reader() bool {
	return e.Code == CodeSelfTest || e.Code == CodeNotAuthorised || e.Code.misheard()
}

// Gone tells whether the failure says that no card is there any more.
func (e *Error) Gone() bool { return e.Code == CodeFindFailed }

// Answer is a reader's answer.
type Answer struct {
	Code Code
	Data []byte
}

// ParseAnswer reads an answer's body: two bytes that are always 0, the code, data. Whatever it accepts, Bytes gives back.
func ParseAnswer(body []byte) (Answer, error) {
	if len(body) < 3 || body[0] != 0 || body[1] != 0 {
		return Answer{}, ErrFrame
	}
	return Answer{Code: Code(body[2]), Data: body[3:]}, nil
}

// Bytes returns the answer's body.
func (a Answer) Bytes() []byte { return append([]byte{0, 0, byte(a.Code)}, a.Data...) }

// Lengths of what readers send, in bytes.
const (
	TextLen    = 256
	PhotoLen   = 1024
	FingerLen  = 512
	addressLen = 70
	samIDLen   = 16
)

// fits tells whether an answer's length is one that its command can have. Answers carry no number, so this is what keeps a
// late answer from being taken for another's.
func (a Answer) fits(c Command) bool {
	n := len(a.Data)
	if a.Code != CodeDone && a.Code != CodeFound {
		return n == 0
	}
	switch c {
	case Find:
		return n == 4 && a.Code == CodeFound
	case Select:
		return n == 8
	case GetSAMID:
		return n == samIDLen
	case LatestAddress:
		return n == addressLen
	case ReadText:
		return n == 4+TextLen+PhotoLen
	case ReadFinger:
		rest := n - (6 + TextLen + PhotoLen)
		return rest == 0 || rest == FingerLen || rest == 2*FingerLen
	}
	return n == 0
}

// Record is what one reading gives: the text block, the photograph and the fingerprints (none, one or two) as stored.
type Record struct {
	Text    []byte
	Photo   []byte
	Fingers []byte
	// finger: the answer has a third length, even when there are no fingerprints.
	finger bool
}

// ParseRecord reads the data of an answer to ReadText, or to ReadFinger when finger is set. Whatever it accepts, Bytes gives
// back.
func ParseRecord(b []byte, finger bool) (Record, error) {
	lengths := 4
	if finger {
		lengths = 6
	}
	if len(b) < lengths+TextLen+PhotoLen || binary.BigEndian.Uint16(b) != TextLen || binary.BigEndian.Uint16(b[2:]) != PhotoLen {
		return Record{}, ErrFrame
	}
	fingers := 0
	if finger {
		fingers = int(binary.BigEndian.Uint16(b[4:]))
	}
	if fingers%FingerLen != 0 || fingers > 2*FingerLen || len(b) != lengths+TextLen+PhotoLen+fingers {
		return Record{}, ErrFrame
	}
	text, rest := b[lengths:lengths+TextLen], b[lengths+TextLen:]
	return Record{Text: text, Photo: rest[:PhotoLen], Fingers: rest[PhotoLen:], finger: finger}, nil
}

// NewRecord returns a record as readers send it; finger as for ParseRecord.
func NewRecord(text, photo, fingers []byte, finger bool) Record {
	return Record{Text: text, Photo: photo, Fingers: fingers, finger: finger}
}

// Bytes returns the data of the answer.
func (r Record) Bytes() []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(len(r.Text)))
	b = binary.BigEndian.AppendUint16(b, uint16(len(r.Photo)))
	if r.finger {
		b = binary.BigEndian.AppendUint16(b, uint16(len(r.Fingers)))
	}
	b = append(append(b, r.Text...), r.Photo...)
	return append(b, r.Fingers...)
}

// SAMID is the number of the reader's security module. It names a device, not a person.
type SAMID struct {
	Maker, Kind          uint16
	Date, Serial, Random uint32
}

// ParseSAMID reads the sixteen bytes of an answer. Whatever it accepts, Bytes gives back.
func ParseSAMID(b []byte) (SAMID, error) {
	if len(b) != samIDLen {
		return SAMID{}, ErrFrame
	}
	le := binary.LittleEndian
	return SAMID{le.Uint16(b), le.Uint16(b[2:]), le.Uint32(b[4:]), le.Uint32(b[8:]), le.Uint32(b[12:])}, nil
}

// Bytes returns the number on the wire.
func (s SAMID) Bytes() []byte {
	le := binary.LittleEndian
	b := le.AppendUint16(le.AppendUint16(nil, s.Maker), s.Kind)
	return le.AppendUint32(le.AppendUint32(le.AppendUint32(b, s.Date), s.Serial), s.Random)
}

// String shows the number as it is printed on the reader: 05.03-20160408-0001234567-0987654321.
func (s SAMID) String() string {
	return fmt.Sprintf("%02d.%02d-%08d-%010d-%010d", s.Maker, s.Kind, s.Date, s.Serial, s.Random)
}
