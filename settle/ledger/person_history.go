package ledger

import (
	"context"

	"gongji/settle"
)

// noteChange keeps what was known of a person where a snapshot of the person's now says something else: in the history, and
// for the end of bindings.
func (a *applying) noteChange(key int64, p *settle.SnapshotPerson) error {
	was, err := a.personBy("id = ?", key)
	if err != nil {
		return err
	}
	who, err := a.identity(&was)
	if err != nil {
		return err
	}
	told := was.person
	told.Insurance, told.Status, told.Area = p.Insurance, p.Status, p.Area
	if told.Status != was.person.Status || told.Area != was.person.Area {
		a.changedPerson(key, stood{area: was.person.Area})
	}
	if told == was.person && who.Certno == p.IDNumber && who.Name == p.Name {
		return nil
	}
	return a.run("INSERT INTO person_history (person, as_of, until, sealed, insurance, status, area) VALUES (?, ?, ?, ?, ?, ?, ?)",
		key, was.asOf, a.centre, was.sealed, was.person.Insurance, was.person.Status, was.person.Area)
}

// PersonHistory is what was known of a person before, the oldest first. PERSON_UNKNOWN.
func (l *Ledger) PersonHistory(ctx context.Context, id settle.PersonID) (list []settle.PersonBefore, err error) {
	err = l.read(ctx, func(t *tx) error {
		now, err := t.known(id)
		if err != nil {
			return err
		}
		next, err := t.identity(&now)
		if err != nil {
			return err
		}
		var identities []identity
		err = t.each("SELECT as_of, until, sealed, insurance, status, area FROM person_history WHERE person = ? ORDER BY id", []any{now.key},
			func(scan func(dest ...any) error) error {
				var b settle.PersonBefore
				var from, until int64
				var who identity
				row := personRow{}
				if err := scan(&from, &until, &row.sealed, &b.Insurance, &b.Status, &b.Area); err != nil {
					return err
				}
				who, err := t.identity(&row)
				b.From, b.Until, b.Masked = instant(from), instant(until), settle.MaskName(who.Name)
				list, identities = append(list, b), append(identities, who)
				return err
			})
		for i, who := range identities {
			after := next
			if i+1 < len(identities) {
				after = identities[i+1]
			}
			list[i].NumberChanged, list[i].NameChanged = who.Certno != after.Certno, who.Name != after.Name
		}
		return err
	})
	return list, err
}
