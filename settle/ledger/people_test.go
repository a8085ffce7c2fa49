package ledger

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"gongji/settle"
)

// byAgent makes a sale a purchase by an agent for an absent patient.
func (h *house) byAgent(order settle.SettleOrder, agent string) settle.SettleOrder {
	order.Sale.Presenter = settle.Presenter{Documents: []string{"principal_id", "agent_id"}}
	order.Sale.Proxy = &settle.Proxy{AgentHash: h.Index(KindAgent, agent), AgentMasked: "李*", Relation: "child", Reason: "elderly"}
	return order
}

// TestAgentsCardsAreCounted: two people's cards a day in one hand and no more; the same card again is no new card, and
// tomorrow is another day.
func TestAgentsCardsAreCounted(t *testing.T) {
	h := newHouse(t)
	buy := func(who human, agent string) error {
		_, _, err := h.Settle(t.Context(), h.byAgent(h.order(who, line("1", 10)), agent))
		return err
	}
	for _, who := range []human{h.patient, h.daughter, h.patient} {
		if err := buy(who, "agent"); err != nil {
			t.Fatal(err)
		}
	}
	h.reopen()
	e := wantCode(t, buy(h.stranger, "agent"), settle.RuleRefused, settle.EProxyTooManyCards)
	if e.Members["allowed"] != 2 || e.Members["used"] != 3 {
		t.Errorf("members %v", e.Members)
	}
	if err := buy(h.stranger, "another"); err != nil {
		t.Error(err)
	}
	h.clock.add(12 * time.Hour) // midnight
	if err := buy(h.stranger, "agent"); err != nil {
		t.Error(err)
	}
	h.wantVerified()
}

func TestPeopleAtTheCounter(t *testing.T) {
	h := newHouse(t)
	for name, c := range map[string]struct {
		change func(*settle.Sale)
		reason settle.Reason
	}{
		"papers missing": {func(s *settle.Sale) { s.Presenter.Documents = s.Presenter.Documents[:1] }, settle.EProxyDocs},
		"agent missing":  {func(s *settle.Sale) { s.Proxy = nil }, settle.EProxyDocs},
		"guardian of an adult": {func(s *settle.Sale) {
			s.Proxy, s.Presenter = nil, settle.Presenter{PatientPresent: true, Guardian: true}
		}, settle.EGuardian},
		"prescription missing":  {func(s *settle.Sale) { s.Lines[0].Rx = true }, settle.ERxMissing},
		"prescription of other": {func(s *settle.Sale) { s.Prescription.Patient = h.id(h.spouse) }, settle.ERxPerson},
	} {
		t.Run(name, func(t *testing.T) {
			order := h.byAgent(h.order(h.patient, line("1", 10)), "agent")
			c.change(&order.Sale)
			_, err := h.Quote(t.Context(), order.Sale, false)
			wantCode(t, err, settle.RuleRefused, c.reason)
			_, _, err = h.Settle(t.Context(), order)
			wantCode(t, err, settle.RuleRefused, c.reason)
		})
	}
	minor := human{psnNo: "43010000000000000099", name: "测试小童", card: "T00000099"}
	minor.certno = "43010220200101001" + string(settle.CheckCharacter("43010220200101001"))
	s := h.next("S-2", noon)
	s.People, s.Accounts = []settle.SnapshotPerson{minor.snapshot()}, []settle.SnapshotAccount{minor.account(100)}
	h.apply(s)
	order := h.order(minor, line("1", 10))
	order.Sale.Presenter = settle.Presenter{PatientPresent: true, Guardian: true}
	h.settle(order)
}

// TestReturnReleasesExactlyTheReturnedCodes: the pack that came back may be sold again, the one that was kept may not.
func TestReturnReleasesExactlyTheReturnedCodes(t *testing.T) {
	h := newHouse(t)
	packs := func(id string, codes ...string) settle.Line {
		l := units(id, string(rune('0'+len(codes))), 100, 0, settle.Fen(100*len(codes)))
		l.Class, l.TraceCodes = "drug_a", codes
		return l
	}
	sold := h.settle(h.order(h.patient, packs("1", "8101", "8102", "8103"), packs("2", "8104")))
	refuse := func(codes ...string) {
		t.Helper()
		_, err := h.Quote(t.Context(), h.order(h.patient, packs("1", codes...)).Sale, false)
		wantCode(t, err, settle.RuleRefused, settle.ETraceDuplicate)
	}
	for _, wrong := range [][]string{{"8101", "8102"}, {"8104"}, {"8101", "8101"}} {
		_, _, err := h.Return(t.Context(), giveBack("R1", sold.ID, settle.ReturnLine{ID: "1", Quantity: "1", TraceCodes: wrong}))
		wantCode(t, err, settle.BadRequest)
	}
	h.giveBack(giveBack("R1", sold.ID, settle.ReturnLine{ID: "1", Quantity: "1", TraceCodes: []string{"8102"}}))
	refuse("8101")
	refuse("8103")
	refuse("8104")
	h.settle(h.order(h.patient, packs("1", "8102")))
	refuse("8102")
	_, _, err := h.Return(t.Context(), giveBack("R2", sold.ID, settle.ReturnLine{ID: "1", Quantity: "1", TraceCodes: []string{"8102"}}))
	wantCode(t, err, settle.BadRequest)
	h.giveBack(giveBack("R2", sold.ID, settle.ReturnLine{ID: "1", Quantity: "2"}))
	refuse("8104")
	h.settle(h.order(h.patient, packs("1", "8101", "8103")))
	h.wantVerified()
}

