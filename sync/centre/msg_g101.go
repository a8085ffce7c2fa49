package centre

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"gongji/settle"
	"gongji/sync/feed"
	"gongji/sync/nhsa"
)

// family answers G101: the holder first, then everybody who gives to the holder or takes from them. The venue has seen
// them all now, which earns it an allowance on each account.
func (w *work) family(r *nhsa.Request) (any, error) {
	in, err := input[nhsa.FamilyInput](r)
	if err != nil {
		return nil, err
	}
	holder, _, err := w.holder(in.Data.CertType, in.Data.CertNo, in.Data.Identifier)
	if err != nil {
		return nil, err
	}
	members := []string{holder.PsnNo}
	page := &page{}
	w.fetchFamily(holder.PsnNo)
	for _, b := range w.bound(holder.PsnNo) {
		if !w.people.has(b.Giver) || !w.people.has(b.Beneficiary) {
			continue
		}
		page.bindings = append(page.bindings, b)
		for _, psn := range []string{b.Giver, b.Beneficiary} {
			if !slices.Contains(members, psn) {
				members = append(members, psn)
			}
		}
	}
	for _, psn := range members {
		page.people = append(page.people, w.people.at(psn))
		if a := w.accounts.at(psn); a != nil {
			page.accounts = append(page.accounts, a)
		}
	}
	w.saw(r.Venue, w.options.Clock(), members...)
	return w.snapshot(page, r.Venue, "", false)
}

// page is a part of what the centre knows.
type page struct {
	people    []*person
	accounts  []*account
	bindings  []*binding
	endedBind []string
	endedPsn  []string
	full      bool
	known     map[string]bool // people on the page
}

// snapshot is a page as it stands now. It says, for the venue that asks, through which time its bookings are inside, what
// is set aside for it and for others.
func (w *work) snapshot(p *page, venue, cursor string, more bool) (any, error) {
	if err := w.grantTo(venue, p.accounts); err != nil {
		return nil, err
	}
	at := w.tick()
	s := settle.Snapshot{
		ID: fmt.Sprintf("%s-%s-%d", w.options.Area, nhsa.CompactTime(at), w.nextSerial()), CentreTime: at, Cursor: cursor, Full: p.full,
		EndedBinds: p.endedBind, EndedPsnNo: p.endedPsn,
	}
	for _, person := range p.people {
		s.People = append(s.People, person.SnapshotPerson)
		if usage, used := w.usage(person.PsnNo, settle.DateOf(at)); used {
			s.Usage = append(s.Usage, usage)
		}
	}
	for _, account := range p.accounts {
		a := account.SnapshotAccount
		a.ContainsThrough = map[string]time.Time{venue: at}
		a.ReservedElsewhere += w.heldElsewhere(a.PsnNo)
		if g := w.grantOf(venue, a.PsnNo); g != nil && !g.Returned {
			a.Allowance, a.AllowanceUntil = g.Amount, g.Until
		}
		s.Accounts = append(s.Accounts, a)
	}
	for _, binding := range p.bindings {
		s.Bindings = append(s.Bindings, binding.SnapshotBinding)
	}
	slices.SortFunc(s.Bindings, func(a, b settle.SnapshotBinding) int { return a.Rank - b.Rank })
	encoded, err := feed.EncodeSnapshot(s)
	return nhsa.SnapshotAnswer{Snapshot: json.RawMessage(encoded), More: more}, err
}

// usage is the shared money that a patient has used at all venues this day, month and year; used is false where there is
// no row of this year.
func (w *work) usage(psn string, day settle.Date) (u settle.SnapshotUsage, used bool) {
	u = settle.SnapshotUsage{PsnNo: psn, AsOf: day}
	for _, row := range w.rows.find("person_year", personYear(psn, day)) {
		on := settle.DateOf(row.At)
		used = true
		if row.Undone {
			continue
		}
		u.YearShared += row.Figures.Shared
		if on.Month() == day.Month() {
			u.MonthShared += row.Figures.Shared
		}
		if on == day {
			u.DayShared += row.Figures.Shared
		}
	}
	u.DayShared, u.MonthShared, u.YearShared = max(0, u.DayShared), max(0, u.MonthShared), max(0, u.YearShared)
	return u, used
}
