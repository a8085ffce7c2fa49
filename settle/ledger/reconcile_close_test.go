package ledger

import (
	"slices"
	"testing"
	"time"

	"gongji/settle"
)

// closer decides for the finance desk.
var closer = settle.Operator{ID: "2001", Name: "店长"}

// reconciled records the outcome of every day of a month, but for those that are left out.
func (h *house) reconciled(first, last settle.Date, except ...settle.Date) {
	h.t.Helper()
	for day := first; day <= last; day = day.AddDays(1) {
		if slices.Contains(except, day) {
			continue
		}
		if err := h.RecordReconciliation(h.t.Context(), settle.Reconciliation{Day: day, At: h.clock.now(), Balanced: true}); err != nil {
			h.t.Fatal(err)
		}
	}
}

// TestCloseMonth: a month is closed once every day of it agrees, or every row that differs was decided; what was closed
// stays closed, in the chain.
func TestCloseMonth(t *testing.T) {
	h := newHouse(t)
	h.buy(h.patient, 400)
	_, err := h.CloseMonth(t.Context(), 202611, closer)
	wantCode(t, err, settle.BadRequest) // it is not over
	_, err = h.CloseMonth(t.Context(), 202610, closer)
	wantCode(t, err, settle.BadRequest) // nothing was sold yet
	h.clock.add(10 * 24 * time.Hour)
	h.reconciled(20261122, 20261130, 20261123, 20261125)
	err = h.RecordReconciliation(t.Context(), settle.Reconciliation{Day: 20261125, At: h.clock.now(), Differences: []settle.ReconcileDifference{
		{Kind: settle.CentreOnly, SetlID: "C1", Centre: settle.SideAmounts{Total: 700}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.CloseMonth(t.Context(), 202611, closer)
	if days := wantCode(t, err, settle.MonthOpen).Members["days"]; !slices.Equal(days.([]string), []string{"2026-11-23", "2026-11-25"}) {
		t.Errorf("open days %v", days)
	}
	h.reconciled(20261123, 20261123)
	h.decide(h.item(AttentionOneSided).ID, settle.DecideNone)
	closed, err := h.CloseMonth(t.Context(), 202611, closer)
	if err != nil || closed.Days != 9 || closed.Record == 0 || closed.By != closer {
		t.Fatalf("closed %+v, %v", closed, err)
	}
	h.clock.add(time.Hour)
	h.reopen()
	again, err := h.CloseMonth(t.Context(), 202611, settle.Operator{ID: "9"})
	if err != nil || again.Record != closed.Record || again.By != closer || !again.At.Equal(closed.At) {
		t.Errorf("again %+v, %v", again, err)
	}
	days, months, err := h.ReconciledDays(t.Context(), 20261101, 20261231)
	if err != nil || len(days) != 11 || len(months) != 1 || days[0].Outcome.Day != 20261122 || days[8].State != settle.DayClosed || days[9].State != settle.DayOpen {
		t.Errorf("days %+v, months %+v, %v", days, months, err)
	}
	if r := days[3].Resolutions[0]; r.By != "2001" || r.Note != "已核对" || r.At.IsZero() {
		t.Errorf("resolution %+v", r)
	}
	h.wantVerified()
	if err := h.write(t.Context(), func(t *tx) error { return t.run("UPDATE closing SET who = '9'") }); err != nil {
		t.Fatal(err)
	}
	if report, err := h.Verify(t.Context(), nil); err != nil || report.OK() {
		t.Errorf("a changed closing was not found: %v", err)
	}
}

// TestDaysByTheCentresClock: a row stands on the day of its setl_time, although the answer came after midnight.
func TestDaysByTheCentresClock(t *testing.T) {
	h := newHouse(t)
	s := h.buy(h.patient, 400)
	midnight := settle.Date(20261123).Time()
	report := h.due()
	h.finish(settle.DispatchResult{
		MsgID: h.send(report.ID, "2102"), State: settle.DispatchAccepted, Report: report.ID, ReportState: settle.ReportAccepted, Done: true,
		Booking: &settle.Booking{SetlID: "A1", CentreTime: midnight.Add(200 * time.Millisecond), SettledAt: midnight.Add(-time.Second), Figures: s.Figures},
	})
	if rows := h.rows(20261122, 20261122); len(rows) != 1 || !rows[0].At.Equal(midnight.Add(-time.Second)) {
		t.Errorf("the day before: %+v", rows)
	}
	if rows := h.rows(20261123, 20261123); len(rows) != 0 {
		t.Errorf("the day after: %+v", rows)
	}
}

// TestOfficesOfEarlierBookings: a ledger from before the offices were kept learns them from its bookings, once.
func TestOfficesOfEarlierBookings(t *testing.T) {
	h := newHouse(t)
	h.buy(h.patient, 400)
	h.book(h.due(), "A1", "430199", noon, settle.DispatchAccepted)
	forget := func(query string) {
		t.Helper()
		if err := h.write(t.Context(), func(t *tx) error { return t.run(query) }); err != nil {
			t.Fatal(err)
		}
	}
	forget("DELETE FROM clearing")
	h.reopen()
	if offices, err := h.ClearingOffices(t.Context(), "430100"); err != nil || !slices.Equal(offices, []string{"430199"}) {
		t.Errorf("offices %v, %v", offices, err)
	}
	forget("DELETE FROM clearing")
	h.reopen()
	if offices, err := h.ClearingOffices(t.Context(), "430100"); err != nil || len(offices) != 0 {
		t.Errorf("read a second time: %v, %v", offices, err)
	}
}

// TestAttest: what the ledger signed it knows again, and nothing else.
func TestAttest(t *testing.T) {
	h := newHouse(t)
	h.buy(h.patient, 400)
	a, err := h.Attest(t.Context(), []byte("a"))
	if err != nil || a.Record == 0 || !h.Attested([]byte("a"), a) || h.Attested([]byte("b"), a) {
		t.Errorf("%+v, %v", a, err)
	}
	a.Record++
	if h.Attested([]byte("a"), a) {
		t.Error("another end of the chain was taken")
	}
}
