package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"gongji/settle"
)

// crowd is a snapshot of n patients with a giver each: n*5 facts and a little more.
func (h *house) crowd(id string, centre time.Time, n int, balance settle.Fen) settle.Snapshot {
	s := h.next(id, centre)
	for i := range n {
		own, giver := invent(1000+i), invent(100_500+i)
		s.People = append(s.People, own.snapshot(), giver.snapshot())
		s.Accounts = append(s.Accounts, own.account(100), giver.account(balance))
		s.Bindings = append(s.Bindings, bind(fmt.Sprintf("C-%d", i), giver, own, settle.Parent, 1))
	}
	s.Usage = []settle.SnapshotUsage{{PsnNo: invent(1000).psnNo, DayShared: 5, MonthShared: 6, YearShared: 7, AsOf: 20261122}}
	return s
}

// stageAll gathers a snapshot without letting it count.
func (h *house) stageAll(s settle.Snapshot) settle.SnapshotStage {
	h.t.Helper()
	stage, err := h.StageSnapshot(h.t.Context(), s.CentreTime, s.Full, false)
	if err == nil {
		err = stage.Add(h.t.Context(), s)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return stage
}

// facts dumps what the ledger knows of people, accounts, bindings, cards and usage, apart from row ids and generations.
func (h *house) facts() map[string]int {
	h.t.Helper()
	rows := map[string]int{}
	err := h.read(h.t.Context(), func(t *tx) error {
		for _, query := range []string{
			"SELECT 'person', hex(pid), status || area || as_of || gone FROM person",
			`SELECT 'account', hex(p.pid), a.balance || ' ' || a.contains || ' ' || a.as_of || ' ' || a.gone FROM account a JOIN person p ON p.id = a.person`,
			`SELECT 'binding', b.ref, hex(g.pid) || hex(p.pid) || b.rank || b.active || ' ' || b.contains || ' ' || b.as_of FROM binding b
				JOIN person g ON g.id = b.giver JOIN person p ON p.id = b.beneficiary`,
			"SELECT 'card', hex(c.hash), hex(p.pid) || c.status || c.as_of FROM card c JOIN person p ON p.id = c.person",
			"SELECT 'usage', hex(p.pid), u.day_shared || ' ' || u.contains || ' ' || u.as_of FROM usage u JOIN person p ON p.id = u.person",
			"SELECT 'meta', name, CAST(value AS TEXT) FROM meta WHERE name IN ('feed_cursor', 'last_pull', 'last_snapshot')",
		} {
			err := t.each(query, nil, func(scan func(dest ...any) error) error {
				var kind, key, rest string
				err := scan(&kind, &key, &rest)
				rows[kind+" "+key+" "+rest]++
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return rows
}

func (h *house) staged() (n int) {
	h.t.Helper()
	err := h.read(h.t.Context(), func(t *tx) error {
		return t.get("SELECT (SELECT COUNT(*) FROM staged) + (SELECT COUNT(*) FROM staged_key) + (SELECT COUNT(*) FROM staging)", nil, &n)
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

// TestLargeSnapshotIsTheSame: staged and moved in slices, a snapshot leaves exactly what it leaves when it is applied in one
// transaction: new people, changed ones, unnamed ones that a full snapshot ends, and one of whom the ledger knows something later.
func TestLargeSnapshotIsTheSame(t *testing.T) {
	for _, full := range []bool{false, true} {
		results := make([]map[string]int, 2)
		key := ""
		for i := range results {
			h := openHouse(t)
			if i == 1 { // hashes are keyed: both ledgers must have one key
				h.vault().names, h.vault().guard.index = newMacKey([]byte(key)), newMacKey([]byte(key))
			}
			key = string(h.vault().names.key)
			h.apply(h.family())
			later := h.next("S-later", noon.Add(time.Minute))
			later.People, later.Accounts = []settle.SnapshotPerson{invent(1003).snapshot()}, []settle.SnapshotAccount{invent(1003).account(77)}
			h.apply(later)
			s := h.crowd("S-crowd", noon, 40, 5000)
			s.Full, s.Cursor = full, "9"
			s.Accounts[0].ContainsThrough = map[string]time.Time{venueCode: noon.Add(-time.Hour)}
			s.Accounts[1].ContainsThrough = map[string]time.Time{venueCode: noon.Add(-2 * time.Hour)}
			if !full {
				s.EndedBinds, s.EndedPsnNo = []string{"B-3"}, []string{h.stranger.psnNo}
			}
			if i == 0 {
				h.apply(s)
			} else if err := h.stageAll(s).Apply(t.Context(), s.ID, s.Cursor, nil); err != nil {
				t.Fatal(err)
			}
			results[i] = h.facts()
			if err := h.quiet(t.Context()); err != nil || h.staged() != 0 {
				t.Errorf("%d staged rows are left, %v", h.staged(), err)
			}
			h.wantVerified()
		}
		for row, n := range results[0] {
			if results[1][row] != n {
				t.Errorf("full %v: only at once: %s", full, row)
			}
		}
		for row, n := range results[1] {
			if results[0][row] != n {
				t.Errorf("full %v: only in slices: %s", full, row)
			}
		}
	}
}

// holdMoving stops the mover before its first slice, so that a test meets a snapshot that counts and has not moved.
func (h *house) holdMoving(s settle.Snapshot) (goOn func()) {
	h.t.Helper()
	stage := h.stageAll(s).(*stage)
	m := &moving{generation: stage.generation, centre: millis(s.CentreTime), whole: s.Full, facts: stage.facts,
		progress: func(settle.SnapshotProgress) {}, done: make(chan struct{})}
	if applied, err := stage.switchOver(h.t.Context(), m, s.ID, s.Cursor); err != nil || !applied {
		h.t.Fatalf("switch: %v %v", applied, err)
	}
	return func() { h.move(m) }
}

// TestNobodySeesHalfOfALargeSnapshot: before the switch nobody sees anything of it; after it everybody sees all of it, though
// not one row has been moved: the family at the counter is moved when it is asked for.
func TestNobodySeesHalfOfALargeSnapshot(t *testing.T) {
	h := newHouse(t)
	s := h.crowd("S-crowd", noon, 30, 5000)
	s.Full = true
	s.People = append(s.People, h.patient.snapshot(), h.daughter.snapshot())
	s.Accounts = append(s.Accounts, h.patient.account(40), h.daughter.account(7000))
	s.Bindings = append(s.Bindings, bind("B-1", h.daughter, h.patient, settle.Parent, 1))
	stage := h.stageAll(s)
	h.wantAvailable(h.patient, 1000)
	if _, err := h.Person(t.Context(), h.id(invent(1000))); settle.CodeOf(err) != settle.PersonUnknown {
		t.Errorf("somebody who is only staged: %v", err)
	}
	if err := stage.Drop(t.Context()); err != nil || h.staged() != 0 {
		t.Fatalf("dropped, and %d rows are left, %v", h.staged(), err)
	}

	goOn := h.holdMoving(s)
	h.wantAvailable(h.patient, 40)
	views, err := h.Accounts(t.Context(), h.id(h.patient))
	if err != nil || len(views) != 2 || views[1].Available != 7000 {
		t.Errorf("the patient sees %d accounts, %v", len(views), err) // the spouse's binding is not named: it ended
	}
	someone := invent(1007)
	card, ok, err := h.CardByHash(t.Context(), h.Index(KindCard, someone.card+"|"+someone.identifier()))
	if err != nil || !ok || card.Owner != h.id(someone) {
		t.Errorf("a new card: %v, %v", ok, err)
	}
	if p, err := h.PersonByNumber(t.Context(), h.Index(KindCertno, invent(1008).certno)); err != nil || p.ID != h.id(invent(1008)) {
		t.Errorf("a new number: %v", err)
	}
	sold := h.buy(invent(1009), 300)
	if sold.Figures.Own != 100 || sold.Figures.Shared != 200 {
		t.Errorf("sold %+v", sold.Figures)
	}
	if _, err := h.Person(t.Context(), h.id(h.spouse)); settle.CodeOf(err) != settle.PersonUnknown {
		t.Errorf("an unnamed person is still there: %v", err)
	}
	next := h.next("S-swipe", noon.Add(time.Second)) // a swipe meanwhile: newer than what is staged
	next.Accounts = []settle.SnapshotAccount{invent(1010).account(4321)}
	h.apply(next)
	if before := h.staged(); before == 0 {
		t.Error("everything was moved already; the test shows nothing")
	}
	goOn()
	h.wantAvailable(invent(1010), 4321)
	h.wantAvailable(invent(1011), 100)
	if h.staged() != 0 {
		t.Errorf("%d staged rows are left", h.staged())
	}
	h.wantVerified()
}

// TestLargeSnapshotSurvivesACrash: what counted before the crash goes on by itself; what did not is forgotten.
func TestLargeSnapshotSurvivesACrash(t *testing.T) {
	h := newHouse(t)
	h.holdMoving(h.crowd("S-crowd", noon, 30, 5000))
	h.reopen()
	h.wantAvailable(invent(1000), 100)
	if err := h.quiet(t.Context()); err != nil || h.staged() != 0 {
		t.Fatalf("%d staged rows after the restart, %v", h.staged(), err)
	}
	h.wantAvailable(invent(1029), 100)
	h.stageAll(h.crowd("S-cut", noon.Add(time.Minute), 30, 9000))
	h.reopen()
	if err := h.quiet(t.Context()); err != nil || h.staged() != 0 {
		t.Fatalf("%d staged rows of the one that was cut short, %v", h.staged(), err)
	}
	h.wantAvailable(invent(100_500), 5000)
	h.apply(h.crowd("S-crowd", noon, 30, 1)) // the same id is no news
	h.wantAvailable(invent(100_500), 5000)
}

// TestBadLargeSnapshotIsRefusedWhole: by place in the whole, over the parts; nothing stays.
func TestBadLargeSnapshotIsRefusedWhole(t *testing.T) {
	h := newHouse(t)
	before := h.facts()
	stage, err := h.StageSnapshot(t.Context(), noon, true, true)
	if err != nil {
		t.Fatal(err)
	}
	good := h.crowd("S", noon, 3, 1)
	if err := stage.Add(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	bad := settle.Snapshot{Accounts: []settle.SnapshotAccount{{PsnNo: "x", Status: settle.StatusNormal, Balance: -1}}}
	if e := wantCode(t, stage.Add(t.Context(), bad), settle.BadRequest); len(e.Fields) != 1 || e.Fields[0].Field != "accounts[6].pots" {
		t.Errorf("fields %+v", e.Fields)
	}
	again := settle.Snapshot{
		People:   []settle.SnapshotPerson{invent(1001).snapshot()},
		Accounts: []settle.SnapshotAccount{invent(999_999).account(1)},
		Bindings: []settle.SnapshotBinding{bind("B-X", invent(999_999), invent(1001), settle.Parent, 1), bind("C-1", invent(1001), invent(1002), settle.Parent, 1)},
	}
	if err := stage.Add(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	e := wantCode(t, stage.Apply(t.Context(), "S", "", nil), settle.BadRequest)
	got := map[string]bool{}
	for _, f := range e.Fields {
		got[f.Field] = true
	}
	for _, want := range []string{"accounts[6].psn_no", "bindings[3].giver", "people[6].psn_no", "bindings[4].binding_id"} {
		if !got[want] {
			t.Errorf("%s is not named; %v are", want, got)
		}
	}
	after := h.facts()
	if len(after) != len(before) || h.staged() != 0 {
		t.Errorf("something stayed: %d rows, then %d, %d staged", len(before), len(after), h.staged())
	}
}

// TestTillsGoFirst: while a large snapshot is staged and moved, settlements are made, and they never wait for more than the
// slice that is under way.
func TestTillsGoFirst(t *testing.T) {
	h := newHouse(t)
	s := h.crowd("S-crowd", noon, 300, 5000)
	phases := map[string]bool{}
	var over atomic.Bool
	done := make(chan error, 1)
	go func() {
		stage, err := h.StageSnapshot(context.Background(), s.CentreTime, false, false)
		if err == nil {
			err = stage.Add(context.Background(), s)
		}
		if err == nil {
			err = stage.Apply(context.Background(), s.ID, "c", func(p settle.SnapshotProgress) { phases[p.Phase] = true })
		}
		over.Store(true)
		done <- err
	}()
	sold := 0
	for ; !over.Load(); sold++ {
		h.buy(h.patient, 1)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if sold < 2 || !phases[settle.PhaseChecking] || !phases[settle.PhaseMoving] || !phases[settle.PhaseEnding] {
		t.Errorf("%d sales beside it, phases %v", sold, phases)
	}
	if _, under := h.LargeSnapshot(); under {
		if err := h.quiet(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	h.wantVerified()
}

// TestStagingEndsWithItsLedger: neither a waiting stage nor a mover outlives Close.
func TestStagingEndsWithItsLedger(t *testing.T) {
	h := newHouse(t)
	h.stageAll(h.crowd("S-1", noon, 30, 1))
	second := make(chan error, 1)
	go func() {
		_, err := h.StageSnapshot(context.Background(), noon, false, false)
		second <- err
	}()
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-second; !errors.Is(err, errClosed) {
		t.Errorf("the waiting one: %v", err)
	}
}
