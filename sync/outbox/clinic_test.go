package outbox

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gongji/settle"
	"gongji/sync/centre"
	"gongji/sync/nhsa"
)

// aVisit is a visit as the till writes it into a clinic's sale.
func aVisit(number string) []byte {
	return fmt.Appendf(nil, `{"ipt_otp_no": %q, "doctor_code": "D430100000001", "doctor_name": "张伟", "dept_code": "A02", "dept_name": "全科",
		"caty": "A02", "began_at": %q, "diagnoses": [{"code": "J20.900", "name": "急性支气管炎"}]}`, number, time.Now().Format(time.RFC3339))
}

// attend adds a clinic's sale of a member.
func (b *bench) attend(member centre.Member, id, visit string, figures settle.Figures) int64 {
	report := b.sell(member, id, figures)
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	sale := &b.store.contents[report].sale
	sale.MedType, sale.Visit = "11", aVisit(visit)
	return report
}

// giveBackVisit is giveBack for a clinic's sale.
func (b *bench) giveBackVisit(kind settle.ReportKind, id, visit string, kept settle.Figures) {
	report := b.giveBack(kind, id, kept)
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	sale := &b.store.contents[report].sale
	sale.MedType, sale.Visit = "11", aVisit(visit)
}

// TestClinic: a settlement, a refund and a reversal of a visit, with every message lost in every way once. In the end
// nothing is left at the centre: no row that counts, no visit, no money.
func TestClinic(t *testing.T) {
	t.Run("clean", func(t *testing.T) {
		seen := clinicCourse(t, nil)
		want := []string{"2102", "2201", "2203", "2204", "2206", "2207", "2208", "2205", "2204", "2206", "2207", "2208", "2205", "2202"}
		if seen = slices.DeleteFunc(seen, func(infno string) bool { return infno[0] != '2' }); !slices.Equal(seen, want) {
			t.Errorf("messages %v", seen)
		}
	})
	for _, fault := range []string{"lose-answer", "half-answer", "502-before", "502-after", "html-after", "expire-signin", "delay-before:1:150ms"} {
		for _, infno := range []string{"2201", "2202", "2203", "2204", "2205", "2206", "2207", "2208"} {
			t.Run(infno+" "+fault, func(t *testing.T) { clinicCourse(t, []string{infno + "=" + fault}) })
		}
	}
}

func clinicCourse(t *testing.T, plans []string) []string {
	b := newBench(t)
	defer b.close()
	b.proofAfter = 200 * time.Millisecond // longer than any message is late
	b.plan(plans...)
	hasty := func(o *nhsa.Options, _ *Options) { o.Timeout = 80 * time.Millisecond }
	// A sale of the pharmacy first: without any booking the centre's office is not known and absence cannot be proved.
	b.sell(b.family.Stranger, "P", settle.Figures{Total: 700, Own: 700})
	l := b.start(hasty)
	b.await(allDone)
	before := b.centre.Balances()
	b.attend(b.family.Patient, "A", "V1", settle.Figures{Total: 10000, Own: 3860, Shared: 6140})
	l.Wake()
	b.await(allDone)
	b.wantStanding("A", 10000)
	b.giveBackVisit(settle.ReportRefund, "A", "V1", settle.Figures{Total: 3000, Own: 3000})
	l.Wake()
	b.await(allDone)
	b.wantStanding("A", 3000)
	b.giveBackVisit(settle.ReportReverse, "A", "V1", settle.Figures{})
	l.Wake()
	b.await(allDone)
	l.stop(t)
	b.wantStanding("A", 0)
	for id := int64(2); id <= 4; id++ {
		if report := b.store.report(id); report.State != settle.ReportAccepted {
			t.Errorf("report %d: %+v", id, report)
		}
	}
	if open := b.centre.OpenVisits(); open != 0 {
		t.Errorf("%d visits are open", open)
	}
	for psn, had := range before {
		if now := b.centre.Balances()[psn]; now != had {
			t.Errorf("an account has %s of %s", now, had)
		}
	}
	return b.seenAll()
}

func (b *bench) wantStanding(id string, total settle.Fen) {
	b.t.Helper()
	var sum settle.Fen
	rows := 0
	for _, row := range b.centre.Standing() {
		if b.store.report(b.store.began[row.MsgID]).Settlement == id {
			sum += row.Figures.Total
			rows++
		}
	}
	if sum != total || rows > 1 {
		b.t.Errorf("%s stands with %s in %d rows, want %s", id, sum, rows, total)
	}
	if booked := b.store.booked[id]; (booked != nil) != (total != 0) || booked != nil && booked.Figures.Total != total {
		b.t.Errorf("the journal has %+v", booked)
	}
}

// TestClinicRefused: what the centre refuses leaves nothing behind there and is held with the centre's words.
func TestClinicRefused(t *testing.T) {
	b := newBench(t)
	defer b.close()
	refused := b.attend(b.family.Patient, "A", "V1", settle.Figures{Total: 1000, Own: 1000})
	broken := b.attend(b.family.Patient, "B", "V2", settle.Figures{Total: 1000, Own: 1000})
	b.store.contents[broken].sale.Lines[0].Code = strings.Repeat("X", 51)
	stranger := b.attend(b.family.Stranger, "C", "V3", settle.Figures{Total: 1000, Own: 1000})
	b.store.contents[stranger].card = settle.CardNumbers{Number: b.family.Patient.CardNumber}
	b.plan("2207=blind") // refuses, and does nothing
	l := b.start(nil)
	b.await(allDone)
	l.stop(t)
	for id, words := range map[int64]string{refused: "未查询到", broken: "med_list_codg", stranger: "人卡不一致"} {
		if report := b.store.report(id); report.State != settle.ReportRefused || !strings.Contains(report.Fault, words) {
			t.Errorf("report %d: %+v", id, report)
		}
	}
	if seen := b.seenAll(); !slices.Contains(seen, nhsa.InfnoUnfees) || !slices.Contains(seen, nhsa.InfnoUnregister) {
		t.Errorf("messages %v", seen)
	}
	if open, rows := b.centre.OpenVisits(), b.centre.Standing(); open != 0 || len(rows) != 0 {
		t.Errorf("%d visits are open, %d rows stand", open, len(rows))
	}
}

