package simulate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gongji/cardreader"
	"gongji/daemon/session/sessiontest"
	"gongji/settle"
	"gongji/sync/centre"
	"gongji/sync/nhsa"
)

// Config is the size of a world.
type Config struct {
	Venues   int // shops; default 3
	Tills    int // of a shop; default 2
	Families int // of four people; default 2
	Steps    int // what a till does; default 8
	// Busy worlds are for numbers: a till's customers come a few seconds apart, accounts are paid into now and then, and it is
	// hours of business between two kills. There is as much of every fault as in others, on more settlements.
	Busy    bool
	Without []string     // kinds that there are none of, of [Kinds]
	Dir     string       // where the ledgers live while the world runs; default the system's temporary folder
	Log     *slog.Logger // of the daemons; nil: none
	harm    harm         // what a test breaks on purpose
	shake   func()       // holds a goroutine up for some real time, or makes it give way: the scheduler's part; nil: nothing does
}

func (c *Config) defaults() {
	for _, d := range []struct {
		value    *int
		fallback int
	}{{&c.Venues, 3}, {&c.Tills, 2}, {&c.Families, 2}, {&c.Steps, 8}} {
		if *d.value <= 0 {
			*d.value = d.fallback
		}
	}
}

// Result is what came of a world.
type Result struct {
	Seed     uint64
	Hash     string   // of the log
	Log      []string // events in the order of fake time
	Findings []string // what did not hold; empty: everything did
	Totals
}

// world is everything under one seed.
type world struct {
	Config
	seed     uint64
	dir      string
	rules    *settle.Rules
	offline  settle.OfflineLimits
	people   []*member
	families [][]member
	office   *office
	venues   []*venue
	journal  *journal
	log      *slog.Logger
	mended   atomic.Bool // nothing goes wrong any more
	couriers sync.WaitGroup

	mu      sync.Mutex
	model   *model
	cards   map[string]bool // in some reader, by person number
	refused []string        // tags
	total   Totals
}

// Run runs one world in a bubble of its own and returns what came of it. The test fails only where a world could not be
// made; what did not hold is in the result.
func Run(t *testing.T, seed uint64, c Config) Result {
	t.Helper()
	c.defaults()
	dir, err := os.MkdirTemp(c.Dir, "gongji-simulate-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // scratch
	w := &world{
		Config: c, seed: seed, dir: dir, log: c.Log, cards: map[string]bool{}, total: newTotals(),
		rules: settle.DefaultRules(), journal: &journal{},
		offline: settle.OfflineLimits{Allowed: true, Shared: true, MaxAge: 24 * time.Hour, MaxSale: settle.CapOf(50000),
			MaxPersonTotal: settle.CapOf(60000), MaxTotal: settle.CapOf(200000), MaxCount: 50},
	}
	if err := template(); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) { w.live(t) })
	return w.result()
}

func (w *world) result() Result {
	r := Result{Seed: w.seed, Log: w.journal.sorted(), Findings: w.model.findings, Totals: w.total}
	r.Hash, r.Checked = hash(r.Log), w.model.checked
	r.Short, r.AtRisk = settle.Fen(w.model.shortRace), settle.Fen(w.model.shortRisk)
	r.Worlds = 1
	return r
}

// begins is when every world begins: a bubble's clock stands in the year 2000, when no card of today was valid.
var begins = time.Date(2026, 3, 10, 8, 0, 0, 0, settle.Beijing)

// live is the world's life.
func (w *world) live(t *testing.T) {
	time.Sleep(time.Until(begins))
	w.journal.began = time.Now()
	if err := w.make(); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	var keepers, tills sync.WaitGroup
	for _, v := range w.venues {
		if err := v.start(); err != nil {
			t.Fatal(err)
		}
		keepers.Go(func() { v.keep(over) })
		for _, till := range v.tills {
			tills.Go(func() { till.work(w.Steps) })
		}
	}
	looking := make(chan struct{})
	keepers.Go(func() { w.look(looking) })
	keepers.Go(func() { w.tellCentre(looking) })
	if w.has(KindRestarts) {
		keepers.Go(func() { w.office.attend(looking) })
	}
	tills.Wait()
	time.Sleep(time.Nanosecond) // what the last till caused at this instant still meets its faults
	w.mended.Store(true)
	close(looking)
	w.drain()
	close(over)
	keepers.Wait()
	w.settleUp()
	for _, v := range w.venues {
		if d := v.daemon(); d != nil {
			if err := d.end(); err != nil {
				w.broken("%s: %v", v.code, err)
			}
		}
	}
	w.couriers.Wait()
	if err := w.office.close(); err != nil {
		w.broken("%v", err)
	}
}

