package localapi

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"gongji/daemon/session"
	"gongji/settle"
)

type quoteInput struct {
	Explain bool `query:"explain" doc:"Tell of every account that was tried why it stopped"`
	Body    session.SaleRequest
}

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
		answer := quoteAnswer(&quote)
		if in.Explain {
			explained, err := s.o.Session.ExplainQuote(&quote)
			if err != nil {
				return nil, err
			}
			patient := &quote.Bill.Patient
			parties := map[settle.PersonID]settle.Party{patient.ID: {Person: patient.ID, Masked: patient.Masked}}
			for i := range quote.Postings {
				parties[quote.Postings[i].Person] = quote.Postings[i].Party
			}
			for i := range quote.Skipped {
				parties[quote.Skipped[i].Person] = quote.Skipped[i].Party
			}
			explanation := s.explain(explained, parties, quote.Policy, callOf(ctx).manager())
			explanation.CashDue, answer.Explanation = yuan(quote.Figures.Cash), &explanation
		}
		return &quoteOutput{Body: answer}, nil
	})
}
