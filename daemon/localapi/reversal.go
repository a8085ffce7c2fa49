package localapi

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"gongji/daemon/session"
)

type reversalInput struct {
	ID   string `path:"id" maxLength:"64"`
	Body session.ReverseRequest
}

// Resolve adds what the schema cannot say.
func (in *reversalInput) Resolve(huma.Context) []error { return fieldErrors(in.Body.Check()) }

func (s *Server) addReversal(op huma.Operation) {
	register(s, creates[ReturnAnswer](s, op), func(ctx context.Context, in *reversalInput) (*created[ReturnAnswer], error) {
		in.Body.POS, in.Body.Settlement = callOf(ctx).token.Name, in.ID
		if err := s.allowReturn(ctx, in.ID, in.Body.ReversalID, in.Body.Terminal, in.Body.WithoutCard, true); err != nil {
			return nil, err
		}
		result, replayed, err := s.o.Session.Reverse(ctx, in.Body)
		if err != nil {
			return nil, err
		}
		if !replayed {
			s.publishReturn(ctx, result.Settlement)
		}
		return answered(returnAnswer(&result), replayed), nil
	})
}

type findReversalInput struct {
	ID string `path:"reversal_id" maxLength:"64"`
}

func (s *Server) addFindReversal(op huma.Operation) {
	register(s, op, func(ctx context.Context, in *findReversalInput) (*returnOutput, error) {
		return s.findReturn(ctx, in.ID, true)
	})
}
