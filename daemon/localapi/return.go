package localapi

import (
	"context"
	"errors"

	"gongji/settle"
)

// allowReturn holds the rules of roles for returns: without the card only a manager; a whole reversal by a cashier only on
// the same day and at the same till. A finished id is answered again whatever the day. FORBIDDEN, NOT_FOUND.
func (s *Server) allowReturn(ctx context.Context, settlement, id, terminal string, withoutCard, whole bool) error {
	c := callOf(ctx)
	if c.manager() {
		return nil
	}
	if withoutCard {
		return settle.NewError(settle.Forbidden, nil).With("needs", string(Manager))
	}
	if !whole {
		return nil
	}
	if _, err := s.o.Session.Return(ctx, c.token.Name, id); !errors.Is(err, settle.NewError(settle.NotFound, nil)) {
		return err
	}
	found, err := s.o.Session.Settlement(ctx, settlement)
	if err != nil {
		return err
	}
	sameTill := found.Sale.POS == c.token.Name && (terminal == "" || terminal == found.Sale.Terminal)
	if !sameTill || found.Day != settle.DateOf(s.o.Clock()) {
		return settle.NewError(settle.Forbidden, nil).With("needs", string(Manager))
	}
	return nil
}

// publishReturn tells the streams how a settlement stands after a return.
func (s *Server) publishReturn(ctx context.Context, settlement string) {
	found, err := s.o.Session.Settlement(ctx, settlement)
	if err != nil {
		// The return is booked and answered; only its event is lost.
		s.o.Logger.Warn("event of a return is lost", "settlement", settlement, "code", settle.CodeOf(err))
		return
	}
	s.PublishSettlement(&found)
}

type returnOutput struct{ Body ReturnAnswer }

// findReturn is a reversal (whole) or a refund by the till's id.
func (s *Server) findReturn(ctx context.Context, id string, whole bool) (*returnOutput, error) {
	found, err := s.o.Session.Return(ctx, callOf(ctx).token.Name, id)
	if err != nil {
		return nil, err
	}
	if found.Whole != whole {
		return nil, settle.NewError(settle.NotFound, nil)
	}
	return &returnOutput{Body: returnAnswer(&found)}, nil
}
