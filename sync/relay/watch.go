package relay

import (
	"bytes"
	"context"
	"errors"
	"hash/maphash"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"gongji/settle"
	"gongji/sync/feed"
	"gongji/sync/nhsa"
)

// WatchOptions say how urgent changes are noticed and told.
type WatchOptions struct {
	// Off tells nobody anything; venues pull at their intervals.
	Off bool
	// Every is how often the centre is asked what has changed; default 300 ms. A report that passes is a reason to ask at
	// once, but not more often than this.
	Every time.Duration
	// Gap is the shortest time between two notices, since each makes every venue pull; default 1 s.
	Gap time.Duration
	// Beat is how often the last notice is repeated, for those that missed it and as a sign of life; default 5 s.
	Beat time.Duration
	// Observer is the venue code under which the centre is asked. It is nobody's; default P00000000000.
	Observer string
	// Area is the observer's, six digits; default 000000.
	Area string
}

func (o *WatchOptions) complete() {
	orElse := func(value *time.Duration, other time.Duration) {
		if *value <= 0 {
			*value = other
		}
	}
	orElse(&o.Every, 300*time.Millisecond)
	orElse(&o.Gap, time.Second)
	orElse(&o.Beat, 5*time.Second)
	if o.Observer == "" {
		o.Observer = "P00000000000"
	}
	if o.Area == "" {
		o.Area = "000000"
	}
}

// watcher asks the centre by its own feed (G102) what has changed, as a venue would, and tells all venues when something
// urgent has. It needs nothing of a centre but its handler, so it works for any, and for several processes over one book.
//
// Urgent is what may not be paid from or to any more, or from which less may be taken: a person's status and cards, a
// binding, an end, an account's status, what is frozen and what is set aside for venues. A balance that a sale has moved
// is not: every sale moves one, and every notice makes every venue pull.
type watcher struct {
	s      *Server
	o      WatchOptions
	client *nhsa.Client
	seed   maphash.Seed
	facts  map[uint64]uint64 // what is urgent of each person, account and binding, both as hashes
	cursor string
	last   string    // the cursor of the last notice
	told   time.Time // when it was first told
	owed   bool      // something urgent waits for the gap
	kick   chan struct{}
}

func newWatcher(s *Server) (*watcher, error) {
	w := &watcher{s: s, o: s.o.Watch, seed: maphash.MakeSeed(), facts: map[uint64]uint64{}, kick: make(chan struct{}, 1)}
	w.o.complete()
	var serial atomic.Uint64
	var err error
	w.client, err = nhsa.NewClient(nhsa.Options{
		URL: "https://centre/", Venue: settle.Venue{Code: w.o.Observer, Name: "变更通知", Area: w.o.Area}, Transport: direct{s.o.Handler},
		Serials: func(context.Context) (uint64, error) { return serial.Add(1), nil }, Clock: s.o.Clock,
	})
	return w, err
}

// look asks for a look at the centre soon.
func (w *watcher) look() {
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

// run watches until ctx ends. The first look only learns how things stand; what venues missed before, they pull when they
// connect.
func (w *watcher) run(ctx context.Context) {
	if w.o.Off {
		<-ctx.Done()
		return
	}
	beat := time.NewTicker(w.o.Beat)
	defer beat.Stop()
	begun, failing := false, false
	for ctx.Err() == nil {
		urgent, err := w.pull(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			w.s.log.Warn("the centre's changes cannot be watched", "err", err.Error())
		}
		failing = err != nil
		if err == nil && !begun {
			begun = true
			w.tell()
		}
		w.owed = w.owed || urgent && begun
		if w.owed && w.s.o.Clock().Sub(w.told) >= w.o.Gap {
			w.tell()
		}
		w.rest(ctx, beat.C)
	}
}

// rest waits until the next look: the interval, or less after a report, but never less than a third of it.
func (w *watcher) rest(ctx context.Context, beat <-chan time.Time) {
	wait(ctx, w.o.Every/3)
	timer := time.NewTimer(w.o.Every - w.o.Every/3)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-w.kick:
	case <-beat:
		w.send()
	}
}

