package centre

import (
	"context"
	"slices"

	"gongji/settle"
)

// end does what a seed's list of ended ones says. Rows of the book may still name them: their accounts stay, and nobody is
// found under their credentials any more.
func (w *work) end(s *settle.Snapshot) {
	for _, id := range s.EndedBinds {
		if b := w.bindings.at(id); b != nil {
			w.endBinding(b)
		}
	}
	for _, psn := range s.EndedPsnNo {
		p := w.people.at(psn)
		if p == nil {
			continue
		}
		w.takeCards(p)
		w.people.drop(psn)
		w.tell(changedPerson, psn)
		for _, b := range w.bound(psn) {
			if b.Active {
				w.endBinding(b)
			}
		}
	}
}

func (w *work) endBinding(b *binding) {
	b.Active, b.Ended = false, true
	w.tell(changedBinding, b.ID)
}

// ReportLost marks a card as reported lost, as a counter or a telephone line would; ok is false where nobody has it.
func (c *Centre) ReportLost(number string) (ok bool, err error) {
	return c.alterPerson(func(w *work) string { return w.cards.at(number) }, func(p *settle.SnapshotPerson) {
		for i := range p.Cards {
			if p.Cards[i].Number == number {
				p.Cards[i].Status = settle.CardLost
			}
		}
	})
}

// ReportDeceased marks a person as deceased and locks the account; ok is false where nobody has the number.
func (c *Centre) ReportDeceased(psnNo string) (ok bool, err error) {
	return c.alterPerson(func(*work) string { return psnNo }, func(p *settle.SnapshotPerson) { p.Status = settle.StatusDeceased })
}

// alterPerson seeds a person anew, changed.
func (c *Centre) alterPerson(find func(*work) string, change func(*settle.SnapshotPerson)) (found bool, err error) {
	err = c.within(context.Background(), "", func(w *work) error {
		p := w.people.at(find(w))
		if found = p != nil; !found {
			return nil
		}
		altered := p.SnapshotPerson
		altered.Cards = slices.Clone(altered.Cards)
		change(&altered)
		s := settle.Snapshot{ID: "alter", CentreTime: c.options.Clock(), People: []settle.SnapshotPerson{altered}}
		if a := w.accounts.at(altered.PsnNo); a != nil && altered.Status == settle.StatusDeceased {
			locked := a.SnapshotAccount
			locked.Status = settle.StatusDeceased
			s.Accounts = append(s.Accounts, locked)
		}
		return w.plant(&s)
	})
	return found, err
}