// make makes centre, families and venues.
func (w *world) make() error {
	d := throw(w.seed, "world")
	w.rules.Refund.Mode = one(d, []settle.RefundMode{settle.RefundCancelResettle, settle.RefundLineOrigin, settle.RefundProportional})
	w.model = newModel(purse{})
	for n := range w.Families {
		w.families = append(w.families, family(d, n))
		for i := range w.families[n] {
			m := &w.families[n][i]
			w.people = append(w.people, m)
			if m.balance > 0 {
				w.model.opening[m.psn] = fen(m.balance)
			}
		}
	}
	w.office = &office{world: w, dir: filepath.Join(w.dir, "centre"), options: w.centreOptions()}
	if err := w.office.open(); err != nil {
		return err
	}
	if err := w.office.centre.Seed(snapshot(time.Now(), w.families)); err != nil {
		return err
	}
	for n := range w.Venues {
		v := &venue{
			world: w, code: fmt.Sprintf("P4301%07d", n+1), killed: make(chan struct{}, 1), dealtTo: map[string]int{}, heard: map[string]word{},
			barred: map[string]bar{},
		}
		v.plain = w.has(KindPlain) && n == w.Venues-1 && throw(w.seed, "plain").hit(50)
		v.own = w.has(KindOwn) && n == 0 && throw(w.seed, "own").hit(50)
		v.dice, v.dir = throw(w.seed, "venue", v.code), filepath.Join(w.dir, v.code)
		if err := copyDir(blank.dir, v.dir); err != nil {
			return err
		}
		for n := range w.Tills {
			name := fmt.Sprintf("T%d", n+1)
			v.tills = append(v.tills, &till{venue: v, name: name, dice: throw(w.seed, "till", v.code, name),
				reader: sessiontest.NewReader(name, name, cardreader.RoleCard), scanner: sessiontest.NewReader(name+"-scanner", name, cardreader.RoleScanner)})
		}
		v.plan(w.day())
		w.venues = append(w.venues, v)
	}
	return nil
}

// centreOptions are the centre's. Sign-ins run out within the day of a world, and so do some centres' allowances.
func (w *world) centreOptions() centre.Options {
	d := throw(w.seed, "centre")
	return centre.Options{Area: area, Clock: time.Now, SignInLife: time.Hour, Allowances: centre.Allowances{
		Percent: one(d, []int{0, 20, 40, 60}), Life: one(d, []time.Duration{40 * time.Minute, 3 * time.Hour, 24 * time.Hour}),
	}}
}

// pause is how long a till has no customer: from, to.
func (w *world) pause() (least, most time.Duration) {
	if w.Busy {
		if w.has(KindRush) {
			return 200 * time.Millisecond, 6 * time.Second
		}
		return time.Second, 30 * time.Second
	}
	return 5 * time.Second, 6 * time.Minute
}

// span is how long something takes that takes so long on an ordinary day. In a rush a customer takes two fifths of the time, and
// so do outages, kills and looks: there is as much of each on a settlement. What the daemons do by the clock, such as asking
// again, there is less of.
func (w *world) span(ordinary time.Duration) time.Duration {
	if w.Busy && w.has(KindRush) {
		return ordinary * 2 / 5
	}
	return ordinary
}

// outage is how long a line is down at most.
func (w *world) outage() time.Duration {
	if w.Busy {
		return w.span(5 * time.Minute)
	}
	return 30 * time.Minute
}

// tornIn1000 is how many of a thousand places around a write the daemon does not survive.
func (w *world) tornIn1000() int {
	if w.Busy {
		return 1
	}
	return 10
}

// centreRuns is how long the centre runs at most until it is killed.
func (w *world) centreRuns() time.Duration {
	if w.Busy {
		return w.span(6 * time.Hour)
	}
	return 40 * time.Minute
}

// day is how long the tills' work takes at most, but for what they wait.
func (w *world) day() time.Duration {
	_, most := w.pause()
	return time.Duration(w.Steps) * most
}

// fault counts a fault and returns its name.
func (w *world) fault(kind string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.total.Faults[kind]++
	return kind
}

// broken keeps a failure of the simulated shops that is none of the model's.
func (w *world) broken(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.model.wrong(format, args...)
}

// sway is where a test may hold goroutines up.
func (w *world) sway() {
	if w.shake != nil {
		w.shake()
	}
}

// harm is a world that is broken on purpose, to see that it is found. Its functions are nil where nothing is.
type harm struct {
	// message stands before the centre's door; pass is the door.
	message func(infno string, body []byte, pass func(body []byte) answer) answer
	// disk does something to a data directory between two runs of a daemon.
	disk func(dir string) error
}

// enter is the door, behind whatever a test has put before it.
func (w *world) enter(v *venue, infno string, body []byte) answer {
	if w.harm.message == nil {
		return w.door(v, infno, body)
	}
	return w.harm.message(infno, body, func(body []byte) answer { return w.door(v, infno, body) })
}

