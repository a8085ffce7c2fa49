package ledger

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"gongji/settle"
)

func (h *house) compare(s settle.Snapshot) settle.SnapshotDiff {
	h.t.Helper()
	diff, err := h.CompareSnapshot(h.t.Context(), s)
	if err != nil {
		h.t.Fatal(err)
	}
	return diff
}

// TestComparisonSaysWhatApplyingDoes: every kind of change is counted as such before, and as unchanged afterwards.
func TestComparisonSaysWhatApplyingDoes(t *testing.T) {
	h := newHouse(t)
	s := h.family()
	s.ID, s.Cursor, s.CentreTime = "S-2", "", noon
	if diff := h.compare(s); diff.People != (settle.FactChanges{Unchanged: 5}) || diff.Accounts != (settle.FactChanges{Unchanged: 4}) ||
		diff.Bindings.Unchanged != len(s.Bindings) || len(diff.Examples) != 0 {
		t.Fatalf("the same again: %+v", diff)
	}
	newcomer := invent(60)
	s.People[0].Status, s.People[1].Cards = settle.StatusPaused, nil
	s.People = append(s.People, newcomer.snapshot())
	s.Accounts[0].Balance, s.Accounts[1].Limit = 1, settle.CapOf(5)
	s.Accounts = append(s.Accounts, newcomer.account(7))
	s.Bindings[0].Rank, s.Bindings[1].Active = 9, false
	s.Bindings = append(s.Bindings, bind("B-60", newcomer, h.patient, settle.Child, 3))
	s.Usage = []settle.SnapshotUsage{{PsnNo: h.patient.psnNo, DayShared: 5, AsOf: 20261122}}
	s.EndedPsnNo = []string{invent(99).psnNo} // nobody
	diff := h.compare(s)
	want := settle.SnapshotDiff{
		People:   settle.FactChanges{New: 1, Changed: 2, Unchanged: 3},
		Accounts: settle.FactChanges{New: 1, Changed: 2, Unchanged: 2},
		Bindings: settle.FactChanges{New: 1, Changed: 1, Ended: 1, Unchanged: len(s.Bindings) - 3},
		Usage:    settle.FactChanges{New: 1},
	}
	examples := diff.Examples
	diff.Examples = nil
	if !reflect.DeepEqual(diff, want) {
		t.Errorf("got  %+v\nwant %+v", diff, want)
	}
	var shown []string
	for _, e := range examples {
		shown = append(shown, fmt.Sprint(e.Kind, " ", e.Change, " ", e.Place, " ", strings.Join(e.Fields, ",")))
	}
	for _, text := range []string{
		"person changed people[0] status", "person changed people[1] cards", "person new people[5] ", "account changed accounts[0] pots",
		"account changed accounts[1] limit", "account new accounts[4] ", "binding changed bindings[0] rank", "binding ended bindings[1] ",
	} {
		if !slices.Contains(shown, text) {
			t.Errorf("%q is not among %q", text, shown)
		}
	}
	h.wantAvailable(h.patient, 1000) // nothing is written
	h.apply(s)
	if diff := h.compare(s); diff.People.Unchanged != 6 || diff.Accounts.Unchanged != 5 || diff.Bindings.Unchanged != len(s.Bindings) || diff.Usage.Unchanged != 1 {
		t.Errorf("after it was applied: %+v", diff)
	}
	h.wantVerified()
}

