package ledger

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"gongji/settle"
)

// adjustmentRecord is a change of a settlement's split with everything the next return needs. Lines and Pays are what
// stands afterwards, pots as the settlement named them; Moved are the rows posted, pots as they are called today.
type adjustmentRecord struct {
	Adjustment settle.Adjustment `json:"adjustment"`
	Report     int64             `json:"report"`
	Lines      []settle.Line     `json:"lines,omitempty"`
	Pays       []settle.Pay      `json:"pays,omitempty"`
	Moved      []movedPay        `json:"moved,omitempty"`
}

// movedPay is one row of an adjustment: on which leg of which report it counts.
type movedPay struct {
	settle.Pay
	Report int64 `json:"report"`
	Leg    int   `json:"leg"`
}

// position is a settlement as it stands after everything that came behind it.
type position struct {
	key      int64
	sold     *settlementRecord
	patient  personRow
	lines    []settle.Line // still sold, with the fund's part as it is now
	pays     []settle.Pay  // what everybody still pays
	cash     settle.Fen
	open     settle.CashStanding
	adjusted bool // the centre's split stands, and not the plan's
}

func (s *position) figures() settle.Figures {
	return settle.FiguresOf(s.sold.Settlement.Sale.Patient, s.lines, s.pays, s.cash)
}

// positionOf reads how a settlement stands: as its latest return or adjustment left it.
func (t *tx) positionOf(key int64) (*position, error) {
	s := &position{key: key, sold: &settlementRecord{}}
	var seq int64
	err := t.get("SELECT record, cash_open, cash_lost FROM settlement WHERE id = ?", []any{key}, &seq, &s.open.Open, &s.open.Lost)
	if err != nil {
		return nil, notFound(err)
	}
	if err := t.record(seq, s.sold); err != nil {
		return nil, err
	}
	pid, _ := t.vault().pid(s.sold.Settlement.Sale.Patient)
	if s.patient, err = t.personBy("pid = ?", pid); err != nil {
		return nil, err
	}
	sold := &s.sold.Settlement
	s.lines, s.pays, s.cash = sold.Sale.Lines, sold.Plan.Pays, sold.Figures.Cash
	return s, t.fillPosition(s)
}

// fillPosition overlays what came later: the latest return or adjustment has the whole of it.
func (t *tx) fillPosition(s *position) error {
	var returned, adjusted int64
	err := t.get(`SELECT (SELECT COALESCE(MAX(record), 0) FROM refund WHERE settlement = ?),
		(SELECT COALESCE(MAX(record), 0) FROM adjustment WHERE settlement = ? AND transit = 0)`, []any{s.key, s.key}, &returned, &adjusted)
	if err != nil {
		return err
	}
	s.adjusted = adjusted > 0
	switch {
	case returned > adjusted:
		var earlier returnRecord
		if err := t.record(returned, &earlier); err != nil {
			return err
		}
		s.lines, s.pays, s.cash = earlier.Kept, earlier.Remaining, earlier.KeptFigures.Cash
	case adjusted > 0:
		var earlier adjustmentRecord
		if err := t.record(adjusted, &earlier); err != nil {
			return err
		}
		s.lines, s.pays, s.cash = earlier.Lines, earlier.Pays, earlier.Adjustment.After.Cash
	}
	return nil
}

// adjusting is an adjustment on its way.
type adjusting struct {
	*position
	rules     *settle.Rules
	cause     settle.AdjustCause
	at        time.Time
	report    int64
	leg       int
	later     int64                                         // report of the return that takes the booking back again; 0: none, the adjustment stays
	centre    int64                                         // when the centre booked it; 0: it did not say
	decided   *settle.AttentionOrder                        // who caused it; nil: the centre
	cashAfter func(settle.CashStanding) settle.CashStanding // what the decision makes of the open cash; nil: nothing
	holders   []*holder
	record    adjustmentRecord
}

