package relay

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"gongji/settle"
	"gongji/sync/centre"
)

// quick has the centre's end look often, so that a test need not wait.
var quick = WatchOptions{Every: 30 * time.Millisecond, Gap: 30 * time.Millisecond, Beat: 200 * time.Millisecond}

// listening is a store that the centre's end knows to listen, and that has pulled for the last time before something happens.
func listening(t testing.TB, relayed *Server, end Endpoint, venue string) *store {
	t.Helper()
	one := openStore(t, end, venue)
	subject := relayed.subjects.answer(venue, mark(one.line.keys.name))
	until(t, 10*time.Second, "the centre knows the line, and the line the centre", func() bool {
		relayed.herald.mu.Lock()
		known := relayed.herald.listeners[subject] != nil
		relayed.herald.mu.Unlock()
		if _, pulls := one.heard(); pulls < 2 { // its own first one, and that for the first notice
			return false
		}
		one.line.mu.Lock()
		defer one.line.mu.Unlock()
		s := one.line.sources[relayed.herald.keys.name]
		return known && s != nil && s.met && one.line.due == nil
	})
	return one
}

func reportLost(t testing.TB, book *centre.Centre, m centre.Member) {
	t.Helper()
	if ok, err := book.ReportLost(m.CardNumber); !ok || err != nil {
		t.Fatal(ok, err)
	}
}

// TestNews: what cannot wait comes in the notice itself, in order, and makes nobody pull; what passes while a store is cut off
// comes by its pull, in order too, and what is both in the news and in a pull is there once.
func TestNews(t *testing.T) {
	t.Parallel()
	s := hub(t, nil)
	book, members := family(t, nil)
	relayed, _ := serving(t, ServerOptions{Endpoint: at(s), Handler: book.Handler(), Watch: quick})
	way := newWay(t, s.Addr().String())
	one := listening(t, relayed, Endpoint{Servers: []string{"nats://" + way.addr()}}, venueA)
	_, before := one.heard()
	want := []string{}
	for i, m := range members[:3] {
		reportLost(t, book, m)
		want = append(want, m.PsnNo+" lost")
		until(t, 10*time.Second, "it knows", func() bool { return one.knows(want[i]) })
	}
	if news, pulls := one.heard(); news != 3 || pulls != before {
		t.Errorf("%d news and %d pulls", news, pulls-before)
	}
	way.cut()
	nc := must[*nats.Conn](t)(one.line.conn())
	until(t, 5*time.Second, "it is offline", func() bool { return !nc.IsConnected() })
	for _, m := range members[3:5] {
		if ok, err := book.ReportDeceased(m.PsnNo); !ok || err != nil {
			t.Fatal(ok, err)
		}
		want = append(want, m.PsnNo+" deceased")
	}
	way.mend()
	until(t, 10*time.Second, "it has caught up", func() bool { return one.knows(want[4]) })
	if err := book.Seed(settle.Snapshot{ID: "end", CentreTime: time.Now(), EndedBinds: []string{"B-DEMO-2"}}); err != nil {
		t.Fatal(err)
	}
	want = append(want, "B-DEMO-2 ended")
	until(t, 10*time.Second, "it hears again", func() bool { return one.knows("B-DEMO-2 ended") })
	one.mu.Lock()
	defer one.mu.Unlock()
	var first []string // what the pull told again does not count
	for _, fact := range one.facts {
		if !slices.Contains(first, fact) {
			first = append(first, fact)
		}
	}
	if !slices.Equal(first, want) {
		t.Errorf("it learned %v, want %v", first, want)
	}
}

// TestMissedNews: a store to which a news did not come learns from the notice that it missed one, and pulls.
func TestMissedNews(t *testing.T) {
	t.Parallel()
	s := hub(t, nil)
	book, members := family(t, nil)
	relayed, _ := serving(t, ServerOptions{Endpoint: at(s), Handler: book.Handler(), Watch: quick})
	one := listening(t, relayed, at(s), venueA)
	relayed.herald.mu.Lock()
	clear(relayed.herald.listeners) // as if every message to them were lost
	relayed.herald.mu.Unlock()
	news, pulls := one.heard()
	reportLost(t, book, members[0])
	until(t, 10*time.Second, "it knows all the same", func() bool { return one.knows(members[0].PsnNo + " lost") })
	if n, p := one.heard(); n != news || p == pulls {
		t.Errorf("%d news, %d pulls", n-news, p-pulls)
	}
}

// TestNewsInVain: a ledger that cannot take a news in has its feed pull.
func TestNewsInVain(t *testing.T) {
	t.Parallel()
	s := hub(t, nil)
	book, members := family(t, nil)
	relayed, _ := serving(t, ServerOptions{Endpoint: at(s), Handler: book.Handler(), Watch: quick})
	one := listening(t, relayed, at(s), venueA)
	one.full.Store(true)
	reportLost(t, book, members[0])
	until(t, 10*time.Second, "it knows all the same", func() bool { return one.knows(members[0].PsnNo + " lost") })
}

