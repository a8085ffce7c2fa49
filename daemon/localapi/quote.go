package localapi

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"gongji/daemon/session"
)

type quoteInput struct{ Body session.SaleRequest }

// Resolve adds what the schema cannot say.
func (in *quoteInput) Resolve(huma.Context) []error { return fieldErrors(in.Body.Check()) }

type quoteOutput struct{ Body QuoteAnswer }

func (s *Server) addQuote(op huma.Operation) {
	register(s, op, func(ctx context.Context, in *quoteInput) (*quoteOutput, error) {
		in.Body.POS = callOf(ctx).token.Name
		quote, err := s.o.Session.Quote(ctx, in.Body)
		if err != nil {
			return nil, err
		}
		return &quoteOutput{Body: quoteAnswer(&quote)}, nil
	})
}
