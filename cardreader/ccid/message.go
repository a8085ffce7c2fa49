// Package ccid speaks the command layer of contact card readers: the messages of the USB CCID class, which serial readers
// carry inside frames of their own (package gempc), and the life of one card slot (status, power, parameters, exchange).
//
// A message is ten header bytes and its data:
//
//	host → reader   type | length (4, little-endian) | slot | seq | p1 p2 p3           | data
//	reader → host   type | length (4, little-endian) | slot | seq | bStatus bError bX  | data
//
// Types below 0x80 come from the host, types from 0x80 on from the reader.
package ccid

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// HeaderLen is the length of a message header in bytes.
const HeaderLen = 10

// MaxData is the longest data part a serial reader carries: a short APDU with its header and status (261 bytes).
const MaxData = 261

// MaxMessage is the longest message, header included.
const MaxMessage = HeaderLen + MaxData

// Message types from the host.
const (
	TypePowerOn         byte = 0x62
	TypePowerOff        byte = 0x63
	TypeGetSlotStatus   byte = 0x65
	TypeXfrBlock        byte = 0x6F
	TypeGetParameters   byte = 0x6C
	TypeResetParameters byte = 0x6D
	TypeSetParameters   byte = 0x61
	TypeEscape          byte = 0x6B
)

// Message types from the reader.
const (
	TypeDataBlock      byte = 0x80
	TypeSlotStatus     byte = 0x81
	TypeParameters     byte = 0x82
	TypeEscapeResponse byte = 0x83
)

// Parse errors. They never carry the bytes: a message may hold a person's data.
var (
	ErrShort  = errors.New("ccid: message shorter than its header")
	ErrLength = errors.New("ccid: length field does not fit the message")
)

// Message is one CCID message in either direction.
type Message struct {
	Type byte
	Slot byte
	Seq  byte
	// P holds p1 p2 p3 of a host message, or bStatus, bError and the type's own byte of an answer.
	P    [3]byte
	Data []byte
}

// FromReader tells the direction by the type: readers answer with types from 0x80 on. An echo of the host's own message
// is recognised by this.
func (m Message) FromReader() bool { return m.Type >= 0x80 }

// Append writes the message's bytes behind dst and returns the longer slice.
func (m Message) Append(dst []byte) []byte {
	dst = append(dst, m.Type)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(m.Data)))
	dst = append(dst, m.Slot, m.Seq, m.P[0], m.P[1], m.P[2])
	return append(dst, m.Data...)
}

// Bytes returns the message on the wire.
func (m Message) Bytes() []byte { return m.Append(make([]byte, 0, HeaderLen+len(m.Data))) }

// DataLen reads the length field of a header without trusting it. ok is false when the header is incomplete or the
// length is above MaxData, before anything is allocated.
func DataLen(header []byte) (n int, ok bool) {
	if len(header) < 5 {
		return 0, false
	}
	v := binary.LittleEndian.Uint32(header[1:5])
	if v > MaxData {
		return 0, false
	}
	return int(v), true
}

// Parse reads exactly one message. The length field must equal the bytes that are there. The data is copied.
func Parse(b []byte) (Message, error) {
	if len(b) < HeaderLen {
		return Message{}, ErrShort
	}
	n, ok := DataLen(b)
	if !ok || len(b) != HeaderLen+n {
		return Message{}, ErrLength
	}
	m := Message{Type: b[0], Slot: b[5], Seq: b[6], P: [3]byte{b[7], b[8], b[9]}}
	if n > 0 {
		m.Data = append([]byte(nil), b[HeaderLen:]...)
	}
	return m, nil
}

// Outcome is what bits 7-6 of bStatus say about a command.
type Outcome byte

// The outcomes.
const (
	OutcomeOK            Outcome = 0
	OutcomeFailed        Outcome = 1
	OutcomeTimeExtension Outcome = 2
	OutcomeReserved      Outcome = 3
)

// CardState is what bits 1-0 of bStatus say about the card in the slot.
type CardState byte

// The states of the slot.
const (
	// CardActive means present and powered: the card that was powered on last has not left since.
	CardActive CardState = 0
	// CardInactive means present without power: never powered on, or another card than the one that was.
	CardInactive CardState = 1
	// CardAbsent means the slot is empty.
	CardAbsent CardState = 2
)

// Outcome of an answer.
func (m Message) Outcome() Outcome { return Outcome(m.P[0] >> 6) }

// Card state of an answer.
func (m Message) Card() CardState { return CardState(m.P[0] & 3) }

// Multiplier of a time extension answer: how many block waiting times the card asks for, at least one.
func (m Message) Multiplier() int { return max(1, int(m.P[1])) }

// answers says which answer type belongs to which host type.
var answers = map[byte]byte{
	TypePowerOn: TypeDataBlock, TypePowerOff: TypeSlotStatus, TypeGetSlotStatus: TypeSlotStatus,
	TypeXfrBlock: TypeDataBlock, TypeGetParameters: TypeParameters, TypeResetParameters: TypeParameters,
	TypeSetParameters: TypeParameters, TypeEscape: TypeEscapeResponse,
}

// AnswerType returns the answer type that belongs to a host message type.
func AnswerType(host byte) (byte, bool) {
	t, ok := answers[host]
	return t, ok
}

// Answers tells whether m may answer the command: same slot and sequence number, and the type that belongs to it, or a
// slot status that reports a failure (readers answer so what they do not know).
func (m Message) Answers(command Message) bool {
	if !m.FromReader() || m.Slot != command.Slot || m.Seq != command.Seq {
		return false
	}
	return m.Type == answers[command.Type] || m.Type == TypeSlotStatus && m.Outcome() == OutcomeFailed
}

// typeNames are the names of the CCID specification, for traces.
var typeNames = map[byte]string{
	TypePowerOn: "IccPowerOn", TypePowerOff: "IccPowerOff", TypeGetSlotStatus: "GetSlotStatus", TypeXfrBlock: "XfrBlock",
	TypeGetParameters: "GetParameters", TypeResetParameters: "ResetParameters", TypeSetParameters: "SetParameters",
	TypeEscape: "Escape", TypeDataBlock: "DataBlock", TypeSlotStatus: "SlotStatus", TypeParameters: "Parameters",
	TypeEscapeResponse: "EscapeResponse",
}

// TypeName names a message type; unknown ones are shown in hex.
func TypeName(t byte) string {
	if s, ok := typeNames[t]; ok {
		return s
	}
	return fmt.Sprintf("type %02X", t)
}
