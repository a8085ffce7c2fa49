package ledger

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"gongji/settle"
)

// PayPremium books a relative's yearly contribution out of the payer's account (S-163); replayed is true where the id was
// already paid with the same content; like a request's, the id is one for the whole venue. There is no cash part and no offline payment: a contribution can wait for the
// centre. PERSON_UNKNOWN, PERSON_CARD_MISMATCH, RULE_REFUSED (E_PREMIUM_…, member why: the payer's K_…), UPSTREAM_SILENT,
// IDEMPOTENCY_CONFLICT (member field), BAD_REQUEST, the codes of the card, STORE_FULL, STORE_BROKEN, and whatever Confirm
// returns.
func (l *Ledger) PayPremium(ctx context.Context, order settle.PremiumOrder) (view settle.PremiumView, replayed bool, err error) {
	err = l.write(ctx, func(t *tx) (err error) {
		view, replayed, err = t.payPremium(&order)
		return err
	})
	if err != nil {
		return settle.PremiumView{}, false, err
	}
	return view, replayed, nil
}

// Premium is a contribution by the till's id; NOT_FOUND.
func (l *Ledger) Premium(ctx context.Context, id string) (view settle.PremiumView, err error) {
	err = l.read(ctx, func(t *tx) (err error) {
		view, _, err = t.premiumBy("m.premium_id = ?", id)
		return err
	})
	return view, err
}

func (t *tx) payPremium(order *settle.PremiumOrder) (settle.PremiumView, bool, error) {
	p := &order.Premium
	if p.ID == "" || p.POS == "" {
		return settle.PremiumView{}, false, badField("premium_id", "缺少单号。", "till and id are required")
	}
	stored, _, err := t.premiumBy("m.premium_id = ?", p.ID)
	switch {
	case err == nil:
		if field := firstPremiumDifference(&stored.Premium, *p); field != "" {
			return settle.PremiumView{}, false, conflict(field)
		}
		return stored, true, nil
	case settle.CodeOf(err) != settle.NotFound:
		return settle.PremiumView{}, false, err
	}
	if err := t.premiumNew(order); err != nil {
		return settle.PremiumView{}, false, err
	}
	fresh, _, err := t.premiumBy("m.premium_id = ?", p.ID)
	return fresh, false, err
}

// paying is a contribution on its way.
type paying struct {
	order              *settle.PremiumOrder
	facts              facts // rules, holders and day of the beneficiary's family
	payer, beneficiary personRow
	record             premiumRecord
}

func (t *tx) premiumNew(order *settle.PremiumOrder) error {
	if err := checkPresence(&order.Presence); err != nil {
		return err
	}
	if order.Offline {
		return settle.NewError(settle.UpstreamSilent, errors.New("a contribution waits for the centre"))
	}
	if amount := order.Premium.Amount; amount <= 0 || amount > maxTotal {
		return badField("amount", "金额须大于 0。", "must be above 0 and not too large")
	}
	p := &paying{order: order}
	if err := p.gather(t); err != nil {
		return err
	}
	if err := p.plan(t); err != nil {
		return err
	}
	if order.Confirm != nil {
		if err := order.Confirm(); err != nil {
			return err
		}
	}
	return p.store(t)
}

// gather reads the two people, the rules of the day and everybody who may pay for the beneficiary.
func (p *paying) gather(t *tx) (err error) {
	p.facts.at = t.ledger.options.Clock().Round(0).In(settle.Beijing)
	if p.facts.rules, err = t.ledger.options.RulesFor(settle.DateOf(p.facts.at)); err != nil {
		return fmt.Errorf("rules of the day: %w", err)
	}
	if p.payer, err = t.known(p.order.Premium.Payer); err != nil {
		return err
	}
	if p.beneficiary, err = t.known(p.order.Premium.Beneficiary); err != nil {
		return err
	}
	if err := t.checkName(&p.beneficiary, p.order.BeneficiaryName); err != nil {
		return err
	}
	if err := t.checkPresented(&p.order.Presence, p.payer.person.ID, func() error { return nil }); err != nil {
		return err
	}
	p.facts.holders, err = t.holders(p.facts.rules, &p.beneficiary)
	return err
}

