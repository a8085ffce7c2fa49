package localapi

import (
	"time"

	"github.com/danielgtaylor/huma/v2"

	"gongji/settle"
)

// Yuan is money on the wire: yuan with exactly two decimals.
type Yuan string

// Schema documents the form.
func (Yuan) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Pattern: `^-?\d{1,9}\.\d{2}$`, Examples: []any{"12.50"}}
}

func yuan(f settle.Fen) Yuan { return Yuan(f.String()) }

func yuanOf(f settle.Fen) *Yuan {
	y := yuan(f)
	return &y
}

// PostingAnswer is one booked debit, or in a return one credit; amounts are positive.
type PostingAnswer struct {
	Source          string `json:"source" enum:"own,shared"`
	Holder          string `json:"holder" doc:"Masked name of the account's holder"`
	Relation        string `json:"relation,omitempty" doc:"What the patient is to this giver"`
	GiverRef        string `json:"giver_ref,omitempty"`
	Pot             string `json:"pot"`
	Amount          Yuan   `json:"amount"`
	OwnBalanceAfter *Yuan  `json:"own_balance_after,omitempty" doc:"Of the patient's own account only"`
	Why             string `json:"why,omitempty" doc:"Chinese"`
}

// SkippedAnswer is an account that did not pay.
type SkippedAnswer struct {
	Holder   string        `json:"holder" doc:"Masked name"`
	Relation string        `json:"relation,omitempty"`
	GiverRef string        `json:"giver_ref,omitempty"`
	Reason   settle.Reason `json:"reason"`
	Message  string        `json:"message" doc:"Chinese"`
}

// CashLineAnswer is a part of a line that is cash because no account may pay it.
type CashLineAnswer struct {
	Line    string        `json:"line"`
	Class   string        `json:"class"`
	Amount  Yuan          `json:"amount"`
	Reason  settle.Reason `json:"reason" doc:"K_CLASS, K_CLASS_UNKNOWN where the policy knows no such class, or K_BUCKET"`
	Message string        `json:"message" doc:"Chinese, for the cashier"`
	English string        `json:"english"`
}

// PolicyAnswer names the policy that decided.
type PolicyAnswer struct {
	ID      string `json:"id"`
	Version string `json:"version"`
}

// SplitAnswer is who pays what. fund_paid + own_paid + shared_paid + cash_due = total.
type SplitAnswer struct {
	Total      Yuan             `json:"total"`
	FundPaid   Yuan             `json:"fund_paid"`
	SelfPaid   Yuan             `json:"self_paid" doc:"The personal share: own, shared and cash"`
	OwnPaid    Yuan             `json:"own_paid"`
	SharedPaid Yuan             `json:"shared_paid"`
	CashDue    Yuan             `json:"cash_due"`
	Postings   []PostingAnswer  `json:"postings"`
	Skipped    []SkippedAnswer  `json:"skipped"`
	Unpayable  []CashLineAnswer `json:"unpayable" doc:"What of cash_due no account may pay, by line"`
	Policy     PolicyAnswer     `json:"policy"`
	LedgerAgeS int64            `json:"ledger_age_s" doc:"Age of the patient's cached accounts in seconds"`
	Offline    bool             `json:"offline"`
	AtRisk     Yuan             `json:"at_risk" doc:"Account money settled without the centre"`
	Hint       string           `json:"hint,omitempty"`
}

// QuoteAnswer is what a settlement would do now.
type QuoteAnswer struct {
	SplitAnswer
	Digest      string             `json:"digest" doc:"Of all the quote depended on; send it as quote_digest"`
	Explanation *ExplanationAnswer `json:"explanation,omitempty" doc:"Where it was asked for"`
}

// ReturnedAnswer is what was given back so far.
type ReturnedAnswer struct {
	Total  Yuan `json:"total"`
	Fund   Yuan `json:"fund"`
	Own    Yuan `json:"own"`
	Shared Yuan `json:"shared"`
	Cash   Yuan `json:"cash"`
}

