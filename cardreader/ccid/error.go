package ccid

import "fmt"

// Error codes (bError) with a meaning of their own. Values below 0x80 are the offset of a wrong header byte.
const (
	CodeUnsupported    byte = 0x00
	CodeBadSlot        byte = 0x05
	CodeCardShorted    byte = 0xA2
	CodeATRTooLong     byte = 0xA3
	CodeNoData         byte = 0xAB
	CodeT1             byte = 0xBD
	CodeAPDULength     byte = 0xBE
	CodeSlotBusy       byte = 0xE0
	CodePINCancelled   byte = 0xEF
	CodePINTimeout     byte = 0xF0
	CodeBusyAutoSeq    byte = 0xF2
	CodeDeactivated    byte = 0xF3
	CodeProcedureByte  byte = 0xF4
	CodeClass          byte = 0xF5
	CodeProtocol       byte = 0xF6
	CodeBadTCK         byte = 0xF7
	CodeBadTS          byte = 0xF8
	CodeHardware       byte = 0xFB
	CodeOverrun        byte = 0xFC
	CodeParity         byte = 0xFD
	CodeMute           byte = 0xFE
	CodeCommandAborted byte = 0xFF
)

var codeNames = map[byte]string{
	CodeUnsupported: "command not supported", CodeBadSlot: "no such slot", CodeCardShorted: "card shorted",
	CodeATRTooLong: "answer to reset too long", CodeNoData: "no data", CodeT1: "T=1 error", CodeAPDULength: "bad APDU length",
	CodeSlotBusy: "slot busy", CodePINCancelled: "PIN entry cancelled", CodePINTimeout: "PIN entry timed out",
	CodeBusyAutoSeq: "busy with automatic sequence", CodeDeactivated: "protocol deactivated",
	CodeProcedureByte: "procedure byte conflict", CodeClass: "class not supported", CodeProtocol: "protocol not supported",
	CodeBadTCK: "bad TCK in the answer to reset", CodeBadTS: "bad TS in the answer to reset", CodeHardware: "hardware error",
	CodeOverrun: "overrun", CodeParity: "parity error", CodeMute: "card absent or mute", CodeCommandAborted: "aborted by the host",
}

// CodeName names a bError value.
func CodeName(code byte) string {
	if s, ok := codeNames[code]; ok {
		return s
	}
	if code < 0x80 {
		return fmt.Sprintf("bad byte at offset %d", code)
	}
	return fmt.Sprintf("error %02X", code)
}

// Error is the reader's own word that a command failed.
type Error struct {
	Command byte
	Card    CardState
	Code    byte
}

// Error names the command and the reader's reason. It holds no card data.
func (e *Error) Error() string {
	return fmt.Sprintf("ccid: %s failed: %s", TypeName(e.Command), CodeName(e.Code))
}

// Gone tells whether the failure says that the card has left the slot.
func (e *Error) Gone() bool { return e.Card == CardAbsent }
