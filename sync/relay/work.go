package relay

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"gongji/sync/nhsa"
)

// place waits for a free worker. It is false where ctx ends first: the message is left for another process.
func (s *Server) place(ctx context.Context) bool {
	select {
	case s.places <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *Server) free() { <-s.places }

// takeReport works on a message of the stream. It is acknowledged when its answer is out; before that, whatever falls, the
// stream gives it to somebody again.
func (s *Server) takeReport(ctx context.Context, m jetstream.Msg) {
	venue, id := venueOf(m.Subject()), m.Headers().Get(headID)
	if !s.place(ctx) {
		return
	}
	answers, begun := s.recent.begin(venue, id)
	switch {
	case answers != nil: // a repeated delivery of what was answered
		s.free()
		s.metrics.repeated.Inc()
		s.publish(answers)
		s.acknowledge(m)
		return
	case !begun: // a repeated delivery of what is being worked on; the first acknowledges
		s.free()
		return
	}
	if !s.begin(func() { defer s.free(); s.do(venue, id, m) }) {
		s.free() // not begun: the stream gives it to another process, or to this one after its restart
	}
}

func (s *Server) do(venue, id string, m jetstream.Msg) {
	holding := s.hold(m)
	answers := s.answer(venue, id, m.Headers(), m.Data())
	holding.Stop()
	s.recent.end(venue, id, answers)
	s.publish(answers)
	s.acknowledge(m)
	s.metrics.reports.Inc()
	s.watcher.look()
}

// hold keeps a message that takes long from being given to another process meanwhile.
func (s *Server) hold(m jetstream.Msg) *time.Timer {
	half := s.o.AckWait / 2
	var timer *time.Timer
	begun := make(chan struct{})
	timer = time.AfterFunc(half, func() {
		<-begun
		if m.InProgress() == nil {
			timer.Reset(half)
		}
	})
	close(begun)
	return timer
}

func (s *Server) acknowledge(m jetstream.Msg) {
	if err := m.Ack(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		s.log.Debug("an acknowledgement was lost; the message comes again", "err", err.Error())
	}
}

// takeAsk answers a message beside the stream.
func (s *Server) takeAsk(ctx context.Context, m *nats.Msg) {
	venue, id := venueOf(m.Subject), m.Header.Get(headID)
	if m.Header.Get(headPing) != "" {
		s.publish([]*nats.Msg{{Subject: s.subjects.answer(venue, token(id)), Header: nats.Header{headStatus: {"204"}}}})
		return
	}
	if !s.place(ctx) {
		return
	}
	if !s.begin(func() {
		defer s.free()
		s.publish(s.answer(venue, id, m.Header, m.Data))
		s.metrics.asks.Inc()
	}) {
		s.free()
	}
}

// takeReceipt gives an answer again that this process gave lately, and takes a line's word that it listens.
func (s *Server) takeReceipt(m *nats.Msg) {
	if line := m.Header.Get(headHello); line != "" {
		s.herald.hello(venueOf(m.Subject), line)
		return
	}
	if answers := s.recent.find(venueOf(m.Subject), m.Header.Get(headID)); answers != nil {
		s.publish(answers)
	}
}

func (s *Server) publish(answers []*nats.Msg) {
	for _, m := range answers {
		if err := s.nc.PublishMsg(m); err != nil {
			s.metrics.lost.Inc()
			s.log.Warn("an answer could not leave; its venue will ask or undo", "err", err.Error())
			return
		}
	}
}

// token is a text that can be a word of a subject; nobody waits under another.
func token(text string) string {
	if tokenText.MatchString(text) {
		return text
	}
	return "unnamed"
}

// answer has the centre do a message and makes what goes back; nothing goes back where the handler has cut the line.
func (s *Server) answer(venue, id string, head nats.Header, packed []byte) []*nats.Msg {
	received := s.o.Clock()
	out := &answerWriter{head: http.Header{}, status: http.StatusOK}
	content, err := expand(packed, head)
	if err == nil {
		err = belongs(content, venue, id)
	}
	if err != nil {
		s.metrics.refused.Inc()
		s.log.Warn("a message was refused before the centre", "venue", venue, "err", err.Error())
		refused := nhsa.Answer{Code: nhsa.CodeRefused, Text: "[RELAY] 报文与发送它的机构或通道不符", CentreTime: received, Output: []byte("{}")}
		if err := nhsa.EncodeAnswer(out, refused, received); err != nil {
			return nil
		}
	} else if !s.handle(out, head, content) {
		return nil
	}
	back := nats.Header{headStatus: {strconv.Itoa(out.status)}, "Content-Type": {out.head.Get("Content-Type")}}
	small, err := compress(out.body.Bytes(), back)
	if err != nil {
		return nil
	}
	answers, err := split(s.subjects.answer(venue, token(id)), back, small, s.nc.MaxPayload())
	if err != nil {
		s.log.Error("an answer cannot be sent", "venue", venue, "err", err.Error())
		return nil
	}
	return answers
}

// belongs holds an envelope against the subject and the id under which it came. The envelope is read as the centre reads
// it, so that both see the same venue.
func belongs(content []byte, venue, id string) error {
	request, err := nhsa.DecodeRequest(content)
	switch {
	case request.MsgID == "" && err != nil:
		return errors.New("the message is no envelope")
	case request.Venue != venue:
		return errors.New("the envelope names another venue than its subject")
	case request.MsgID != id:
		return errors.New("the envelope's msgid is not the message's")
	}
	return nil
}

// handle runs the centre's handler. It is false where the handler cut the line, as a rehearsed fault does; any other panic
// is the centre's own trouble, and the other messages go on.
func (s *Server) handle(out *answerWriter, head nats.Header, content []byte) (answered bool) {
	request, err := http.NewRequest(http.MethodPost, "http://centre/", bytes.NewReader(content))
	if err != nil {
		return false
	}
	for name, values := range head {
		if !strings.HasPrefix(name, "Nats-") && !strings.HasPrefix(name, "Gongji-") {
			request.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		if err, is := cause.(error); is && errors.Is(err, http.ErrAbortHandler) {
			answered = false
			return
		}
		s.log.Error("the centre's handler panicked")
		*out = answerWriter{head: http.Header{}, status: http.StatusInternalServerError}
		answered = true
	}()
	s.o.Handler.ServeHTTP(out, request)
	return true
}

// answerWriter keeps what a handler writes.
type answerWriter struct {
	head   http.Header
	status int
	wrote  bool
	body   bytes.Buffer
}

var _ http.ResponseWriter = (*answerWriter)(nil)

func (w *answerWriter) Header() http.Header { return w.head }

func (w *answerWriter) WriteHeader(status int) {
	if !w.wrote {
		w.status, w.wrote = status, true
	}
}

func (w *answerWriter) Write(data []byte) (int, error) {
	w.wrote = true
	return w.body.Write(data)
}
