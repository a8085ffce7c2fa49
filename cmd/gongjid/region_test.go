package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"gongji/daemon/localapi"
	"gongji/daemon/localapi/client"
	"gongji/daemon/session"
	"gongji/settle"
)

// regionWith is a directory with a policy of Changsha that has rules of the test's own.
func regionWith(t *testing.T, rules string) string {
	t.Helper()
	dir := t.TempDir()
	text := "id: \"430100\"\nparent: \"430000\"\nname: 长沙市\nversion: \"2026-01-01\"\neffective_from: 2024-12-09\neffective_to: null\nrules:\n" +
		"  offline.allowed: {value: true, assumed: true}\n" + rules
	if err := os.WriteFile(filepath.Join(dir, "430100.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// bought is the script's basket for the n-th time, of other packs: each trace code is sold once.
func (t *scriptedTill) bought(saleID string, n int) session.SaleRequest {
	bill := t.bill(saleID)
	for i := range bill.Lines {
		for k, code := range bill.Lines[i].TraceCodes {
			bill.Lines[i].TraceCodes[k] = fmt.Sprintf("%s%02d%s", code[:10], n, code[12:])
		}
	}
	return bill
}

// TestTheYearTurnsUnderARunningDaemon: at midnight of 1 January the year's limits begin anew, for the patient's own account and for
// relatives', while the daemon runs; the centre books what the shop settles, on both sides of midnight.
func TestTheYearTurnsUnderARunningDaemon(t *testing.T) {
	began, start := time.Now(), time.Date(2026, 12, 31, 23, 30, 0, 0, settle.Beijing)
	var ahead atomic.Int64
	clock := func() time.Time { return start.Add(time.Since(began) + time.Duration(ahead.Load())) }
	s, _ := startSandboxWith(t, sandboxOptions{dir: t.TempDir(), clock: clock, policies: regionWith(t, `
  caps.year_pharmacy_total: {value: 5000, assumed: true}
  caps.year_shared_per_beneficiary: {value: 800, assumed: true}
`)})
	till := counterTill(t, s)
	till.insert(t, "1")
	sales := 0
	sell := func(id string, own, shared localapi.Yuan) {
		t.Helper()
		sales++
		sold, _, err := till.client.Settle(t.Context(), session.SettleRequest{SaleRequest: till.bought(id, sales)})
		if err != nil {
			t.Fatal(err)
		}
		if sold.OwnPaid != own || sold.SharedPaid != shared {
			t.Errorf("%s at %s: own %s, shared %s; want %s and %s", id, sold.At, sold.OwnPaid, sold.SharedPaid, own, shared)
		}
		if err := till.accepted(t.Context(), sold.SettlementID, "accepted"); err != nil {
			t.Fatal(err)
		}
	}
	sell("OLD-1", "38.60", "8.00") // all that is on the account, and all of the year's from relatives
	paidIn := s.family.Snapshot(clock())
	paidIn.Bindings, paidIn.Accounts = nil, paidIn.Accounts[:1]
	paidIn.Accounts[0].Balance = 4000
	if err := s.centre.book.Seed(paidIn); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		quote, err := till.client.Quote(t.Context(), till.bought("LOOK", 99))
		if err != nil {
			t.Fatal(err)
		}
		if quote.OwnPaid != "0.00" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("what was paid in does not reach the shop")
		}
	}
	sell("OLD-2", "3.40", "0.00") // what is left of the year's at pharmacies
	sell("OLD-3", "0.00", "0.00")
	ahead.Store(int64(start.Add(30*time.Minute + time.Second).Sub(clock())))
	sell("NEW-1", "36.60", "8.00")
	sell("NEW-2", "0.00", "0.00")
}

// TestAHouseholdThroughTheWire: a household network that is given with a binding reaches the centre and comes back by the feed, for
// the holder and for the member.
func TestAHouseholdThroughTheWire(t *testing.T) {
	const network = "JT-430100-0007"
	s, _ := startSandboxWith(t, sandboxOptions{dir: t.TempDir(), policies: regionWith(t, `
  binding.model: {value: network, assumed: true}
`)})
	till := counterTill(t, s)
	till.insert(t, "3") // the spouse's
	child := s.family.Child
	asked, _, err := till.client.Bind(t.Context(), session.BindRequest{
		RequestID: "NET-1", Terminal: "counter-1", Operator: session.OperatorRequest{ID: "1001", Name: "李敏"},
		Beneficiary: session.RelativeRequest{IDNumber: child.IDNumber, Name: child.Name}, Relation: string(settle.Child), Commitment: true, Network: network,
	})
	if err != nil {
		t.Fatal(err)
	}
	household := func() (answer localapi.BindingsAnswer) {
		t.Helper()
		err := till.until(t.Context(), "the household", func(client.Event) (there bool, err error) {
			answer, err = till.client.Bindings(t.Context(), "counter-1")
			return len(answer.Households) > 0, err
		})
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	want := localapi.HouseholdAnswer{Network: network, Holder: asked.Giver, Role: "holder", Members: []localapi.MemberAnswer{{Name: asked.Beneficiary, Relation: string(settle.Child)}}}
	if got := household().Households; len(got) != 1 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("the holder sees %+v, want %+v", got, want)
	}
	if err := s.Remove(); err != nil {
		t.Fatal(err)
	}
	err = till.until(t.Context(), "the empty reader", func(client.Event) (bool, error) {
		answer, err := till.client.Reader(t.Context())
		return err == nil && answer.Readers[0].Card == nil, err
	})
	if err != nil {
		t.Fatal(err)
	}
	till.insert(t, "4") // the child's
	want.Role = "member"
	if got := household().Households; len(got) != 1 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("the member sees %+v, want %+v", got, want)
	}
}
