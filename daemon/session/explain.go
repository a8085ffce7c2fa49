package session

import (
	"context"

	"gongji/settle"
)

// Explain tells why a settlement was split as it was; NOT_FOUND. It holds relatives' money: what a till may see of it is
// the transport's affair.
func (s *Session) Explain(ctx context.Context, settlement string) ([]settle.Explanation, error) {
	explained, err := s.o.Ledger.Explain(ctx, settlement)
	return explained, refusal(err)
}

// ExplainQuote is Explain for a quote.
func (s *Session) ExplainQuote(quote *settle.Quote) ([]settle.Explanation, error) {
	explained, err := s.o.Ledger.ExplainQuote(quote)
	return explained, refusal(err)
}
