package ledger

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"gongji/settle"
)

// CancelPremium takes a whole contribution back to the accounts that paid it (S-179); replayed is true where the id was
// already booked with the same content. A contribution can be taken back on the day it was paid, and until its year
// begins; after that the agency decides (rules page 5.3). NOT_FOUND, ALREADY_REVERSED, RULE_REFUSED (E_REFUND_WINDOW),
// CARD_ABSENT, IDEMPOTENCY_CONFLICT, BAD_REQUEST, STORE_FULL, STORE_BROKEN, and whatever Confirm returns.
func (l *Ledger) CancelPremium(ctx context.Context, order settle.PremiumCancelOrder) (cancel settle.PremiumCancel, replayed bool, err error) {
	err = l.write(ctx, func(t *tx) (err error) {
		cancel, replayed, err = t.cancelPremium(&order)
		return err
	})
	if err != nil {
		return settle.PremiumCancel{}, false, err
	}
	return cancel, replayed, nil
}

// PremiumCancellation is a cancellation by the till's id; NOT_FOUND.
func (l *Ledger) PremiumCancellation(ctx context.Context, id string) (cancel settle.PremiumCancel, err error) {
	err = l.read(ctx, func(t *tx) (err error) {
		cancel, err = t.cancellationBy("k.cancel_id = ?", id)
		return err
	})
	return cancel, err
}

func (t *tx) cancelPremium(order *settle.PremiumCancelOrder) (settle.PremiumCancel, bool, error) {
	if order.ID == "" || order.POS == "" {
		return settle.PremiumCancel{}, false, badField("cancellation_id", "缺少单号。", "till and id are required")
	}
	stored, err := t.cancellationBy("k.cancel_id = ?", order.ID)
	switch {
	case err == nil:
		if field := firstCancelDifference(&stored, order); field != "" {
			return settle.PremiumCancel{}, false, conflict(field)
		}
		return stored, true, nil
	case settle.CodeOf(err) != settle.NotFound:
		return settle.PremiumCancel{}, false, err
	}
	if err := t.cancelNew(order); err != nil {
		return settle.PremiumCancel{}, false, err
	}
	fresh, err := t.cancellationBy("k.cancel_id = ?", order.ID)
	return fresh, false, err
}

// preparedCancel is a cancellation that was checked, on its way into the ledger.
type preparedCancel struct {
	record premiumCancelRecord
	paid   settle.PremiumView
	keys   premiumKeys
	payers []*holder
	rules  *settle.Rules
}

func (t *tx) cancelNew(order *settle.PremiumCancelOrder) error {
	p, err := t.prepareCancel(order)
	if err != nil {
		return err
	}
	digest, err := t.cancelDigest(&p.record)
	if err != nil {
		return err
	}
	if err := checkConfirm(p.rules, stepPremiumCancel, digest, order.Confirmed); err != nil {
		return err
	}
	if order.Confirm != nil {
		if err := order.Confirm(); err != nil {
			return err
		}
	}
	return t.storeCancel(&p.record, &p.paid, p.keys, p.payers)
}

// prepareCancel checks a cancellation and works out what goes back where. It writes nothing.
func (t *tx) prepareCancel(order *settle.PremiumCancelOrder) (*preparedCancel, error) {
	p := &preparedCancel{}
	var err error
	if p.paid, p.keys, err = t.premiumBy("m.premium_id = ?", order.Premium); err != nil {
		return nil, err
	}
	if p.paid.Cancelled {
		return nil, settle.NewError(settle.AlreadyReversed, nil).In(settle.CasePremiumCancelled).With("cancellation_id", p.paid.CancelID)
	}
	if order.Presence == nil && !order.WithoutCard {
		return nil, settle.NewError(settle.CardAbsent, nil)
	}
	if p.rules, err = t.ledger.options.RulesFor(p.keys.day); err != nil {
		return nil, fmt.Errorf("rules of the day of the contribution: %w", err)
	}
	p.record = premiumCancelRecord{
		POS: order.POS, Premium: p.paid.ID, At: t.ledger.options.Clock().Round(0).In(settle.Beijing),
		Presence: order.Presence, WithoutCard: order.WithoutCard,
		Cancel: settle.PremiumCancel{ID: order.ID, POS: order.POS, Operator: order.Operator, Reason: order.Reason, Report: settle.ReportPending},
	}
	p.record.Cancel.At = p.record.At
	today := settle.DateOf(p.record.At)
	if err := checkCancelWindow(p.rules, &p.paid, p.keys.day, today); err != nil {
		return nil, err
	}
	p.payers, err = t.creditBack(p.rules, &p.paid, p.keys, &p.record, today)
	return p, err
}

