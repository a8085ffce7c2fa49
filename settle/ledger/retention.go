package ledger

import (
	"context"
	"errors"
	"time"

	"github.com/mattn/go-sqlite3"

	"gongji/settle"
)

// pruneBatch is how much one transaction of [Ledger.Prune] removes: little enough that a till does not notice it.
const pruneBatch = 50

// Pruned is what a pruning removed.
type Pruned struct {
	Messages  int // bodies of messages to the centre
	Incidents int // lines of the audit record
	People    int // whom the centre has ended, and with whom nothing was ever settled
	Names     int // of people whom the centre has ended, and of whom all records are older
}

// Prune removes what the time of keeping records does not cover and nothing depends on: from before a time, the bodies of
// messages whose report is done (their outcome stays in the chain), lines of the audit record, and people whom the centre
// has ended and of whom there is no record.
//
// Of people whom the centre has ended and of whom every record is older, the name, the identity number and the cards go: what
// was settled stays, under a name that means nothing outside of the chain.
//
// Records of money are never removed: settlements, returns, premiums, requests, adjustments and the outcomes of messages
// are in the hash chain, each over the one before, with the masked name that was on the slip. Nothing that is removed is in
// the chain, so that it verifies afterwards as before, without a mark in place of what is gone.
//
// It works in small transactions that let everybody else go first. On an error, what was removed before stays removed.
func (l *Ledger) Prune(ctx context.Context, before time.Time) (p Pruned, err error) {
	for _, part := range []struct {
		count *int
		run   func(context.Context, time.Time) (int, error)
	}{{&p.Messages, l.pruneBodies}, {&p.Incidents, l.pruneIncidents}, {&p.People, l.prunePeople}, {&p.Names, l.pruneNames}} {
		if *part.count, err = part.run(ctx, before); err != nil {
			return p, storeError(err)
		}
	}
	return p, nil
}

