package ledger

import (
	"testing"
	"time"

	"gongji/settle"
)

func (h *house) heed(n settle.News) {
	h.t.Helper()
	if err := h.Heed(h.t.Context(), n); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) news(through string) settle.News {
	return settle.News{ID: "N", CentreTime: h.clock.now(), Through: through}
}

// TestNewsTakesAway: a lost card, a death, an ended binding and money kept for others count as soon as the news is in, twice
// as well as once, and for people whom nobody knows too.
func TestNewsTakesAway(t *testing.T) {
	h := newHouse(t)
	if h.shared(h.patient, 2000) == 0 {
		t.Fatal("nobody gives before")
	}
	n := h.news("2")
	n.Cards = []settle.NewsCard{
		{PsnNo: h.stranger.psnNo, Number: h.stranger.card, Identifier: h.stranger.identifier(), Status: settle.CardLost},
		{PsnNo: "43019999", Number: "nobody", Identifier: "x", Status: settle.CardLost},
	}
	n.People = []settle.NewsPerson{{PsnNo: "43019999", Status: settle.StatusDeceased}, {PsnNo: h.spouse.psnNo, Status: settle.StatusDeceased}}
	n.Accounts = []settle.NewsAccount{{PsnNo: h.spouse.psnNo, Status: settle.StatusDeceased}, {PsnNo: "43019999", Status: settle.StatusNormal, Held: 5}}
	for range 2 {
		h.heed(n)
	}
	sell := func(who human) error {
		_, _, err := h.Settle(t.Context(), h.order(who, line("1", 100)))
		return err
	}
	wantCode(t, sell(h.stranger), settle.CardReportedLost)
	wantCode(t, sell(h.spouse), settle.RuleRefused, settle.EPatientBlocked)
	history, err := h.PersonHistory(t.Context(), h.id(h.spouse))
	if err != nil || len(history) != 1 || history[0].Status != settle.StatusNormal {
		t.Errorf("the history says %+v, %v", history, err)
	}

	n = h.news("3")
	for _, b := range h.family().Bindings {
		n.EndedBinds = append(n.EndedBinds, b.ID)
	}
	h.heed(n)
	if got := h.shared(h.patient, 2000); got != 0 {
		t.Errorf("after all bindings ended relatives pay %s", got)
	}
	h.wantVerified()
}

// TestNewsKeepsMoney: what others hold is not available, this venue's own allowance is, and less is never more.
func TestNewsKeepsMoney(t *testing.T) {
	h := newHouse(t)
	h.wantAvailable(h.patient, 1000)
	n := h.news("2")
	n.Accounts = []settle.NewsAccount{{PsnNo: h.patient.psnNo, Status: settle.StatusNormal, Held: 300}}
	h.heed(n)
	h.wantAvailable(h.patient, 700)
	n.Accounts[0].Held, n.Accounts[0].Frozen = 100, 50
	h.heed(n)
	h.wantAvailable(h.patient, 650)

	s := h.next("S-own", noon.Add(time.Second))
	account := h.patient.account(1000)
	account.Allowance, account.AllowanceUntil = 200, noon.Add(time.Hour)
	s.Accounts = []settle.SnapshotAccount{account}
	h.apply(s)
	h.wantAvailable(h.patient, 1000)
	n.Accounts[0].Held, n.Accounts[0].Frozen = 450, 0
	h.heed(n)
	h.wantAvailable(h.patient, 750)
}

// TestSnapshotStandsOverNews: the next answer replaces what news said, though it be of the same instant or of a clock behind;
// news that the cursor has passed changes nothing, and news of the impossible is refused.
func TestSnapshotStandsOverNews(t *testing.T) {
	h := newHouse(t)
	n := h.news("2")
	n.CentreTime = noon.Add(time.Hour)
	n.People = []settle.NewsPerson{{PsnNo: h.patient.psnNo, Status: settle.StatusPaused}}
	n.Cards = []settle.NewsCard{{PsnNo: h.patient.psnNo, Number: h.patient.card, Identifier: h.patient.identifier(), Status: settle.CardLost}}
	h.heed(n)
	wantCode(t, func() error { _, _, err := h.Settle(t.Context(), h.order(h.patient, line("1", 100))); return err }(), settle.CardReportedLost)

	s := h.next("S-found", noon.Add(time.Second))
	s.Cursor, s.People = "3", []settle.SnapshotPerson{h.patient.snapshot()}
	h.apply(s)
	h.buy(h.patient, 100)
	h.heed(n) // late: the cursor stands at 3
	h.buy(h.patient, 100)

	n.People[0].Status = settle.StatusNormal
	wantCode(t, h.Heed(t.Context(), n), settle.BadRequest)
}
