package ledger

import (
	"slices"
	"strings"
	"testing"
	"time"

	"gongji/settle"
)

// next is a snapshot with nothing in it but its name and centre time.
func (h *house) next(id string, centre time.Time) settle.Snapshot {
	return settle.Snapshot{ID: id, CentreTime: centre}
}

func TestSnapshotContainsWhatTheCentreAcknowledged(t *testing.T) {
	h := newHouse(t)
	h.buy(h.patient, 300)
	h.buy(h.patient, 200)
	h.wantAvailable(h.patient, 500)
	acknowledged := noon.Add(10 * time.Second)
	h.accept(h.due(), acknowledged)
	h.wantAvailable(h.patient, 500)

	s := h.next("S-2", noon.Add(20*time.Second))
	account := h.patient.account(700) // the first sale is inside
	account.ContainsThrough = map[string]time.Time{venueCode: acknowledged}
	s.Accounts = []settle.SnapshotAccount{account}
	h.apply(s)
	h.wantAvailable(h.patient, 500)

	account.Balance = 1000 // as if the centre had counted before the acknowledgement
	account.ContainsThrough = map[string]time.Time{venueCode: acknowledged.Add(-time.Millisecond)}
	s.ID, s.CentreTime, s.Accounts = "S-3", noon.Add(21*time.Second), []settle.SnapshotAccount{account}
	h.apply(s)
	h.wantAvailable(h.patient, 500)

	account.Balance, account.ContainsThrough = 1000, map[string]time.Time{"P99": acknowledged.Add(time.Hour)}
	s.ID, s.CentreTime, s.Accounts = "S-4", noon.Add(22*time.Second), []settle.SnapshotAccount{account}
	h.apply(s) // nothing of this venue is inside
	h.wantAvailable(h.patient, 500)

	account.Balance, account.ContainsThrough = 700, nil
	s.ID, s.CentreTime, s.Accounts = "S-5", noon.Add(23*time.Second), []settle.SnapshotAccount{account}
	h.apply(s) // the centre time stands in
	h.wantAvailable(h.patient, 500)
	account.Frozen, account.ReservedElsewhere = 100, 50
	s.ID, s.CentreTime, s.Accounts = "S-6", noon.Add(24*time.Second), []settle.SnapshotAccount{account}
	h.apply(s)
	h.wantAvailable(h.patient, 350)
	account.Balance = 10 // somebody else has spent it
	s.ID, s.CentreTime, s.Accounts = "S-7", noon.Add(25*time.Second), []settle.SnapshotAccount{account}
	h.apply(s)
	h.wantAvailable(h.patient, 0)
	h.wantVerified()
}

func TestSnapshotIsAppliedOnceAndNeverBackwards(t *testing.T) {
	h := newHouse(t)
	h.buy(h.patient, 300)
	again := h.family()
	again.Accounts[0].Balance = 99999
	h.apply(again)
	h.wantAvailable(h.patient, 700)
	again.ID, again.CentreTime = "S-older", noon.Add(-time.Hour)
	h.apply(again)
	h.wantAvailable(h.patient, 700)
	if cursor, err := h.FeedCursor(t.Context()); err != nil || cursor != "1" {
		t.Errorf("cursor %q, %v", cursor, err)
	}
}

func TestFullSnapshotEndsWhatItDoesNotName(t *testing.T) {
	h := newHouse(t)
	swiped := h.next("S-swipe", noon.Add(time.Minute))
	swiped.People = []settle.SnapshotPerson{h.stranger.snapshot()}
	h.apply(swiped)
	full := h.next("S-full", noon)
	full.Full = true
	full.People = []settle.SnapshotPerson{h.patient.snapshot(), h.spouse.snapshot()}
	full.Accounts = []settle.SnapshotAccount{h.patient.account(500), h.spouse.account(600)}
	full.Bindings = []settle.SnapshotBinding{bind("B-2", h.spouse, h.patient, settle.Spouse, 2)}
	h.apply(full)
	views, err := h.Accounts(t.Context(), h.id(h.patient))
	if err != nil || len(views) != 2 || views[0].Available != 500 || views[1].Available != 600 {
		t.Errorf("accounts %+v, %v", views, err)
	}
	_, err = h.Person(t.Context(), h.id(h.child))
	wantCode(t, err, settle.PersonUnknown)
	if _, err = h.Person(t.Context(), h.id(h.stranger)); err != nil {
		t.Errorf("somebody refreshed later was ended: %v", err)
	}
	back := h.next("S-back", noon.Add(time.Minute))
	back.People, back.Bindings = []settle.SnapshotPerson{h.child.snapshot()}, []settle.SnapshotBinding{bind("B-3", h.spouse, h.child, settle.Child, 1)}
	h.apply(back)
	if s := h.buy(h.child, 100); s.Figures.Shared != 100 {
		t.Errorf("back again: %+v", s.Figures)
	}
}

