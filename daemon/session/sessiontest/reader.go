// Package sessiontest has a reader and a centre whose every fault a test can cause at the very moment it wants to, and the
// invented family that the tests of session and localapi settle for. Only tests import it.
package sessiontest

import (
	"context"
	"sync"
	"time"

	"gongji/cardreader"
	"gongji/daemon/session"
	"gongji/settle"
)

// Reader is a card reader under a test's hands.
type Reader struct {
	mu          sync.Mutex
	status      cardreader.Status
	subscribers map[chan cardreader.Event]struct{}
}

var _ session.Reader = (*Reader)(nil)

// NewReader is an empty reader that works.
func NewReader(name, terminal string, role cardreader.Role) *Reader {
	return &Reader{
		status:      cardreader.Status{Name: name, Terminal: terminal, Kind: "test", Role: role, State: cardreader.StateAbsent, Seq: 1},
		subscribers: map[chan cardreader.Event]struct{}{},
	}
}

// Status is the state now.
func (r *Reader) Status() cardreader.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status
}

// Seq is the sequence number now.
func (r *Reader) Seq() uint64 { return r.Status().Seq }

// Subscribe delivers events; the oldest is lost when the buffer is full.
func (r *Reader) Subscribe(buffer int) (<-chan cardreader.Event, func()) {
	events := make(chan cardreader.Event, buffer)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.subscribers[events] = struct{}{}
	return events, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.subscribers, events)
	}
}

// Subscribers is how many subscriptions there are, so that a test knows when somebody waits.
func (r *Reader) Subscribers() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.subscribers)
}

// Insert puts a card in and has it read.
func (r *Reader) Insert(card cardreader.Credential) {
	r.change(cardreader.CardInserted, cardreader.StatePresent, &card, nil)
}

// Scan shows a code to a scanner.
func (r *Reader) Scan(code string, clock func() time.Time) {
	r.mu.Lock()
	r.status.Scan = cardreader.NewScan(code, clock)
	r.mu.Unlock()
	r.change(cardreader.CardInserted, cardreader.StatePresent, nil, nil)
}

// Reading puts a card in that is not read yet.
func (r *Reader) Reading() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status.State, r.status.Credential, r.status.Fault = cardreader.StateReading, nil, nil
	r.status.Seq++
}

// Remove takes the card out.
func (r *Reader) Remove() { r.change(cardreader.CardRemoved, cardreader.StateAbsent, nil, nil) }

// Swap takes the card out and puts another in.
func (r *Reader) Swap(card cardreader.Credential) {
	r.Remove()
	r.Insert(card)
}

// Spoil puts in a card that cannot be used.
func (r *Reader) Spoil(code cardreader.FaultCode) {
	r.change(cardreader.CardInserted, cardreader.StateFault, nil, &cardreader.Fault{Code: code, Message: "卡片读不出来。"})
}

// Unplug takes the reader away.
func (r *Reader) Unplug() {
	r.change(cardreader.ReaderFault, cardreader.StateDown, nil, &cardreader.Fault{Code: cardreader.CodeReaderDown, Message: "读卡器已断开。"})
}

// Plug brings the reader back, empty.
func (r *Reader) Plug() { r.change(cardreader.ReaderReady, cardreader.StateAbsent, nil, nil) }

func (r *Reader) change(kind cardreader.EventKind, state cardreader.State, card *cardreader.Credential, fault *cardreader.Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status.Seq++
	r.status.State, r.status.Credential, r.status.Fault, r.status.Since = state, card, fault, time.Now()
	event := cardreader.Event{Reader: r.status.Name, Seq: r.status.Seq, Kind: kind, At: r.status.Since, State: state, Credential: card, Fault: fault}
	for events := range r.subscribers {
		select {
		case events <- event:
		default:
			<-events // the buffer was full, and nobody else writes
			events <- event
		}
	}
}

// Centre is an upstream side under a test's hands.
type Centre struct {
	mu      sync.Mutex
	asked   int
	offline bool
	answer  func(ctx context.Context, card cardreader.Credential) error
	codes   func(ctx context.Context, code string) (session.Resolved, error)
}

var _ session.Centre = (*Centre)(nil)

// Refresh counts the question and gives the answer set by Answer; without one it confirms what is known.
func (c *Centre) Refresh(ctx context.Context, card cardreader.Credential) error {
	c.mu.Lock()
	c.asked++
	answer := c.answer
	c.mu.Unlock()
	if answer == nil {
		return nil
	}
	return answer(ctx, card)
}

// Resolve counts the question and gives the answer set by AnswerCode; without one no code is anybody's.
func (c *Centre) Resolve(ctx context.Context, code string) (session.Resolved, error) {
	c.mu.Lock()
	c.asked++
	answer := c.codes
	c.mu.Unlock()
	if answer == nil {
		return session.Resolved{}, settle.NewError(settle.PersonUnknown, nil)
	}
	return answer(ctx, code)
}

// AnswerCode sets what a question about a code gets.
func (c *Centre) AnswerCode(answer func(ctx context.Context, code string) (session.Resolved, error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.codes = answer
}

// Offline is what SetOffline said.
func (c *Centre) Offline() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offline
}

// SetOffline says whether the centre is reachable.
func (c *Centre) SetOffline(offline bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offline = offline
}

// Answer sets what a question gets.
func (c *Centre) Answer(answer func(ctx context.Context, card cardreader.Credential) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = answer
}

// Asked is how many questions came.
func (c *Centre) Asked() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked
}

// Silent is the answer of a centre that never answers.
func Silent(ctx context.Context, _ cardreader.Credential) error {
	<-ctx.Done()
	return settle.NewError(settle.UpstreamSilent, ctx.Err())
}