// TestNewsIsSealed: whoever listens to everything reads nobody in the news; another line's news does not open, and one that is
// sent again is not taken again.
func TestNewsIsSealed(t *testing.T) {
	t.Parallel()
	s := hub(t, nil)
	book, members := family(t, nil)
	var mu sync.Mutex
	var heard []*nats.Msg
	spy := must[*nats.Conn](t)(nats.Connect(s.ClientURL()))
	defer spy.Close()
	if _, err := spy.Subscribe("gongji.answer.*.>", func(m *nats.Msg) {
		if m.Header.Get(headNews) != "" {
			mu.Lock()
			heard = append(heard, m)
			mu.Unlock()
		}
	}); err != nil {
		t.Fatal(err)
	}
	relayed, _ := serving(t, ServerOptions{Endpoint: at(s), Handler: book.Handler(), Watch: quick})
	one, other := listening(t, relayed, at(s), venueA), listening(t, relayed, at(s), venueB)
	reportLost(t, book, members[0])
	for _, each := range []*store{one, other} {
		until(t, 10*time.Second, "it knows", func() bool { return each.knows(members[0].PsnNo + " lost") })
	}
	until(t, 10*time.Second, "the spy heard both", func() bool { mu.Lock(); defer mu.Unlock(); return len(heard) == 2 })
	news, pulls := one.heard()
	for _, m := range heard {
		for _, secret := range []string{members[0].PsnNo, members[0].CardNumber, members[0].Identifier, "lost"} {
			if bytes.Contains(m.Data, []byte(secret)) || bytes.Contains(fmt.Append(nil, m.Header), []byte(secret)) {
				t.Error("somebody is to be read in the news")
			}
		}
		if venueOf(m.Subject) == mark(one.line.keys.name) {
			one.line.takeNews(m) // again
			continue
		}
		turned := *m // another's under this line's subject and the next number
		turned.Subject = relayed.subjects.answer(venueA, mark(one.line.keys.name))
		turned.Header = nats.Header{headProcess: m.Header[headProcess], headNews: {"2"}}
		one.line.takeNews(&turned)
	}
	until(t, 10*time.Second, "what does not open makes it pull", func() bool { _, p := one.heard(); return p > pulls })
	if n, _ := one.heard(); n != news {
		t.Errorf("%d news were taken again", n-news)
	}
}

// TestNewsOfProcesses: two processes over one book tell the same thing; a store that hears both takes it in all the same, and
// one process's end costs nothing.
func TestNewsOfProcesses(t *testing.T) {
	t.Parallel()
	s := hub(t, nil)
	book, members := family(t, nil)
	first, stop := serving(t, ServerOptions{Endpoint: at(s), Handler: book.Handler(), Watch: quick})
	second, _ := serving(t, ServerOptions{Endpoint: at(s), Handler: book.Handler(), Watch: quick})
	one := listening(t, first, at(s), venueA)
	until(t, 10*time.Second, "the other one is known too", func() bool {
		one.line.mu.Lock()
		defer one.line.mu.Unlock()
		s := one.line.sources[second.herald.keys.name]
		return s != nil && s.met && one.line.due == nil
	})
	_, before := one.heard()
	reportLost(t, book, members[0])
	until(t, 10*time.Second, "it knows", func() bool { return one.knows(members[0].PsnNo + " lost") })
	until(t, 10*time.Second, "it heard both", func() bool { news, _ := one.heard(); return news == 2 })
	stop()
	reportLost(t, book, members[1])
	until(t, 10*time.Second, "it knows", func() bool { return one.knows(members[1].PsnNo + " lost") })
	if _, pulls := one.heard(); pulls != before {
		t.Errorf("%d pulls", pulls-before)
	}
}

// BenchmarkTell measures the centre's end alone: news sealed for 10,000 lines and taken by the message server, which nobody
// listens at.
func BenchmarkTell(b *testing.B) {
	s := hub(b, nil)
	relayed, err := NewServer(ServerOptions{Endpoint: at(s), Handler: done, Watch: WatchOptions{Off: true}})
	if err != nil {
		b.Fatal(err)
	}
	defer relayed.nc.Close()
	before := heap()
	for i := range 10_000 {
		keys := must[keyPair](b)(newKeyPair())
		relayed.herald.hello(fmt.Sprintf("P43%09d", i), keys.name)
	}
	weight := float64(heap()-before) / 10_000
	n := settle.News{ID: "N", CentreTime: time.Now(), Through: "00000000000000000042",
		Cards: []settle.NewsCard{{PsnNo: "43010000000000009001", Number: "T00000001", Identifier: "639900D15600000500BF7C7A00000001", Status: settle.CardLost}}}
	processor := processorTime()
	for b.Loop() {
		if err := relayed.herald.tell(&n); err != nil {
			b.Fatal(err)
		}
		if err := relayed.nc.Flush(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(processorTime()-processor)/float64(b.N)/10_000/1000, "processor-us/venue")
	b.ReportMetric(weight, "B/line")
}
