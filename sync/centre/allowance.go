package centre

import (
	"cmp"
	"slices"
	"time"

	"gongji/settle"
	"gongji/sync/nhsa"
)

// Allowances say how this centre sets money of an account aside for a venue that may be cut off. The zero value grants
// none.
//
// A venue that has seen a family lately gets Percent of what is free on each of its accounts, to spend until Life is over.
// The money stays set aside for Grace more, since a sale of the last minute may be reported late; then it is everybody's
// again, and at once where the venue returns it (G105). While no report is later than Grace, whatever a venue sells
// offline within an allowance is booked as it was sold, in whatever order the reports come: each says how much of the allowance
// it must leave to the venue's other sales, and is booked from other money so far.
type Allowances struct {
	Percent int           // 0 to 100
	Life    time.Duration // default 24 h
	Grace   time.Duration // default 7 days
	Lately  time.Duration // default 30 days
}

func (a *Allowances) complete() {
	a.Percent = min(max(a.Percent, 0), 100)
	a.Life = cmp.Or(max(a.Life, 0), 24*time.Hour)
	a.Grace = cmp.Or(max(a.Grace, 0), 7*24*time.Hour)
	a.Lately = cmp.Or(max(a.Lately, 0), 30*24*time.Hour)
}

// grant is money of an account that is set aside for a venue.
type grant struct {
	Venue    string     `json:"venue"`
	PsnNo    string     `json:"psn_no"`
	Amount   settle.Fen `json:"amount"` // left of it
	Until    time.Time  `json:"until"`  // no two grants of one account end in the same millisecond
	Release  time.Time  `json:"release"`
	At       time.Time  `json:"at"`
	Seen     time.Time  `json:"seen"`
	Returned bool       `json:"returned,omitempty"` // what is left waits for reports that are on their way
}

// release is an entry that gives money back: all of a grant where Amount is negative.
type release struct {
	Venue  string     `json:"venue"`
	PsnNo  string     `json:"psn_no"`
	Until  time.Time  `json:"until"`
	Amount settle.Fen `json:"amount"`
}

// granted is what is set aside of an account now. What is past its release counts no more, also before it is swept away.
func (w *work) granted(psn string) (standing []*grant) {
	now := w.options.Clock()
	for _, g := range w.grants.find("account", psn) {
		if g.Release.After(now) {
			standing = append(standing, g)
		}
	}
	return standing
}

// grantOf is what is set aside of an account for a venue, or nil.
func (w *work) grantOf(venue, psn string) *grant {
	for _, g := range w.granted(psn) {
		if g.Venue == venue {
			return g
		}
	}
	return nil
}

// heldElsewhere is what of an account other venues than the one that asks may count on.
func (w *work) heldElsewhere(psn string) (held settle.Fen) {
	for _, g := range w.granted(psn) {
		if g.owner() != w.venue {
			held += g.Amount
		}
	}
	return held
}

// keptHere is what of an account is kept for rebookings of the venue that asks, but for one patient's.
func (w *work) keptHere(psn, but string) (kept settle.Fen) {
	for _, g := range w.granted(psn) {
		if g.Venue != w.venue && g.owner() == w.venue && g.Venue != w.venue+rebookMark+but {
			kept += g.Amount
		}
	}
	return kept
}

// heldHere is what the venue that asks may count on.
func (w *work) heldHere(psn string) settle.Fen {
	if g := w.grantOf(w.venue, psn); g != nil {
		return g.Amount
	}
	return 0
}

// sawAgain is how long a venue that saw somebody is not noted anew.
const sawAgain = time.Hour

// saw notes that a venue has a family's business.
func (w *work) saw(venue string, at time.Time, members ...string) {
	for _, psn := range members {
		key := venue + "/" + psn
		if w.tx != nil || at.Sub(w.seen.at(key)) >= sawAgain { // writing a Store costs less than reading it first
			w.seen.put(key, at)
		}
	}
}

// grantTo sets money of accounts aside for a venue, where it has seen their holders lately and has little left, or not for
// long. The venue's older grant is renewed: it never shrinks, for some of it may be spent.
func (w *work) grantTo(venue string, accounts []*account) error {
	rules := &w.options.Allowances
	if rules.Percent == 0 {
		return nil
	}
	now := w.tick()
	var grants []grant
	for _, a := range accounts {
		seen := w.seen.at(venue + "/" + a.PsnNo)
		if seen.IsZero() || now.Sub(seen) > rules.Lately || a.Status != settle.StatusNormal {
			continue
		}
		share := a.free(w.heldElsewhere(a.PsnNo)+w.keptHere(a.PsnNo, "")) * settle.Fen(rules.Percent) / 100
		old := w.grantOf(venue, a.PsnNo)
		switch {
		case old == nil && share == 0:
			continue
		case old != nil && !old.Returned && old.Amount*2 >= share && old.Until.Sub(now) > rules.Life/2:
			continue
		case old != nil:
			share = max(share, old.Amount)
		}
		until := now.Add(rules.Life)
		grants = append(grants, grant{Venue: venue, PsnNo: a.PsnNo, Amount: share, Until: until, Release: until.Add(rules.Grace), At: now, Seen: seen})
	}
	if len(grants) == 0 {
		return nil
	}
	return w.record(entry{Kind: entryGrant, Grants: grants})
}

