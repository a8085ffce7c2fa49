package relay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
)

// The reasons for which a message was certainly not sent, in English for logs.
var (
	errDown    = errors.New("the line to the message servers is down")
	errNobody  = errors.New("nobody listens at the centre")
	errSilent  = errors.New("the centre does not say that it is there")
	errTooLong = errors.New("the message is longer than the message servers take")
)

// waiter is a message that waits for its answer.
type waiter struct {
	stored bool // through the stream

	mu    sync.Mutex
	parts gathering
	done  chan struct{} // closed with the end
	ended bool
	end   ending
}

// ending is how a message ended. certain says that an error means "not sent".
type ending struct {
	head    nats.Header
	content []byte
	err     error
	certain bool
}

func (w *waiter) finish(e ending) {
	if !w.ended {
		w.ended, w.end = true, e
		close(w.done)
	}
}

// RoundTrip sends a message and waits for the centre's envelope. Where it returns an error without having called GotConn of
// the request's trace, certainly nothing is with the centre nor on its way.
func (l *Line) RoundTrip(r *http.Request) (*http.Response, error) {
	letter, err := l.letter(r)
	if err != nil {
		return nil, err
	}
	nc, err := l.conn()
	if err != nil {
		return nil, err
	}
	id := letter.Header.Get(headID)
	w, err := l.await(id, strings.HasPrefix(letter.Subject, l.subjects.report("")))
	if err != nil {
		return nil, err
	}
	defer l.forget(id)
	if w.stored && l.silent() {
		if err := l.askPresence(r.Context(), nc); err != nil {
			return nil, err
		}
	}
	end := l.exchange(r.Context(), nc, letter, w)
	if end.err != nil {
		if !end.certain {
			mayHaveLeft(r.Context())
		}
		return nil, end.err
	}
	return response(r, end)
}

// letter is a request as a message. The headers of a gateway travel along.
func (l *Line) letter(r *http.Request) (*nats.Msg, error) {
	if r.Body == nil {
		return nil, errors.New("the request has no body")
	}
	content, err := io.ReadAll(io.LimitReader(r.Body, maxContent+1))
	r.Body.Close() //nolint:errcheck,gosec // read to its end
	if err != nil || len(content) > maxContent {
		return nil, errTooLong
	}
	var envelope struct {
		Infno string `json:"infno"`
		MsgID string `json:"msgid"`
	}
	if err := json.Unmarshal(content, &envelope); err != nil || !tokenText.MatchString(envelope.MsgID) {
		return nil, errors.New("the message has no msgid that can name its answer")
	}
	subject := l.subjects.report(l.o.Venue)
	if asking[envelope.Infno] {
		subject = l.subjects.ask(l.o.Venue)
	}
	head := nats.Header{}
	for name, values := range r.Header {
		head[name] = values
	}
	head.Set(headID, envelope.MsgID)
	content, err = compress(content, head)
	if err != nil {
		return nil, err
	}
	return &nats.Msg{Subject: subject, Reply: l.subjects.answer(l.o.Venue, envelope.MsgID), Header: head, Data: content}, nil
}

// await notes that somebody waits for an answer, before the message can have one.
func (l *Line) await(id string, stored bool) (*waiter, error) {
	w := &waiter{stored: stored, done: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting[id] != nil {
		return nil, errors.New("a message with this id is under way")
	}
	l.waiting[id] = w
	return w, nil
}

func (l *Line) forget(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waiting, id)
}

// exchange publishes once and waits.
func (l *Line) exchange(ctx context.Context, nc *nats.Conn, letter *nats.Msg, w *waiter) ending {
	if ctx.Err() != nil {
		return ending{err: ctx.Err(), certain: true}
	}
	if !nc.IsConnected() {
		return ending{err: errDown, certain: true}
	}
	if err := nc.PublishMsg(letter); err != nil {
		return ending{err: publishError(err), certain: neverWritten(err)}
	}
	select {
	case <-w.done:
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.end
	case <-ctx.Done():
		return ending{err: ctx.Err()}
	}
}

// neverWritten reports whether the client's error means that it has not even buffered the message. Any other may have come
// from a write that was half done.
func neverWritten(err error) bool {
	for _, sure := range []error{
		nats.ErrConnectionClosed, nats.ErrConnectionDraining, nats.ErrReconnectBufExceeded, nats.ErrMaxPayload,
		nats.ErrHeadersNotSupported, nats.ErrBadSubject, nats.ErrInvalidConnection,
	} {
		if errors.Is(err, sure) {
			return true
		}
	}
	return false
}

