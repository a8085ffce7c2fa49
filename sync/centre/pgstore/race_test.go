package pgstore_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"gongji/settle"
	"gongji/sync/centre"
	"gongji/sync/nhsa"
)

// TestTwoProcessesOneAccount: many venues spend, cancel and undo one family's money over two processes at once. No account
// goes below zero, what was booked is what is gone, and a reader of the delta that looked all the while knows every balance.
func TestTwoProcessesOneAccount(t *testing.T) {
	database := server.URL(t)
	a, b := start(t, database, centre.Options{Allowances: centre.Allowances{Percent: 10}}), start(t, database, centre.Options{Allowances: centre.Allowances{Percent: 10}})
	family := demo(t, a)
	before := a.Balances()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)

	ctx, stop := context.WithCancel(t.Context())
	follower := follow(ctx, newTill(t, "P43010000099", a, b))
	var venues sync.WaitGroup
	for n := range 6 {
		x := newTill(t, fmt.Sprintf("P4301000000%d", n), a, b)
		random := rand.New(rand.NewPCG(seed, uint64(n)))
		venues.Go(func() {
			for range 12 {
				patient := []centre.Member{family.Patient, family.Daughter, family.Child}[random.IntN(3)]
				booking, ok := x.book(sale(patient, settle.Fen(100+random.IntN(3000))))
				if !ok {
					return
				}
				switch random.IntN(5) {
				case 0:
					x.ask(nhsa.Cancel{PsnNo: patient.PsnNo, SetlID: booking.SetlID, MdtrtID: booking.MdtrtID})
				case 1:
					x.ask(nhsa.Reverse{PsnNo: patient.PsnNo, Original: booking.MsgID, OriginalInfno: nhsa.InfnoSettle})
				case 2:
					x.page(nhsa.FamilyQuery{CertType: "02", CertNo: patient.IDNumber})
				}
			}
		})
	}
	venues.Wait()
	stop()
	seen := <-follower

	moved := map[string]settle.Fen{}
	msgids := map[string]bool{}
	for _, row := range b.Book() {
		if msgids[row.MsgID] {
			t.Errorf("msgid %s is booked twice", row.MsgID)
		}
		msgids[row.MsgID] = true
		var paid settle.Fen
		for _, pay := range row.Pays {
			paid += pay.Amount
			if !row.Undone {
				moved[pay.PsnNo] += pay.Amount
			}
		}
		if paid != row.Figures.Own+row.Figures.Shared || row.Figures.Cash+row.Figures.Fund+paid != row.Figures.Total {
			t.Errorf("row %s does not add up", row.SetlID)
		}
	}
	if len(msgids) < 72 {
		t.Errorf("%d rows", len(msgids))
	}
	for psn, now := range b.Balances() {
		if now < 0 || now != before[psn]-moved[psn] {
			t.Errorf("…%s has %s of %s; %s were booked", psn[18:], now, before[psn], moved[psn])
		}
		if seen[psn] != now {
			t.Errorf("…%s has %s, and the delta's reader knows %s", psn[18:], now, seen[psn])
		}
	}
}

// follow reads the delta by small pages until the context ends and it has come to the end once more; it gives back the
// balances it knows.
func follow(ctx context.Context, x *till) <-chan map[string]settle.Fen {
	known := make(chan map[string]settle.Fen, 1)
	go func() {
		balances := map[string]settle.Fen{}
		cursor := ""
		for {
			last := ctx.Err() != nil
			for more := true; more; {
				var s settle.Snapshot
				s, more = x.page(nhsa.DeltaQuery{Cursor: cursor, Limit: 2})
				cursor = s.Cursor
				for _, account := range s.Accounts {
					balances[account.PsnNo] = account.Balance
				}
			}
			if last {
				known <- balances
				return
			}
		}
	}()
	return known
}

// TestOneMessageToBoth: the same message to two processes at the same time is booked once.
func TestOneMessageToBoth(t *testing.T) {
	database := server.URL(t)
	a, b := start(t, database, centre.Options{}), start(t, database, centre.Options{})
	family := demo(t, a)
	x := newTill(t, "P43010000001", a, b)
	for range 5 {
		message := x.prepare(nhsa.PharmacySettle{Dossier: sale(family.Stranger, 500)})
		outcomes := make(chan nhsa.Outcome, 4)
		for i := range cap(outcomes) {
			go func() { outcomes <- x.clients[i%2].Send(t.Context(), message) }()
		}
		done := 0
		for range cap(outcomes) {
			outcome := <-outcomes
			switch {
			case outcome.Done():
				done++
			case !outcome.Refused() || outcome.Answer.Text[:17] != "[MSGID-REPEATED] ":
				t.Errorf("%+v", outcome)
			}
		}
		if done != 1 {
			t.Errorf("booked %d times", done)
		}
	}
	if got := a.Balances()[family.Stranger.PsnNo]; got != 20000-5*500 || len(b.Book()) != 5 {
		t.Errorf("%s are left", got)
	}
}
