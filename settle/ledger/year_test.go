package ledger

import (
	"testing"
	"time"

	"gongji/settle"
)

// lastDay is shortly before midnight in Beijing, where the account year ends; in UTC it is afternoon.
var lastDay = time.Date(2026, 12, 31, 23, 59, 0, 0, settle.Beijing)

// twoPotHouse is a family whose accounts have two pots, on the last day of the year: the patient with 10.00 of this year
// and 5.00 of earlier ones, the daughter with 50.00 of this year only, and only prior money is shared.
func twoPotHouse(t *testing.T) *house {
	h := openHouse(t)
	h.rules.Year.Rollover, h.rules.ShareFrom = settle.RolloverCurrentToPrior, settle.SharePriorOnly
	h.rules.Own.PotOrder = []settle.Pot{settle.PotCurrent, settle.PotPrior}
	h.clock.at = lastDay
	s := h.family()
	s.CentreTime = lastDay.Add(-time.Hour)
	s.Accounts = []settle.SnapshotAccount{
		{PsnNo: h.patient.psnNo, Status: settle.StatusNormal, TwoPots: true, Current: 1000, Prior: 500},
		{PsnNo: h.daughter.psnNo, Status: settle.StatusNormal, TwoPots: true, Current: 5000},
	}
	h.apply(s)
	return h
}

// pots is what a bill of the patient finds in somebody's account.
func (h *house) pots(who human) (current, prior settle.Fen) {
	h.t.Helper()
	quote, err := h.Quote(h.t.Context(), h.order(h.patient, line("1", 1)).Sale, false)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, a := range quote.Bill.Accounts {
		if a.ID == h.id(who) {
			return a.Current, a.Prior
		}
	}
	h.t.Fatalf("no account of %s", who.card)
	return 0, 0
}

func (h *house) wantPots(who human, current, prior settle.Fen) {
	h.t.Helper()
	if c, p := h.pots(who); c != current || p != prior {
		h.t.Errorf("pots of %s are %s and %s, want %s and %s", who.card, c, p, current, prior)
	}
}

// TestYearTurnsAtMidnightInBeijing: this year's money is prior money from 1 January on, once and only once, whatever is
// read, settled or restarted; and it can be shared from then on.
func TestYearTurnsAtMidnightInBeijing(t *testing.T) {
	h := twoPotHouse(t)
	sold := h.buy(h.patient, 300) // of this year's money, contained by no snapshot
	h.wantPots(h.patient, 700, 500)
	if got := h.shared(h.patient, 9000); got != 0 {
		t.Errorf("shared %s of a year that is not over", got)
	}
	h.clock.add(time.Minute) // midnight
	for range 3 {
		h.wantPots(h.patient, 0, 1200)
		h.wantPots(h.daughter, 0, 5000)
		h.reopen()
	}
	if got := h.shared(h.patient, 9000); got != 5000 {
		t.Errorf("shared %s in the new year", got)
	}
	later := h.buy(h.patient, 2000)
	if len(later.Postings) != 2 || later.Postings[0].Pot != settle.PotPrior || later.Postings[1].Pot != settle.PotPrior {
		t.Errorf("postings %+v", later.Postings)
	}
	h.wantPots(h.daughter, 0, 4200)
	back := h.giveBack(giveBack("R1", sold.ID))
	if len(back.Postings) != 1 || back.Postings[0].Pot != settle.PotPrior || back.Postings[0].Amount != -300 {
		t.Errorf("a refund of last year's money went to %+v", back.Postings)
	}
	h.wantPots(h.patient, 0, 300)
	h.wantVerified()
}

