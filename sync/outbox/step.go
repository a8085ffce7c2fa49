package outbox

import (
	"context"
	"errors"
	"slices"
	"time"

	"gongji/settle"
	"gongji/sync/nhsa"
)

// run is one report being worked on.
type run struct {
	w       *Worker
	report  settle.Report
	dossier settle.Dossier
	signed  bool // the one fresh sign-in of this attempt is used up

	bill clinicBill
}

// work takes a report as far as it goes now: until it is finished, has to wait, or ctx ends.
func (w *Worker) work(ctx context.Context, due settle.DueReport) {
	r := &run{w: w, report: settle.Report{ID: due.Report, Person: due.Person}, bill: clinicBill{client: w.options.Client, extensions: w.options.Extensions}}
	dossier := due.Dossier
	for ctx.Err() == nil {
		w.giveWay(ctx)
		if dossier == nil {
			fresh, err := w.options.Store.Dossier(ctx, due.Report)
			if err != nil {
				w.storeFault(ctx, "dossier", err)
				r.postpone(ctx, settle.CodeOf(err), "本机账本读不出这份上报")
				return
			}
			dossier = &fresh
		}
		r.dossier, r.report = *dossier, dossier.Report
		if r.report.Done { // it ended after the list of due reports was made
			return
		}
		if !r.step(ctx) {
			return
		}
		dossier = nil
	}
}

// step does one message; again says that another may follow at once.
func (r *run) step(ctx context.Context) (again bool) {
	next := decide(&r.dossier, r.bill.quoted)
	switch next.action {
	case actFinish:
		r.finish(ctx, next.note)
		return false
	case actRefuse:
		r.refuse(ctx, next.note)
		return false
	case actUndo:
		if again, settled := r.prove(ctx, next); settled {
			return again
		}
	}
	message, err := r.message(next)
	if err != nil {
		r.unbuildable(ctx, err)
		return false
	}
	operator := r.operator()
	signNo, outcome, err := r.w.options.SignIns.Number(ctx, operator)
	if err != nil {
		r.postpone(ctx, settle.CodeOf(err), "签到报文无法生成")
		return false
	}
	if signNo == "" {
		r.postpone(ctx, settle.UpstreamSilent, "签到没有成功："+outcome.Fault)
		return false
	}
	prepared, err := r.prepare(ctx, nhsa.Call{Message: message, Operator: operator, SignNo: signNo, InsuredArea: r.dossier.Identity.Area})
	if err != nil {
		r.unbuildable(ctx, err)
		return false
	}
	turn := len(r.dossier.Journal)
	dispatch := settle.Dispatch{
		MsgID: prepared.MsgID, Turn: &turn, Report: r.report.ID, Infno: prepared.Infno, Original: next.original.MsgID,
		State: settle.DispatchSent, Body: prepared.Body, SentAt: r.w.options.Clock(), Visit: next.visit, Batch: next.batch,
		SentCentre: r.w.options.Client.CentreNow(),
	}
	if err := r.w.options.Store.BeginDispatch(ctx, dispatch); errors.Is(err, settle.ErrMoved) {
		return true // it is read anew
	} else if err != nil {
		r.w.storeFault(ctx, "begin dispatch", err)
		r.postpone(ctx, settle.CodeOf(err), "本机账本写不进上报日志")
		return false
	}
	return r.conclude(ctx, next, dispatch, signNo, r.w.send(ctx, prepared))
}

// prepare writes the message of a step out.
func (r *run) prepare(ctx context.Context, call nhsa.Call) (nhsa.Prepared, error) {
	defer r.w.sit(ctx)()
	return r.w.options.Client.Prepare(ctx, call)
}

// send sends a message that is in the journal, once there is a lane for it. Where the work ends before, it did not leave.
func (w *Worker) send(ctx context.Context, prepared nhsa.Prepared) nhsa.Outcome {
	w.keepPace(ctx)
	w.giveWay(ctx)
	left, ok := w.line.enter(ctx, w.lanes)
	if !ok {
		return nhsa.Outcome{Result: nhsa.NotSent, Fault: "停机，报文没有发出", Err: ctx.Err()}
	}
	defer w.line.leave(left)
	outcome := w.options.Client.Send(ctx, prepared)
	w.took(time.Since(left))
	return outcome
}

