package relay

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"gongji/settle"
	"gongji/sync/centre"
	"gongji/sync/nhsa"
)

// TestRoundTrip: the real centre answers over the relay as it does over HTTP, beside the stream and through it.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	s := hub(t, nil)
	book, members := family(t, nil)
	serving(t, ServerOptions{Endpoint: at(s), Handler: book.Handler()})
	c := client(t, line(t, LineOptions{Endpoint: at(s)}), 5*time.Second)
	no := signIn(t, c)
	answer := send(t, c, nhsa.PersonQuery{CertType: "03", CertNo: members[0].CardNumber, Identifier: members[0].Identifier, Name: members[0].Name,
		IDType: "01", IDNumber: members[0].IDNumber}, no)
	if info, err := nhsa.DecodePerson(answer.Answer); err != nil || info.PsnNo != members[0].PsnNo {
		t.Errorf("1101: %+v, %v", info, err)
	}
	if refused := send(t, c, booking(), no); !refused.Refused() || !strings.Contains(refused.Fault, "2601-NOTFOUND") {
		t.Errorf("2601 of nothing: %+v", refused)
	}
	if c.Offline() {
		t.Error("offline")
	}
}

// TestLongAnswer: an answer longer than a message of the servers comes in parts and whole, and one that grows beyond all
// measure does not come.
func TestLongAnswer(t *testing.T) {
	t.Parallel()
	s := hub(t, func(o *server.Options) { o.MaxPayload = 64 << 10 })
	noise := make([]byte, 900_000)
	seed := uint64(1)
	for i := range noise { // does not compress
		seed = seed*6364136223846793005 + 1442695040888963407
		noise[i] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"[seed>>58]
	}
	serving(t, ServerOptions{Endpoint: at(s), Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(map[string]any{"infcode": 0, "output": map[string]string{"noise": string(noise)}})
	}), Watch: WatchOptions{Off: true}})
	c := client(t, line(t, LineOptions{Endpoint: at(s)}), 5*time.Second)
	got := send(t, c, nhsa.DeltaQuery{Limit: 1}, "")
	if !got.Done() || !bytes.Contains(got.Answer.Output, noise) {
		t.Fatalf("result %v, %v", got.Result, got.Err)
	}
	var g gathering
	if _, _, err := g.add(&nats.Msg{Header: nats.Header{headPart: {"9/3"}}}); err == nil {
		t.Error("a part that cannot be is taken")
	}
	head := nats.Header{}
	bomb, err := compress(make([]byte, maxContent+1), head)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := expand(bomb, head); err == nil {
		t.Error("a small message fills the memory")
	}
}

// TestTooLong: a report longer than the servers take certainly never left.
func TestTooLong(t *testing.T) {
	t.Parallel()
	s := hub(t, func(o *server.Options) { o.MaxPayload = 2 << 10 })
	serving(t, ServerOptions{Endpoint: at(s), Handler: done, Watch: WatchOptions{Off: true}})
	l := line(t, LineOptions{Endpoint: at(s)})
	noise := strings.Builder{}
	for i := range 9000 {
		fmt.Fprintf(&noise, "%x", i*i*7919)
	}
	body := fmt.Sprintf(`{"infno":"2102","msgid":"%s202611221200000001","input":"%s"}`, venueA, noise.String())
	request, err := http.NewRequest(http.MethodPost, "https://centre/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.RoundTrip(request); err == nil || err.Error() != errTooLong.Error() {
		t.Errorf("%v", err)
	}
}

