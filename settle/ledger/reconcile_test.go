package ledger

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"gongji/settle"
)

// book lets the centre book a report's 2102 at a centre time, under an id and at an office.
func (h *house) book(report settle.Report, setlID, office string, centre time.Time, state settle.DispatchState) string {
	h.t.Helper()
	d, err := h.Dossier(h.t.Context(), report.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	msgid := h.send(report.ID, "2102")
	r := settle.DispatchResult{MsgID: msgid, State: state, At: h.clock.now(), Report: report.ID, ReportState: settle.ReportUnknown, Attempt: true}
	if state == settle.DispatchAccepted {
		r.ReportState, r.Done, r.Attempt = settle.ReportAccepted, true, false
		r.Booking = &settle.Booking{SetlID: setlID, MdtrtID: "M-" + setlID, ClrOptins: office, MsgID: msgid, CentreTime: centre, Figures: d.Figures}
	}
	h.finish(r)
	return msgid
}

// cancel lets the centre cancel what a report gives back.
func (h *house) cancel(report settle.Report, setlID string, centre time.Time, last bool) string {
	h.t.Helper()
	msgid := h.send(report.ID, "2103")
	state := settle.ReportPending
	if last {
		state = settle.ReportAccepted
	}
	h.finish(settle.DispatchResult{
		MsgID: msgid, State: settle.DispatchAccepted, At: h.clock.now(), Report: report.ID, ReportState: state, Done: last, Unbooked: true,
		Booking: &settle.Booking{SetlID: setlID, MsgID: msgid, CentreTime: centre},
	})
	return msgid
}

func (h *house) rows(begin, end settle.Date) []settle.BookedRow {
	h.t.Helper()
	rows, err := h.BookedRows(h.t.Context(), begin, end)
	if err != nil {
		h.t.Fatal(err)
	}
	return rows
}

// TestBookedRows: a cancellation and the new booking of a refund are rows of their own, with their own sign, on the day that
// the centre's clock says.
func TestBookedRows(t *testing.T) {
	h := newHouse(t)
	midnight := settle.Date(20261123).Time()
	sold := h.settle(h.order(h.patient, line("1", 600), line("2", 300)))
	first := h.book(h.due(), "A1", "430100", midnight.Add(-time.Millisecond), settle.DispatchAccepted)
	h.buy(h.stranger, 100)
	h.book(h.due(), "B1", "", midnight.Add(-time.Minute), settle.DispatchAccepted)
	h.giveBack(giveBack("R1", sold.ID, settle.ReturnLine{ID: "2", Quantity: "1"}))
	report := h.due()
	h.cancel(report, "A2", midnight, false)
	h.book(report, "A3", "430102", midnight.Add(time.Second), settle.DispatchAccepted)
	h.giveBack(giveBack("R2", sold.ID))
	h.cancel(h.due(), "", midnight.Add(24*time.Hour), true)

	got := h.rows(20261122, 20261122)
	if len(got) == 2 && got[1].At.Equal(midnight.Add(-time.Millisecond)) {
		got[1].At = time.Time{} // equal instants need not be equal values
	}
	if len(got) != 2 || got[0].SetlID != "B1" || got[0].Office != "430100" || got[0].PsnNo != h.stranger.psnNo || got[1] != (settle.BookedRow{
		SetlID: "A1", MdtrtID: "M-A1", PsnNo: h.patient.psnNo, MsgID: first, Settlement: sold.ID, Insurance: settle.InsuranceEmployee,
		ClrType: "41", Office: "430100", Figures: sold.Figures,
	}) {
		t.Errorf("the first day: %+v", got)
	}
	got = h.rows(20261123, 20261123)
	if len(got) != 2 || got[0].SetlID != "A2" || !got[0].Refund || got[0].MdtrtID != "M-A1" || got[0].Office != "430100" ||
		got[0].Figures.Total != -900 || got[0].Figures.Own != -900 || got[1].SetlID != "A3" || got[1].Refund || got[1].Figures.Total != 600 {
		t.Errorf("the second day: %+v", got)
	}
	// The last cancellation takes back what the refund had booked anew and not the first booking.
	got = h.rows(20261124, 20261124)
	if len(got) != 1 || got[0].SetlID != "A3" || !got[0].Refund || got[0].Figures.Total != -600 || got[0].Office != "430102" {
		t.Errorf("the third day: %+v", got)
	}
	var sum settle.Fen
	for _, row := range h.rows(20261122, 20261124) {
		sum += row.Figures.Total
	}
	if sum != 100 {
		t.Errorf("all days sum to %s, want only what is still sold", sum)
	}
	offices, err := h.ClearingOffices(t.Context(), "430100")
	if err != nil || !slices.Equal(offices, []string{"430100", "430102"}) {
		t.Errorf("offices %v, %v", offices, err)
	}
	if offices, err := h.ClearingOffices(t.Context(), "440100"); err != nil || len(offices) != 0 {
		t.Errorf("offices of another area %v, %v", offices, err)
	}
	h.wantVerified()
}

// TestUndoneIsNoRow: what a 2601 undid is left out, and so is what the centre named no time for.
func TestUndoneIsNoRow(t *testing.T) {
	h := newHouse(t)
	h.buy(h.patient, 400)
	report := h.due()
	msgid := h.book(report, "A1", "430100", noon, settle.DispatchAccepted)
	if got := h.rows(20261122, 20261122); len(got) != 1 {
		t.Fatalf("booked: %+v", got)
	}
	h.finish(settle.DispatchResult{MsgID: h.send(report.ID, "2601"), State: settle.DispatchAccepted, Report: report.ID, ReportState: settle.ReportPending, Undone: msgid})
	if got := h.rows(20261122, 20261122); len(got) != 0 {
		t.Errorf("undone: %+v", got)
	}
	h.book(report, "A2", "430100", time.Time{}, settle.DispatchAccepted)
	if got := h.rows(20200101, 20301231); len(got) != 0 {
		t.Errorf("without a time: %+v", got)
	}
}

func TestUnknownDispatches(t *testing.T) {
	h := newHouse(t)
	h.buy(h.patient, 400)
	report := h.due()
	open := h.book(report, "", "", time.Time{}, settle.DispatchUnknown)
	h.send(report.ID, "2601") // open too, but books nothing
	list, err := h.UnknownDispatches(t.Context(), 20261122, 20261122)
	if err != nil || len(list) != 1 || list[0].Dispatch.MsgID != open || list[0].Dispatch.State != settle.DispatchUnknown ||
		list[0].Insurance != settle.InsuranceEmployee || list[0].Area != "430100" || !list[0].Dispatch.SentAt.Equal(noon) || list[0].Dispatch.Body != nil {
		t.Errorf("%+v, %v", list, err)
	}
	for _, day := range []settle.Date{20261121, 20261123} {
		if list, err := h.UnknownDispatches(t.Context(), day, day); err != nil || len(list) != 0 {
			t.Errorf("%s: %+v, %v", day, list, err)
		}
	}
}

// TestProvedBooked: a message that was unknown is ended a second time, as accepted.
func TestProvedBooked(t *testing.T) {
	h := newHouse(t)
	sold := h.buy(h.patient, 400)
	report := h.due()
	msgid := h.book(report, "", "", time.Time{}, settle.DispatchUnknown)
	if list, err := h.AttentionList(t.Context(), 10); err != nil || len(list) != 1 || list[0].Kind != AttentionUnknown {
		t.Fatalf("attention %+v, %v", list, err)
	}
	h.finish(settle.DispatchResult{
		MsgID: msgid, State: settle.DispatchAccepted, At: noon, Report: report.ID, ReportState: settle.ReportAccepted, Done: true, NextAt: noon,
		Booking: &settle.Booking{SetlID: "A1", MdtrtID: "M1", ClrOptins: "430100", MsgID: msgid, CentreTime: noon.Add(time.Second), Figures: sold.Figures},
	})
	if list, err := h.AttentionList(t.Context(), 10); err != nil || len(list) != 0 {
		t.Errorf("attention %+v, %v", list, err)
	}
	if s, err := h.Settlement(t.Context(), sold.ID); err != nil || s.Report != settle.ReportAccepted {
		t.Errorf("report %s, %v", s.Report, err)
	}
	if next, err := h.NextDue(t.Context()); err != nil || !next.IsZero() {
		t.Errorf("due again at %s, %v", next, err)
	}
	if got := h.rows(20261122, 20261122); len(got) != 1 || got[0].SetlID != "A1" || got[0].Figures != sold.Figures {
		t.Errorf("rows %+v", got)
	}
	// A snapshot of after the booking has the money in it.
	s := h.next("S-2", noon.Add(time.Minute))
	s.Accounts = []settle.SnapshotAccount{h.patient.account(600)}
	h.apply(s)
	h.wantAvailable(h.patient, 600)
	h.wantVerified()
}

// TestProvedAbsent: a message that certainly was not booked leaves its report due again, and the second one books once.
func TestProvedAbsent(t *testing.T) {
	h := newHouse(t)
	sold := h.buy(h.patient, 400)
	report := h.due()
	lost := h.book(report, "", "", time.Time{}, settle.DispatchUnknown)
	h.finish(settle.DispatchResult{
		MsgID: lost, State: settle.DispatchUnsent, At: noon, Report: report.ID, ReportState: settle.ReportPending, NextAt: noon, Fault: "对账证明中心没有入账",
	})
	if list, err := h.AttentionList(t.Context(), 10); err != nil || len(list) != 0 {
		t.Errorf("attention %+v, %v", list, err)
	}
	if again := h.due(); again.ID != report.ID || again.State != settle.ReportPending {
		t.Fatalf("due %+v", again)
	}
	h.wantVerified()
	s := h.next("S-2", noon.Add(time.Second)) // the centre does not have the sale
	s.Accounts = []settle.SnapshotAccount{h.patient.account(1000)}
	h.apply(s)
	h.wantAvailable(h.patient, 600)
	h.book(h.due(), "A1", "430100", noon.Add(time.Minute), settle.DispatchAccepted)
	got := h.rows(20261122, 20261122)
	if len(got) != 1 || got[0].SetlID != "A1" || got[0].MsgID == lost {
		t.Errorf("rows %+v", got)
	}
	if s, err := h.Settlement(t.Context(), sold.ID); err != nil || s.Report != settle.ReportAccepted {
		t.Errorf("report %s, %v", s.Report, err)
	}
	s = h.next("S-3", noon.Add(2*time.Minute))
	s.Accounts = []settle.SnapshotAccount{h.patient.account(600)}
	h.apply(s)
	h.wantAvailable(h.patient, 600)
	h.wantVerified()
}

// TestProvedCancellation: an open 2103 that the centre has after all gives the money back once.
func TestProvedCancellation(t *testing.T) {
	h := newHouse(t)
	sold := h.buy(h.patient, 400)
	h.book(h.due(), "A1", "430100", noon, settle.DispatchAccepted)
	h.giveBack(giveBack("R1", sold.ID))
	report := h.due()
	msgid := h.send(report.ID, "2103")
	h.finish(settle.DispatchResult{MsgID: msgid, State: settle.DispatchUnknown, At: noon, Report: report.ID, ReportState: settle.ReportUnknown, NextAt: noon})
	h.finish(settle.DispatchResult{
		MsgID: msgid, State: settle.DispatchAccepted, At: noon, Report: report.ID, ReportState: settle.ReportAccepted, Done: true, NextAt: noon, Unbooked: true,
		Booking: &settle.Booking{SetlID: "A2", MdtrtID: "M-A1", MsgID: msgid, CentreTime: noon.Add(time.Second), Figures: settle.Figures{Total: -400, Own: -400}},
	})
	got := h.rows(20261122, 20261122)
	if len(got) != 2 || got[1].SetlID != "A2" || got[1].Figures.Own != -400 || !got[1].Refund {
		t.Errorf("rows %+v", got)
	}
	s := h.next("S-2", noon.Add(time.Minute))
	s.Accounts = []settle.SnapshotAccount{h.patient.account(1000)}
	h.apply(s)
	h.wantAvailable(h.patient, 1000)
	h.wantVerified()
}

// TestCancellationThatWasUndoneUnheard: the first 2103 arrived and so did the 2601 that undid it, both unheard, with a snapshot between
// them that has the money back. The day's items rightly prove that no 2103 stands; what the second one brings back is not more money.
func TestCancellationThatWasUndoneUnheard(t *testing.T) {
	h := newHouse(t)
	sold := h.buy(h.patient, 400)
	h.book(h.due(), "A1", "430100", noon, settle.DispatchAccepted)
	h.giveBack(giveBack("R1", sold.ID))
	report := h.due()
	lost := h.send(report.ID, "2103")
	unknown := settle.DispatchResult{MsgID: lost, State: settle.DispatchUnknown, At: noon, Report: report.ID, ReportState: settle.ReportUnknown, NextAt: noon}
	h.finish(unknown)
	s := h.next("S-2", noon.Add(time.Minute))
	s.Accounts = []settle.SnapshotAccount{h.patient.account(1000)}
	h.apply(s)
	unknown.MsgID = h.sendAbout(report.ID, "2601", lost)
	h.finish(unknown)
	h.finish(settle.DispatchResult{
		MsgID: lost, State: settle.DispatchUnsent, At: noon, Report: report.ID, ReportState: settle.ReportPending, NextAt: noon, Fault: "对账证明中心没有入账",
	})
	h.cancel(h.due(), "A3", noon.Add(2*time.Minute), true)
	h.wantAvailable(h.patient, 1000)
	h.wantVerified()
}

// TestRecordReconciliation: each difference is one item of the work list for as long as it is there.
func TestRecordReconciliation(t *testing.T) {
	h := newHouse(t)
	sold := h.buy(h.patient, 400)
	day := settle.Date(20261122)
	only := settle.ReconcileDifference{Kind: settle.CentreOnly, SetlID: "C1", MsgID: "m1", Centre: settle.SideAmounts{Total: 700}, Advice: "核实"}
	venue := settle.ReconcileDifference{Kind: settle.VenueOnly, SetlID: "A1", Settlement: sold.ID, Ours: settle.SideAmounts{Total: 400, Account: 400}}
	other := settle.ReconcileDifference{Kind: settle.Different, SetlID: "A2", Settlement: sold.ID}
	sure := settle.ReconcileDifference{Kind: settle.CentreOnly, SetlID: "C2", Sure: true}
	record := func(differences ...settle.ReconcileDifference) {
		t.Helper()
		h.clock.add(time.Minute)
		err := h.RecordReconciliation(t.Context(), settle.Reconciliation{Day: day, At: h.clock.now(), Balanced: len(differences) == 0, Differences: differences})
		if err != nil {
			t.Fatal(err)
		}
	}
	open := func() (list []string) {
		t.Helper()
		items, err := h.AttentionList(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range items {
			list = append(list, string(item.Kind)+" "+item.Settlement)
		}
		return list
	}
	gauge := func(want float64) {
		t.Helper()
		if got := testutil.ToFloat64(&differing{ledger: h.Ledger}); got != want {
			t.Errorf("gauge %v, want %v", got, want)
		}
	}
	days := func(want ...settle.Date) {
		t.Helper()
		if got, err := h.OpenDays(t.Context(), 20261101, 20261123); err != nil || !slices.Equal(got, want) {
			t.Errorf("open days %v, %v", got, err)
		}
	}
	days(20261122, 20261123)
	gauge(0)
	record(only, venue, other, sure, only)
	if got := open(); !slices.Equal(got, []string{"one_sided ", "one_sided " + sold.ID, "adjusted " + sold.ID}) {
		t.Errorf("open %v", got)
	}
	gauge(4)
	days(20261122, 20261123)
	h.accept(h.due(), noon) // what becomes of a report does not decide a difference
	record(only, venue)
	if got := open(); !slices.Equal(got, []string{"one_sided ", "one_sided " + sold.ID}) {
		t.Errorf("open %v", got)
	}
	items, err := h.AttentionList(t.Context(), 10)
	if err != nil || !strings.Contains(items[0].Detail, `"total":"7.00"`) {
		t.Fatalf("detail %+v, %v", items, err)
	}
	if err := h.CloseAttention(t.Context(), items[0].ID, "1001", "已撤销"); err != nil {
		t.Fatal(err)
	}
	record(only, venue) // decided: it does not come back
	if got := open(); !slices.Equal(got, []string{"one_sided " + sold.ID}) {
		t.Errorf("open %v", got)
	}
	gauge(1)
	h.reopen()
	if r, err := h.Reconciliation(t.Context(), day); err != nil || len(r.Differences) != 2 || r.Differences[0] != only || r.Balanced {
		t.Errorf("kept %+v, %v", r, err)
	}
	record()
	if got := open(); len(got) != 0 {
		t.Errorf("open %v", got)
	}
	gauge(0)
	days(20261123)
	_, err = h.Reconciliation(t.Context(), 20261123)
	wantCode(t, err, settle.NotFound)
	h.wantVerified()
}

func TestNoDaysBeforeTheFirstSettlement(t *testing.T) {
	h := newHouse(t)
	if days, err := h.OpenDays(t.Context(), 20261101, 20261123); err != nil || len(days) != 0 {
		t.Errorf("%v, %v", days, err)
	}
}

// TestReconciliationScansNoTable: a year's journal must not be read for a day's rows.
func TestReconciliationScansNoTable(t *testing.T) {
	h := newHouse(t)
	sold := h.buy(h.patient, 400)
	h.book(h.due(), "A1", "430100", noon, settle.DispatchAccepted)
	h.giveBack(giveBack("R1", sold.ID))
	h.cancel(h.due(), "A2", noon, true)
	h.reopen() // the statements of everything else are forgotten
	h.rows(20261122, 20261122)
	if _, err := h.UnknownDispatches(t.Context(), 20261122, 20261122); err != nil {
		t.Fatal(err)
	}
	if _, err := h.ClearingOffices(t.Context(), "430100"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.OpenDays(t.Context(), 20261101, 20261122); err != nil {
		t.Fatal(err)
	}
	difference := settle.ReconcileDifference{Kind: settle.CentreOnly, SetlID: "C1"}
	for _, list := range [][]settle.ReconcileDifference{{difference}, nil} {
		if err := h.RecordReconciliation(t.Context(), settle.Reconciliation{Day: 20261122, At: noon, Differences: list}); err != nil {
			t.Fatal(err)
		}
	}
	explained := 0
	for _, known := range []map[string]int{h.queries(), h.writer.conn.Texts()} {
		for query, inputs := range known {
			if !slices.ContainsFunc([]string{"dispatch d", "clearing", "reconciliation", "difference", "MIN(day)"}, func(name string) bool { return strings.Contains(query, name) }) {
				continue
			}
			explained++
			err := h.read(t.Context(), func(tx *tx) error {
				return tx.each("EXPLAIN QUERY PLAN "+query, make([]any, inputs), func(scan func(dest ...any) error) error {
					var id, parent, unused int
					var detail string
					if err := scan(&id, &parent, &unused, &detail); err != nil {
						return err
					}
					if strings.HasPrefix(detail, "SCAN") && !strings.Contains(detail, "CONSTANT ROW") || strings.Contains(detail, "TEMP B-TREE") && !strings.Contains(query, "LIMIT 1") {
						t.Errorf("%s:\n%s", detail, query)
					}
					return nil
				})
			})
			if err != nil {
				t.Fatalf("%v:\n%s", err, query)
			}
		}
	}
	if explained < 8 {
		t.Errorf("explained %d statements only", explained)
	}
}

// queries are the texts that were prepared for reading, with the number of their arguments.
func (h *house) queries() map[string]int {
	known := map[string]int{}
	for range readers {
		c, err := h.reads.Take(h.t.Context())
		if err != nil {
			h.t.Fatal(err)
		}
		maps.Copy(known, c.Texts())
		defer h.reads.Give(c)
	}
	return known
}
