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

// TestPruneForgetsWhoPeopleWere: somebody whom the centre has ended, and whose last sale is older than records are kept, has no
// name, no number and no card here any more; the sale is there, verifies, and is found by its own numbers. Whoever bought or
// gave since, or waits for the centre, keeps the name.
func TestPruneForgetsWhoPeopleWere(t *testing.T) {
	h := newHouse(t)
	old := h.buy(h.patient, 1500) // the daughter gives
	waiting := h.buy(h.stranger, 700)
	h.accept(h.due(), h.clock.now())
	due := h.due()
	if due.Person != h.id(h.stranger) {
		t.Fatal("the stranger's report is not the one that waits")
	}
	gone := h.next("S-GONE", h.clock.now().Add(time.Hour))
	gone.Full, gone.People, gone.Accounts, gone.Bindings = true, nil, nil, nil
	h.clock.add(2 * time.Hour)
	h.apply(gone)
	prune := func() Pruned {
		t.Helper()
		p, err := h.Prune(t.Context(), h.clock.now().AddDate(-5, 0, 0))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	h.clock.add(4 * 365 * 24 * time.Hour)
	if p := prune(); p.Names != 0 {
		t.Errorf("forgotten within the years: %+v", p)
	}
	h.clock.add(2 * 365 * 24 * time.Hour)
	if p := prune(); p.Names != 2 { // the patient and the daughter
		t.Errorf("pruned %+v", p)
	}
	named := func(who human) (name string) {
		t.Helper()
		err := h.read(t.Context(), func(tx *tx) error {
			row := personRow{}
			pid, _ := tx.vault().pid(h.id(who))
			if err := tx.get("SELECT sealed FROM person WHERE pid = ?", []any{pid}, &row.sealed); err != nil {
				return err
			}
			is, err := tx.identity(&row)
			name = is.Name + is.Certno + is.PsnNo
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return name
	}
	if named(h.patient) != "" || named(h.daughter) != "" || named(h.stranger) == "" {
		t.Errorf("patient %q, daughter %q, stranger %q", named(h.patient), named(h.daughter), named(h.stranger))
	}
	if page, err := h.Records(t.Context(), settle.RecordQuery{Name: h.patient.name, Limit: 5}); err != nil || len(page.Records) != 0 {
		t.Errorf("found by name: %d %v", len(page.Records), err)
	}
	for _, s := range []settle.Settlement{old, waiting} {
		if there, err := h.Settlement(t.Context(), s.ID); err != nil || there.Figures != s.Figures {
			t.Errorf("settlement %s: %v %v", s.ID, there.Figures, err)
		}
	}
	if page, err := h.Records(t.Context(), settle.RecordQuery{Limit: 5}); err != nil || len(page.Records) != 2 {
		t.Errorf("listed: %d %v", len(page.Records), err)
	}
	h.wantVerified()
	h.accept(due, h.clock.now())
	if p := prune(); p.Names != 1 { // the stranger's report is through
		t.Errorf("again: %+v", p)
	}
	back := h.next("S-BACK", h.clock.now())
	back.People = []settle.SnapshotPerson{h.patient.snapshot()}
	h.apply(back) // the centre names the patient again
	if named(h.patient) == "" {
		t.Error("somebody who came back has no name")
	}
	h.wantVerified()
}
