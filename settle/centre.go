package settle

import (
	"bytes"
	"encoding/json"
	"time"
)

// Under authority "platform" the centre decides a sale while the patient waits (联机结算). Its answer holds four sums: the
// fund's part, the own account's, one lump for all relatives together (acct_mulaid_pay) and the cash. This file lays such an
// answer over the facts of the ledger: which pot and which relative the money came from, as far as the facts can tell.

// RuleCentre is the rule key of what the centre has decided in line.
const RuleCentre = "law.centre_settles"

// CentreWord marks a settlement that was made by the centre's answer.
type CentreWord struct {
	// Forced: the answer takes what the ledger's facts or the region's rules did not allow for. They were out of date; the
	// answer stands, and a refund does not ask them either.
	Forced bool `json:"forced,omitempty"`
	// RestOwn and RestShared are what of the account money no account known here can have paid (PotDifference), in fen.
	RestOwn    Fen `json:"rest_own,omitempty"`
	RestShared Fen `json:"rest_shared,omitempty"`
	// Asked are the lines as the till sent them, where the centre's fund part differs from theirs.
	Asked []Line `json:"asked,omitempty"`
}

// AskedLines are the lines as the till sent them.
func (s *Settlement) AskedLines() []Line {
	if s.Centre != nil && s.Centre.Asked != nil {
		return s.Centre.Asked
	}
	return s.Sale.Lines
}

// CentreLines gives the lines of a bill the fund part that the centre pays: fund fen in all, between 0 and their total. Lines
// whose parts fit are returned as they are; the argument is never changed.
func CentreLines(lines []Line, fund Fen) []Line {
	var have Fen
	for i := range lines {
		have += lines[i].Fund
	}
	if have == fund {
		return lines
	}
	return moveFund(lines, fund-have)
}

// MakeCentrePlan splits a bill so that the own account, the relatives and the cash pay exactly what the centre says. The lines
// must carry the centre's fund part ([CentreLines]) and target must sum to the bill. As far as the facts and rules allow it is
// MakePlan with two more limits: own money up to target.Own, shared money up to target.Shared, in our order and under our
// caps. What is then still missing has moved all the same: it is a difference (PotDifference) that a person clears up. The
// same refusals as MakePlan's come first.
//
// An answer that is what MakePlan says anyway is MakePlan's plan, so that a quote and a settlement of the same figures have
// one digest, whoever decided.
func MakeCentrePlan(rules *Rules, bill *Bill, target Figures) (Plan, CentreWord) {
	plan, word := MakePlan(rules, bill), CentreWord{}
	if plan.Refusal != "" {
		return plan, word
	}
	if patient := bill.Patient.ID; plan.Own(patient) != target.Own || plan.Shared(patient) != target.Shared {
		plan, word = planTo(rules, bill, target)
	}
	for i := range plan.Trials {
		if trial := &plan.Trials[i]; trial.Taken > 0 {
			trial.Reason, trial.Rule = "", RuleCentre
		}
	}
	return plan, word
}

func planTo(rules *Rules, bill *Bill, target Figures) (Plan, CentreWord) {
	p := newPlanner(rules, bill)
	p.target = &target
	if target.Shared > 0 {
		p.ownMoney = 0 // relatives have paid, so the own money that had to go first was gone
	}
	switch {
	case bill.ThirdParty:
		p.skipAllForThirdParty()
	case bill.NoAccounts:
	case rules.Own.First:
		p.payOwn()
		p.payShared()
	default:
		p.payShared()
		p.payOwn()
	}
	word := p.force()
	p.finish()
	return p.plan, word
}

// force takes what the centre has taken and the facts did not give.
func (p *planner) force() (word CentreWord) {
	ownLeft, sharedLeft := p.target.Own-(p.paid-p.shared), p.target.Shared-p.shared
	if ownLeft <= 0 && sharedLeft <= 0 {
		return word
	}
	word.Forced = true
	p.rest.openToAll()
	if ownLeft > 0 {
		word.RestOwn = ownLeft
		p.difference(p.bill.Patient.ID, scopeOwnBalance, ownLeft)
	}
	if sharedLeft > 0 {
		word.RestShared = sharedLeft
		p.difference("", scopeShared, sharedLeft)
	}
	return word
}