// TestTwoBillsOfOneVisit: a second sale with the same visit number finds the visit and has a batch of its own; the
// reversal of one leaves the other alone.
func TestTwoBillsOfOneVisit(t *testing.T) {
	b := newBench(t)
	defer b.close()
	b.attend(b.family.Patient, "A", "V1", settle.Figures{Total: 1000, Own: 1000})
	b.attend(b.family.Patient, "B", "V1", settle.Figures{Total: 500, Own: 500})
	l := b.start(nil)
	b.await(allDone)
	if b.store.booked["A"] == nil || b.store.booked["B"] == nil || b.store.booked["A"].MdtrtID != b.store.booked["B"].MdtrtID {
		t.Fatalf("%+v %+v", b.store.booked["A"], b.store.booked["B"])
	}
	b.giveBackVisit(settle.ReportReverse, "A", "V1", settle.Figures{})
	l.Wake()
	b.await(allDone)
	b.wantStanding("A", 0)
	b.wantStanding("B", 500)
	b.giveBackVisit(settle.ReportReverse, "B", "V1", settle.Figures{})
	l.Wake()
	b.await(allDone)
	l.stop(t)
	if open := b.centre.OpenVisits(); open != 0 {
		t.Errorf("%d visits are open", open)
	}
}

// TestLeavingAVisitWithLateLines: a 2204 that was given up and withdrawn before it arrived keeps the visit from being closed;
// everything is withdrawn then, and the visit closed again, so often and no more.
func TestLeavingAVisitWithLateLines(t *testing.T) {
	message := func(infno, batch string, state settle.DispatchState) settle.Dispatch {
		return settle.Dispatch{Infno: infno, Batch: batch, State: state, Visit: "M1"}
	}
	d := &settle.Dossier{Journal: []settle.Dispatch{
		message(nhsa.InfnoRegister, "", settle.DispatchAccepted), message(nhsa.InfnoVisit, "", settle.DispatchAccepted),
		message(nhsa.InfnoFees, "R1", settle.DispatchUnknown), message(nhsa.InfnoUnfees, "R1", settle.DispatchRefused),
	}}
	last := step{action: actRefuse}
	for try := range leaveTries {
		v := visitOf(d)
		if next := v.leave(last); next.action != actUnregister || next.visit != "M1" {
			t.Fatalf("try %d: %+v", try, next)
		}
		d.Journal = append(d.Journal, message(nhsa.InfnoUnregister, "", settle.DispatchRefused))
		if try == leaveTries-1 {
			break
		}
		v = visitOf(d)
		if next := v.leave(last); next.action != actWithdraw || next.batch != nhsa.AllBatches || next.visit != "M1" {
			t.Fatalf("after the refusal: %+v", next)
		}
		d.Journal = append(d.Journal, message(nhsa.InfnoUnfees, nhsa.AllBatches, settle.DispatchAccepted))
	}
	v := visitOf(d)
	if next := v.leave(last); next.action != actRefuse {
		t.Errorf("at last: %+v", next)
	}
}

// TestOrphanIsCancelledByItsProof: an orphan whose booking a proof has found is cancelled; one that is not booked is over.
func TestOrphanIsCancelledByItsProof(t *testing.T) {
	d := &settle.Dossier{Report: settle.Report{Kind: settle.ReportOrphan}, Booked: &settle.Booking{SetlID: "S1"}, Journal: []settle.Dispatch{
		{MsgID: "m", Infno: nhsa.InfnoSettle, State: settle.DispatchAccepted}, {Infno: nhsa.InfnoReverse, Original: "m", State: settle.DispatchRefused},
	}}
	if next := decide(d, ""); next.action != actCancel {
		t.Errorf("%+v", next)
	}
	d.Booked = nil
	if next := decide(d, ""); next.action != actFinish {
		t.Errorf("%+v", next)
	}
}

// TestQuestionByTheCentresTime: the first refusal of a 2601 says by when the message had left, and the first after one that
// was not answered the same of that one.
func TestQuestionByTheCentresTime(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 3, 10, 9, minute, 0, 0, settle.Beijing) }
	undo := func(state settle.DispatchState, answered time.Time) settle.Dispatch {
		return settle.Dispatch{Infno: nhsa.InfnoReverse, Original: "m", State: state, AnsweredCentre: answered}
	}
	message := settle.Dispatch{MsgID: "m", Infno: nhsa.InfnoSettle, State: settle.DispatchUnknown}
	r := &run{dossier: settle.Dossier{Journal: []settle.Dispatch{message, undo(settle.DispatchUnknown, time.Time{}), undo(settle.DispatchRefused, at(1)),
		undo(settle.DispatchRefused, at(2))}}}
	if q := r.question(message); !q.Refused.Equal(at(1)) || !q.UndoOpen || !q.UndoRefused.Equal(at(1)) {
		t.Errorf("%+v", q)
	}
	r.dossier.Journal = append(r.dossier.Journal, undo(settle.DispatchUnknown, time.Time{}))
	if q := r.question(message); !q.Refused.Equal(at(1)) || !q.UndoOpen || !q.UndoRefused.IsZero() {
		t.Errorf("%+v", q)
	}
}
