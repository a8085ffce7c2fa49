package ledger

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"gongji/settle"
)

func TestReportsAreWorkedOffInOrderOfEachPerson(t *testing.T) {
	h := newHouse(t)
	first := h.buy(h.patient, 100)
	other := h.buy(h.stranger, 100)
	h.giveBack(giveBack("R1", first.ID))
	list := func() (kinds []string) {
		t.Helper()
		reports, err := h.DueReports(t.Context(), h.clock.now(), 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range reports {
			kinds = append(kinds, string(r.Kind)+" "+r.Settlement)
		}
		return kinds
	}
	if got := list(); !slices.Equal(got, []string{"settle " + first.ID, "settle " + other.ID}) {
		t.Errorf("due %v", got)
	}
	report := h.due()
	later := h.clock.now().Add(time.Minute)
	if err := h.PostponeReport(t.Context(), report.ID, later, settle.ReportPending, "line cut", false); err != nil {
		t.Fatal(err)
	}
	if got := list(); !slices.Equal(got, []string{"settle " + other.ID}) {
		t.Errorf("due %v: the reversal overtook its settlement", got)
	}
	h.accept(h.due(), noon)
	if next, err := h.NextDue(t.Context()); err != nil || !next.Equal(later) {
		t.Errorf("next due %s, %v", next, err)
	}
	h.clock.add(time.Minute)
	h.accept(h.due(), noon)
	reversal := h.due()
	if reversal.Kind != settle.ReportReverse || reversal.Return != "R1" {
		t.Errorf("report %+v", reversal)
	}
	h.accept(reversal, noon)
	if next, err := h.NextDue(t.Context()); err != nil || !next.IsZero() {
		t.Errorf("next due %s, %v", next, err)
	}
	wantCode(t, h.PostponeReport(t.Context(), 999, later, settle.ReportPending, "", false), settle.NotFound)
	h.wantVerified()
}

func TestDossier(t *testing.T) {
	h := newHouse(t)
	sold := h.settle(h.order(h.patient, units("1", "2", 500, 0, 1000), units("2", "1", 300, 0, 300)))
	d, err := h.Dossier(t.Context(), h.due().ID)
	if err != nil {
		t.Fatal(err)
	}
	if d.Identity.PsnNo != h.patient.psnNo || d.Identity.IDNumber != h.patient.certno || d.Identity.Name != h.patient.name ||
		d.Card.Number != h.patient.card || d.Card.Identifier != h.patient.identifier() || d.Credential != settle.CredentialCard {
		t.Error("the dossier does not hold the identity and card that were sealed")
	}
	if d.Figures != sold.Figures || len(d.Sale.Lines) != 2 || d.Booked != nil || len(d.Journal) != 0 || d.ReceiptNo != sold.ReceiptNo {
		t.Errorf("dossier %+v", d.Figures)
	}
	msgid := h.send(d.Report.ID, "2102")
	if body, err := h.DispatchBody(t.Context(), msgid); err != nil || !strings.Contains(string(body), h.patient.psnNo) {
		t.Errorf("body: %v", err)
	}
	h.finish(settle.DispatchResult{
		MsgID: msgid, State: settle.DispatchUnsent, Report: d.Report.ID, ReportState: settle.ReportPending, Fault: "connection refused",
		NextAt: noon.Add(time.Second), Attempt: true,
	})
	d, err = h.Dossier(t.Context(), d.Report.ID)
	if err != nil || d.Report.Attempts != 1 || d.Report.Fault != "connection refused" || len(d.Journal) != 1 || d.Journal[0].State != settle.DispatchUnsent {
		t.Errorf("after an attempt: %+v, %v", d.Report, err)
	}
	h.clock.add(time.Second)
	h.accept(h.due(), noon)
	h.giveBack(giveBack("R1", sold.ID, settle.ReturnLine{ID: "1", Quantity: "1"}))
	d, err = h.Dossier(t.Context(), h.due().ID)
	if err != nil || d.Booked == nil || !strings.HasPrefix(d.Booked.SetlID, "SETL") {
		t.Fatalf("booked %+v, %v", d.Booked, err)
	}
	if len(d.Sale.Lines) != 2 || d.Sale.Lines[0].Quantity != "1" || d.Figures.Total != 800 || d.Report.Return != "R1" {
		t.Errorf("kept %+v of %+v", d.Figures, d.Sale.Lines)
	}
	h.accept(h.due(), noon)
	s, err := h.Settlement(t.Context(), sold.ID)
	if err != nil || s.Report != settle.ReportAccepted || s.State() != "partly_refunded" {
		t.Errorf("state %s, %s, %v", s.State(), s.Report, err)
	}
	_, err = h.Dossier(t.Context(), 99)
	wantCode(t, err, settle.NotFound)
	h.wantVerified()
}

func TestRefundIsContainedLegByLeg(t *testing.T) {
	h := newHouse(t)
	sold := h.settle(h.order(h.patient, line("1", 600), line("2", 300)))
	at := func(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }
	h.accept(h.due(), at(1))
	h.giveBack(giveBack("R1", sold.ID, settle.ReturnLine{ID: "2", Quantity: "1"}))
	h.wantAvailable(h.patient, 400)
	snapshot := func(id string, second int, balance settle.Fen) {
		t.Helper()
		s := h.next(id, at(second))
		account := h.patient.account(balance)
		account.ContainsThrough = map[string]time.Time{venueCode: at(second)}
		s.Accounts = []settle.SnapshotAccount{account}
		h.apply(s)
	}
	report := h.due()
	h.finish(settle.DispatchResult{
		MsgID: h.send(report.ID, "2103"), State: settle.DispatchAccepted, Booking: &settle.Booking{CentreTime: at(10)}, Unbooked: true,
		Report: report.ID, ReportState: settle.ReportPending,
	})
	snapshot("S-2", 5, 100) // before the cancellation
	h.wantAvailable(h.patient, 400)
	snapshot("S-3", 15, 1000) // between cancellation and new booking
	h.wantAvailable(h.patient, 400)
	d, err := h.Dossier(t.Context(), report.ID)
	if err != nil || d.Booked != nil {
		t.Fatalf("after the cancellation %+v is booked, %v", d.Booked, err)
	}
	h.finish(settle.DispatchResult{
		MsgID: h.send(report.ID, "2102"), State: settle.DispatchAccepted, Booking: &settle.Booking{SetlID: "2", CentreTime: at(20), Figures: d.Figures},
		Report: report.ID, ReportState: settle.ReportAccepted, Done: true,
	})
	h.wantAvailable(h.patient, 400)
	snapshot("S-4", 25, 400)
	h.wantAvailable(h.patient, 400)
	h.wantVerified()
}

func TestRecoverDispatches(t *testing.T) {
	h := newHouse(t)
	sold := h.buy(h.patient, 100)
	report := h.due()
	msgid := h.send(report.ID, "2102")
	h.reopen()
	if n, err := h.RecoverDispatches(t.Context()); err != nil || n != 1 {
		t.Fatalf("recovered %d, %v", n, err)
	}
	if n, err := h.RecoverDispatches(t.Context()); err != nil || n != 0 {
		t.Errorf("recovered again %d, %v", n, err)
	}
	if s, err := h.Settlement(t.Context(), sold.ID); err != nil || s.Report != settle.ReportUnknown || s.State() != "unknown" {
		t.Errorf("state %s, %v", s.State(), err)
	}
	totals, err := h.OutboxTotals(t.Context())
	if err != nil || totals.Unsent != 1 || totals.Unknown != 1 || totals.UnsentAmount != 100 || !totals.OldestUnsent.Equal(noon) {
		t.Errorf("totals %+v, %v", totals, err)
	}
	list, err := h.AttentionList(t.Context(), 10)
	if err != nil || len(list) != 1 || list[0].Kind != AttentionUnknown || list[0].Settlement != sold.ID {
		t.Errorf("attention %+v, %v", list, err)
	}
	// The query finds it booked; the time of the booking is known to the second.
	booked := noon.Add(time.Second)
	h.finish(settle.DispatchResult{
		MsgID: msgid, State: settle.DispatchAccepted, Report: report.ID, ReportState: settle.ReportAccepted, Done: true,
		Booking: &settle.Booking{SetlID: "S1", MsgID: msgid, CentreTime: booked},
	})
	if list, err = h.AttentionList(t.Context(), 10); err != nil || len(list) != 0 {
		t.Errorf("attention %+v, %v", list, err)
	}
	h.wantVerified()
}

func TestUndoneBookingIsOpenAgain(t *testing.T) {
	h := newHouse(t)
	h.buy(h.patient, 400)
	report := h.due()
	booked := h.send(report.ID, "2102")
	h.finish(settle.DispatchResult{
		MsgID: booked, State: settle.DispatchAccepted, Report: report.ID, ReportState: settle.ReportPending,
		Booking: &settle.Booking{SetlID: "S1", MsgID: booked, CentreTime: noon},
	})
	h.finish(settle.DispatchResult{
		MsgID: h.send(report.ID, "2601"), State: settle.DispatchAccepted, Report: report.ID, ReportState: settle.ReportPending, Undone: booked,
	})
	d, err := h.Dossier(t.Context(), report.ID)
	if err != nil || d.Booked != nil || d.Journal[0].State != settle.DispatchReversed {
		t.Fatalf("dossier %+v, %v", d.Journal, err)
	}
	s := h.next("S-2", noon.Add(time.Minute))
	s.Accounts = []settle.SnapshotAccount{h.patient.account(1000)} // undone at the centre, still sold here
	h.apply(s)
	h.wantAvailable(h.patient, 600)
	h.wantVerified()
}

func TestCentreIsRightAndRefusalsAreHeld(t *testing.T) {
	h := newHouse(t)
	adjusted, refused := h.buy(h.patient, 500), h.buy(h.stranger, 700)
	report := h.due()
	h.finish(settle.DispatchResult{
		MsgID: h.send(report.ID, "2102"), State: settle.DispatchAccepted, Report: report.ID, ReportState: settle.ReportAccepted, Done: true,
		Booking: &settle.Booking{SetlID: "S1", CentreTime: noon, Figures: settle.Figures{Total: 500, Fund: 100, Own: 400}},
	})
	report = h.due()
	h.finish(settle.DispatchResult{
		MsgID: h.send(report.ID, "2102"), State: settle.DispatchRefused, Report: report.ID, ReportState: settle.ReportRefused, Done: true, Fault: "参保状态异常",
	})
	for _, want := range []struct {
		id    string
		state settle.ReportState
	}{{adjusted.ID, settle.ReportAdjusted}, {refused.ID, settle.ReportRefused}} {
		if s, err := h.Settlement(t.Context(), want.id); err != nil || s.Report != want.state {
			t.Errorf("report %s, want %s, %v", s.Report, want.state, err)
		}
	}
	list, err := h.AttentionList(t.Context(), 10)
	if err != nil || len(list) != 2 || list[0].Kind != AttentionAdjusted || !strings.Contains(list[0].Detail, `"fund":"1.00"`) || list[1].Detail != "参保状态异常" {
		t.Fatalf("attention %+v, %v", list, err)
	}
	if totals, err := h.OutboxTotals(t.Context()); err != nil || totals.Unsent != 0 || totals.Refused != 1 {
		t.Errorf("totals %+v, %v", totals, err)
	}
	if err := h.CloseAttention(t.Context(), list[0].ID, "1001", "已核对"); err != nil {
		t.Fatal(err)
	}
	wantCode(t, h.CloseAttention(t.Context(), list[0].ID, "1001", ""), settle.NotFound)
	h.wantVerified()
}

func TestMessageSerialsAreNeverRepeated(t *testing.T) {
	h := openHouse(t)
	last := uint64(0)
	for range 3 {
		for range serialBlock + 3 {
			n, err := h.NextMessageSerial(t.Context())
			if err != nil || n <= last {
				t.Fatalf("serial %d after %d, %v", n, last, err)
			}
			last = n
		}
		h.reopen()
	}
}

func TestOfflineLimits(t *testing.T) {
	h := newHouse(t)
	offline := func(who human, total settle.Fen) (settle.Settlement, error) {
		order := h.order(who, line("1", total))
		order.Offline = true
		s, _, err := h.Settle(t.Context(), order)
		return s, err
	}
	limit := func(err error, key string) {
		t.Helper()
		if e := wantCode(t, err, settle.OfflineLimit); e.Members["limit"] != key {
			t.Errorf("members %v, want %s", e.Members, key)
		}
	}
	h.buy(h.patient, 300) // online, on its way: does not count yet
	h.Ledger.options.Offline.MaxSale = settle.CapOf(2000)
	h.Ledger.options.Offline.MaxPersonTotal = settle.CapOf(2500)
	h.Ledger.options.Offline.MaxTotal = settle.CapOf(3000)
	h.Ledger.options.Offline.MaxCount = 3
	_, err := offline(h.patient, 2001)
	limit(err, "offline.max_sale")
	s, err := offline(h.patient, 2000)
	if err != nil || s.AtRisk != 2000 || !s.Offline {
		t.Fatalf("offline: %+v, %v", s, err)
	}
	_, err = offline(h.patient, 501)
	limit(err, "offline.max_person_total")
	_, err = offline(h.stranger, 1001)
	limit(err, "offline.max_total")
	if _, err = offline(h.stranger, 200); err != nil {
		t.Fatal(err)
	}
	h.clock.add(31 * time.Second) // the online report is late now and counts
	_, err = offline(h.patient, 500)
	limit(err, "offline.max_person_total")
	_, err = offline(h.stranger, 10)
	limit(err, "offline.max_count")
	h.accept(h.due(), h.clock.now())
	if _, err = offline(h.stranger, 10); err != nil {
		t.Errorf("an accepted report still counts: %v", err)
	}

	unknown := h.order(h.patient, line("1", 1))
	unknown.Offline, unknown.Presence.CardHash = true, h.Index(KindCard, "new|card")
	_, _, err = h.Settle(t.Context(), unknown)
	wantCode(t, err, settle.PersonUnknown)
	ended := h.next("S-2", h.clock.now())
	ended.People = []settle.SnapshotPerson{h.stranger.snapshot()}
	ended.People[0].Status, ended.People[0].Cards[0].Status = settle.StatusPaused, settle.CardLost
	h.apply(ended)
	_, err = offline(h.stranger, 1)
	wantCode(t, err, settle.RuleRefused, settle.EPatientStatus)

	h.clock.add(25 * time.Hour)
	_, err = offline(h.patient, 1)
	if e := wantCode(t, err, settle.LedgerStale); e.Members["limit"] != "offline.max_age" {
		t.Errorf("members %v", e.Members)
	}
	h.clock.add(-25 * time.Hour)
	_, err = offline(h.patient, 1)
	wantCode(t, err, settle.LedgerStale)
	h.reopen()
	_, err = offline(h.patient, 1)
	wantCode(t, err, settle.LedgerStale)
	h.ObserveCentreTime(h.clock.now())
	if _, err = offline(h.patient, 1); err != nil {
		t.Errorf("after the centre's time: %v", err)
	}
	h.rules.Offline.Shared = false
	s, err = offline(h.patient, 100)
	if err != nil || s.Figures.Shared != 0 || s.Figures.Cash != 100 {
		t.Errorf("own account only: %+v, %v", s.Figures, err)
	}
	own := h.next("S-3", h.clock.now())
	own.Accounts = []settle.SnapshotAccount{h.patient.account(9000)}
	h.apply(own)
	h.rules.Offline.Allowed = false
	_, err = offline(h.patient, 100)
	wantCode(t, err, settle.RuleRefused, settle.EOfflineRegion)
	h.wantVerified()
}

func TestAllowancesAreSpentFirst(t *testing.T) {
	h := openHouse(t)
	s := h.family()
	s.Accounts[0].Allowance, s.Accounts[0].AllowanceUntil = 600, noon.Add(time.Hour)
	s.Accounts[1].Allowance, s.Accounts[1].AllowanceUntil = 5000, noon.Add(-time.Second) // over
	h.apply(s)
	sell := func(total settle.Fen) settle.Settlement {
		order := h.order(h.patient, line("1", total))
		order.Offline = true
		return h.settle(order)
	}
	if s := sell(400); s.AtRisk != 0 {
		t.Errorf("within the allowance %s are at risk", s.AtRisk)
	}
	second := sell(700)
	if second.AtRisk != 500 {
		t.Errorf("2.00 of the own allowance are left, and %s are at risk", second.AtRisk)
	}
	h.accept(h.due(), noon)
	h.accept(h.due(), noon)
	if s, err := h.Settlement(t.Context(), second.ID); err != nil || s.AtRisk != 0 {
		t.Errorf("once booked %s are at risk, %v", s.AtRisk, err)
	}
}

// TestDueDossiers: everything due is read at once, in order, except what is under way; and a message that was built from what
// has changed since does not begin.
func TestDueDossiers(t *testing.T) {
	h := newHouse(t)
	h.buy(h.patient, 400)
	h.buy(h.patient, 300) // waits for the first
	h.buy(h.stranger, 200)
	list, err := h.DueDossiers(t.Context(), h.clock.now(), 10, nil)
	if err != nil || len(list) != 2 || list[0].Dossier == nil || list[1].Dossier == nil {
		t.Fatalf("%+v, %v", list, err)
	}
	for i := range list {
		d, err := h.Dossier(t.Context(), list[i].Report)
		if err != nil || !reflect.DeepEqual(d, *list[i].Dossier) || d.Report.Person != list[i].Person {
			t.Errorf("dossier %d is %+v, alone %+v, %v", i, *list[i].Dossier, d, err)
		}
	}
	rest, err := h.DueDossiers(t.Context(), h.clock.now(), 1, []int64{list[0].Report})
	if err != nil || len(rest) != 1 || rest[0].Report != list[1].Report {
		t.Errorf("without the first: %+v, %v", rest, err)
	}
	begin := func(msgid string, turn int) error {
		return h.BeginDispatch(t.Context(), settle.Dispatch{
			MsgID: msgid, Report: list[0].Report, Infno: "2102", Body: []byte("{}"), SentAt: h.clock.now(), Turn: &turn,
		})
	}
	if err := begin("M1", 0); err != nil {
		t.Fatal(err)
	}
	if err := begin("M2", 0); !errors.Is(err, settle.ErrMoved) {
		t.Errorf("a second message from the same dossier: %v", err)
	}
	if err := h.PostponeReport(t.Context(), list[0].Report, h.clock.now(), settle.ReportAccepted, "", true); err != nil {
		t.Fatal(err)
	}
	if err := begin("M3", 1); !errors.Is(err, settle.ErrMoved) {
		t.Errorf("a message of a report that has ended: %v", err)
	}
}
