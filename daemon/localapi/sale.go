package localapi

import (
	"context"

	"github.com/danielgtaylor/huma/v2"
)

type saleInput struct {
	SaleID string `path:"sale_id" maxLength:"64"`
}

func (s *Server) addFindSale(op huma.Operation) {
	op.Description = "Answers what became of a sale after a lost reply: the settlement, or NOT_FOUND where nothing was settled."
	register(s, op, func(ctx context.Context, in *saleInput) (*settlementOutput, error) {
		result, err := s.o.Session.SettlementBySale(ctx, callOf(ctx).token.Name, in.SaleID)
		if err != nil {
			return nil, err
		}
		return &settlementOutput{Body: settlementAnswer(&result)}, nil
	})
}
