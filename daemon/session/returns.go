package session

import (
	"context"
	"time"

	"gongji/settle"
)

// Reverse cancels a whole settlement; replayed is true where the reversal id is finished. The patient's card must be in the
// reader unless WithoutCard, which the caller allows to a manager only. BAD_REQUEST, NOT_FOUND, the codes of the card,
// PERSON_CARD_MISMATCH, ALREADY_REVERSED, IDEMPOTENCY_CONFLICT, STORE_FULL, STORE_BROKEN.
func (s *Session) Reverse(ctx context.Context, r ReverseRequest) (settle.Return, bool, error) {
	if err := faults(r.Check()).err(); err != nil {
		return settle.Return{}, false, err
	}
	return s.giveBack(ctx, settle.ReturnOrder{
		ID: r.ReversalID, POS: r.POS, Settlement: r.Settlement, Operator: settle.Operator(r.Operator), Reason: r.Reason,
		WithoutCard: r.WithoutCard,
	}, r.Terminal, r.WaitSeconds)
}

// Refund takes lines or quantities back; as Reverse, and REFUND_OVER.
func (s *Session) Refund(ctx context.Context, r RefundRequest) (settle.Return, bool, error) {
	if err := faults(r.Check()).err(); err != nil {
		return settle.Return{}, false, err
	}
	lines := make([]settle.ReturnLine, len(r.Lines))
	for i, line := range r.Lines {
		lines[i] = settle.ReturnLine(line)
	}
	return s.giveBack(ctx, settle.ReturnOrder{
		ID: r.RefundID, POS: r.POS, Settlement: r.Settlement, Operator: settle.Operator(r.Operator), Reason: r.Reason,
		WithoutCard: r.WithoutCard, Lines: lines,
	}, r.Terminal, r.WaitSeconds)
}

func (s *Session) giveBack(ctx context.Context, order settle.ReturnOrder, terminal string, waitSeconds int) (settle.Return, bool, error) {
	_, err := s.o.Ledger.ReturnByID(ctx, order.POS, order.ID)
	if err == nil {
		// A finished id needs no card. Nothing can be booked under it; if the ledger thinks otherwise, no card vouches for it.
		order.Confirm = func() error { return settle.NewError(settle.CardAbsent, nil) }
		result, replayed, err := s.o.Ledger.Return(ctx, order)
		return result, replayed, refusal(err)
	}
	if !isCode(err, settle.NotFound) {
		return settle.Return{}, false, refusal(err)
	}
	settlement, err := s.o.Ledger.Settlement(ctx, order.Settlement)
	if err != nil {
		return settle.Return{}, false, refusal(err)
	}
	if !order.WithoutCard {
		if terminal == "" {
			terminal = settlement.Sale.Terminal
		}
		a := attempt{order.POS, terminal, order.Operator.ID, order.ID}
		who, err := s.cardOf(ctx, a, settlement.Sale.Patient, "", time.Duration(waitSeconds)*time.Second)
		if err != nil {
			return settle.Return{}, false, err
		}
		presence, err := s.presence(who, "card_read")
		if err != nil {
			return settle.Return{}, false, err
		}
		order.Presence, order.Confirm = &presence, who.confirm
	}
	result, replayed, err := s.o.Ledger.Return(ctx, order)
	s.metrics.count(err)
	return result, replayed, refusal(err)
}