func (p *planner) difference(account PersonID, kind scopeKind, amount Fen) {
	p.pay(&Account{ID: account}, PotDifference, kind, amount)
	p.plan.Trials = append(p.plan.Trials, Trial{
		Account: account, Own: kind != scopeShared, Pot: PotDifference, Payable: amount, Taken: amount, Rule: RuleCentre,
	})
}

// ownPayable is what the own account may pay of the bill under a scope.
func (p *planner) ownPayable(kind scopeKind) Fen {
	payable := p.rest.payable(kind)
	if p.target != nil {
		payable = min(payable, max(0, p.target.Own-(p.paid-p.shared)))
	}
	return payable
}

// sharedPayable is what relatives may pay of the bill.
func (p *planner) sharedPayable() Fen {
	payable := p.rest.payable(scopeShared)
	if p.target != nil {
		payable = min(payable, max(0, p.target.Shared-p.shared))
	}
	return payable
}

// openToAll lets every payer pay every part of the bill: the centre has decided, whatever the scopes say.
func (r *rest) openToAll() {
	r.all = true
	r.masks = [scopeKinds][]uint8{}
}

// InlineState is what became of a question to the centre while the patient waits.
type InlineState string

// The states of an in-line question.
const (
	InlineAnswered  InlineState = "answered"  // the centre's figures stand
	InlineRefused   InlineState = "refused"   // the centre refuses the sale
	InlineUnreached InlineState = "unreached" // certainly nothing is booked: the cached ledger decides
	InlineUnknown   InlineState = "unknown"   // it may be booked: the ledger decides, and the report carries the message's id
	InlineWaits     InlineState = "waits"     // earlier reports of the person are not through, so it was not asked
)

// InlineStates lists them in a fixed order.
var InlineStates = []InlineState{InlineAnswered, InlineRefused, InlineUnreached, InlineUnknown, InlineWaits}

// InlineAnswer is what the centre said in line. MsgID names the question that is in the journal, by its first message, and
// that the settlement takes over; it is empty where nothing is open. Booking is set where the centre has booked the sale.
type InlineAnswer struct {
	State   InlineState
	MsgID   string
	Booking *Booking
	Fault   string // Chinese, without identities; of an unknown outcome
}

// InlineIntent is a message that is about to leave for a sale that is not settled yet.
type InlineIntent struct {
	MsgID    string
	Infno    string
	Body     []byte // as journalled: without a 医保码, which is never kept
	POS      string
	SaleID   string
	Terminal string
	Operator Operator
	Person   PersonID
	Figures  Figures // as the ledger expects them
	SentAt   time.Time
	// SentCentre is as in Dispatch.
	SentCentre time.Time

	// A clinic's sale is asked for with several messages. Question is the id of the first of them, empty for the first
	// itself; Visit and Batch are as in Dispatch. Notes are what closing the visit takes where no settlement comes of it.
	Question     string
	Visit, Batch string
	Notes        *InlineVisit
}

// InlineVisit is what of a clinic's sale is needed to close its visit at the centre; nil for a pharmacy's.
type InlineVisit struct {
	MedType string          `json:"med_type"`
	Visit   json.RawMessage `json:"visit"` // as Sale.Visit
}

// Of reports whether the notes are of the visit of this sale.
func (v *InlineVisit) Of(sale *Sale) bool {
	return v != nil && v.MedType == sale.MedType && bytes.Equal(v.Visit, sale.Visit)
}

// InlineStep is the outcome of a message of a clinic's question that leaves the question open.
type InlineStep struct {
	Question, MsgID string
	State           DispatchState
	Visit           string // mdtrt_id, where the message was answered with one
	Fault           string // Chinese, without identities
}
