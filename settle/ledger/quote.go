package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"

	"gongji/settle"
)

var errNoRows = sql.ErrNoRows

// Quote plans a sale and changes nothing. PERSON_UNKNOWN, RULE_REFUSED, PERSON_CARD_MISMATCH, BAD_REQUEST and, when
// offline, LEDGER_STALE, OFFLINE_LIMIT.
func (l *Ledger) Quote(ctx context.Context, sale settle.Sale, offline bool) (quote settle.Quote, err error) {
	defer l.counter.serve()()
	err = l.read(ctx, func(t *tx) error {
		f, err := t.gather(&sale, offline)
		if err != nil {
			return err
		}
		quote, err = t.decide(f)
		return err
	})
	return quote, err
}

// decide plans a bill and applies what only the ledger can check: trace codes sold before, and the offline limits in
// their order.
func (t *tx) decide(f *facts) (settle.Quote, error) { return t.decideBy(f, nil) }

// decideBy is decide where the centre's figures stand; nil: it was not asked.
func (t *tx) decideBy(f *facts, centre *settle.Figures) (quote settle.Quote, err error) {
	if err := f.checkActive(); err != nil {
		return quote, err
	}
	plan, word := f.plan(centre)
	if err := t.checkPlan(f, &plan); err != nil {
		return quote, err
	}
	quote = settle.Quote{
		Plan: plan, Policy: f.policy, LedgerAge: f.age, Offline: f.offline, Bill: f.bill, Centre: word,
		Digest: f.bill.Digest(f.policy, &plan), Unpayable: settle.UnpayableOf(f.rules, &f.bill, &plan),
		Figures: settle.Figures{
			Fund: plan.Fund, Cash: plan.Cash, Own: plan.Own(f.bill.Patient.ID), Shared: plan.Shared(f.bill.Patient.ID),
		},
	}
	for i := range f.bill.Lines {
		quote.Figures.Total += f.bill.Lines[i].Total
	}
	if f.offline {
		if err := t.checkOffline(f, quote.Figures.Own+quote.Figures.Shared); err != nil {
			return settle.Quote{}, err
		}
	}
	if err := f.post(&quote); err != nil {
		return settle.Quote{}, err
	}
	for _, skip := range plan.Skipped {
		quote.Skipped = append(quote.Skipped, settle.SkippedParty{Party: f.party(skip.Account), Reason: skip.Reason})
	}
	return quote, nil
}

// plan splits the bill; by the centre's figures where there are any, which also say what the fund pays of the lines.
func (f *facts) plan(centre *settle.Figures) (settle.Plan, *settle.CentreWord) {
	if centre == nil {
		return settle.MakePlan(f.rules, &f.bill), nil
	}
	asked := f.bill.Lines
	f.bill.Lines = settle.CentreLines(asked, centre.Fund)
	plan, word := settle.MakeCentrePlan(f.rules, &f.bill, *centre)
	if &f.bill.Lines[0] != &asked[0] {
		word.Asked = asked
	}
	return plan, &word
}

// checkActive: offline only a person whose insurance is in order may be settled for. That somebody is deceased is the
// planner's to say, which bars online sales too.
func (f *facts) checkActive() error {
	if f.offline && f.bill.Patient.Status != settle.StatusNormal && f.bill.Patient.Status != settle.StatusDeceased {
		return settle.Refused(settle.EPatientStatus)
	}
	return nil
}

// checkPlan turns a refusal of the rules into an error, in the order of SEMANTICS 5.1: the venue, the patient and the
// credential; the people at the counter; the trace codes, also those sold before; the pharmacy's limits.
func (t *tx) checkPlan(f *facts, plan *settle.Plan) error {
	switch plan.Refusal {
	case settle.ECardOwnerMismatch:
		return &settle.Error{Code: settle.PersonCardMismatch, Reason: plan.Refusal}
	case settle.EVenue, settle.EPatientBlocked:
		return settle.Refused(plan.Refusal)
	}
	if err := t.checkPeople(f); err != nil {
		return err
	}
	switch plan.Refusal {
	case "", settle.EPharmacyMonthLimit, settle.EPharmacyDayTimes:
		if err := t.takeTraces(f); err != nil {
			return err
		}
	}
	if plan.Refusal == "" {
		return nil
	}
	if fault := f.rules.Trace.Fault(f.bill.Day, f.bill.Lines); fault.Reason == plan.Refusal {
		return fault.Error()
	}
	return settle.Refused(plan.Refusal)
}

