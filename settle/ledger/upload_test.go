package ledger

import (
	"slices"
	"strings"
	"testing"
	"time"

	"gongji/settle"
)

// traced is a line of so many packs, each with its code.
func traced(id string, price settle.Fen, codes ...string) settle.Line {
	l := line(id, price*settle.Fen(len(codes)))
	l.Name, l.Batch, l.TraceCodes = "阿莫西林胶囊", "B7", codes
	l.Quantity, l.UnitPrice = unitsText(int64(len(codes))*10000), price.String()
	return l
}

func (h *house) uploads() []settle.Upload {
	h.t.Helper()
	list, err := h.DueUploads(h.t.Context(), h.clock.now(), 10)
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

func (h *house) uploadDossier(id int64) settle.UploadDossier {
	h.t.Helper()
	d, err := h.UploadDossier(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	return d
}

func (h *house) finishUpload(r settle.UploadResult) {
	h.t.Helper()
	if err := h.FinishUpload(h.t.Context(), r); err != nil {
		h.t.Fatal(err)
	}
}

// TestUploadsFollowAcceptance: a sale with trace codes is uploaded once it is accepted, a return after it, with what came
// back; nothing without codes, and nothing where uploads are off.
func TestUploadsFollowAcceptance(t *testing.T) {
	h := openHouse(t)
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	h.options.Goods = true
	h.open()
	h.apply(h.family())
	sold := h.settle(h.order(h.patient, traced("1", 100, "A1", "A2", "A3"), line("2", 50), traced("3", 200, "C1")))
	if list := h.uploads(); len(list) != 0 {
		t.Fatalf("before the acceptance: %+v", list)
	}
	report := h.due()
	h.accept(report, noon)
	list := h.uploads()
	if len(list) != 1 || list[0].Kind != settle.UploadSold || list[0].Settlement != sold.ID || !strings.HasPrefix(list[0].SetlID, "SETL") {
		t.Fatalf("after the acceptance: %+v", list)
	}
	d := h.uploadDossier(list[0].ID)
	if len(d.Rows) != 2 || d.Rows[0].Line != "1" || d.Rows[1].Line != "3" || d.ReceiptNo != sold.ReceiptNo || d.Identity.PsnNo != h.patient.psnNo {
		t.Errorf("%+v", d)
	}
	h.giveBack(giveBack("R-1", sold.ID, settle.ReturnLine{ID: "1", Quantity: "2", TraceCodes: []string{"A1", "A3"}}))
	h.accept(h.due(), noon)
	if again := h.uploads(); len(again) != 1 || again[0].ID != list[0].ID {
		t.Fatalf("the return does not wait for the sale: %+v", again)
	}
	h.finishUpload(settle.UploadResult{Upload: list[0].ID, At: noon, UploadState: settle.ReportAccepted, Done: true, Rows: []settle.UploadRow{
		{N: 0, State: settle.ReportAccepted}, {N: 1, State: settle.ReportAccepted},
	}})
	back := h.uploads()
	if len(back) != 1 || back[0].Kind != settle.UploadReturned || back[0].SetlID != list[0].SetlID {
		t.Fatalf("the return: %+v", back)
	}
	d = h.uploadDossier(back[0].ID)
	if len(d.Sale.Lines) != 1 || !slices.Equal(d.Sale.Lines[0].TraceCodes, []string{"A1", "A3"}) || d.Sale.Lines[0].Quantity != "2" {
		t.Errorf("what came back: %+v", d.Sale.Lines)
	}
	h.finishUpload(settle.UploadResult{Upload: back[0].ID, At: noon, UploadState: settle.ReportAccepted, Done: true})
	h.giveBack(giveBack("R-2", sold.ID))
	h.accept(h.due(), noon)
	if back = h.uploads(); len(back) != 1 {
		t.Fatalf("the reversal: %+v", back)
	}
	d = h.uploadDossier(back[0].ID)
	if len(d.Sale.Lines) != 2 || !slices.Equal(d.Sale.Lines[0].TraceCodes, []string{"A2"}) || d.Sale.Lines[0].Quantity != "1" {
		t.Errorf("the rest: %+v", d.Sale.Lines)
	}
	h.wantVerified()
	h.options.Goods = false
	h.reopen()
	h.settle(h.order(h.stranger, traced("1", 100, "Z1")))
	h.accept(h.due(), noon)
	if list := h.uploads(); len(list) != 1 {
		t.Errorf("with uploads off: %+v", list)
	}
}

// TestRefusedRowsAreNamed: a row that is refused for good is on the work list by line, name and the centre's words, and
// holds nobody's money.
func TestRefusedRowsAreNamed(t *testing.T) {
	h := openHouse(t)
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	h.options.Goods = true
	h.open()
	h.apply(h.family())
	h.settle(h.order(h.patient, traced("1", 100, "A1"), traced("2", 200, "C1")))
	h.accept(h.due(), noon)
	upload := h.uploads()[0]
	err := h.BeginUpload(t.Context(), settle.UploadMessage{MsgID: "M1", Upload: upload.ID, Infno: "3505", Rows: []int{0, 1}, Body: []byte("{}"), SentAt: noon})
	if err != nil {
		t.Fatal(err)
	}
	h.reopen()
	if _, err := h.RecoverDispatches(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := h.uploadDossier(upload.ID); !d.Unclear {
		t.Error("a message that was on its way has an outcome")
	}
	h.finishUpload(settle.UploadResult{
		MsgID: "M1", State: settle.DispatchAccepted, Upload: upload.ID, At: noon, UploadState: settle.ReportRefused, Done: true,
		Rows: []settle.UploadRow{{N: 0, State: settle.ReportAccepted}, {N: 1, State: settle.ReportRefused, Fault: "追溯码重复"}},
	})
	list, err := h.AttentionList(t.Context(), 10)
	if err != nil || len(list) != 1 || list[0].Kind != AttentionGoods || !strings.Contains(list[0].Detail, "第 2 行 阿莫西林胶囊：追溯码重复") ||
		strings.Contains(list[0].Detail, "第 1 行") {
		t.Fatalf("%+v, %v", list, err)
	}
	if err := h.CloseAttention(t.Context(), list[0].ID, "1001", "已更正"); err != nil {
		t.Fatal(err)
	}
	totals, err := h.OutboxTotals(t.Context())
	if err != nil || totals.Unsent != 0 {
		t.Errorf("%+v, %v", totals, err)
	}
}

// TestUndoneCancellationRestores: a cancellation that was accepted and then undone by a 2601 leaves the booking as it was,
// so that the next step cancels it again.
func TestUndoneCancellationRestores(t *testing.T) {
	h := newHouse(t)
	sold := h.buy(h.patient, 500)
	h.accept(h.due(), noon)
	h.giveBack(giveBack("R-1", sold.ID))
	report := h.due()
	before, err := h.Dossier(t.Context(), report.ID)
	if err != nil || before.Booked == nil {
		t.Fatalf("%+v, %v", before.Booked, err)
	}
	cancel := h.send(report.ID, "2103")
	undo := h.send(report.ID, "2601")
	h.finish(settle.DispatchResult{
		MsgID: cancel, State: settle.DispatchAccepted, Booking: &settle.Booking{CentreTime: noon}, Unbooked: true, At: noon, Report: report.ID,
		ReportState: settle.ReportPending, NextAt: noon,
	})
	if d, err := h.Dossier(t.Context(), report.ID); err != nil || d.Booked != nil {
		t.Fatalf("after the cancellation %+v, %v", d.Booked, err)
	}
	h.finish(settle.DispatchResult{
		MsgID: undo, State: settle.DispatchAccepted, Undone: cancel, At: noon, Report: report.ID, ReportState: settle.ReportPending, NextAt: noon,
	})
	after, err := h.Dossier(t.Context(), report.ID)
	if err != nil || after.Booked == nil || *after.Booked != *before.Booked {
		t.Fatalf("after the 2601 %+v, %v; it was %+v", after.Booked, err, before.Booked)
	}
	h.accept(report, noon.Add(time.Second))
	h.wantAvailable(h.patient, 1000)
	h.wantVerified()
}

// TestVisitInTheJournal: what a clinic's messages name is in the journal in the order of their turns whatever the clock
// does, and a message of a visit that is lost in a crash leaves no doubt about money.
func TestVisitInTheJournal(t *testing.T) {
	h := newHouse(t)
	h.buy(h.patient, 500)
	report := h.due()
	opened := h.send(report.ID, "2201")
	h.finish(settle.DispatchResult{
		MsgID: opened, State: settle.DispatchAccepted, Visit: "M77", At: noon, Report: report.ID, ReportState: settle.ReportPending, NextAt: noon,
	})
	h.clock.add(-time.Hour) // somebody sets the PC's clock
	begin := settle.Dispatch{MsgID: "LATER", Report: report.ID, Infno: "2204", Visit: "M77", Batch: "B1", Body: []byte("{}"), SentAt: h.clock.now()}
	if err := h.BeginDispatch(t.Context(), begin); err != nil {
		t.Fatal(err)
	}
	h.reopen()
	if n, err := h.RecoverDispatches(t.Context()); err != nil || n != 1 {
		t.Fatalf("%d, %v", n, err)
	}
	d, err := h.Dossier(t.Context(), report.ID)
	if err != nil || d.Report.State != settle.ReportPending || len(d.Journal) != 2 {
		t.Fatalf("%+v, %v", d, err)
	}
	if first, last := d.Journal[0], d.Journal[1]; first.Visit != "M77" || last.Batch != "B1" || last.Visit != "M77" || last.State != settle.DispatchUnknown {
		t.Errorf("%+v", d.Journal)
	}
}

// TestUndecidedRequestHoldsNobodyBack: a request that the centre has and has not decided stays open, to be asked about
// again; the giver's sales go past it, and a later refusal is learned.
func TestUndecidedRequestHoldsNobodyBack(t *testing.T) {
	h := newHouse(t)
	h.request(h.bindOrder("Q1", h.stranger, h.patient, settle.Sibling))
	request := h.due()
	h.buy(h.stranger, 500)
	if list, err := h.DueReports(t.Context(), h.clock.now(), 10); err != nil || len(list) != 1 || list[0].Kind != settle.ReportBinding {
		t.Fatalf("before the centre has it: %+v, %v", list, err)
	}
	ask := func(state settle.RequestState, done bool, report settle.ReportState) {
		h.finish(settle.DispatchResult{
			MsgID: h.send(request.ID, "G103"), State: settle.DispatchAccepted, Report: request.ID, ReportState: report, Done: done,
			RequestState: state, RequestAnswer: "不符合条件", At: h.clock.now(), NextAt: h.clock.now().Add(15 * time.Minute),
		})
	}
	ask(settle.RequestPending, false, settle.ReportPending)
	sale := h.due()
	if sale.Kind != settle.ReportSettle {
		t.Fatalf("due is a %s", sale.Kind)
	}
	h.accept(sale, noon)
	if totals, err := h.OutboxTotals(t.Context()); err != nil || totals.Unsent != 0 {
		t.Errorf("what the centre has counts as unsent: %+v, %v", totals, err)
	}
	if next, err := h.NextDue(t.Context()); err != nil || !next.Equal(noon.Add(15*time.Minute)) {
		t.Errorf("asked again at %v, %v", next, err)
	}
	h.clock.add(15 * time.Minute)
	if again := h.due(); again.ID != request.ID {
		t.Fatalf("due is %+v", again)
	}
	ask(settle.RequestRefused, true, settle.ReportAccepted)
	if view, err := h.Request(t.Context(), "Q1"); err != nil || view.State != settle.RequestRefused {
		t.Errorf("%+v, %v", view, err)
	}
}
