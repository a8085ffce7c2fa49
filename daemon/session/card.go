package session

import (
	"context"
	"errors"
	"time"

	"gongji/cardreader"
	"gongji/settle"
)

// errStopping ends a wait for a card when the daemon shuts down.
var errStopping = errors.New("the daemon is stopping")

// held is the card in a reader at one moment. It holds the credential by pointer, so that printing the struct whole cannot
// reach past the credential's own masking.
type held struct {
	reader *NamedReader
	seq    uint64
	card   *cardreader.Credential
	at     time.Time

	kind  settle.CredentialKind // empty: a social security card
	still func() error          // the last look of other credentials; nil: stays
}

// confirm is the last look before a commit: what was shown still counts.
func (h held) confirm() error {
	if h.still != nil {
		return h.still()
	}
	return h.stays()
}

// credential is the kind of what was shown.
func (h held) credential() settle.CredentialKind {
	if h.kind == "" {
		return settle.CredentialCard
	}
	return h.kind
}

// stays: the very same card is still there.
func (h held) stays() error {
	status := h.reader.Reader.Status()
	if status.State == cardreader.StatePresent && status.Seq == h.seq && h.reader.Reader.Seq() == h.seq {
		return nil
	}
	return settle.NewError(settle.CardRemoved, nil).With("reader", h.reader.Name)
}

// pick finds the reader of a role at a terminal. The only reader of its role serves every terminal.
func (s *Session) pick(role cardreader.Role, terminal string) (*NamedReader, error) {
	r, count := s.find(role, terminal)
	switch {
	case r != nil:
		return r, nil
	case count == 0:
		return nil, settle.NewError(settle.NotConfigured, errors.New("no reader of role "+string(role)))
	}
	var f faults
	f.add("terminal", "没有为这个收银台配置读卡器。", "no reader is configured for this terminal")
	return nil, f.err()
}

// find is pick without words: nil where there is none for the terminal, and how many there are of the role.
func (s *Session) find(role cardreader.Role, terminal string) (*NamedReader, int) {
	var only *NamedReader
	count := 0
	for i := range s.o.Readers {
		r := &s.o.Readers[i]
		if r.Role != role {
			continue
		}
		if r.Terminal == terminal && terminal != "" {
			return r, 1
		}
		only, count = r, count+1
	}
	if count > 1 {
		only = nil
	}
	return only, count
}

// cardAt waits at most wait for a card at the terminal and returns it. CARD_ABSENT, CARD_UNREADABLE,
// CARD_NOT_SOCIAL_SECURITY, CARD_NEEDS_AUTHENTICATION, READER_DOWN, NOT_CONFIGURED, BAD_REQUEST (unknown terminal).
func (s *Session) cardAt(ctx context.Context, terminal string, wait time.Duration) (held, error) {
	reader, err := s.pick(cardreader.RoleCard, terminal)
	if err != nil {
		return held{}, err
	}
	// Subscribed before the first look: whatever changes after it wakes the loop.
	events, stop := reader.Reader.Subscribe(8)
	defer stop()
	waiting, reading := time.NewTimer(wait), time.NewTimer(max(wait, s.o.ReadWait))
	defer waiting.Stop()
	defer reading.Stop()
	waitOver, readOver := wait == 0, false
	for {
		status := reader.Reader.Status()
		done, err := settled(status, waitOver, readOver)
		if err != nil {
			return held{}, err
		}
		if done {
			return held{reader: reader, seq: status.Seq, card: status.Credential, at: s.o.Clock()}, nil
		}
		select {
		case _, open := <-events:
			if !open {
				return held{}, settle.NewError(settle.ReaderDown, nil)
			}
		case <-waiting.C:
			waitOver = true
		case <-reading.C:
			readOver = true
		case <-s.closing:
			return held{}, settle.NewError(settle.CardAbsent, errStopping)
		case <-ctx.Done():
			return held{}, ctx.Err()
		}
	}
}

// settled tells what a reader's state means for a sale: a card to work with, a refusal, or (neither) wait on.
func settled(status cardreader.Status, waitOver, readOver bool) (card bool, err error) {
	switch status.State {
	case cardreader.StatePresent:
		if status.Credential == nil {
			return false, settle.NewError(settle.CardUnreadable, nil)
		}
		return true, nil
	case cardreader.StateFault:
		return false, faultError(status.Fault, settle.CardUnreadable)
	case cardreader.StateReading:
		if readOver {
			return false, settle.NewError(settle.CardUnreadable, nil)
		}
		return false, nil
	case cardreader.StateAbsent:
		if waitOver {
			return false, settle.NewError(settle.CardAbsent, nil)
		}
		return false, nil
	}
	return false, faultError(status.Fault, settle.ReaderDown)
}

// faultError is the error of a reader's fault; the reader's own, more exact sentence travels as reader_message.
func faultError(fault *cardreader.Fault, fallback settle.Code) error {
	if fault == nil {
		return settle.NewError(fallback, nil)
	}
	code := fallback
	switch fault.Code {
	case cardreader.CodeCardNotSocialSecurity:
		code = settle.CardNotSocialSecurity
	case cardreader.CodeCardNeedsAuthentication:
		code = settle.CardNeedsAuthentication
	case cardreader.CodeCardUnreadable:
		code = settle.CardUnreadable
	case cardreader.CodeReaderDown:
		code = settle.ReaderDown
	}
	return settle.NewError(code, nil).With("reader_message", fault.Message)
}