// checkPeople asks the rules about the people behind the sale: credential, guardian, agent and prescription.
func (t *tx) checkPeople(f *facts) error {
	sale := f.sale
	in := settle.PersonFacts{
		Day: f.bill.Day, Presenter: sale.Presenter, Proxy: sale.Proxy, Patient: f.bill.Patient, Lines: sale.Lines,
		Prescription: sale.Prescription, VenueKind: cmp.Or(t.ledger.options.Venue.Kind, sale.VenueKind), MedGroup: f.bill.MedGroup,
		Credential: sale.Credential.Kind, ShownBy: sale.Credential.ShownBy, PersonCheck: sale.PersonCheck,
	}
	if sale.Presenter.Guardian {
		who, err := t.identity(&f.patient)
		if err != nil {
			return err
		}
		number, _ := settle.ParseIDNumber(who.Certno) // a number with a fault has no birth: nobody is known to be a minor
		in.PatientBirth = number.Birth()
	}
	if sale.Proxy != nil {
		err := t.get("SELECT COUNT(DISTINCT patient) FROM proxy WHERE agent = ? AND day = ? AND patient <> ?",
			[]any{t.vault().hexColumn(sale.Proxy.AgentHash), f.bill.Day, f.patient.key}, &in.CardsOfAgentToday)
		if err != nil {
			return err
		}
		in.CardsOfAgentToday++
	}
	return settle.CheckPerson(f.rules, in)
}

func (t *tx) checkOffline(f *facts, asked settle.Fen) error {
	state, err := t.unsynced(f.patient.key, f.at)
	if err != nil {
		return err
	}
	state.Age = f.age
	return settle.CheckOffline(f.limits, state, asked)
}

func (f *facts) party(person settle.PersonID) settle.Party {
	if h := f.holder(person); h != nil {
		return h.party
	}
	return settle.Party{Person: person}
}

// post moves the money of a plan through the holders: the postings with what is available after each, and what of it
// is at risk. On the way it checks the plan a second time, apart from the planner.
func (f *facts) post(quote *settle.Quote) error {
	plan := &quote.Plan
	if fig := quote.Figures; fig.Fund+fig.Own+fig.Shared+fig.Cash != fig.Total || fig.Cash < 0 {
		return broken("plan does not sum to the bill")
	}
	allocated := make([]settle.Fen, len(plan.Pays))
	for _, a := range plan.Allocations {
		if a.Pay >= 0 && a.Pay < len(allocated) {
			allocated[a.Pay] += a.Amount
		}
	}
	for i, pay := range plan.Pays {
		if pay.Pot == settle.PotDifference && quote.Centre != nil && pay.Amount > 0 && allocated[i] == pay.Amount {
			continue // of no account known here; see raiseDifference
		}
		h := f.holder(pay.Account)
		if h == nil || pay.Amount <= 0 || allocated[i] != pay.Amount || h.account.Status.Locked() {
			return broken("plan debits what it must not")
		}
		after := h.pay(pay.Pot, pay.Amount)
		if f.belowFloor(h, pay.Pot) {
			return broken("plan takes an account below its floor")
		}
		posting := settle.Posting{Party: h.party, Pot: pay.Pot, Amount: pay.Amount, After: after, Covered: h.cover(pay)}
		if f.offline {
			quote.AtRisk += pay.Amount - posting.Covered
		}
		quote.Postings = append(quote.Postings, posting)
	}
	return nil
}

// cover is the part of a debit that an allowance covers. The quota of a wallet is promised by its owner, not set aside
// for this venue, so no allowance covers it.
func (h *holder) cover(pay settle.Pay) settle.Fen {
	if pay.Pot == settle.PotQuota {
		return 0
	}
	covered := min(pay.Amount, h.allowance)
	h.allowance -= covered
	return covered
}

// belowFloor reports whether a debit took too much: a pot below the money frozen on it, a quota below 0, a giver below
// the policy's reserve.
func (f *facts) belowFloor(h *holder, pot settle.Pot) bool {
	a := &h.account
	switch {
	case pot == settle.PotQuota:
		return h.binding == nil || h.binding.QuotaUsed > h.binding.QuotaTotal
	case a.TwoPots:
		if a.Prior < 0 || a.Current < 0 || a.Mutual < 0 || a.Prior+a.Current+a.Mutual < a.Frozen {
			return true
		}
	case a.Balance < a.Frozen:
		return true
	}
	if h.binding == nil {
		return false
	}
	shared := free(a, settle.PotBalance)
	if a.TwoPots {
		shared = free(a, settle.PotPrior)
		switch f.rules.ShareFrom {
		case settle.SharePriorOnly:
		case settle.ShareMutualOnly:
			shared = free(a, settle.PotMutual)
		default:
			shared += free(a, settle.PotCurrent)
		}
	}
	return shared < f.rules.Reserve.MinAfter
}

// broken is a contradiction inside this program: nothing is settled.
func broken(text string) error {
	return settle.NewError(settle.StoreBroken, fmt.Errorf("ledger check: %s", text))
}
