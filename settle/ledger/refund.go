package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gongji/settle"
)

// Return books a reversal (no lines) or a refund; replayed is true where the id was already booked with the same
// content. NOT_FOUND, ALREADY_REVERSED, REFUND_OVER, IDEMPOTENCY_CONFLICT, RULE_REFUSED (E_REFUND_WINDOW), CARD_ABSENT,
// BAD_REQUEST, STORE_FULL, STORE_BROKEN, and whatever Confirm returns.
func (l *Ledger) Return(ctx context.Context, order settle.ReturnOrder) (back settle.Return, replayed bool, err error) {
	defer l.counter.serve()()
	err = l.write(ctx, func(t *tx) (err error) {
		back, replayed, err = t.giveBack(&order)
		return err
	})
	if err != nil {
		return settle.Return{}, false, err
	}
	return back, replayed, nil
}

func (t *tx) giveBack(order *settle.ReturnOrder) (settle.Return, bool, error) {
	if order.ID == "" || order.POS == "" {
		return settle.Return{}, false, badField("refund_id", "缺少单号。", "till and id are required")
	}
	stored, err := t.returnBy("f.return_id = ? AND f.pos = ?", order.ID, order.POS)
	switch {
	case err == nil:
		if field := firstReturnDifference(stored, order); field != "" {
			return settle.Return{}, false, conflict(field)
		}
		return stored, true, nil
	case settle.CodeOf(err) != settle.NotFound:
		return settle.Return{}, false, err
	}
	g, err := t.openGiving(order)
	if err != nil {
		return settle.Return{}, false, err
	}
	if err := g.plan(t); err != nil {
		return settle.Return{}, false, err
	}
	if order.Confirm != nil {
		if err := order.Confirm(); err != nil {
			return settle.Return{}, false, err
		}
	}
	if err := g.post(t); err != nil {
		return settle.Return{}, false, err
	}
	err = g.store(t)
	return g.record.Return, false, err
}

// giving is a return on its way: the settlement as it stands now, what comes back, and the record that is made of it.
type giving struct {
	order   *settle.ReturnOrder
	rules   *settle.Rules // those the settlement was made under
	key     int64
	patient personRow
	sold    settle.Settlement
	lines   []settle.Line // still sold
	pays    []settle.Pay
	cash    settle.Fen
	fund    settle.Fen
	unpaid  settle.CashStanding // what of the cash the patient has not paid
	forced  bool                // the centre's split stands and not the plan's
	turned  bool                // the account year has turned since
	back    settle.RefundPlan
	holders []*holder
	record  returnRecord
}

// openGiving finds the settlement and what is left of it after earlier returns.
func (t *tx) openGiving(order *settle.ReturnOrder) (*giving, error) {
	g := &giving{order: order}
	var err error
	if g.sold, err = t.settlementBy(settlementQuery+"s.ref = ?", order.Settlement); err != nil {
		return nil, err
	}
	if g.sold.Shop == settle.ShopReversed || g.sold.Shop == settle.ShopRefunded {
		return nil, settle.NewError(settle.AlreadyReversed, nil)
	}
	if order.Presence == nil && !order.WithoutCard {
		return nil, settle.NewError(settle.CardAbsent, nil)
	}
	if err := t.get("SELECT id FROM settlement WHERE ref = ?", []any{order.Settlement}, &g.key); err != nil {
		return nil, err
	}
	pid, _ := t.vault().pid(g.sold.Sale.Patient)
	if g.patient, err = t.personBy("pid = ?", pid); err != nil {
		return nil, err
	}
	if g.rules, err = t.ledger.options.RulesFor(g.sold.Day); err != nil {
		return nil, fmt.Errorf("rules of the day of the settlement: %w", err)
	}
	now, err := t.positionOf(g.key)
	if err != nil {
		return nil, err
	}
	g.lines, g.pays, g.cash, g.unpaid = now.lines, now.pays, now.cash, now.open
	g.forced = now.adjusted || g.sold.Centre != nil && g.sold.Centre.Forced
	for i := range g.lines {
		g.fund += g.lines[i].Fund
	}
	return g, nil
}

