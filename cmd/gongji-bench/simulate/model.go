package simulate

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// The model is the world's money in plain maps. It knows the opening balances, what the tills were told, what the
// centre's book says and when the centre undid something; it knows nothing of how the ledger works.

// fen is money.
type fen = int64

// purse is money by person number.
type purse map[string]fen

func (p purse) add(of purse, sign fen) {
	for who, amount := range of {
		if p[who] += sign * amount; p[who] == 0 {
			delete(p, who)
		}
	}
}

func (p purse) sum() (all fen) {
	for _, amount := range p {
		all += amount
	}
	return all
}

// figures are who pays a bill.
type figures struct{ total, fund, own, shared, cash fen }

func (f figures) minus(g figures) figures {
	return figures{f.total - g.total, f.fund - g.fund, f.own - g.own, f.shared - g.shared, f.cash - g.cash}
}

func (f figures) adds() bool { return f.fund+f.own+f.shared+f.cash == f.total }

// sold is a sale that a till was told is settled, with what was given back since.
type sold struct {
	tag, venue string
	patient    string
	id         string // the settlement's
	paid       figures
	stages     []purse // who has paid what after the sale and after each return
	kept       figures
	offline    bool
	atRisk     fen  // when it was settled
	replayed   bool // the first answer was lost, and a later one says what is still at risk, not what was
	short      fen  // of it the centre booked so much less
	wasShort   bool // the centre booked less than the shop had, at any time
	returns    int
	adjusted   int // adjustments that were taken
}

// adjustment is a change of a sale's split that the shop was told of.
type adjustment struct {
	before, after figures
	pays          purse
	transit       bool // the goods were back already: nothing that stands changes
}

// booked is a row of the centre's book.
type booked struct {
	tag, msgid, setl, cancels, venue string
	at                               time.Time
	figures                          figures
	pays                             purse
	undone                           bool
}

// word is the last thing a venue heard of an account.
type word struct {
	told    time.Time // when the centre said it; what was said later counts
	at      time.Time // centre time through which the venue's bookings are in it
	balance fen
	held    fen // frozen, or set aside for others
}

// model is what must hold. It is used by one goroutine at a time.
type model struct {
	opening  purse
	sales    map[string]*sold   // by tag
	near     map[string][]*sold // by venue and family
	blocked  map[string]bool    // whose card is lost, or who is dead, as the centre was told
	dead     map[string]bool    // of them
	undoneAt map[string]time.Time
	ends     map[string]string // setl_ids by the msgids of messages that are to cancel them
	queried  map[string]bool   // setl_ids of which a venue asked to undo a cancellation that it had no answer to
	rows     []booked
	of       map[string][]*booked // rows by tag
	cancels  map[string]bool      // setl_ids that a row which counts cancels
	checked  map[string]int
	findings []string

	unbooked map[string]int // sales by venue that the centre refused since the card was lost or the patient dead

	shortRisk, shortRace fen // that the centre booked less than the shop: at risk, and online by a race
}

func newModel(opening purse) *model {
	return &model{opening: opening, sales: map[string]*sold{}, near: map[string][]*sold{}, undoneAt: map[string]time.Time{},
		ends: map[string]string{}, queried: map[string]bool{}, blocked: map[string]bool{}, dead: map[string]bool{}, unbooked: map[string]int{}, checked: map[string]int{}}
}

func (m *model) wrong(format string, args ...any) {
	if len(m.findings) < 6 {
		m.findings = append(m.findings, fmt.Sprintf(format, args...))
	}
}

// must counts a check and keeps what fails.
func (m *model) must(ok bool, what, format string, args ...any) {
	m.checked[what]++
	if !ok {
		m.wrong(what+": "+format, args...)
	}
}

