package centre_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"gongji/settle"
	. "gongji/sync/centre"
	"gongji/sync/nhsa"
)

// named is a sale of which the till names the accounts.
func named(m Member, figures settle.Figures, pays ...settle.PersonPay) settle.Dossier {
	d := sale(m, figures)
	d.Pays = pays
	return d
}

// TestNamedAccounts: the accounts that the till names pay, not those that come first, and nobody stands in for them.
func TestNamedAccounts(t *testing.T) { onBoth(t, testNamedAccounts) }

func testNamedAccounts(t *testing.T) {
	x, f := demo(t, Options{})
	split := nhsa.Extensions{ExpectedSplit: true}
	got := x.book(named(f.Patient, settle.Figures{Total: 5000, Shared: 5000}, settle.PersonPay{PsnNo: f.Spouse.PsnNo, Amount: 5000}), split)
	if left := x.centre.Balances(); got.Figures.Shared != 5000 || left[f.Spouse.PsnNo] != 45000 || left[f.Daughter.PsnNo] != 12000 || left[f.Patient.PsnNo] != 3860 {
		t.Errorf("booked %+v, left %v", got.Figures, left)
	}
	got = x.book(named(f.Patient, settle.Figures{Total: 15000, Own: 1000, Shared: 14000},
		settle.PersonPay{PsnNo: f.Patient.PsnNo, Amount: 1000}, settle.PersonPay{PsnNo: f.Daughter.PsnNo, Amount: 14000}), split)
	if left := x.centre.Balances(); got.Figures != (settle.Figures{Total: 15000, Own: 1000, Shared: 12000, Cash: 2000}) || left[f.Spouse.PsnNo] != 45000 {
		t.Errorf("somebody stood in: %+v, left %v", got.Figures, left)
	}
	got = x.book(named(f.Patient, settle.Figures{Total: 100, Shared: 100}, settle.PersonPay{PsnNo: f.Stranger.PsnNo, Amount: 100}), split)
	if got.Figures != (settle.Figures{Total: 100, Cash: 100}) {
		t.Errorf("a stranger paid: %+v", got.Figures)
	}
	for _, wrong := range [][]settle.PersonPay{
		{{PsnNo: f.Spouse.PsnNo, Amount: 99}}, {{PsnNo: f.Spouse.PsnNo, Amount: 150}, {PsnNo: f.Daughter.PsnNo, Amount: -50}},
		{{PsnNo: f.Spouse.PsnNo, Amount: 50}, {PsnNo: f.Spouse.PsnNo, Amount: 50}}, {{Amount: 100}},
	} {
		d := named(f.Patient, settle.Figures{Total: 100, Shared: 100}, wrong...)
		if _, err := x.client.Prepare(t.Context(), nhsa.Call{Message: nhsa.PharmacySettle{Dossier: d, Extensions: split}, Operator: cashier, SignNo: x.signNo, InsuredArea: "430100"}); settle.CodeOf(err) != settle.BadRequest {
			t.Errorf("%v: %v", wrong, err)
		}
	}
}

// TestKeptForRebooking: what a cancellation says will be booked anew, nobody else can spend in between, also while the new
// booking is undone and sent again; and what was not said is everybody's.
func TestKeptForRebooking(t *testing.T) { onBoth(t, testKeptForRebooking) }

func testKeptForRebooking(t *testing.T) {
	clock := &testClock{time.Date(2026, 11, 22, 12, 0, 0, 0, settle.Beijing)}
	x, f := demo(t, Options{Clock: clock.now})
	y := x.otherTill("P43010000002")
	split := nhsa.Extensions{ExpectedSplit: true}
	own := func(amount settle.Fen) settle.Dossier {
		return named(f.Spouse, settle.Figures{Total: amount, Own: amount}, settle.PersonPay{PsnNo: f.Spouse.PsnNo, Amount: amount})
	}
	first := x.book(own(50000), split)
	x.must(nhsa.Cancel{PsnNo: f.Spouse.PsnNo, SetlID: first.SetlID, MdtrtID: first.MdtrtID, Rebook: []settle.PersonPay{{PsnNo: f.Spouse.PsnNo, Amount: 30000}}})
	if got := y.book(own(50000), split); got.Figures.Own != 20000 {
		t.Errorf("another venue takes %s of the 200.00 that are free", got.Figures.Own)
	}
	again := x.book(own(30000), split)
	if again.Figures.Own != 30000 {
		t.Fatalf("of the rebooking %s are booked", again.Figures.Own)
	}
	x.must(nhsa.Reverse{PsnNo: f.Spouse.PsnNo, Original: again.MsgID, OriginalInfno: nhsa.InfnoSettle})
	if got := y.book(own(30000), split); got.Figures.Own != 0 {
		t.Errorf("another venue takes %s while the rebooking is undone", got.Figures.Own)
	}
	again = x.book(own(30000), split)
	if again.Figures.Own != 30000 {
		t.Fatalf("of the rebooking %s are booked the second time", again.Figures.Own)
	}
	x.must(nhsa.Cancel{PsnNo: f.Spouse.PsnNo, SetlID: again.SetlID, MdtrtID: again.MdtrtID})
	if got := y.book(own(30000), split); got.Figures.Own != 30000 {
		t.Errorf("after a reversal another venue gets %s", got.Figures.Own)
	}
}

