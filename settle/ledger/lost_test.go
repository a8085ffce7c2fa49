package ledger

import (
	"testing"
	"time"

	"gongji/settle"
)

// TestReportLostRow: a row that the comparison shows the centre to have lost may be reported again, once, under a new msgid; its
// money counts as not contained meanwhile. What another report has followed, or what only the centre has, may not.
func TestReportLostRow(t *testing.T) {
	h := newHouse(t)
	sold := h.buy(h.patient, 400)
	report := h.due()
	h.accept(report, noon)
	booked := h.rows(20261122, 20261122)
	day := settle.Date(20261122)
	lost := settle.ReconcileDifference{Kind: settle.VenueOnly, SetlID: booked[0].SetlID, Settlement: sold.ID, Ours: settle.SideAmounts{Total: 400, Account: 400}}
	record := func(differences ...settle.ReconcileDifference) []Attention {
		t.Helper()
		h.clock.add(time.Minute)
		err := h.RecordReconciliation(t.Context(), settle.Reconciliation{Day: day, At: h.clock.now(), Balanced: len(differences) == 0, Differences: differences})
		if err != nil {
			t.Fatal(err)
		}
		items, err := h.AttentionList(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}
		return items
	}
	other := lost
	other.SetlID = "S430100000000000099" // a row of the settlement that is not the one that stands
	if items := record(other); len(items[0].Decisions) != 1 {
		t.Errorf("another row allows %v", items[0].Decisions)
	}
	items := record(lost)
	if len(items) != 1 || items[0].Decisions[0] != settle.DecideReReport {
		t.Fatalf("%+v", items)
	}
	h.decide(items[0].ID, settle.DecideReReport)
	again := h.due()
	if again.ID != report.ID || again.State != settle.ReportPending {
		t.Fatalf("%+v is due", again)
	}
	s := h.next("S-2", noon.Add(10*time.Minute)) // of the centre that does not know the sale
	s.Accounts = []settle.SnapshotAccount{h.patient.account(1000)}
	h.apply(s)
	h.wantAvailable(h.patient, 600)
	h.wantVerified()
	h.accept(again, noon.Add(11*time.Minute))
	if len(h.rows(20261122, 20261122)) != 1 {
		t.Error("the sale counts twice")
	}
	h.wantVerified()
	if items := record(); len(items) != 0 {
		t.Errorf("open %+v", items)
	}
}