// The invariants, as they are reported.
const (
	ruleSums       = "postings, cash and fund sum to the bill"
	ruleRepeat     = "the same id gets the same answer"
	ruleOnce       = "each settled sale is at the centre exactly once, a reversed one not at all"
	ruleNoOther    = "nothing is at the centre that no till was told of"
	ruleConserved  = "opening balance less bookings is the centre's balance"
	ruleNotBelow   = "no account is below zero at the centre"
	ruleCovered    = "a sale covered by allowances is booked in full"
	ruleKept       = "what a return leaves of a sale is booked in full again"
	ruleNamed      = "the centre debits no account that the shop has not debited"
	ruleShown      = "what the centre booked otherwise is shown as adjusted"
	ruleNeverMore  = "what a venue offers is never more than the truth allows"
	ruleEqual      = "what a venue offers equals the truth once everything is acknowledged"
	ruleDrained    = "every report is answered when the line is whole"
	ruleReconciled = "every day balances with the centre"
	ruleVerified   = "the ledger verifies"
	ruleAnswered   = "a till gets an answer it can act on"
	ruleReopened   = "a centre opened again holds the book, the balances and the allowances it answered from"
	ruleBarred     = "whom a venue knows as dead, or with a lost card, neither buys nor pays there"
	ruleShownUp    = "a report is refused only of those whose card is lost or who are dead, and a person is told"
	ruleRefused    = "a refused sale is nowhere"
)

// settled takes what a till was told. A repeat must be told the same.
func (m *model) settled(s sold, pays purse) {
	m.must(s.paid.adds() && pays.sum() == s.paid.own+s.paid.shared, ruleSums, "%s: %+v paid by %v", s.tag, s.paid, pays)
	if before := m.sales[s.tag]; before != nil {
		m.must(before.id == s.id && before.paid == s.paid && maps.Equal(before.stages[0], pays), ruleRepeat, "%s: %+v then %+v", s.tag, before.paid, s.paid)
		return
	}
	s.stages, s.kept = []purse{pays}, s.paid
	m.sales[s.tag] = &s
	for who := range pays {
		key := s.venue + kin(who)
		m.near[key] = append(m.near[key], &s)
		break // all who pay for a sale are of one family
	}
}

// heeds holds a new sale against what the venue had been told before it was asked for.
// A lost card keeps nobody from showing a 医保码.
func (m *model) heeds(venue, tag, patient string, code bool, known map[string]bar, pays purse) {
	if len(m.blocked) == 0 {
		return
	}
	bars := known[patient]
	if code {
		bars &^= barredCard
	}
	m.must(bars == 0, ruleBarred, "%s at %s: the patient is barred (%d)", tag, venue, bars)
	for who := range pays {
		m.must(known[who]&barredPerson == 0, ruleBarred, "%s at %s: %s is dead and pays", tag, venue, who)
	}
}

// ofDead is what at most the accounts of people who have died since pay for a sale: nobody is promised that.
func (m *model) ofDead(s *sold) (most fen) {
	for who := range m.dead {
		of := fen(0)
		for _, stage := range s.stages {
			of = max(of, stage[who])
		}
		most += of
	}
	return most
}

// refused holds how many reports of a venue wait for a person against the sales that the centre would not book.
// ends are other things about those people that may wait for a person.
func (m *model) refused(venue string, waiting, ends int) {
	most := ends
	for _, s := range m.sales {
		if s.venue == venue && m.blocked[s.patient] {
			most++
		}
	}
	m.must(m.unbooked[venue] <= waiting && waiting <= most, ruleShownUp, "%s: %d wait, %d are not booked, %d could be refused", venue, waiting, m.unbooked[venue], most)
}

// kin is what the numbers of a family's members have in common.
func kin(who string) string { return who[:len(who)-1] }

// returned takes what a till was told of a return, negative by account. adjustments are all that the shop knows of the
// sale; those that fit came before.
func (m *model) returned(tag string, back figures, pays purse, whole bool, adjustments []adjustment) {
	s := m.sales[tag]
	m.adjust(s, adjustments)
	gave := -pays.sum()
	// Whose account the centre took what it booked otherwise from is not always known; then no account here gets it back.
	m.must(back.adds() && (gave == back.own+back.shared || s.adjusted > 0 && gave < back.own+back.shared), ruleSums,
		"return of %s: %+v to %v", tag, back, pays)
	stage := maps.Clone(s.stages[len(s.stages)-1])
	stage.add(pays, 1)
	for who, left := range stage {
		m.must(left >= 0, ruleSums, "return of %s: %s got %d more than it paid", tag, who, -left)
	}
	s.stages, s.kept, s.returns = append(s.stages, stage), s.kept.minus(back), s.returns+1
	m.must(!whole || s.kept == figures{}, ruleSums, "reversal of %s leaves %+v", tag, s.kept)
	m.adjust(s, adjustments)
}

