package outbox

import (
	"gongji/settle"
	"gongji/sync/nhsa"
)

// action is what a report needs next.
type action int

const (
	actFinish  action = iota // nothing to send
	actBook                  // 2102; a clinic's 2207
	actCancel                // 2103 of the booking; a clinic's 2208
	actUndo                  // 2601 of a message whose outcome is open
	actAsk                   // G103, as often as it takes: the request id makes it one request
	actPremium               // G104, as often as it takes: the premium id makes it one payment

	// Of a clinic's visit; none of them moves money.
	actRegister   // 2201
	actLookUp     // 5201: does the centre have the visit?
	actDescribe   // 2203
	actLoad       // 2204
	actQuote      // 2206
	actWithdraw   // 2205
	actUnregister // 2202
	actRefuse     // nothing to send: the centre has refused, a person decides
)

// step is the next message of a report.
type step struct {
	action   action
	original settle.Dispatch // actUndo: the message that is open
	note     string          // actFinish and actRefuse without a message: why, Chinese
	visit    string          // a clinic's: mdtrt_id
	batch    string          // a clinic's: chrg_bchno
}

// decide reads the journal of a report and says what comes next. It is the whole protocol in one place: nothing is
// booked or cancelled while an earlier message of the report is open. quoted is the charge batch of a clinic's bill
// whose split the centre has told in this run.
func decide(d *settle.Dossier, quoted string) step {
	for _, message := range d.Journal {
		if books(message.Infno) && open(message.State) {
			return step{action: actUndo, original: message}
		}
	}
	switch d.Report.Kind {
	case settle.ReportOrphan:
		return decideOrphan(d)
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
	if d.Sale.Clinic() {
		return decideClinic(d, quoted)
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

// decideOrphan takes back what was asked in line for nothing. What 2601 no longer undoes and a proof has found booked is
// cancelled like any other settlement; a clinic's visit is closed.
func decideOrphan(d *settle.Dossier) step {
	over := step{action: actFinish, note: "收银台没有结算，中心没有入账"}
	if !d.Sale.Clinic() {
		if d.Booked != nil {
			return step{action: actCancel}
		}
		return over
	}
	if d.Booked != nil {
		return step{action: actCancel, visit: d.Booked.MdtrtID, batch: d.Booked.Batch}
	}
	v := visitOf(d)
	if v.lost && !v.taken { // a 2201 that was refused has opened nothing
		return step{action: actLookUp}
	}
	return v.leave(over)
}

// decideClinic is decide for a sale that is settled as a visit. Only 2207 and 2208 move money; what they need around
// them is in the visit.
func decideClinic(d *settle.Dossier, quoted string) step {
	booked, cancelled := accepted(d.Journal, nhsa.InfnoClinicSettle), accepted(d.Journal, nhsa.InfnoClinicCancel)
	v := visitOf(d)
	switch {
	case d.Report.Kind == settle.ReportSettle && (booked || d.Booked != nil):
		return step{action: actFinish}
	case d.Report.Kind == settle.ReportSettle:
		return v.load(d, quoted)
	case cancelled && booked:
		return step{action: actFinish}
	case cancelled && d.Report.Kind == settle.ReportRefund && len(d.Sale.Lines) > 0:
		return v.load(d, quoted)
	case cancelled:
		return v.leave(step{action: actFinish})
	case d.Booked == nil:
		return step{action: actFinish, note: "原结算没有在中心入账，无需上报"}
	}
	return step{action: actCancel, visit: d.Booked.MdtrtID, batch: d.Booked.Batch}
}

// books reports whether a message of this number changes the centre's book.
func books(infno string) bool { return booking(infno) || cancelling(infno) }

func booking(infno string) bool { return infno == nhsa.InfnoSettle || infno == nhsa.InfnoClinicSettle }

func cancelling(infno string) bool {
	return infno == nhsa.InfnoCancel || infno == nhsa.InfnoClinicCancel
}

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
