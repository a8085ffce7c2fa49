package outbox

import (
	"context"
	"slices"
	"time"

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
	proof, err := r.w.options.Prover.Prove(ctx, r.question(next.original))
	if err != nil {
		r.w.log.Warn("an open message could not be looked up", "report", r.report.ID, "code", string(settle.CodeOf(err)), "err", r.redact(err.Error()))
		return false, false
	}
	result := settle.DispatchResult{MsgID: next.original.MsgID, Report: r.report.ID, At: r.w.options.Clock()}
	switch {
	case proof.Verdict == reconcile.Absent:
		result.State, result.ReportState, result.NextAt = settle.DispatchUnsent, settle.ReportPending, result.At
		result.Fault = "对账明细 " + proof.File + " 证明中心没有入账，重新上报"
		again = true
	case proof.Verdict == reconcile.Present && r.report.Kind == settle.ReportOrphan && booking(next.original.Infno):
		// Nobody wants the booking: it is cancelled by its setl_id. 2601 has refused, and may refuse for good.
		booked := *proof.Booking
		booked.Batch = next.original.Batch
		result.State, result.Booking, result.ReportState, result.NextAt = settle.DispatchAccepted, &booked, settle.ReportPending, result.At
		again = true
	case proof.Verdict == reconcile.Present:
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

// question gathers what the journal knows of the centre's time around a message. A 2601 leaves after the message, so what
// the centre answered to it says by when the message had left; and one that was refused after another that was not answered
// says the same of that.
func (r *run) question(original settle.Dispatch) reconcile.Question {
	q := reconcile.Question{Dispatch: original, Identity: r.dossier.Identity}
	for _, m := range r.dossier.Journal {
		switch {
		case m.Infno != nhsa.InfnoReverse || m.Original != original.MsgID:
		case open(m.State):
			q.UndoOpen, q.UndoRefused = true, time.Time{}
		case m.State == settle.DispatchRefused && !m.AnsweredCentre.IsZero():
			if q.Refused.IsZero() {
				q.Refused = m.AnsweredCentre
			}
			if q.UndoRefused.IsZero() {
				q.UndoRefused = m.AnsweredCentre
			}
		}
	}
	return q
}

// present concludes a message that the centre has booked after all.
func (r *run) present(result *settle.DispatchResult, next step, booking settle.Booking) (again bool) {
	result.State, result.Booking, result.NextAt = settle.DispatchAccepted, &booking, result.At
	result.ReportState, result.Done = settle.ReportAccepted, true
	booking.Batch = next.original.Batch
	if cancelling(next.original.Infno) {
		result.Unbooked = true
		if r.goesOn() {
			result.ReportState, result.Done, again = settle.ReportPending, false, true
		}
		return again
	}
	if booking.Figures != r.dossier.Figures {
		result.ReportState, result.Fault = settle.ReportAdjusted, "中心入账的金额与本机不同，以中心为准"
	}
	return false
}