// door is where messages enter the centre, one at a time. What the centre undid and when is noted here. An answer without a
// status is none: nobody was there, or the centre died of the message.
func (w *world) door(v *venue, infno string, body []byte) answer {
	o := w.office
	o.passing.Lock()
	defer o.passing.Unlock()
	if o.closed() {
		v.note("%s at the centre: %s", infno, w.fault(faultCentreAway))
		return answer{}
	}
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://centre/", bytes.NewReader(body))
	if err != nil {
		w.broken("a message does not fit HTTP: %v", err)
		return answer{status: http.StatusBadRequest}
	}
	accident := o.draw(v.code, infno)
	p := &page{header: http.Header{}, answer: answer{status: http.StatusOK, run: o.runs}}
	o.handler.ServeHTTP(p, request)
	died := o.befall(accident)
	text := "no answer"
	if got, err := nhsa.DecodeAnswer(p.body); err == nil {
		text = strings.TrimSpace(fmt.Sprintf("%d %s", got.Code, reason(got.Text)))
		if infno == nhsa.InfnoReverse && got.Done() {
			w.undone(body, got.CentreTime, died)
		}
	}
	v.note("%s at the centre: %s", infno, text)
	if died {
		return answer{}
	}
	return p.answer
}

// reason is the code in front of a refusal.
func reason(text string) string {
	code, _, _ := strings.Cut(text, "]")
	return code
}

// undone notes what a 2601 undid; doubtful: its line in the journal may be torn.
func (w *world) undone(body []byte, at time.Time, doubtful bool) {
	var reverse nhsa.ReverseInput
	request, err := nhsa.DecodeRequest(body)
	if err == nil {
		err = json.Unmarshal(request.Input, &reverse)
	}
	if doubtful && err == nil && !w.office.undid(reverse.Data.Original) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.model.wrong("a 2601 that was done does not decode: %v", err)
		return
	}
	if _, before := w.model.undoneAt[reverse.Data.Original]; !before {
		w.model.undoneAt[reverse.Data.Original] = at
	}
}

// asks notes which settlement a message is to cancel, and of which a cancellation is to be undone: once a shop has asked for that
// and not heard, it cannot know whether money that comes back has come back before.
func (w *world) asks(infno string, body []byte) {
	if infno != nhsa.InfnoCancel && infno != nhsa.InfnoReverse {
		return
	}
	var cancel nhsa.CancelInput
	var reverse nhsa.ReverseInput
	request, err := nhsa.DecodeRequest(body)
	if err == nil && infno == nhsa.InfnoCancel {
		err = json.Unmarshal(request.Input, &cancel)
	} else if err == nil {
		err = json.Unmarshal(request.Input, &reverse)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch setl, known := w.model.ends[reverse.Data.Original]; {
	case err != nil:
		w.model.wrong("a %s does not decode: %v", infno, err)
	case infno == nhsa.InfnoCancel:
		w.model.ends[request.MsgID] = cancel.Data.SetlID
	case known:
		w.model.queried[setl] = true
	}
}

// settled and returned translate a till's answer for the model.
func (w *world) settled(v *venue, p *purchase, known map[string]bar, d *daemon, s *settle.Settlement, replayed bool) {
	tag, psn := p.tag, p.who.psn
	var lines settle.Fen
	for i := range s.Sale.Lines {
		lines += s.Sale.Lines[i].Total
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.model.must(lines == s.Figures.Total, ruleSums, "%s: the lines are %s, the bill %s", tag, lines, s.Figures.Total)
	v.note("is told of %s: offline %t, at risk %s, %v", tag, s.Offline, s.AtRisk, d.pays(s.Postings))
	if w.model.sales[tag] == nil {
		w.model.heeds(v.code, tag, psn, p.code, known, d.pays(s.Postings))
		w.total.Settlements++
		if p.code {
			w.total.Codes++
		}
		if v.plain {
			w.total.Plain++
		}
		if s.Offline {
			w.total.Offline++
		}
	}
	w.model.settled(sold{tag: tag, patient: psn, venue: v.code, id: s.ID, paid: plain(s.Figures), offline: s.Offline, atRisk: fen(s.AtRisk), replayed: replayed}, d.pays(s.Postings))
}

func (w *world) returned(tag string, d *daemon, back *settle.Return) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.total.Returns++
	w.model.returned(tag, plain(back.Figures), d.pays(back.Postings), back.Whole, d.adjustments(w, back.Settlement))
}

func plain(f settle.Figures) figures {
	return figures{fen(f.Total), fen(f.Fund), fen(f.Own), fen(f.Shared), fen(f.Cash)}
}

// pays are postings by person number.
func (d *daemon) pays(postings []settle.Posting) purse {
	sum := purse{}
	for i := range postings {
		sum.add(purse{d.persons[postings[i].Person]: fen(postings[i].Amount)}, 1)
	}
	return sum
}

// blank is an empty ledger that every venue starts from, made once: migrating one takes longer than a venue's day.
var blank struct {
	once sync.Once
	dir  string
	err  error
}

func template() error {
	blank.once.Do(func() { blank.dir, blank.err = makeBlank() })
	return blank.err
}