// differs reports whether the centre has booked a sale otherwise than the shop knows. Only then can the shop have been told of
// an adjustment; at the end every sale is asked about.
func (m *model) differs(s *sold) bool {
	rows := m.standing(s.tag)
	return len(rows) != 1 || rows[0].figures != s.kept || !maps.Equal(rows[0].pays, s.stages[len(s.stages)-1])
}

// adjust takes the adjustments that were not taken yet, in their order, as long as they fit what stands.
func (m *model) adjust(s *sold, all []adjustment) {
	for s.adjusted < len(all) {
		a := &all[s.adjusted]
		if !a.transit && a.before != s.kept {
			return
		}
		s.adjusted++
		m.must(a.before.adds() && a.after.adds() && a.before.total == a.after.total, ruleSums, "adjustment of %s from %+v to %+v", s.tag, a.before, a.after)
		short := a.before.own + a.before.shared - a.after.own - a.after.shared
		m.must(short <= 0 || s.returns == 0 || a.transit || s.wasShort || m.ofDead(s) > 0, ruleKept, "%s was booked in full, and after a return %d short", s.tag, short)
		s.wasShort = s.wasShort || short > 0
		m.cameShort(s, short)
		if a.transit {
			continue
		}
		stage := maps.Clone(s.stages[len(s.stages)-1])
		stage.add(a.pays, 1)
		s.stages, s.kept = append(s.stages, stage), a.after
	}
}

// cameShort counts account money that the shop settled and the centre did not book. Where goods came back, the centre cancels
// and books anew, and another venue may have been in between.
func (m *model) cameShort(s *sold, short fen) {
	if !s.offline || s.returns > 0 {
		m.shortRace += short
		return
	}
	m.shortRisk += short
	s.short += short
}

// covered holds what came short of each sale that was settled offline against what of it was at risk. Whatever order reports
// come in, and whoever else pays from the same accounts: what an allowance covers is booked.
func (m *model) covered() {
	for _, tag := range slices.Sorted(maps.Keys(m.sales)) {
		s := m.sales[tag]
		switch {
		case !s.offline:
		case s.replayed:
			m.checked["(not compared: what was at risk is not known)"]++
		default:
			m.must(s.short <= s.atRisk+m.ofDead(s), ruleCovered, "%s at %s is %d short, only %d was at risk", tag, s.venue, s.short, s.atRisk)
		}
	}
}

// debits reports whether the shop thought at any time that the accounts have paid at least this.
func (s *sold) debits(pays purse) bool {
	return slices.ContainsFunc(s.stages, func(stage purse) bool {
		for who, amount := range pays {
			if amount > stage[who] {
				return false
			}
		}
		return true
	})
}

// read takes the centre's book and balances.
func (m *model) read(rows []booked, balances purse) {
	m.rows, m.of, m.cancels = rows, map[string][]*booked{}, map[string]bool{}
	want := maps.Clone(m.opening)
	for i := range rows {
		r := &rows[i]
		m.of[r.tag] = append(m.of[r.tag], r)
		if r.undone {
			continue
		}
		want.add(r.pays, -1)
		if r.cancels != "" {
			m.cancels[r.cancels] = true
		}
	}
	for who := range m.opening {
		m.must(balances[who] == want[who], ruleConserved, "%s has %d, the book says %d", who, balances[who], want[who])
		m.must(balances[who] >= 0, ruleNotBelow, "%s has %d", who, balances[who])
	}
}

// state is what the centre had booked of a tag at an instant.
type state struct {
	pays    purse
	stands  bool // a settlement stood
	doubted bool // something of it was undone at any time, to be booked anew, or may have been for all that the shop knows
}

func (m *model) at(tag string, then time.Time) state {
	s := state{pays: purse{}}
	count := 0
	for _, r := range m.of[tag] {
		s.doubted = s.doubted || r.undone || m.queried[r.setl]
		if r.at.After(then) {
			continue
		}
		if undone, was := m.undoneAt[r.msgid]; r.undone && was && !undone.After(then) {
			continue
		}
		s.pays.add(r.pays, 1)
		if count++; r.cancels != "" {
			count -= 2
		}
	}
	s.stands = count > 0
	return s
}

// truth is what a venue may offer of an account after it heard a word.
type truth struct {
	most  fen
	known bool // false: the centre let others pay than the shop thinks, which the shop cannot know before the next word
	exact bool // false: what was heard holds something that was undone later, so that the shop must offer less for a while
}

