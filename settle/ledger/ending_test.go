package ledger

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gongji/settle"
)

// later is the family's snapshot at a later centre time, changed.
func (h *house) later(id string, minutes int, change func(*settle.Snapshot)) settle.Snapshot {
	s := h.family()
	s.ID, s.CentreTime, s.Cursor = id, noon.Add(time.Duration(minutes)*time.Minute), id
	if change != nil {
		change(&s)
	}
	return s
}

func (h *house) view(who human, binding string) settle.BindingView {
	h.t.Helper()
	family, err := h.Bindings(h.t.Context(), h.id(who))
	if err != nil {
		h.t.Fatal(err)
	}
	var found []settle.BindingView
	for _, v := range family.Bindings {
		if v.ID == binding {
			found = append(found, v)
		}
	}
	if len(found) != 1 {
		h.t.Fatalf("%d views of %s", len(found), binding)
	}
	return found[0]
}

func (h *house) pendingRequests(who human) []settle.RequestView {
	h.t.Helper()
	family, err := h.Bindings(h.t.Context(), h.id(who))
	if err != nil {
		h.t.Fatal(err)
	}
	return family.Open
}

// The daughter dies: her binding ends here, is reported, stays ended whatever the centre still sends, and is confirmed.
func TestDeathEndsABinding(t *testing.T) {
	h := newHouse(t)
	died := func(s *settle.Snapshot) { s.People[1].Status = settle.StatusDeceased }
	h.apply(h.later("S-2", 1, died))
	view := h.view(h.patient, "B-1")
	if view.State != "ended" || view.End == nil || view.End.Reason != settle.EndDeath || !view.End.OfGiver || view.End.ByCentre ||
		!strings.Contains(view.End.Words.Message, "已故，绑定自动解除") || view.ValidTo != 20261121 {
		t.Errorf("view %+v, end %+v", view, view.End)
	}
	if got := h.shared(h.patient, 40000); got != 20000 {
		t.Errorf("shared %s: a dead giver pays", got)
	}
	report := h.due()
	d, err := h.Dossier(t.Context(), report.ID)
	if err != nil || report.Kind != settle.ReportBinding || d.Request.Action != settle.BindingUnbind || d.Request.Binding != "B-1" ||
		d.Request.EndReason != settle.EndDeath || d.Request.POS != endingPOS || d.Identity.PsnNo != h.daughter.psnNo || d.Other.PsnNo != h.patient.psnNo {
		t.Fatalf("report %+v, request %+v, %v", report, d.Request, err)
	}
	// The centre sends the binding on and on, once even with the daughter alive again.
	h.apply(h.later("S-3", 2, died))
	h.apply(h.later("S-4", 3, nil))
	if got := h.shared(h.patient, 40000); got != 20000 {
		t.Errorf("shared %s: the binding came back", got)
	}
	if open := h.pendingRequests(h.patient); len(open) != 1 || open[0].State != settle.RequestPending {
		t.Errorf("requests %+v: our own word is no confirmation", open)
	}
	h.reopen()
	h.wantVerified()
	ended := bind("B-1", h.daughter, h.patient, settle.Parent, 1)
	ended.Active = false
	h.answer(settle.RequestConfirmed, "", &ended)
	if view := h.view(h.patient, "B-1"); !view.End.ByCentre {
		t.Error("the centre's confirmation is not shown")
	}
	if open := h.pendingRequests(h.patient); len(open) != 0 {
		t.Errorf("requests %+v after the confirmation", open)
	}
	if list, err := h.AttentionList(t.Context(), 5); err != nil || len(list) != 0 {
		t.Errorf("attention %+v %v", list, err)
	}
	h.wantVerified()
}

// A binding that the centre makes anew lives, and is not ended again by what was known before.
func TestANewBindingLives(t *testing.T) {
	h := newHouse(t)
	h.apply(h.later("S-2", 1, func(s *settle.Snapshot) { s.People[1].Area = "440300" }))
	if view := h.view(h.daughter, "B-1"); view.State != "ended" || view.End.Reason != settle.EndMoved || !view.AsGiver {
		t.Fatalf("view %+v", view)
	}
	anew := func(s *settle.Snapshot) { s.Bindings[0].BoundAt, s.Bindings[0].ValidFrom = 20261122, 20261122 }
	h.apply(h.later("S-3", 2, anew))
	if view := h.view(h.daughter, "B-1"); view.State != "active" {
		t.Errorf("state %s after the centre bound anew", view.State)
	}
	if got := h.shared(h.patient, 40000); got != 25000 {
		t.Errorf("shared %s", got)
	}
	h.apply(h.later("S-4", 3, anew))
	h.wantVerified()
	// What happens to the new one ends it again.
	h.apply(h.later("S-5", 4, func(s *settle.Snapshot) { anew(s); s.People[0].Status = settle.StatusEnded }))
	if view := h.view(h.daughter, "B-1"); view.State != "ended" || view.End.Reason != settle.EndInsuranceEnded || view.End.OfGiver {
		t.Errorf("view %+v", view)
	}
	h.wantVerified()
}

