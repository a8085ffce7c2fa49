package relay

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"gongji/settle"
)

// LineOptions of a Line. Endpoint and Venue are needed.
type LineOptions struct {
	Endpoint Endpoint
	Venue    string // fixmedins_code: the last word of the venue's subjects
	Prefix   string // default DefaultPrefix
	Logger   *slog.Logger
	Clock    func() time.Time
	// Spread is over how long the venues of a notice begin their pulls, so that they do not all ask in the same
	// millisecond; default 250 ms.
	Spread time.Duration
	// Presence is how long the centre may be silent before it is asked whether it is there; default 10 s, two beats.
	Presence time.Duration
}

// Line is a venue's end. It connects with the first message, goes on trying by itself afterwards, and is safe for
// concurrent use. It is the transport under an nhsa.Client.
type Line struct {
	o        LineOptions
	subjects subjects
	log      *slog.Logger

	mu      sync.Mutex
	nc      *nats.Conn
	waiting map[string]*waiter
	heard   time.Time // when the centre last gave a sign of life
	moved   func()
	due     *time.Timer // a notice that waits for its turn; nil: none
	must    bool        // the feed pulls when it is due; else only where news was missed
	seen    map[string]bool
	order   []string // of seen, oldest first

	keys     keyPair
	heed     func(context.Context, settle.News) error
	greeted  time.Time          // when this line last said that it listens
	sources  map[string]*source // by process
	unheeded []arrived
	heeding  bool
}

var _ http.RoundTripper = (*Line)(nil)

// NewLine checks the options; nothing is connected yet. The error is NOT_CONFIGURED and names the key that is wrong.
func NewLine(o LineOptions) (*Line, error) {
	names, err := newSubjects(o.Prefix)
	if err == nil && !tokenText.MatchString(o.Venue) {
		err = errors.New("venue.code cannot be part of a subject")
	}
	if err == nil {
		err = o.Endpoint.check()
	}
	if err == nil {
		_, err = o.Endpoint.identity()
	}
	if err != nil {
		return nil, settle.NewError(settle.NotConfigured, err)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Spread <= 0 {
		o.Spread = 250 * time.Millisecond
	}
	if o.Presence <= 0 {
		o.Presence = 10 * time.Second
	}
	keys, err := newKeyPair()
	if err != nil {
		return nil, err
	}
	return &Line{
		o: o, subjects: names, log: o.Logger.With("component", "relay"), waiting: map[string]*waiter{}, seen: map[string]bool{},
		keys: keys, sources: map[string]*source{},
	}, nil
}

// OnMoved is called when the centre says that something urgent has changed, and when the line is found again after it was
// lost. It must not block. Several notices in a row are one call.
func (l *Line) OnMoved(call func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.moved = call
}

// Connect connects now instead of with the first message, for whoever only listens. The error is of the configuration; a
// server that does not answer is none.
func (l *Line) Connect() error {
	_, err := l.conn()
	return err
}

// conn is the connection, made where there is none.
func (l *Line) conn() (*nats.Conn, error) {
	nc, fresh, err := l.connection()
	if fresh {
		l.hello(nc)
	}
	return nc, err
}

func (l *Line) connection() (nc *nats.Conn, fresh bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.nc != nil && !l.nc.IsClosed() {
		return l.nc, false, nil
	}
	nc, err = l.o.Endpoint.connect("gongjid "+l.o.Venue, l.log, nats.ReconnectHandler(l.found))
	if err != nil {
		return nil, false, err
	}
	_, err = nc.Subscribe(l.subjects.answers(l.o.Venue), l.take)
	if err == nil {
		_, err = nc.Subscribe(l.subjects.moved(), l.notice)
	}
	if err != nil {
		nc.Close()
		return nil, false, err
	}
	l.nc = nc
	return nc, true, nil
}

// CloseIdleConnections gives the connection back where no message waits for its answer; nhsa.Client's Close calls it. The
// next message connects anew.
func (l *Line) CloseIdleConnections() {
	l.mu.Lock()
	nc := l.nc
	idle := len(l.waiting) == 0
	if idle {
		l.nc = nil
		if l.due != nil {
			l.due.Stop()
			l.due = nil
		}
	}
	l.mu.Unlock()
	if idle && nc != nil {
		nc.Close()
	}
}

// found is called when the line is there again. Answers may have passed while it was not: the centre is asked for those
// that somebody waits for, and the feed for what changed.
func (l *Line) found(nc *nats.Conn) {
	l.mu.Lock()
	var open []string
	for id, w := range l.waiting {
		if w.stored {
			open = append(open, id)
		}
	}
	l.heard = time.Time{}
	l.mu.Unlock()
	for _, id := range open {
		err := nc.PublishMsg(&nats.Msg{Subject: l.subjects.receipt(l.o.Venue), Header: nats.Header{headID: {id}}})
		if err != nil {
			break // lost again; the next time asks again
		}
	}
	l.hello(nc)
	l.wake()
}

// maxSeen is how many notices are remembered. Processes of one centre beat with their own, and the same one means the same.
const maxSeen = 64

// notice takes a notice, or the beat that repeats the last one. One that was told as news makes no pull where the news came.
func (l *Line) notice(m *nats.Msg) {
	text := string(m.Data)
	if len(text) > 64 {
		return // none of ours
	}
	process, number, speaks := speaker(m)
	l.mu.Lock()
	now := l.o.Clock()
	l.heard = now
	known := l.remember(text)
	fresh := false
	if l.heed != nil && speaks {
		if s := l.from(process, number); s != nil {
			fresh = !s.met // what it told before this line was known to it, a pull brings
			s.met, s.said = true, max(s.said, number)
		}
	}
	switch {
	case !known && (fresh || l.heed == nil || m.Header.Get(headTold) == ""):
		l.wakeLocked()
	case l.heed != nil && speaks:
		l.awaitNews()
	}
	greet := fresh || now.Sub(l.greeted) >= helloEvery
	nc := l.nc
	l.mu.Unlock()
	if greet && nc != nil {
		l.hello(nc)
	}
}

// remember notes a notice and reports whether it was known. The lock is held.
func (l *Line) remember(text string) (known bool) {
	if l.seen[text] {
		return true
	}
	l.seen[text] = true
	l.order = append(l.order, text)
	if len(l.order) > maxSeen {
		delete(l.seen, l.order[0])
		l.order = l.order[1:]
	}
	return false
}

// wake calls the feed after a moment of this venue's own. One call is enough for all that happens until then.
func (l *Line) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wakeLocked()
}

func (l *Line) wakeLocked() {
	l.must = true
	l.soon()
}

// awaitNews calls the feed where news that was spoken of has not come after a moment. The lock is held.
func (l *Line) awaitNews() {
	for _, s := range l.sources {
		if s.said > s.heard {
			l.soon()
			return
		}
	}
}

// soon looks after a moment whether the feed has to pull. The lock is held.
func (l *Line) soon() {
	if l.moved == nil || l.due != nil {
		return
	}
	l.due = time.AfterFunc(rand.N(l.o.Spread), func() { //nolint:gosec // spreading needs no secrecy
		l.mu.Lock()
		missed := l.behind()
		pull, moved := l.must || missed, l.moved
		l.due, l.must = nil, false
		l.mu.Unlock()
		if pull {
			moved()
		}
	})
}
