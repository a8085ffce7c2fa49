package localapi

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"gongji/settle"
)

// TrialAnswer is one account that was looked at.
type TrialAnswer struct {
	Source     string        `json:"source" enum:"own,shared"`
	Holder     string        `json:"holder" doc:"Masked name"`
	Relation   string        `json:"relation,omitempty"`
	GiverRef   string        `json:"giver_ref,omitempty"`
	Pot        string        `json:"pot,omitempty"`
	Payable    Yuan          `json:"payable" doc:"Of the bill, when this account's turn came"`
	Available  *Yuan         `json:"available,omitempty" doc:"Of the account; a relative's is shown to a manager only"`
	Taken      Yuan          `json:"taken"`
	Reason     settle.Reason `json:"reason,omitempty" doc:"Why it paid nothing, or less than payable"`
	Message    string        `json:"message" doc:"Chinese"`
	Rule       string        `json:"rule" doc:"The policy key that decided"`
	RuleSource string        `json:"rule_source,omitempty" doc:"Where the policy has it from"`
}

// ExplanationAnswer is every account that was tried for a settlement.
type ExplanationAnswer struct {
	SettlementID string        `json:"settlement_id"`
	Policy       PolicyAnswer  `json:"policy"`
	Trials       []TrialAnswer `json:"trials"`
	CashDue      Yuan          `json:"cash_due"`
}

type explanationOutput struct{ Body ExplanationAnswer }

func (s *Server) addExplanation(op huma.Operation) {
	register(s, op, func(ctx context.Context, in *settlementInput) (*explanationOutput, error) {
		found, err := s.o.Session.Settlement(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		return &explanationOutput{Body: s.explain(&found, callOf(ctx).manager())}, nil
	})
}

// explain shows the trials of the stored plan.
func (s *Server) explain(x *settle.Settlement, manager bool) ExplanationAnswer {
	parties := partiesOf(x)
	answer := ExplanationAnswer{
		SettlementID: x.ID, Policy: PolicyAnswer(x.Policy), CashDue: yuan(x.Figures.Cash), Trials: make([]TrialAnswer, len(x.Plan.Trials)),
	}
	for i := range x.Plan.Trials {
		t := &x.Plan.Trials[i]
		party := parties[t.Account]
		trial := TrialAnswer{
			Source: "shared", Holder: party.Masked, Relation: string(party.Relation), GiverRef: party.GiverRef, Pot: string(t.Pot),
			Payable: yuan(t.Payable), Taken: yuan(t.Taken), Reason: t.Reason, Message: stopped(t), Rule: t.Rule,
		}
		if t.Own {
			trial.Source = "own"
		}
		if t.Own || manager {
			trial.Available = yuanOf(t.Available)
		}
		if s.o.RuleSource != nil {
			trial.RuleSource = s.o.RuleSource(x.Policy, t.Rule)
		}
		answer.Trials[i] = trial
	}
	return answer
}

// stopped says in Chinese why an account paid what it paid and no more.
func stopped(t *settle.Trial) string {
	switch {
	case t.Reason != "":
		return settle.ReasonSentences[t.Reason].Message
	case t.Payable == 0:
		return "账单上没有这个账户可以支付的部分。"
	case t.Taken == t.Payable:
		return "已付清可付部分。"
	case t.Taken == 0:
		return "这个账户不能支付。"
	}
	return "可用的钱已用完。"
}

// partiesOf are the account holders that a settlement names.
func partiesOf(x *settle.Settlement) map[settle.PersonID]settle.Party {
	parties := map[settle.PersonID]settle.Party{x.Sale.Patient: {Person: x.Sale.Patient, Masked: x.Presence.MaskedHolder}}
	for i := range x.Postings {
		parties[x.Postings[i].Person] = x.Postings[i].Party
	}
	for i := range x.Skipped {
		parties[x.Skipped[i].Person] = x.Skipped[i].Party
	}
	return parties
}