// takeGrants does an entry of grants.
func (w *work) takeGrants(grants []grant) {
	for i := range grants {
		g := grants[i]
		w.tally.granted += g.Amount
		if old := w.grants.rows[grantKey(g.Venue, g.PsnNo)]; old != nil {
			w.tally.granted -= min(g.Amount, old.Amount) // it is renewed, with what is left of it
		}
		w.grants.put(grantKey(g.Venue, g.PsnNo), &g)
		if w.tx == nil {
			i, _ := slices.BinarySearchFunc(w.order, g.Release, func(o grant, at time.Time) int { return o.Release.Compare(at) })
			w.order = slices.Insert(w.order, i, g)
		}
		w.saw(g.Venue, g.Seen, g.PsnNo)
		w.touch(g.PsnNo)
		if g.At.After(w.last) { // no end may come twice: go on behind the last grant
			w.last = g.At
		}
	}
}

// touch makes the next delta name an account.
func (w *work) touch(psn string) {
	if w.accounts.has(psn) {
		w.tell(changedAccount, psn)
	}
}

// promised is what of its venue's allowances a message must leave alone, by person number.
type promised map[string]settle.Fen

// promises reads what a message must leave to the venue's other sales: what it names, but not what it is promised itself.
func (w *work) promises(split *nhsa.ExpectedSplit) promised {
	if len(split.Leave) == 0 {
		return nil
	}
	leave := promised{}
	for _, a := range split.Leave {
		leave[a.PsnNo] = min(a.Amount, w.heldHere(a.PsnNo))
	}
	for _, a := range split.Accounts {
		if left, named := leave[a.PsnNo]; named {
			leave[a.PsnNo] = min(left, max(0, w.heldHere(a.PsnNo)-a.Covered))
		}
	}
	return leave
}

// heldBy is all that a row's venue may count on.
func (w *work) heldBy(row *Row) promised {
	all := promised{}
	for _, pay := range row.Pays {
		if g := w.grantOf(row.Venue, pay.PsnNo); g != nil {
			all[pay.PsnNo] = g.Amount
		}
	}
	return all
}

// spend takes a booking off the grant of its venue, but for what is left to other sales.
func (w *work) spend(venue, psn string, amount, leave settle.Fen) {
	if g := w.grantOf(venue, psn); g != nil && amount > 0 {
		amount = min(max(0, g.Amount-leave), amount)
		g.Amount -= amount
		w.tally.spent += amount
	}
}

func grantKey(venue, psn string) string { return venue + "/" + psn }

// sweep gives back what nobody has claimed in time. It is an entry of its own, so that a restart counts the same changes.
// On a Store the [Centre.Tidy] of some process does it.
func (w *work) sweep() error {
	if w.tx != nil {
		return nil
	}
	now := w.options.Clock()
	w.forget(now)
	n := 0
	for ; n < len(w.order) && !w.order[n].Release.After(now); n++ {
	}
	if n == 0 {
		return nil
	}
	due := w.order[:n]
	w.order = slices.Clone(w.order[n:])
	return w.release(due)
}

// release gives back what is left of grants that are over and were not renewed.
func (w *work) release(due []grant) error {
	var over []release
	for i := range due {
		g := &due[i]
		if standing := w.grants.at(grantKey(g.Venue, g.PsnNo)); standing != nil && standing.Until.Equal(g.Until) {
			over = append(over, release{Venue: g.Venue, PsnNo: g.PsnNo, Until: g.Until, Amount: -1})
		}
	}
	if len(over) == 0 {
		return nil
	}
	return w.record(entry{Kind: entryRelease, Releases: over})
}

// takeReleases does an entry of releases. A venue that gave an allowance up gets a new one when it sees the family again.
func (w *work) takeReleases(releases []release) {
	for _, r := range releases {
		g := w.grants.at(grantKey(r.Venue, r.PsnNo))
		if g == nil || !g.Until.Equal(r.Until) {
			continue
		}
		if r.Amount < 0 {
			w.tally.expired += g.Amount
			w.grants.drop(grantKey(r.Venue, r.PsnNo))
		} else {
			w.tally.returned += min(g.Amount, r.Amount)
			g.Amount, g.Returned = g.Amount-min(g.Amount, r.Amount), true
			w.seen.drop(r.Venue + "/" + r.PsnNo)
		}
		w.touch(r.PsnNo)
	}
}

// returnAllowances answers G105. A row about an allowance that was returned, has been renewed or has ended gives nothing
// back: the venue may rely on what it was told last.
func (w *work) returnAllowances(r *nhsa.Request) (any, error) {
	in, err := change[nhsa.ReturnInput](w, r)
	if err != nil {
		return nil, err
	}
	var back []release
	for _, row := range in.Allowances {
		g := w.grantOf(r.Venue, row.PsnNo)
		if g == nil || g.Returned || !g.Until.Equal(time.Time(row.Until)) {
			continue
		}
		back = append(back, release{Venue: r.Venue, PsnNo: row.PsnNo, Until: g.Until, Amount: row.Unspent})
	}
	if len(back) > 0 {
		err = w.record(entry{Kind: entryRelease, Releases: back})
	}
	return nhsa.ReturnAnswer{Accepted: len(back)}, err
}