// The same facts twice, or a centre that ends the binding itself, make one end or none.
func TestEndsAreMadeOnce(t *testing.T) {
	h := newHouse(t)
	moved := func(s *settle.Snapshot) { s.People[1].Area = "440300" }
	h.apply(h.later("S-2", 1, moved))
	h.apply(h.later("S-2", 1, moved))
	h.apply(h.later("S-3", 2, func(s *settle.Snapshot) { s.People[1].Area = "510100" }))
	if report := h.wantVerified(); report.Requests != 1 {
		t.Errorf("%d requests", report.Requests)
	}
	h.apply(h.later("S-4", 3, func(s *settle.Snapshot) { moved(s); s.Bindings = s.Bindings[1:]; s.EndedBinds = []string{"B-1"} }))
	if open := h.pendingRequests(h.patient); len(open) != 0 {
		t.Errorf("requests %+v: the centre has ended it", open)
	}
	other := newHouse(t)
	other.apply(other.later("S-2", 1, func(s *settle.Snapshot) {
		s.People[1].Status, s.Bindings[0].Active = settle.StatusDeceased, false
	}))
	if report := other.wantVerified(); report.Requests != 0 {
		t.Errorf("%d requests for a binding that the centre has ended", report.Requests)
	}
}

// The policy decides; and an end of the day lets today's bills be paid.
func TestPolicyDecidesOnEnds(t *testing.T) {
	h := newHouse(t)
	h.rules.Binding.AutoEndOn = []string{"death"}
	h.apply(h.later("S-2", 1, func(s *settle.Snapshot) { s.People[1].Area = "440300" }))
	if view := h.view(h.daughter, "B-1"); view.State != "active" {
		t.Errorf("state %s where moving ends nothing", view.State)
	}
	h.rules.Binding.AutoEndOn, h.rules.Binding.UnbindEffect = []string{"insurance_ended"}, "next_day"
	h.apply(h.later("S-3", 2, func(s *settle.Snapshot) { s.People[3].Status = settle.StatusEnded }))
	if view := h.view(h.child, "B-3"); view.State != "ended" || view.ValidTo != 20261122 {
		t.Errorf("view %+v", view)
	}
	h.wantVerified()
}

// An import of people in one file and of bindings in the next ends what cannot be.
func TestAFreshBindingOfTheDeadEnds(t *testing.T) {
	h := openHouse(t)
	s := h.family()
	s.Bindings, s.People[1].Status = nil, settle.StatusDeceased
	h.apply(s)
	h.apply(h.later("S-2", 1, func(s *settle.Snapshot) { s.People = nil }))
	if view := h.view(h.patient, "B-1"); view.State != "ended" {
		t.Errorf("state %s", view.State)
	}
	h.wantVerified()
}

func TestPreviewKnowsWhatStaysEnded(t *testing.T) {
	h := newHouse(t)
	died := func(s *settle.Snapshot) { s.People[1].Status = settle.StatusDeceased }
	h.apply(h.later("S-2", 1, died))
	diff, err := h.CompareSnapshot(t.Context(), h.later("S-3", 2, died))
	if err != nil || diff.Bindings.Changed != 0 || diff.Bindings.Unchanged != 3 {
		t.Errorf("bindings %+v, %v", diff.Bindings, err)
	}
}

func TestVerifyFindsATamperedEnd(t *testing.T) {
	for name, c := range map[string]struct{ change, found string }{
		"revived by hand":  {"UPDATE binding SET active = 1, valid_to = 0 WHERE ref = 'B-1'", "the binding that ended lives"},
		"marked revived":   {"UPDATE binding_end SET revived = 1", "nobody bound it anew"},
		"another reason":   {"UPDATE binding_end SET reason = 'insurance_moved'", "the end of a binding differs"},
		"taken out":        {"DELETE FROM binding_end", "the end of a binding is gone"},
		"the binding gone": {"DELETE FROM binding WHERE ref = 'B-1'", "the binding that ended is gone"},
	} {
		h := newHouse(t)
		h.apply(h.later("S-2", 1, func(s *settle.Snapshot) { s.People[1].Status = settle.StatusDeceased }))
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
		db, err := sql.Open("sqlite3", filepath.Join(h.options.Dir, databaseName))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(c.change); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		h.open()
		report, err := h.Verify(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		for _, f := range report.Findings {
			text += f.String() + "\n"
		}
		if !strings.Contains(text, c.found) {
			t.Errorf("%s: found %q", name, text)
		}
	}
}

// Two venues hear of the same death, and the centre refuses whoever comes second: once its own word says that the binding is
// over, nobody has to look into it, in whichever order the two arrive.
func TestAnEndThatAnotherVenueReported(t *testing.T) {
	died := func(s *settle.Snapshot) { s.People[1].Status = settle.StatusDeceased }
	told := func(s *settle.Snapshot) { died(s); s.Bindings[0].Active = false }
	named := func(s *settle.Snapshot) {
		died(s)
		s.Bindings, s.EndedBinds = s.Bindings[1:], []string{s.Bindings[0].ID}
	}
	open := func(h *house, want int) {
		t.Helper()
		if list, err := h.AttentionList(t.Context(), 5); err != nil || len(list) != want {
			t.Errorf("attention %+v %v, want %d", list, err, want)
		}
	}
	for name, over := range map[string]func(*settle.Snapshot){"inactive": told, "ended by name": named} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.apply(h.later("S-2", 1, died))
			h.answer(settle.RequestRefused, "双方没有有效的共济绑定", nil)
			open(h, 1) // the centre contradicts itself so far
			h.apply(h.later("S-3", 2, died))
			open(h, 1)
			h.apply(h.later("S-4", 3, over))
			open(h, 0)
			h.wantVerified()
		})
		t.Run(name+" first", func(t *testing.T) {
			h := newHouse(t)
			h.apply(h.later("S-2", 1, died))
			h.apply(h.later("S-3", 2, over))
			h.answer(settle.RequestRefused, "双方没有有效的共济绑定", nil)
			open(h, 0)
		})
	}
}
