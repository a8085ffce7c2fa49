package cardreader

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"

	"gongji/cardreader/acs"
	"gongji/cardreader/apdu"
	"gongji/cardreader/ccid"
	"gongji/cardreader/idcard"
	"gongji/cardreader/scanner"
	"gongji/cardreader/serialport"
	"gongji/cardreader/sscard"
	"gongji/cardreader/wire"
)

// causes are all causes of faults that the layers below have, by whose fault it is.
func causes() (reader, card []error) {
	reader = []error{serialport.ErrBusy, serialport.ErrMissing, serialport.ErrPermission, serialport.ErrGone, acs.ErrSlot, acs.ErrField, wire.ErrSilent, wire.ErrSpoilt}
	card = []error{apdu.ErrATR, apdu.ErrSpoilt, apdu.ErrLoop, sscard.ErrItem, sscard.ErrUnstable, errUnsupportedProtocol, idcard.ErrText, idcard.ErrUnstable,
		scanner.ErrBadTrack, scanner.ErrTrack}
	for _, c := range idcard.Codes() {
		if c == idcard.CodeDone || c == idcard.CodeFound {
			continue
		}
		if e := (&idcard.Error{Command: idcard.ReadText, Code: c}); e.Reader() {
			reader = append(reader, e)
		} else {
			card = append(card, e)
		}
	}
	for _, c := range []byte{ccid.CodeMute, ccid.CodeCardShorted, ccid.CodeParity, ccid.CodeOverrun, ccid.CodeHardware, ccid.CodeBadTS, ccid.CodeBadTCK,
		ccid.CodeATRTooLong, ccid.CodeProcedureByte, ccid.CodeT1, ccid.CodeProtocol, ccid.CodeSlotBusy} {
		card = append(card, &ccid.Error{Command: ccid.TypePowerOn, Code: c})
	}
	for _, sw := range []apdu.SW{apdu.ApplicationLocked, apdu.NotSupported, apdu.Locked, apdu.FileNotFound, apdu.RecordNotFound} {
		card = append(card, &apdu.Error{INS: apdu.InsReadRecord, SW: sw})
	}
	return reader, card
}

// Every cause has its own sentence: in Chinese, whole, with something to do, and not the one for what nobody knows.
func TestEveryCauseHasACashiersSentence(t *testing.T) {
	reader, card := causes()
	for _, c := range []struct {
		causes []error
		fault  func(error) *Fault
		code   FaultCode
	}{{reader, readerFault, CodeReaderDown}, {card, cardFault, CodeCardUnreadable}} {
		unknown := c.fault(errors.New("something else"))
		wantSentence(t, unknown)
		for _, cause := range c.causes {
			f := c.fault(fmt.Errorf("wrapped: %w", cause))
			wantSentence(t, f)
			if f.Code != c.code || f.Message == unknown.Message || !errors.Is(f, cause) {
				t.Errorf("%v: %s %s", cause, f.Code, f.Message)
			}
		}
	}
	for _, f := range []*Fault{strangerFault(CardHealth), strangerFault(CardBank), strangerFault(CardUnknown), NeedsAuthenticationFault(), scanFault(nil)} {
		wantSentence(t, f)
	}
	for _, kind := range []CardKind{CardHealth, CardBank, CardUnknown} {
		if otherCards[kind] == "" {
			t.Errorf("%s has no sentence", kind)
		}
	}
}

func wantSentence(t *testing.T, f *Fault) {
	t.Helper()
	han := strings.ContainsFunc(f.Message, func(r rune) bool { return unicode.Is(unicode.Han, r) })
	act := strings.ContainsFunc(f.Message, func(r rune) bool { return r == '请' })
	if !han || !act || !strings.HasSuffix(f.Message, "。") {
		t.Errorf("%s: %q is no sentence to act on", f.Code, f.Message)
	}
}

// What is the reader's fault takes it down; what is the card's leaves it up.
func TestWhoseFaultItIs(t *testing.T) {
	reader, card := causes()
	for _, err := range reader {
		if isCardError(err) {
			t.Errorf("%v is the reader's", err)
		}
	}
	for _, err := range card {
		if !isCardError(err) && !errors.Is(err, scanner.ErrBadTrack) && !errors.Is(err, scanner.ErrTrack) {
			t.Errorf("%v is the card's", err)
		}
	}
}
