package centre

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"gongji/settle"
	"gongji/sync/nhsa"
)

// work is the book as the messages see it: all of it, in a centre that keeps it in memory, or what one transaction on a
// Store has looked at. It is for one goroutine at a time.
type work struct {
	options *Options
	journal *Journal // nil: none
	ctx     context.Context
	tx      Tx    // nil: all is in memory
	store   Store // nil with tx

	last   time.Time // of the newest answer or snapshot; on a Store, of the venue's
	serial int64     // of references, setl_ids, mdtrt_ids and snapshots, in memory
	change uint64    // counts changes for the delta's cursor, in memory
	noted  map[Change]uint64

	people   *drawer[*person]
	cards    *drawer[string] // card number → person
	accounts *drawer[*account]
	bindings *drawer[*binding]
	rows     *drawer[*Row]
	used     *drawer[bool] // msgids that changed the book
	signIns  *drawer[signIn]
	requests *drawer[*request] // G103 by venue and request id
	premiums *drawer[*premium] // G104 by venue and premium id
	visits   *drawer[*visit]   // 2201 by mdtrt_id
	traces   *drawer[string]   // trace codes that were sold, with venue and receipt
	mapped   *drawer[string]   // venue and shop code → national code
	claims   *drawer[bool]     // venue, month and clearing type that were claimed
	files    *drawer[file]     // uploaded and result files, until they end
	contents *drawer[content]
	spent    *drawer[time.Time] // e-vouchers that were used, with the end of their life
	grants   *drawer[*grant]    // by venue and person number
	seen     *drawer[time.Time] // venue and person number
	clocks   *drawer[time.Time] // the newest answer to each venue, on a Store

	order   []grant // by release; those that were renewed since are skipped. In memory
	venue   string  // that sent the message under way
	phantom bool    // the message under way answers and books nothing
	busy    bool    // the message under way has every other row refused
	assumed bool    // the msgid under way was taken for new without asking the Store
	tally   tally   // what was done since it was last taken
	broken  error   // the journal could not be written: nothing more is booked
}

func column(name string) Column { return Column{Name: name} }
func secret(name string) Column { return Column{Name: name, Secret: true} }

// The tables of a centre. A Store has one for each.
var (
	tablePerson  = &Table{Name: "person", Secret: true, Columns: []Column{secret("certno")}}
	tableCard    = &Table{Name: "card", Secret: true}
	tableAccount = &Table{Name: "account", Secret: true}
	tableBinding = &Table{Name: "binding", Columns: []Column{secret("giver"), secret("beneficiary")}}
	tableRow     = &Table{Name: "booking", Columns: []Column{column("msgid"), column("mdtrt_id"), secret("person_year"), column("venue_day")},
		Sums: []string{"total", "fund", "own", "shared", "cash"}}
	tableMessage = &Table{Name: "message", Secret: true, Once: true} // no identities: hashed, neighbours in time do not meet on one page
	tableSignIn  = &Table{Name: "sign_in"}
	tableRequest = &Table{Name: "request"}
	tablePremium = &Table{Name: "premium", Columns: []Column{secret("beneficiary")}}
	tableVisit   = &Table{Name: "visit", Columns: []Column{column("venue_no"), secret("person")}}
	tableTrace   = &Table{Name: "trace"}
	tableMapped  = &Table{Name: "mapped"}
	tableClaim   = &Table{Name: "claim"}
	tableFile    = &Table{Name: "file", Columns: []Column{column("venue")}}
	tableContent = &Table{Name: "content"}
	tableSpent   = &Table{Name: "spent", Secret: true}
	tableGrant   = &Table{Name: "allowance", Secret: true, Columns: []Column{secret("account"), column("release")}}
	tableSeen    = &Table{Name: "seen", Secret: true}
	tableClock   = &Table{Name: "venue"}
)

// Tables lists what a Store must have.
func Tables() []*Table {
	var tables []*Table
	for _, s := range newWork(&Options{}).shelves() {
		tables = append(tables, s.spec())
	}
	return tables
}

