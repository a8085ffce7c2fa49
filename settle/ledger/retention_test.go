package ledger

import (
	"testing"
	"time"

	"gongji/settle"
)

// TestPruneKeepsTheBooks: after the years, bodies, lines of the audit record and people of whom there is no record are gone;
// everything of money is there, opens, and verifies; and what is younger stays.
func TestPruneKeepsTheBooks(t *testing.T) {
	h := newHouse(t)
	old := h.buy(h.patient, 1500)
	h.accept(h.due(), h.clock.now())
	var msgid string
	h.peek("SELECT msgid FROM dispatch", &msgid)
	waiting := h.buy(h.patient, 700) // not reported for all those years
	if err := h.RecordIncident(t.Context(), "OLD", nil); err != nil {
		t.Fatal(err)
	}
	// A full snapshot without the stranger and the patient ends them both; only of the patient there are records.
	gone := h.next("S-GONE", h.clock.now().Add(time.Hour))
	gone.Full, gone.People, gone.Accounts, gone.Bindings = true, nil, nil, nil
	h.clock.add(2 * time.Hour)
	h.apply(gone)
	h.clock.add(6 * 365 * 24 * time.Hour)
	if err := h.RecordIncident(t.Context(), "NEW", nil); err != nil {
		t.Fatal(err)
	}
	pruned, err := h.Prune(t.Context(), h.clock.now().AddDate(-5, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	if pruned.Messages != 1 || pruned.Incidents != 1 || pruned.People < 1 {
		t.Errorf("pruned %+v", pruned)
	}
	if _, err := h.DispatchBody(t.Context(), msgid); settle.CodeOf(err) != settle.NotFound {
		t.Errorf("the body of an old message: %v", err)
	}
	incidents, err := h.Incidents(t.Context(), time.Time{}, 10)
	if err != nil || len(incidents) != 1 || incidents[0].Kind != "NEW" {
		t.Errorf("incidents %+v %v", incidents, err)
	}
	if _, err := h.Person(t.Context(), h.PersonID(h.stranger.psnNo)); settle.CodeOf(err) != settle.PersonUnknown {
		t.Errorf("the stranger: %v", err)
	}
	var people int
	h.peek("SELECT COUNT(*) FROM person WHERE id = (SELECT MIN(person) FROM settlement)", &people)
	if people == 0 {
		t.Error("the patient of two settlements was removed")
	}
	for _, s := range []settle.Settlement{old, waiting} {
		if there, err := h.Settlement(t.Context(), s.ID); err != nil || there.Figures != s.Figures {
			t.Errorf("settlement %s: %+v %v", s.ID, there.Figures, err)
		}
	}
	if due, err := h.DueReports(t.Context(), h.clock.now(), 10); err != nil || len(due) != 1 {
		t.Errorf("reports due: %+v %v", due, err)
	}
	h.wantVerified()
	if again, err := h.Prune(t.Context(), h.clock.now().AddDate(-5, 0, 0)); err != nil || again != (Pruned{}) {
		t.Errorf("again: %+v %v", again, err)
	}
}

// peek reads one value of the database as it is.
func (h *house) peek(query string, dest any) {
	h.t.Helper()
	if err := h.read(h.t.Context(), func(t *tx) error { return t.get(query, nil, dest) }); err != nil {
		h.t.Fatal(err)
	}
}