// plan asks the rules who pays, and checks what they answer apart from them.
func (p *paying) plan(t *tx) error {
	premium := p.order.Premium
	paid, err := t.premiumPaid(p.beneficiary.key, premium.Year, premium.Kind)
	if err != nil {
		return err
	}
	in := settle.PremiumInput{
		Day: settle.DateOf(p.facts.at), Patient: p.beneficiary.person, Payer: premium.Payer, Amount: premium.Amount, Year: premium.Year,
		AlreadyPaid: paid, Categories: p.order.Categories, Selected: p.order.Helpers, Kind: premium.Kind, Actor: premium.Payer,
		StillDue: premium.StillDue,
	}
	for _, h := range p.facts.holders {
		if h.hasAccount {
			in.Accounts = append(in.Accounts, h.account)
		}
		if h.binding != nil {
			in.Bindings = append(in.Bindings, *h.binding)
		}
	}
	plan := settle.MakePremium(p.facts.rules, in)
	if plan.Refusal != "" {
		return p.refused(in, plan)
	}
	premium.At = p.facts.at
	premium.Report, premium.Cancelled, premium.CancelID = settle.ReportPending, false, ""
	if premium.Postings, err = p.post(plan.Pays, premium.Amount); err != nil {
		return err
	}
	p.record = premiumRecord{
		Premium: premium, Presence: p.order.Presence, AtCounter: p.facts.rules.Premium.AtCounter, Late: plan.WaitDays,
		Policy: settle.PolicyRef{ID: p.facts.rules.ID, Version: p.facts.rules.Version},
	}
	return nil
}

// refused is the refusal of a contribution. Whether one was paid for the beneficiary, or how they are insured, is told to nobody
// who may not pay for them.
func (p *paying) refused(in settle.PremiumInput, plan settle.PremiumPlan) error {
	rules, why := p.facts.rules, settle.Reason("")
	switch plan.Refusal {
	case settle.EPremiumWindow:
		return settle.Refused(plan.Refusal).In(settle.CasePremiumWindow).With("windows", windowsText(rules.Premium.Windows))
	case settle.EPremiumDuplicate, settle.EPremiumInsured, settle.EPremiumCovered:
		why = settle.PremiumBarred(rules, in)
	}
	if len(plan.Skipped) > 0 {
		why = plan.Skipped[0].Reason
	}
	if why == "" {
		return settle.Refused(plan.Refusal)
	}
	return settle.Refused(settle.EPremiumBalance).In(settle.CasePayerBarred).With("why", string(why)).With("why_message", settle.ReasonSentences[why].Message)
}

// windowsText lists the days on which contributions are collected.
func windowsText(windows []settle.Span) string {
	spans := make([]string, len(windows))
	for i, w := range windows {
		spans[i] = w.From.String() + " 至 " + w.To.String()
	}
	return strings.Join(spans, "，")
}

// post moves the money through the holders, as facts.post does for a bill.
func (p *paying) post(pays []settle.Pay, amount settle.Fen) (postings []settle.Posting, err error) {
	for _, pay := range pays {
		h := p.facts.holder(pay.Account)
		if h == nil || h.binding == nil || pay.Amount <= 0 || h.account.Status.Locked() {
			return nil, broken("a contribution debits what it must not")
		}
		after := h.pay(pay.Pot, pay.Amount)
		if p.facts.belowFloor(h, pay.Pot) {
			return nil, broken("a contribution takes an account below its floor")
		}
		amount -= pay.Amount
		postings = append(postings, settle.Posting{Party: h.party, Pot: pay.Pot, Amount: pay.Amount, After: after})
	}
	if amount != 0 {
		return nil, broken("a contribution does not sum to its amount")
	}
	return postings, nil
}

// premiumPaid reports whether a contribution of the year was paid here (S-183, S-186).
func (t *tx) premiumPaid(beneficiary int64, year int, kind string) (bool, error) {
	var n int
	err := t.get("SELECT COUNT(*) FROM premium WHERE beneficiary = ? AND year = ? AND kind = ? AND cancelled = 0",
		[]any{beneficiary, year, kind}, &n)
	return n > 0, err
}

