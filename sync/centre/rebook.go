package centre

import (
	"strings"
	"time"

	"gongji/settle"
	"gongji/sync/nhsa"
)

// A till that takes a part of a sale back cancels the settlement and books what the patient keeps anew. In between the money
// lies in the accounts, and another venue could spend what the patient has long walked away with. A till that knows our
// extension says in its cancellation what it will book anew; that much is kept for it, as a grant that no balance shows to the
// venue, until it is booked or rebookLife is over.

// rebookLife is how long money is kept for a rebooking: a shop's line may be cut in the middle.
const rebookLife = 24 * time.Hour

// rebookMark separates venue and patient in the name under which money is kept.
const rebookMark = "#"

// owner is the venue that may spend a grant.
func (g *grant) owner() string {
	venue, _, _ := strings.Cut(g.Venue, rebookMark)
	return venue
}

// keepFor is what is set aside because a venue will book it anew after a cancellation: of each account no more than comes
// back to it. It goes into the journal with the cancellation, in one entry: a cancellation without it would give
// everybody what the patient has walked away with.
func (w *work) keepFor(row *Row, node *nhsa.RebookNode) (grants []grant) {
	if node == nil {
		return nil
	}
	back := map[string]settle.Fen{}
	for _, pay := range row.Pays {
		if pay.Binding != "" {
			if b := w.bindings.at(pay.Binding); b != nil && b.Mode == settle.Wallet { // a quota stays frozen for the relative anyway
				continue
			}
		}
		back[pay.PsnNo] -= pay.Amount
	}
	for _, a := range node.Rebook {
		amount := min(a.Amount, back[a.PsnNo])
		if amount <= 0 {
			continue
		}
		back[a.PsnNo] -= amount
		until := row.At.Add(rebookLife)
		grants = append(grants, grant{Venue: row.Venue + rebookMark + row.PsnNo, PsnNo: a.PsnNo, Amount: amount, Until: until, Release: until, At: row.At, Seen: row.At})
	}
	return grants
}

// keptFor takes what is kept for a patient's rebooking at a venue out of the way of a debit, and returns it by person number.
func (w *work) keptFor(venue, patient string, pays []Pay, sign settle.Fen) map[string]settle.Fen {
	kept := map[string]settle.Fen{}
	if patient == "" {
		return kept
	}
	name := venue + rebookMark + patient
	for _, pay := range pays {
		if sign*pay.Amount <= 0 {
			continue
		}
		if g := w.grantOf(name, pay.PsnNo); g != nil {
			kept[pay.PsnNo] = g.Amount
			w.grants.drop(grantKey(name, pay.PsnNo))
			w.touch(pay.PsnNo)
		}
	}
	return kept
}

// Took is what a booking took of an allowance, which its end names, or of what was kept for it.
type Took struct {
	PsnNo  string     `json:"psn_no"`
	Until  time.Time  `json:"until"`
	Amount settle.Fen `json:"amount"`
	Kept   bool       `json:"kept,omitempty"`
}

// grantsOf are the allowances of a row's venue before it is booked, and what is kept for it.
func (w *work) grantsOf(row *Row) (before []Took) {
	seen := map[string]bool{}
	for _, pay := range row.Pays {
		if seen[pay.PsnNo] || pay.Amount <= 0 {
			continue
		}
		seen[pay.PsnNo] = true
		if g := w.grantOf(row.Venue, pay.PsnNo); g != nil {
			before = append(before, Took{PsnNo: pay.PsnNo, Until: g.Until, Amount: g.Amount})
		}
		if g := w.grantOf(row.Venue+rebookMark+row.PsnNo, pay.PsnNo); g != nil {
			before = append(before, Took{PsnNo: pay.PsnNo, Until: g.Until, Amount: g.Amount, Kept: true})
		}
	}
	return before
}

// takenSince is what the row has taken of them.
func (w *work) takenSince(row *Row, before []Took) (taken []Took) {
	for _, b := range before {
		if !b.Kept { // what was kept has served its purpose, all of it
			b.Amount -= w.grantOf(row.Venue, b.PsnNo).Amount
		}
		if b.Amount > 0 {
			taken = append(taken, b)
		}
	}
	return taken
}

// giveAgain puts back what a row took that is undone: the till sends it again, and relies on it.
func (w *work) giveAgain(row *Row) {
	var kept []grant
	for _, t := range row.Took {
		if t.Kept {
			kept = append(kept, grant{Venue: row.Venue + rebookMark + row.PsnNo, PsnNo: t.PsnNo, Amount: t.Amount, Until: t.Until, Release: t.Until, At: row.At, Seen: row.At})
		} else if g := w.grantOf(row.Venue, t.PsnNo); g != nil { // renewed or partly returned since, too: the money is back in the account
			g.Amount += t.Amount
			w.tally.refilled += t.Amount
		}
	}
	w.takeGrants(kept)
	row.Took = nil
}
