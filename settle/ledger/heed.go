package ledger

import (
	"context"
	"errors"

	"gongji/settle"
)

// Heed takes news of the centre into the ledger in one transaction: cards, people and accounts that may pay no more, ended
// bindings, money that is kept for others. Whom the ledger does not know is passed over. Nothing becomes newer by it: the
// next snapshot replaces what the news said, whatever its time. News that the feed's cursor has passed changes nothing.
//
// The error is BAD_REQUEST for a status or an amount that is not possible, and the store's.
func (l *Ledger) Heed(ctx context.Context, n settle.News) error {
	if err := checkNews(&n); err != nil {
		return err
	}
	return l.write(ctx, func(t *tx) error {
		cursor, err := t.meta(metaCursor)
		if err != nil || passed(string(cursor), n.Through) {
			return err
		}
		a := &applying{
			tx: t, snapshot: &settle.Snapshot{ID: n.ID, CentreTime: n.CentreTime}, centre: millis(n.CentreTime), people: map[string]int64{},
		}
		for _, step := range []func(*settle.News) error{a.heedCards, a.heedPeople, a.heedAccounts, a.heedEnds} {
			if err := step(&n); err != nil {
				return err
			}
		}
		return a.endBindings()
	})
}

// passed reports whether a cursor has come as far as another. Cursors of one form are numbers of one length; of any other form
// nothing is known, and news is heeded rather than missed.
func passed(own, through string) bool {
	return len(own) == len(through) && own >= through && own != ""
}

func (a *applying) heedCards(n *settle.News) error {
	for _, card := range n.Cards {
		if _, err := a.person(card.PsnNo); err != nil { // a large snapshot may be on its way in: the holder comes first
			return err
		}
		err := a.run("UPDATE card SET status = ? WHERE hash = ?", card.Status, a.vault().hash(KindCard, card.Number+"|"+card.Identifier))
		if err != nil {
			return err
		}
	}
	return nil
}

// heedPeople writes the statuses, and what was known before into the history, as a snapshot does.
func (a *applying) heedPeople(n *settle.News) error {
	for _, p := range n.People {
		key, err := a.person(p.PsnNo)
		if err != nil {
			return err
		}
		if key == 0 {
			continue
		}
		was, err := a.personBy("id = ?", key)
		if err != nil {
			return err
		}
		if was.person.Status == p.Status {
			continue
		}
		a.changedPerson(key, stood{area: was.person.Area})
		err = a.run("INSERT INTO person_history (person, as_of, until, sealed, insurance, status, area) VALUES (?, ?, ?, ?, ?, ?, ?)",
			key, was.asOf, a.centre, was.sealed, was.person.Insurance, was.person.Status, was.person.Area)
		if err == nil {
			err = a.run("UPDATE person SET status = ? WHERE id = ?", p.Status, key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// heedAccounts locks accounts and raises what is kept. Of what all venues hold, this venue's own allowance, as far as the
// ledger knows it, is not kept from it.
func (a *applying) heedAccounts(n *settle.News) error {
	now := millis(a.ledger.clock.now())
	for _, account := range n.Accounts {
		key, err := a.person(account.PsnNo)
		if err != nil {
			return err
		}
		err = a.run(`UPDATE account SET status = CASE WHEN ?2 = 'normal' THEN status ELSE ?2 END, frozen = MAX(frozen, ?3),
			reserved = MAX(reserved, ?4 - CASE WHEN allowance_until > ?5 THEN allowance ELSE 0 END) WHERE person = ?1`,
			key, account.Status, account.Frozen, account.Held, now)
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *applying) heedEnds(n *settle.News) error {
	for _, ref := range n.EndedBinds {
		if err := a.run("UPDATE binding SET active = 0 WHERE ref = ?", ref); err != nil {
			return err
		}
	}
	for _, psnNo := range n.EndedPsnNo {
		if err := a.run("UPDATE person SET gone = 1 WHERE pid = ?", a.vault().hash(KindPerson, psnNo)); err != nil {
			return err
		}
	}
	return nil
}

var errNews = errors.New("the centre's news holds something that cannot be")

func checkNews(n *settle.News) error {
	fits := n.ID != "" && !n.CentreTime.IsZero()
	for _, p := range n.People {
		fits = fits && settle.KnownStatus(p.Status) && p.Status != settle.StatusNormal
	}
	for _, c := range n.Cards {
		fits = fits && (c.Status == settle.CardLost || c.Status == settle.CardExpired)
	}
	for _, a := range n.Accounts {
		fits = fits && settle.KnownStatus(a.Status) && inRange(a.Frozen, a.Held)
	}
	if !fits {
		return settle.NewError(settle.BadRequest, errNews)
	}
	return nil
}
