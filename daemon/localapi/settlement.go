package localapi

import (
	"context"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"gongji/daemon/session"
)

type settleInput struct {
	Body session.SettleRequest
	sale session.CheckedSale
}

// Resolve adds what the schema cannot say.
func (in *settleInput) Resolve(huma.Context) []error {
	sale, faults := in.Body.Check()
	in.sale = sale
	return fieldErrors(faults)
}

func (s *Server) addSettle(op huma.Operation) {
	register(s, creates[SettlementAnswer](s, op), s.settle)
	body := formOf(s.api.OpenAPI().Components.Schemas, reflect.TypeFor[session.SettleRequest]())
	s.direct(op, func(ctx context.Context, data []byte) (*reply, bool) {
		var in settleInput
		if !body.read(data, &in.Body) || len(in.Resolve(nil)) > 0 {
			return nil, false
		}
		out, err := s.settle(ctx, &in)
		if err != nil {
			return s.refusal(ctx, err), true
		}
		return &reply{status: out.Status, replay: out.Replay, body: &out.Body}, true
	})
}

func (s *Server) settle(ctx context.Context, in *settleInput) (*created[SettlementAnswer], error) {
	result, replayed, err := s.o.Session.SettleChecked(ctx, callOf(ctx).token.Name, in.sale)
	if err != nil {
		return nil, err
	}
	if !replayed {
		s.PublishSettlement(&result)
	}
	return answered(settlementAnswer(&result), replayed), nil
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
