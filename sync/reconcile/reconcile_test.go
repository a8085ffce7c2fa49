package reconcile

import (
	"context"
	"errors"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gongji/settle"
	"gongji/sync/centre"
	"gongji/sync/nhsa"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func row(id string, insurance string, total settle.Fen) Row {
	r := Row{SetlID: id, PsnNo: "1", Insurance: insurance, ClrType: "41", Office: "430100", Figures: settle.Figures{Total: total, Fund: total / 2, Own: total - total/2}}
	r.Refund = total < 0
	return r
}

func TestTotals(t *testing.T) {
	rows := []Row{row("1", "310", 1000), row("2", "390", 600), row("3", "310", -400), row("4", "310", 50)}
	d := nhsa.DefaultDialect()
	got := Totals(rows, 20261121, 20261122, &d)
	if len(got) != 2 || got[0] != (nhsa.Totals{Insurance: "310", ClrType: "41", Office: "430100", Begin: 20261121, End: 20261122, Total: 650, Fund: 325, Account: 325, Count: 3}) || got[1].Total != 600 {
		t.Errorf("%+v", got)
	}
	d.ReconcileCount = nhsa.CountNet
	if got := Totals(rows, 20261121, 20261122, &d); got[0].Count != 1 {
		t.Errorf("net count %d", got[0].Count)
	}
}

func TestCompare(t *testing.T) {
	rows := []Row{row("1", "310", 1000), row("2", "310", 600), row("3", "310", 400), row("4", "310", 200), row("5", "310", 100)}
	result := func(id, code string, total settle.Fen) nhsa.ResultRow {
		return nhsa.ResultRow{SetlID: id, MsgID: "m" + id, Result: code, Total: total, Fund: total / 2, Account: total - total/2}
	}
	results := []nhsa.ResultRow{
		result("1", nhsa.ResultEqual, 1000), result("2", nhsa.ResultEqual, 601), result("3", nhsa.ResultVenueOnly, 0), result("4", "000199", 200),
		result("8", nhsa.ResultCentreOnly, 70), result("9", nhsa.ResultCentreOnly, 80), result("7", nhsa.ResultVenueOnly, 0),
	}
	d := nhsa.DefaultDialect()
	unknown := []Unknown{{Dispatch: settle.Dispatch{MsgID: "m9"}}}
	want := map[string]Kind{"2": Different, "3": VenueOnly, "4": Different, "8": CentreOnly, "9": CentreOnly}
	for _, difference := range Compare(rows, results, unknown, &d) {
		if want[difference.SetlID] != difference.Kind || difference.Advice == "" || difference.Sure != (difference.SetlID == "9") {
			t.Errorf("%+v", difference)
		}
		delete(want, difference.SetlID)
	}
	if len(want) > 0 {
		t.Errorf("not found: %v", want)
	}
	d.FundIncludesAccount = true
	if got := Compare(rows[:1], []nhsa.ResultRow{{SetlID: "1", Result: nhsa.ResultEqual, Total: 1000, Fund: 1000, Account: 500}}, nil, &d); len(got) != 0 {
		t.Errorf("in the Guangdong manner: %+v", got)
	}
}

// TestSearch: a row that names no msgid leaves everything open.
func TestSearch(t *testing.T) {
	known := nhsa.ResultRow{SetlID: "1", Result: nhsa.ResultEqual}
	nameless := nhsa.ResultRow{SetlID: "2", Result: nhsa.ResultCentreOnly}
	hit := nhsa.ResultRow{SetlID: "3", MsgID: "X", Result: nhsa.ResultCentreOnly}
	if found, sure := search([]nhsa.ResultRow{known}, "X"); found != nil || !sure {
		t.Error("nothing there")
	}
	if _, sure := search([]nhsa.ResultRow{known, nameless}, "X"); sure {
		t.Error("a row without a msgid could be it")
	}
	if found, _ := search([]nhsa.ResultRow{nameless, hit}, "X"); found == nil || found.SetlID != "3" {
		t.Error("not found")
	}
}

// book is a Store over what a test has sold.
type book struct {
	rows    []Row
	unknown []Unknown
	offices []string
	reports []settle.Reconciliation
	fail    error
}

func (b *book) BookedRows(context.Context, settle.Date, settle.Date) ([]Row, error) {
	return b.rows, b.fail
}
func (b *book) UnknownDispatches(context.Context, settle.Date, settle.Date) ([]Unknown, error) {
	return b.unknown, nil
}
func (b *book) ClearingOffices(context.Context, string) ([]string, error) { return b.offices, nil }
func (b *book) RecordReconciliation(_ context.Context, r settle.Reconciliation) error {
	b.reports = append(b.reports, r)
	return nil
}

type bench struct {
	*Runner
	t       *testing.T
	book    *book
	centre  *centre.Centre
	server  *httptest.Server
	client  *nhsa.Client
	signIns *nhsa.SignIns
	family  centre.Family
}

func newBench(t *testing.T, options centre.Options, dialect *nhsa.Dialect) *bench {
	t.Helper()
	now := time.Now()
	b := &bench{t: t, book: &book{offices: []string{"430100"}}, family: centre.DemoFamily(settle.DateOf(now))}
	var err error
	if b.centre, err = centre.New(options); err != nil {
		t.Fatal(err)
	}
	if err := b.centre.Seed(b.family.Snapshot(now)); err != nil {
		t.Fatal(err)
	}
	b.server = httptest.NewServer(b.centre.Handler())
	t.Cleanup(b.server.Close)
	var serial atomic.Uint64
	b.client, err = nhsa.NewClient(nhsa.Options{
		URL: b.server.URL, Venue: settle.Venue{Code: "P43010000001", Name: "示例大药房", Area: "430100"}, Timeout: 5 * time.Second, Dialect: dialect,
		Serials: func(context.Context) (uint64, error) { return serial.Add(1), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.client.Close)
	b.signIns = nhsa.NewSignIns(b.client)
	b.Runner, err = New(Options{Store: b.book, Client: b.client, SignIns: b.signIns, ProofAfter: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sell books a sale; noted says that our book has it.
func (b *bench) sell(total settle.Fen, noted bool) settle.Dispatch {
	b.t.Helper()
	m := b.family.Stranger
	d := settle.Dossier{
		Identity:   settle.Identity{PsnNo: m.PsnNo, IDNumber: m.IDNumber, Name: m.Name, Insurance: m.Insurance, Area: m.Area},
		Credential: settle.CredentialCard, Card: settle.CardNumbers{Number: m.CardNumber},
		Sale: settle.Sale{MedType: "41", UseAccounts: true, Lines: []settle.Line{
			{ID: "1", Code: "XA01", ShopCode: "69", Quantity: "1", UnitPrice: total.String(), Total: total}}},
		Figures: settle.Figures{Total: total, Own: total}, At: time.Now(),
	}
	number, _, err := b.signIns.Number(b.t.Context(), b.options.Operator)
	if err != nil {
		b.t.Fatal(err)
	}
	message, err := b.client.Prepare(b.t.Context(), nhsa.Call{Message: nhsa.PharmacySettle{Dossier: d}, Operator: b.options.Operator, SignNo: number, InsuredArea: m.Area})
	if err != nil {
		b.t.Fatal(err)
	}
	sent := settle.Dispatch{MsgID: message.MsgID, Infno: message.Infno, SentAt: time.Now().Add(-time.Minute), State: settle.DispatchUnknown}
	outcome := b.client.Send(b.t.Context(), message)
	if !noted {
		return sent
	}
	booking, err := nhsa.DecodeBooking(outcome.Answer, message.MsgID, &d)
	if err != nil {
		b.t.Fatal(err)
	}
	b.book.rows = append(b.book.rows, Row{
		SetlID: booking.SetlID, MdtrtID: booking.MdtrtID, PsnNo: m.PsnNo, MsgID: booking.MsgID, Insurance: m.Insurance, ClrType: "41",
		Office: booking.ClrOptins, Figures: booking.Figures, At: booking.CentreTime,
	})
	return sent
}

func (b *bench) day() Report {
	b.t.Helper()
	report, err := b.Day(b.t.Context(), settle.DateOf(time.Now()))
	if err != nil {
		b.t.Fatal(err)
	}
	return report
}

// TestDay: a day balances, a row on one side is found and classed, and a second run proves the repair.
func TestDay(t *testing.T) {
	includes := true
	for _, flag := range []bool{false, true} {
		dialect, err := nhsa.NewDialect("", nhsa.DialectOverrides{})
		if flag {
			dialect, err = nhsa.NewDialect("", nhsa.DialectOverrides{FundIncludesAccount: &includes, ReconcileSum: "cash_payamt", RefdSetlFlag: "upper"})
		}
		if err != nil {
			t.Fatal(err)
		}
		b := newBench(t, centre.Options{Manner: centre.Manner{FundIncludesAccount: flag}}, &dialect)
		b.sell(500, true)
		b.sell(700, true)
		if report := b.day(); !report.Balanced() || len(report.Groups) != 1 || report.Groups[0].Totals.Total != 1200 {
			t.Errorf("%+v", report)
		}
		lost := b.sell(900, false)
		b.book.unknown = []Unknown{{Dispatch: lost, Insurance: "310", Area: "430100"}}
		report := b.day()
		if report.Balanced() || len(report.Differences) != 1 || report.Differences[0].Kind != CentreOnly || report.Differences[0].MsgID != lost.MsgID || !report.Differences[0].Sure {
			t.Errorf("%+v", report)
		}
		kept := b.book.reports[len(b.book.reports)-1]
		if kept.Balanced || len(kept.Differences) != 1 || kept.Differences[0].Centre.Total != 900 || kept.Differences[0].Ours != (settle.SideAmounts{}) || len(kept.Groups) != 1 {
			t.Errorf("kept %+v", kept)
		}
		b.book.unknown = nil
		b.book.rows = append(b.book.rows, Row{SetlID: report.Differences[0].SetlID, PsnNo: b.family.Stranger.PsnNo, Insurance: "310", ClrType: "41", Office: "430100", Figures: settle.Figures{Total: 900, Own: 900}})
		b.book.rows = append(b.book.rows, Row{SetlID: "S0", PsnNo: "1", Insurance: "390", ClrType: "41", Office: "430100", Figures: settle.Figures{Total: 1, Cash: 1}})
		if report := b.day(); report.Balanced() || len(report.Differences) != 1 || report.Differences[0].Kind != VenueOnly {
			t.Errorf("%+v", report)
		}
		b.book.rows = b.book.rows[:3]
		if report := b.day(); !report.Balanced() || len(b.book.reports) != 4 {
			t.Errorf("after the repair: %+v", report)
		}
	}
}

// TestOnlyTheCentre: a row that only the centre has is found although it is alone in its group.
func TestOnlyTheCentre(t *testing.T) {
	b := newBench(t, centre.Options{}, nil)
	if report := b.day(); !report.Balanced() || len(report.Groups) != 0 {
		t.Errorf("an empty day: %+v", report)
	}
	lost := b.sell(900, false)
	report := b.day()
	if report.Balanced() || len(report.Differences) != 1 || report.Differences[0].MsgID != lost.MsgID || report.Differences[0].Sure {
		t.Errorf("%+v", report)
	}
	without := newBench(t, centre.Options{Without: []string{"3201"}}, nil)
	if report := without.day(); !report.Balanced() {
		t.Errorf("a centre that refuses empty groups: %+v", report)
	}
}

// TestSilence: a day without an answer is no day; nothing is recorded.
func TestSilence(t *testing.T) {
	faults, err := centre.PlanFaults([]string{"3201=502-after", "3202=half-answer", "9102=html-after", "9101=expire-signin"})
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, centre.Options{Faults: faults}, nil)
	b.sell(500, true)
	lost := b.sell(700, false)
	b.book.unknown = []Unknown{{Dispatch: lost, Insurance: "310", Area: "430100"}}
	for range 3 {
		if _, err := b.Day(t.Context(), settle.DateOf(time.Now())); settle.CodeOf(err) != settle.UpstreamSilent || len(b.book.reports) != 0 {
			t.Errorf("%v", err)
		}
	}
	if report := b.day(); len(report.Differences) != 1 || report.Unknown != 1 {
		t.Errorf("%+v", report)
	}
	b.book.fail = settle.NewError(settle.StoreBroken, errors.New("disk"))
	if _, err := b.Day(t.Context(), 20261122); settle.CodeOf(err) != settle.StoreBroken {
		t.Error(err)
	}
	if _, err := New(Options{}); settle.CodeOf(err) != settle.NotConfigured {
		t.Error(err)
	}
}

// TestProve: present with the centre's figures, absent only for certain and late enough.
func TestProve(t *testing.T) {
	b := newBench(t, centre.Options{}, nil)
	b.sell(500, true)
	lost := b.sell(700, false)
	who := settle.Identity{PsnNo: b.family.Stranger.PsnNo, Area: "430100"}
	long := time.Now().Add(-time.Minute)
	proof, err := b.Prove(t.Context(), Question{Dispatch: lost, Identity: who, Refused: long})
	if err != nil || proof.Verdict != Present || proof.Booking.Figures != (settle.Figures{Total: 700, Own: 700}) || proof.Booking.MsgID != lost.MsgID || proof.File == "" {
		t.Errorf("%+v, %v", proof, err)
	}
	if proof, err := b.Prove(t.Context(), Question{Dispatch: lost, Identity: settle.Identity{PsnNo: "2", Area: "430100"}, Refused: long}); err == nil {
		t.Errorf("another person's row: %+v", proof)
	}
	if proof, err := b.Prove(t.Context(), Question{Dispatch: lost, Identity: who, Refused: long, UndoOpen: true, UndoRefused: time.Now().Add(time.Hour)}); err != nil || proof.Verdict != Open {
		t.Errorf("while a 2601 may still arrive: %+v, %v", proof, err)
	}
	never := lost
	never.MsgID = "P43010000001202601010000009999"
	if proof, err := b.Prove(t.Context(), Question{Dispatch: never, Identity: who, Refused: long}); err != nil || proof.Verdict != Absent {
		t.Errorf("%+v, %v", proof, err)
	}
	if proof, err := b.Prove(t.Context(), Question{Dispatch: never, Identity: who, Refused: time.Now().Add(time.Hour)}); err != nil || proof.Verdict != Open {
		t.Errorf("too early: %+v, %v", proof, err)
	}
	b.book.offices = nil
	if proof, err := b.Prove(t.Context(), Question{Dispatch: never, Identity: who, Refused: long}); err != nil || proof.Verdict != Open {
		t.Errorf("no office is known: %+v, %v", proof, err)
	}
}

// TestProveByTheCentresClock: the PC's clock, two days ahead or behind, neither proves absence early nor has the wrong days
// searched.
func TestProveByTheCentresClock(t *testing.T) {
	for _, wrong := range []time.Duration{-50 * time.Hour, 50 * time.Hour} {
		b := newBench(t, centre.Options{}, nil)
		b.options.ProofAfter = 10 * time.Minute
		b.options.Clock = func() time.Time { return time.Now().Add(wrong) }
		lost := b.sell(700, false)
		lost.SentAt, lost.SentCentre = time.Now().Add(wrong), time.Now()
		who := settle.Identity{PsnNo: b.family.Stranger.PsnNo, Area: "430100"}
		never := lost
		never.MsgID, never.SentAt = "P43010000001202601010000009999", time.Now() // "sent" before a forward jump
		if proof, err := b.Prove(t.Context(), Question{Dispatch: never, Identity: who, Refused: time.Now()}); err != nil || proof.Verdict != Open {
			t.Errorf("%s: proved at once: %+v, %v", wrong, proof, err)
		}
		if proof, err := b.Prove(t.Context(), Question{Dispatch: lost, Identity: who, Refused: time.Now().Add(-11 * time.Minute)}); err != nil || proof.Verdict != Present {
			t.Errorf("%s: the wrong days were searched: %+v, %v", wrong, proof, err)
		}
		lost.SentCentre = time.Time{} // not known: a wide window
		if proof, err := b.Prove(t.Context(), Question{Dispatch: lost, Identity: who, Refused: time.Now().Add(-11 * time.Minute)}); err != nil || proof.Verdict != Present {
			t.Errorf("%s: the window is not wide enough: %+v, %v", wrong, proof, err)
		}
		if proof, err := b.Prove(t.Context(), Question{Dispatch: never, Identity: who}); err != nil || proof.Verdict != Open {
			t.Errorf("%s: proved without a time of the centre: %+v, %v", wrong, proof, err)
		}
		b.waits.first[never.MsgID] = b.waits.first[never.MsgID].Add(-11 * time.Minute)
		if proof, err := b.Prove(t.Context(), Question{Dispatch: never, Identity: who}); err != nil || proof.Verdict != Absent {
			t.Errorf("%s: not proved after the wait: %+v, %v", wrong, proof, err)
		}
	}
}