// plan asks the rules who gets back what.
func (g *giving) plan(t *tx) error {
	at := t.ledger.options.Clock().Round(0).In(settle.Beijing)
	day := settle.DateOf(at)
	if err := settle.CheckRefundWindow(g.rules, g.sold.Day, day); err != nil {
		return err
	}
	parts, err := g.parts()
	if err != nil {
		return err
	}
	g.turned = g.rules.AccountYear(g.sold.Day) != g.rules.AccountYear(day)
	group, _ := g.rules.GroupOf(g.sold.Sale.MedType) // the rules of the sale, which knew it
	g.back = settle.MakeRefund(g.rules, settle.RefundInput{
		Day: day, SettledOn: g.sold.Day, Patient: g.sold.Sale.Patient, Lines: g.lines, Returns: parts, Pays: g.pays, Cash: g.cash,
		Forced: g.forced, MedGroup: group,
	})
	if g.back.Refusal != "" {
		return refundOver("")
	}
	figures, err := g.figures()
	if err != nil {
		return err
	}
	_, handed := g.unpaid.Return(figures.Cash)
	state := settle.ShopPartlyRefunded
	switch {
	case len(g.order.Lines) == 0:
		state = settle.ShopReversed
	case len(g.back.Kept) == 0:
		state = settle.ShopRefunded
	}
	g.record = returnRecord{
		POS: g.order.POS, Presence: g.order.Presence, WithoutCard: g.order.WithoutCard, Kept: g.keptLines(),
		Remaining: g.back.Remaining, KeptFigures: g.kept(),
		Return: settle.Return{
			ID: g.order.ID, Settlement: g.sold.ID, At: at, Operator: g.order.Operator, Reason: g.order.Reason,
			Lines: g.order.Lines, Whole: len(g.order.Lines) == 0, Figures: figures, CashOffset: figures.Cash - handed, State: state, Report: settle.ReportPending,
		},
	}
	return nil
}

// keptLines are the lines that stay sold, without the packs that came back.
func (g *giving) keptLines() []settle.Line {
	kept := slices.Clone(g.back.Kept)
	for i := range kept {
		for _, back := range g.order.Lines {
			if back.ID == kept[i].ID && len(back.TraceCodes) > 0 && !kept[i].SplitPack { // what is kept of an opened pack has its code
				kept[i].TraceCodes = slices.DeleteFunc(slices.Clone(kept[i].TraceCodes),
					func(code string) bool { return slices.Contains(back.TraceCodes, code) })
			}
		}
	}
	return kept
}

func refundOver(line string) *settle.Error {
	e := &settle.Error{Code: settle.RefundOver, Reason: settle.ERefundOver}
	if line != "" {
		return e.With("line", line)
	}
	return e
}

// parts are the lines that come back, in units; a reversal takes all.
func (g *giving) parts() ([]settle.ReturnPart, error) {
	var parts []settle.ReturnPart
	if len(g.order.Lines) == 0 {
		for i := range g.lines {
			parts = append(parts, settle.ReturnPart{Line: g.lines[i].ID})
		}
		return parts, nil
	}
	for i, back := range g.order.Lines {
		at := slices.IndexFunc(g.lines, func(l settle.Line) bool { return l.ID == back.ID })
		if at < 0 {
			return nil, refundOver(back.ID).In(settle.CaseRefundLine)
		}
		units, err := settle.QuantityUnits(back.Quantity)
		if err != nil {
			return nil, badField(fmt.Sprintf("lines[%d].quantity", i), "数量有误。", err.Error())
		}
		sold, err := settle.QuantityUnits(g.lines[at].Quantity)
		if err != nil {
			return nil, broken("a stored line has no quantity")
		}
		if units > sold {
			return nil, refundOver(back.ID)
		}
		if err := checkReturned(i, &g.lines[at], back.TraceCodes, units, sold); err != nil {
			return nil, err
		}
		parts = append(parts, settle.ReturnPart{Line: back.ID, Quantity: units, Of: sold})
	}
	return parts, nil
}

// checkReturned: the packs that come back were sold on this line and are as many as what comes back, or a pack that the
// patient keeps could be sold again. Parts of an opened pack share its code.
func checkReturned(i int, line *settle.Line, codes []string, units, sold int64) error {
	field := fmt.Sprintf("lines[%d].trace_codes", i)
	for n, code := range codes {
		if !slices.Contains(line.TraceCodes, code) || slices.Contains(codes[:n], code) {
			return badField(field, "这个追溯码不是这一行卖出的，或者重复。", "was not sold on this line, or is listed twice")
		}
	}
	packs := (units + 9999) / 10000
	switch {
	case line.SplitPack || len(line.TraceCodes) == 0 || units >= sold:
	case units%10000 != 0: // a code stands for a whole pack
		return badField(fmt.Sprintf("lines[%d].quantity", i), "有追溯码的整盒药只能整盒退。", "must be whole packs: each has a trace code")
	case int64(len(codes)) > packs:
		return badField(field, "追溯码比退回的数量多。", "are more than the packs that come back")
	case int64(len(codes)) < min(units/10000, int64(len(line.TraceCodes))):
		return badField(field, "请扫描退回的每一盒，否则这盒药不能再卖。", "must name each pack of a partial return, or it could never be sold again")
	}
	return nil
}