// checkCancelWindow: what the centre refused was never paid, and can be taken back at any time.
func checkCancelWindow(rules *settle.Rules, paid *settle.PremiumView, paidOn, today settle.Date) error {
	if paid.Report == settle.ReportRefused || today == paidOn {
		return nil
	}
	if today.Year() >= paid.Year {
		return settle.Refused(settle.ERefundWindow).With("rule", "premium.year")
	}
	return settle.CheckRefundWindow(rules, paidOn, today)
}

// creditBack gives every payer back what it paid, to the pots as they are called today.
func (t *tx) creditBack(rules *settle.Rules, paid *settle.PremiumView, keys premiumKeys, record *premiumCancelRecord, today settle.Date) ([]*holder, error) {
	turned := rules.AccountYear(keys.day) != rules.AccountYear(today)
	var payers []*holder
	for _, p := range paid.Postings {
		h, err := t.payerNow(rules, p.Person, keys.beneficiary)
		if err != nil {
			return nil, err
		}
		pot := h.potToday(p.Pot, turned)
		after := h.pay(pot, -p.Amount)
		payers = append(payers, h)
		record.Cancel.Postings = append(record.Cancel.Postings,
			settle.Posting{Party: p.Party, Pot: pot, Amount: -p.Amount, After: max(0, after)})
	}
	return payers, nil
}

func (t *tx) storeCancel(record *premiumCancelRecord, paid *settle.PremiumView, keys premiumKeys, payers []*holder) error {
	day := settle.DateOf(record.At)
	var err error
	if record.Cancel.ReceiptNo, err = t.receipt(day); err != nil {
		return err
	}
	seq, err := t.link(recordPremiumCancel, record.Cancel.ID, record)
	if err != nil {
		return err
	}
	_, err = t.insert("INSERT INTO premium_cancel (pos, cancel_id, premium, receipt, at, day, record) VALUES (?, ?, ?, ?, ?, ?, ?)",
		record.POS, record.Cancel.ID, keys.id, record.Cancel.ReceiptNo, millis(record.At), day, seq)
	if err != nil {
		return err
	}
	about := subject{premium: keys.id}
	report, err := t.addReport(settle.ReportPremiumCancel, about, keys.payer, paid.Amount, record.At, seq)
	if err != nil {
		return err
	}
	for i := range record.Cancel.Postings {
		p := &record.Cancel.Postings[i]
		if err := t.addPosting(seq, report, about, legCancel, payers[i].key, keys.beneficiary, day, p); err != nil {
			return err
		}
	}
	if record.Presence != nil {
		if err := t.addPresence(seq, about, record.Presence); err != nil {
			return err
		}
	}
	if err := t.handOver(report, record.Cancel.Postings, record.At); err != nil {
		return err
	}
	t.batch.after = append(t.batch.after, t.ledger.wakeOutbox)
	return t.run("UPDATE premium SET cancelled = 1 WHERE id = ?", keys.id)
}

func firstCancelDifference(stored *settle.PremiumCancel, order *settle.PremiumCancelOrder) string {
	type content struct {
		POS      string          `json:"pos"`
		Premium  string          `json:"premium_id"`
		Operator settle.Operator `json:"operator"`
		Reason   string          `json:"reason"`
	}
	return differ(reflect.ValueOf(content{stored.POS, stored.Premium.ID, stored.Operator, stored.Reason}),
		reflect.ValueOf(content{order.POS, order.Premium, order.Operator, order.Reason}), "")
}

// cancellationBy is the one cancellation that a condition over table k finds; NOT_FOUND.
func (t *tx) cancellationBy(condition string, args ...any) (settle.PremiumCancel, error) {
	var seq, premium int64
	var report settle.ReportState
	err := t.get("SELECT k.record, k.premium, r.state FROM premium_cancel k JOIN report r ON r.record = k.record WHERE "+condition,
		args, &seq, &premium, &report)
	if err != nil {
		return settle.PremiumCancel{}, notFound(err)
	}
	var record premiumCancelRecord
	view, _, viewErr := t.premiumBy("m.id = ?", premium)
	if err := errors.Join(t.record(seq, &record), viewErr); err != nil {
		return settle.PremiumCancel{}, err
	}
	record.Cancel.Report, record.Cancel.Premium, record.Cancel.At = report, view, record.At
	return record.Cancel, nil
}
