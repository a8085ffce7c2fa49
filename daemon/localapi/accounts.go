package localapi

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"gongji/settle"
)

// AccountAnswer is one account behind the card. A relative's available money is shown to nobody but a manager.
type AccountAnswer struct {
	Source    string    `json:"source" enum:"own,shared"`
	Holder    string    `json:"holder" doc:"Masked name"`
	Relation  string    `json:"relation,omitempty"`
	GiverRef  string    `json:"giver_ref,omitempty" doc:"For selected_givers; stable for the binding"`
	Rank      int       `json:"rank,omitempty" doc:"Bound order"`
	Status    string    `json:"status"`
	Available *Yuan     `json:"available,omitempty"`
	AsOf      time.Time `json:"as_of"`
}

// AccountsAnswer is every account behind the card: the own one first, then the relatives' in bound order.
type AccountsAnswer struct {
	Accounts []AccountAnswer `json:"accounts"`
}

type accountsInput struct {
	Terminal string `query:"terminal" maxLength:"32" doc:"Picks the reader where there are several"`
}

type accountsOutput struct{ Body AccountsAnswer }

func (s *Server) addAccounts(op huma.Operation) {
	register(s, op, func(ctx context.Context, in *accountsInput) (*accountsOutput, error) {
		c := callOf(ctx)
		accounts, err := s.o.Session.Accounts(ctx, c.token.Name, in.Terminal)
		if err != nil {
			return nil, err
		}
		answer := AccountsAnswer{Accounts: make([]AccountAnswer, len(accounts))}
		for i := range accounts {
			answer.Accounts[i] = accountAnswer(&accounts[i], c.manager())
		}
		return &accountsOutput{Body: answer}, nil
	})
}

func accountAnswer(a *settle.AccountView, manager bool) AccountAnswer {
	answer := AccountAnswer{
		Source: "own", Holder: a.Masked, Relation: string(a.Relation), GiverRef: a.GiverRef, Rank: a.Binding.Rank,
		Status: string(a.Status), AsOf: a.AsOf.In(settle.Beijing),
	}
	if shared(&a.Party) {
		answer.Source = "shared"
	}
	if answer.Source == "own" || manager {
		answer.Available = yuanOf(a.Available)
	}
	return answer
}
