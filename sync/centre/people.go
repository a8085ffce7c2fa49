package centre

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"gongji/settle"
)

// person, account and binding are what a snapshot says.
type person struct{ settle.SnapshotPerson }

type account struct{ settle.SnapshotAccount }

type binding struct {
	settle.SnapshotBinding
	Ended bool // by name: the delta names it as ended
}

// MarshalJSON writes a person for a Store. Dates that are not set are left out, since no date has no text.
func (p *person) MarshalJSON() ([]byte, error) {
	out := storedPerson{SnapshotPerson: p.SnapshotPerson}
	for _, card := range p.Cards {
		out.Cards = append(out.Cards, storedCard{card, card.Expires})
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (p *person) UnmarshalJSON(data []byte) error {
	var in storedPerson
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	p.SnapshotPerson = in.SnapshotPerson
	p.Cards = nil
	for _, card := range in.Cards {
		card.SnapshotCard.Expires = card.Expires
		p.Cards = append(p.Cards, card.SnapshotCard)
	}
	return nil
}

// storedPerson and the others shadow the members that may be without a date.
type storedPerson struct {
	settle.SnapshotPerson
	Cards []storedCard
}

type storedCard struct {
	settle.SnapshotCard
	Expires settle.Date `json:",omitzero"`
}

type storedBinding struct {
	settle.SnapshotBinding
	BoundAt, ValidFrom, ValidTo settle.Date `json:",omitzero"`
	Ended                       bool        `json:",omitempty"`
}

// MarshalJSON writes a binding for a Store.
func (b *binding) MarshalJSON() ([]byte, error) {
	return json.Marshal(storedBinding{b.SnapshotBinding, b.BoundAt, b.ValidFrom, b.ValidTo, b.Ended})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (b *binding) UnmarshalJSON(data []byte) error {
	var in storedBinding
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	b.SnapshotBinding, b.Ended = in.SnapshotBinding, in.Ended
	b.SnapshotBinding.BoundAt, b.SnapshotBinding.ValidFrom, b.SnapshotBinding.ValidTo = in.BoundAt, in.ValidFrom, in.ValidTo
	return nil
}

// complete checks that whoever a seed mentions is known from it or from before.
func (w *work) complete(s *settle.Snapshot) error {
	named := map[string]bool{}
	for _, p := range s.People {
		named[p.PsnNo] = true
	}
	known := func(psn string) bool {
		return named[psn] || w.people.has(psn)
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
		if before := w.bindings.at(b.ID); before != nil && (before.Giver != b.Giver || before.Beneficiary != b.Beneficiary) {
			fault.Fields = append(fault.Fields, settle.FieldFault{Field: fmt.Sprintf("bindings[%d].binding_id", i),
				Message: "绑定编号已用于另外两个人", Detail: "is another pair's"})
		}
	}
	if len(fault.Fields) > 0 {
		return fault
	}
	return nil
}

// touchPerson makes the next delta name a person.
func (w *work) touchPerson(psn string) {
	if w.people.has(psn) {
		w.tell(changedPerson, psn)
	}
}

// seed takes a snapshot in. People come first, so that a delta never names somebody it has not introduced.
func (w *work) seed(s settle.Snapshot) {
	for _, p := range s.People {
		if before := w.people.at(p.PsnNo); before != nil {
			w.takeCards(before)
		}
		w.people.put(p.PsnNo, &person{p})
		w.tell(changedPerson, p.PsnNo)
		for _, card := range p.Cards {
			w.cards.put(card.Number, p.PsnNo)
		}
	}
	for _, a := range s.Accounts {
		a.ContainsThrough = nil // it is written for the venue that asks
		a.Allowance, a.AllowanceUntil = 0, time.Time{}
		w.accounts.put(a.PsnNo, &account{a})
		w.tell(changedAccount, a.PsnNo)
	}
	for _, b := range s.Bindings {
		w.bindings.put(b.ID, &binding{SnapshotBinding: b})
		w.tell(changedBinding, b.ID)
	}
	w.end(&s)
}

// takeCards forgets whose cards a person's are.
func (w *work) takeCards(p *person) {
	for _, card := range p.Cards {
		if w.cards.at(card.Number) == p.PsnNo {
			w.cards.drop(card.Number)
		}
	}
}

// bound are the bindings in which a person gives or takes.
func (w *work) bound(psn string) []*binding {
	return append(w.bindings.find("giver", psn), w.bindings.find("beneficiary", psn)...)
}

// askHolder is what holder will look at.
func (w *work) askHolder(certType, number string) []ask {
	switch certType {
	case "02":
		return []ask{{w.people, "certno", []string{number}}}
	case "03":
		return []ask{{w.cards, "", []string{number}}}
	}
	return nil
}

// holder finds the person behind a credential.
func (w *work) holder(certType, number, identifier string) (*person, *settle.SnapshotCard, error) {
	switch certType {
	case "01":
		p, err := w.evoucher(number)
		return p, nil, err
	case "02":
		if found := w.people.find("certno", number); len(found) > 0 {
			return found[len(found)-1], nil, nil
		}
	case "03":
		if p := w.people.at(w.cards.at(number)); p != nil {
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
func (w *work) givers(patient string, day settle.Date) []*binding {
	var list []*binding
	for _, b := range w.bindings.find("beneficiary", patient) {
		if b.Active && b.ValidFrom <= day && (b.ValidTo == 0 || day <= b.ValidTo) {
			list = append(list, b)
		}
	}
	slices.SortFunc(list, func(a, b *binding) int {
		return cmp.Or(cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.ID, b.ID))
	})
	return list
}

// usable is what an account can pay now from each pot, in fen, with so much held for others. Held money and frozen quotas lie on the balance, or on the prior pot
// and then the current one, and then the mutual account.
func (a *account) usable(held settle.Fen) map[settle.Pot]settle.Fen {
	held += a.Frozen
	if a.Status.Locked() {
		return nil
	}
	free := func(pot, held settle.Fen) settle.Fen { return max(0, pot-held) }
	if !a.TwoPots {
		return map[settle.Pot]settle.Fen{settle.PotBalance: free(a.Balance, held)}
	}
	return map[settle.Pot]settle.Fen{
		settle.PotPrior: free(a.Prior, held), settle.PotCurrent: free(a.Current, max(0, held-a.Prior)),
		settle.PotMutual: free(a.Mutual, max(0, held-a.Prior-a.Current)),
	}
}

// free is what an account can pay now from all pots, in fen, with so much held for others.
func (a *account) free(held settle.Fen) (sum settle.Fen) {
	for _, amount := range a.usable(held) {
		sum += amount
	}
	return sum
}

// total is all the money in an account.
func (a *account) total() settle.Fen { return a.Balance + a.Current + a.Prior + a.Mutual }

// pot is the place of a pot's money.
func (a *account) pot(pot settle.Pot) *settle.Fen {
	switch pot {
	case settle.PotCurrent:
		return &a.Current
	case settle.PotPrior:
		return &a.Prior
	case settle.PotMutual:
		return &a.Mutual
	}
	return &a.Balance
}
