package outbox

import (
	"context"
	"slices"
	"time"

	"gongji/settle"
	"gongji/sync/nhsa"
)

// attend takes a clinic's question from where its journal stands to the split (a quote) or to the settlement: the same steps as
// a report's, of which only 2207 moves money. What fails before it falls back to the cached ledger with nothing in doubt, and
// the report goes on from there.
func (q *question) attend(ctx context.Context) (settle.InlineState, error) {
	if len(q.dossier.Journal) > 0 {
		q.msgid = q.dossier.Journal[0].MsgID
		q.inline.hold(q.msgid, true)
	}
	for ctx.Err() == nil {
		v := visitOf(&q.dossier)
		if v.fault != "" {
			return settle.InlineRefused, settle.NewError(settle.UpstreamRefused, nil).With("centre_message", plain(q.redact(v.fault)))
		}
		next := v.load(&q.dossier, q.bill.quoted)
		if next.action == actBook {
			if q.kind == inlineQuote {
				return settle.InlineAnswered, nil
			}
			if err := q.agreed(ctx); err != nil {
				return "", err
			}
			if !q.inTime(ctx) {
				return settle.InlineUnreached, nil
			}
		}
		if state, over, err := q.advance(ctx, next); over || err != nil {
			return state, err
		}
	}
	return settle.InlineUnreached, nil
}

// inTime reports whether enough of the deadline is left for an answer to 2207. One that is cut off is in doubt for nothing.
func (q *question) inTime(ctx context.Context) bool {
	until, bounded := ctx.Deadline()
	return !bounded || time.Until(until) > q.inline.options.Within/4
}

// agreed holds what 2206 has said against what the patient was told, before anything is booked. QUOTE_CHANGED.
func (q *question) agreed(ctx context.Context) error {
	if q.order.QuoteDigest == "" {
		return nil
	}
	quote, err := q.inline.options.Store.QuoteCentre(ctx, q.order.Sale, q.booking.Figures)
	if err == nil && quote.Digest != q.order.QuoteDigest {
		err = settle.NewError(settle.QuoteChanged, nil).With("quote", quote)
	}
	return err
}

// advance does one step of a clinic's question. over: nothing more can be asked now.
func (q *question) advance(ctx context.Context, next step) (state settle.InlineState, over bool, err error) {
	message, err := q.bill.message(&q.dossier, next)
	if err != nil {
		return settle.InlineUnreached, true, q.unfit(err)
	}
	call, prepared, err := q.prepared(ctx, message)
	if err != nil || prepared.MsgID == "" {
		return settle.InlineUnreached, true, err
	}
	if began, err := q.beginStep(ctx, prepared, next); !began {
		return settle.InlineWaits, true, err
	}
	return q.concludeStep(ctx, call, next, q.inline.options.Client.Send(ctx, prepared))
}

// beginStep has the message on disk, and in the dossier's journal, before it leaves.
func (q *question) beginStep(ctx context.Context, prepared nhsa.Prepared, next step) (bool, error) {
	intent := q.intent(prepared)
	intent.Question, intent.Visit, intent.Batch = q.msgid, next.visit, next.batch
	intent.Notes = &settle.InlineVisit{MedType: q.dossier.Sale.MedType, Visit: q.dossier.Sale.Visit}
	if q.msgid == "" {
		q.inline.hold(prepared.MsgID, true)
	}
	// The deadline bounds what leaves: a message that is on disk too late is certainly not sent.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	began, err := q.inline.options.Store.BeginInline(ctx, intent)
	switch {
	case began && q.msgid == "":
		q.msgid = prepared.MsgID
	case !began && q.msgid == "":
		q.inline.hold(prepared.MsgID, false)
	}
	if began {
		q.dossier.Journal = append(q.dossier.Journal, settle.Dispatch{
			MsgID: prepared.MsgID, Infno: prepared.Infno, State: settle.DispatchSent, Visit: next.visit, Batch: next.batch,
		})
	}
	return began, err
}

