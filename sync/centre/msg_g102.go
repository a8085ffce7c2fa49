package centre

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gongji/settle"
	"gongji/sync/nhsa"
)

// maxPage is the most entries in a page of G102, whatever the till asks for.
const maxPage = 5000

// fullMark begins the cursors between the pages of a full answer, so that its last page, and only that, ends what was not
// named. What follows is the number of a change, as in every cursor.
const fullMark = "F"

// parseCursor is the change after which to go on, and whether the answer is of everything.
func parseCursor(cursor string) (since uint64, full bool) {
	digits, full := strings.CutPrefix(cursor, fullMark)
	since, err := strconv.ParseUint(digits, 10, 63)
	if err != nil {
		return 0, true
	}
	return since, full || since == 0
}

// delta answers G102: what changed after the cursor, oldest change first; without a cursor, everything. In a centre with a
// journal changes are numbered by its entries, on a Store after their commit; either way a cursor stays good when the centre
// starts anew. A cursor that this centre has not given out starts from the beginning, which costs time and never misses
// anything.
func (w *work) delta(r *nhsa.Request) (any, error) {
	in, err := input[nhsa.DeltaInput](r)
	if err != nil {
		return nil, err
	}
	since, full := parseCursor(in.Data.Cursor)
	limit := min(max(in.Data.Limit, 1), maxPage)
	found, err := w.changedSince(since, limit)
	if err == nil && since > found.Latest {
		since, full = 0, true
		found, err = w.changedSince(0, limit)
	}
	if err != nil {
		return nil, err
	}
	out := &page{full: full, known: map[string]bool{}}
	w.fetchChanged(found)
	for _, change := range found.Numbered {
		since = change.At
		w.addChange(out, change)
	}
	for _, change := range found.Fresh { // they come again with a number; the last page of everything must name everybody
		w.addChange(out, change)
	}
	more := found.More || full && found.FreshMore
	cursor := fmt.Sprintf("%020d", since)
	if full && more {
		cursor = fullMark + cursor
	}
	return w.snapshot(out, r.Venue, cursor, more)
}

// fetchChanged asks for everything that changes name, and whom that names, in two goes.
func (w *work) fetchChanged(found Changes) {
	if w.tx == nil {
		return
	}
	var people, ids []string
	for _, list := range [][]Change{found.Numbered, found.Fresh} {
		for _, change := range list {
			if change.Kind == changedBinding {
				ids = append(ids, change.Key)
			} else {
				people = append(people, change.Key)
			}
		}
	}
	w.fetch(ask{w.bindings, "", ids})
	for _, id := range ids {
		if b := w.bindings.at(id); b != nil && !b.Ended {
			people = append(people, b.Giver, b.Beneficiary)
		}
	}
	var years, seen []string
	year := settle.DateOf(w.options.Clock())
	for _, psn := range people {
		years, seen = append(years, personYear(psn, year)), append(seen, w.venue+"/"+psn)
	}
	w.fetch(ask{w.people, "", people}, ask{w.accounts, "", people}, ask{w.grants, "account", people}, ask{w.seen, "", seen},
		ask{w.rows, "person_year", years})
}

// addChange puts what a change names on a page, as it is now.
func (w *work) addChange(out *page, change Change) {
	switch change.Kind {
	case changedPerson:
		if !w.people.has(change.Key) {
			if !slices.Contains(out.endedPsn, change.Key) {
				out.endedPsn = append(out.endedPsn, change.Key)
			}
			return
		}
		w.addPerson(out, change.Key)
	case changedAccount:
		if a := w.accounts.at(change.Key); a != nil && w.people.has(a.PsnNo) && !slices.Contains(out.accounts, a) {
			w.addPerson(out, a.PsnNo)
			out.accounts = append(out.accounts, a)
		}
	case changedBinding:
		b := w.bindings.at(change.Key)
		switch {
		case b == nil:
		case b.Ended && !slices.Contains(out.endedBind, b.ID):
			out.endedBind = append(out.endedBind, b.ID)
		case !b.Ended && w.people.has(b.Giver) && w.people.has(b.Beneficiary) && !slices.Contains(out.bindings, b):
			w.addPerson(out, b.Giver)
			w.addPerson(out, b.Beneficiary)
			out.bindings = append(out.bindings, b)
		}
	}
}

// addPerson puts a person on a page once. Whoever an account or a binding names is always on its page, so that no page
// depends on one before.
func (w *work) addPerson(out *page, psn string) {
	if !out.known[psn] {
		out.known[psn] = true
		out.people = append(out.people, w.people.at(psn))
	}
}
