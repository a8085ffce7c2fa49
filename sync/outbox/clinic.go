package outbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"gongji/settle"
	"gongji/sync/nhsa"
)

// visit is what the journal of a clinic's report says of its visit at the centre.
type visit struct {
	id      string // mdtrt_id; empty: no visit is open, as far as is known
	lost    bool   // a 2201 is without an outcome, or was refused: the centre is asked whether it has the visit
	taken   bool   // the last 2201 was refused
	told    bool   // 2203 is through
	batch   string // the charge batch that is loaded
	astray  string // a batch that must be withdrawn: of the booking that was cancelled, or of a 2204 without an outcome
	batches int    // 2204 so far
	fault   string // why a message was refused for good
	kept    int    // 2202 that were refused
}

// visitOf reads the journal. A visit that an earlier report of the settlement opened is the booking's.
func visitOf(d *settle.Dossier) visit {
	var v visit
	refused := "" // the text of a refused 2201
	for i := range d.Journal {
		m := &d.Journal[i]
		accepted, refusal := m.State == settle.DispatchAccepted, m.State == settle.DispatchRefused
		switch m.Infno {
		case nhsa.InfnoRegister:
			v.lost, v.taken = open(m.State) || refusal, refusal
			if accepted {
				v.id = m.Visit
			} else if refusal {
				refused = orText(m.Fault, "中心不接受挂号")
			}
		case nhsa.InfnoVisits:
			if accepted || refusal {
				v.lost, v.id = false, m.Visit
				if v.id == "" {
					v.fault = refused
				}
			}
		case nhsa.InfnoVisit, nhsa.InfnoVisitA, nhsa.InfnoVisitB:
			v.told = v.told || accepted
			v.refused(m)
		case nhsa.InfnoFees:
			v.batches++
			if accepted {
				v.batch = m.Batch
			} else if open(m.State) {
				v.astray = m.Batch
			}
			v.refused(m)
		case nhsa.InfnoUnfees:
			v.withdrawn(m)
		case nhsa.InfnoClinicQuote, nhsa.InfnoClinicSettle:
			v.refused(m)
		case nhsa.InfnoUnregister:
			v.unregistered(m)
		case nhsa.InfnoClinicCancel:
			if accepted {
				v.id, v.astray, v.told = m.Visit, m.Batch, true
			}
		}
	}
	v.foreign(d)
	return v
}

// foreign has a batch withdrawn that was loaded in line and holds other lines than the sale's: the basket was changed after the
// quote.
func (v *visit) foreign(d *settle.Dossier) {
	if strings.HasPrefix(v.batch, inlineBatch) && d.Report.Kind == settle.ReportSettle && !strings.HasPrefix(v.batch, batchOf(d)+"-") {
		v.astray, v.batch = v.batch, ""
	}
}

// inlineBatch begins the charge batches that are loaded before the sale has a receipt.
const inlineBatch = "Q"

// batchOf names what is loaded for a sale in line: by the question's first message, which is unique in the venue, and by the
// lines, so that it is known later whether they are still the sale's.
func batchOf(d *settle.Dossier) string {
	hash := sha256.New()
	fmt.Fprint(hash, d.Journal[0].MsgID, d.Sale.Prescription.Number, d.Sale.Disease.Code)
	for i := range d.Sale.Lines {
		l := &d.Sale.Lines[i]
		fmt.Fprintf(hash, "|%q %q %q %q %d %q %q %q", l.Code, l.ShopCode, l.Quantity, l.UnitPrice, l.Total, l.DeptCode, l.DoctorCode, l.Approval)
	}
	return inlineBatch + hex.EncodeToString(hash.Sum(nil)[:8])
}

func (v *visit) refused(m *settle.Dispatch) {
	if m.State == settle.DispatchRefused {
		v.fault = orText(m.Fault, "中心不接受 "+m.Infno)
	}
}

// leaveTries is how often a visit is closed that the centre does not close.
const leaveTries = 3

// unregistered notes a 2202. One that is refused has most likely found lines: a 2204 that was given up and withdrawn before it
// arrived. Everything that is not settled is withdrawn then, and the visit closed again; a visit that stays open after that
// costs nobody anything.
func (v *visit) unregistered(m *settle.Dispatch) {
	switch m.State {
	case settle.DispatchAccepted:
		v.id = ""
	case settle.DispatchRefused:
		if v.kept++; v.kept < leaveTries {
			v.astray = nhsa.AllBatches
		} else {
			v.id = ""
		}
	}
}

// withdrawn notes a 2205. One that the centre refuses has found nothing to withdraw: its rows cost nobody anything.
func (v *visit) withdrawn(m *settle.Dispatch) {
	if m.State != settle.DispatchAccepted && m.State != settle.DispatchRefused {
		return
	}
	if m.Batch == v.astray {
		v.astray = ""
	}
	if m.Batch == v.batch {
		v.batch = ""
	}
}