// message builds what a step sends.
func (r *run) message(next step) (nhsa.Message, error) {
	switch next.action {
	case actUndo:
		return nhsa.Reverse{PsnNo: r.dossier.Identity.PsnNo, Original: next.original.MsgID, OriginalInfno: next.original.Infno}, nil
	case actAsk, actPremium:
		if message := r.extension(); message != nil {
			return message, nil
		}
		return nil, settle.NewError(settle.BadRequest, errors.New("the report has no request"))
	}
	if r.dossier.Sale.Clinic() {
		return r.bill.message(&r.dossier, next)
	}
	if next.action == actCancel {
		return nhsa.Cancel{PsnNo: r.dossier.Identity.PsnNo, SetlID: r.dossier.Booked.SetlID, MdtrtID: r.dossier.Booked.MdtrtID, Rebook: r.rebook()}, nil
	}
	return nhsa.PharmacySettle{Dossier: r.dossier, Extensions: r.w.options.Extensions}, nil
}

// rebook is what the accounts pay of what is booked anew after a cancellation, for a centre that keeps it for us.
func (r *run) rebook() []settle.PersonPay {
	if !r.w.options.Extensions.ExpectedSplit || r.report.Kind != settle.ReportRefund {
		return nil
	}
	return r.dossier.Pays
}

// operator is who stood at the till; the daemon's own reports where there is none, or none that fits the sign-in.
func (r *run) operator() settle.Operator {
	operator := r.dossier.Sale.Operator
	if request := r.dossier.Request; request != nil && operator.ID == "" {
		operator = request.Operator
	}
	if premium := r.dossier.Premium; premium != nil && operator.ID == "" {
		operator = premium.Operator
	}
	return fitting(operator, r.w.options.Operator)
}

// fitting is the operator where a sign-in takes them, else another.
func fitting(operator, other settle.Operator) settle.Operator {
	if id, name := len([]rune(operator.ID)), len([]rune(operator.Name)); id > 0 && id <= 20 && name > 0 && name <= 50 {
		return operator
	}
	return other
}

// conclude writes the outcome of a message and moves the report.
func (r *run) conclude(ctx context.Context, next step, dispatch settle.Dispatch, signNo string, outcome nhsa.Outcome) (again bool) {
	result, again := r.judge(ctx, next, dispatch, signNo, outcome)
	return r.store(ctx, dispatch, result) && again
}

// judge says what an outcome means for the report.
func (r *run) judge(ctx context.Context, next step, dispatch settle.Dispatch, signNo string, outcome nhsa.Outcome) (result settle.DispatchResult, again bool) {
	defer r.w.sit(ctx)()
	result = settle.DispatchResult{MsgID: dispatch.MsgID, Report: r.report.ID, At: r.w.options.Clock()}
	result.Fault = r.redact(outcome.Fault)
	if outcome.Result == nhsa.Answered {
		result.Answered = outcome.Answer.CentreTime
	}
	client := r.w.options.Client
	switch {
	case outcome.Result == nhsa.NotSent:
		r.retry(&result, settle.DispatchUnsent)
	case client.SignInRefused(outcome):
		r.w.options.SignIns.Forget(r.operator(), signNo)
		again = !r.signed
		r.signed = true
		r.retry(&result, settle.DispatchUnsent)
		if again {
			result.NextAt, result.Attempt = result.At, false
		}
	case next.action == actUndo:
		again = r.undone(&result, next, outcome)
	case next.action == actAsk:
		r.asked(&result, outcome)
	case next.action == actPremium:
		r.paid(&result, outcome)
	case next.action.prepares():
		again = r.visited(&result, next, outcome)
	case outcome.Refused() && !client.MessageRepeated(outcome) && next.action == actBook && r.dossier.Sale.Clinic():
		// The visit is closed and the lines are withdrawn before the report is held for a person.
		result.State, result.ReportState, result.NextAt, again = settle.DispatchRefused, settle.ReportPending, result.At, true
	case outcome.Refused() && !client.MessageRepeated(outcome):
		result.State, result.ReportState, result.Done = settle.DispatchRefused, settle.ReportRefused, true
	case outcome.Result == nhsa.Answered && !outcome.Refused():
		again = r.booked(&result, next, outcome)
	default:
		// No answer, or a refusal that only says that a copy of the message is there already.
		r.unknown(&result)
	}
	return result, again
}