// figures are what comes back, checked apart from the rules: no source gets more than it paid.
func (g *giving) figures() (settle.Figures, error) {
	f := settle.Figures{Fund: g.back.FundBack, Cash: g.back.CashRefund}
	for i := range g.back.Returned {
		f.Total += g.back.Returned[i].Total
	}
	for i, amount := range g.back.Back {
		if amount < 0 || amount > g.pays[i].Amount {
			return f, broken("a source would get back more than it paid")
		}
		if g.pays[i].Shares(g.sold.Sale.Patient) {
			f.Shared += amount
		} else {
			f.Own += amount
		}
	}
	if f.Fund+f.Own+f.Shared+f.Cash != f.Total || f.Cash < 0 || f.Cash > g.cash || f.Fund > g.fund {
		return f, broken("a return does not sum to what comes back")
	}
	return f, nil
}

// kept are the figures of what stays sold.
func (g *giving) kept() settle.Figures {
	f := settle.Figures{Cash: g.back.RemainingCash}
	for i := range g.back.Kept {
		f.Total += g.back.Kept[i].Total
		f.Fund += g.back.Kept[i].Fund
	}
	for _, pay := range g.back.Remaining {
		if pay.Shares(g.sold.Sale.Patient) {
			f.Shared += pay.Amount
		} else {
			f.Own += pay.Amount
		}
	}
	return f
}

// today names the pots of a settlement as they are called now. All payers are among the holders.
func (g *giving) today(pays []settle.Pay) []settle.Pay {
	named := slices.Clone(pays)
	for i := range named {
		if named[i].Pot == settle.PotDifference {
			continue
		}
		named[i].Pot = g.holder(named[i].Account).potToday(named[i].Pot, g.turned)
	}
	return named
}

// potToday is the pot that money of a pot goes back to: money of an ended account year has become prior money, and an
// account that was closed or whose holder has died takes no money back over the counter: it goes to the agency.
func (h *holder) potToday(pot settle.Pot, turned bool) settle.Pot {
	switch {
	case h.account.Status == settle.StatusClosed || h.account.Status == settle.StatusDeceased:
		return settle.PotAgency
	case turned && pot == settle.PotCurrent:
		return settle.PotPrior
	}
	return pot
}

// post moves the money back and notes what each pot has afterwards. The two legs are what the centre will see: first
// everything that was paid is cancelled, then what stays paid is booked anew.
func (g *giving) post(t *tx) error {
	for _, pay := range g.pays {
		if pay.Pot == settle.PotDifference { // nobody known here paid it, so it goes back to nobody known here
			continue
		}
		if err := g.addHolder(t, pay.Account); err != nil {
			return err
		}
	}
	g.record.Cancelled, g.record.Rebooked = g.today(g.pays), g.today(g.back.Remaining)
	for _, pay := range g.back.Refunds {
		if pay.Pot == settle.PotDifference {
			continue
		}
		h := g.holder(pay.Account)
		pot := h.potToday(pay.Pot, g.turned)
		after := h.pay(pot, -pay.Amount)
		g.record.Return.Postings = append(g.record.Return.Postings,
			settle.Posting{Party: h.party, Pot: pot, Amount: -pay.Amount, After: max(0, after)})
	}
	return nil
}

func (g *giving) holder(person settle.PersonID) *holder {
	i := slices.IndexFunc(g.holders, func(h *holder) bool { return h.party.Person == person })
	if i < 0 {
		return nil
	}
	return g.holders[i]
}

// addHolder reads a payer as it stands today, whether or not it is still bound: a refund does not ask.
func (g *giving) addHolder(t *tx, person settle.PersonID) error {
	if g.holder(person) != nil {
		return nil
	}
	h, err := t.payerNow(g.rules, person, g.patient.key)
	if err != nil {
		return err
	}
	h.party = g.partyOf(person, h.party.Masked)
	g.holders = append(g.holders, h)
	return nil
}

