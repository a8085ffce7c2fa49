package centre

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"gongji/sync/nhsa"
)

// maxPage is the most entries in a page of G102, whatever the till asks for.
const maxPage = 5000

// delta answers G102: what changed after the cursor, oldest change first. A cursor that this centre has not given out
// starts from the beginning, which costs time and never misses anything.
func (c *Centre) delta(r *nhsa.Request) (any, error) {
	in, err := input[nhsa.DeltaInput](r)
	if err != nil {
		return nil, err
	}
	since, err := strconv.ParseUint(in.Data.Cursor, 10, 64)
	if err != nil || since > c.change {
		since = 0
	}
	type item struct {
		change uint64
		add    func(*page)
	}
	var items []item
	for _, p := range c.people {
		if p.change > since {
			items = append(items, item{p.change, func(out *page) { c.addPerson(out, p.PsnNo) }})
		}
	}
	for _, a := range c.accounts {
		if a.change > since {
			items = append(items, item{a.change, func(out *page) { c.addPerson(out, a.PsnNo); out.accounts = append(out.accounts, a) }})
		}
	}
	for _, b := range c.bindings {
		if b.change > since {
			items = append(items, item{b.change, func(out *page) {
				c.addPerson(out, b.Giver)
				c.addPerson(out, b.Beneficiary)
				out.bindings = append(out.bindings, b)
			}})
		}
	}
	slices.SortFunc(items, func(a, b item) int { return cmp.Compare(a.change, b.change) })
	limit := min(max(in.Data.Limit, 1), maxPage)
	more := len(items) > limit
	if more {
		items = items[:limit]
	}
	out := &page{}
	for _, item := range items {
		since = item.change
		item.add(out)
	}
	return c.snapshot(out, r.Venue, fmt.Sprintf("%020d", since), more)
}

// addPerson puts a person on a page once. Whoever an account or a binding names is always on its page, so that no page
// depends on one before.
func (c *Centre) addPerson(out *page, psn string) {
	if p := c.people[psn]; !slices.Contains(out.people, p) {
		out.people = append(out.people, p)
	}
}