func (p *paying) store(t *tx) error {
	premium := &p.record.Premium
	day := settle.DateOf(premium.At)
	var err error
	if premium.ReceiptNo, err = t.receipt(day); err != nil {
		return err
	}
	record, err := t.link(recordPremium, premium.ID, p.record)
	if err != nil {
		return err
	}
	id, err := t.insert(`INSERT INTO premium (pos, premium_id, receipt, payer, beneficiary, kind, year, amount, at, day, record)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		premium.POS, premium.ID, premium.ReceiptNo, p.payer.key, p.beneficiary.key, premium.Kind, premium.Year, premium.Amount,
		millis(premium.At), day, record)
	if err != nil {
		return err
	}
	about := subject{premium: id}
	report, err := t.addReport(settle.ReportPremium, about, p.payer.key, premium.Amount, premium.At, record)
	if err != nil {
		return err
	}
	for i := range premium.Postings {
		posting := &premium.Postings[i]
		h := p.facts.holder(posting.Person)
		if err := t.addPosting(record, report, about, legSettle, h.key, p.beneficiary.key, day, posting); err != nil {
			return err
		}
	}
	t.batch.after = append(t.batch.after, t.ledger.wakeOutbox)
	return t.addPresence(record, about, &p.record.Presence)
}

// firstPremiumDifference is firstDifference for a contribution; a repeat without a card cannot know the payer.
func firstPremiumDifference(stored *settle.Premium, repeated settle.Premium) string {
	type content struct {
		POS         string          `json:"pos"`
		Kind        string          `json:"kind"`
		Year        int             `json:"year"`
		Amount      settle.Fen      `json:"amount"`
		Payer       settle.PersonID `json:"payer"`
		Beneficiary settle.PersonID `json:"beneficiary"`
		Categories  []string        `json:"categories"`
		StillDue    bool            `json:"still_due"`
		Operator    settle.Operator `json:"operator"`
	}
	of := func(p *settle.Premium) reflect.Value {
		return reflect.ValueOf(content{p.POS, p.Kind, p.Year, p.Amount, p.Payer, p.Beneficiary, p.Categories, p.StillDue, p.Operator})
	}
	if repeated.Payer == "" {
		repeated.Payer = stored.Payer
	}
	return differ(of(stored), of(&repeated), "")
}

// premiumKeys is where a contribution lies in the tables.
type premiumKeys struct {
	id, payer, beneficiary int64
	day                    settle.Date
}

// premiumBy is the one contribution that a condition over table m finds, as it stands now; NOT_FOUND.
func (t *tx) premiumBy(condition string, args ...any) (view settle.PremiumView, keys premiumKeys, err error) {
	var seq int64
	var cancelled bool
	var cancelID string
	var report settle.ReportState
	err = t.get(`SELECT m.record, m.cancelled, COALESCE(k.cancel_id, ''), r.state, g.masked, p.masked, m.id, m.payer, m.beneficiary, m.day
		FROM premium m JOIN report r ON r.record = m.record JOIN person g ON g.id = m.payer JOIN person p ON p.id = m.beneficiary
		LEFT JOIN premium_cancel k ON k.premium = m.id WHERE `+condition, args,
		&seq, &cancelled, &cancelID, &report, &view.PayerMasked, &view.BeneficiaryMasked, &keys.id, &keys.payer, &keys.beneficiary, &keys.day)
	if err != nil {
		return view, keys, notFound(err)
	}
	var record premiumRecord
	if err := t.record(seq, &record); err != nil {
		return view, keys, err
	}
	view.Premium, view.AtCounter, view.Policy, view.LateWaitDays = record.Premium, record.AtCounter, record.Policy, record.Late
	view.Report, view.Cancelled, view.CancelID = report, cancelled, cancelID
	return view, keys, nil
}

// fillPremium is the dossier of a contribution's report or of its cancellation's.
func (t *tx) fillPremium(d *settle.Dossier, own int64) (presence *settle.Presence, err error) {
	query, at := "m.record = ?", time.Time{}
	receipt := ""
	if d.Report.Kind == settle.ReportPremiumCancel {
		var record premiumCancelRecord
		if err := t.record(own, &record); err != nil {
			return nil, err
		}
		query, at, receipt, presence = "k.record = ?", record.At, record.Cancel.ReceiptNo, record.Presence
		d.Sale.Operator = record.Cancel.Operator
	}
	view, _, err := t.premiumBy(query, own)
	if err != nil {
		return nil, err
	}
	if presence == nil && d.Report.Kind == settle.ReportPremium {
		var record premiumRecord
		if err := t.record(own, &record); err != nil {
			return nil, err
		}
		presence, at, receipt, d.Sale.Operator = &record.Presence, record.Premium.At, record.Premium.ReceiptNo, record.Premium.Operator
	}
	d.Premium, d.At, d.ReceiptNo = &view.Premium, at, receipt
	if presence != nil {
		d.Credential = presence.Kind
	}
	d.Other, err = t.inClear(view.Beneficiary)
	return presence, err
}
