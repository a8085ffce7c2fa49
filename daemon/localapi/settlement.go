package localapi

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"gongji/daemon/session"
)

type settleInput struct{ Body session.SettleRequest }

// Resolve adds what the schema cannot say.
func (in *settleInput) Resolve(huma.Context) []error { return fieldErrors(in.Body.Check()) }

func (s *Server) addSettle(op huma.Operation) {
	register(s, creates[SettlementAnswer](s, op), func(ctx context.Context, in *settleInput) (*created[SettlementAnswer], error) {
		in.Body.POS = callOf(ctx).token.Name
		result, replayed, err := s.o.Session.Settle(ctx, in.Body)
		if err != nil {
			return nil, err
		}
		if !replayed {
			s.PublishSettlement(&result)
		}
		return answered(settlementAnswer(&result), replayed), nil
	})
}

type settlementInput struct {
	ID string `path:"id" maxLength:"64"`
}

type settlementOutput struct{ Body SettlementAnswer }

func (s *Server) addFindSettlement(op huma.Operation) {
	register(s, op, func(ctx context.Context, in *settlementInput) (*settlementOutput, error) {
		result, err := s.o.Session.Settlement(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		return &settlementOutput{Body: settlementAnswer(&result)}, nil
	})
}
