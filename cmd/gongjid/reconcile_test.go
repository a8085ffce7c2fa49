package main

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gongji/daemon/localapi/client"
	"gongji/daemon/session"
	"gongji/settle"
	"gongji/sync/centre"
)

// planned is a plan of faults.
func planned(t *testing.T, plans ...string) centre.Faults {
	t.Helper()
	faults, err := centre.PlanFaults(plans)
	if err != nil {
		t.Fatal(err)
	}
	return faults
}

// sell settles the script's basket for the patient.
func (t *scriptedTill) sell(tb testing.TB, saleID string) string {
	tb.Helper()
	settled, _, err := t.client.Settle(tb.Context(), session.SettleRequest{SaleRequest: t.bill(saleID)})
	if err != nil {
		tb.Fatal(err)
	}
	return settled.SettlementID
}

// mask settles something small, so that the centre has booked something for the patient.
func (t *scriptedTill) mask(tb testing.TB, saleID string) string {
	tb.Helper()
	sale := t.bill(saleID)
	sale.Lines = []session.LineRequest{{
		ID: "1", Code: "C14010200002", ShopCode: "7002", Name: "医用口罩", Class: "consumable", Quantity: "1", UnitPrice: "9.90", Total: "9.90",
	}}
	settled, _, err := t.client.Settle(tb.Context(), session.SettleRequest{SaleRequest: sale})
	if err != nil {
		tb.Fatal(err)
	}
	return settled.SettlementID
}

// TestLostAnswersAreProved: a 2102 whose answer is lost, or that a gateway swallowed, and that 2601 cannot find, is resolved
// by the day's items; either way the sale is booked exactly once.
func TestLostAnswersAreProved(t *testing.T) {
	for name, fault := range map[string]string{"booked": "2102=lose-answer", "swallowed": "2102=502-before"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var warm atomic.Bool
			lost, blind := planned(t, fault), planned(t, "2601=blind:1000")
			s, log := startSandboxWith(t, sandboxOptions{dir: t.TempDir(), faults: func(infno string) centre.Fault {
				switch {
				case infno == "2601":
					return blind(infno)
				case infno == "2102" && warm.CompareAndSwap(false, true): // the centre names its office with the first booking
					return centre.Fault{}
				}
				return lost(infno)
			}})
			till := counterTill(t, s)
			till.insert(t, "1")
			if err := till.accepted(t.Context(), till.mask(t, "FIRST"), "accepted"); err != nil {
				t.Fatal(err)
			}
			sold := till.sell(t, "LOST")
			seen := false
			err := till.until(t.Context(), "the lost sale", func(client.Event) (bool, error) {
				now, err := till.client.Settlement(t.Context(), sold)
				seen = seen || now.Report == string(settle.ReportUnknown)
				return err == nil && now.Report == string(settle.ReportAccepted), err
			})
			if err != nil {
				t.Fatalf("%v\n%s", err, log)
			}
			if !seen {
				t.Error("the sale was never unknown: nothing was lost")
			}
			if rows := s.centre.book.Standing(); len(rows) != 2 {
				t.Errorf("the centre has %d rows, want 2", len(rows))
			}
			text := scrape(t, s)
			for _, want := range []string{"\ngongji_outbox_unknown 0\n", "\ngongji_reconcile_differences 0\n", "\ngongji_attention_items{kind=\"unknown\"} 0\n"} {
				if !strings.Contains(text, want) {
					t.Errorf("the metrics do not hold %q", want)
				}
			}
		})
	}
}

// TestMissedDayIsReconciledAtStart: the day before yesterday was not reconciled, for the daemon did not run since. A row that
// only the centre has waits for a person; one that both have does not.
func TestMissedDayIsReconciledAtStart(t *testing.T) {
	dir := t.TempDir()
	const behind = 48 * time.Hour // over at any time of the day; yesterday is not before half past midnight
	t.Run("the day before yesterday", func(t *testing.T) {
		var booked atomic.Int64
		s, _ := startSandboxWith(t, sandboxOptions{
			dir: dir, clock: func() time.Time { return time.Now().Add(-behind) },
			faults: func(infno string) centre.Fault {
				if infno != "2102" {
					return centre.Fault{}
				}
				if booked.Add(1) == 2 {
					return centre.Fault{Kind: centre.FaultCentreOnly}
				}
				return centre.Fault{}
			},
		})
		till := counterTill(t, s)
		till.insert(t, "1")
		if err := till.accepted(t.Context(), till.mask(t, "Y-1"), "accepted"); err != nil {
			t.Fatal(err)
		}
		refused := till.mask(t, "Y-2")
		err := till.until(t.Context(), "the refusal", func(client.Event) (bool, error) {
			now, err := till.client.Settlement(t.Context(), refused)
			return err == nil && now.Report == string(settle.ReportRefused), err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	s, log := startSandboxWith(t, sandboxOptions{dir: dir})
	deadline := time.Now().Add(20 * time.Second)
	for !strings.Contains(scrape(t, s), "\ngongji_reconcile_differences 1\n") {
		if time.Now().After(deadline) {
			t.Fatalf("the day was not reconciled:\n%s", log)
		}
		time.Sleep(20 * time.Millisecond) // between two looks
	}
	if !strings.Contains(scrape(t, s), "\ngongji_attention_items{kind=\"one_sided\"} 1\n") {
		t.Error("nobody is asked to decide")
	}
	if !s.daemon.Ready().Ready {
		t.Error("a difference must not stop the counter")
	}
}
