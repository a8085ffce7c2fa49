package outbox

import (
	"testing"
	"time"

	"gongji/settle"
	"gongji/sync/centre"
)

// TestEndOfABindingThatTheCentreNeverHad: a binding is known from an import alone, and its giver dies. The centre has nothing to
// end; the report is through, the binding stays ended, and nobody has to decide anything.
func TestEndOfABindingThatTheCentreNeverHad(t *testing.T) {
	family := centre.DemoFamily(settle.DateOf(time.Now()))
	at := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	h := newShop(t, quickDir(t), false, family.Snapshot(at), family.Members())
	defer h.close()
	imported := family.Snapshot(at.Add(time.Second))
	imported.ID = "import"
	imported.Bindings = []settle.SnapshotBinding{{
		ID: "B-IMPORT-1", Giver: family.Stranger.PsnNo, Beneficiary: family.Patient.PsnNo, Relation: settle.Sibling, Rank: 9, BoundAt: 20250101,
		ValidFrom: 20250101, Mode: settle.Direct, Active: true,
	}}
	if err := h.ApplySnapshot(t.Context(), imported); err != nil {
		t.Fatal(err)
	}
	died := imported
	died.ID, died.CentreTime = "death", at.Add(2*time.Second)
	died.People = append([]settle.SnapshotPerson(nil), died.People...)
	for i := range died.People {
		if died.People[i].PsnNo == family.Stranger.PsnNo {
			died.People[i].Status = settle.StatusDeceased
		}
	}
	if err := h.ApplySnapshot(t.Context(), died); err != nil {
		t.Fatal(err)
	}
	if totals, err := h.OutboxTotals(t.Context()); err != nil || totals.Unsent != 1 {
		t.Fatalf("%+v, %v: the end is not reported", totals, err)
	}
	l := h.begin(time.Second, time.Minute, nil)
	if !h.rest(10 * time.Second) {
		t.Fatal("no rest")
	}
	l.end(t)
	if list, err := h.AttentionList(t.Context(), 10); err != nil || len(list) != 0 {
		t.Errorf("somebody is asked: %+v, %v", list, err)
	}
	bindings, err := h.Bindings(t.Context(), h.PersonID(family.Stranger.PsnNo))
	if err != nil || len(bindings.Bindings) != 1 || bindings.Bindings[0].State != "ended" || bindings.Bindings[0].ValidTo == 0 || len(bindings.Open) != 0 {
		t.Errorf("%+v, %v", bindings, err)
	}
	if report, err := h.Verify(t.Context(), nil); err != nil || !report.OK() {
		t.Errorf("%+v, %v", report, err)
	}
}