// TestCancellationAndWhatItKeepsAreOneEntry: wherever the journal ends after a cut of power, a cancellation that stands has kept
// what its venue will book anew.
func TestCancellationAndWhatItKeepsAreOneEntry(t *testing.T) {
	dir := t.TempDir()
	journal, err := OpenJournal(dir)
	if err != nil {
		t.Fatal(err)
	}
	x, f := demo(t, Options{Journal: journal})
	file := filepath.Join(dir, "centre.jsonl")
	text := func() []byte {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	sold := named(f.Spouse, settle.Figures{Total: 50000, Own: 50000}, settle.PersonPay{PsnNo: f.Spouse.PsnNo, Amount: 50000})
	booked := x.book(sold, nhsa.Extensions{ExpectedSplit: true})
	before := len(text())
	x.must(nhsa.Cancel{PsnNo: f.Spouse.PsnNo, SetlID: booked.SetlID, MdtrtID: booked.MdtrtID, Rebook: []settle.PersonPay{{PsnNo: f.Spouse.PsnNo, Amount: 30000}}})
	if err := journal.Close(); err != nil {
		t.Fatal(err)
	}
	all := text()
	if lines := bytes.Count(all[before:], []byte("\n")); lines != 1 {
		t.Fatalf("a cancellation that keeps something has %d lines in the journal", lines)
	}
	for _, c := range []struct {
		name  string
		end   int
		taken settle.Fen
	}{
		{"torn", len(all) - 1, 0},
		{"whole", len(all), 20000},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.WriteFile(file, all[:c.end], 0o600); err != nil {
				t.Fatal(err)
			}
			journal, err := OpenJournal(dir)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = journal.Close() })
			again := newTill(t, Options{Journal: journal})
			y := again.otherTill("P43010000002")
			if got := y.book(sold, nhsa.Extensions{ExpectedSplit: true}); got.Figures.Own != c.taken {
				t.Errorf("another venue gets %s of 500.00, not %s", got.Figures.Own, c.taken)
			}
		})
	}
}

// TestUndoneBookingKeepsItsAllowance: a sale within an allowance whose booking was undone is booked in full when it comes again.
func TestUndoneBookingKeepsItsAllowance(t *testing.T) { onBoth(t, testUndoneBookingKeepsItsAllowance) }

func testUndoneBookingKeepsItsAllowance(t *testing.T) {
	clock := &testClock{time.Date(2026, 11, 22, 12, 0, 0, 0, settle.Beijing)}
	x, f := demo(t, Options{Clock: clock.now, Allowances: Allowances{Percent: 50}})
	y := x.otherTill("P43010000002")
	split := nhsa.Extensions{ExpectedSplit: true}
	own := func(amount settle.Fen) settle.Dossier {
		return named(f.Spouse, settle.Figures{Total: amount, Own: amount}, settle.PersonPay{PsnNo: f.Spouse.PsnNo, Amount: amount})
	}
	x.swipe(f.Spouse)
	booked := x.book(own(25000), split)
	x.must(nhsa.Reverse{PsnNo: f.Spouse.PsnNo, Original: booked.MsgID, OriginalInfno: nhsa.InfnoSettle})
	if got := y.book(own(50000), split); got.Figures.Own != 25000 {
		t.Errorf("another venue takes %s", got.Figures.Own)
	}
	if got := x.book(own(25000), split); got.Figures.Own != 25000 {
		t.Errorf("the allowance is gone: %s", got.Figures.Own)
	}
}

// TestNothingIsPromisedTwice: what is kept for a rebooking is in no allowance of the same venue, so that all that is promised
// of an account is on it; and another patient's sale of the venue leaves it alone.
func TestNothingIsPromisedTwice(t *testing.T) { onBoth(t, testNothingIsPromisedTwice) }