// TestNotSent: before anything is in the stream, the venue knows that nothing is.
func TestNotSent(t *testing.T) {
	t.Parallel()
	refuses := func(t *testing.T, l *Line, says string) {
		t.Helper()
		for _, m := range []nhsa.Message{booking(), nhsa.DeltaQuery{Limit: 1}} {
			if got := send(t, client(t, l, 3*time.Second), m, "N1"); got.Result != nhsa.NotSent || !strings.Contains(fmt.Sprint(got.Err), says) {
				t.Errorf("%s: result %v, %v, want %q", m.Infno(), got.Result, got.Err, says)
			}
		}
	}
	t.Run("no server", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := listener.Addr().String()
		listener.Close()
		refuses(t, line(t, LineOptions{Endpoint: Endpoint{Servers: []string{"nats://" + address}}}), errDown.Error())
	})
	t.Run("no centre", func(t *testing.T) {
		s := hub(t, nil)
		refuses(t, line(t, LineOptions{Endpoint: at(s)}), errNobody.Error())
	})
	t.Run("centre gone, stream there", func(t *testing.T) {
		s := hub(t, nil)
		_, stop := serving(t, ServerOptions{Endpoint: at(s), Handler: done})
		stop()
		refuses(t, line(t, LineOptions{Endpoint: at(s)}), "") // which reason depends on how soon the server hears that the centre left
		if n := inStream(t, s); n != 0 {
			t.Errorf("%d messages are in the stream", n)
		}
	})
	t.Run("server lost", func(t *testing.T) {
		s := hub(t, nil)
		_, stop := serving(t, ServerOptions{Endpoint: at(s), Handler: done, Watch: WatchOptions{Off: true}})
		l := line(t, LineOptions{Endpoint: at(s)})
		if got := send(t, client(t, l, 3*time.Second), booking(), "N1"); !got.Done() {
			t.Fatalf("%+v", got)
		}
		s.Shutdown()
		nc, err := l.conn()
		if err != nil {
			t.Fatal(err)
		}
		until(t, 5*time.Second, "the line notices", func() bool { return !nc.IsConnected() })
		refuses(t, l, errDown.Error())
		stop()
	})
}

func inStream(t testing.TB, s *server.Server) uint64 {
	t.Helper()
	nc, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), "GONGJI_REPORTS")
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().State.Msgs
}

// TestFull: a slow centre lets the stream fill up. The venue that fills it is told so and has sent nothing; another venue
// still gets through, and what was taken is done.
func TestFull(t *testing.T) {
	t.Parallel()
	s := hub(t, nil)
	gate := make(chan struct{})
	var calls atomic.Int64
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		<-gate
		done(w, r)
	})
	serving(t, ServerOptions{Endpoint: at(s), Handler: slow, Workers: 2, Bounds: Bounds{Venue: 6, Messages: 9}, Watch: WatchOptions{Off: true}})
	a := client(t, line(t, LineOptions{Endpoint: at(s)}), 20*time.Second)
	b := client(t, line(t, LineOptions{Endpoint: at(s), Venue: venueB}), 20*time.Second)
	results := make(chan nhsa.Outcome, 32)
	flood := func(c *nhsa.Client, n int) {
		for range n {
			go func() {
				o, err := c.Ask(context.Background(), nhsa.Call{Message: booking(), Operator: operator, SignNo: "N1", InsuredArea: "430100"})
				if err != nil {
					t.Error(err)
				}
				results <- o
			}()
		}
	}
	refused := func(n int, says string) {
		t.Helper()
		for range n {
			if o := <-results; o.Result != nhsa.NotSent || !strings.Contains(fmt.Sprint(o.Err), says) {
				t.Errorf("result %v, %v", o.Result, o.Err)
			}
		}
	}
	flood(a, 10)
	refused(4, "maximum messages per subject exceeded")
	flood(b, 5)
	refused(2, "maximum messages exceeded")
	if n := inStream(t, s); n != 9 {
		t.Errorf("%d messages are in the stream", n)
	}
	close(gate)
	for range 9 {
		if o := <-results; !o.Done() {
			t.Errorf("%+v", o)
		}
	}
	if calls.Load() != 9 {
		t.Errorf("the centre was asked %d times", calls.Load())
	}
	until(t, 5*time.Second, "the stream is empty", func() bool { return inStream(t, s) == 0 })
}

