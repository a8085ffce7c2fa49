package nhsa

import (
	"context"
	"fmt"
	"sync"
	"time"

	"gongji/settle"
)

// MessageIDs makes sender message ids (发送方报文ID): institution code (12), Beijing time to the second (14), serial (4),
// 30 characters together. It is safe for concurrent use.
//
// The serial comes from a counter that survives restarts and is shared by all tills of one daemon. Its last four digits
// wrap after 9999, so two things keep ids apart besides: the time never runs backwards within a process, even if the
// PC's clock is set back, and no more than 10000 ids are made in one second; the next one takes the following second.
type MessageIDs struct {
	venue string
	next  func(context.Context) (uint64, error)
	clock func() time.Time

	mu     sync.Mutex
	second time.Time // of the last id
	made   int       // ids in that second
}

// serialsPerSecond is how many ids the four digits can tell apart.
const serialsPerSecond = 10000

// NewMessageIDs takes the venue's code and the persistent counter.
func NewMessageIDs(venue string, next func(context.Context) (uint64, error), clock func() time.Time) *MessageIDs {
	return &MessageIDs{venue: venue, next: next, clock: clock}
}

// Next is a new id. Its error is the counter's.
func (m *MessageIDs) Next(ctx context.Context) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	serial, err := m.next(ctx)
	if err != nil {
		return "", fmt.Errorf("message serial: %w", err)
	}
	now := m.clock().In(settle.Beijing).Truncate(time.Second)
	if now.After(m.second) {
		m.second, m.made = now, 0
	}
	if m.made >= serialsPerSecond {
		m.second, m.made = m.second.Add(time.Second), 0
	}
	m.made++
	return fmt.Sprintf("%s%s%04d", m.venue, m.second.Format("20060102150405"), serial%serialsPerSecond), nil
}
