package relay

import (
	"bytes"
	"context"
	"errors"
	"hash/maphash"
	"io"
	"net/http"
	"strconv"
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
// Urgent is what may not be paid from or to any more, or from which less may be taken: a person's status and cards, an ended
// binding, an account's status, what is frozen and what is set aside for venues. That is told as news, in full. A binding
// that is new or altered, and whoever may pay again, makes a notice by which venues pull. A balance that a sale has moved,
// and money that is free again, make neither: every sale moves one.
type watcher struct {
	s      *Server
	o      WatchOptions
	client *nhsa.Client
	seed   maphash.Seed
	facts  map[uint64]uint64 // of each person, account and binding, by hash of the name, what it takes to know a change
	cursor string
	looked time.Time // when the centre was last asked

	last  string    // the cursor of the last notice
	full  bool      // all that the last notice stands for was told as news
	told  time.Time // when it was first told
	owed  bool      // a notice waits for the gap
	vague bool      // it stands for something that was not told as news

	unsaid settle.News
	since  time.Time // when nothing of it was to be seen yet
	said   time.Time // when news was last told
	news   uint64    // counts this process's
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
		began := w.s.o.Clock()
		found, err := w.pull(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			w.s.log.Warn("the centre's changes cannot be watched", "err", err.Error())
		}
		failing = err != nil
		switch {
		case begun && (err == nil || found.Facts() > 0):
			w.say(&found)
		case err == nil:
			begun = true
			w.tell()
		}
		if err == nil {
			w.looked = began
		}
		if w.owed && w.unsaid.Facts() == 0 && w.s.o.Clock().Sub(w.told) >= w.o.Gap {
			w.tell()
		}
		w.rest(ctx, beat.C)
	}
}

// say tells what was found as news, and owes a notice for it: for venues that hear no news, and for those that miss it. Money
// that was set aside waits for the gap, since every swipe sets some aside; nothing else waits.
func (w *watcher) say(found *findings) {
	w.vague = w.vague || found.vague
	w.owed = w.owed || found.vague || found.Facts() > 0
	n := &w.unsaid
	if n.Facts() == 0 {
		w.since = w.looked
	}
	n.CentreTime, n.Through = found.CentreTime, w.cursor
	n.People, n.Cards, n.Accounts = append(n.People, found.People...), append(n.Cards, found.Cards...), append(n.Accounts, found.Accounts...)
	n.EndedBinds, n.EndedPsnNo = append(n.EndedBinds, found.EndedBinds...), append(n.EndedPsnNo, found.EndedPsnNo...)
	now := w.s.o.Clock()
	switch {
	case n.Facts() == 0, n.Facts() == len(n.Accounts) && now.Sub(w.said) < w.o.Gap:
		return
	case n.Facts() > maxNews:
		w.vague = true
	default:
		w.news++
		n.ID = w.s.herald.keys.name[:12] + "-" + strconv.FormatUint(w.news, 10)
		if err := w.s.herald.tell(n); err != nil {
			w.vague = true
			w.s.log.Debug("news could not leave; venues pull", "err", err.Error())
		}
	}
	w.said, w.unsaid = now, settle.News{}
	w.s.metrics.latency.Observe(w.s.o.Clock().Sub(w.since).Seconds())
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
		w.s.herald.forget()
	}
}

// tell makes a new notice.
func (w *watcher) tell() {
	w.last, w.full, w.told = w.cursor, w.owed && !w.vague, w.s.o.Clock()
	w.owed, w.vague = false, false
	w.s.metrics.notices.Inc()
	w.send()
}

func (w *watcher) send() {
	head := w.s.herald.head()
	if w.full {
		head.Set(headTold, "1")
	}
	m := &nats.Msg{Subject: w.s.subjects.moved(), Header: head, Data: []byte(w.last)}
	if err := w.s.nc.PublishMsg(m); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		w.s.log.Debug("a notice could not leave; the next beat repeats it", "err", err.Error())
	}
}

const watchPage = 5000

// findings is what a look has found to be urgent: news, and whether there is more that news does not say.
type findings struct {
	settle.News
	vague bool
}

