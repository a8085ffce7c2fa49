package localapi

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"gongji/daemon/session"
)

type refundInput struct {
	ID   string `path:"id" maxLength:"64"`
	Body session.RefundRequest
}

// Resolve adds what the schema cannot say.
func (in *refundInput) Resolve(huma.Context) []error { return fieldErrors(in.Body.Check()) }

func (s *Server) addRefund(op huma.Operation) {
	register(s, creates[ReturnAnswer](s, op), func(ctx context.Context, in *refundInput) (*created[ReturnAnswer], error) {
		in.Body.POS, in.Body.Settlement = callOf(ctx).token.Name, in.ID
		if err := s.allowReturn(ctx, in.ID, in.Body.RefundID, in.Body.Terminal, in.Body.WithoutCard, false); err != nil {
			return nil, err
		}
		result, replayed, err := s.o.Session.Refund(ctx, in.Body)
		if err != nil {
			return nil, err
		}
		if !replayed {
			s.publishReturn(ctx, result.Settlement)
		}
		return answered(returnAnswer(&result), replayed), nil
	})
}

type findRefundInput struct {
	ID string `path:"refund_id" maxLength:"64"`
}

func (s *Server) addFindRefund(op huma.Operation) {
	register(s, op, func(ctx context.Context, in *findRefundInput) (*returnOutput, error) {
		return s.findReturn(ctx, in.ID, false)
	})
}
