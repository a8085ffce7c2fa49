package ledger

import (
	"testing"
	"time"

	"gongji/settle"
)

// TestAllowanceGivenBack: what is given back is what is unspent, once, over a restart, and it is not spent any more; a newer
// allowance is. Money that came back to an account fills no allowance.
func TestAllowanceGivenBack(t *testing.T) {
	h := openHouse(t)
	until := noon.Add(time.Hour)
	s := h.family()
	s.Accounts[0].Allowance, s.Accounts[0].AllowanceUntil = 600, until                    // the patient's
	s.Accounts[1].Allowance, s.Accounts[1].AllowanceUntil = 5000, until.Add(24*time.Hour) // the daughter's
	s.Accounts[2].Allowance, s.Accounts[2].AllowanceUntil = 100, until                    // the spouse's
	h.apply(s)
	sell := func(total settle.Fen) settle.Settlement {
		order := h.order(h.patient, line("1", total))
		order.Offline = true
		return h.settle(order)
	}
	first := sell(250)
	h.giveBack(giveBack("B-1", first.ID)) // all of it: the account has it again, the allowance has not
	sold := sell(250)
	if sold.AtRisk != 0 || sold.Figures.Own != 250 {
		t.Fatalf("sold %+v at risk %s", sold.Figures, sold.AtRisk)
	}
	if list, err := h.ReturnAllowances(t.Context(), time.Time{}); err != nil || len(list) != 0 {
		t.Fatalf("nothing was given up, and %d are told, %v", len(list), err)
	}
	list, err := h.ReturnAllowances(t.Context(), until)
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, r := range list {
		want := map[string]settle.Fen{h.patient.psnNo: 100, h.spouse.psnNo: 100}[r.PsnNo]
		if r.Unspent != want || !r.Until.Equal(until) {
			t.Errorf("%+v, want %s", r, want)
		}
	}
	h.reopen()
	if again, err := h.ReturnAllowances(t.Context(), until); err != nil || len(again) != 2 {
		t.Errorf("after a restart %+v, %v", again, err)
	}
	if s := sell(50); s.AtRisk != 50 {
		t.Errorf("after the return %s are at risk", s.AtRisk)
	}
	if err := h.AllowancesReturned(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	if rest, err := h.ReturnAllowances(t.Context(), until); err != nil || len(rest) != 0 {
		t.Errorf("told already: %+v, %v", rest, err)
	}
	next := h.next("S-2", h.clock.now())
	next.Accounts = []settle.SnapshotAccount{h.patient.account(1000)}
	next.Accounts[0].Allowance, next.Accounts[0].AllowanceUntil = 900, until // the centre had not heard of the return
	next.Accounts[0].ContainsThrough = map[string]time.Time{venueCode: noon.Add(-time.Hour)}
	h.apply(next)
	if s := sell(10); s.AtRisk != 10 {
		t.Errorf("of an allowance that was given back, %s are at risk", s.AtRisk)
	}
	next.ID, next.CentreTime = "S-3", h.clock.now().Add(time.Second)
	next.Accounts[0].AllowanceUntil = until.Add(time.Minute)
	h.apply(next)
	if s := sell(100); s.AtRisk != 0 {
		t.Errorf("of a new allowance %s are at risk", s.AtRisk)
	}
	h.wantVerified()
}

// TestAllowanceSpentBeforeABalance: 1101 tells a balance that has an earlier sale in it, and nothing of allowances. What that sale
// has spent of the allowance stays spent.
func TestAllowanceSpentBeforeABalance(t *testing.T) {
	h := openHouse(t)
	s := h.family()
	s.Accounts[0].Allowance, s.Accounts[0].AllowanceUntil = 500, noon.Add(24*time.Hour)
	h.apply(s)
	sell := func(total settle.Fen) settle.Settlement {
		order := h.order(h.patient, line("1", total))
		order.Offline = true
		return h.settle(order)
	}
	sell(400)
	h.book(h.due(), "A1", "430100", noon.Add(time.Second), settle.DispatchAccepted)
	own := h.next("S-own", noon.Add(time.Minute))
	own.OwnOnly, own.People = true, []settle.SnapshotPerson{h.patient.snapshot()}
	own.Accounts = []settle.SnapshotAccount{h.patient.account(600)}
	h.apply(own)
	if sold := sell(300); sold.AtRisk != 200 || sold.Figures.Own != 300 {
		t.Errorf("of %+v %s are at risk, want 2.00", sold.Figures, sold.AtRisk)
	}
	h.wantVerified()
}

// TestHeldMoneyAndOwnBalance: money that the feed has said is held is taken off a balance of 1101 once: as it was told before, or as
// the answer itself says.
func TestHeldMoneyAndOwnBalance(t *testing.T) {
	h := openHouse(t)
	s := h.family()
	account := h.patient.account(1000)
	account.Frozen, account.ReservedElsewhere = 100, 200
	s.Accounts[0] = account
	h.apply(s)
	h.wantAvailable(h.patient, 700)
	own := h.next("S-own", noon.Add(time.Minute))
	own.OwnOnly, own.People = true, []settle.SnapshotPerson{h.patient.snapshot()}
	own.Accounts = []settle.SnapshotAccount{h.patient.account(900)}
	h.apply(own)
	h.wantAvailable(h.patient, 600)
	account = h.patient.account(900)
	account.ReservedElsewhere, account.HoldsTold = 50, true
	own.ID, own.CentreTime, own.Accounts = "S-own-2", noon.Add(2*time.Minute), []settle.SnapshotAccount{account}
	h.apply(own)
	h.wantAvailable(h.patient, 850)
}

// TestLockedAndOwnBalance: 1101 says of people who have died, and of frozen ones, that their insurance has ended, and of accounts
// nothing. Who may not buy or pay still may not; one who is insured after all may.
func TestLockedAndOwnBalance(t *testing.T) {
	h := openHouse(t)
	s := h.family()
	s.People[0].Status, s.Accounts[0].Status = settle.StatusDeceased, settle.StatusFrozen
	h.apply(s)
	own := h.next("S-own", noon.Add(time.Minute))
	sell := func(id string, status settle.Status, told bool) error {
		own.ID, own.CentreTime = id, own.CentreTime.Add(time.Minute)
		own.OwnOnly, own.People = true, []settle.SnapshotPerson{h.patient.snapshot()}
		own.Accounts = []settle.SnapshotAccount{h.patient.account(900)}
		own.People[0].Status, own.Accounts[0].Status, own.Accounts[0].HoldsTold = status, status, told
		h.apply(own)
		order := h.order(h.patient, line("1", 100))
		s, _, err := h.Settle(t.Context(), order)
		if err == nil && (s.Figures.Own > 0) != told {
			t.Errorf("%s: %+v", id, s.Figures)
		}
		return err
	}
	wantCode(t, sell("S-ended", settle.StatusEnded, false), settle.RuleRefused, settle.EPatientBlocked)
	if err := sell("S-alive", settle.StatusNormal, false); err != nil {
		t.Error(err)
	}
	if err := sell("S-told", settle.StatusNormal, true); err != nil {
		t.Error(err)
	}
}

// TestLostAndDeceasedOffline: the lists of lost cards and of people who died work without the centre, also from a page that is
// moved in slices.
func TestLostAndDeceasedOffline(t *testing.T) {
	h := newHouse(t)
	s := h.crowd("S-lists", noon, 30, 5000)
	lost, dead := h.patient.snapshot(), h.stranger.snapshot()
	lost.Cards[0].Status, dead.Status = settle.CardLost, settle.StatusDeceased
	s.People = append(s.People, lost, dead)
	s.Accounts = append(s.Accounts, settle.SnapshotAccount{PsnNo: h.stranger.psnNo, Status: settle.StatusDeceased, Balance: 9900})
	s.Cursor = "2"
	h.holdMoving(s)
	sell := func(who human) error {
		order := h.order(who, line("1", 100))
		order.Offline = true
		_, _, err := h.Settle(t.Context(), order)
		return err
	}
	wantCode(t, sell(h.patient), settle.CardReportedLost)
	wantCode(t, sell(h.stranger), settle.RuleRefused, settle.EPatientBlocked)
	if err := sell(invent(1000)); err != nil {
		t.Errorf("somebody else of the page: %v", err)
	}
}

// TestLeaveToOtherSales: a report names what other sales may take of the allowances of whoever may pay, until those are
// acknowledged: all that an earlier one debits, and what is covered of a later one.
func TestLeaveToOtherSales(t *testing.T) {
	h := openHouse(t)
	s := h.family()
	s.Accounts[1].Allowance, s.Accounts[1].AllowanceUntil = 5000, noon.Add(24*time.Hour) // the daughter's
	h.apply(s)
	own := s.Accounts[0].Balance
	offline := h.order(h.patient, line("1", own+3000))
	offline.Offline = true
	first := h.settle(offline)
	if first.AtRisk != own || first.Postings[1].Covered != 3000 {
		t.Fatalf("at risk %s, %+v", first.AtRisk, first.Postings)
	}
	early := h.due()
	h.buy(h.daughter, 2500)
	var late settle.Report
	due, err := h.DueReports(t.Context(), h.clock.now(), 10)
	if err != nil || len(due) != 2 {
		t.Fatalf("%d reports are due, %v", len(due), err)
	}
	for _, r := range due {
		if r.ID != early.ID {
			late = r
		}
	}
	leave := func(r settle.Report) []settle.PersonPay {
		d, err := h.Dossier(t.Context(), r.ID)
		if err != nil {
			t.Fatal(err)
		}
		return d.Leave
	}
	if list := leave(early); len(list) != 1 || list[0] != (settle.PersonPay{PsnNo: h.daughter.psnNo, Amount: 2000}) {
		t.Errorf("the first sale leaves %+v", list)
	}
	if list := leave(late); len(list) != 1 || list[0] != (settle.PersonPay{PsnNo: h.daughter.psnNo, Amount: 3000}) {
		t.Errorf("the later sale leaves %+v", list)
	}
	d, err := h.Dossier(t.Context(), early.ID)
	if err != nil || d.Pays[1] != (settle.PersonPay{PsnNo: h.daughter.psnNo, Amount: 3000, Covered: 3000}) {
		t.Errorf("the first sale is paid by %+v, %v", d.Pays, err)
	}
	h.wantVerified()
	h.accept(early, h.clock.now())
	if list := leave(late); len(list) != 0 {
		t.Errorf("after the first was booked the later leaves %+v", list)
	}
	h.wantVerified()
}

// TestFeedAfterOwnBalance: a death or a lost card that the feed tells with an earlier time than 1101's counts as soon as it is
// heard, since 1101 could not say it; and somebody whom 1101 has found insured since then may buy.
func TestFeedAfterOwnBalance(t *testing.T) {
	for name, c := range map[string]struct {
		own, told settle.Status
		card      settle.CardStatus
		code      settle.Code
		reason    settle.Reason
	}{
		"death":          {settle.StatusEnded, settle.StatusDeceased, settle.CardValid, settle.RuleRefused, settle.EPatientBlocked},
		"insured since":  {settle.StatusNormal, settle.StatusFrozen, settle.CardValid, "", ""},
		"lost card":      {settle.StatusNormal, settle.StatusNormal, settle.CardLost, settle.CardReportedLost, ""},
		"nothing of it":  {settle.StatusNormal, settle.StatusNormal, settle.CardValid, "", ""},
		"only ended":     {settle.StatusEnded, settle.StatusNormal, settle.CardValid, "", ""},
		"death and card": {settle.StatusEnded, settle.StatusDeceased, settle.CardLost, settle.CardReportedLost, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			own := h.next("S-own", noon.Add(2*time.Minute))
			own.OwnOnly, own.People = true, []settle.SnapshotPerson{h.patient.snapshot()}
			own.Accounts = []settle.SnapshotAccount{h.patient.account(900)}
			own.People[0].Status = c.own
			h.apply(own)
			told := h.next("S-told", noon.Add(time.Minute))
			told.People = []settle.SnapshotPerson{h.patient.snapshot()}
			told.People[0].Status, told.People[0].Cards[0].Status = c.told, c.card
			h.apply(told)
			_, _, err := h.Settle(t.Context(), h.order(h.patient, line("1", 100)))
			if c.code == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantCode(t, err, c.code, c.reason)
		})
	}
}