func publishError(err error) error {
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
		return errTooLong
	case errors.Is(err, nats.ErrReconnectBufExceeded), errors.Is(err, nats.ErrConnectionClosed):
		return errDown
	}
	return err
}

// mayHaveLeft says so to the client above, which otherwise takes an error for "not sent".
func mayHaveLeft(ctx context.Context) {
	if trace := httptrace.ContextClientTrace(ctx); trace != nil && trace.GotConn != nil {
		trace.GotConn(httptrace.GotConnInfo{})
	}
}

// silent reports whether the centre has given no sign of life for a while.
func (l *Line) silent() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.o.Clock().Sub(l.heard) >= l.o.Presence
}

// presenceWithin is how long the centre may take to say that it is there.
const presenceWithin = 3 * time.Second

// askPresence asks whether the centre is there. The error says that nothing of the report has left.
func (l *Line) askPresence(ctx context.Context, nc *nats.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, presenceWithin)
	defer cancel()
	id := nuid.Next()
	w, err := l.await(id, false)
	if err != nil {
		return err
	}
	defer l.forget(id)
	end := l.exchange(ctx, nc, &nats.Msg{
		Subject: l.subjects.ask(l.o.Venue), Reply: l.subjects.answer(l.o.Venue, id), Header: nats.Header{headID: {id}, headPing: {"1"}},
	}, w)
	if errors.Is(end.err, context.DeadlineExceeded) {
		// A server that has been cut off keeps its connections. Another may be better; the one that we have is no worse after.
		if err := nc.ForceReconnect(); err != nil {
			l.log.Debug("the line could not be made anew", "err", err.Error())
		}
		return errSilent
	}
	return end.err
}

// take sorts what comes for a message that waits: the server's word that nobody listens, the stream's acknowledgement or
// refusal, a part of the centre's answer.
func (l *Line) take(m *nats.Msg) {
	if m.Header.Get(headProcess) != "" {
		l.takeNews(m)
		return
	}
	l.mu.Lock()
	w := l.waiting[venueOf(m.Subject)]
	if m.Header.Get(headStatus) != "" {
		l.heard = l.o.Clock()
	}
	l.mu.Unlock()
	if w == nil {
		return // somebody has given up waiting, or another process of this venue waits
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case m.Header.Get(headStatus) != "":
		content, whole, err := w.parts.add(m)
		if err == nil && whole {
			content, err = expand(content, m.Header)
		}
		if err != nil || whole {
			w.finish(ending{head: m.Header, content: content, err: err})
		}
	case len(m.Data) == 0 && m.Header.Get("Status") == "503":
		w.finish(ending{err: errNobody, certain: true})
	case w.stored:
		if err, certain := streamRefusal(m.Data); err != nil {
			w.finish(ending{err: err, certain: certain})
		}
	}
}

// The stream's refusals that it speaks before a message is proposed to its followers, by the server's own numbers.
var refusals = map[int]bool{
	10002: true, // the account's limits
	10023: true, // the server's resources
	10028: true, // its memory
	10039: true, // no JetStream for this account
	10047: true, // its storage
	10054: true, // longer than the stream takes
	10076: true, // no JetStream
	10077: true, // full: messages, bytes, or messages of this venue
	10109: true, // sealed
}

// streamRefusal is nil where the stream has taken the message, which is no answer yet.
func streamRefusal(data []byte) (err error, certain bool) { //nolint:staticcheck // the error is a value here
	var word struct {
		Error *struct {
			Code        int    `json:"err_code"`
			Description string `json:"description"`
		} `json:"error"`
	}
	if json.Unmarshal(data, &word) != nil || word.Error == nil {
		return nil, false
	}
	return fmt.Errorf("the stream of reports refuses: %s (%d)", word.Error.Description, word.Error.Code), refusals[word.Error.Code]
}

// response is the centre's answer as HTTP.
func response(r *http.Request, end ending) (*http.Response, error) {
	status, err := strconv.Atoi(end.head.Get(headStatus))
	if err != nil || status < 100 || status > 999 {
		mayHaveLeft(r.Context())
		return nil, errors.New("the answer's status is no number")
	}
	head := http.Header{}
	if kind := end.head.Get("Content-Type"); kind != "" {
		head.Set("Content-Type", kind)
	}
	return &http.Response{
		Status: http.StatusText(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: head,
		Body: io.NopCloser(bytes.NewReader(end.content)), ContentLength: int64(len(end.content)), Request: r,
	}, nil
}