// newWork is an empty book in memory.
func newWork(options *Options) *work {
	w := &work{
		options: options, ctx: context.Background(), noted: map[Change]uint64{},
		people:   newDrawer(tablePerson, func(_ string, p *person) []string { return []string{p.IDNumber} }),
		cards:    newDrawer[string](tableCard, nil),
		accounts: newDrawer[*account](tableAccount, nil),
		bindings: newDrawer(tableBinding, func(_ string, b *binding) []string { return []string{b.Giver, b.Beneficiary} }),
		rows: newDrawer(tableRow, func(_ string, row *Row) []string {
			day := settle.DateOf(row.At)
			return []string{row.MsgID, row.MdtrtID, personYear(row.PsnNo, day), venueDay(row.Venue, day)}
		}),
		used: newDrawer[bool](tableMessage, nil), signIns: newDrawer[signIn](tableSignIn, nil), requests: newDrawer[*request](tableRequest, nil),
		premiums: newDrawer(tablePremium, func(_ string, p *premium) []string { return []string{p.Beneficiary} }),
		visits:   newDrawer(tableVisit, func(_ string, v *visit) []string { return []string{v.Venue + "/" + v.VisitNo, v.PsnNo} }),
		traces:   newDrawer[string](tableTrace, nil), mapped: newDrawer[string](tableMapped, nil), claims: newDrawer[bool](tableClaim, nil),
		files:    newDrawer(tableFile, func(_ string, f file) []string { return []string{f.Venue} }),
		contents: newDrawer[content](tableContent, nil), spent: newDrawer[time.Time](tableSpent, nil),
		grants: newDrawer(tableGrant, func(_ string, g *grant) []string { return []string{g.PsnNo, releaseAt(g.Release)} }),
		seen:   newDrawer[time.Time](tableSeen, nil), clocks: newDrawer[time.Time](tableClock, nil),
	}
	w.rows.sums = func(row *Row) []settle.Fen {
		f := row.Figures
		if row.Undone {
			f = settle.Figures{}
		}
		return []settle.Fen{f.Total, f.Fund, f.Own, f.Shared, f.Cash}
	}
	w.files.ends = func(f file) time.Time { return f.Until }
	w.contents.ends = func(c content) time.Time { return c.Until }
	w.spent.ends = func(until time.Time) time.Time { return until }
	w.signIns.ends = func(s signIn) time.Time { return s.At.Add(options.SignInLife) }
	return w
}

func (w *work) shelves() []shelf {
	return []shelf{
		w.people, w.cards, w.accounts, w.bindings, w.rows, w.used, w.signIns, w.requests, w.premiums, w.visits, w.traces, w.mapped, w.claims,
		w.files, w.contents, w.spent, w.grants, w.seen, w.clocks,
	}
}

// newTxWork is an empty work of a transaction: its drawers ask the store.
func newTxWork(ctx context.Context, options *Options, store Store, tx Tx) *work {
	w := newWork(options)
	w.ctx, w.store, w.tx = ctx, store, tx
	for _, s := range w.shelves() {
		s.empty(w)
	}
	return w
}

func personYear(psn string, day settle.Date) string { return psn + "/" + strconv.Itoa(day.Year()) }
func venueDay(venue string, day settle.Date) string { return fmt.Sprintf("%s/%08d", venue, int(day)) }
func releaseAt(at time.Time) string                 { return fmt.Sprintf("%015d", at.UnixMilli()) }

// ask is what a drawer wants from the store.
type ask struct {
	from   shelf
	column string
	values []string
}

// storeFault carries a failed read of the store out of the logic, which knows no such thing, to transact.
type storeFault struct{ err error }

// fetch asks the store for everything that was not asked for yet, in one go. In memory there is nothing to ask.
func (w *work) fetch(asks ...ask) {
	if w.tx == nil {
		return
	}
	var queries []Query
	var open []ask
	for _, a := range asks {
		if a.values = a.from.unasked(a.column, a.values); len(a.values) > 0 {
			open = append(open, a)
			queries = append(queries, Query{Table: a.from.spec(), Column: a.column, Values: a.values})
		}
	}
	if len(queries) == 0 {
		return
	}
	answers, err := w.tx.Read(w.ctx, queries...)
	for i := 0; err == nil && i < len(open); i++ {
		err = open[i].from.take(answers[i], open[i].column, open[i].values)
	}
	if err != nil {
		panic(storeFault{err})
	}
}

