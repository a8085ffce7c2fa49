package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gongji/settle"
)

// PayPremium pays a relative's yearly contribution from the account of the card's holder; replayed is true where the
// premium id was paid before with the same content, for which no card is needed. BAD_REQUEST, the codes of the card,
// PERSON_UNKNOWN, RULE_REFUSED (E_PREMIUM_…), UPSTREAM_SILENT, IDEMPOTENCY_CONFLICT, STORE_FULL, STORE_BROKEN.
func (s *Session) PayPremium(ctx context.Context, r PremiumRequest) (settle.PremiumView, bool, error) {
	var f faults
	premium, number := r.parse(&f)
	if err := f.err(); err != nil {
		return settle.PremiumView{}, false, err
	}
	relative, err := s.relative(ctx, number)
	if err != nil {
		return settle.PremiumView{}, false, err
	}
	premium.Beneficiary = relative
	order := settle.PremiumOrder{
		Premium: premium, BeneficiaryName: r.Beneficiary.Name, Categories: r.Categories, Offline: s.o.Centre.Offline(),
	}
	_, err = s.o.Ledger.Premium(ctx, premium.ID)
	switch {
	case err == nil:
		order.Confirm = func() error { return settle.NewError(settle.CardAbsent, nil) } // see requestBinding
		view, replayed, err := s.o.Ledger.PayPremium(ctx, order)
		return view, replayed, refusal(err)
	case !isCode(err, settle.NotFound):
		return settle.PremiumView{}, false, refusal(err)
	}
	// A contribution is for the year that runs or the next one (S-181, S-183); the region's windows narrow it further.
	if this := settle.DateOf(s.o.Clock()).Year(); premium.Year < this || premium.Year > this+1 {
		return settle.PremiumView{}, false, settle.Refused(settle.EPremiumWindow).In(settle.CasePremiumYear).
			With("allowed", fmt.Sprintf("%d、%d", this, this+1)).With("asked", premium.Year)
	}
	if order.Helpers, err = s.selected(ctx, relative, r.Selected); err != nil {
		return settle.PremiumView{}, false, err
	}
	a := attempt{premium.POS, r.Terminal, premium.Operator.ID, premium.ID}
	who, err := s.ownCard(ctx, a, time.Duration(r.WaitSeconds)*time.Second)
	if err != nil {
		return settle.PremiumView{}, false, err
	}
	if order.Presence, err = s.presence(who, "card_read"); err != nil {
		return settle.PremiumView{}, false, err
	}
	order.Premium.Payer, order.Confirm = who.person.ID, who.confirm
	view, replayed, err := s.o.Ledger.PayPremium(ctx, order)
	return view, replayed, refusal(s.refuse(ctx, a, who, err))
}

// CancelPremium takes a contribution back; replayed is true where the cancellation id is finished. The payer's card must be
// in the reader unless WithoutCard, which the caller allows to a manager only. BAD_REQUEST, NOT_FOUND, the codes of the
// card, PERSON_CARD_MISMATCH, ALREADY_REVERSED, RULE_REFUSED (E_REFUND_WINDOW), IDEMPOTENCY_CONFLICT, STORE_FULL,
// STORE_BROKEN.
func (s *Session) CancelPremium(ctx context.Context, r CancelPremiumRequest) (settle.PremiumCancel, bool, error) {
	if err := faults(r.Check()).err(); err != nil {
		return settle.PremiumCancel{}, false, err
	}
	order := settle.PremiumCancelOrder{
		ID: r.CancelID, POS: r.POS, Premium: r.PremiumID, Operator: settle.Operator(r.Operator), Reason: r.Reason, WithoutCard: r.WithoutCard,
		Confirmed: r.ConfirmDigest,
	}
	_, err := s.o.Ledger.PremiumCancellation(ctx, r.CancelID)
	switch {
	case err == nil && !r.Preview:
		order.Confirm = func() error { return settle.NewError(settle.CardAbsent, nil) } // see requestBinding
		cancel, replayed, err := s.o.Ledger.CancelPremium(ctx, order)
		return cancel, replayed, refusal(err)
	case err != nil && !isCode(err, settle.NotFound):
		return settle.PremiumCancel{}, false, refusal(err)
	}
	paid, err := s.o.Ledger.Premium(ctx, r.PremiumID)
	if err != nil {
		return settle.PremiumCancel{}, false, refusal(err)
	}
	if !r.WithoutCard {
		a := attempt{r.POS, r.Terminal, r.Operator.ID, r.CancelID}
		who, err := s.cardOf(ctx, a, paid.Payer, settle.CasePayerCard, time.Duration(r.WaitSeconds)*time.Second)
		if err != nil {
			return settle.PremiumCancel{}, false, err
		}
		presence, err := s.presence(who, "card_read")
		if err != nil {
			return settle.PremiumCancel{}, false, err
		}
		order.Presence, order.Confirm = &presence, who.confirm
	}
	if r.Preview {
		cancel, err := s.o.Ledger.PreviewCancel(ctx, order)
		return cancel, false, refusal(err)
	}
	cancel, replayed, err := s.o.Ledger.CancelPremium(ctx, order)
	s.metrics.count(err)
	return cancel, replayed, refusal(err)
}

// Premium finds a contribution by the till's id; NOT_FOUND.
func (s *Session) Premium(ctx context.Context, id string) (settle.PremiumView, error) {
	return s.o.Ledger.Premium(ctx, id)
}

// PremiumCancellation finds a cancellation by the till's id; NOT_FOUND.
func (s *Session) PremiumCancellation(ctx context.Context, id string) (settle.PremiumCancel, error) {
	return s.o.Ledger.PremiumCancellation(ctx, id)
}

// cardOf waits for the card of one certain person, who is in the ledger. another says whose card it should have been, where it
// was not a patient's.
func (s *Session) cardOf(ctx context.Context, a attempt, person settle.PersonID, another settle.Case, wait time.Duration) (holder, error) {
	h, err := s.cardAt(ctx, a.terminal, wait)
	if err != nil {
		return holder{}, s.refuse(ctx, a, holder{}, err)
	}
	who, err := s.identify(ctx, h, settle.Claimed{})
	if err == nil && who.person.ID != person {
		err = (&settle.Error{Code: settle.PersonCardMismatch, Reason: settle.ECardOwnerMismatch, Case: another}).With("differs", "number")
	}
	if isCode(err, settle.PersonUnknown) && who.person.ID != person {
		// The person is in the ledger, so whoever is not is somebody else; a new card of the person's own is not.
		err = &settle.Error{Code: settle.PersonCardMismatch, Reason: settle.ECardOwnerMismatch, Case: another, Cause: errors.New("holder is not in the ledger")}
	}
	if err != nil {
		return holder{}, s.refuse(ctx, a, who, err)
	}
	return who, nil
}
