package ledger

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"gongji/settle"
)

// holder is an account holder as one patient's bill sees them.
type holder struct {
	key        int64
	party      settle.Party
	hasAccount bool
	account    settle.Account  // available here and now
	binding    *settle.Binding // nil for the own account
	asOf       int64           // centre time of the account's snapshot, ms
	contains   int64           // centre time through which the account contains us, ms
	through    int64           // the same of the binding
	allowance  settle.Fen      // what the centre still guarantees, own uncontained postings taken off
	year       int             // account year that the pots are laid out for
}

// accountRow is an account as stored: the last snapshot's word.
type accountRow struct {
	account        settle.Account
	reserved       settle.Fen
	allowance      settle.Fen
	allowanceUntil int64
	returned       int64 // every allowance that ends by then was given back
	contains       int64
	asOf           int64
	gone           bool
}

const accountColumns = `a.status, a.two_pots, a.balance, a.current, a.prior, a.mutual, a.frozen, a.reserved, a.limit_max, a.limit_used,
	a.allowance, a.allowance_until, a.returned, a.contains, a.as_of, a.gone`

// accountScan holds the columns of an outer join, any of which may be NULL.
type accountScan struct {
	status                                         sql.NullString
	twoPots, gone                                  sql.NullBool
	balance, current, prior, frozen, reserved      sql.NullInt64
	mutual                                         sql.NullInt64
	limitMax, limitUsed, allowance, allowanceUntil sql.NullInt64
	contains, asOf, returned                       sql.NullInt64
}

func (s *accountScan) dest() []any {
	return []any{&s.status, &s.twoPots, &s.balance, &s.current, &s.prior, &s.mutual, &s.frozen, &s.reserved, &s.limitMax, &s.limitUsed,
		&s.allowance, &s.allowanceUntil, &s.returned, &s.contains, &s.asOf, &s.gone}
}

func (s *accountScan) row() (accountRow, bool) {
	return accountRow{
		account: settle.Account{
			Status: settle.Status(s.status.String), TwoPots: s.twoPots.Bool, Balance: settle.Fen(s.balance.Int64),
			Current: settle.Fen(s.current.Int64), Prior: settle.Fen(s.prior.Int64), Mutual: settle.Fen(s.mutual.Int64),
			Frozen: settle.Fen(s.frozen.Int64),
			Limit:  capOf(s.limitMax), LimitUsed: settle.Fen(s.limitUsed.Int64),
		},
		reserved: settle.Fen(s.reserved.Int64), allowance: settle.Fen(s.allowance.Int64),
		allowanceUntil: s.allowanceUntil.Int64, returned: s.returned.Int64, contains: s.contains.Int64, asOf: s.asOf.Int64, gone: s.gone.Bool,
	}, s.status.Valid && !s.gone.Bool
}

// holders are the patient's own account, if there is one, and every bound giver, in bound order.
func (t *tx) holders(rules *settle.Rules, patient *personRow) ([]*holder, error) {
	var holders []*holder
	own, err := t.ownHolder(rules, patient)
	if err != nil {
		return nil, err
	}
	if own != nil {
		holders = append(holders, own)
	}
	givers, err := t.givers(rules, patient)
	if err != nil {
		return nil, err
	}
	holders = append(holders, givers...)
	return holders, t.subtractOwn(rules, patient.key, holders...)
}

func (t *tx) ownHolder(rules *settle.Rules, patient *personRow) (*holder, error) {
	s := patient.account
	if s == nil {
		s = &accountScan{}
		err := t.get("SELECT "+accountColumns+" FROM account a WHERE a.person = ?", []any{patient.key}, s.dest()...)
		if err != nil && !errors.Is(err, errNoRows) {
			return nil, err
		}
	}
	row, there := s.row()
	if !there {
		return nil, nil
	}
	h := &holder{key: patient.key, party: settle.Party{Person: patient.person.ID, Masked: patient.person.Masked}}
	return h, h.take(t, rules, patient, row)
}

