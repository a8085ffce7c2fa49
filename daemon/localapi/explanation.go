package localapi

import (
	"context"
	"fmt"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"gongji/settle"
)

// RuleAnswer is the rule that decided, and where it stands.
type RuleAnswer struct {
	Rule       string   `json:"rule" doc:"The policy key that decided"`
	RuleSource string   `json:"rule_source,omitempty" doc:"Where the policy has it from"`
	Titles     []string `json:"titles,omitempty" doc:"Of the documents"`
	Confidence string   `json:"confidence,omitempty" doc:"gov, press, secondary, or assumed where no source was found"`
	Basis      string   `json:"basis,omitempty" doc:"The source in one Chinese line"`
}

// TrialAnswer is one account that was looked at.
type TrialAnswer struct {
	Source    string        `json:"source" enum:"own,shared"`
	Holder    string        `json:"holder" doc:"Masked name"`
	Relation  string        `json:"relation,omitempty"`
	GiverRef  string        `json:"giver_ref,omitempty"`
	Pot       string        `json:"pot,omitempty"`
	Payable   Yuan          `json:"payable" doc:"Of the bill, when this account's turn came"`
	Available *Yuan         `json:"available,omitempty" doc:"Of the account; a relative's is shown to a manager only"`
	Taken     Yuan          `json:"taken"`
	Reason    settle.Reason `json:"reason,omitempty" doc:"Why it paid nothing, or less than payable"`
	Message   string        `json:"message" doc:"Chinese, for the cashier"`
	English   string        `json:"english" doc:"For the integrator"`
	RuleAnswer
}

// UnpayableAnswer is a part of the bill that no account may pay, or the rest of the cash.
type UnpayableAnswer struct {
	Line    string        `json:"line,omitempty" doc:"Left out: the rest of the cash"`
	Amount  Yuan          `json:"amount"`
	Reason  settle.Reason `json:"reason,omitempty"`
	Message string        `json:"message" doc:"Chinese"`
	English string        `json:"english"`
	RuleAnswer
}

// ExplanationAnswer is every account that was tried for a settlement, and what was left for cash.
type ExplanationAnswer struct {
	SettlementID string            `json:"settlement_id,omitempty" doc:"Left out: of a quote"`
	Policy       PolicyAnswer      `json:"policy"`
	Trials       []TrialAnswer     `json:"trials"`
	Cash         []UnpayableAnswer `json:"cash" doc:"The parts that no account may pay, by line, then the rest; they sum to the cash of the sale"`
	CashDue      Yuan              `json:"cash_due"`
	Adjustments  []AdjustedAnswer  `json:"adjustments,omitempty" doc:"What changed of the split after the sale, oldest first"`
}

// AdjustedAnswer is why a split was changed after the sale.
type AdjustedAnswer struct {
	Message string `json:"message" doc:"Chinese"`
	English string `json:"english" doc:"For the integrator"`
	RuleAnswer
}

type explanationOutput struct{ Body ExplanationAnswer }

func (s *Server) addExplanation(op huma.Operation) {
	register(s, op, func(ctx context.Context, in *settlementInput) (*explanationOutput, error) {
		found, err := s.o.Session.Settlement(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		explained, err := s.o.Session.Explain(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		answer := s.explain(explained, partiesOf(&found), found.Policy, callOf(ctx).manager())
		answer.SettlementID, answer.CashDue = found.ID, yuan(found.Standing().Cash)
		return &explanationOutput{Body: answer}, nil
	})
}

// explain shows explanations to a till, with the names it may see.
func (s *Server) explain(explained []settle.Explanation, parties map[settle.PersonID]settle.Party, policy settle.PolicyRef, manager bool) ExplanationAnswer {
	answer := ExplanationAnswer{Policy: PolicyAnswer(policy), Trials: []TrialAnswer{}, Cash: []UnpayableAnswer{}}
	for i := range explained {
		e := &explained[i]
		rule := s.ruleAnswer(policy, e)
		if e.Rule == settle.RuleAdjusted {
			answer.Adjustments = append(answer.Adjustments, AdjustedAnswer{e.Chinese, e.English, rule})
			continue
		}
		if e.Account == "" {
			answer.Cash = append(answer.Cash, UnpayableAnswer{
				Line: e.Line, Amount: yuan(e.Payable), Reason: e.Reason, Message: e.Chinese, English: e.English, RuleAnswer: rule,
			})
			continue
		}
		party := parties[e.Account]
		trial := TrialAnswer{
			Source: "own", Holder: party.Masked, Relation: string(party.Relation), GiverRef: party.GiverRef, Pot: string(e.Pot),
			Payable: yuan(e.Payable), Taken: yuan(e.Taken), Reason: e.Reason, Message: e.Chinese, English: e.English, RuleAnswer: rule,
		}
		if !e.Own {
			trial.Source = "shared"
		}
		if e.Own || manager {
			trial.Available = yuanOf(e.Available)
		} else {
			trial.Message, trial.English = withoutBalance(e)
		}
		answer.Trials = append(answer.Trials, trial)
	}
	return answer
}

// withoutBalance are the sentences about a relative's account without what the account had: no cashier's business.
func withoutBalance(e *settle.Explanation) (chinese, english string) {
	_, why, _ := strings.Cut(e.Chinese, "：")
	_, whyEnglish, _ := strings.Cut(e.English, ": ")
	return fmt.Sprintf("共济账户（%s）轮到时账单可付 %s 元，实付 %s 元：%s", e.Relation, e.Payable, e.Taken, why),
		fmt.Sprintf("%s yuan were payable from the giver's account and %s were taken: %s", e.Payable, e.Taken, whyEnglish)
}

func (s *Server) ruleAnswer(policy settle.PolicyRef, e *settle.Explanation) RuleAnswer {
	answer := RuleAnswer{Rule: e.Rule, Titles: e.Source.Titles, Confidence: string(e.Source.Confidence), Basis: e.Source.Text()}
	if s.o.RuleSource != nil {
		answer.RuleSource = s.o.RuleSource(policy, e.Rule)
	}
	return answer
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
