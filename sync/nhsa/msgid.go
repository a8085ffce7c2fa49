package nhsa

import (
	"context"
	"fmt"
	"sync"
	"time"

	"gongji/settle"
)

// MessageIDs makes sender message ids (发送方报文ID) of 30 characters: institution code (12), Beijing time to the second
// (14) and a serial (4), or, where a centre wants it so, time to the millisecond (17) and a serial (1). It is safe for
// concurrent use.
//
// The serial comes from a counter that survives restarts and is shared by all tills of one daemon. Its last digits wrap,
// so two things keep ids apart besides: the time never runs backwards within a process, even if the PC's clock is set
// back, and no more ids are made in one step of the time than the digits can tell apart; the next one takes the
// following step.
type MessageIDs struct {
	venue  string
	next   func(context.Context) (uint64, error)
	clock  func() time.Time
	step   time.Duration
	most   int // ids that the serial's digits can tell apart
	digits int

	mu   sync.Mutex
	last time.Time // step of the last id
	made int       // ids in that step
}

// NewMessageIDs takes the venue's code, the persistent counter and the form (MsgIDNational or MsgIDMillisecond).
func NewMessageIDs(venue, form string, next func(context.Context) (uint64, error), clock func() time.Time) *MessageIDs {
	m := &MessageIDs{venue: venue, next: next, clock: clock, step: time.Second, most: 10000, digits: 4}
	if form == MsgIDMillisecond {
		m.step, m.most, m.digits = time.Millisecond, 10, 1
	}
	return m
}

// Next is a new id. Its error is the counter's.
func (m *MessageIDs) Next(ctx context.Context) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	serial, err := m.next(ctx)
	if err != nil {
		return "", fmt.Errorf("message serial: %w", err)
	}
	now := m.clock().In(settle.Beijing).Truncate(m.step)
	if now.After(m.last) {
		m.last, m.made = now, 0
	}
	if m.made >= m.most {
		m.last, m.made = m.last.Add(m.step), 0
	}
	m.made++
	at := CompactTime(m.last)
	return fmt.Sprintf("%s%s%0*d", m.venue, at[:18-m.digits], m.digits, serial%uint64(m.most)), nil
}