// TestUnknown: after the message is in the stream, no answer means that nobody knows, whatever the stream has said.
func TestUnknown(t *testing.T) {
	for name, c := range map[string]struct {
		fault centre.FaultKind
		delay time.Duration
	}{
		"lost answer": {centre.FaultLoseAnswer, 0}, "gateway's page": {centre.FaultPageAfter, 0}, "502": {centre.FaultBadAfter, 0},
		"too late": {centre.FaultDelayAfter, 700 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := hub(t, nil)
			book, _ := family(t, func(o *centre.Options) {
				o.Faults = func(infno string) centre.Fault {
					if infno == nhsa.InfnoReverse {
						return centre.Fault{Kind: c.fault, Delay: c.delay}
					}
					return centre.Fault{}
				}
			})
			serving(t, ServerOptions{Endpoint: at(s), Handler: book.Handler()})
			venue := client(t, line(t, LineOptions{Endpoint: at(s)}), 400*time.Millisecond)
			if got := send(t, venue, booking(), signIn(t, venue)); got.Result != nhsa.Unknown {
				t.Errorf("result %v, %v", got.Result, got.Err)
			}
			until(t, 5*time.Second, "the stream is empty", func() bool { return inStream(t, s) == 0 })
		})
	}
}

// TestOnce: the stream takes a msgid once, and a message that is delivered again gets the answer it had.
func TestOnce(t *testing.T) {
	t.Parallel()
	s := hub(t, nil)
	var calls atomic.Int64
	registry := prometheus.NewRegistry()
	relayed, _ := serving(t, ServerOptions{Endpoint: at(s), Handler: counting(done, &calls), Watch: WatchOptions{Off: true}, Registerer: registry})
	l := line(t, LineOptions{Endpoint: at(s)})
	c := client(t, l, 3*time.Second)
	prepared, err := c.Prepare(t.Context(), nhsa.Call{Message: booking(), Operator: operator, SignNo: "N1", InsuredArea: "430100"})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Send(t.Context(), prepared); !got.Done() {
		t.Fatalf("%+v", got)
	}
	nc, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	copied := &nats.Msg{Subject: l.subjects.report(venueA), Header: nats.Header{headID: {prepared.MsgID}}, Data: prepared.Body}
	ack, err := nc.RequestMsg(copied, 3*time.Second)
	if err != nil || !strings.Contains(string(ack.Data), `"duplicate": true`) && !strings.Contains(string(ack.Data), `"duplicate":true`) {
		t.Fatalf("a copy: %s, %v", ack.Data, err)
	}
	// The same message beyond the stream's memory, as after an acknowledgement that was lost.
	delete(copied.Header, headID)
	copied.Header.Set("X-Other", "1")
	answers, err := nc.SubscribeSync(l.subjects.answers(venueA))
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	relayed.takeReport(t.Context(), redelivered{subject: l.subjects.report(venueA), head: nats.Header{headID: {prepared.MsgID}}, data: prepared.Body})
	again, err := answers.NextMsg(3 * time.Second)
	if err != nil || again.Subject != l.subjects.answer(venueA, prepared.MsgID) || !strings.Contains(string(again.Data), `"infcode":0`) {
		t.Errorf("the answer again: %+v, %v", again, err)
	}
	// Whoever lost the line asks for it.
	if err := nc.PublishMsg(&nats.Msg{Subject: l.subjects.receipt(venueA), Header: nats.Header{headID: {prepared.MsgID}}}); err != nil {
		t.Fatal(err)
	}
	if again, err = answers.NextMsg(3 * time.Second); err != nil || !strings.Contains(string(again.Data), `"infcode":0`) {
		t.Errorf("the receipt: %+v, %v", again, err)
	}
	if calls.Load() != 1 {
		t.Errorf("the centre was asked %d times", calls.Load())
	}
	if err := testutil.GatherAndCompare(registry, strings.NewReader(exposition)); err != nil {
		t.Error(err)
	}
}