// pull reads what has changed since the last look. What it has found before an error is found all the same.
func (w *watcher) pull(ctx context.Context) (found findings, err error) {
	for ctx.Err() == nil {
		outcome, err := w.client.Ask(ctx, nhsa.Call{
			Message: nhsa.DeltaQuery{Cursor: w.cursor, Limit: watchPage}, Operator: settle.Operator{ID: "gongji-centre", Name: "系统"},
		})
		if err != nil {
			return found, err
		}
		if !outcome.Done() {
			return found, errors.New("G102 is not answered")
		}
		answer, err := nhsa.DecodeSnapshotAnswer(outcome.Answer)
		if err != nil {
			return found, err
		}
		page, err := feed.DecodeSnapshot(answer.Snapshot)
		if err != nil {
			return found, err
		}
		moved := page.Cursor != w.cursor
		w.learn(&page, &found)
		if found.Facts() > maxNews { // more than can be told; what belongs to it would only be kept in vain
			found = findings{vague: true}
		}
		w.cursor, found.CentreTime = page.Cursor, page.CentreTime
		if !answer.More || !moved {
			return found, nil
		}
	}
	return found, ctx.Err()
}

// learn notes what a page says and adds what is urgent of it and new.
func (w *watcher) learn(page *settle.Snapshot, found *findings) {
	for i := range page.People {
		w.learnPerson(&page.People[i], found)
	}
	for i := range page.Accounts {
		w.learnAccount(&page.Accounts[i], found)
	}
	for i := range page.Bindings {
		w.learnBinding(&page.Bindings[i], found)
	}
	for _, ended := range []struct {
		kind string
		from []string
		to   *[]string
	}{{"b", page.EndedBinds, &found.EndedBinds}, {"p", page.EndedPsnNo, &found.EndedPsnNo}} {
		for _, name := range ended.from {
			if _, fresh := w.fact(ended.kind, name, gone); fresh {
				*ended.to = append(*ended.to, name)
			}
		}
	}
}

// gone is the fact of whoever has ended; no hash is taken for it on purpose, and one that is it by chance is told anew.
const gone = 1

func (w *watcher) learnPerson(p *settle.SnapshotPerson, found *findings) {
	var h maphash.Hash
	h.SetSeed(w.seed)
	for _, card := range p.Cards {
		write(&h, card.Number, card.Identifier, string(card.Status))
	}
	write(&h, string(p.Status), p.Insurance)
	if _, fresh := w.fact("p", p.PsnNo, h.Sum64()); !fresh {
		return
	}
	before := found.Facts()
	if p.Status != settle.StatusNormal {
		found.People = append(found.People, settle.NewsPerson{PsnNo: p.PsnNo, Status: p.Status})
	}
	for _, card := range p.Cards {
		if card.Status != settle.CardValid {
			found.Cards = append(found.Cards, settle.NewsCard{PsnNo: p.PsnNo, Number: card.Number, Identifier: card.Identifier, Status: card.Status})
		}
	}
	found.vague = found.vague || found.Facts() == before // somebody who is new, or may pay again
}

// learnAccount keeps what is withheld of an account beside a short hash of its status, so that more is told from less.
func (w *watcher) learnAccount(a *settle.SnapshotAccount, found *findings) {
	withheld := uint64(max(0, a.Frozen+a.ReservedElsewhere))
	status := maphash.String(w.seed, string(a.Status)) & 0xff
	before, fresh := w.fact("a", a.PsnNo, withheld<<8|status)
	if !fresh {
		return
	}
	locked := a.Status != settle.StatusNormal
	switch {
	case withheld > before>>8, before&0xff != status && locked:
		found.Accounts = append(found.Accounts, settle.NewsAccount{PsnNo: a.PsnNo, Status: a.Status, Frozen: a.Frozen, Held: a.ReservedElsewhere})
	case before&0xff != status:
		found.vague = true
	}
}

func (w *watcher) learnBinding(b *settle.SnapshotBinding, found *findings) {
	_, fresh := w.fact("b", b.ID, maphash.Comparable(w.seed, [8]any{
		b.Active, b.Giver, b.Beneficiary, b.Rank, b.ValidFrom, b.ValidTo, b.Limit, b.Mode,
	}))
	switch {
	case !fresh:
	case !b.Active:
		found.EndedBinds = append(found.EndedBinds, b.ID)
	default:
		found.vague = true
	}
}

func write(h *maphash.Hash, texts ...string) {
	for _, text := range texts {
		h.WriteString(text) //nolint:errcheck,gosec // a hash takes everything
		h.WriteByte(0)      //nolint:errcheck,gosec // and so it does a byte
	}
}

// fact notes one thing, and says what was noted of it before and whether that was something else.
func (w *watcher) fact(kind, name string, now uint64) (before uint64, fresh bool) {
	key := maphash.String(w.seed, kind+name)
	before, known := w.facts[key]
	w.facts[key] = now
	return before, !known || before != now
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