// TestComparisonOfAFullSnapshot counts what is ended by not being named, and leaves what is known from later.
func TestComparisonOfAFullSnapshot(t *testing.T) {
	h := newHouse(t)
	swiped := h.next("S-swipe", noon.Add(time.Minute))
	swiped.People = []settle.SnapshotPerson{h.stranger.snapshot()}
	h.apply(swiped)
	full := h.next("S-full", noon)
	full.Full = true
	full.People = []settle.SnapshotPerson{h.patient.snapshot(), h.spouse.snapshot()}
	full.Accounts = []settle.SnapshotAccount{h.patient.account(1000), h.spouse.account(20000)}
	full.Bindings = []settle.SnapshotBinding{bind("B-2", h.spouse, h.patient, settle.Spouse, 2)}
	diff := h.compare(full)
	active := len(h.family().Bindings) - 1
	if diff.People != (settle.FactChanges{Ended: 2, Unchanged: 2}) || diff.Accounts != (settle.FactChanges{Ended: 2, Unchanged: 2}) ||
		diff.Bindings != (settle.FactChanges{Ended: active, Unchanged: 1}) {
		t.Errorf("%+v", diff)
	}
	h.apply(full)
	if diff := h.compare(full); diff.People.Ended+diff.Accounts.Ended+diff.Bindings.Ended != 0 {
		t.Errorf("ended twice: %+v", diff)
	}
	named := h.next("S-named", noon.Add(time.Second))
	named.EndedBinds, named.EndedPsnNo = []string{"B-2", "B-none"}, []string{h.spouse.psnNo}
	if diff := h.compare(named); diff.Bindings.Ended != 1 || diff.People.Ended != 1 {
		t.Errorf("ended by name: %+v", diff)
	}
}

// TestOlderSnapshotIsKeptOut: what the ledger knows from later counts as kept, and applying leaves it.
func TestOlderSnapshotIsKeptOut(t *testing.T) {
	h := newHouse(t)
	old := h.family()
	old.ID, old.Cursor, old.CentreTime = "S-old", "", noon.Add(-time.Hour)
	old.Accounts[0].Balance, old.People[0].Status, old.Bindings[0].Active = 99999, settle.StatusDeceased, false
	old.People = append(old.People, invent(60).snapshot())
	diff := h.compare(old)
	if diff.People != (settle.FactChanges{New: 1, Kept: 5}) || diff.Accounts != (settle.FactChanges{Kept: 4}) || diff.Bindings.Kept != len(old.Bindings) {
		t.Fatalf("%+v", diff)
	}
	h.apply(old)
	h.wantAvailable(h.patient, 1000)
	if p, err := h.Person(t.Context(), h.id(h.patient)); err != nil || p.Status != settle.StatusNormal {
		t.Errorf("person %+v, %v", p.Status, err)
	}
	if got := h.buy(h.patient, 2000); got.Figures.Shared == 0 {
		t.Errorf("an older file ended a binding: %+v", got.Figures)
	}
}

func TestComparisonRefusesWhatApplyingRefuses(t *testing.T) {
	h := newHouse(t)
	s := h.next("S-9", noon)
	s.Accounts = []settle.SnapshotAccount{invent(51).account(2)}
	s.Bindings = []settle.SnapshotBinding{bind("B-9", invent(52), h.patient, settle.Child, 3)}
	s.Usage = []settle.SnapshotUsage{{PsnNo: invent(53).psnNo}}
	_, err := h.CompareSnapshot(t.Context(), s)
	compared := wantCode(t, err, settle.BadRequest)
	applied := wantCode(t, h.ApplySnapshot(t.Context(), s), settle.BadRequest)
	if !reflect.DeepEqual(compared.Fields, applied.Fields) || len(compared.Fields) != 3 {
		t.Errorf("compared %+v\napplied  %+v", compared.Fields, applied.Fields)
	}
	s = settle.Snapshot{}
	_, err = h.CompareSnapshot(t.Context(), s)
	wantCode(t, err, settle.BadRequest)
}

func TestSnapshotsApplied(t *testing.T) {
	h := newHouse(t)
	for _, id := range []string{"file:A:1", "file:A:2", "file:AB:1", "file:%:1"} {
		h.apply(h.next(id, noon))
	}
	for prefix, want := range map[string][]string{"file:A:": {"file:A:1", "file:A:2"}, "file:%": {"file:%:1"}, "x": nil} {
		if got, err := h.SnapshotsApplied(t.Context(), prefix); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v", prefix, got, err)
		}
	}
}
