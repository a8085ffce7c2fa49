package daemon

import (
	"context"
	"errors"

	"gongji/daemon/session"
	"gongji/settle"
	"gongji/settle/ledger"
	"gongji/sync/reconcile"
)

// restoredDesk is the ledger as the session sees it, with the centre asked before a decision about a report that is held
// since a restore. Nobody here knows what was sent after the backup was made: a sale that the centre has must not be sent
// again, and one that it has not cannot be taken over.
type restoredDesk struct {
	*ledger.Ledger
	d *Daemon
}

var _ session.Ledger = restoredDesk{}

// Decide carries a decision out; of a held sale only what the centre's book agrees with. NOT_CONFIGURED without a centre,
// UPSTREAM_SILENT where it does not answer: the item stays on the list.
func (r restoredDesk) Decide(ctx context.Context, order settle.AttentionOrder) error {
	sale, held, err := r.HeldSale(ctx, order.ID)
	if err != nil {
		return err
	}
	if !held && order.Decision == settle.DecideReReport {
		return r.reportAgain(ctx, order)
	}
	if !held || order.Decision != settle.DecideAdopt && order.Decision != settle.DecideReReport {
		return r.Ledger.Decide(ctx, order)
	}
	if r.d.up.reconciler == nil {
		return settle.NewError(settle.NotConfigured, errors.New("no centre is configured that could be asked"))
	}
	booking, err := r.d.up.reconciler.Find(ctx, reconcile.Wanted{
		Identity: sale.Identity, Figures: sale.Figures, Sold: settle.DateOf(sale.At), Today: settle.DateOf(r.d.o.Clock()),
		Journal: sale.Journal,
	})
	absent := errors.Is(err, reconcile.ErrNotBooked)
	switch {
	case order.Decision == settle.DecideReReport && absent:
		return r.Ledger.Decide(ctx, order)
	case order.Decision == settle.DecideReReport && (err == nil || errors.Is(err, reconcile.ErrManyBooked)):
		return decisionFault("医保中心已有同一患者同一金额、本机没有的结算；请选择“中心已有这笔，认领”，不能重新上报。",
			"the centre has a row of this person and amount; take it over instead of sending it again")
	case order.Decision == settle.DecideAdopt && absent:
		return decisionFault("医保中心没有这笔（同一患者、同一金额）；请选择重新上报。", "the centre has no such row; send the report again")
	case order.Decision == settle.DecideAdopt && errors.Is(err, reconcile.ErrManyBooked):
		return decisionFault("医保中心有多笔同一患者同一金额的结算，无法自动认领；请联系技术支持。", "the centre has several such rows, which cannot be told apart")
	case err != nil:
		return err
	}
	if err := r.AdoptBooking(ctx, order, *booking); err != nil {
		return err
	}
	r.d.up.wake()
	return nil
}

// reportAgain has a message sent again that was acknowledged and that the centre does not have, where that is proved now and not
// only by the reconciliation that found it: by the centre's own item result, long enough after its answer, and for a sale by no
// other row of that person and amount. Other items are the ledger's to decide.
func (r restoredDesk) reportAgain(ctx context.Context, order settle.AttentionOrder) error {
	sale, message, lost, err := r.LostSale(ctx, order.ID)
	if err != nil {
		return err
	}
	if !lost {
		return r.Ledger.Decide(ctx, order)
	}
	if r.d.up.reconciler == nil {
		return settle.NewError(settle.NotConfigured, errors.New("no centre is configured that could be asked"))
	}
	proof, err := r.d.up.reconciler.Prove(ctx, reconcile.Question{Dispatch: message, Identity: sale.Identity, Refused: message.AnsweredCentre})
	switch {
	case err != nil:
		return err
	case proof.Verdict == reconcile.Present:
		return decisionFault("医保中心现在有这一笔，不能重新上报；请重新对账。", "the centre has it by now; reconcile the day again")
	case proof.Verdict != reconcile.Absent:
		return decisionFault("还不能证明医保中心没有这一笔，请稍后再试。", "its absence at the centre is not proved yet; try again later")
	}
	if sale.Report.Kind == settle.ReportSettle {
		if err := r.noTwin(ctx, &sale); err != nil {
			return err
		}
	}
	return r.Ledger.Decide(ctx, order)
}

// noTwin is nil where the centre has no row of the sale's person and amount that is unknown here: it could be this very sale.
func (r restoredDesk) noTwin(ctx context.Context, sale *settle.Dossier) error {
	_, err := r.d.up.reconciler.Find(ctx, reconcile.Wanted{
		Identity: sale.Identity, Figures: sale.Figures, Sold: settle.DateOf(sale.At), Today: settle.DateOf(r.d.o.Clock()), Journal: sale.Journal,
	})
	switch {
	case errors.Is(err, reconcile.ErrNotBooked):
		return nil
	case err == nil, errors.Is(err, reconcile.ErrManyBooked):
		return decisionFault("医保中心有同一患者同一金额、本机没有的结算，可能就是这一笔；请先核对，不能重新上报。",
			"the centre has another row of this person and amount, which may be this sale")
	}
	return err
}

func decisionFault(message, detail string) error {
	return &settle.Error{Code: settle.BadRequest, Fields: []settle.FieldFault{{Field: "decision", Message: message, Detail: detail}}}
}