// TestSnapshotsAcrossTheYear: the centre's word of the new year takes over, and one that knows a balance only does not put
// last year's money back into this year's pot.
func TestSnapshotsAcrossTheYear(t *testing.T) {
	h := twoPotHouse(t)
	h.clock.add(2 * time.Hour)
	now := h.clock.now()
	own := h.next("1101", now)
	own.OwnOnly, own.People = true, []settle.SnapshotPerson{h.patient.snapshot()}
	own.Accounts = []settle.SnapshotAccount{h.patient.account(1900)} // 15.00 of before, 4.00 of the new year
	h.apply(own)
	h.wantPots(h.patient, 400, 1500)
	full := h.next("S-9", now.Add(time.Minute))
	full.Accounts = []settle.SnapshotAccount{
		{PsnNo: h.daughter.psnNo, Status: settle.StatusNormal, TwoPots: true, Current: 700, Prior: 5000},
	}
	h.apply(full)
	h.wantPots(h.daughter, 700, 5000)
	h.reopen()
	h.wantPots(h.daughter, 700, 5000)
	h.wantPots(h.patient, 400, 1500)
}

func TestOnePotKnowsNoYear(t *testing.T) {
	h := newHouse(t)
	h.rules.Year.Rollover = settle.RolloverCurrentToPrior
	sold := h.buy(h.patient, 300)
	h.clock.add(60 * 24 * time.Hour)
	h.wantAvailable(h.patient, 700)
	if back := h.giveBack(giveBack("R1", sold.ID)); back.Postings[0].Pot != settle.PotBalance {
		t.Errorf("postings %+v", back.Postings)
	}
	h.wantAvailable(h.patient, 1000)
}

// S-255: the holder's own mutual account is a pot of its own: drawn where the policy says, kept by the turn of the year,
// refunded to itself, and refreshed by an answer that knows one balance only.
func TestMutualAccount(t *testing.T) {
	h := openHouse(t)
	h.rules.Pots, h.rules.Year.Rollover = settle.PotsCurrentPriorMutual, settle.RolloverCurrentToPrior
	h.rules.Own.PotOrder = []settle.Pot{settle.PotPrior, settle.PotMutual}
	h.clock.at = lastDay
	s := h.family()
	s.CentreTime = lastDay.Add(-time.Hour)
	s.Accounts = []settle.SnapshotAccount{
		{PsnNo: h.patient.psnNo, Status: settle.StatusNormal, TwoPots: true, Current: 1000, Prior: 300, Mutual: 500},
	}
	h.apply(s)
	want := func(current, prior, mutual settle.Fen) {
		t.Helper()
		quote, err := h.Quote(t.Context(), h.order(h.patient, line("1", 1)).Sale, false)
		if err != nil {
			t.Fatal(err)
		}
		a := quote.Bill.Accounts[0]
		if a.ID != h.id(h.patient) || a.Current != current || a.Prior != prior || a.Mutual != mutual {
			t.Errorf("pots are %s, %s, %s, want %s, %s, %s", a.Current, a.Prior, a.Mutual, current, prior, mutual)
		}
	}
	sold := h.settle(h.order(h.patient, line("1", 600)))
	if len(sold.Postings) != 2 || sold.Postings[1].Pot != settle.PotMutual || sold.Postings[1].Amount != 300 || sold.Postings[1].After != 200 {
		t.Fatalf("postings %+v", sold.Postings)
	}
	want(1000, 0, 200)
	h.clock.at = lastDay.Add(24 * time.Hour)
	want(0, 1000, 200)
	back := h.giveBack(giveBack("R1", sold.ID))
	if len(back.Postings) != 2 || back.Postings[0].Pot == back.Postings[1].Pot {
		t.Fatalf("returned %+v", back.Postings)
	}
	want(0, 1300, 500)
	own := h.next("1101", h.clock.now())
	own.OwnOnly, own.People = true, []settle.SnapshotPerson{h.patient.snapshot()}
	own.Accounts = []settle.SnapshotAccount{h.patient.account(2000)} // 2.00 of the new year
	h.clock.add(time.Minute)
	h.apply(own)
	want(200, 1300, 500)
	h.rules.Pots = settle.PotsCurrentPrior
	want(200, 1300, 0)
	h.rules.Pots = settle.PotsCurrentPriorMutual
	h.wantVerified()
}
