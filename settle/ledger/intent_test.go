package ledger

import (
	"context"
	"testing"
	"time"

	"gongji/settle"
)

// ask begins an in-line message for an order.
func (h *house) ask(order *settle.SettleOrder) (msgid string, began bool) {
	h.t.Helper()
	d, free, err := h.PrepareInline(h.t.Context(), *order)
	if err != nil {
		h.t.Fatalf("prepare: %v", err)
	}
	serial, err := h.NextMessageSerial(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	msgid = venueCode + h.clock.now().Format("20060102150405") + string(rune('A'+serial%26)) + order.Sale.ID[6:]
	began, err = h.BeginInline(h.t.Context(), settle.InlineIntent{
		MsgID: msgid, Infno: "2102", Body: []byte(`{"psn_no":"` + h.patient.psnNo + `"}`), POS: order.Sale.POS, SaleID: order.Sale.ID,
		Terminal: order.Sale.Terminal, Operator: order.Sale.Operator, Person: order.Sale.Patient, Figures: d.Figures, SentAt: h.clock.now(),
	})
	if err != nil {
		h.t.Fatalf("begin: %v", err)
	}
	if began && !free {
		h.t.Error("a message began for somebody who was not free")
	}
	return msgid, began
}

func (h *house) begun(order *settle.SettleOrder) string {
	h.t.Helper()
	msgid, began := h.ask(order)
	if !began {
		h.t.Fatal("the message was not let through")
	}
	return msgid
}

// booking is what the centre answers.
func (h *house) booking(msgid string, f settle.Figures) *settle.Booking {
	return &settle.Booking{SetlID: "SETL" + msgid, MdtrtID: "M1", ClrOptins: "430100", MsgID: msgid, CentreTime: h.clock.now().Add(time.Second), Figures: f}
}

// TestInlineBookingIsTheSettlement: the centre's figures are settled and accepted at once, with nothing left to report; the
// balance contains the sale as soon as a snapshot does.
func TestInlineBookingIsTheSettlement(t *testing.T) {
	h := newHouse(t)
	order := h.order(h.patient, line("1", 8000))
	msgid := h.begun(&order)
	figures := settle.Figures{Total: 8000, Own: 700, Shared: 6300, Cash: 1000} // the own account had less than we knew
	order.Inline = &settle.InlineAnswer{State: settle.InlineAnswered, MsgID: msgid, Booking: h.booking(msgid, figures)}
	s := h.settle(order)
	if s.Figures != figures || s.Report != settle.ReportAccepted || s.Offline || s.Centre == nil || s.Centre.Forced {
		t.Fatalf("settled %+v, report %s, %+v", s.Figures, s.Report, s.Centre)
	}
	if len(s.Postings) != 3 || s.Postings[0].Amount != 700 || s.Postings[1].Amount != 5000 || s.Postings[2].Amount != 1300 {
		t.Errorf("postings %+v", s.Postings)
	}
	stored, err := h.Settlement(t.Context(), s.ID)
	if err != nil || stored.State() != "accepted" {
		t.Errorf("stored as %s, %v", stored.State(), err)
	}
	if due, err := h.DueReports(t.Context(), h.clock.now().Add(time.Hour), 9); err != nil || len(due) != 0 {
		t.Errorf("reports are due: %+v, %v", due, err)
	}
	if open, err := h.OpenInlines(t.Context()); err != nil || len(open) != 0 {
		t.Errorf("open %v, %v", open, err)
	}
	if orphaned, err := h.AbandonInline(t.Context(), msgid, "x"); orphaned || err != nil {
		t.Errorf("a message that was taken over became an orphan: %v", err)
	}
	h.wantAvailable(h.patient, 300)
	h.clock.add(time.Minute)
	after := h.family()
	after.ID, after.CentreTime = "S-2", h.clock.now()
	after.Accounts[0].Balance, after.Accounts[1].Balance, after.Accounts[2].Balance = 0, 0, 18700
	h.apply(after)
	h.wantAvailable(h.patient, 0)
	again, replayed, err := h.Settle(t.Context(), order)
	if err != nil || !replayed || again.ID != s.ID {
		t.Errorf("a repeat: %v, %v", replayed, err)
	}
	rows, err := h.BookedRows(t.Context(), s.Day, s.Day)
	if err != nil || len(rows) != 1 || rows[0].MsgID != msgid || rows[0].Figures != figures {
		t.Errorf("booked rows %+v, %v", rows, err)
	}
	h.wantVerified()
	back := h.giveBack(giveBack("R1", s.ID))
	if back.Figures != figures {
		t.Errorf("given back %+v", back.Figures)
	}
	if d, err := h.Dossier(t.Context(), h.due().ID); err != nil || d.Booked == nil || d.Booked.SetlID != "SETL"+msgid {
		t.Errorf("the return does not know the booking: %v", err)
	}
	h.wantVerified()
}

// TestInlineFiguresBeyondOurFacts: another fund part and relatives' money that nobody known here has are settled as the centre
// says; the till's own lines are still the sale, what cannot be attributed is on the work list and comes back in a return.
func TestInlineFiguresBeyondOurFacts(t *testing.T) {
	h := newHouse(t)
	order := h.order(h.child, line("1", 40000), line("2", 10000)) // no account; the spouse has 200.00
	msgid := h.begun(&order)
	figures := settle.Figures{Total: 50000, Fund: 20000, Own: 500, Shared: 25000, Cash: 4500}
	order.Inline = &settle.InlineAnswer{State: settle.InlineAnswered, MsgID: msgid, Booking: h.booking(msgid, figures)}
	s := h.settle(order)
	if s.Figures != figures || s.Centre.RestOwn != 500 || s.Centre.RestShared != 5000 || s.Report != settle.ReportAccepted {
		t.Fatalf("settled %+v, %+v", s.Figures, s.Centre)
	}
	items, err := h.AttentionList(t.Context(), 10)
	if err != nil || len(items) != 1 || items[0].Kind != AttentionAdjusted || items[0].Settlement != s.ID {
		t.Errorf("work list %+v, %v", items, err)
	}
	explained, err := h.Explain(t.Context(), s.ID)
	if err != nil {
		t.Fatal(err)
	}
	centre := 0
	for _, e := range explained {
		if e.Rule == settle.RuleCentre {
			centre++
		}
	}
	if centre != 3 { // the spouse and both differences
		t.Errorf("%d explanations name the centre: %+v", centre, explained)
	}
	if _, replayed, err := h.Settle(t.Context(), order); err != nil || !replayed {
		t.Errorf("the till's own lines are another sale now: %v", err)
	}
	h.wantVerified()
	part := h.giveBack(giveBack("R1", s.ID, settle.ReturnLine{ID: "2", Quantity: "1"}))
	if part.Figures.Total != 10000 {
		t.Errorf("part %+v", part.Figures)
	}
	h.wantVerified()
	rest := h.giveBack(giveBack("R2", s.ID))
	if sum := part.Figures.Shared + rest.Figures.Shared; sum != figures.Shared {
		t.Errorf("%s of %s shared money came back", sum, figures.Shared)
	}
	h.wantVerified()
}

// TestUnknownInlineIsReportedUnderItsMessage: the settlement stands on the cached figures, within the offline rules, and its
// report is open with the message that was sent; nothing else of the person goes in line before it.
func TestUnknownInlineIsReportedUnderItsMessage(t *testing.T) {
	h := newHouse(t)
	order := h.order(h.patient, line("1", 3000))
	msgid := h.begun(&order)
	order.Offline, order.Inline = true, &settle.InlineAnswer{State: settle.InlineUnknown, MsgID: msgid, Fault: "医保中心超时没有应答，结果未明"}
	s := h.settle(order)
	if s.Report != settle.ReportUnknown || !s.Offline || s.Figures.Own != 1000 || s.Figures.Shared != 2000 {
		t.Fatalf("settled %+v, %s", s.Figures, s.Report)
	}
	report := h.due()
	d, err := h.Dossier(t.Context(), report.ID)
	if err != nil || report.State != settle.ReportUnknown || len(d.Journal) != 1 || d.Journal[0].MsgID != msgid || d.Journal[0].State != settle.DispatchUnknown {
		t.Fatalf("journal %+v, %v", d.Journal, err)
	}
	second := h.order(h.patient, line("1", 100))
	if _, began := h.ask(&second); began {
		t.Error("a second message went out before the first was resolved")
	}
	undo := h.send(report.ID, "2601")
	h.finish(settle.DispatchResult{MsgID: undo, Report: report.ID, State: settle.DispatchAccepted, Undone: msgid, ReportState: settle.ReportPending})
	h.accept(h.due(), noon.Add(time.Minute))
	h.wantVerified()
}

// TestAbandonedInlineIsAnOrphan: a message that no settlement came of is a report of its own, survives a restart, stands on the
// work list until it is undone, and goes before a new settlement of the same sale.
func TestAbandonedInlineIsAnOrphan(t *testing.T) {
	h := newHouse(t)
	order := h.order(h.patient, line("1", 3000))
	msgid := h.begun(&order)
	h.reopen() // power loss between the message and the settlement
	open, err := h.OpenInlines(t.Context())
	if err != nil || len(open) != 1 || open[0] != msgid {
		t.Fatalf("after a restart %v are open, %v", open, err)
	}
	for i := range 2 {
		orphaned, err := h.AbandonInline(t.Context(), msgid, "联机结算中断")
		if err != nil || orphaned != (i == 0) {
			t.Fatalf("abandoned: %v, %v", orphaned, err)
		}
	}
	order.Inline = &settle.InlineAnswer{State: settle.InlineAnswered, MsgID: msgid, Booking: h.booking(msgid, settle.Figures{Total: 3000, Own: 3000})}
	if _, _, err := h.Settle(t.Context(), order); settle.CodeOf(err) != settle.StoreBroken {
		t.Errorf("an orphan was taken over: %v", err)
	}
	order.Inline = nil
	s := h.settle(order)
	items, err := h.AttentionList(t.Context(), 10)
	if err != nil || len(items) != 1 || items[0].ReportKind != settle.ReportOrphan || items[0].Return != order.Sale.ID {
		t.Fatalf("work list %+v, %v", items, err)
	}
	report := h.due()
	if report.Kind != settle.ReportOrphan || report.State != settle.ReportUnknown || report.Amount != 3000 {
		t.Fatalf("first in the order is %+v", report)
	}
	d, err := h.Dossier(t.Context(), report.ID)
	if err != nil || d.Identity.PsnNo != h.patient.psnNo || d.Sale.Operator.ID != "1001" || d.Journal[0].MsgID != msgid {
		t.Fatalf("dossier %+v, %v", d.Journal, err)
	}
	if _, err := h.DispatchBody(t.Context(), msgid); err != nil {
		t.Error(err)
	}
	undo := h.send(report.ID, "2601")
	h.finish(settle.DispatchResult{MsgID: undo, Report: report.ID, State: settle.DispatchAccepted, Undone: msgid, ReportState: settle.ReportPending})
	if err := h.PostponeReport(t.Context(), report.ID, h.clock.now(), settle.ReportAccepted, "", true); err != nil {
		t.Fatal(err)
	}
	if items, _ := h.AttentionList(t.Context(), 10); len(items) != 0 {
		t.Errorf("the work list keeps %+v", items)
	}
	if next := h.due(); next.Settlement != s.ID {
		t.Errorf("next is %+v", next)
	}
	if r := h.wantVerified(); r.Orphans != 1 {
		t.Errorf("%d orphans", r.Orphans)
	}
}

// TestEndedInlineLeavesNothing: a refusal, and a message that never left, leave nothing to undo and the person free.
func TestEndedInlineLeavesNothing(t *testing.T) {
	h := newHouse(t)
	for _, state := range []settle.DispatchState{settle.DispatchRefused, settle.DispatchUnsent} {
		order := h.order(h.patient, line("1", 3000))
		msgid := h.begun(&order)
		if err := h.EndInline(t.Context(), msgid, state, "x"); err != nil {
			t.Fatal(err)
		}
		if orphaned, err := h.AbandonInline(t.Context(), msgid, "x"); orphaned || err != nil {
			t.Errorf("%s became an orphan, %v", state, err)
		}
	}
	if totals, err := h.OutboxTotals(t.Context()); err != nil || totals.Unsent != 0 {
		t.Errorf("%+v, %v", totals, err)
	}
	h.wantVerified()
}

// TestRefusedAfterTheAnswer: what the settlement's own checks refuse is not settled although the centre has booked it, and the
// intent stays for whoever abandons it.
func TestRefusedAfterTheAnswer(t *testing.T) {
	h := newHouse(t)
	order := h.order(h.patient, line("1", 3000))
	msgid := h.begun(&order)
	order.Inline = &settle.InlineAnswer{State: settle.InlineAnswered, MsgID: msgid, Booking: h.booking(msgid, settle.Figures{Total: 3000, Own: 1000, Cash: 2000})}
	order.Confirm = func() error { return settle.NewError(settle.CardRemoved, nil) }
	_, _, err := h.Settle(t.Context(), order)
	wantCode(t, err, settle.CardRemoved)
	h.wantAvailable(h.patient, 1000)
	if open, err := h.OpenInlines(context.Background()); err != nil || len(open) != 1 {
		t.Errorf("open %v, %v", open, err)
	}
	quote, err := h.QuoteCentre(t.Context(), order.Sale, settle.Figures{Total: 3000, Own: 1000, Cash: 2000})
	if err != nil {
		t.Fatal(err)
	}
	order.Confirm, order.QuoteDigest = nil, "other"
	_, _, err = h.Settle(t.Context(), order)
	wantCode(t, err, settle.QuoteChanged)
	order.QuoteDigest = quote.Digest
	if s := h.settle(order); s.Digest != quote.Digest || s.Report != settle.ReportAccepted {
		t.Errorf("settled %+v", s.Figures)
	}
	h.wantVerified()
}

// TestOrphanThatIsBooked: an orphan that 2601 no longer undoes and a proof has found at the centre is cancelled by what was
// found; both are rows of the day, and nothing moves here.
func TestOrphanThatIsBooked(t *testing.T) {
	h := newHouse(t)
	order := h.order(h.patient, line("1", 3000))
	msgid := h.begun(&order)
	if orphaned, err := h.AbandonInline(t.Context(), msgid, "联机结算中断"); err != nil || !orphaned {
		t.Fatal(orphaned, err)
	}
	report := h.due()
	booking := h.booking(msgid, settle.Figures{Total: 3000, Own: 3000})
	h.finish(settle.DispatchResult{MsgID: msgid, Report: report.ID, State: settle.DispatchAccepted, Booking: booking, ReportState: settle.ReportPending})
	d, err := h.Dossier(t.Context(), report.ID)
	if err != nil || d.Booked == nil || d.Booked.SetlID != booking.SetlID || d.Report.Done {
		t.Fatalf("booked %+v, %v", d.Booked, err)
	}
	cancel := h.send(report.ID, "2103")
	if journal, err := h.Dossier(t.Context(), report.ID); err != nil || journal.Booked == nil {
		t.Fatalf("while it is being cancelled: %v", err)
	}
	h.finish(settle.DispatchResult{MsgID: cancel, Report: report.ID, State: settle.DispatchAccepted, Unbooked: true, ReportState: settle.ReportAccepted, Done: true,
		Booking: h.booking(cancel, settle.Figures{})})
	if d, err = h.Dossier(t.Context(), report.ID); err != nil || d.Booked != nil || !d.Report.Done {
		t.Errorf("after the cancellation %+v, %v", d.Booked, err)
	}
	day := settle.DateOf(booking.CentreTime)
	rows, err := h.BookedRows(t.Context(), day, day)
	if err != nil || len(rows) != 2 || rows[0].Figures.Total+rows[1].Figures.Total != 0 || rows[0].PsnNo != h.patient.psnNo || rows[0].Refund == rows[1].Refund {
		t.Errorf("rows %+v, %v", rows, err)
	}
	if items, _ := h.AttentionList(t.Context(), 10); len(items) != 0 {
		t.Errorf("the work list keeps %+v", items)
	}
	if r := h.wantVerified(); r.Orphans != 1 {
		t.Errorf("%d orphans", r.Orphans)
	}
}

// TestTheCentresTimeIsKept: what the centre's time was when a message left, and in the answer to it, comes back with the journal.
func TestTheCentresTimeIsKept(t *testing.T) {
	h := newHouse(t)
	h.settle(h.order(h.patient, line("1", 3000)))
	report := h.due()
	known, told := h.clock.now().Add(-50*time.Hour).Truncate(time.Millisecond), h.clock.now().Add(-49*time.Hour).Truncate(time.Millisecond)
	err := h.BeginDispatch(t.Context(), settle.Dispatch{MsgID: "M1", Report: report.ID, Infno: "2102", Body: []byte("{}"), SentAt: h.clock.now(), SentCentre: known})
	if err != nil {
		t.Fatal(err)
	}
	h.finish(settle.DispatchResult{MsgID: "M1", Report: report.ID, State: settle.DispatchUnknown, ReportState: settle.ReportUnknown, Answered: told})
	d, err := h.Dossier(t.Context(), report.ID)
	if err != nil || len(d.Journal) != 1 || !d.Journal[0].SentCentre.Equal(known) || !d.Journal[0].AnsweredCentre.Equal(told) {
		t.Fatalf("%+v, %v", d.Journal, err)
	}
	if len(d.Pays) != 2 || d.Pays[0] != (settle.PersonPay{PsnNo: h.patient.psnNo, Amount: d.Figures.Own}) || d.Pays[1].Amount != d.Figures.Shared {
		t.Errorf("payers %+v of %+v", d.Pays, d.Figures)
	}
	day := settle.DateOf(known)
	if open, err := h.UnknownDispatches(t.Context(), day, day); err != nil || len(open) != 1 {
		t.Errorf("%d messages of the centre's day are open, %v", len(open), err)
	}
}
