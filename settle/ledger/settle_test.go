package ledger

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gongji/settle"
)

func TestSettleWalksTheFamilyInOrder(t *testing.T) {
	h := newHouse(t)
	var woken int
	h.Ledger.options.OnReport = func() { woken++ }
	s := h.buy(h.patient, 8000)
	if want := (settle.Figures{Total: 8000, Own: 1000, Shared: 7000}); s.Figures != want {
		t.Fatalf("figures %+v, want %+v", s.Figures, want)
	}
	type posting struct {
		who           settle.PersonID
		amount, after settle.Fen
	}
	var got []posting
	for _, p := range s.Postings {
		got = append(got, posting{p.Person, p.Amount, p.After})
	}
	want := []posting{{h.id(h.patient), 1000, 0}, {h.id(h.daughter), 5000, 0}, {h.id(h.spouse), 2000, 18000}}
	if !slices.Equal(got, want) {
		t.Fatalf("postings %v, want %v", got, want)
	}
	if s.Postings[1].Relation != settle.Parent || s.Postings[1].GiverRef == "" || s.Postings[0].GiverRef != "" {
		t.Errorf("parties are not described: %+v", s.Postings)
	}
	if !regexp.MustCompile(`^20261122-000001$`).MatchString(s.ReceiptNo) || len(s.ID) != 26 {
		t.Errorf("receipt %q, id %q", s.ReceiptNo, s.ID)
	}
	if woken != 1 {
		t.Errorf("the outbox was woken %d times", woken)
	}
	h.wantAvailable(h.patient, 0)
	h.wantAvailable(h.daughter, 0)
	h.wantAvailable(h.spouse, 18000)

	stored, err := h.Settlement(t.Context(), s.ID)
	if err != nil || !sameDoc(stored, s) {
		t.Errorf("stored settlement differs (%v)", err)
	}
	if d := firstDifference(stored.Sale, s.Sale); d != "" {
		t.Errorf("stored sale differs in %s", d)
	}
	if report := h.due(); report.Settlement != s.ID || report.Kind != settle.ReportSettle || report.Amount != 8000 {
		t.Errorf("report %+v", report)
	}
	if r := h.wantVerified(); r.Settlements != 1 || r.Records != 1 {
		t.Errorf("verified %+v", r)
	}
}

func TestSecondSaleSeesTheFirst(t *testing.T) {
	h := newHouse(t)
	h.buy(h.patient, 800)
	if s := h.buy(h.patient, 300); s.Figures.Own != 200 || s.Figures.Shared != 100 {
		t.Errorf("figures %+v", s.Figures)
	}
}

func TestRepeatAnswersTheFirst(t *testing.T) {
	h := newHouse(t)
	order := h.order(h.patient, line("1", 700), line("2", 200))
	first := h.settle(order)
	again := order
	again.Presence.Seq = 99
	again.Sale.Credential = settle.Credential{}
	again.Sale.Patient = "" // the till left the patient to the card, which is gone now
	again.Confirm = func() error { return errors.New("must not be asked") }
	got, replayed, err := h.Settle(t.Context(), again)
	if err != nil || !replayed || got.ID != first.ID {
		t.Fatalf("repeat: %v, replayed %v, id %s", err, replayed, got.ID)
	}
	h.reopen()
	if got, replayed, err = h.Settle(t.Context(), again); err != nil || !replayed || got.ReceiptNo != first.ReceiptNo {
		t.Fatalf("repeat after reopening: %v, replayed %v", err, replayed)
	}
	for name, change := range map[string]func(*settle.Sale){
		"lines[1].quantity": func(s *settle.Sale) { s.Lines[1].Quantity = "2" },
		"lines[0].total":    func(s *settle.Sale) { s.Lines[0].Total++ },
		"lines":             func(s *settle.Sale) { s.Lines = s.Lines[:1] },
		"med_type":          func(s *settle.Sale) { s.MedType = "11" },
		"operator.name":     func(s *settle.Sale) { s.Operator.Name = "王" },
		"patient":           func(s *settle.Sale) { s.Patient = h.id(h.stranger) },
		"use_accounts":      func(s *settle.Sale) { s.UseAccounts = false },
		"proxy":             func(s *settle.Sale) { s.Proxy = &settle.Proxy{} },
		"visit":             func(s *settle.Sale) { s.Visit = []byte("{}") },
	} {
		other := order
		other.Sale.Lines = slices.Clone(order.Sale.Lines)
		change(&other.Sale)
		_, _, err := h.Settle(t.Context(), other)
		if got := wantCode(t, err, settle.IdempotencyConflict).Members["field"]; got != name {
			t.Errorf("changed %s, named %v", name, got)
		}
	}
	elsewhere := order
	elsewhere.Sale.POS = "till-2"
	if s := h.settle(elsewhere); s.ID == first.ID {
		t.Error("another till's sale of the same id was taken for a repeat")
	}
	if s, err := h.SettlementBySale(t.Context(), "till-1", order.Sale.ID); err != nil || s.ID != first.ID {
		t.Errorf("by sale: %v, %s", err, s.ID)
	}
	if s, err := h.SettlementBySale(t.Context(), "manager", order.Sale.ID); err != nil || s.ID == "" {
		t.Errorf("by sale of any till: %v", err)
	}
	_, err = h.SettlementBySale(t.Context(), "till-1", "none")
	wantCode(t, err, settle.NotFound)
	_, err = h.Settlement(t.Context(), "none")
	wantCode(t, err, settle.NotFound)
}

