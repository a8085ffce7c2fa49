package centre

import (
	"cmp"
	"maps"
	"slices"
)

// The kinds of changes that a delta tells of. What it says of them is how they are when it is asked.
const (
	changedPerson  = "p"
	changedAccount = "a"
	changedBinding = "b"
)

func compareChanges(a, b Change) int {
	return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key))
}

// tell makes the next delta name something.
func (w *work) tell(kind, key string) {
	w.change++ // numbers on a Store are given after the commit; this one tells only that there is something
	w.noted[Change{Kind: kind, Key: key}] = w.change
}

// changedSince lists the changes after one, oldest first.
func (w *work) changedSince(since uint64, limit int) (Changes, error) {
	if w.tx != nil {
		return w.tx.Changes(w.ctx, since, limit)
	}
	list := Changes{Latest: w.change}
	for change, at := range maps.All(w.noted) {
		if at > since {
			change.At = at
			list.Numbered = append(list.Numbered, change)
		}
	}
	slices.SortFunc(list.Numbered, compareChanges)
	if list.More = len(list.Numbered) > limit; list.More {
		list.Numbered = list.Numbered[:limit]
	}
	return list, nil
}
