package simulate

import (
	"context"
	"io"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gongji/settle"
	"gongji/settle/ledger"
	"gongji/sync/centre"
)

// makeBlank makes an empty ledger with its key.
func makeBlank() (string, error) {
	dir, err := os.MkdirTemp("", "gongji-simulate-blank-")
	if err != nil {
		return "", err
	}
	l, err := ledger.Open(context.Background(), ledger.Options{
		Dir: dir, Venue: settle.Venue{Code: "P43010000000", Name: "空账本", Kind: settle.VenuePharmacy, Area: area}, Registerer: prometheus.NewRegistry(),
		RulesFor: func(settle.Date) (*settle.Rules, error) { return settle.DefaultRules(), nil },
		// Before any world begins: the ledger's clock only rises.
		Clock: func() time.Time { return begins.AddDate(-1, 0, 0) }, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		return "", err
	}
	return dir, l.Close()
}

// Clean removes what every world of this process started from.
func Clean() {
	if blank.dir != "" {
		_ = os.RemoveAll(blank.dir) // scratch
	}
}

// look holds the world against the model now and again, at moments when everybody waits.
func (w *world) look(over <-chan struct{}) {
	d := throw(w.seed, "look")
	for {
		timer := time.NewTimer(d.between(w.span(time.Minute), w.span(15*time.Minute)))
		select {
		case <-over:
			timer.Stop()
			return
		case <-timer.C:
			w.compare(false)
		}
	}
}

// compare holds book, balances and what every venue offers against the model; at the end of every sale.
func (w *world) compare(atEnd bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.model.read(w.book(), w.balances())
	w.adjustments(atEnd)
	for _, v := range w.venues {
		v.offers()
	}
}

// offers holds what a venue offers of every account against the truth. A venue of which a till does not know what became
// of its request is left out: the model does not know either.
func (v *venue) offers() {
	d := v.daemon()
	v.mu.Lock()
	unclear := v.open > 0
	v.mu.Unlock()
	if d == nil || unclear {
		return
	}
	ctx := context.Background()
	totals, err := d.ledger.OutboxTotals(ctx)
	if err != nil {
		v.world.model.wrong("%s: %v", v.code, err)
		return
	}
	quiet := totals.Unsent == 0
	for _, m := range v.world.people {
		views, err := d.ledger.Accounts(ctx, d.ledger.PersonID(m.psn))
		if settle.CodeOf(err) == settle.PersonUnknown {
			continue
		}
		if err != nil {
			v.world.model.wrong("%s: %v", v.code, err)
		}
		for i := range views {
			who := d.persons[views[i].Person]
			v.mu.Lock()
			told, known := v.heard[who]
			v.mu.Unlock()
			if known {
				v.world.model.offers(v.code, who, told, fen(views[i].Available), quiet)
			}
		}
	}
}

func (w *world) balances() purse {
	all := purse{}
	c, _ := w.office.now()
	for who, balance := range c.Balances() {
		all[who] = fen(balance)
	}
	return all
}

// book is the centre's book in the model's words.
func (w *world) book() []booked {
	tags := map[string]string{} // by setl_id
	var rows []booked
	c, _ := w.office.now()
	for _, r := range c.Book() {
		if len(r.Lines) > 0 {
			tags[r.SetlID] = r.Lines[0].ShopCode
		}
		tag := tags[r.SetlID]
		if r.Cancels != "" {
			tag = tags[r.Cancels]
		}
		rows = append(rows, booked{tag: tag, msgid: r.MsgID, setl: r.SetlID, cancels: r.Cancels, venue: r.Venue, at: r.At,
			figures: plain(r.Figures), pays: paid(r.Pays), undone: r.Undone})
	}
	return rows
}

func paid(pays []centre.Pay) purse {
	sum := purse{}
	for _, p := range pays {
		sum.add(purse{p.PsnNo: fen(p.Amount)}, 1)
	}
	return sum
}

// longest is how long the end may take: what was sent while a clock was ahead is not looked up before that time has come.
const longest = 72 * time.Hour

// drain sets everything right and waits until every report is answered.
func (w *world) drain() {
	for _, v := range w.venues {
		v.wrong.Store(0)
	}
	for range int(longest / time.Minute) {
		time.Sleep(time.Minute + 1)
		open := 0
		for _, v := range w.venues {
			d := v.daemon()
			if d == nil {
				open++
				continue
			}
			totals, err := d.ledger.OutboxTotals(context.Background())
			if err != nil {
				w.broken("%s: %v", v.code, err)
			}
			open += totals.Unsent
		}
		if open == 0 {
			return
		}
	}
}

// settleUp is the end: every venue hears the last word, reconciles every day and verifies its ledger, and the model
// closes its books.
func (w *world) settleUp() {
	w.couriers.Wait()
	for _, v := range w.venues {
		v.finish()
	}
	w.compare(true)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.model.close()
	for _, v := range w.venues {
		w.model.refused(v.code, v.waiting, w.windowEnds(v))
	}
	for _, tag := range w.refused {
		w.model.must(len(w.model.standing(tag)) == 0, ruleRefused, "%s is booked", tag)
	}
}

// windowEnds is how many bindings of people who have died a venue may have to tell a person about: where the centre takes no
// requests over the line, the family goes to its window.
func (w *world) windowEnds(v *venue) (most int) {
	if !v.plain {
		return 0
	}
	for _, b := range snapshot(begins, w.families).Bindings {
		if w.model.dead[b.Giver] || w.model.dead[b.Beneficiary] {
			most++
		}
	}
	return most
}

// adjustments tells the model what the shops were told since of all sales, or of those that the centre booked otherwise.
func (w *world) adjustments(all bool) {
	for _, s := range w.model.sales {
		if !all && !w.model.differs(s) {
			continue
		}
		i := slices.IndexFunc(w.venues, func(v *venue) bool { return v.code == s.venue })
		if d := w.venues[i].daemon(); d != nil {
			w.model.adjust(s, d.adjustments(w, s.id))
		}
	}
}

// adjustments is what the shop knows of a settlement's split.
func (d *daemon) adjustments(w *world, id string) (list []adjustment) {
	settled, err := d.ledger.Settlement(context.Background(), id)
	if err != nil {
		w.model.wrong("settlement %s: %v", id, err)
	}
	for i := range settled.Adjustments {
		a := &settled.Adjustments[i]
		list = append(list, adjustment{plain(a.Before), plain(a.After), d.pays(a.Postings), a.Transit})
	}
	return list
}

// finish is a venue's last evening.
func (v *venue) finish() {
	w, ctx, d := v.world, context.Background(), v.daemon()
	check := func(ok bool, what, format string, args ...any) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.model.must(ok, what, format, args...)
	}
	if d == nil {
		w.broken("%s does not serve at the end", v.code)
		return
	}
	totals, err := d.ledger.OutboxTotals(ctx)
	check(err == nil && totals.Unsent == 0, ruleDrained, "%s: %+v, %v", v.code, totals, err)
	_, err = d.feed.Pull(ctx)
	check(err == nil, ruleDrained, "%s: pull: %v", v.code, err)
	v.waiting, err = d.waiting(ctx)
	check(err == nil, ruleShownUp, "%s: %v", v.code, err)
	for day := settle.DateOf(begins); day <= settle.DateOf(time.Now()); day = day.AddDays(1) {
		report, err := d.runner.Day(ctx, day)
		check(err == nil && report.Balanced(), ruleReconciled, "%s: %s: %d differences, %d unknown, %v", v.code, day, len(report.Differences), report.Unknown, err)
	}
	verified, err := d.ledger.Verify(ctx, nil)
	check(err == nil && verified.OK(), ruleVerified, "%s: %v, %v", v.code, verified.Findings, err)
	w.mu.Lock()
	w.total.Records += verified.Records
	w.mu.Unlock()
}

// waiting is how many refused reports, of whatever kind, wait for a person at the venue.
func (d *daemon) waiting(ctx context.Context) (n int, err error) {
	items, err := d.ledger.AttentionList(ctx, 1000)
	for i := range items {
		if items[i].Kind == ledger.AttentionRefused {
			n++
		}
	}
	return n, err
}

// reconcile asks for the day while it goes on, whatever the line makes of it.
func (v *venue) reconcile() {
	d := v.daemon()
	if d == nil {
		return
	}
	report, err := d.runner.Day(context.Background(), settle.DateOf(v.now()))
	v.note("reconciles: %s, %d unknown, %d differences", outcome(err), report.Unknown, len(report.Differences))
}