func TestRefusals(t *testing.T) {
	h := newHouse(t)
	for name, c := range map[string]struct {
		change func(*settle.SettleOrder)
		code   settle.Code
		reason settle.Reason
	}{
		"unknown person":  {func(o *settle.SettleOrder) { o.Sale.Patient = "p0" }, settle.PersonUnknown, ""},
		"somebody's card": {func(o *settle.SettleOrder) { o.Sale.Credential.Owner = h.id(h.spouse) }, settle.PersonCardMismatch, settle.ECardOwnerMismatch},
		"the ledger's word": {func(o *settle.SettleOrder) {
			o.Presence.CardHash = h.Index(KindCard, h.spouse.card+"|"+h.spouse.identifier())
		}, settle.PersonCardMismatch, settle.ECardOwnerMismatch},
		"no presence":        {func(o *settle.SettleOrder) { o.Presence = settle.Presence{} }, settle.BadRequest, ""},
		"no lines":           {func(o *settle.SettleOrder) { o.Sale.Lines = nil }, settle.BadRequest, ""},
		"wrong sum":          {func(o *settle.SettleOrder) { o.Sale.Lines[0].Total++ }, settle.BadRequest, ""},
		"negative":           {func(o *settle.SettleOrder) { o.Sale.Lines[0].Fund, o.Sale.Lines[0].Personal[1] = -100, 1100 }, settle.BadRequest, ""},
		"same line twice":    {func(o *settle.SettleOrder) { o.Sale.Lines = append(o.Sale.Lines, o.Sale.Lines[0]) }, settle.BadRequest, ""},
		"med_type":           {func(o *settle.SettleOrder) { o.Sale.MedType = "zz" }, settle.BadRequest, ""},
		"trace code missing": {func(o *settle.SettleOrder) { o.Sale.Lines[0].Class = "drug_a" }, settle.RuleRefused, settle.ETraceMissing},
		"proxy papers":       {func(o *settle.SettleOrder) { o.Sale.Presenter = settle.Presenter{} }, settle.RuleRefused, settle.EProxyDocs},
	} {
		order := h.order(h.patient, line("1", 1000))
		c.change(&order)
		_, _, err := h.Settle(t.Context(), order)
		e := wantCode(t, err, c.code)
		if e.Reason != c.reason {
			t.Errorf("%s: reason %s, want %s", name, e.Reason, c.reason)
		}
	}
	h.options.Venue.AgreementUntil = 20261121
	h.reopen()
	_, _, err := h.Settle(t.Context(), h.order(h.patient, line("1", 1000)))
	wantCode(t, err, settle.RuleRefused, settle.EVenue)
	h.wantAvailable(h.patient, 1000)
	if r := h.wantVerified(); r.Records != 0 {
		t.Errorf("refusals left %d records", r.Records)
	}
	incidents, err := h.Incidents(t.Context(), noon.Add(-time.Hour), 10)
	if err != nil || len(incidents) != 2 || incidents[0].Person != h.id(h.patient) || incidents[0].Kind != string(settle.PersonCardMismatch) ||
		incidents[1].Detail["reader"] != "counter-1" {
		t.Errorf("incidents %+v, %v", incidents, err)
	}
}

