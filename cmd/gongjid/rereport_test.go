package main

import (
	"testing"
	"time"

	"gongji/daemon/localapi/client"
	"gongji/daemon/session"
	"gongji/settle"
	"gongji/sync/centre"
)

// TestAbsentSaleIsReportedAgain: a sale that the centre acknowledged and does not have is found by the reconciliation, is sent
// again only where the centre's own file proves its absence, stands there once, and the day agrees.
func TestAbsentSaleIsReportedAgain(t *testing.T) {
	lost := false
	s, _ := startSandboxWith(t, sandboxOptions{dir: t.TempDir(), faults: func(infno string) centre.Fault {
		if infno == "2102" && !lost {
			lost = true
			return centre.Fault{Kind: centre.FaultVenueOnly}
		}
		return centre.Fault{}
	}})
	till := counterTill(t, s)
	till.insert(t, "1")
	for _, id := range []string{"M-1", "M-2"} {
		if err := till.accepted(t.Context(), till.mask(t, id), "accepted"); err != nil {
			t.Fatal(err)
		}
	}
	today := settle.DateOf(time.Now()).String()
	office := manage(t, s)
	day, err := office.Reconcile(t.Context(), today)
	if err != nil || len(day.Items) != 1 || day.Items[0].Class != "venue_only" || day.Items[0].Action != "re_report" {
		t.Fatalf("%+v, %v", day, err)
	}
	if n := len(s.centre.book.Standing()); n != 1 {
		t.Fatalf("the centre has %d rows", n)
	}
	item := day.Items[0].AttentionID
	decide := session.CloseAttentionRequest{Decision: "re_report", Operator: session.OperatorRequest{ID: "2001"}, Note: "中心漏记"}
	wait := time.Now().Add(20 * time.Second)
	for {
		_, err := office.CloseAttention(t.Context(), item, decide)
		if err == nil {
			break
		}
		wantProblem(t, err, settle.BadRequest) // its absence is not proved yet
		if time.Now().After(wait) {
			t.Fatal("its absence is never proved")
		}
		time.Sleep(20 * time.Millisecond)
	}
	err = till.until(t.Context(), "the second report", func(client.Event) (bool, error) {
		return len(s.centre.book.Standing()) == 2, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = office.CloseAttention(t.Context(), item, decide)
	wantProblem(t, err, settle.NotFound)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if day, err = office.Reconcile(t.Context(), today); err != nil || day.State == "agreed" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the day never agrees: %+v", day)
		}
	}
	if err != nil || len(s.centre.book.Standing()) != 2 {
		t.Errorf("%d rows, %v", len(s.centre.book.Standing()), err)
	}
}