// SettlementAnswer is a settlement as it stands.
type SettlementAnswer struct {
	SettlementID string    `json:"settlement_id"`
	SaleID       string    `json:"sale_id"`
	State        string    `json:"state" doc:"settled, accepted, unknown, refused, adjusted, partly_refunded, refunded or reversed"`
	Report       string    `json:"report" doc:"The centre's side: pending, accepted, unknown, refused or adjusted"`
	At           time.Time `json:"at"`
	Day          string    `json:"day" doc:"Policy date in Beijing"`
	POS          string    `json:"pos"`
	Terminal     string    `json:"terminal"`
	Operator     string    `json:"operator"`
	MedType      string    `json:"med_type"`
	Holder       string    `json:"holder" doc:"Masked name of the patient"`
	SplitAnswer
	Lines     []RecordLineAnswer `json:"lines" doc:"As they were sold, and what of each is still sold"`
	ReceiptNo string             `json:"receipt_no"`
	Digest    string             `json:"digest"`
	Returned  ReturnedAnswer     `json:"returned"`

	Adjustments    []AdjustmentAnswer `json:"adjustments,omitempty" doc:"What changed of the split after the sale, oldest first. The amounts above are those that stand now; postings are those of the sale"`
	CashDifference *Yuan              `json:"cash_difference,omitempty" doc:"Still to be collected from the patient; negative: to be paid back"`
	CashLost       *Yuan              `json:"cash_written_off,omitempty" doc:"Part of cash_due that the shop bears"`
}

// ReturnAnswer is a booked reversal or refund.
type ReturnAnswer struct {
	ReversalID   string               `json:"reversal_id,omitempty"`
	RefundID     string               `json:"refund_id,omitempty"`
	SettlementID string               `json:"settlement_id"`
	At           time.Time            `json:"at"`
	Operator     string               `json:"operator"`
	Reason       string               `json:"reason,omitempty"`
	Lines        []ReturnedLineAnswer `json:"lines"`
	Total        Yuan                 `json:"total"`
	FundBack     Yuan                 `json:"fund_back"`
	OwnBack      Yuan                 `json:"own_back"`
	SharedBack   Yuan                 `json:"shared_back"`
	CashBack     Yuan                 `json:"cash_back" doc:"Hand this to the patient"`
	CashOffset   *Yuan                `json:"cash_offset,omitempty" doc:"Cash of the return that the patient had never paid; it is in total and not in cash_back"`
	Postings     []PostingAnswer      `json:"postings"`
	State        string               `json:"state" doc:"Of the settlement afterwards"`
	Report       string               `json:"report"`
	ReceiptNo    string               `json:"receipt_no"`
}

// ReturnedLineAnswer is one returned line.
type ReturnedLineAnswer struct {
	ID       string `json:"id"`
	Quantity string `json:"quantity"`
}

func splitAnswer(f settle.Figures, postings []settle.Posting, skipped []settle.SkippedParty, unpayable []settle.Unpayable, plan *settle.Plan) SplitAnswer {
	answer := SplitAnswer{
		Total: yuan(f.Total), FundPaid: yuan(f.Fund), SelfPaid: yuan(f.Self()), OwnPaid: yuan(f.Own), SharedPaid: yuan(f.Shared),
		CashDue: yuan(f.Cash), Postings: postingAnswers(postings, plan), Skipped: make([]SkippedAnswer, len(skipped)),
		Unpayable: make([]CashLineAnswer, len(unpayable)), Hint: plan.Hint,
	}
	for i := range unpayable {
		u := &unpayable[i]
		answer.Unpayable[i] = CashLineAnswer{Line: u.Line, Class: u.Class, Amount: yuan(u.Amount), Reason: u.Reason}
		answer.Unpayable[i].Message, answer.Unpayable[i].English = u.Sentences()
	}
	for i, skip := range skipped {
		answer.Skipped[i] = SkippedAnswer{
			Holder: skip.Masked, Relation: string(skip.Relation), GiverRef: skip.GiverRef, Reason: skip.Reason,
			Message: settle.ReasonSentences[skip.Reason].Message,
		}
	}
	return answer
}

// postingAnswers show the own account's balance and never a relative's. A posting is shared where it names a relation.
func postingAnswers(postings []settle.Posting, plan *settle.Plan) []PostingAnswer {
	answers := make([]PostingAnswer, len(postings))
	for i := range postings {
		p := &postings[i]
		answers[i] = PostingAnswer{
			Source: "own", Holder: p.Masked, Relation: string(p.Relation), GiverRef: p.GiverRef, Pot: string(p.Pot), Amount: yuan(abs(p.Amount)),
			Why: why(p, plan),
		}
		if shared(&p.Party) {
			answers[i].Source = "shared"
		} else {
			answers[i].OwnBalanceAfter = yuanOf(p.After)
		}
	}
	return answers
}