// fetchSeed asks for what a seed names.
func (w *work) fetchSeed(s *settle.Snapshot) {
	var people, ids []string
	for _, p := range s.People {
		people = append(people, p.PsnNo)
	}
	for _, a := range s.Accounts {
		people = append(people, a.PsnNo)
	}
	for _, b := range s.Bindings {
		people, ids = append(people, b.Giver, b.Beneficiary), append(ids, b.ID)
	}
	w.fetch(ask{w.people, "", people}, ask{w.bindings, "", ids})
}

// load asks for a range, which is not remembered as asked.
func (w *work) load(from shelf, q Query) {
	answers, err := w.tx.Read(w.ctx, q)
	if err == nil {
		err = from.take(answers[0], "", nil)
	}
	if err != nil {
		panic(storeFault{err})
	}
}

// flush writes what changed.
func (w *work) flush() error {
	var all Writes
	for _, s := range w.shelves() {
		if err := s.writes(&all); err != nil {
			return err
		}
	}
	for change := range w.noted {
		all.Changes = append(all.Changes, change)
	}
	slices.SortFunc(all.Changes, func(a, b Change) int { return compareChanges(a, b) })
	if len(all.Puts)+len(all.Drops)+len(all.Changes) == 0 {
		return nil
	}
	return w.tx.Write(w.ctx, all)
}

// tick is the time of an answer or snapshot: in milliseconds, and later than every one before. On a Store it is later than
// every one that the same venue was told, which is all that a venue can compare: its messages come one after the other
// because each moves the venue's clock.
func (w *work) tick() time.Time {
	now := w.options.Clock().Truncate(time.Millisecond)
	if !now.After(w.last) {
		now = w.last.Add(time.Millisecond)
	}
	w.last = now
	return now
}

func (w *work) nextSerial() int64 {
	if w.store == nil {
		w.serial++
		return w.serial
	}
	serial, err := w.store.Serial(w.ctx)
	if err != nil {
		panic(storeFault{err})
	}
	return serial
}

// begin is the start of a venue's message: what nearly every message needs is asked for at once.
func (w *work) begin(r *nhsa.Request) {
	w.venue = r.Venue
	if w.tx == nil {
		return
	}
	w.fetch(ask{w.clocks, "", []string{r.Venue}}, ask{w.signIns, "", []string{r.Venue + "/" + r.Operator}})
	w.last = w.clocks.at(r.Venue)
}

// repeated reports whether a msgid has changed the book before. A Store is not asked at first: reading where everybody
// writes would make transactions start again that have nothing to do with each other. A msgid is put once, so a copy that
// changes the book starts again and is asked about then; one that changes nothing is asked about by proveNew.
func (w *work) repeated(msgid string) bool {
	if w.tx != nil && !w.tx.Twice() {
		w.assumed = true
		return false
	}
	return w.used.has(msgid)
}

// proveNew makes good what repeated assumed, for a message that has not put its msgid.
func (w *work) proveNew(msgid string) error {
	if _, put := w.used.rows[msgid]; w.assumed && !put && w.used.has(msgid) {
		return errRepeated
	}
	return nil
}

// finish keeps the venue's clock.
func (w *work) finish() {
	if w.tx != nil && w.venue != "" {
		w.clocks.put(w.venue, w.last)
	}
}

// fetchFamily asks for what a settlement of a patient looks at: the patient's people, money and bindings, and then the
// same of those who give. It changes nothing but the number of questions.
func (w *work) fetchFamily(psn string, asks ...ask) {
	if w.tx == nil {
		return
	}
	w.fetch(append(asks, ask{w.bindings, "giver", []string{psn}}, ask{w.bindings, "beneficiary", []string{psn}},
		ask{w.people, "", []string{psn}}, ask{w.accounts, "", []string{psn}}, ask{w.grants, "account", []string{psn}})...)
	members := []string{}
	for _, b := range w.bound(psn) {
		members = append(members, b.Giver, b.Beneficiary)
	}
	w.fetchMembers(members)
}

// fetchMembers asks for people with their accounts, what is set aside of them, and whom they give to.
func (w *work) fetchMembers(members []string) {
	if w.tx == nil || len(members) == 0 {
		return
	}
	w.fetch(ask{w.people, "", members}, ask{w.accounts, "", members}, ask{w.grants, "account", members}, ask{w.bindings, "giver", members})
}