// adjustBooking posts what the centre has booked otherwise than we did. The detail is for the work list; empty where
// nothing can be posted, and then the caller's own stands.
func (t *tx) adjustBooking(m *sentMessage, r *settle.DispatchResult) (detail string, err error) {
	if r.ReportState != settle.ReportAdjusted || r.Booking == nil || r.Unbooked || !m.settlement.Valid {
		return "", nil
	}
	a := &adjusting{cause: settle.AdjustCentre, at: r.At, report: m.report, leg: m.leg(false), centre: millis(r.Booking.CentreTime)}
	if a.position, err = t.bookedPosition(m); err != nil {
		return "", err
	}
	err = t.get(`SELECT COALESCE(MIN(id), 0) FROM report WHERE settlement = ? AND id > ? AND kind IN ('refund', 'reverse')`,
		[]any{m.settlement, m.report}, &a.later)
	if err != nil {
		return "", err
	}
	before := a.figures()
	done, err := t.adjust(a, r.Booking.Figures)
	if err != nil || !done {
		return "", err
	}
	return a.detail(before, r.Booking.Figures)
}

// bookedPosition is the settlement as the report of a message meant it to be booked. Where it was returned since, that is
// not how it stands now.
func (t *tx) bookedPosition(m *sentMessage) (*position, error) {
	s, err := t.positionOf(m.settlement.Int64)
	if err != nil {
		return nil, err
	}
	var last int64
	err = t.get("SELECT COALESCE(MAX(id), 0) FROM report WHERE settlement = ? AND kind IN ('refund', 'reverse')", []any{m.settlement}, &last)
	if err != nil || last <= m.report {
		return s, err
	}
	if m.kind == settle.ReportSettle {
		sold := &s.sold.Settlement
		s.lines, s.pays, s.cash = sold.Sale.Lines, sold.Plan.Pays, sold.Figures.Cash
		return s, nil
	}
	var seq int64
	if err := t.get("SELECT record FROM report WHERE id = ?", []any{m.report}, &seq); err != nil {
		return nil, err
	}
	var back returnRecord
	if err := t.record(seq, &back); err != nil {
		return nil, err
	}
	s.lines, s.pays, s.cash = back.Kept, back.Remaining, back.KeptFigures.Cash
	return s, nil
}

// detail tells both sides' figures, what a person has to do about cash, and whose money is not accounted for.
func (a *adjusting) detail(ours, centre settle.Figures) (string, error) {
	adj := &a.record.Adjustment
	text, err := json.Marshal(struct {
		Ours       settle.Figures `json:"ours"`
		Centre     settle.Figures `json:"centre"`
		Holder     string         `json:"holder"`
		Cash       settle.Fen     `json:"cash_difference"`
		RestOwn    settle.Fen     `json:"rest_own,omitempty"`
		RestShared settle.Fen     `json:"rest_shared,omitempty"`
		Transit    bool           `json:"transit,omitempty"`
	}{ours, centre, a.patient.person.Masked, adj.Cash.Open, adj.RestOwn, adj.RestShared, adj.Transit})
	return string(text), err
}

// adjust brings a settlement to other figures; done is false where that cannot be (other totals), or nothing differs.
func (t *tx) adjust(a *adjusting, theirs settle.Figures) (done bool, err error) {
	if a.rules, err = t.ledger.options.RulesFor(a.sold.Settlement.Day); err != nil {
		return false, fmt.Errorf("rules of the day of the settlement: %w", err)
	}
	before := a.figures()
	more, err := t.payers(a, theirs, before)
	if err != nil {
		return false, err
	}
	patient := a.sold.Settlement.Sale.Patient
	plan, ok := settle.MakeAdjustment(settle.AdjustInput{
		Patient: patient, Lines: a.lines, Pays: a.pays, Cash: a.cash, Theirs: theirs, More: more,
	})
	if !ok || before == theirs {
		return false, nil
	}
	if got := settle.FiguresOf(patient, plan.Lines, plan.Pays, theirs.Cash); got != theirs {
		return false, broken("an adjustment does not come to the centre's figures")
	}
	a.record = adjustmentRecord{Report: a.report, Lines: plan.Lines, Pays: plan.Pays, Adjustment: settle.Adjustment{
		ID: newID(a.at), Settlement: a.sold.Settlement.ID, Cause: a.cause, Transit: a.later != 0, At: a.at.Round(0).In(settle.Beijing),
		Before: before, After: theirs, Postings: []settle.Posting{}, Cash: a.open,
	}}
	if a.later == 0 {
		a.record.Adjustment.Cash = a.open.Change(plan.Delta.Cash)
	}
	if a.cashAfter != nil {
		a.record.Adjustment.Cash = a.cashAfter(a.record.Adjustment.Cash)
	}
	a.note()
	return true, t.movePays(a, plan.Changes)
}