// exposition is what the centre's end shows after one report that was answered and delivered again.
const exposition = `# HELP gongji_centre_relay_answers_lost_total Answers that could not leave.
# TYPE gongji_centre_relay_answers_lost_total counter
gongji_centre_relay_answers_lost_total 0
# HELP gongji_centre_relay_asks_total Messages beside the stream that were answered.
# TYPE gongji_centre_relay_asks_total counter
gongji_centre_relay_asks_total 0
# HELP gongji_centre_relay_news_delay_seconds From the look before the one that found an urgent change until it was on its way to every venue: the most it can have waited.
# TYPE gongji_centre_relay_news_delay_seconds histogram
gongji_centre_relay_news_delay_seconds_bucket{le="0.05"} 0
gongji_centre_relay_news_delay_seconds_bucket{le="0.1"} 0
gongji_centre_relay_news_delay_seconds_bucket{le="0.25"} 0
gongji_centre_relay_news_delay_seconds_bucket{le="0.5"} 0
gongji_centre_relay_news_delay_seconds_bucket{le="0.75"} 0
gongji_centre_relay_news_delay_seconds_bucket{le="1"} 0
gongji_centre_relay_news_delay_seconds_bucket{le="1.5"} 0
gongji_centre_relay_news_delay_seconds_bucket{le="2"} 0
gongji_centre_relay_news_delay_seconds_bucket{le="3"} 0
gongji_centre_relay_news_delay_seconds_bucket{le="5"} 0
gongji_centre_relay_news_delay_seconds_bucket{le="10"} 0
gongji_centre_relay_news_delay_seconds_bucket{le="+Inf"} 0
gongji_centre_relay_news_delay_seconds_sum 0
gongji_centre_relay_news_delay_seconds_count 0
# HELP gongji_centre_relay_news_sent_total News by venue that it was sent to.
# TYPE gongji_centre_relay_news_sent_total counter
gongji_centre_relay_news_sent_total 0
# HELP gongji_centre_relay_news_total News: urgent changes told in full.
# TYPE gongji_centre_relay_news_total counter
gongji_centre_relay_news_total 0
# HELP gongji_centre_relay_notices_total Urgent changes that made venues pull, and those that were told as news.
# TYPE gongji_centre_relay_notices_total counter
gongji_centre_relay_notices_total 0
# HELP gongji_centre_relay_oldest_waiting_timestamp_seconds When the oldest of them came; 0 where none waits.
# TYPE gongji_centre_relay_oldest_waiting_timestamp_seconds gauge
gongji_centre_relay_oldest_waiting_timestamp_seconds 0
# HELP gongji_centre_relay_refused_total Messages refused before the centre: in another venue's name, or no envelope.
# TYPE gongji_centre_relay_refused_total counter
gongji_centre_relay_refused_total 0
# HELP gongji_centre_relay_repeated_total Deliveries of messages that were answered already.
# TYPE gongji_centre_relay_repeated_total counter
gongji_centre_relay_repeated_total 1
# HELP gongji_centre_relay_reports_total Messages of the stream that were done and answered.
# TYPE gongji_centre_relay_reports_total counter
gongji_centre_relay_reports_total 1
# HELP gongji_centre_relay_venues Venues' lines that have said in the last minutes that they listen to this process.
# TYPE gongji_centre_relay_venues gauge
gongji_centre_relay_venues 0
# HELP gongji_centre_relay_waiting Reports in the stream that are not acknowledged yet, by any process.
# TYPE gongji_centre_relay_waiting gauge
gongji_centre_relay_waiting 0
`

// redelivered is a message as the stream gives it a second time.
type redelivered struct {
	jetstream.Msg
	subject string
	head    nats.Header
	data    []byte
}

func (r redelivered) Subject() string      { return r.subject }
func (r redelivered) Headers() nats.Header { return r.head }
func (r redelivered) Data() []byte         { return r.data }
func (r redelivered) Ack() error           { return nil }

