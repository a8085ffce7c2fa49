package relay

import (
	"crypto/cipher"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"gongji/settle"
	"gongji/sync/feed"
)

const (
	maxNews      = 64              // facts of one news; what is more makes venues pull
	maxListeners = 200_000         // of one process; a venue beyond is told by its pulls
	listensFor   = 3 * time.Minute // since a line last said that it listens
)

// listener is a line that has said that it listens.
type listener struct {
	subject string
	sealer  cipher.AEAD
	heard   time.Time
}

// herald tells each line that listens what cannot wait, sealed for it and numbered, so that a line knows whether it has
// missed one. It is safe for concurrent use.
type herald struct {
	s    *Server
	keys keyPair

	mu        sync.Mutex
	listeners map[string]*listener // by subject
	told      uint64               // the number of the last news
}

func newHerald(s *Server) (*herald, error) {
	keys, err := newKeyPair()
	return &herald{s: s, keys: keys, listeners: map[string]*listener{}}, err
}

// hello takes a line's word that it listens.
func (h *herald) hello(venue, line string) {
	subject := h.s.subjects.answer(venue, mark(line))
	now := h.s.o.Clock()
	h.mu.Lock()
	known, full := h.listeners[subject], len(h.listeners) >= maxListeners
	if known != nil {
		known.heard = now
	}
	h.mu.Unlock()
	if known != nil || full {
		return
	}
	sealer, err := h.keys.meet(line, h.keys.name, line, venue)
	if err != nil {
		h.s.metrics.refused.Inc()
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listeners[subject] = &listener{subject, sealer, now}
	h.s.metrics.listeners.Set(float64(len(h.listeners)))
}

// forget drops lines that have not been heard of for long.
func (h *herald) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for subject, l := range h.listeners {
		if h.s.o.Clock().Sub(l.heard) > listensFor {
			delete(h.listeners, subject)
		}
	}
	h.s.metrics.listeners.Set(float64(len(h.listeners)))
}

// head are the headers of a notice: who speaks, and how much of it was told as news.
func (h *herald) head() nats.Header {
	h.mu.Lock()
	defer h.mu.Unlock()
	return nats.Header{headProcess: {h.keys.name}, headNews: {strconv.FormatUint(h.told, 10)}}
}

// tell gives the next number to news and sends it to every line that listens. A line that misses it learns so from the
// next notice.
func (h *herald) tell(n *settle.News) error {
	clear, err := feed.EncodeNews(n)
	if err != nil {
		return err
	}
	extra := nats.Header{}
	if clear, err = compress(clear, extra); err != nil {
		return err
	}
	h.mu.Lock()
	h.told++
	number := h.told
	to := make([]*listener, 0, len(h.listeners))
	for _, l := range h.listeners {
		to = append(to, l)
	}
	h.mu.Unlock()
	head := nats.Header{headProcess: {h.keys.name}, headNews: {strconv.FormatUint(number, 10)}}
	if coding := extra.Get(headCoding); coding != "" {
		head.Set(headCoding, coding)
	}
	for _, l := range to {
		m := &nats.Msg{Subject: l.subject, Header: head, Data: l.sealer.Seal(nil, nonce(number), clear, []byte(l.subject))}
		if err := h.s.nc.PublishMsg(m); err != nil {
			return err // the next notice says that something was missed
		}
	}
	h.s.metrics.news.Inc()
	h.s.metrics.told.Add(float64(len(to)))
	return nil
}