// payerNow is somebody who paid for a patient, as the account stands today.
func (t *tx) payerNow(rules *settle.Rules, person settle.PersonID, patient int64) (*holder, error) {
	pid, _ := t.vault().pid(person)
	row, err := t.personBy("pid = ?", pid)
	if err != nil {
		return nil, err
	}
	h := &holder{key: row.key, contains: open, party: settle.Party{Person: person, Masked: row.person.Masked}}
	var s accountScan
	err = t.get("SELECT "+accountColumns+" FROM account a WHERE a.person = ?", []any{row.key}, s.dest()...)
	if err != nil && !errors.Is(err, errNoRows) {
		return nil, err
	}
	if account, _ := s.row(); s.status.Valid {
		if err := h.take(t, rules, &row, account); err != nil {
			return nil, err
		}
	}
	if row.person.Status == settle.StatusDeceased {
		h.account.Status = settle.StatusDeceased
	}
	var b settle.Binding
	err = t.get(`SELECT quota_total, quota_used, contains FROM binding WHERE giver = ? AND beneficiary = ? AND mode = 'wallet'
		ORDER BY active DESC, as_of DESC LIMIT 1`, []any{row.key, patient}, &b.QuotaTotal, &b.QuotaUsed, &h.through)
	if err == nil {
		h.binding = &b
	} else if !errors.Is(err, errNoRows) {
		return nil, err
	}
	return h, t.subtractOwn(rules, patient, h)
}

// partyOf is the payer as the settlement named it.
func (g *giving) partyOf(person settle.PersonID, masked string) settle.Party {
	for i := range g.sold.Postings {
		if g.sold.Postings[i].Person == person {
			return g.sold.Postings[i].Party
		}
	}
	return settle.Party{Person: person, Masked: masked}
}

// store writes a return with everything that belongs to it.
func (g *giving) store(t *tx) error {
	back := &g.record.Return
	day := settle.DateOf(back.At)
	var err error
	if back.ReceiptNo, err = t.receipt(day); err != nil {
		return err
	}
	record, err := t.link(recordReturn, back.ID, g.record)
	if err != nil {
		return err
	}
	fig := &back.Figures
	after, _ := g.unpaid.Return(fig.Cash)
	key, err := t.insert(`INSERT INTO refund (pos, return_id, settlement, receipt, at, day, whole, total, fund, own, shared, cash, record,
		open_back, lost_back) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		g.order.POS, back.ID, g.key, back.ReceiptNo, millis(back.At), day, back.Whole,
		fig.Total, fig.Fund, fig.Own, fig.Shared, fig.Cash, record, g.unpaid.Open-after.Open, g.unpaid.Lost-after.Lost)
	if err != nil {
		return err
	}
	kind := settle.ReportRefund
	if back.Whole {
		kind = settle.ReportReverse
	}
	about := subject{settlement: g.key, refund: key}
	report, err := t.addReport(kind, about, g.patient.key, fig.Own+fig.Shared, back.At, record)
	if err != nil {
		return err
	}
	if err := g.storePostings(t, record, report, day); err != nil {
		return err
	}
	if g.order.Presence != nil {
		if err := t.addPresence(record, about, g.order.Presence); err != nil {
			return err
		}
	}
	if err := errors.Join(g.releaseTraces(t), g.noteBack(t, report)); err != nil {
		return err
	}
	if err := t.indexReturn(key, record, g.sold.Sale.Patient, back, g.lines, g.record.Kept); err != nil {
		return err
	}
	if err := t.handOver(report, back.Postings, back.At); err != nil {
		return err
	}
	t.batch.after = append(t.batch.after, t.ledger.wakeOutbox)
	return t.run(`UPDATE settlement SET shop = ?, back_total = back_total + ?, back_fund = back_fund + ?, back_own = back_own + ?,
		back_shared = back_shared + ?, back_cash = back_cash + ?, cash_open = ?, cash_lost = ? WHERE id = ?`,
		back.State, fig.Total, fig.Fund, fig.Own, fig.Shared, fig.Cash, after.Open, after.Lost, g.key)
}

// storePostings writes the two legs. after is the pot's money after the whole return: between the legs nothing happens
// here.
func (g *giving) storePostings(t *tx, record, report int64, day settle.Date) error {
	leg := func(leg int, pays []settle.Pay, sign settle.Fen) error {
		for _, pay := range pays {
			if pay.Pot == settle.PotDifference {
				continue
			}
			h := g.holder(pay.Account)
			p := settle.Posting{Pot: pay.Pot, Amount: sign * pay.Amount, After: max(0, h.pay(pay.Pot, 0))}
			if err := t.addPosting(record, report, subject{settlement: g.key}, leg, h.key, g.patient.key, day, &p); err != nil {
				return err
			}
		}
		return nil
	}
	return errors.Join(leg(legCancel, g.record.Cancelled, -1), leg(legRebook, g.record.Rebooked, 1))
}