// movePays turns the changes into rows: on the booking's leg, and where the goods are back already, off again on the leg of
// the cancellation.
func (t *tx) movePays(a *adjusting, changes []settle.Pay) error {
	adj := &a.record.Adjustment
	turned := a.rules.AccountYear(a.sold.Settlement.Day) != a.rules.AccountYear(settle.DateOf(a.at))
	for _, pay := range changes {
		if pay.Pot == settle.PotDifference {
			if pay.Shares(a.sold.Settlement.Sale.Patient) {
				adj.RestShared += pay.Amount
			} else {
				adj.RestOwn += pay.Amount
			}
			continue
		}
		h, err := t.adjustHolder(a, pay.Account)
		if err != nil {
			return err
		}
		pay.Pot = h.potToday(pay.Pot, turned)
		after := h.pay(pay.Pot, pay.Amount)
		adj.Postings = append(adj.Postings, settle.Posting{Party: h.party, Pot: pay.Pot, Amount: pay.Amount, After: max(0, after)})
		a.record.Moved = append(a.record.Moved, movedPay{pay, a.report, a.leg})
		if a.later != 0 {
			pay.Amount = -pay.Amount
			a.record.Moved = append(a.record.Moved, movedPay{pay, a.later, legCancel})
		}
	}
	return t.storeAdjustment(a)
}

// adjustHolder is a payer as the account stands today, named as the settlement named it.
func (t *tx) adjustHolder(a *adjusting, person settle.PersonID) (*holder, error) {
	if i := slices.IndexFunc(a.holders, func(h *holder) bool { return h.party.Person == person }); i >= 0 {
		return a.holders[i], nil
	}
	h, err := t.payerNow(a.rules, person, a.patient.key)
	if err != nil {
		return nil, err
	}
	for i := range a.sold.Settlement.Postings {
		if p := &a.sold.Settlement.Postings[i]; p.Person == person {
			h.party = p.Party
		}
	}
	a.holders = append(a.holders, h)
	return h, nil
}

// payers lists from whom more could have been taken, in the order of the plan: the own pots in the region's order, then
// relatives in the order in which the plan tried them.
func (t *tx) payers(a *adjusting, theirs, before settle.Figures) (more []settle.Payer, err error) {
	if theirs.Own <= before.Own && theirs.Shared <= before.Shared {
		return nil, nil
	}
	if a.holders, err = t.holders(a.rules, &a.patient); err != nil {
		return nil, err
	}
	for _, h := range a.holders {
		if h.binding == nil && h.hasAccount {
			more = append(more, ownPayers(a, h, theirs.Own-before.Own)...)
		}
	}
	asked := map[settle.PersonID]bool{}
	plan := &a.sold.Settlement.Plan
	for i := range plan.Trials {
		trial := &plan.Trials[i]
		if trial.Own || asked[trial.Account] || barred(plan.Skipped, trial.Account) {
			continue
		}
		asked[trial.Account] = true
		at := slices.IndexFunc(a.holders, func(h *holder) bool { return h.party.Person == trial.Account && h.binding != nil })
		if at >= 0 {
			more = append(more, giverPayers(a.rules, a.holders[at])...)
		}
	}
	return more, nil
}

// ownPayers are the patient's own pots. Where the snapshot contains the booking already, what the centre took more is off
// the balance already, too, and must not be missed a second time.
func ownPayers(a *adjusting, h *holder, need settle.Fen) (more []settle.Payer) {
	contained := settle.Fen(0)
	if a.centre != 0 && h.contains >= a.centre {
		contained = max(0, need)
	}
	for _, pot := range a.rules.Own.PotOrder {
		if (pot == settle.PotBalance) == h.account.TwoPots || pot == settle.PotMutual && a.rules.Pots != settle.PotsCurrentPriorMutual {
			continue
		}
		more = append(more, settle.Payer{Account: h.party.Person, Pot: pot, Available: free(&h.account, pot) + contained})
	}
	return more
}