// take fills the holder's account from its row, and lets the account year turn: a snapshot of last year knows last year's
// pots. Nothing is written, so reading twice turns nothing twice, before and after a restart, and the first snapshot of
// the new year takes over.
func (h *holder) take(t *tx, rules *settle.Rules, p *personRow, row accountRow) error {
	who, err := t.identity(p)
	if err != nil {
		return err
	}
	h.hasAccount, h.account, h.asOf, h.contains = true, row.account, row.asOf, row.contains
	h.account.ID, h.account.Name, h.account.Area = p.person.ID, who.Name, p.person.Area
	if p.gone {
		h.account.Status = settle.StatusEnded
	}
	told, today := settle.DateOf(instant(row.asOf)), settle.DateOf(t.ledger.options.Clock())
	h.year = rules.AccountYear(told)
	if rolled, did := settle.Rollover(rules, h.account, told, today); did {
		h.account, h.year = rolled, rules.AccountYear(today)
	}
	h.withhold(row.reserved)
	if row.allowanceUntil > max(row.returned, millis(t.ledger.clock.now())) {
		h.allowance = row.allowance
	}
	return nil
}

const bindingColumns = `b.ref, b.relation, b.rank, b.bound_at, b.valid_from, b.valid_to, b.mode, b.quota_total, b.quota_used,
	b.limit_max, b.limit_used, b.limit_all, b.contains`

// giverRow is a binding with its giver and the giver's account, if there is one.
type giverRow struct {
	person   personRow
	binding  settle.Binding
	limitAll bool       // the binding's limit is one for all relatives together
	limit    settle.Cap // the tightest such limit of any of the giver's bindings, and what is used of it
	used     settle.Fen
	through  int64
	account  accountScan
}

func (t *tx) giverRows(patient *personRow) (list []*giverRow, err error) {
	err = t.each("SELECT p."+giverColumns+", "+bindingColumns+", "+accountColumns+`,
			(SELECT MIN(o.limit_max) FROM binding o WHERE o.giver = b.giver AND o.active = 1 AND o.limit_all = 1 AND o.limit_max IS NOT NULL),
			(SELECT MAX(o.limit_used) FROM binding o WHERE o.giver = b.giver AND o.active = 1 AND o.limit_all = 1 AND o.limit_max IS NOT NULL)
		FROM binding b JOIN person p ON p.id = b.giver LEFT JOIN account a ON a.person = b.giver
		WHERE b.beneficiary = ? AND b.active = 1 ORDER BY b.rank, b.bound_at, b.ref`, []any{patient.key},
		func(scan func(dest ...any) error) error {
			r := &giverRow{}
			var pid []byte
			var limit, together, used sql.NullInt64
			p, b := &r.person, &r.binding
			dest := []any{&p.key, &pid, &p.sealed, &p.person.Masked, &p.person.Area, &p.gone,
				&b.ID, &b.Relation, &b.Rank, &b.BoundAt, &b.ValidFrom, &b.ValidTo, &b.Mode, &b.QuotaTotal, &b.QuotaUsed,
				&limit, &b.LimitUsed, &r.limitAll, &r.through}
			if err := scan(append(append(dest, r.account.dest()...), &together, &used)...); err != nil {
				return err
			}
			r.limit, r.used = capOf(together), settle.Fen(used.Int64)
			p.person.ID = t.vault().personID(pid)
			b.Giver, b.Beneficiary, b.Limit = p.person.ID, patient.person.ID, capOf(limit)
			list = append(list, r)
			return nil
		})
	return list, err
}

// givers are the people bound to pay for the patient. Where a pair has two active bindings (the new one came before
// the end of the old), the one bound last counts.
func (t *tx) givers(rules *settle.Rules, patient *personRow) ([]*holder, error) {
	rows, err := t.giverRows(patient)
	if err != nil {
		return nil, err
	}
	latest := make(map[int64]*giverRow, len(rows))
	for _, r := range rows {
		if old := latest[r.person.key]; old == nil || r.binding.BoundAt >= old.binding.BoundAt {
			latest[r.person.key] = r
		}
	}
	holders := make([]*holder, 0, len(rows)+1)
	for _, r := range rows {
		if latest[r.person.key] != r {
			continue
		}
		h, err := r.holder(t, rules)
		if err != nil {
			return nil, err
		}
		holders = append(holders, h)
	}
	return holders, nil
}

