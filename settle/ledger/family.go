package ledger

import (
	"context"
	"database/sql"
	"slices"

	"gongji/settle"
)

// boundRow is a binding with both its people.
type boundRow struct {
	binding                        settle.Binding
	limitAll                       bool
	giver, beneficiary             int64
	giverMasked, beneficiaryMasked string
	giverArea                      string
	told                           told
}

const boundQuery = "SELECT " + bindingColumns + `, b.giver, b.beneficiary, g.pid, g.masked, g.area, p.pid, p.masked, b.told
	FROM binding b JOIN person g ON g.id = b.giver JOIN person p ON p.id = b.beneficiary WHERE b.active = 1 AND `

func (t *tx) bound(condition string, args ...any) (list []boundRow, err error) {
	err = t.each(boundQuery+condition, args, func(scan func(dest ...any) error) error {
		var r boundRow
		var limit sql.NullInt64
		var through int64
		var giver, beneficiary, sealed []byte
		b := &r.binding
		err := scan(&b.ID, &b.Relation, &b.Rank, &b.BoundAt, &b.ValidFrom, &b.ValidTo, &b.Mode, &b.QuotaTotal, &b.QuotaUsed,
			&limit, &b.LimitUsed, &r.limitAll, &through, &r.giver, &r.beneficiary, &giver, &r.giverMasked, &r.giverArea,
			&beneficiary, &r.beneficiaryMasked, &sealed)
		if err != nil {
			return err
		}
		r.told, err = t.openTold(sealed)
		b.Giver, b.Beneficiary, b.Limit = t.vault().personID(giver), t.vault().personID(beneficiary), capOf(limit)
		list = append(list, r)
		return err
	})
	return list, err
}

// family are the active bindings of a person on either side, those in which the person gives first. They are two queries,
// since one with OR would walk the whole table.
func (t *tx) family(person int64) ([]boundRow, error) {
	gives, err := t.bound("b.giver = ? ORDER BY b.rank, b.bound_at, b.ref", person)
	if err != nil {
		return nil, err
	}
	receives, err := t.bound("b.beneficiary = ? ORDER BY b.rank, b.bound_at, b.ref", person)
	return append(gives, receives...), err
}

// Bindings are the bindings in which a person gives, then those in which the person receives, each in bound order, and
// the requests about them that the centre has not answered. PERSON_UNKNOWN.
func (l *Ledger) Bindings(ctx context.Context, person settle.PersonID) (view settle.FamilyView, err error) {
	err = l.read(ctx, func(t *tx) error {
		row, err := t.known(person)
		if err != nil {
			return err
		}
		rows, err := t.family(row.key)
		if err != nil {
			return err
		}
		today := settle.DateOf(l.options.Clock())
		ended, err := t.endedViews(row.key)
		if err != nil {
			return err
		}
		for i := range rows {
			if !slices.ContainsFunc(ended, func(v settle.BindingView) bool { return v.ID == rows[i].binding.ID }) {
				view.Bindings = append(view.Bindings, t.bindingView(&rows[i], row.key, today))
			}
		}
		if err := t.explainEnds(ended, today); err != nil {
			return err
		}
		view.Bindings = append(view.Bindings, ended...)
		view.Households = households(&row, view.Bindings)
		view.Open, err = t.requests("(q.giver = ?1 OR q.beneficiary = ?1) AND q.state = ?2 ORDER BY q.id",
			row.key, settle.RequestPending)
		return err
	})
	return view, err
}

func (t *tx) bindingView(r *boundRow, person int64, today settle.Date) settle.BindingView {
	view := settle.BindingView{Binding: r.binding, AsGiver: r.giver == person, LimitAll: r.limitAll, State: "active", AuthMethod: r.told.AuthMethod, Network: r.told.Network}
	view.Other = settle.Party{Person: r.binding.Beneficiary, Masked: r.beneficiaryMasked, Relation: r.binding.Relation}
	if !view.AsGiver {
		view.Other = settle.Party{
			Person: r.binding.Giver, Masked: r.giverMasked, Relation: r.binding.Relation, GiverRef: t.vault().giverRef(r.binding.ID),
		}
	}
	switch {
	case today < r.binding.ValidFrom:
		view.State = "not_yet"
	case r.binding.ValidTo != 0 && today > r.binding.ValidTo:
		view.State = "expired"
	}
	return view
}

// bindingFacts gathers what the check of a request depends on. A request to bind that waits for the centre counts as a
// binding, or a family could ask for more members than it may have before the first answer comes.
func (t *tx) bindingFacts(request *settle.BindingRequest, giver, beneficiary *personRow, day settle.Date) (settle.BindingFacts, error) {
	f := settle.BindingFacts{Day: day, Giver: giver.person, Beneficiary: beneficiary.person, Request: *request}
	var err error
	if f.GiverBindings, err = t.counted(giver.key); err != nil {
		return f, err
	}
	if f.BeneficiaryBindings, err = t.counted(beneficiary.key); err != nil {
		return f, err
	}
	err = t.get(`SELECT COUNT(DISTINCT beneficiary), COALESCE(MAX(beneficiary = ?), 0) FROM binding WHERE giver = ?`,
		[]any{beneficiary.key, giver.key}, &f.GiverLifetime, &f.BoundBefore)
	if err != nil {
		return f, err
	}
	rows, err := t.family(beneficiary.key)
	var others []int64
	for i := range rows {
		r := &rows[i]
		if r.beneficiary == beneficiary.key && r.giver != giver.key && r.giverArea != beneficiary.person.Area &&
			!slices.Contains(others, r.giver) {
			others = append(others, r.giver)
		}
	}
	f.CrossPoolGivers = len(others)
	return f, err
}

// counted are the bindings of a person and those that are asked for.
func (t *tx) counted(person int64) ([]settle.Binding, error) {
	rows, err := t.family(person)
	if err != nil {
		return nil, err
	}
	list := make([]settle.Binding, 0, len(rows))
	for i := range rows {
		list = append(list, rows[i].binding)
	}
	open, err := t.requests("(q.giver = ?1 OR q.beneficiary = ?1) AND q.state = ?2 AND q.action = ?3 ORDER BY q.id",
		person, settle.RequestPending, settle.BindingBind)
	for i := range open {
		q := &open[i].BindingRequest
		list = append(list, settle.Binding{Giver: q.Giver, Beneficiary: q.Beneficiary, Relation: q.Relation, Rank: q.Rank, ValidTo: q.ValidTo})
	}
	return list, err
}
