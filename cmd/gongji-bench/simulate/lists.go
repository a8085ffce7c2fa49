package simulate

import (
	"cmp"
	"slices"
	"time"

	"gongji/settle"
)

// report is a word that reaches the centre's counter: a card was lost, or somebody has died.
type report struct {
	after time.Duration // since the world began
	who   *member
	died  bool
}

// reports is what will be reported in a world: the card of one, the death of another, in every second world each.
func (w *world) reports() (list []report) {
	d := throw(w.seed, "lists")
	if !w.has(KindLists) {
		return nil
	}
	for _, died := range []bool{false, true} {
		r := report{d.between(time.Minute, w.day()), one(d, w.people), died}
		if d.hit(50) {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b report) int { return cmp.Compare(a.after, b.after) })
	return list
}

// tellCentre brings the reports to the centre, each as soon as somebody is there.
func (w *world) tellCentre(over <-chan struct{}) {
	began := time.Now()
	for _, r := range w.reports() {
		wait := time.NewTimer(time.Until(began.Add(r.after)))
		for done := false; !done; {
			select {
			case <-over:
				wait.Stop()
				return
			case <-wait.C:
				if done = w.tellOne(r); !done {
					wait.Reset(time.Minute + 7*time.Microsecond)
				}
			}
		}
	}
}

// tellOne is false while the centre is down.
func (w *world) tellOne(r report) bool {
	o := w.office
	o.passing.Lock()
	defer o.passing.Unlock()
	if o.closed() {
		return false
	}
	c, _ := o.now()
	tell, what, of := c.ReportLost, faultCard, r.who.card
	if r.died {
		tell, what, of = c.ReportDeceased, faultDied, r.who.psn
	}
	found, err := tell(of)
	w.journal.note("centre", "%s: %s", w.fault(what), r.who.psn[16:])
	w.mu.Lock()
	defer w.mu.Unlock()
	w.model.must(err == nil && found, ruleAnswered, "%s: found %t, %v", what, found, err)
	w.model.blocked[r.who.psn] = true
	if r.died {
		w.model.dead[r.who.psn] = true
	}
	return true
}

// heedList notes whom a venue has been told of: whose card is lost, who has died.
func (v *venue) heedList(people []settle.SnapshotPerson) {
	for i := range people {
		p := &people[i]
		why := bar(0)
		if slices.ContainsFunc(p.Cards, func(c settle.SnapshotCard) bool { return c.Status == settle.CardLost }) {
			why |= barredCard
		}
		if p.Status == settle.StatusDeceased {
			why |= barredPerson
		}
		if before := v.barred[p.PsnNo]; before|why != before {
			v.note("hears that %s is barred: %d", p.PsnNo[16:], before|why)
			v.barred[p.PsnNo] = before | why
		}
	}
}

// bar is why a venue sells nothing on somebody.
type bar int

const (
	barredCard   bar = 1 << iota // may pay for relatives
	barredPerson                 // neither buys nor pays
)