// giverPayers are the pots of a relative, each as far as the binding and the giver's own limit leave room.
func giverPayers(rules *settle.Rules, h *holder) (more []settle.Payer) {
	room := h.available()
	for _, limit := range []struct {
		limit settle.Cap
		used  settle.Fen
	}{{h.binding.Limit, h.binding.LimitUsed}, {h.account.Limit, h.account.LimitUsed}} {
		if limit.limit.Set {
			room = min(room, max(0, limit.limit.Max-limit.used))
		}
	}
	pots := []settle.Pot{settle.PotQuota}
	if h.binding.Mode != settle.Wallet {
		pots = rules.SharedPots(&h.account)
	}
	for _, pot := range pots {
		x := room
		if pot != settle.PotQuota {
			x = min(room, free(&h.account, pot))
		}
		more = append(more, settle.Payer{Account: h.party.Person, Pot: pot, Available: x})
		room -= x
	}
	return more
}

// barred reports whether a relative was left out of the plan for a reason that the centre shares: not for want of money or
// of something to pay, but because no such binding counts.
func barred(skipped []settle.Skip, account settle.PersonID) bool {
	at := slices.IndexFunc(skipped, func(s settle.Skip) bool { return s.Account == account })
	if at < 0 {
		return false
	}
	switch skipped[at].Reason {
	case settle.KZero, settle.KCap, settle.KClass, settle.KBucket, settle.KOwnNotZero, settle.KOneGiver, settle.KNotAsked, settle.KNotSelected:
		return false
	}
	return true
}

// storeAdjustment writes an adjustment with its rows.
func (t *tx) storeAdjustment(a *adjusting) error {
	adj := &a.record.Adjustment
	seq, err := t.link(recordAdjustment, adj.ID, a.record)
	if err != nil {
		return err
	}
	delta := settle.Figures{
		Fund: adj.After.Fund - adj.Before.Fund, Own: adj.After.Own - adj.Before.Own,
		Shared: adj.After.Shared - adj.Before.Shared, Cash: adj.After.Cash - adj.Before.Cash,
	}
	day := settle.DateOf(adj.At)
	err = t.run(`INSERT INTO adjustment (ref, settlement, report, cause, transit, at, day, fund, own, shared, cash, open, lost, record)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		adj.ID, a.key, a.report, adj.Cause, adj.Transit, millis(adj.At), day, delta.Fund, delta.Own, delta.Shared, delta.Cash,
		adj.Cash.Open-a.open.Open, adj.Cash.Lost-a.open.Lost, seq)
	if err != nil {
		return err
	}
	if err := t.postMoved(a, seq, day); err != nil {
		return err
	}
	if err := t.handOver(a.report, adj.Postings, adj.At); err != nil || adj.Transit {
		return err
	}
	return t.run(`UPDATE settlement SET adj_fund = adj_fund + ?, adj_own = adj_own + ?, adj_shared = adj_shared + ?, adj_cash = adj_cash + ?,
		cash_open = ?, cash_lost = ? WHERE id = ?`,
		delta.Fund, delta.Own, delta.Shared, delta.Cash, adj.Cash.Open, adj.Cash.Lost, a.key)
}

// postMoved writes the rows. Each counts like the leg it belongs to, so it is contained from the same time on.
func (t *tx) postMoved(a *adjusting, seq int64, day settle.Date) error {
	for _, moved := range a.record.Moved {
		h, err := t.adjustHolder(a, moved.Account)
		if err != nil {
			return err
		}
		p := settle.Posting{Pot: moved.Pot, Amount: moved.Amount, After: max(0, h.pay(moved.Pot, 0))}
		if err := t.addPosting(seq, moved.Report, subject{settlement: a.key}, moved.Leg, h.key, a.patient.key, day, &p); err != nil {
			return err
		}
	}
	if a.centre == 0 {
		return nil
	}
	return t.contain(a.report, a.leg, a.centre)
}

// adjustmentsOf lists what was adjusted of a settlement, oldest first.
func (t *tx) adjustmentsOf(key int64) (list []settle.Adjustment, err error) {
	records, err := t.records("SELECT record FROM adjustment WHERE settlement = ? ORDER BY id", key)
	if err != nil {
		return nil, err
	}
	for _, seq := range records {
		var record adjustmentRecord
		if err := t.record(seq, &record); err != nil {
			return nil, err
		}
		list = append(list, record.Adjustment)
	}
	return list, nil
}