func TestConfirmRefusalLeavesNothing(t *testing.T) {
	h := newHouse(t)
	order := h.order(h.patient, line("1", 3000))
	order.Confirm = func() error { return settle.NewError(settle.CardRemoved, nil) }
	_, _, err := h.Settle(t.Context(), order)
	wantCode(t, err, settle.CardRemoved)
	h.wantAvailable(h.patient, 1000)
	_, err = h.SettlementBySale(t.Context(), "till-1", order.Sale.ID)
	wantCode(t, err, settle.NotFound)
	if reports, err := h.DueReports(t.Context(), noon.Add(time.Hour), 9); err != nil || len(reports) != 0 {
		t.Errorf("reports %v, %v", reports, err)
	}
	order.Confirm = nil
	if s := h.settle(order); s.ReceiptNo != "20261122-000001" {
		t.Errorf("a refused sale used up receipt number 1: %s", s.ReceiptNo)
	}
	back := giveBack("R1", mustSale(t, h, order.Sale.ID).ID)
	back.Confirm = func() error { return settle.NewError(settle.CardRemoved, nil) }
	_, _, err = h.Return(t.Context(), back)
	wantCode(t, err, settle.CardRemoved)
	_, err = h.ReturnByID(t.Context(), "till-1", "R1")
	wantCode(t, err, settle.NotFound)
	h.wantAvailable(h.patient, 0)
	h.wantVerified()
}

func TestPanicIsOneRequestsError(t *testing.T) {
	h := newHouse(t)
	order := h.order(h.patient, line("1", 500))
	order.Confirm = func() error { panic(h.patient.certno) }
	_, _, err := h.Settle(t.Context(), order)
	if e := wantCode(t, err, settle.StoreBroken); regexp.MustCompile(h.patient.certno).MatchString(e.Error()) {
		t.Error("the panic's value reached the error")
	}
	order.Confirm = nil
	h.settle(order)
	h.wantVerified()
}

func TestQuoteIsTheSettlementToCome(t *testing.T) {
	h := newHouse(t)
	order := h.order(h.patient, line("1", 8000))
	quote, err := h.Quote(t.Context(), order.Sale, false)
	if err != nil {
		t.Fatal(err)
	}
	h.wantAvailable(h.patient, 1000)
	order.QuoteDigest = quote.Digest
	s := h.settle(order)
	if s.Figures != quote.Figures || !sameDoc(s.Postings, quote.Postings) || s.Digest != quote.Digest {
		t.Errorf("settled %+v, quoted %+v", s.Figures, quote.Figures)
	}
	late := h.order(h.patient, line("1", 8000))
	late.QuoteDigest = quote.Digest
	_, _, err = h.Settle(t.Context(), late)
	e := wantCode(t, err, settle.QuoteChanged)
	fresh, ok := e.Members["quote"].(settle.Quote)
	if !ok || fresh.Figures.Own != 0 || fresh.Figures.Shared != 8000 {
		t.Fatalf("the new split is not attached: %+v", e.Members)
	}
	late.QuoteDigest = fresh.Digest
	h.settle(late)
	_, err = h.Quote(t.Context(), settle.Sale{POS: "t", ID: "x", MedType: "41", Lines: []settle.Line{line("1", 1)}}, false)
	wantCode(t, err, settle.PersonUnknown)
}

func TestTraceCodesAreSoldOnce(t *testing.T) {
	h := newHouse(t)
	drug := func(id string, split bool, codes ...string) settle.Line {
		l := line(id, 100)
		l.Class, l.TraceCodes, l.SplitPack, l.Quantity = "drug_a", codes, split, strconv.Itoa(len(codes))
		return l
	}
	first := h.settle(h.order(h.patient, drug("1", false, "8100001", "8100002")))
	_, _, err := h.Settle(t.Context(), h.order(h.patient, drug("1", false, "8100003", "8100002")))
	e := wantCode(t, err, settle.RuleRefused, settle.ETraceDuplicate)
	if e.Members["line"] != "1" || e.Members["settlement_id"] != first.ID {
		t.Errorf("members %v", e.Members)
	}
	for _, part := range []string{"8100002", first.ID, first.Sale.ID, first.At.In(settle.Beijing).Format("2006-01-02 15:04")} {
		if said := settle.SentenceOf(e).Message; !strings.Contains(said, part) {
			t.Errorf("the cashier reads %q, without %s", said, part)
		}
	}
	_, err = h.Quote(t.Context(), h.order(h.patient, drug("1", false, "8100001")).Sale, false)
	wantCode(t, err, settle.RuleRefused, settle.ETraceDuplicate)

	_, _, err = h.Return(t.Context(), giveBack("R0", first.ID, settle.ReturnLine{ID: "1", Quantity: "1", TraceCodes: []string{"8100009"}}))
	wantCode(t, err, settle.BadRequest)
	two := drug("1", false, "8100004")
	two.Quantity = "2"
	_, _, err = h.Settle(t.Context(), h.order(h.patient, drug("5", true, ""), two))
	wantCode(t, err, settle.RuleRefused, settle.ETraceMissing)
	var named *settle.Error
	if !errors.As(err, &named) || named.Members["line"] != "1" {
		t.Errorf("the line without a code is not named: %+v", err)
	}
	h.giveBack(giveBack("R1", first.ID, settle.ReturnLine{ID: "1", Quantity: "1", TraceCodes: []string{"8100002"}}))
	h.settle(h.order(h.patient, drug("1", false, "8100002")))
	_, _, err = h.Settle(t.Context(), h.order(h.patient, drug("1", false, "8100001")))
	wantCode(t, err, settle.RuleRefused, settle.ETraceDuplicate)
	h.giveBack(giveBack("R2", first.ID))
	h.settle(h.order(h.patient, drug("1", false, "8100001")))

	half := drug("1", true, "8100007")
	half.Quantity = "0.5"
	h.settle(h.order(h.patient, half))
	_, _, err = h.Settle(t.Context(), h.order(h.patient, drug("1", false, "8100007")))
	wantCode(t, err, settle.RuleRefused, settle.ETraceDuplicate)
	_, _, err = h.Settle(t.Context(), h.order(h.patient, drug("1", true, "8100001")))
	wantCode(t, err, settle.RuleRefused, settle.ETraceDuplicate)
	h.wantVerified()
}

