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

// family answers G101: the holder first, then everybody who gives to the holder or takes from them.
func (c *Centre) family(r *nhsa.Request) (any, error) {
	in, err := input[nhsa.FamilyInput](r)
	if err != nil {
		return nil, err
	}
	holder, _, err := c.holder(in.Data.CertType, in.Data.CertNo, in.Data.Identifier)
	if err != nil {
		return nil, err
	}
	members := []string{holder.PsnNo}
	page := &page{}
	for _, b := range c.bound[holder.PsnNo] {
		page.bindings = append(page.bindings, b)
		for _, psn := range []string{b.Giver, b.Beneficiary} {
			if !slices.Contains(members, psn) {
				members = append(members, psn)
			}
		}
	}
	for _, psn := range members {
		page.people = append(page.people, c.people[psn])
		if a := c.accounts[psn]; a != nil {
			page.accounts = append(page.accounts, a)
		}
	}
	return c.snapshot(page, r.Venue, "", false)
}

// page is a part of what the centre knows.
type page struct {
	people   []*person
	accounts []*account
	bindings []*binding
}

// snapshot is a page as it stands now. It says, for the venue that asks, through which time its bookings are inside.
func (c *Centre) snapshot(p *page, venue, cursor string, more bool) (any, error) {
	at := c.tick()
	s := settle.Snapshot{ID: fmt.Sprintf("%s-%s-%d", c.options.Area, nhsa.CompactTime(at), c.nextSerial()), CentreTime: at, Cursor: cursor}
	for _, person := range p.people {
		s.People = append(s.People, person.SnapshotPerson)
	}
	for _, account := range p.accounts {
		a := account.SnapshotAccount
		a.ContainsThrough = map[string]time.Time{venue: at}
		s.Accounts = append(s.Accounts, a)
	}
	for _, binding := range p.bindings {
		s.Bindings = append(s.Bindings, binding.SnapshotBinding)
	}
	slices.SortFunc(s.Bindings, func(a, b settle.SnapshotBinding) int { return a.Rank - b.Rank })
	encoded, err := feed.EncodeSnapshot(s)
	return nhsa.SnapshotAnswer{Snapshot: json.RawMessage(encoded), More: more}, err
}