// holder is the giver as the patient's bill sees them.
func (r *giverRow) holder(t *tx, rules *settle.Rules) (*holder, error) {
	h := &holder{key: r.person.key, binding: &r.binding, contains: open, through: r.through, party: settle.Party{
		Person: r.person.person.ID, Masked: r.person.person.Masked, Relation: r.binding.Relation,
		GiverRef: t.vault().giverRef(r.binding.ID),
	}}
	// A limit for all relatives together is the giver's, whichever binding it was set through.
	if r.limitAll {
		r.binding.Limit, r.binding.LimitUsed = settle.Cap{}, 0
	}
	row, there := r.account.row()
	if !there {
		return h, nil
	}
	if err := h.take(t, rules, &r.person, row); err != nil {
		return nil, err
	}
	if !h.account.Limit.Set {
		h.account.Limit, h.account.LimitUsed = r.limit, r.used
	}
	return h, nil
}

const giverColumns = "id, p.pid, p.sealed, p.masked, p.area, p.gone"

// withhold takes money off that is on the account but not available: from the balance, or from prior money first and
// current money then, as frozen money lies.
func (h *holder) withhold(x settle.Fen) {
	a := &h.account
	if !a.TwoPots {
		a.Balance -= x
		return
	}
	fromPrior := min(x, max(0, a.Prior))
	a.Prior -= fromPrior
	a.Current -= x - fromPrior
}

// uncontained are postings that the snapshot may not contain yet: all of one day to one patient out of one pot that the
// centre has booked at one time, or not yet.
type uncontained struct {
	patient int64
	pot     settle.Pot
	day     settle.Date
	centre  int64
	amount  settle.Fen
	debited settle.Fen // of the amount: without what came back
}

// sumsAtOnce is for how many holders one statement adds up what the snapshots do not contain.
const sumsAtOnce = 8

// uncontainedTexts are the queries for one holder, for two, …; each row begins with the place of its holder.
var uncontainedTexts = func() (texts [sumsAtOnce]string) {
	for n := range texts {
		one := fmt.Sprintf(`SELECT %d, patient, pot, day, centre, SUM(amount), SUM(MAX(amount, 0)) FROM posting WHERE person = ? AND centre > ?
			GROUP BY centre, patient, pot, day`, n)
		if n > 0 {
			one = texts[n-1] + " UNION ALL " + one
		}
		texts[n] = one
	}
	return texts
}()

