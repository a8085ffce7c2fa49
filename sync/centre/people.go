package centre

import (
	"cmp"
	"fmt"
	"slices"

	"gongji/settle"
)

// person, account and binding are what a snapshot says, with the number of their last change.
type person struct {
	settle.SnapshotPerson
	change uint64
}

type account struct {
	settle.SnapshotAccount
	change uint64
}

type binding struct {
	settle.SnapshotBinding
	change uint64
}

func (c *Centre) changed() uint64 {
	c.change++
	return c.change
}

// complete checks that whoever a seed mentions is known from it or from before.
func (c *Centre) complete(s *settle.Snapshot) error {
	known := func(psn string) bool {
		return c.people[psn] != nil || slices.ContainsFunc(s.People, func(p settle.SnapshotPerson) bool { return p.PsnNo == psn })
	}
	fault := &settle.Error{Code: settle.BadRequest}
	miss := func(place string) {
		fault.Fields = append(fault.Fields, settle.FieldFault{Field: place, Message: "资料中没有这个人", Detail: "names a person who is not in people"})
	}
	for i, a := range s.Accounts {
		if !known(a.PsnNo) {
			miss(fmt.Sprintf("accounts[%d]", i))
		}
	}
	for i, b := range s.Bindings {
		if !known(b.Giver) || !known(b.Beneficiary) {
			miss(fmt.Sprintf("bindings[%d]", i))
		}
	}
	for i, b := range s.Bindings {
		if before := c.bindings[b.ID]; before != nil && (before.Giver != b.Giver || before.Beneficiary != b.Beneficiary) {
			fault.Fields = append(fault.Fields, settle.FieldFault{Field: fmt.Sprintf("bindings[%d].binding_id", i),
				Message: "绑定编号已用于另外两个人", Detail: "is another pair's"})
		}
	}
	if len(fault.Fields) > 0 {
		return fault
	}
	return nil
}

// seed takes a snapshot in. People come first, so that a delta never names somebody it has not introduced.
func (c *Centre) seed(s settle.Snapshot) {
	for _, p := range s.People {
		if before := c.people[p.PsnNo]; before != nil {
			delete(c.byID, before.IDNumber)
			for _, card := range before.Cards {
				delete(c.byCard, card.Number)
			}
		}
		now := &person{p, c.changed()}
		c.people[p.PsnNo], c.byID[p.IDNumber] = now, now
		for _, card := range p.Cards {
			c.byCard[card.Number] = now
		}
	}
	for _, a := range s.Accounts {
		a.ContainsThrough = nil // it is written for the venue that asks
		c.accounts[a.PsnNo] = &account{a, c.changed()}
	}
	for _, b := range s.Bindings {
		if before := c.bindings[b.ID]; before != nil {
			*before = binding{b, c.changed()}
			continue
		}
		now := &binding{b, c.changed()}
		c.bindings[b.ID] = now
		c.bound[b.Giver] = append(c.bound[b.Giver], now)
		c.bound[b.Beneficiary] = append(c.bound[b.Beneficiary], now)
	}
}

// holder finds the person behind a credential.
func (c *Centre) holder(certType, number, identifier string) (*person, *settle.SnapshotCard, error) {
	switch certType {
	case "01":
		p, err := c.evoucher(number)
		return p, nil, err
	case "02":
		if p := c.byID[number]; p != nil {
			return p, nil, nil
		}
	case "03":
		if p := c.byCard[number]; p != nil {
			for i := range p.Cards {
				if card := &p.Cards[i]; card.Number == number && (identifier == "" || card.Identifier == identifier) {
					return p, card, nil
				}
			}
		}
	}
	return nil, nil, refusal("[PERSON] 未查询到参保人员信息")
}

// givers are the standing bindings for a patient on a day, in paying order.
func (c *Centre) givers(patient string, day settle.Date) []*binding {
	var list []*binding
	for _, b := range c.bound[patient] {
		if b.Beneficiary == patient && b.Active && b.ValidFrom <= day && (b.ValidTo == 0 || day <= b.ValidTo) {
			list = append(list, b)
		}
	}
	slices.SortFunc(list, func(a, b *binding) int {
		return cmp.Or(cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.ID, b.ID))
	})
	return list
}

// usable is what an account can pay now from each pot, in fen. Frozen quotas lie on the balance, or on the prior pot
// and then the current one.
func (a *account) usable() (balance, current, prior settle.Fen) {
	if a.Status.Locked() {
		return 0, 0, 0
	}
	free := func(pot, held settle.Fen) settle.Fen { return max(0, pot-held) }
	if !a.TwoPots {
		return free(a.Balance, a.Frozen), 0, 0
	}
	return 0, free(a.Current, max(0, a.Frozen-a.Prior)), free(a.Prior, a.Frozen)
}

// total is all the money in an account.
func (a *account) total() settle.Fen { return a.Balance + a.Current + a.Prior }

// pot is the place of a pot's money.
func (a *account) pot(pot settle.Pot) *settle.Fen {
	switch pot {
	case settle.PotCurrent:
		return &a.Current
	case settle.PotPrior:
		return &a.Prior
	}
	return &a.Balance
}
