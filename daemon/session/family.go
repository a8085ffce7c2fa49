package session

import (
	"context"
	"time"

	"gongji/settle"
)

// Bindings are the bindings of the holder of the card now in the terminal's reader, on both sides, and the requests about
// them that are open; each look is remembered. The codes of the card, PERSON_UNKNOWN.
func (s *Session) Bindings(ctx context.Context, pos, terminal string) (settle.FamilyView, error) {
	a := attempt{pos: pos, terminal: terminal}
	who, err := s.ownCard(ctx, a, 0)
	if err != nil {
		return settle.FamilyView{}, err
	}
	view, err := s.o.Ledger.Bindings(ctx, who.person.ID)
	if err == nil {
		err = who.confirm() // as with accounts
	}
	if err != nil {
		return settle.FamilyView{}, refusal(err)
	}
	s.remember(ctx, BindingsViewed, a, who, nil)
	return view, nil
}

// ownCard waits for a card and finds its holder, whoever that is; a refusal of the card is counted.
func (s *Session) ownCard(ctx context.Context, a attempt, wait time.Duration) (holder, error) {
	h, err := s.cardAt(ctx, a.terminal, wait)
	if err != nil {
		return holder{}, s.refuse(ctx, a, holder{}, err)
	}
	who, err := s.identify(ctx, h, settle.Claimed{})
	if err != nil {
		return holder{}, s.refuse(ctx, a, who, err)
	}
	return who, nil
}

// Bind asks the centre for a binding of the card's holder as giver; replayed is true where the request id was used before
// with the same content, for which no card is needed. BAD_REQUEST, the codes of the card, PERSON_UNKNOWN (the relative is
// not in the ledger), RULE_REFUSED (E_BINDING_…), IDEMPOTENCY_CONFLICT, STORE_FULL, STORE_BROKEN.
func (s *Session) Bind(ctx context.Context, r BindRequest) (settle.RequestView, bool, error) {
	var f faults
	request, number := r.parse(&f)
	if err := f.err(); err != nil {
		return settle.RequestView{}, false, err
	}
	relative, err := s.relative(ctx, number)
	if err != nil {
		return settle.RequestView{}, false, err
	}
	request.Beneficiary = relative
	order := settle.BindingOrder{Request: request, BeneficiaryName: r.Beneficiary.Name, Confirmed: r.ConfirmDigest}
	return s.requestBinding(ctx, order, r.Terminal, r.WaitSeconds, r.Preview)
}

// ChangeBinding asks for a new rank or limit; as Bind, and NOT_FOUND where the card's holder has no such binding.
func (s *Session) ChangeBinding(ctx context.Context, r ChangeBindingRequest) (settle.RequestView, bool, error) {
	var f faults
	request := r.parse(&f)
	if err := f.err(); err != nil {
		return settle.RequestView{}, false, err
	}
	order := settle.BindingOrder{Request: request, Confirmed: r.ConfirmDigest}
	return s.requestBinding(ctx, order, r.Terminal, r.WaitSeconds, r.Preview)
}

// EndBinding asks for the end of a binding; as ChangeBinding.
func (s *Session) EndBinding(ctx context.Context, r EndBindingRequest) (settle.RequestView, bool, error) {
	var f faults
	request := r.parse(&f)
	if err := f.err(); err != nil {
		return settle.RequestView{}, false, err
	}
	order := settle.BindingOrder{Request: request, Confirmed: r.ConfirmDigest}
	return s.requestBinding(ctx, order, r.Terminal, r.WaitSeconds, r.Preview)
}

// relative finds the other person of a binding or a contribution. PERSON_UNKNOWN with member who.
func (s *Session) relative(ctx context.Context, number settle.IDNumber) (settle.PersonID, error) {
	person, err := s.o.Ledger.PersonByNumber(ctx, s.o.Ledger.Index(kindNumber, number.Reveal()))
	if isCode(err, settle.PersonUnknown) {
		return "", settle.NewError(settle.PersonUnknown, nil).With("who", "beneficiary")
	}
	return person.ID, refusal(err)
}

// requestBinding books a request, or with preview checks it and tells how it is confirmed; a preview books nothing, under
// whatever id.
func (s *Session) requestBinding(
	ctx context.Context, order settle.BindingOrder, terminal string, waitSeconds int, preview bool,
) (settle.RequestView, bool, error) {
	request := &order.Request
	_, err := s.o.Ledger.Request(ctx, request.ID)
	switch {
	case err == nil && !preview:
		// A finished id needs no card. Nothing can be booked under it; if the ledger thinks otherwise, no card vouches for it.
		order.Confirm = func() error { return settle.NewError(settle.CardAbsent, nil) }
		view, replayed, err := s.o.Ledger.RequestBinding(ctx, order)
		return view, replayed, refusal(err)
	case err != nil && !isCode(err, settle.NotFound):
		return settle.RequestView{}, false, refusal(err)
	}
	a := attempt{request.POS, terminal, request.Operator.ID, request.ID}
	who, err := s.ownCard(ctx, a, time.Duration(waitSeconds)*time.Second)
	if err != nil {
		return settle.RequestView{}, false, err
	}
	if order.Presence, err = s.presence(who, "card_read"); err != nil {
		return settle.RequestView{}, false, err
	}
	order.Actor, order.Confirm = who.person.ID, who.confirm
	if request.Action == settle.BindingBind {
		request.Giver = who.person.ID
	}
	if preview {
		view, err := s.o.Ledger.PreviewBinding(ctx, order)
		return view, false, refusal(s.refuse(ctx, a, who, err))
	}
	view, replayed, err := s.o.Ledger.RequestBinding(ctx, order)
	return view, replayed, refusal(s.refuse(ctx, a, who, err))
}

// Request finds a request for a binding by the till's id; NOT_FOUND.
func (s *Session) Request(ctx context.Context, id string) (settle.RequestView, error) {
	return s.o.Ledger.Request(ctx, id)
}

// Attention is the work list, oldest first, at most limit.
func (s *Session) Attention(ctx context.Context, limit int) ([]settle.Attention, error) {
	list, err := s.o.Ledger.AttentionList(ctx, limit)
	return list, refusal(err)
}

// CloseAttention takes an item off the work list as a person has decided, and carries the decision out. BAD_REQUEST, also
// where the item asks for another decision; NOT_FOUND where it is not open.
func (s *Session) CloseAttention(ctx context.Context, id int64, r CloseAttentionRequest) error {
	if err := faults(r.Check()).err(); err != nil {
		return err
	}
	return refusal(s.o.Ledger.Decide(ctx, settle.AttentionOrder{
		ID: id, Decision: settle.Decision(r.Decision), Operator: settle.Operator(r.Operator), Note: r.Note,
	}))
}