// pruneBodies looks for old messages beside the writer, and empties them by name.
func (l *Ledger) pruneBodies(ctx context.Context, before time.Time) (n int, err error) {
	after := ""
	for {
		var found []string
		err := l.read(ctx, func(t *tx) error {
			return t.each(`SELECT d.msgid FROM dispatch d JOIN report r ON r.id = d.report WHERE d.msgid > ? AND d.sent < ? AND d.ended > 0
				AND r.done = 1 AND length(d.body) > 0 ORDER BY d.msgid LIMIT ?`, []any{after, millis(before), pruneBatch},
				func(scan func(dest ...any) error) error {
					var msgid string
					err := scan(&msgid)
					found = append(found, msgid)
					return err
				})
		})
		if err != nil || len(found) == 0 {
			return n, err
		}
		after = found[len(found)-1]
		err = l.writeLate(ctx, func(t *tx) error {
			for _, msgid := range found {
				if err := t.run("UPDATE dispatch SET body = x'' WHERE msgid = ?", msgid); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return n, err
		}
		n += len(found)
	}
}

func (l *Ledger) pruneIncidents(ctx context.Context, before time.Time) (n int, err error) {
	for {
		removed := int64(0)
		err := l.writeLate(ctx, func(t *tx) error {
			result, err := t.exec("DELETE FROM incident WHERE id IN (SELECT id FROM incident WHERE at < ? ORDER BY id LIMIT ?)", millis(before), pruneBatch)
			if err != nil {
				return err
			}
			removed, err = result.RowsAffected()
			return err
		})
		if err != nil || removed == 0 {
			return n, err
		}
		n += int(removed)
	}
}

// prunePeople tries to remove everybody who was ended long ago. Whoever is named by any record stays: the database's own
// references decide that, and put back what was removed of them.
func (l *Ledger) prunePeople(ctx context.Context, before time.Time) (n int, err error) {
	after := int64(0)
	for {
		var found []int64
		err := l.read(ctx, func(t *tx) error {
			return t.each("SELECT id FROM person WHERE id > ? AND gone = 1 AND as_of < ? ORDER BY id LIMIT ?", []any{after, millis(before), pruneBatch},
				func(scan func(dest ...any) error) error {
					var id int64
					err := scan(&id)
					found = append(found, id)
					return err
				})
		})
		if err != nil || len(found) == 0 {
			return n, err
		}
		after = found[len(found)-1]
		for _, id := range found {
			switch err := l.writeLate(ctx, func(t *tx) error { return t.forget(id, before) }); {
			case err == nil:
				n++
			case !referred(err):
				return n, err
			}
		}
	}
}

func (t *tx) forget(person int64, before time.Time) error {
	for _, text := range []string{
		"DELETE FROM binding WHERE (giver = ?1 OR beneficiary = ?1) AND active = 0 AND as_of < ?2",
		"DELETE FROM card WHERE person = ?1 AND as_of < ?2", "DELETE FROM account WHERE person = ?1 AND as_of < ?2",
		"DELETE FROM usage WHERE person = ?1 AND as_of < ?2", "DELETE FROM person_history WHERE person = ?1 AND as_of < ?2",
		"DELETE FROM person WHERE id = ?1 AND gone = 1 AND as_of < ?2",
	} {
		if err := t.run(text, person, millis(before)); err != nil {
			return err
		}
	}
	return nil
}

// maskedGone stands where the name of somebody was who is not known any more.
const maskedGone = "***"

// lately finds people of whom there is a record that is not older, or anything open. ?1 is the person, ?2 the time, ?3 its day.
const lately = `EXISTS (SELECT 1 FROM settlement WHERE person = ?1 AND day >= ?3)
	OR EXISTS (SELECT 1 FROM posting WHERE (person = ?1 OR patient = ?1) AND day >= ?3)
	OR EXISTS (SELECT 1 FROM report WHERE person = ?1 AND (done = 0 OR created >= ?2))
	OR EXISTS (SELECT 1 FROM request WHERE (giver = ?1 OR beneficiary = ?1) AND at >= ?2)
	OR EXISTS (SELECT 1 FROM premium WHERE (payer = ?1 OR beneficiary = ?1) AND at >= ?2)
	OR EXISTS (SELECT 1 FROM binding WHERE (giver = ?1 OR beneficiary = ?1) AND (active = 1 OR as_of >= ?2))
	OR EXISTS (SELECT 1 FROM intent WHERE person = ?1 AND (state = 'sent' OR sent >= ?2))
	OR EXISTS (SELECT 1 FROM attention a JOIN settlement s ON s.id = a.settlement WHERE s.person = ?1 AND a.closed IS NULL)`

// pruneNames forgets who people were of whom every record is older.
func (l *Ledger) pruneNames(ctx context.Context, before time.Time) (n int, err error) {
	after := int64(0)
	for {
		var found []int64
		err := l.read(ctx, func(t *tx) (err error) {
			found, err = t.records("SELECT id FROM person WHERE id > ? AND gone = 1 AND as_of < ? AND masked <> ? ORDER BY id LIMIT ?",
				after, millis(before), maskedGone, pruneBatch)
			return err
		})
		if err != nil || len(found) == 0 {
			return n, err
		}
		after = found[len(found)-1]
		for _, id := range found {
			forgotten := false
			err := l.writeLate(ctx, func(t *tx) (err error) {
				forgotten, err = t.unname(id, before)
				return err
			})
			if err != nil {
				return n, err
			}
			if forgotten {
				n++
			}
		}
	}
}

func (t *tx) unname(person int64, before time.Time) (bool, error) {
	kept := false
	if err := t.get("SELECT "+lately, []any{person, millis(before), settle.DateOf(before)}, &kept); err != nil || kept {
		return false, err
	}
	nobody, err := t.vault().sealJSON(KindPerson, identity{})
	if err != nil {
		return false, err
	}
	return true, errors.Join(
		t.run("UPDATE person SET sealed = ?, certno = zeroblob(16), masked = ? WHERE id = ? AND gone = 1", nobody, maskedGone, person),
		t.run("DELETE FROM card WHERE person = ?", person),
		t.run("DELETE FROM person_history WHERE person = ?", person),
		t.run(`DELETE FROM found WHERE settlement IN (SELECT id FROM settlement WHERE person = ?) AND word IN (SELECT id FROM word WHERE kind = ?)`,
			person, wordName),
		t.run("DELETE FROM word WHERE kind = ? AND NOT EXISTS (SELECT 1 FROM found f WHERE f.word = word.id)", wordName),
	)
}

// referred reports whether a row could not go since another one refers to it.
func referred(err error) bool {
	var fault sqlite3.Error
	return errors.As(err, &fault) && fault.Code == sqlite3.ErrConstraint
}