// TestLimitsOverTime: a pharmacy's visits a day and what one giver gives to all relatives, counted from our own postings.
func TestLimitsOverTime(t *testing.T) {
	h := newHouse(t)
	h.rules.Caps.DayPerGiver = settle.CapOf(3000)
	h.buy(h.patient, 1000) // own money is used up
	if got := h.shared(h.patient, 20000); got != 6000 {
		t.Errorf("shared %s of two givers", got)
	}
	first := h.buy(h.child, 2500) // of the spouse
	if got := h.shared(h.patient, 20000); got != 3500 {
		t.Errorf("shared %s after another relative was paid for", got)
	}
	h.giveBack(giveBack("R1", first.ID))
	if got := h.shared(h.patient, 20000); got != 6000 {
		t.Errorf("shared %s after it came back", got)
	}
	h.rules.Caps.DayPharmacyTimes = settle.Count{Set: true, Max: 1}
	_, err := h.Quote(t.Context(), h.order(h.patient, line("1", 10)).Sale, false)
	wantCode(t, err, settle.RuleRefused, settle.EPharmacyDayTimes)
	if _, err := h.Quote(t.Context(), h.order(h.child, line("1", 10)).Sale, false); err != nil {
		t.Errorf("a visit that was reversed counts: %v", err)
	}
}

func TestExplanationIsOfTheStoredFacts(t *testing.T) {
	h := newHouse(t)
	sold := h.settle(h.order(h.patient, line("1", 3000), settle.Line{
		ID: "2", Code: "F1", Name: "食品", Class: "food", Quantity: "1", UnitPrice: "5.00", Total: 500,
		Personal: [settle.BucketCount]settle.Fen{settle.OwnExpense: 500},
	}))
	want, err := h.Explain(t.Context(), sold.ID)
	if err != nil || len(want) != 3 {
		t.Fatalf("explained %+v, %v", want, err)
	}
	if e := want[1]; e.Account != h.id(h.daughter) || e.Taken != 2000 || e.Available != 5000 || e.Relation != "子女" || e.English == "" {
		t.Errorf("giver %+v", e)
	}
	if e := want[2]; e.Line != "2" || e.Reason != settle.KClass || e.Rule != settle.RuleExcluded || len(e.Source.Titles) == 0 {
		t.Errorf("line %+v", e)
	}
	s := h.next("S-2", noon)
	s.EndedBinds = []string{"B-1", "B-2"}
	h.apply(s)
	h.reopen()
	got, err := h.Explain(t.Context(), sold.ID)
	if err != nil || !slices.EqualFunc(got, want, func(a, b settle.Explanation) bool { return sameDoc(a, b) }) {
		t.Errorf("explained %+v after the bindings ended, %v", got, err)
	}
	_, err = h.Explain(t.Context(), "none")
	wantCode(t, err, settle.NotFound)
}

// TestIdentityIsReadAsItWasWritten: the short way reads what JSON reads, and leaves to JSON whatever it does not know.
func TestIdentityIsReadAsItWasWritten(t *testing.T) {
	for _, who := range []identity{
		{}, {"4301", "430102198001010015", "测试甲"}, {Name: `a"b`}, {Name: "a\\b"}, {Certno: `","name":"x`}, {Name: "<&>"}, {PsnNo: "\xff"},
		{Name: "A\u2028"}, {Name: "艾尼瓦尔·买买提"},
	} {
		data, err := json.Marshal(who)
		if err != nil {
			t.Fatal(err)
		}
		var want, got identity
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatal(err)
		}
		if got.plain(data) && got != want {
			t.Errorf("%s is read as %+v", data, got)
		}
	}
	var got identity
	if plain := `{"psn_no":"1","certno":"2","name":"某"}`; !got.plain([]byte(plain)) || got != (identity{"1", "2", "某"}) {
		t.Errorf("%s is read as %+v", plain, got)
	}
	for _, other := range []string{``, `{}`, `{"psn_no":"1","certno":"2"}`, `{"psn_no":"1","certno":"2","name":"3","more":"4"}`, `{"psn_no":"1","certno":"2","name":"3`, "{\"psn_no\":\"\xff\",\"certno\":\"\",\"name\":\"\"}"} {
		if got.plain([]byte(other)) {
			t.Errorf("%s was read the short way", other)
		}
	}
}