func shared(p *settle.Party) bool { return p.Relation != "" || p.GiverRef != "" }

func abs(f settle.Fen) settle.Fen { return max(f, -f) }

// why says in Chinese why an account paid, and what stopped it short of the rest.
func why(p *settle.Posting, plan *settle.Plan) string {
	if p.Pot == settle.PotAgency {
		return whyPot(p.Pot)
	}
	text := "本人个人账户支付。"
	if shared(&p.Party) {
		text = "家庭共济：由" + p.Relation.GiverTitle() + "的个人账户支付。"
	}
	if plan == nil {
		return text
	}
	for i := range plan.Trials {
		t := &plan.Trials[i]
		if t.Account == p.Person && (t.Pot == "" || t.Pot == p.Pot) && t.Reason != "" {
			return text + t.Why()
		}
	}
	return text
}

func quoteAnswer(q *settle.Quote) QuoteAnswer {
	answer := QuoteAnswer{SplitAnswer: splitAnswer(q.Figures, q.Postings, q.Skipped, q.Unpayable, &q.Plan), Digest: q.Digest}
	answer.Policy, answer.LedgerAgeS = PolicyAnswer(q.Policy), int64(q.LedgerAge.Seconds())
	answer.Offline, answer.AtRisk = q.Offline, yuan(q.AtRisk)
	return answer
}

func settlementAnswer(x *settle.Settlement) SettlementAnswer {
	answer := SettlementAnswer{
		SettlementID: x.ID, SaleID: x.Sale.ID, State: x.State(), Report: string(reportOf(x.Report)), At: x.At.In(settle.Beijing), Day: x.Day.String(),
		POS: x.Sale.POS, Terminal: x.Sale.Terminal, Operator: x.Sale.Operator.ID, MedType: x.Sale.MedType, Holder: x.Presence.MaskedHolder,
		SplitAnswer: splitAnswer(x.Standing(), x.Postings, x.Skipped, x.Unpayable, &x.Plan), Lines: linesOf(x), ReceiptNo: x.ReceiptNo, Digest: x.Digest,
		Returned: returnedAnswer(&x.Refunded),
	}
	answer.adjusted(x)
	answer.Policy, answer.LedgerAgeS = PolicyAnswer(x.Policy), int64(x.LedgerAge.Seconds())
	answer.Offline, answer.AtRisk = x.Offline, yuan(x.AtRisk)
	return answer
}

func reportOf(state settle.ReportState) settle.ReportState {
	if state == "" {
		return settle.ReportPending
	}
	return state
}

func returnAnswer(x *settle.Return) ReturnAnswer {
	answer := ReturnAnswer{
		SettlementID: x.Settlement, At: x.At.In(settle.Beijing), Operator: x.Operator.ID, Reason: x.Reason, Lines: make([]ReturnedLineAnswer, len(x.Lines)),
		Total: yuan(x.Figures.Total), FundBack: yuan(x.Figures.Fund), OwnBack: yuan(x.Figures.Own), SharedBack: yuan(x.Figures.Shared),
		CashBack: yuan(x.Figures.Cash - x.CashOffset), Postings: postingAnswers(x.Postings, nil), State: string(x.State), Report: string(reportOf(x.Report)),
		ReceiptNo: x.ReceiptNo,
	}
	if x.CashOffset != 0 {
		answer.CashOffset = yuanOf(x.CashOffset)
	}
	for i := range answer.Postings {
		answer.Postings[i].Why = whyPot(x.Postings[i].Pot)
	}
	for i, line := range x.Lines {
		answer.Lines[i] = ReturnedLineAnswer{line.ID, line.Quantity}
	}
	if x.Whole {
		answer.ReversalID = x.ID
	} else {
		answer.RefundID = x.ID
	}
	return answer
}

// created is the answer of an operation that answers 201 first and 200 to a repeat.
type created[T any] struct {
	Status int
	Replay string `header:"Idempotent-Replay" doc:"true where this is the answer to an earlier request"`
	Body   T
}

func answered[T any](body T, replayed bool) *created[T] {
	if replayed {
		return &created[T]{Status: 200, Replay: "true", Body: body}
	}
	return &created[T]{Status: 201, Body: body}
}

func returnedAnswer(f *settle.Figures) ReturnedAnswer {
	return ReturnedAnswer{yuan(f.Total), yuan(f.Fund), yuan(f.Own), yuan(f.Shared), yuan(f.Cash)}
}