// TestFalls: a process of the centre that falls after booking and before acknowledging leaves the message to another, whose
// book knows the msgid: booked once.
func TestFalls(t *testing.T) {
	t.Parallel()
	s := hub(t, nil)
	book, members := family(t, nil)
	var calls atomic.Int64
	hang := make(chan struct{})
	first := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		book.Handler().ServeHTTP(w, r)
		if calls.Add(1) == 1 {
			<-hang // booked, and then nothing more comes of this process
		}
	})
	falling, err := NewServer(ServerOptions{Endpoint: at(s), Handler: first, AckWait: 300 * time.Millisecond, Watch: WatchOptions{Off: true}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- falling.Run(ctx) }()
	<-falling.Ready()
	l := line(t, LineOptions{Endpoint: at(s)})
	c := client(t, l, 10*time.Second)
	calls.Store(1) // the sign-in does not count
	no := signIn(t, c)
	calls.Store(0)
	result := make(chan nhsa.Outcome, 1)
	pay := nhsa.PremiumReport{
		Premium: settle.Premium{ID: "PR-1", Kind: "resident", Year: 2026, Amount: 100, At: time.Now()},
		Payer:   settle.Identity{PsnNo: members[0].PsnNo}, Beneficiary: settle.Identity{PsnNo: members[3].PsnNo},
	}
	go func() {
		o, err := c.Ask(context.Background(), nhsa.Call{Message: pay, Operator: operator, SignNo: no, InsuredArea: "430100"})
		if err != nil {
			t.Error(err)
		}
		result <- o
	}()
	until(t, 5*time.Second, "it is booked", func() bool { return book.Balances()[members[0].PsnNo] == members[0].Balance-100 })
	falling.nc.Close() // the process is cut off from everybody
	cancel()
	serving(t, ServerOptions{Endpoint: at(s), Handler: book.Handler(), AckWait: 300 * time.Millisecond})
	outcome := <-result
	if !outcome.Refused() || !c.MessageRepeated(outcome) {
		t.Errorf("the second process: %+v", outcome)
	}
	if got := book.Balances()[members[0].PsnNo]; got != members[0].Balance-100 {
		t.Errorf("the account has %s", got)
	}
	close(hang)
	<-ended
	until(t, 5*time.Second, "the stream is empty", func() bool { return inStream(t, s) == 0 })
}

// TestLineLostWhileWaiting: an answer that was given while the line was down is asked for when it is found again.
func TestLineLostWhileWaiting(t *testing.T) {
	t.Parallel()
	s := hub(t, nil)
	gate, inside := make(chan struct{}), make(chan struct{}, 1)
	serving(t, ServerOptions{Endpoint: at(s), Watch: WatchOptions{Off: true}, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inside <- struct{}{}
		<-gate
		done(w, r)
	})})
	way := newWay(t, s.Addr().String())
	l := line(t, LineOptions{Endpoint: Endpoint{Servers: []string{"nats://" + way.addr()}}})
	moved := make(chan struct{}, 8)
	l.OnMoved(func() { moved <- struct{}{} })
	result := make(chan nhsa.Outcome, 1)
	c := client(t, l, 15*time.Second)
	go func() {
		o, err := c.Ask(context.Background(), nhsa.Call{Message: booking(), Operator: operator, SignNo: "N1", InsuredArea: "430100"})
		if err != nil {
			t.Error(err)
		}
		result <- o
	}()
	<-inside
	way.cut()
	nc, err := l.conn()
	if err != nil {
		t.Fatal(err)
	}
	until(t, 5*time.Second, "the line is down", func() bool { return !nc.IsConnected() })
	close(gate)
	until(t, 5*time.Second, "the centre has answered", func() bool { return inStream(t, s) == 0 })
	way.mend()
	if o := <-result; !o.Done() {
		t.Errorf("%+v", o)
	}
	<-moved // and the feed is told to look what it missed
}

// TestSilence: a line on which nothing passes any more, and nobody is told, makes one message unknown; those after it are
// not sent, since the centre does not say that it is there. When things pass again, so do messages.
func TestSilence(t *testing.T) {
	t.Parallel()
	s := hub(t, nil)
	serving(t, ServerOptions{Endpoint: at(s), Handler: done, Watch: WatchOptions{Off: true}})
	way := newWay(t, s.Addr().String())
	l := line(t, LineOptions{Endpoint: Endpoint{Servers: []string{"nats://" + way.addr()}}, Presence: 5 * time.Second})
	c := client(t, l, 600*time.Millisecond)
	until(t, 10*time.Second, "messages pass", func() bool { return send(t, c, booking(), "N1").Done() })
	way.hush()
	if got := send(t, c, booking(), "N1"); got.Result != nhsa.Unknown {
		t.Errorf("the first: %v, %v", got.Result, got.Err)
	}
	l.mu.Lock()
	l.heard = time.Time{} // the centre has been silent for long
	l.mu.Unlock()
	if got := send(t, c, booking(), "N1"); got.Result != nhsa.NotSent {
		t.Errorf("the next: %v, %v", got.Result, got.Err)
	}
	way.speak()
	until(t, 20*time.Second, "messages pass again", func() bool { return send(t, c, booking(), "N1").Done() })
}
