package localapi

import (
	"context"

	"github.com/danielgtaylor/huma/v2"
)

// RepeatAnswer is a pattern to look at: one person was sold the same goods in several bills of one day.
type RepeatAnswer struct {
	Day    string `json:"day"`
	Holder string `json:"holder" doc:"Masked name of the patient"`
	Code   string `json:"code" doc:"National item code"`
	Sales  int    `json:"sales" doc:"Bills; what was wholly taken back does not count"`
	Amount Yuan   `json:"amount" doc:"Of these lines, as sold"`
	Last   string `json:"last_settlement_id"`
}

// RepeatsAnswer are the patterns of a period (S-208), latest day first. They prove nothing.
type RepeatsAnswer struct {
	Repeats []RepeatAnswer `json:"repeats"`
}

type repeatsInput struct {
	ReportDays
	Least int `query:"least" minimum:"2" maximum:"100" default:"2" doc:"Bills of one day with the same goods"`
}

type repeatsOutput struct{ Body RepeatsAnswer }

func (s *Server) addRepeats(op huma.Operation) {
	register(s, op, func(ctx context.Context, in *repeatsInput) (*repeatsOutput, error) {
		if err := needManager(ctx); err != nil {
			return nil, err
		}
		store, err := s.store()
		if err != nil {
			return nil, err
		}
		from, to := in.days()
		found, err := store.Repeats(ctx, from, to, in.Least)
		if err != nil {
			return nil, err
		}
		answer := RepeatsAnswer{Repeats: make([]RepeatAnswer, len(found))}
		for i, r := range found {
			answer.Repeats[i] = RepeatAnswer{r.Day.String(), r.Masked, r.Code, r.Sales, yuan(r.Amount), r.Last}
		}
		return &repeatsOutput{Body: answer}, nil
	})
}
