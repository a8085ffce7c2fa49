package session

import (
	"context"

	"gongji/settle"
)

// Inline asks the centre while the patient waits (authority "platform"). *outbox.Inline is one.
type Inline interface {
	// Quote asks what a sale would cost whom; the figures count where the state is answered. code is the 医保码 that was
	// shown, else empty. UPSTREAM_REFUSED (member centre_message), and what Ledger.Quote refuses.
	Quote(ctx context.Context, order settle.SettleOrder, code string) (settle.Figures, settle.InlineState, error)
	// Settle asks the centre to settle. An error has nothing open behind it; an answer with a message id is followed by
	// Settled or Abandon.
	Settle(ctx context.Context, order settle.SettleOrder, code string) (settle.InlineAnswer, error)
	// Settled says that a settlement has taken the message over; Abandon that none has, so that it is undone. why is Chinese.
	Settled(msgid string)
	Abandon(ctx context.Context, msgid, why string)
}

// InlineLedger is the ledger's side of it. *ledger.Ledger is one.
type InlineLedger interface {
	// QuoteCentre lays the centre's figures over the facts. Errors as Ledger.Quote.
	QuoteCentre(ctx context.Context, sale settle.Sale, figures settle.Figures) (settle.Quote, error)
}

// quoteInline quotes by the centre; by the ledger, under the offline rules, where the centre cannot say.
func (s *Session) quoteInline(ctx context.Context, p *parsedSale, who holder, sale settle.Sale) (settle.Quote, error) {
	presence, err := s.presence(who, sale.PersonCheck)
	if err != nil {
		return settle.Quote{}, err
	}
	done, err := s.alone(ctx, &sale) // a clinic's quote opens a visit that the settlement goes on with
	if err != nil {
		return settle.Quote{}, err
	}
	defer done()
	figures, state, err := s.o.Inline.Quote(ctx, settle.SettleOrder{Sale: sale, Presence: presence}, s.codeOf(p, who))
	switch {
	case err != nil:
		return settle.Quote{}, err
	case state == settle.InlineAnswered:
		return s.o.InlineLedger.QuoteCentre(ctx, sale, figures)
	}
	return s.o.Ledger.Quote(ctx, sale, true)
}

// undoneText tells a cashier whose sale was refused here after the centre may have booked it.
const undoneText = "医保中心可能已经入账；本机没有结算，系统会自动冲正，患者账户将恢复。不要重复收款。"

// settleInline asks the centre and settles by what it says: its figures, or the ledger's where it cannot say. Once the message
// may have left, the till's hanging up changes nothing: its repeat finds what came of it.
func (s *Session) settleInline(ctx context.Context, p parsedSale, who holder, order settle.SettleOrder) (result settle.Settlement, replayed bool, err error) {
	done, err := s.alone(ctx, &order.Sale)
	if err != nil {
		return result, false, err
	}
	defer done()
	stored, err := s.o.Ledger.SettlementBySale(ctx, order.Sale.POS, order.Sale.ID)
	switch {
	case err == nil && stored.Sale.POS == order.Sale.POS: // settled while this request waited for its turn
		return s.repeat(ctx, p, stored)
	case err != nil && !isCode(err, settle.NotFound):
		return result, false, err
	}
	answer, err := s.o.Inline.Settle(s.base, order, s.codeOf(&p, who))
	if err != nil {
		return result, false, err
	}
	ctx = context.WithoutCancel(ctx)
	order.Inline, order.Offline = &answer, answer.State != settle.InlineAnswered
	result, replayed, err = s.o.Ledger.Settle(ctx, order)
	switch {
	case answer.MsgID == "":
	case err == nil && !replayed:
		s.o.Inline.Settled(answer.MsgID)
	default:
		s.o.Inline.Abandon(ctx, answer.MsgID, "联机结算后收银台没有结算（"+string(settle.CodeOf(err))+"），正在向医保中心冲正")
		err = undoing(err)
	}
	return result, replayed, err
}

// undoing adds to a refusal that the centre's booking, if there is one, is being undone.
func undoing(err error) error {
	if err == nil {
		return nil
	}
	err = refusal(err)
	if known := asError(err); known != nil {
		return known.With("centre_message", undoneText)
	}
	return err
}

// saleKey is a sale of a till.
type saleKey struct{ pos, sale string }

// alone waits until no other request settles the same sale. done gives the turn on. The error is ctx's.
func (s *Session) alone(ctx context.Context, sale *settle.Sale) (done func(), err error) {
	key := saleKey{sale.POS, sale.ID}
	for {
		s.mu.Lock()
		other := s.settling[key]
		if other == nil {
			mine := make(chan struct{})
			s.settling[key] = mine
			s.mu.Unlock()
			return func() {
				s.mu.Lock()
				delete(s.settling, key)
				s.mu.Unlock()
				close(mine)
			}, nil
		}
		s.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
