package localapi

import (
	"context"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"gongji/daemon/session"
	"gongji/settle"
)

type quoteInput struct {
	Explain bool `query:"explain" doc:"Tell of every account that was tried why it stopped"`
	Body    session.SaleRequest
	sale    session.CheckedSale
}

// Resolve adds what the schema cannot say.
func (in *quoteInput) Resolve(huma.Context) []error {
	sale, faults := in.Body.Check()
	in.sale = sale
	return fieldErrors(faults)
}

type quoteOutput struct{ Body QuoteAnswer }

func (s *Server) addQuote(op huma.Operation) {
	register(s, op, s.quote)
	body := formOf(s.api.OpenAPI().Components.Schemas, reflect.TypeFor[session.SaleRequest]())
	s.direct(op, func(ctx context.Context, data []byte) (*reply, bool) {
		var in quoteInput
		if !body.read(data, &in.Body) || len(in.Resolve(nil)) > 0 {
			return nil, false
		}
		out, err := s.quote(ctx, &in)
		if err != nil {
			return s.refusal(ctx, err), true
		}
		return &reply{status: http.StatusOK, body: &out.Body}, true
	})
}

func (s *Server) quote(ctx context.Context, in *quoteInput) (*quoteOutput, error) {
	quote, err := s.o.Session.QuoteChecked(ctx, callOf(ctx).token.Name, in.sale)
	if err != nil {
		return nil, err
	}
	answer := quoteAnswer(&quote)
	if !in.Explain {
		return &quoteOutput{Body: answer}, nil
	}
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
	return &quoteOutput{Body: answer}, nil
}