// subtractOwn takes off everything settled here that the snapshots do not contain: from the pots, and onto what is
// used of limits and quotas. The account and its binding may come from different snapshots; each is held against the
// time through which it contains us. Money that went to the agency left the account for good.
func (t *tx) subtractOwn(rules *settle.Rules, patient int64, holders ...*holder) error {
	for len(holders) > 0 {
		some := holders[:min(len(holders), sumsAtOnce)]
		holders = holders[len(some):]
		args := make([]any, 0, 2*len(some))
		for _, h := range some {
			since := h.contains
			if h.binding != nil {
				since = min(since, h.through)
			}
			args = append(args, h.key, since)
		}
		var debited [sumsAtOnce]settle.Fen
		err := t.each(uncontainedTexts[len(some)-1], args, func(scan func(dest ...any) error) error {
			var n int
			var u uncontained
			if err := scan(&n, &u.patient, &u.pot, &u.day, &u.centre, &u.amount, &u.debited); err != nil {
				return err
			}
			h := some[n]
			if u.centre > h.contains && u.pot != settle.PotQuota && u.pot != settle.PotAgency {
				debited[n] += u.debited // money that came back is free for all venues: it fills no allowance
				h.subtract(&u, rules.AccountYear(u.day) < h.year)
			}
			if h.binding != nil && u.patient == patient && u.centre > h.through {
				h.useBinding(&u)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for n, h := range some {
			h.allowance = max(0, h.allowance-debited[n])
			h.floor()
			h.account = rules.Known(h.account) // only now, so that what was taken from a pot lacks in no other
		}
	}
	return nil
}

// subtract takes a posting off its pot. Current money of a past account year has become prior money.
func (h *holder) subtract(u *uncontained, turned bool) {
	a := &h.account
	switch {
	case !a.TwoPots:
		a.Balance -= u.amount
	case u.pot == settle.PotCurrent && !turned:
		a.Current -= u.amount
	case u.pot == settle.PotMutual:
		a.Mutual -= u.amount
	default:
		a.Prior -= u.amount
	}
	if u.patient != h.key {
		a.LimitUsed += u.amount
	}
}

// useBinding counts a posting against the quota or the limit of the binding it was made through.
func (h *holder) useBinding(u *uncontained) {
	if u.pot == settle.PotQuota {
		h.binding.QuotaUsed += u.amount
		return
	}
	if h.binding.Limit.Set {
		h.binding.LimitUsed += u.amount
	}
}

// floor keeps amounts from going below 0 where the centre has meanwhile let others spend the money; what one pot lacks
// the other must not offer.
func (h *holder) floor() {
	a := &h.account
	if a.Prior < 0 {
		a.Current, a.Prior = a.Current+a.Prior, 0
	}
	if a.Current < 0 {
		a.Prior, a.Current = a.Prior+a.Current, 0
	}
	if a.Prior < 0 {
		a.Mutual, a.Prior = a.Mutual+a.Prior, 0
	}
	if a.Mutual < 0 { // the mutual account lacks it: first the older money, then this year's
		a.Prior, a.Mutual = a.Prior+a.Mutual, 0
		a.Current = max(0, a.Current+min(0, a.Prior))
		a.Prior = max(0, a.Prior)
	}
	a.Balance, a.LimitUsed = max(0, a.Balance), max(0, a.LimitUsed)
	if h.binding != nil {
		h.binding.QuotaUsed, h.binding.LimitUsed = max(0, h.binding.QuotaUsed), max(0, h.binding.LimitUsed)
	}
}

// free is what a pot could pay: the pot less the frozen money that lies on it. It is written a second time here, apart
// from the planner's, because the ledger checks the planner with it.
func free(a *settle.Account, pot settle.Pot) settle.Fen {
	switch pot {
	case settle.PotPrior:
		return max(0, a.Prior-a.Frozen)
	case settle.PotCurrent:
		return max(0, a.Current-max(0, a.Frozen-a.Prior))
	case settle.PotMutual:
		return max(0, a.Mutual-max(0, a.Frozen-a.Prior-a.Current))
	default:
		return max(0, a.Balance-a.Frozen)
	}
}

// available is everything the holder's account could pay, or what is left of the quota.
func (h *holder) available() settle.Fen {
	switch {
	case h.binding != nil && h.binding.Mode == settle.Wallet:
		return max(0, h.binding.QuotaTotal-h.binding.QuotaUsed)
	case h.account.TwoPots:
		return free(&h.account, settle.PotPrior) + free(&h.account, settle.PotCurrent) + free(&h.account, settle.PotMutual)
	}
	return free(&h.account, settle.PotBalance)
}

// pay moves money out of a pot (or, negative, back into it) and returns what is available there afterwards.
func (h *holder) pay(pot settle.Pot, amount settle.Fen) (after settle.Fen) {
	switch pot {
	case settle.PotQuota:
		if h.binding == nil {
			return 0
		}
		h.binding.QuotaUsed += amount
		return h.binding.QuotaTotal - h.binding.QuotaUsed
	case settle.PotAgency:
		return 0
	case settle.PotPrior:
		h.account.Prior -= amount
	case settle.PotCurrent:
		h.account.Current -= amount
	case settle.PotMutual:
		h.account.Mutual -= amount
	default:
		h.account.Balance -= amount
	}
	return free(&h.account, pot)
}

func (h *holder) view() settle.AccountView {
	view := settle.AccountView{Party: h.party, Status: h.account.Status, Available: h.available(), AsOf: instant(h.asOf)}
	if h.binding != nil {
		view.Binding = *h.binding
	}
	return view
}

// age is how old a person's ledger is on the high-water clock: since the last snapshot of this person or the last pull
// of everything that changed, whichever is later, for a pull that names nobody says that nobody changed.
func (t *tx) age(p *personRow) (time.Duration, error) {
	pulled, err := t.metaInt(metaPulled)
	if err != nil {
		return 0, err
	}
	return max(0, t.ledger.clock.now().Sub(instant(max(pulled, p.asOf)))), nil
}