// truthOf is the balance as it was heard, less everything the venue settled and the centre had not booked by then.
func (m *model) truthOf(venue, who string, w word) truth {
	t := truth{most: w.balance - w.held, known: true, exact: true}
	for _, s := range m.near[venue+kin(who)] {
		tag := s.tag
		had, now := m.at(tag, w.at), m.at(tag, w.at.Add(forever))
		t.known = t.known && (!had.stands || s.was(had.pays)) && (!now.stands || s.was(now.pays))
		t.exact = t.exact && !had.doubted
		t.most -= s.stages[len(s.stages)-1][who] - had.pays[who]
	}
	t.most = max(0, t.most)
	return t
}

// was reports whether the shop thought at any time that the accounts have paid this.
func (s *sold) was(pays purse) bool {
	return slices.ContainsFunc(s.stages, func(stage purse) bool { return maps.Equal(stage, pays) })
}

// offers holds what a venue offers of an account against the truth. quiet: the centre has answered everything.
func (m *model) offers(venue, who string, w word, got fen, quiet bool) {
	if m.dead[who] { // nobody is offered anything of it: see heeds
		m.checked["(not compared: the holder has died)"]++
		return
	}
	t := m.truthOf(venue, who, w)
	if !t.known {
		m.checked["(not compared: the centre let others pay)"]++
		return
	}
	m.must(got <= t.most, ruleNeverMore, "%s offers %d of %s, in truth %d%s", venue, got, who, t.most, m.why(got > t.most, venue, who, w))
	if quiet && t.exact {
		m.must(got == t.most, ruleEqual, "%s offers %d of %s, in truth %d%s", venue, got, who, t.most, m.why(got != t.most, venue, who, w))
	}
}

// why lists for a finding what the truth is made of.
func (m *model) why(failed bool, venue, who string, w word) string {
	if !failed {
		return ""
	}
	text := fmt.Sprintf(": heard %d, %d of it held, at %s", w.balance, w.held, w.at.Format(time.TimeOnly))
	for _, tag := range slices.Sorted(maps.Keys(m.sales)) {
		s := m.sales[tag]
		if s.venue != venue {
			continue
		}
		had, now := m.at(tag, w.at), m.at(tag, w.at.Add(forever))
		if last := s.stages[len(s.stages)-1]; last[who] != 0 || had.pays[who] != 0 || now.pays[who] != 0 || s.stages[0][who] != 0 {
			text += fmt.Sprintf("; %s pays %d, booked then %d (%t), now %d (%t)", tag, last[who], had.pays[who], had.stands, now.pays[who], now.stands)
		}
	}
	return text
}

// standing are the rows of a tag that count.
func (m *model) standing(tag string) (rows []*booked) {
	for _, r := range m.of[tag] {
		if r.cancels == "" && !r.undone && !m.cancels[r.setl] {
			rows = append(rows, r)
		}
	}
	return rows
}

// close holds every sale against the book when everything has drained.
func (m *model) close() {
	m.covered()
	for _, tag := range slices.Sorted(maps.Keys(m.sales)) {
		s, rows := m.sales[tag], m.standing(tag)
		want := 1
		if s.kept.total == 0 {
			want = 0
		}
		if want == 1 && len(rows) == 0 && m.blocked[s.patient] { // sold before the venue knew, reported after the centre did
			m.unbooked[s.venue]++
			continue
		}
		m.must(len(rows) == want, ruleOnce, "%s of %s is there %d times, not %d", tag, s.venue, len(rows), want)
		for _, r := range rows {
			m.must(r.figures.total == s.kept.total && r.figures.fund == s.kept.fund && r.figures.adds(), ruleOnce,
				"%s is booked with %+v, the shop has %+v", tag, r.figures, s.kept)
			m.must(r.figures == s.kept, ruleShown, "%s is booked with %+v, the shop has %+v and was not told", tag, r.figures, s.kept)
		}
	}
	for i := range m.rows {
		r := &m.rows[i]
		s := m.sales[r.tag]
		m.must(s != nil, ruleNoOther, "row %s of %s", r.setl, r.tag)
		if s != nil && r.cancels == "" {
			m.must(s.debits(r.pays), ruleNamed, "row %s of %s is paid by %v, the shop's stages are %v", r.setl, r.tag, r.pays, s.stages)
		}
	}
}