// concludeStep reads the outcome of a step. 2207 stays open in the journal where it may be booked: the settlement, or the
// orphan, takes it over.
func (q *question) concludeStep(ctx context.Context, call nhsa.Call, next step, outcome nhsa.Outcome) (state settle.InlineState, over bool, err error) {
	o, m := &q.inline.options, &q.dossier.Journal[len(q.dossier.Journal)-1]
	state, over = settle.InlineUnreached, true
	switch {
	case outcome.Result == nhsa.NotSent, o.Client.TransactionUnknown(outcome):
		m.State = settle.DispatchUnsent
	case o.Client.SignInRefused(outcome):
		o.SignIns.Forget(call.Operator, call.SignNo)
		m.State, over, q.signed = settle.DispatchUnsent, q.signed, true
	case outcome.Refused() && !o.Client.MessageRepeated(outcome):
		m.State, over = settle.DispatchRefused, false // what it means the journal says
	case outcome.Done() || next.action == actBook && outcome.Result == nhsa.Answered && !outcome.Refused():
		if state, over = q.learn(m, next, outcome); state == settle.InlineAnswered {
			return state, over, nil
		}
	default:
		m.State = settle.DispatchUnknown
	}
	m.Fault = q.redact(outcome.Fault)
	if next.action == actBook && m.State == settle.DispatchUnknown {
		if q.fault = m.Fault; q.fault == "" {
			q.fault = unclearText
		}
		return settle.InlineUnknown, true, nil
	}
	return state, over, q.writeStep(ctx, m)
}

// learn takes from an answer what the next step needs. state is answered where it was the settlement's.
func (q *question) learn(m *settle.Dispatch, next step, outcome nhsa.Outcome) (state settle.InlineState, over bool) {
	var err error
	switch next.action {
	case actBook:
		if err = q.read(m.MsgID, outcome); err == nil {
			q.booking.Batch = next.batch
			return settle.InlineAnswered, true
		}
	case actQuote:
		q.booking.Figures, err = q.inline.options.Client.DecodeQuote(outcome.Answer, &q.dossier)
	}
	if err == nil {
		var visit string
		if visit, err = q.bill.learn(&q.dossier, next, outcome.Answer); err == nil {
			if m.State = settle.DispatchAccepted; visit != "" {
				m.Visit = visit
			}
			return settle.InlineUnreached, false
		}
	}
	q.inline.log.Warn("an in-line answer could not be used", "question", q.kind, "msgid", m.MsgID, "infno", m.Infno, "err", q.redact(err.Error()))
	m.State = settle.DispatchUnknown
	return settle.InlineUnreached, true
}

func (q *question) writeStep(ctx context.Context, m *settle.Dispatch) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return q.inline.options.Store.StepInline(ctx, settle.InlineStep{Question: q.msgid, MsgID: m.MsgID, State: m.State, Visit: m.Visit, Fault: m.Fault})
}

// quoted ends a clinic's quote: its visit is kept open for the settlement, or closed where the centre has refused.
func (q *question) quoted(ctx context.Context, err error) {
	if err == nil && q.msgid != "" && q.opened() {
		q.park(ctx)
		return
	}
	q.leave(ctx, err)
}

// leave ends a question that no settlement will come of. What was refused is taken back; what the patient has yet to agree to
// stays as it was quoted.
func (q *question) leave(ctx context.Context, err error) {
	switch {
	case q.msgid == "":
	case settle.CodeOf(err) == settle.QuoteChanged:
		q.park(ctx)
	case !q.opened():
		q.end(ctx, settle.DispatchUnsent, q.dossier.Journal[len(q.dossier.Journal)-1].Fault)
	default:
		q.inline.Abandon(ctx, q.msgid, withdrawnText)
	}
}

// opened reports whether the centre may have anything of the question.
func (q *question) opened() bool {
	return slices.ContainsFunc(q.dossier.Journal, func(m settle.Dispatch) bool {
		return m.State != settle.DispatchUnsent && m.State != settle.DispatchRefused
	})
}

func (q *question) park(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := q.inline.options.Store.ParkInline(ctx, q.msgid); err != nil {
		// The next sweep finds it and has the visit closed; the settlement opens it anew.
		q.inline.log.Error("a quote's visit could not be kept open", "msgid", q.msgid, "code", string(settle.CodeOf(err)))
	}
	q.inline.hold(q.msgid, false)
}

const (
	withdrawnText = "联机结算没有成交，正在撤销门诊费用明细和挂号"
	unclearText   = "中心的结算应答不完整或金额自相矛盾，结果未明"
)