// load is the next message on the way to a settlement: open the visit, describe it, load the lines, ask for the split,
// settle. quoted is the batch whose split is known.
func (v *visit) load(d *settle.Dossier, quoted string) step {
	next := step{visit: v.id, batch: v.batch}
	switch {
	case v.fault != "":
		return v.leave(step{action: actRefuse, note: v.fault})
	case v.lost:
		next.action = actLookUp
	case v.id == "":
		next.action = actRegister
	case !v.told:
		next.action = actDescribe
	case v.astray != "":
		next.action, next.batch = actWithdraw, v.astray
	case v.batch == "" && d.ReceiptNo == "":
		next.action, next.batch = actLoad, fmt.Sprintf("%s-%d", batchOf(d), v.batches)
	case v.batch == "":
		next.action, next.batch = actLoad, batchName(d.ReceiptNo, v.batches)
	case quoted != v.batch:
		next.action = actQuote
	default:
		next.action = actBook
	}
	return next
}

// leave takes back what is at the centre without being settled, and then does the last step.
func (v *visit) leave(last step) step {
	switch {
	case v.astray != "":
		return step{action: actWithdraw, visit: v.id, batch: v.astray}
	case v.batch != "":
		return step{action: actWithdraw, visit: v.id, batch: v.batch}
	case v.id != "":
		return step{action: actUnregister, visit: v.id}
	}
	return last
}

// batchName is the charge batch of the n-th upload of a report's lines. Each upload has a batch of its own, so that
// neither a late copy of an earlier one nor a late withdrawal can touch the lines that are settled.
func batchName(receipt string, n int) string {
	if n == 0 {
		return receipt
	}
	return fmt.Sprintf("%s-%d", receipt, n)
}

// clinicBill builds the messages of a clinic's sale and takes from their answers what the next ones need.
type clinicBill struct {
	client     *nhsa.Client
	extensions nhsa.Extensions

	// The batch that 2206 has divided in this run, and how. It is asked again rather than kept.
	quoted string
	parts  nhsa.PolicyParts
}

// message is the message of a step.
func (b *clinicBill) message(d *settle.Dossier, next step) (nhsa.Message, error) {
	bill, err := nhsa.NewClinicBill(*d, b.extensions)
	if err != nil {
		return nil, err
	}
	switch next.action {
	case actRegister: // the first of several: whatever does not fit is found before it leaves
		return bill.Register(), bill.Check()
	case actLookUp:
		return bill.LookUp(), nil
	case actDescribe:
		return bill.Info(next.visit, b.client.Dialect().VisitInfno), nil
	case actLoad:
		return bill.Fees(next.visit, next.batch), nil
	case actQuote:
		return bill.Quote(next.visit, next.batch), nil
	case actBook:
		return bill.Settle(next.visit, next.batch, b.parts), nil
	case actCancel:
		return bill.Cancel(d.Booked), nil
	case actWithdraw:
		return bill.Unfees(next.visit, next.batch), nil
	}
	return bill.Unregister(next.visit), nil
}

// learn takes from an answer what the next message needs; visit is the mdtrt_id that it names.
func (b *clinicBill) learn(d *settle.Dossier, next step, answer *nhsa.Answer) (visit string, err error) {
	switch next.action {
	case actRegister:
		return nhsa.DecodeRegister(answer)
	case actLookUp:
		bill, err := nhsa.NewClinicBill(*d, b.extensions)
		if err != nil {
			return "", err
		}
		return bill.Find(answer)
	case actQuote:
		if b.parts, err = nhsa.DecodeParts(answer, d.Figures.Total); err == nil {
			b.quoted = next.batch
		}
	}
	return "", err
}

// visited concludes a message of a clinic's report that books nothing: it is done, refused, or looked up or sent again
// after a wait.
func (r *run) visited(result *settle.DispatchResult, next step, outcome nhsa.Outcome) (again bool) {
	result.ReportState, result.NextAt = r.state(), result.At
	switch {
	case outcome.Done():
		var err error
		if result.Visit, err = r.bill.learn(&r.dossier, next, outcome.Answer); err != nil {
			result.Fault = r.redact("中心的应答读不懂：" + err.Error())
			break
		}
		result.State = settle.DispatchAccepted
		return true
	case outcome.Refused() && !r.w.options.Client.MessageRepeated(outcome):
		result.State = settle.DispatchRefused
		return true
	}
	result.State, result.Attempt, result.NextAt = settle.DispatchUnknown, true, r.later(result.At)
	return false
}

// prepares reports whether a step is one of a clinic's that book nothing.
func (a action) prepares() bool {
	switch a {
	case actRegister, actLookUp, actDescribe, actLoad, actQuote, actWithdraw, actUnregister:
		return true
	}
	return false
}

// refuse holds a report that the centre has refused, after everything else of it was taken back there.
func (r *run) refuse(ctx context.Context, fault string) {
	now := r.w.options.Clock()
	if err := r.w.options.Store.PostponeReport(ctx, r.report.ID, now, settle.ReportRefused, fault, true); err != nil {
		r.w.storeFault(ctx, "refuse report", err)
		return
	}
	r.tell(settle.ReportRefused, true, fault, "", "")
}