// retry keeps the report's state: the message did nothing, and another may follow later.
func (r *run) retry(result *settle.DispatchResult, state settle.DispatchState) {
	result.State, result.ReportState = state, r.state()
	result.Attempt, result.NextAt = true, r.later(result.At)
}

// state is what the report is while its message has settled nothing: unknown stays unknown.
func (r *run) state() settle.ReportState {
	for _, message := range r.dossier.Journal {
		if (books(message.Infno) || repeats(message.Infno)) && open(message.State) {
			return settle.ReportUnknown
		}
	}
	return settle.ReportPending
}

func (r *run) unknown(result *settle.DispatchResult) {
	result.State, result.ReportState = settle.DispatchUnknown, settle.ReportUnknown
	result.Attempt, result.NextAt = true, r.later(result.At)
}

// undone concludes a 2601. Only infcode 0 undoes; a text proves nothing, for the message may still be on its way.
func (r *run) undone(result *settle.DispatchResult, next step, outcome nhsa.Outcome) (again bool) {
	switch {
	case outcome.Done():
		result.State, result.Undone, result.ReportState = settle.DispatchAccepted, next.original.MsgID, settle.ReportPending
		result.NextAt = result.At
		// A message whose answer could not be used would be undone and repeated without end; it waits in between.
		again = r.report.Attempts <= 1
		if !again {
			result.NextAt = r.later(result.At)
		}
		return again
	case outcome.Refused():
		result.State = settle.DispatchRefused
	default:
		result.State = settle.DispatchUnknown
	}
	result.ReportState, result.Attempt, result.NextAt = settle.ReportUnknown, true, r.later(result.At)
	return false
}

// booked concludes a 2102 or 2103 that the centre has answered with anything but a refusal.
func (r *run) booked(result *settle.DispatchResult, next step, outcome nhsa.Outcome) (again bool) {
	if next.action == actCancel {
		if !outcome.Done() {
			r.unknown(result)
			return false
		}
		booking := nhsa.DecodeCancel(outcome.Answer, result.MsgID)
		result.State, result.Booking, result.Unbooked = settle.DispatchAccepted, &booking, true
		result.ReportState, result.Done, result.NextAt = settle.ReportAccepted, true, result.At
		if r.goesOn() {
			result.ReportState, result.Done, again = settle.ReportPending, false, true
		}
		return again
	}
	booking, err := r.w.options.Client.DecodeBooking(outcome.Answer, result.MsgID, &r.dossier)
	if err != nil || outcome.Answer.Code != nhsa.CodeDone && outcome.Answer.Code != codeWarning {
		r.unknown(result)
		result.Fault = "中心的结算应答不完整或金额自相矛盾，结果未明"
		if err != nil {
			r.w.log.Warn("a booking's answer could not be used", "report", r.report.ID, "err", err.Error())
		}
		return false
	}
	booking.Batch = next.batch
	result.State, result.Booking, result.Done = settle.DispatchAccepted, &booking, true
	result.ReportState = settle.ReportAccepted
	if booking.Figures != r.dossier.Figures {
		result.ReportState, result.Fault = settle.ReportAdjusted, "中心入账的金额与本机不同，以中心为准"
	}
	return false
}

// goesOn reports whether something is left to send after the cancellation is through: what the patient keeps is booked
// anew, and a clinic's visit is closed.
func (r *run) goesOn() bool {
	return r.dossier.Sale.Clinic() || r.report.Kind == settle.ReportRefund && len(r.dossier.Sale.Lines) > 0
}

// codeWarning is an infcode that some centres use for "done, with a warning"; it counts only with a whole booking.
const codeWarning = 9

// store writes the outcome. When even that fails the message stays "sent" in the journal, which is read as unknown.
func (r *run) store(ctx context.Context, dispatch settle.Dispatch, result settle.DispatchResult) bool {
	ctx, cancel := r.w.writing(ctx)
	defer cancel()
	if err := r.w.options.Store.FinishDispatch(ctx, result); err != nil {
		r.w.storeFault(ctx, "finish dispatch", err)
		return false
	}
	if result.Fault != "" && result.Fault != r.report.Fault { // a fault that repeats itself is logged once
		r.w.log.Warn("a message to the centre did not do its work", "infno", dispatch.Infno, "msgid", dispatch.MsgID,
			"report", r.report.ID, "dispatch", string(result.State), "state", string(result.ReportState), "fault", result.Fault)
	}
	r.tell(result.ReportState, result.Done, result.Fault, dispatch.Infno, result.State)
	return true
}

