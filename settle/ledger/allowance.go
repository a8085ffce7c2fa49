package ledger

import (
	"context"
	"time"

	"gongji/settle"
)

// allowanceBatch is how many allowances one transaction gives back, and how many are told to the centre at once.
const allowanceBatch = 500

// ReturnAllowances gives up the allowances that end at an instant or before it, and lists what the centre has to be told:
// the oldest 500 of which it has not yet acknowledged the return. From this call on they are not spent, whatever
// becomes of the message. What was spent of an allowance and is not in the balance yet stays set aside for the report; the
// unspent rest goes back. A zero instant gives up nothing more.
func (l *Ledger) ReturnAllowances(ctx context.Context, endingBy time.Time) (list []settle.AllowanceReturn, err error) {
	if !endingBy.IsZero() {
		err := l.write(ctx, func(t *tx) error { return t.giveUpAllowances(millis(endingBy)) })
		if err != nil {
			return nil, err
		}
	}
	err = l.read(ctx, func(t *tx) error {
		list = nil
		return t.each(`SELECT p.sealed, r.until, r.unspent FROM allowance_return r JOIN person p ON p.id = r.person
			ORDER BY r.until, r.person LIMIT ?`, []any{allowanceBatch}, func(scan func(dest ...any) error) error {
			var p personRow
			var until int64
			var unspent settle.Fen
			if err := scan(&p.sealed, &until, &unspent); err != nil {
				return err
			}
			who, err := t.identity(&p)
			list = append(list, settle.AllowanceReturn{PsnNo: who.PsnNo, Until: instant(until), Unspent: unspent})
			return err
		})
	})
	return list, err
}

// giveUpAllowances marks allowances as given back and notes what of them is unspent: less every debit that the balance
// does not contain yet.
func (t *tx) giveUpAllowances(endingBy int64) error {
	type held struct {
		person, until, contains int64
		amount                  settle.Fen
	}
	var all []held
	err := t.each(`SELECT person, allowance, allowance_until, contains FROM account
		WHERE allowance > 0 AND allowance_until > returned AND allowance_until <= ? ORDER BY allowance_until LIMIT ?`,
		[]any{endingBy, allowanceBatch}, func(scan func(dest ...any) error) error {
			var h held
			err := scan(&h.person, &h.amount, &h.until, &h.contains)
			all = append(all, h)
			return err
		})
	if err != nil {
		return err
	}
	for _, h := range all {
		var debited settle.Fen
		err := t.get(`SELECT COALESCE(SUM(amount), 0) FROM posting WHERE person = ? AND centre > ? AND amount > 0 AND pot NOT IN (?, ?)`,
			[]any{h.person, h.contains, string(settle.PotQuota), string(settle.PotAgency)}, &debited)
		if err != nil {
			return err
		}
		if err := t.run("UPDATE account SET returned = ? WHERE person = ?", h.until, h.person); err != nil {
			return err
		}
		if h.amount <= debited {
			continue
		}
		err = t.run("INSERT INTO allowance_return (person, until, unspent) VALUES (?, ?, ?)", h.person, h.until, h.amount-debited)
		if err != nil {
			return err
		}
	}
	return nil
}

// AllowancesReturned takes note that the centre has heard of returns.
func (l *Ledger) AllowancesReturned(ctx context.Context, heard []settle.AllowanceReturn) error {
	return l.write(ctx, func(t *tx) error {
		for _, r := range heard {
			err := t.run("DELETE FROM allowance_return WHERE until = ? AND person = (SELECT id FROM person WHERE pid = ?)",
				millis(r.Until), t.vault().hash(KindPerson, r.PsnNo))
			if err != nil {
				return err
			}
		}
		return nil
	})
}
