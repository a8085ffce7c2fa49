package ledger

import (
	"context"
	"database/sql"
	"time"

	"gongji/settle"
)

// OfflineStanding is how much of the offline limits is used now and what is open. STORE_BROKEN; an error of the rules of
// the day.
func (l *Ledger) OfflineStanding(ctx context.Context) (s settle.OfflineStanding, err error) {
	at := l.options.Clock()
	rules, err := l.options.RulesFor(settle.DateOf(at))
	if err != nil {
		return s, err
	}
	s.Limits = tightest(l.options.Offline, &rules.Offline)
	if s.Outbox, err = l.OutboxTotals(ctx); err != nil {
		return s, err
	}
	err = l.read(ctx, func(t *tx) error {
		if err := t.usedOffline(at, &s.Used); err != nil {
			return err
		}
		err := t.get(`SELECT COALESCE(SUM(x.own + x.shared - x.back_own - x.back_shared), 0) FROM report r JOIN settlement x ON x.id = r.settlement
			WHERE r.kind = 'settle' AND r.done = 0 AND r.state = 'unknown'`, nil, &s.UnknownAmount)
		if err != nil {
			return err
		}
		if s.AtRisk, err = t.atRisk(); err != nil {
			return err
		}
		if err := t.allowancesLeft(&s.Allowances); err != nil {
			return err
		}
		newest, err := t.metaInt(metaSnapshot)
		if err != nil {
			return err
		}
		pulled, err := t.metaInt(metaPulled)
		s.LedgerAt, s.PulledAt = instant(newest), instant(pulled)
		if newest > 0 {
			s.Used.Age = max(0, l.clock.now().Sub(s.LedgerAt))
		}
		return err
	})
	return s, err
}

// usedOffline sums what was settled without the centre's acknowledgement, for everybody and for the person with most. What
// counts is the same as for a sale: see unsynced.
func (t *tx) usedOffline(at time.Time, state *settle.OfflineState) error {
	all, err := t.unsynced(0, at)
	if err != nil {
		return err
	}
	most := sql.NullInt64{}
	err = t.get(`SELECT MAX(total) FROM (SELECT SUM(s.own + s.shared - s.back_own - s.back_shared) AS total
		FROM report r JOIN settlement s ON s.id = r.settlement
		WHERE r.done = 0 AND r.kind = 'settle' AND (s.offline = 1 OR r.created <= ? OR r.attempts > 0 OR r.state <> 'pending')
		GROUP BY s.person)`, []any{millis(at.Add(-t.ledger.options.ReportGrace))}, &most)
	*state, state.PersonTotal = all, settle.Fen(most.Int64)
	return err
}

// atRisk is the account money that was settled offline beyond allowances and that the centre has not booked.
func (t *tx) atRisk() (risk settle.Fen, err error) {
	err = t.get(`SELECT COALESCE(SUM(MIN(s.at_risk, s.own + s.shared - s.back_own - s.back_shared)), 0)
		FROM report r JOIN settlement s ON s.id = r.settlement
		WHERE r.kind = 'settle' AND (r.done = 0 OR r.state = 'refused')`, nil, &risk)
	return risk, err
}

// allowancesLeft sums what of the standing allowances is not spent by debits that the balances do not contain yet.
func (t *tx) allowancesLeft(left *settle.Fen) error {
	return t.get(`SELECT COALESCE(SUM(MAX(0, a.allowance - (SELECT COALESCE(SUM(p.amount), 0) FROM posting p
			WHERE p.person = a.person AND p.centre > a.contains AND p.amount > 0 AND p.pot NOT IN (?, ?)))), 0)
		FROM account a WHERE a.allowance > 0 AND a.allowance_until > a.returned AND a.allowance_until > ?`,
		[]any{string(settle.PotQuota), string(settle.PotAgency), millis(t.ledger.clock.now())}, left)
}