func testNothingIsPromisedTwice(t *testing.T) {
	clock := &testClock{time.Date(2026, 11, 22, 12, 0, 0, 0, settle.Beijing)}
	x, f := demo(t, Options{Clock: clock.now, Allowances: Allowances{Percent: 50}})
	split := nhsa.Extensions{ExpectedSplit: true}
	pay := func(amount settle.Fen) settle.PersonPay {
		return settle.PersonPay{PsnNo: f.Spouse.PsnNo, Amount: amount}
	}
	own := func(amount settle.Fen) settle.Dossier {
		return named(f.Spouse, settle.Figures{Total: amount, Own: amount}, pay(amount))
	}
	first := x.book(own(50000), split)
	x.must(nhsa.Cancel{PsnNo: f.Spouse.PsnNo, SetlID: first.SetlID, MdtrtID: first.MdtrtID, Rebook: []settle.PersonPay{pay(40000)}})
	if mine := accountOf(t, x.swipe(f.Spouse), f.Spouse); mine.Allowance != 5000 {
		t.Errorf("%s of the 100.00 that are free are an allowance", mine.Allowance)
	}
	relative := named(f.Patient, settle.Figures{Total: 20000, Shared: 20000}, pay(20000))
	if got := x.book(relative, split); got.Figures.Shared != 10000 {
		t.Errorf("a relative's sale took %s", got.Figures.Shared)
	}
	if got := x.book(own(40000), split); got.Figures.Own != 40000 {
		t.Errorf("%s are booked anew", got.Figures.Own)
	}
}

// TestUndoneCancellationTakesNoAllowance: where a cancellation is undone, the settlement that stands again is not paid out of
// an allowance, which the venue may have sold since; where there is no other money, the cancellation cannot be undone.
func TestUndoneCancellationTakesNoAllowance(t *testing.T) {
	onBoth(t, testUndoneCancellationTakesNoAllowance)
}

func testUndoneCancellationTakesNoAllowance(t *testing.T) {
	clock := &testClock{time.Date(2026, 11, 22, 12, 0, 0, 0, settle.Beijing)}
	x, f := demo(t, Options{Clock: clock.now, Allowances: Allowances{Percent: 40}})
	y := x.otherTill("P43010000002")
	split := nhsa.Extensions{ExpectedSplit: true}
	own := func(amount settle.Fen) settle.Dossier {
		return named(f.Spouse, settle.Figures{Total: amount, Own: amount}, settle.PersonPay{PsnNo: f.Spouse.PsnNo, Amount: amount})
	}
	x.swipe(f.Spouse) // 200.00
	booked := x.book(own(5000), split)
	left := func() settle.Fen {
		i := slices.IndexFunc(x.centre.Granted(), func(g Granted) bool { return g.PsnNo == f.Spouse.PsnNo })
		return x.centre.Granted()[i].Left
	}
	undo := func() nhsa.Outcome {
		x.must(nhsa.Cancel{PsnNo: f.Spouse.PsnNo, SetlID: booked.SetlID, MdtrtID: booked.MdtrtID})
		book := x.centre.Book()
		i := slices.IndexFunc(book, func(r Row) bool { return r.Cancels == booked.SetlID && !r.Undone })
		y.book(own(50000), split) // takes all that is nobody's
		return x.ask(nhsa.Reverse{PsnNo: f.Spouse.PsnNo, Original: book[i].MsgID, OriginalInfno: nhsa.InfnoCancel})
	}
	before := left()
	x.refused(undo(), "[2601-NOTREVERSIBLE]")
	if left() != before {
		t.Errorf("of the allowance %s are left of %s", left(), before)
	}
	if got := x.book(own(before), split); got.Figures.Own != before {
		t.Errorf("of an allowance of %s %s are booked", before, got.Figures.Own)
	}
}

// TestSharedPots: a relative is paid from the pots that the region's policy shares, in the planner's order; a mutual account is
// never one of several.
func TestSharedPots(t *testing.T) {
	for rule, want := range map[settle.ShareFrom]settle.Fen{
		"": 1500, settle.ShareBalance: 1500, settle.SharePriorOnly: 1000, settle.ShareMutualOnly: 2500,
	} {
		x, f := demo(t, Options{ShareFrom: rule})
		err := x.centre.Seed(settle.Snapshot{ID: "pots", CentreTime: time.Now(), Accounts: []settle.SnapshotAccount{
			{PsnNo: f.Spouse.PsnNo, Status: settle.StatusNormal, TwoPots: true, Current: 500, Prior: 1000, Mutual: 2500},
			{PsnNo: f.Daughter.PsnNo, Status: settle.StatusNormal}, {PsnNo: f.Patient.PsnNo, Status: settle.StatusNormal},
		}})
		if err != nil {
			t.Fatal(err)
		}
		got := x.book(sale(f.Patient, settle.Figures{Total: 9000, Shared: 9000}), nhsa.Extensions{ExpectedSplit: true})
		if got.Figures.Shared != want {
			t.Errorf("%q: %s are paid, not %s", rule, got.Figures.Shared, want)
		}
		rules := settle.DefaultRules()
		if rule != "" {
			rules.ShareFrom = rule
		}
		var pots []settle.Pot
		book := x.centre.Book()
		for _, pay := range book[len(book)-1].Pays {
			pots = append(pots, pay.Pot)
		}
		if planned := rules.SharedPots(&settle.Account{TwoPots: true}); !slices.Equal(pots, planned) {
			t.Errorf("%q: paid from %v, the planner takes %v", rule, pots, planned)
		}
	}
}