func TestEndedBindingsAndPeople(t *testing.T) {
	h := newHouse(t)
	s := h.next("S-2", noon)
	s.EndedBinds, s.EndedPsnNo = []string{"B-1"}, []string{h.spouse.psnNo}
	h.apply(s)
	got := h.buy(h.patient, 2000)
	if got.Figures.Shared != 0 || len(got.Skipped) != 1 || got.Skipped[0].Reason != settle.KGiverStatus {
		t.Errorf("figures %+v, skipped %+v", got.Figures, got.Skipped)
	}
}

func TestOwnBalanceLeavesTheRest(t *testing.T) {
	h := openHouse(t)
	s := h.family()
	s.Accounts[0] = settle.SnapshotAccount{
		PsnNo: h.patient.psnNo, Status: settle.StatusNormal, TwoPots: true, Current: 300, Prior: 700, Frozen: 100,
	}
	s.People[0].Cards[0].Status = settle.CardLost
	h.apply(s)
	h.wantAvailable(h.patient, 900)
	own := h.next("R-1", noon)
	own.OwnOnly = true
	own.People = []settle.SnapshotPerson{h.patient.snapshot()}
	own.Accounts = []settle.SnapshotAccount{h.patient.account(800)}
	h.apply(own)
	views, err := h.Accounts(t.Context(), h.id(h.patient))
	if err != nil || len(views) != 3 || views[0].Available != 700 {
		t.Errorf("accounts %+v, %v", views, err)
	}
	card, _, err := h.CardByHash(t.Context(), h.Index(KindCard, h.patient.card+"|"+h.patient.identifier()))
	if err != nil || card.Status != settle.CardLost {
		t.Errorf("1101 made a lost card %q, %v", card.Status, err)
	}
	_, _, err = h.Settle(t.Context(), h.order(h.patient, line("1", 5)))
	wantCode(t, err, settle.CardReportedLost)
	own.ID, own.People, own.Accounts = "R-2", []settle.SnapshotPerson{invent(77).snapshot()}, []settle.SnapshotAccount{invent(77).account(5)}
	h.apply(own)
	h.wantAvailable(invent(77), 5)
}

func TestBadSnapshotIsRefusedWhole(t *testing.T) {
	h := newHouse(t)
	s := settle.Snapshot{
		People: []settle.SnapshotPerson{{PsnNo: "1", Status: "odd"}},
		Accounts: []settle.SnapshotAccount{
			{PsnNo: h.patient.psnNo, Status: settle.StatusNormal, Balance: -1},
		},
		Bindings: []settle.SnapshotBinding{{Giver: "1", Beneficiary: "1"}},
	}
	e := wantCode(t, h.ApplySnapshot(t.Context(), s), settle.BadRequest)
	var named []string
	for _, f := range e.Fields {
		named = append(named, f.Field)
	}
	for _, want := range []string{
		"snapshot_id", "centre_time", "people[0].certno", "people[0].psn_name", "people[0].insutype", "people[0].status",
		"people[0].area", "accounts[0].pots", "bindings[0].binding_id", "bindings[0].beneficiary", "bindings[0].relation", "bindings[0].valid_from",
	} {
		if !slices.Contains(named, want) {
			t.Errorf("%v does not name %s", named, want)
		}
	}
	unknown := h.next("S-9", noon)
	unknown.People = []settle.SnapshotPerson{invent(50).snapshot()}
	unknown.Accounts = []settle.SnapshotAccount{invent(50).account(1), invent(51).account(2)}
	unknown.Bindings = []settle.SnapshotBinding{bind("B-9", invent(52), h.patient, settle.Child, 3)}
	e = wantCode(t, h.ApplySnapshot(t.Context(), unknown), settle.BadRequest)
	if len(e.Fields) != 2 || e.Fields[0].Field != "accounts[1].psn_no" || e.Fields[1].Field != "bindings[0].giver" ||
		strings.Contains(e.Error(), invent(51).psnNo) {
		t.Errorf("error %v", e)
	}
	_, err := h.Person(t.Context(), h.id(invent(50)))
	wantCode(t, err, settle.PersonUnknown)
}

