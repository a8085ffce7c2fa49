package relay

import (
	"context"
	"crypto/cipher"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"gongji/settle"
	"gongji/sync/feed"
)

const (
	maxSources  = 16              // processes of the centre that a line knows at a time
	helloEvery  = time.Minute     // how often a line says that it listens
	heedWithin  = 5 * time.Second // how long the ledger may take for a news
	maxUnheeded = 64              // news that wait for the ledger; beyond it a pull brings them
)

// source is one process of the centre as a line hears it.
type source struct {
	opener cipher.AEAD
	heard  uint64 // the number of the last news that came, or that the line's own pull has made up for
	said   uint64 // the number of which its notices speak
	met    bool   // one of its notices has come
}

// arrived is a news that was opened and waits for the ledger.
type arrived struct {
	content []byte
	coding  nats.Header
}

// OnNews is called with what the centre says at once, one after the other; an error makes the feed pull instead. Without it
// every notice is a pull.
func (l *Line) OnNews(call func(context.Context, settle.News) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heed = call
}

// hello says to every process of the centre that this line listens. The caller does not hold the lock.
func (l *Line) hello(nc *nats.Conn) {
	l.mu.Lock()
	listens := l.heed != nil
	l.greeted = l.o.Clock()
	l.mu.Unlock()
	if !listens {
		return
	}
	m := &nats.Msg{Subject: l.subjects.receipt(l.o.Venue), Header: nats.Header{headHello: {l.keys.name}}}
	if err := nc.PublishMsg(m); err != nil {
		l.log.Debug("the centre was not told that this line listens; the next notice is answered", "err", err.Error())
	}
}

// from finds a process of the centre, or begins with it where that is the number heard last; nil for what is no process. The
// lock is held.
func (l *Line) from(process string, number uint64) *source {
	if s := l.sources[process]; s != nil {
		return s
	}
	opener, err := l.keys.meet(process, process, l.keys.name, l.o.Venue)
	if err != nil {
		return nil
	}
	if len(l.sources) >= maxSources { // processes that are gone; one that is not comes in again with its next notice
		clear(l.sources)
	}
	s := &source{opener: opener, heard: number, said: number}
	l.sources[process] = s
	return s
}

// speaker is who a notice is from and of how much news it speaks; ok is false for an older centre's.
func speaker(m *nats.Msg) (process string, number uint64, ok bool) {
	process = m.Header.Get(headProcess)
	number, err := strconv.ParseUint(m.Header.Get(headNews), 10, 64)
	return process, number, process != "" && err == nil
}

// takeNews opens a news and hands it on. What does not open is not for this line; what comes again is known.
func (l *Line) takeNews(m *nats.Msg) {
	process, number, ok := speaker(m)
	if !ok || !strings.HasSuffix(m.Subject, "."+mark(l.keys.name)) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.heed == nil {
		return
	}
	before := uint64(0)
	if number > 0 {
		before = number - 1
	}
	s := l.from(process, before)
	if s == nil || number <= s.heard {
		return
	}
	content, err := s.opener.Open(nil, nonce(number), m.Data, []byte(m.Subject))
	if err != nil {
		l.log.Warn("news of the centre does not open; the feed asks instead")
		l.wakeLocked()
		return
	}
	missed := number > s.heard+1
	s.heard, s.said = number, max(s.said, number)
	l.heard = l.o.Clock()
	if missed || len(l.unheeded) >= maxUnheeded {
		l.wakeLocked()
	}
	if len(l.unheeded) < maxUnheeded {
		l.unheeded = append(l.unheeded, arrived{content, m.Header})
	}
	if !l.heeding {
		l.heeding = true
		go l.heedAll()
	}
}

// heedAll gives the ledger what has come, in order, until nothing is left.
func (l *Line) heedAll() {
	for {
		l.mu.Lock()
		if len(l.unheeded) == 0 {
			l.heeding = false
			l.mu.Unlock()
			return
		}
		next, heed := l.unheeded[0], l.heed
		l.unheeded = l.unheeded[1:]
		l.mu.Unlock()
		if err := heedOne(next, heed); err != nil {
			l.log.Warn("news of the centre could not be taken in; the feed asks instead", "code", string(settle.CodeOf(err)), "err", err.Error())
			l.wake()
		}
	}
}

func heedOne(a arrived, heed func(context.Context, settle.News) error) error {
	content, err := expand(a.content, a.coding)
	if err != nil {
		return err
	}
	n, err := feed.DecodeNews(content)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), heedWithin)
	defer cancel()
	return heed(ctx, n)
}

// behind reports whether a process has told more news than came, and takes it as made up for: the pull that follows does.
// The lock is held.
func (l *Line) behind() (missed bool) {
	for _, s := range l.sources {
		missed = missed || s.said > s.heard
		s.heard = max(s.heard, s.said)
	}
	return missed
}
