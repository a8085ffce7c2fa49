package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"

	"gongji/settle"
)

// identity is what is sealed of a person.
type identity struct {
	PsnNo  string `json:"psn_no"`
	Certno string `json:"certno"`
	Name   string `json:"name"`
}

// personRow is a person as stored.
type personRow struct {
	key    int64
	asOf   int64
	gone   bool
	sealed []byte
	person settle.Person
	// account was read with the person, to spare a statement; its columns are NULL where there is none. nil: it was not.
	account *accountScan
}

const personColumns = "id, pid, sealed, masked, insurance, status, area, waiting, as_of, gone"

func (p *personRow) dest(pid *[]byte) []any {
	return []any{&p.key, pid, &p.sealed, &p.person.Masked, &p.person.Insurance, &p.person.Status, &p.person.Area,
		&p.person.Waiting, &p.asOf, &p.gone}
}

func (t *tx) scanPerson(scan func(dest ...any) error) (p personRow, err error) {
	var pid []byte
	err = scan(p.dest(&pid)...)
	p.person.ID = t.vault().personID(pid)
	return p, err
}

func (t *tx) personBy(query string, arg any) (p personRow, err error) {
	if key, is := arg.([]byte); is {
		if query == "pid = ?" {
			err = t.catchUp(key)
		} else {
			err = t.catchUpKey(key, "SELECT pid FROM person WHERE certno = ?")
		}
		if err != nil {
			return p, err
		}
	}
	err = t.each("SELECT "+personColumns+" FROM person WHERE "+query, []any{arg},
		func(scan func(dest ...any) error) (err error) {
			p, err = t.scanPerson(scan)
			return err
		})
	if err == nil && p.key == 0 {
		err = sql.ErrNoRows
	}
	return p, err
}

// known is a person whom the ledger still covers; PERSON_UNKNOWN otherwise.
func (t *tx) known(id settle.PersonID) (personRow, error) {
	pid, ok := t.vault().pid(id)
	if !ok {
		return personRow{}, settle.NewError(settle.PersonUnknown, nil)
	}
	if err := t.catchUp(pid); err != nil {
		return personRow{}, err
	}
	p, column := personRow{account: &accountScan{}}, []byte(nil)
	err := t.get(`SELECT p.id, p.pid, p.sealed, p.masked, p.insurance, p.status, p.area, p.waiting, p.as_of, p.gone, `+accountColumns+`
		FROM person p LEFT JOIN account a ON a.person = p.id WHERE p.pid = ?`, []any{pid}, append(p.dest(&column), p.account.dest()...)...)
	if errors.Is(err, sql.ErrNoRows) || (err == nil && p.gone) {
		return personRow{}, settle.NewError(settle.PersonUnknown, nil)
	}
	p.person.ID = t.vault().personID(column)
	return p, err
}

// identity opens the sealed part of a person.
func (t *tx) identity(p *personRow) (who identity, err error) {
	data, err := t.vault().unseal(KindPerson, p.sealed)
	if err != nil {
		return who, err
	}
	if !who.plain(data) && json.Unmarshal(data, &who) != nil {
		return identity{}, errors.New("a sealed person does not decode")
	}
	return who, nil
}

// plain reads what was written of an identity without anything that JSON escapes, which nearly all are; it is called for
// everybody of a family in every sale.
func (who *identity) plain(data []byte) bool {
	rest, members := string(data), [...]struct {
		before string
		into   *string
	}{{`{"psn_no":"`, &who.PsnNo}, {`","certno":"`, &who.Certno}, {`","name":"`, &who.Name}}
	if strings.ContainsRune(rest, '\\') {
		return false
	}
	for i := range members {
		var is bool
		if rest, is = strings.CutPrefix(rest, members[i].before); !is {
			return false
		}
		end := strings.IndexByte(rest, '"')
		if end < 0 {
			return false
		}
		*members[i].into, rest = rest[:end], rest[end:]
	}
	return rest == `"}` && utf8.Valid(data)
}