func TestUsageAndLimitsCountOwnUncontained(t *testing.T) {
	h := openHouse(t)
	h.rules.Caps.DaySharedPerBeneficiary = settle.CapOf(3000)
	h.rules.Caps.MonthPharmacyTotal = settle.CapOf(6000)
	s := h.family()
	s.Usage = []settle.SnapshotUsage{{PsnNo: h.patient.psnNo, DayShared: 500, MonthShared: 900, YearShared: 900, AsOf: 20261122}}
	s.Accounts[1].Limit = settle.CapOf(1200)
	h.apply(s)
	first := h.buy(h.patient, 2000) // 10.00 own, 10.00 of the daughter's limit of 12.00
	if first.Figures.Shared != 1000 {
		t.Fatalf("figures %+v", first.Figures)
	}
	second := h.buy(h.patient, 2000) // 2.00 left with the daughter, 13.00 under the day's cap with the spouse
	want := []settle.Fen{200, 1300}
	if len(second.Postings) != 2 || second.Postings[0].Amount != want[0] || second.Postings[1].Amount != want[1] {
		t.Errorf("postings %+v", second.Postings)
	}
	h.clock.add(24 * time.Hour)
	third := h.buy(h.patient, 2500)
	if third.Figures.Shared != 2500 {
		t.Errorf("the next day: %+v", third.Figures)
	}
	_, _, err := h.Settle(t.Context(), h.order(h.patient, line("1", 1)))
	wantCode(t, err, settle.RuleRefused, settle.EPharmacyMonthLimit)
}

func TestWalletQuota(t *testing.T) {
	h := openHouse(t)
	s := h.family()
	s.Bindings[0].Mode, s.Bindings[0].QuotaTotal, s.Bindings[0].QuotaUsed = settle.Wallet, 800, 100
	h.apply(s)
	sold := h.buy(h.patient, 1500)
	if sold.Postings[1].Pot != settle.PotQuota || sold.Postings[1].Amount != 500 || sold.Postings[1].After != 200 {
		t.Fatalf("postings %+v", sold.Postings)
	}
	h.wantAvailable(h.daughter, 5000)
	next := h.buy(h.patient, 900)
	if next.Postings[0].Amount != 200 || next.Postings[1].Person != h.id(h.spouse) || next.Postings[1].Amount != 700 {
		t.Errorf("postings %+v", next.Postings)
	}
	back := h.giveBack(giveBack("R1", sold.ID))
	if back.Postings[1].Pot != settle.PotQuota || back.Postings[1].Amount != -500 || back.Postings[1].After != 500 {
		t.Errorf("returned %+v", back.Postings)
	}
	h.wantVerified()
}

func TestTwoPotsAcrossTheYear(t *testing.T) {
	h := openHouse(t)
	h.rules.Own.PotOrder = []settle.Pot{settle.PotCurrent, settle.PotPrior}
	h.clock.at = time.Date(2026, 12, 31, 12, 0, 0, 0, settle.Beijing)
	s := h.family()
	s.CentreTime = h.clock.at
	s.Accounts[0] = settle.SnapshotAccount{PsnNo: h.patient.psnNo, Status: settle.StatusNormal, TwoPots: true, Current: 500, Prior: 300}
	h.apply(s)
	sold := h.settle(h.order(h.patient, line("1", 400), line("2", 200)))
	if len(sold.Postings) != 2 || sold.Postings[0].Pot != settle.PotCurrent || sold.Postings[1].Amount != 100 {
		t.Fatalf("postings %+v", sold.Postings)
	}
	h.clock.at = time.Date(2027, 1, 1, 12, 0, 0, 0, settle.Beijing)
	turn := h.next("S-2", h.clock.at)
	turn.Accounts = []settle.SnapshotAccount{{
		PsnNo: h.patient.psnNo, Status: settle.StatusNormal, TwoPots: true, Current: 1000, Prior: 800,
		ContainsThrough: map[string]time.Time{venueCode: noon},
	}}
	h.apply(turn) // the centre moved 5.00 current to prior and does not know of the sale yet
	h.wantAvailable(h.patient, 1200)
	back := h.giveBack(giveBack("R1", sold.ID, settle.ReturnLine{ID: "1", Quantity: "1"}))
	for _, p := range back.Postings {
		if p.Pot != settle.PotPrior {
			t.Errorf("last year's money went back to %s", p.Pot)
		}
	}
	h.wantAvailable(h.patient, 1600)
	h.wantVerified()
}