func TestAccountsAndReferences(t *testing.T) {
	h := newHouse(t)
	views, err := h.Accounts(t.Context(), h.id(h.patient))
	if err != nil || len(views) != 3 {
		t.Fatalf("accounts: %d, %v", len(views), err)
	}
	if views[1].Person != h.id(h.daughter) || views[1].Binding.ID != "B-1" || views[2].Person != h.id(h.spouse) {
		t.Errorf("not in bound order: %+v", views)
	}
	giver, ok, err := h.GiverByRef(t.Context(), h.id(h.patient), views[2].GiverRef)
	if err != nil || !ok || giver != h.id(h.spouse) {
		t.Errorf("giver %s %v %v", giver, ok, err)
	}
	_, ok, err = h.GiverByRef(t.Context(), h.id(h.child), views[2].GiverRef)
	if err != nil || ok {
		t.Errorf("a reference of another binding was taken: %v", err)
	}
	person, err := h.PersonByNumber(t.Context(), h.Index(KindCertno, h.spouse.certno))
	if err != nil || person.ID != h.id(h.spouse) || person.Masked != settle.MaskName(h.spouse.name) {
		t.Errorf("person %+v %v", person, err)
	}
	_, err = h.PersonByNumber(t.Context(), h.Index(KindCertno, "nobody"))
	wantCode(t, err, settle.PersonUnknown)
	_, err = h.PersonByNumber(t.Context(), "not a hash")
	wantCode(t, err, settle.PersonUnknown)
	card, ok, err := h.CardByHash(t.Context(), h.Index(KindCard, h.child.card+"|"+h.child.identifier()))
	if err != nil || !ok || card.Owner != h.id(h.child) || card.Expires != 20351231 {
		t.Errorf("card %+v %v %v", card, ok, err)
	}
	if _, ok, err = h.CardByHash(t.Context(), h.Index(KindCard, "x|y")); err != nil || ok {
		t.Errorf("an unknown card was found: %v", err)
	}
	if s := h.buy(h.child, 500); s.Figures.Own != 0 || s.Figures.Shared != 500 {
		t.Errorf("a resident without an account: %+v", s.Figures)
	}
}

func TestConcurrentSalesNeverOverdraw(t *testing.T) {
	h := newHouse(t)
	const tills = 16
	orders := make([]settle.SettleOrder, 4*tills)
	for i := range orders {
		orders[i] = h.order(h.patient, line("1", 700))
	}
	results := make([]settle.Settlement, len(orders))
	var group sync.WaitGroup
	for till := range tills {
		group.Go(func() {
			for i := till; i < len(orders); i += tills {
				s, _, err := h.Settle(t.Context(), orders[i])
				if err != nil {
					t.Errorf("settle: %v", err)
				}
				results[i] = s
			}
		})
	}
	group.Wait()
	var paid, cash settle.Fen
	for _, s := range results {
		paid += s.Figures.Own + s.Figures.Shared
		cash += s.Figures.Cash
	}
	if paid != 26000 || cash != settle.Fen(len(orders))*700-26000 {
		t.Errorf("accounts of 260.00 paid %s, cash %s", paid, cash)
	}
	if commits := h.writer.commits.Load(); commits >= int64(len(orders)) {
		t.Errorf("%d sales took %d commits: nothing was grouped", len(orders), commits)
	}
	h.reopen()
	for _, s := range results {
		if _, err := h.Settlement(t.Context(), s.ID); err != nil {
			t.Errorf("after reopening: %v", err)
		}
	}
	h.wantVerified()
}

func mustSale(t *testing.T, h *house, saleID string) settle.Settlement {
	t.Helper()
	s, err := h.SettlementBySale(t.Context(), "till-1", saleID)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