// tell makes a new notice.
func (w *watcher) tell() {
	w.owed, w.last, w.told = false, w.cursor, w.s.o.Clock()
	w.s.metrics.notices.Inc()
	w.send()
}

func (w *watcher) send() {
	if err := w.s.nc.PublishMsg(&nats.Msg{Subject: w.s.subjects.moved(), Data: []byte(w.last)}); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		w.s.log.Debug("a notice could not leave; the next beat repeats it", "err", err.Error())
	}
}

const watchPage = 5000

// pull reads what has changed and reports whether something of it is urgent.
func (w *watcher) pull(ctx context.Context) (urgent bool, err error) {
	for ctx.Err() == nil {
		outcome, err := w.client.Ask(ctx, nhsa.Call{
			Message: nhsa.DeltaQuery{Cursor: w.cursor, Limit: watchPage}, Operator: settle.Operator{ID: "gongji-centre", Name: "系统"},
		})
		if err != nil {
			return urgent, err
		}
		if !outcome.Done() {
			return urgent, errors.New("G102 is not answered")
		}
		answer, err := nhsa.DecodeSnapshotAnswer(outcome.Answer)
		if err != nil {
			return urgent, err
		}
		page, err := feed.DecodeSnapshot(answer.Snapshot)
		if err != nil {
			return urgent, err
		}
		moved := page.Cursor != w.cursor
		urgent = w.learn(&page) || urgent
		w.cursor = page.Cursor
		if !answer.More || !moved {
			return urgent, nil
		}
	}
	return urgent, ctx.Err()
}

// learn notes what a page says and reports whether something urgent of it is new.
func (w *watcher) learn(page *settle.Snapshot) (urgent bool) {
	for i := range page.People {
		p := &page.People[i]
		var h maphash.Hash
		h.SetSeed(w.seed)
		for _, card := range p.Cards {
			write(&h, card.Number, card.Identifier, string(card.Status))
		}
		write(&h, string(p.Status), p.Insurance)
		urgent = w.fact("p", p.PsnNo, h.Sum64()) || urgent
	}
	for i := range page.Accounts {
		a := &page.Accounts[i]
		urgent = w.fact("a", a.PsnNo, maphash.Comparable(w.seed, [3]any{a.Status, a.Frozen, a.ReservedElsewhere})) || urgent
	}
	for i := range page.Bindings {
		b := &page.Bindings[i]
		urgent = w.fact("b", b.ID, maphash.Comparable(w.seed, [8]any{
			b.Active, b.Giver, b.Beneficiary, b.Rank, b.ValidFrom, b.ValidTo, b.Limit, b.Mode,
		})) || urgent
	}
	return urgent || len(page.EndedBinds) > 0 || len(page.EndedPsnNo) > 0
}

func write(h *maphash.Hash, texts ...string) {
	for _, text := range texts {
		h.WriteString(text) //nolint:errcheck,gosec // a hash takes everything
		h.WriteByte(0)      //nolint:errcheck,gosec // and so it does a byte
	}
}

// fact notes one thing and reports whether it was not so before.
func (w *watcher) fact(kind, name string, now uint64) bool {
	key := maphash.String(w.seed, kind+name)
	before, known := w.facts[key]
	w.facts[key] = now
	return !known || before != now
}

// direct is a transport straight into a handler of this process.
type direct struct{ handler http.Handler }

// RoundTrip runs the handler. Nothing is ever lost on this way.
func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	out := &answerWriter{head: http.Header{}, status: http.StatusOK}
	d.handler.ServeHTTP(out, r)
	return &http.Response{
		StatusCode: out.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: out.head,
		Body: io.NopCloser(bytes.NewReader(out.body.Bytes())), ContentLength: int64(out.body.Len()), Request: r,
	}, nil
}
