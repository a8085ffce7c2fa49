package outbox

import (
	"gongji/settle"
	"gongji/sync/nhsa"
)

// action is what a report needs next.
type action int

const (
	actFinish  action = iota // nothing to send
	actBook                  // 2102
	actCancel                // 2103 of the booking
	actUndo                  // 2601 of a message whose outcome is open
	actAsk                   // G103, as often as it takes: the request id makes it one request
	actPremium               // G104, as often as it takes: the premium id makes it one payment
)

// step is the next message of a report.
type step struct {
	action   action
	original settle.Dispatch // actUndo: the message that is open
	note     string          // actFinish without a message: why, Chinese
}

// decide reads the journal of a report and says what comes next. It is the whole protocol in one place: nothing is
// booked or cancelled while an earlier message of the report is open.
func decide(d *settle.Dossier) step {
	for _, message := range d.Journal {
		if books(message.Infno) && open(message.State) {
			return step{action: actUndo, original: message}
		}
	}
	switch d.Report.Kind {
	case settle.ReportBinding:
		return step{action: actAsk}
	case settle.ReportPremium:
		return step{action: actPremium}
	case settle.ReportPremiumCancel:
		if d.Premium != nil && d.Premium.Report == settle.ReportRefused {
			return step{action: actFinish, note: "代缴没有在中心入账，无需上报"}
		}
		return step{action: actPremium}
	}
	booked, cancelled := accepted(d.Journal, nhsa.InfnoSettle), accepted(d.Journal, nhsa.InfnoCancel)
	switch d.Report.Kind {
	case settle.ReportSettle:
		if booked || d.Booked != nil {
			return step{action: actFinish}
		}
		return step{action: actBook}
	case settle.ReportReverse:
		if cancelled {
			return step{action: actFinish}
		}
	case settle.ReportRefund:
		if cancelled {
			if booked || len(d.Sale.Lines) == 0 {
				return step{action: actFinish}
			}
			return step{action: actBook}
		}
	}
	if d.Booked == nil {
		return step{action: actFinish, note: "原结算没有在中心入账，无需上报"}
	}
	return step{action: actCancel}
}

// books reports whether a message of this number changes the centre's book.
func books(infno string) bool { return infno == nhsa.InfnoSettle || infno == nhsa.InfnoCancel }

// repeats reports whether a message of this number may be sent again while an earlier copy is open, since its content
// carries an id of its own.
func repeats(infno string) bool { return infno == nhsa.InfnoBinding || infno == nhsa.InfnoPremium }

// open reports whether a message may or may not have been booked. One that is still "sent" has lost its outcome on the
// way to the journal, which comes to the same.
func open(state settle.DispatchState) bool {
	return state == settle.DispatchUnknown || state == settle.DispatchSent
}

// accepted reports whether the report's last word of this number stands at the centre.
func accepted(journal []settle.Dispatch, infno string) bool {
	for _, message := range journal {
		if message.Infno == infno && message.State == settle.DispatchAccepted {
			return true
		}
	}
	return false
}
