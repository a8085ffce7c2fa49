package ledger

import (
	"testing"
	"time"
)

// TestReceiptsAreNumberedWithoutGaps: within a day, over a refusal, a restart and midnight.
func TestReceiptsAreNumberedWithoutGaps(t *testing.T) {
	h := newHouse(t)
	want := func(receipt string) {
		t.Helper()
		if got := h.settle(h.order(h.patient, line("1", 1))).ReceiptNo; got != receipt {
			t.Errorf("receipt %s, want %s", got, receipt)
		}
	}
	want("20261122-000001")
	want("20261122-000002")
	refused := h.order(h.patient, line("1", 1))
	refused.QuoteDigest = "of another bill"
	if _, _, err := h.Settle(t.Context(), refused); err == nil {
		t.Fatal("a changed quote was settled")
	}
	half := h.order(h.patient, line("1", 1))
	_ = h.write(t.Context(), func(t *tx) error {
		if _, _, err := t.settle(&half); err != nil {
			return err
		}
		panic("after the receipt was numbered")
	})
	want("20261122-000003")
	h.reopen()
	want("20261122-000004")
	h.clock.add(12 * time.Hour)
	want("20261123-000001")
	h.clock.add(-12 * time.Hour) // the wall clock was set right
	want("20261122-000005")
	h.clock.add(12 * time.Hour)
	want("20261123-000002")
	h.wantVerified()
}

// TestOneBatchOverMidnight: a transaction may book on both days.
func TestOneBatchOverMidnight(t *testing.T) {
	h := newHouse(t)
	one, two := h.order(h.patient, line("1", 1)), h.order(h.patient, line("1", 2))
	var numbers []string
	err := h.write(t.Context(), func(t *tx) error {
		first, _, err := t.settle(&one)
		if err != nil {
			return err
		}
		h.clock.add(12 * time.Hour)
		second, _, err := t.settle(&two)
		numbers = append(numbers, first.ReceiptNo, second.ReceiptNo)
		return err
	})
	if err != nil || numbers[0] != "20261122-000001" || numbers[1] != "20261123-000001" {
		t.Fatal(numbers, err)
	}
	h.reopen()
	if got := h.settle(h.order(h.patient, line("1", 3))).ReceiptNo; got != "20261123-000002" {
		t.Errorf("the next day goes on with %s", got)
	}
}