// Person is a person by id; PERSON_UNKNOWN where the ledger has none, or the centre has ended it.
func (l *Ledger) Person(ctx context.Context, id settle.PersonID) (person settle.Person, err error) {
	err = l.lookUp(ctx, func(t *tx) error {
		row, err := t.known(id)
		person = row.person
		return err
	})
	return person, err
}

// PersonByNumber finds a person by Index(KindCertno, number); PERSON_UNKNOWN where the ledger has none. Of several
// person numbers under one identity number the one that the centre spoke of last is meant.
func (l *Ledger) PersonByNumber(ctx context.Context, hash string) (person settle.Person, err error) {
	certno, ok := decodeIndex(hash)
	if !ok {
		return person, settle.NewError(settle.PersonUnknown, nil)
	}
	err = l.lookUp(ctx, func(t *tx) error {
		row, err := t.personBy("certno = ? AND gone = 0 ORDER BY as_of DESC, id DESC LIMIT 1", t.vault().column(certno))
		if errors.Is(err, sql.ErrNoRows) {
			return settle.NewError(settle.PersonUnknown, nil)
		}
		person = row.person
		return err
	})
	return person, err
}

// CardByHash finds a card by Index(KindCard, number+"|"+identifier); ok is false where the ledger has none.
func (l *Ledger) CardByHash(ctx context.Context, hash string) (card settle.Card, ok bool, err error) {
	err = l.lookUp(ctx, func(t *tx) (err error) {
		card, ok, err = t.card(hash)
		return err
	})
	return card, ok, err
}

func (t *tx) card(hash string) (card settle.Card, ok bool, err error) {
	name, valid := decodeIndex(hash)
	if !valid {
		return card, false, nil
	}
	key := t.vault().column(name)
	if err := t.catchUpKey(key, "SELECT p.pid FROM card c JOIN person p ON p.id = c.person WHERE c.hash = ?"); err != nil {
		return card, false, err
	}
	var pid []byte
	err = t.get(`SELECT p.pid, c.status, c.expires FROM card c JOIN person p ON p.id = c.person WHERE c.hash = ?`,
		[]any{key}, &pid, &card.Status, &card.Expires)
	if errors.Is(err, sql.ErrNoRows) {
		return card, false, nil
	}
	card.Owner = t.vault().personID(pid)
	return card, err == nil, err
}

// Accounts are the accounts that a person's card opens: the own one first, then the givers' in bound order. Available
// is what the account could pay now under no limits but its own; a wallet binding shows what is left of its quota.
func (l *Ledger) Accounts(ctx context.Context, person settle.PersonID) (views []settle.AccountView, err error) {
	err = l.read(ctx, func(t *tx) error {
		patient, err := t.known(person)
		if err != nil {
			return err
		}
		rules, err := l.options.RulesFor(settle.DateOf(l.options.Clock()))
		if err != nil {
			return err
		}
		holders, err := t.holders(rules, &patient)
		if err != nil {
			return err
		}
		for _, h := range holders {
			if h.hasAccount {
				views = append(views, h.view())
			}
		}
		return nil
	})
	return views, err
}

// GiverByRef turns the opaque giver_ref of a quote back into the giver; ok is false for a foreign reference.
func (l *Ledger) GiverByRef(ctx context.Context, patient settle.PersonID, ref string) (giver settle.PersonID, ok bool, err error) {
	err = l.read(ctx, func(t *tx) error {
		row, err := t.known(patient)
		if err != nil {
			return err
		}
		return t.each(`SELECT b.ref, p.pid FROM binding b JOIN person p ON p.id = b.giver
			WHERE b.beneficiary = ? AND b.active = 1`, []any{row.key}, func(scan func(dest ...any) error) error {
			var binding string
			var pid []byte
			if err := scan(&binding, &pid); err != nil {
				return err
			}
			if l.vault().giverRef(binding) == ref {
				giver, ok = t.vault().personID(pid), true
			}
			return nil
		})
	})
	return giver, ok, err
}