// writing is a context for writing an outcome: the outcome must reach the journal although the work was ended.
func (w *Worker) writing(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx.Err() != nil {
		return context.WithTimeout(context.WithoutCancel(ctx), endWithin*3/4)
	}
	return context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
}

// finish ends a report for which nothing is left to send.
func (r *run) finish(ctx context.Context, note string) {
	now := r.w.options.Clock()
	if err := r.w.options.Store.PostponeReport(ctx, r.report.ID, now, settle.ReportAccepted, note, true); err != nil {
		r.w.storeFault(ctx, "finish report", err)
		return
	}
	r.tell(settle.ReportAccepted, true, note, "", "")
}

// unbuildable holds a report whose message does not fit the interface: no repeat can help, a person must look.
func (r *run) unbuildable(ctx context.Context, err error) {
	if settle.CodeOf(err) != settle.BadRequest {
		r.postpone(ctx, settle.CodeOf(err), "上报报文无法生成")
		return
	}
	// A message that is open stays open; nothing is refused before it is resolved.
	state, done := settle.ReportRefused, true
	if r.state() == settle.ReportUnknown {
		state, done = settle.ReportUnknown, false
	}
	fault := r.redact("上报报文不合接口规范：" + err.Error())
	now := r.w.options.Clock()
	if err := r.w.options.Store.PostponeReport(ctx, r.report.ID, now.Add(r.w.options.MostWait), state, fault, done); err != nil {
		r.w.storeFault(ctx, "hold report", err)
		return
	}
	r.w.log.Error("a report does not fit the interface and is held", "report", r.report.ID, "fault", fault)
	r.tell(state, done, fault, "", "")
}

// postpone tries a report later although no message was begun.
func (r *run) postpone(ctx context.Context, code settle.Code, fault string) {
	if ctx.Err() != nil {
		return // nothing has changed; the next start takes it up
	}
	state, now := r.state(), r.w.options.Clock()
	if len(r.dossier.Journal) == 0 && r.report.State != "" {
		state = r.report.State
	}
	fault = r.redact(fault)
	if err := r.w.options.Store.PostponeReport(ctx, r.report.ID, r.later(now), state, fault, false); err != nil {
		r.w.storeFault(ctx, "postpone report", err)
		// The report is due still; waiting here keeps its person from being tried in a tight loop.
		select {
		case <-ctx.Done():
		case <-time.After(r.w.backoff(0)):
		}
		return
	}
	if fault != r.report.Fault {
		r.w.log.Warn("a report waits", "report", r.report.ID, "code", string(code), "fault", fault)
	}
	r.tell(state, false, fault, "", "")
}

// later is when the report is tried again. Failures of the line count as well as those of the report: a sign-in that
// fails is no attempt of the report.
func (r *run) later(now time.Time) time.Time {
	streak, _ := r.w.options.Client.Failures()
	return now.Add(r.w.backoff(max(r.report.Attempts, streak-1)))
}

// redact drops everything from a text that names the person.
func (r *run) redact(text string) string {
	return redactFor(&r.dossier, text)
}

func redactFor(d *settle.Dossier, text string) string {
	id, other, card := d.Identity, d.Other, d.Card
	secrets := []string{id.PsnNo, id.IDNumber, id.Name, other.PsnNo, other.IDNumber, other.Name, card.Number, card.Identifier, card.IDNumber}
	for _, p := range d.Pays {
		secrets = append(secrets, p.PsnNo)
	}
	return nhsa.Redact(text, slices.DeleteFunc(secrets, func(s string) bool { return s == "" })...)
}

func (r *run) tell(state settle.ReportState, done bool, fault, infno string, dispatch settle.DispatchState) {
	if done {
		r.w.wakeGoods()
	}
	r.w.options.OnUpstream(Event{
		At: r.w.options.Clock(), Report: r.report.ID, Settlement: r.report.Settlement, Return: r.report.Return,
		Kind: r.report.Kind, State: state, Done: done, Infno: infno, Dispatch: dispatch, Fault: fault, Offline: r.w.Offline(),
	})
}
