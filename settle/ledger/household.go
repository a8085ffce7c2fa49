package ledger

import "gongji/settle"

// told is what the centre tells of a binding beside what decides, as it is sealed in the binding's row.
type told struct {
	AuthMethod string `json:"auth_method,omitempty"`
	Network    string `json:"network,omitempty"`
}

// sealTold is the column of what was told; nil where nothing was.
func (t *tx) sealTold(b *settle.SnapshotBinding) ([]byte, error) {
	if b.AuthMethod == "" && b.Network == "" {
		return nil, nil
	}
	return t.vault().sealJSON(KindNote, told{b.AuthMethod, b.Network})
}

func (t *tx) openTold(sealed []byte) (what told, err error) {
	if len(sealed) == 0 {
		return what, nil
	}
	return what, t.vault().unsealJSON(KindNote, sealed, &what)
}

// households are the household networks (家庭共济网) of a person's bindings, in the order of the bindings: the holder is the giver,
// the members are those the holder gives to within the network (S-247). A member sees the holder and itself.
func households(person *personRow, bindings []settle.BindingView) (list []settle.Household) {
	at := map[string]int{}
	for i := range bindings {
		b := &bindings[i]
		if b.Network == "" || b.State == "ended" {
			continue
		}
		holder, member := person.person.Masked, b.Other
		if !b.AsGiver {
			holder, member = b.Other.Masked, settle.Party{Person: person.person.ID, Masked: person.person.Masked, Relation: b.Relation}
		}
		n, known := at[b.Network+"\x00"+holder]
		if !known {
			n = len(list)
			at[b.Network+"\x00"+holder] = n
			list = append(list, settle.Household{Network: b.Network, Holder: holder, IsHolder: b.AsGiver})
		}
		list[n].Members = append(list[n].Members, member)
	}
	return list
}
