package outbox

import (
	"gongji/settle"
	"gongji/sync/feed"
	"gongji/sync/nhsa"
)

// extension is the message of a report that goes as one of our extensions; nil where the dossier has no content for it.
func (r *run) extension() nhsa.Message {
	d := &r.dossier
	switch {
	case d.Request != nil:
		return nhsa.BindingChange{Request: *d.Request, Giver: d.Identity, Beneficiary: d.Other}
	case d.Premium != nil:
		return nhsa.PremiumReport{
			Premium: *d.Premium, Payer: d.Identity, Beneficiary: d.Other, Cancel: d.Report.Kind == settle.ReportPremiumCancel, Leave: d.Leave,
		}
	}
	return nil
}

// asked concludes a G103. A request without an outcome is asked again: its id makes it the same request. What the
// centre refuses is a normal answer to a request; only a refused message is held for a person.
func (r *run) asked(result *settle.DispatchResult, outcome nhsa.Outcome) {
	client := r.w.options.Client
	switch {
	case client.TransactionUnknown(outcome):
		result.State, result.ReportState, result.Done = settle.DispatchRefused, settle.ReportAccepted, true
		result.RequestState, result.RequestAnswer = settle.RequestRefused, "医保中心不在线受理共济绑定，请到国家医保服务平台或经办窗口办理"
		return
	case outcome.Refused() && !client.MessageRepeated(outcome):
		result.State, result.ReportState, result.Done = settle.DispatchRefused, settle.ReportRefused, true
		result.RequestState, result.RequestAnswer = settle.RequestRefused, result.Fault
		return
	case !outcome.Done():
		r.unknown(result)
		return
	}
	answer, err := nhsa.DecodeBindingAnswer(outcome.Answer)
	if err == nil && answer.State == settle.RequestConfirmed && len(answer.Binding) > 0 {
		var binding settle.SnapshotBinding
		if binding, err = feed.DecodeBinding(answer.Binding); err == nil {
			result.Binding = &binding
		}
	}
	if err != nil || result.Binding != nil && (result.Binding.Giver != r.dossier.Identity.PsnNo || result.Binding.Beneficiary != r.dossier.Other.PsnNo) {
		r.unknown(result)
		result.Binding, result.Fault = nil, "中心对绑定申请的应答读不懂，结果未明"
		return
	}
	result.State, result.ReportState, result.Done = settle.DispatchAccepted, settle.ReportAccepted, true
	result.RequestState, result.RequestAnswer = answer.State, r.redact(answer.Reason)
	result.NoBinding = answer.NoBinding && answer.State == settle.RequestRefused
	if answer.State == settle.RequestPending && r.w.options.AskAgain > 0 {
		result.ReportState, result.Done, result.NextAt = settle.ReportPending, false, result.At.Add(r.w.options.AskAgain)
	}
}

// paid concludes a G104. Money is in it, so it stays open until the centre has decided.
func (r *run) paid(result *settle.DispatchResult, outcome nhsa.Outcome) {
	switch {
	case outcome.Refused() && !r.w.options.Client.MessageRepeated(outcome):
		result.State, result.ReportState, result.Done = settle.DispatchRefused, settle.ReportRefused, true
		result.RequestState, result.RequestAnswer = settle.RequestRefused, result.Fault
		return
	case !outcome.Done():
		r.unknown(result)
		return
	}
	answer, err := nhsa.DecodePremiumAnswer(outcome.Answer, r.dossier.Premium.ID)
	if err != nil {
		r.unknown(result)
		result.Fault = "中心对代缴的应答读不懂，结果未明"
		return
	}
	result.RequestState, result.RequestAnswer = answer.State, r.redact(answer.Reason)
	result.State = settle.DispatchAccepted
	switch answer.State {
	case settle.RequestConfirmed:
		result.ReportState, result.Done = settle.ReportAccepted, true
		result.Booking = &settle.Booking{MsgID: result.MsgID, CentreTime: outcome.Answer.CentreTime}
		result.Unbooked = r.report.Kind == settle.ReportPremiumCancel
	case settle.RequestRefused:
		result.State, result.ReportState, result.Done = settle.DispatchRefused, settle.ReportRefused, true
		result.Fault = orText(result.RequestAnswer, "医保中心没有接受这笔代缴")
	default: // the centre has it and has not decided: the money may move any moment, so the message stays open
		result.State = settle.DispatchUnknown
		result.ReportState, result.Attempt, result.NextAt = settle.ReportPending, true, r.later(result.At)
	}
}

func orText(text, other string) string {
	if text == "" {
		return other
	}
	return text
}
