package outbox

import (
	"context"
	"slices"

	"gongji/settle"
	"gongji/sync/nhsa"
	"gongji/sync/reconcile"
)

// prove resolves a message that 2601 was refused for, by the day's item result. settled says that the journal knows its
// outcome now; again that the report goes on at once.
func (r *run) prove(ctx context.Context, next step) (again, settled bool) {
	if r.w.options.Prover == nil || !r.refusedUndo(next.original.MsgID) {
		return false, false
	}
	proof, err := r.w.options.Prover.Prove(ctx, reconcile.Question{Dispatch: next.original, Identity: r.dossier.Identity})
	if err != nil {
		r.w.log.Warn("an open message could not be looked up", "report", r.report.ID, "code", string(settle.CodeOf(err)))
		return false, false
	}
	result := settle.DispatchResult{MsgID: next.original.MsgID, Report: r.report.ID, At: r.w.options.Clock()}
	switch {
	case proof.Verdict == reconcile.Absent:
		result.State, result.ReportState, result.NextAt = settle.DispatchUnsent, settle.ReportPending, result.At
		result.Fault = "对账明细 " + proof.File + " 证明中心没有入账，重新上报"
		again = true
	case proof.Verdict == reconcile.Present && !r.undoOnItsWay(next.original.MsgID):
		again = r.present(&result, next, *proof.Booking)
	default:
		return false, false
	}
	return r.store(ctx, next.original, result) && again, true
}

// refusedUndo reports whether the centre has answered a 2601 of the message with a refusal; only then is it worth
// asking further.
func (r *run) refusedUndo(msgid string) bool {
	return slices.ContainsFunc(r.dossier.Journal, func(m settle.Dispatch) bool {
		return m.Infno == nhsa.InfnoReverse && m.Original == msgid && m.State == settle.DispatchRefused
	})
}

// undoOnItsWay reports whether a 2601 of the message may still arrive: then its booking is not for good.
func (r *run) undoOnItsWay(msgid string) bool {
	return slices.ContainsFunc(r.dossier.Journal, func(m settle.Dispatch) bool {
		return m.Infno == nhsa.InfnoReverse && m.Original == msgid && open(m.State)
	})
}

// present concludes a message that the centre has booked after all.
func (r *run) present(result *settle.DispatchResult, next step, booking settle.Booking) (again bool) {
	result.State, result.Booking, result.NextAt = settle.DispatchAccepted, &booking, result.At
	result.ReportState, result.Done = settle.ReportAccepted, true
	if next.original.Infno == nhsa.InfnoCancel {
		result.Unbooked = true
		if r.report.Kind == settle.ReportRefund && len(r.dossier.Sale.Lines) > 0 {
			result.ReportState, result.Done, again = settle.ReportPending, false, true
		}
		return again
	}
	if booking.Figures != r.dossier.Figures {
		result.ReportState, result.Fault = settle.ReportAdjusted, "中心入账的金额与本机不同，以中心为准"
	}
	return false
}
