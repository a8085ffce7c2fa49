package ledger

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gongji/settle"
)

// presence is the evidence of somebody's own card.
func (h *house) presence(who human) settle.Presence { return h.order(who).Presence }

// bindOrder asks for a binding of the stranger's account for somebody.
func (h *house) bindOrder(id string, giver, beneficiary human, relation settle.Relation) settle.BindingOrder {
	return settle.BindingOrder{
		Request: settle.BindingRequest{
			ID: id, POS: "till-1", Action: settle.BindingBind, Giver: h.id(giver), Beneficiary: h.id(beneficiary), Relation: relation, Rank: 3,
			Commitment: true, Operator: settle.Operator{ID: "1001"},
		},
		Actor: h.id(giver), BeneficiaryName: beneficiary.name, Presence: h.presence(giver),
	}
}

func (h *house) request(order settle.BindingOrder) settle.RequestView {
	h.t.Helper()
	view, replayed, err := h.RequestBinding(h.t.Context(), order)
	if err != nil || replayed {
		h.t.Fatalf("request: %v (replayed %v)", err, replayed)
	}
	return view
}

// answer lets the centre answer the request that is due.
func (h *house) answer(state settle.RequestState, text string, binding *settle.SnapshotBinding) {
	h.t.Helper()
	report := h.due()
	if report.Kind != settle.ReportBinding {
		h.t.Fatalf("due is a %s", report.Kind)
	}
	h.finish(settle.DispatchResult{
		MsgID: h.send(report.ID, "G103"), State: settle.DispatchAccepted, Report: report.ID, ReportState: settle.ReportAccepted, Done: true,
		RequestState: state, RequestAnswer: text, Binding: binding, At: h.clock.now(),
	})
}

func (h *house) shared(who human, total settle.Fen) settle.Fen {
	h.t.Helper()
	quote, err := h.Quote(h.t.Context(), h.order(who, line("1", total)).Sale, false)
	if err != nil {
		h.t.Fatal(err)
	}
	return quote.Figures.Shared
}

func TestBindingCountsOnlyAfterConfirmation(t *testing.T) {
	h := newHouse(t)
	order := h.bindOrder("Q1", h.stranger, h.patient, settle.Sibling)
	view := h.request(order)
	if view.State != settle.RequestPending || view.Report != settle.ReportPending || view.GiverMasked == "" || view.ValidFrom != 20261122 {
		t.Errorf("request %+v", view)
	}
	if got := h.shared(h.patient, 40000); got != 25000 {
		t.Errorf("shared %s: a request that nobody has confirmed counts", got)
	}
	d, err := h.Dossier(t.Context(), h.due().ID)
	if err != nil || d.Request == nil || d.Request.ID != "Q1" || d.Identity.PsnNo != h.stranger.psnNo || d.Other.PsnNo != h.patient.psnNo ||
		d.Card.Number != h.stranger.card {
		t.Fatalf("dossier %+v, %v", d.Request, err)
	}
	family, err := h.Bindings(t.Context(), h.id(h.patient))
	if err != nil || len(family.Bindings) != 2 || len(family.Open) != 1 || family.Bindings[0].AsGiver {
		t.Errorf("family %+v, %v", family, err)
	}
	confirmed := bind("B-9", h.stranger, h.patient, settle.Sibling, 3)
	h.answer(settle.RequestConfirmed, "", &confirmed)
	if got := h.shared(h.patient, 40000); got != 34900 {
		t.Errorf("shared %s after the confirmation", got)
	}
	h.reopen()
	again, replayed, err := h.RequestBinding(t.Context(), order)
	if err != nil || !replayed || again.State != settle.RequestConfirmed || again.Binding != "B-9" || !again.At.Equal(view.At) {
		t.Errorf("replay %+v %v %v", again, replayed, err)
	}
	order.Request.Rank = 4
	_, _, err = h.RequestBinding(t.Context(), order)
	if e := wantCode(t, err, settle.IdempotencyConflict); e.Members["field"] != "rank" {
		t.Errorf("members %v", e.Members)
	}
	if report := h.wantVerified(); report.Requests != 1 {
		t.Errorf("verified %+v", report)
	}
	if found, err := h.Request(t.Context(), "Q1"); err != nil || found.Giver != h.id(h.stranger) {
		t.Errorf("found %+v, %v", found, err)
	}
}

func TestRefusedRequestWaitsForAPerson(t *testing.T) {
	h := newHouse(t)
	h.request(h.bindOrder("Q1", h.stranger, h.patient, settle.Sibling))
	h.answer(settle.RequestRefused, "亲属关系未核实", nil)
	view, err := h.Request(t.Context(), "Q1")
	if err != nil || view.State != settle.RequestRefused || view.Answer != "亲属关系未核实" || view.Report != settle.ReportRefused {
		t.Errorf("request %+v, %v", view, err)
	}
	list, err := h.AttentionList(t.Context(), 10)
	if err != nil || len(list) != 1 || list[0].Kind != AttentionRefused || list[0].Return != "Q1" || list[0].ReportKind != settle.ReportBinding ||
		list[0].Detail != "亲属关系未核实" {
		t.Errorf("attention %+v, %v", list, err)
	}
	if got := h.shared(h.patient, 40000); got != 25000 {
		t.Errorf("shared %s after a refusal", got)
	}
	h.wantVerified()
}

// TestConfirmationOfOtherPeopleIsNotUsed: the centre names somebody else, or half a binding.
func TestConfirmationOfOtherPeopleIsNotUsed(t *testing.T) {
	for name, spoil := range map[string]func(h *house, b *settle.SnapshotBinding){
		"giver":   func(h *house, b *settle.SnapshotBinding) { b.Giver = h.daughter.psnNo },
		"number":  func(_ *house, b *settle.SnapshotBinding) { b.ID = "" },
		"amounts": func(_ *house, b *settle.SnapshotBinding) { b.QuotaUsed = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.request(h.bindOrder("Q1", h.stranger, h.patient, settle.Sibling))
			wrong := bind("B-9", h.stranger, h.patient, settle.Sibling, 3)
			spoil(h, &wrong)
			h.answer(settle.RequestConfirmed, "", &wrong)
			view, err := h.Request(t.Context(), "Q1")
			if err != nil || view.State != settle.RequestPending || view.Report != settle.ReportAdjusted {
				t.Errorf("request %+v, %v", view, err)
			}
			if got := h.shared(h.patient, 40000); got != 25000 {
				t.Errorf("shared %s", got)
			}
			if list, err := h.AttentionList(t.Context(), 10); err != nil || len(list) != 1 || list[0].Kind != AttentionAdjusted {
				t.Errorf("attention %+v, %v", list, err)
			}
			h.wantVerified()
		})
	}
}

// TestSnapshotAnswersWhatTheCentreLeftOpen: the feed brings the binding, or its end, before anybody asks again.
func TestSnapshotAnswersWhatTheCentreLeftOpen(t *testing.T) {
	h := newHouse(t)
	h.request(h.bindOrder("Q1", h.stranger, h.patient, settle.Sibling))
	h.answer(settle.RequestPending, "审核中", nil)
	end := settle.BindingOrder{
		Request: settle.BindingRequest{ID: "Q2", POS: "till-1", Action: settle.BindingUnbind, Binding: "B-1", Operator: settle.Operator{ID: "1001"}},
		Actor:   h.id(h.daughter), Presence: h.presence(h.daughter),
	}
	h.request(end)
	h.answer(settle.RequestPending, "审核中", nil)
	state := func(id string) settle.RequestState {
		t.Helper()
		view, err := h.Request(t.Context(), id)
		if err != nil || view.Answer != "审核中" {
			t.Fatalf("%s: %+v, %v", id, view, err)
		}
		return view.State
	}
	if state("Q1") != settle.RequestPending || state("Q2") != settle.RequestPending {
		t.Error("an answer that leaves it open has decided it")
	}
	s := h.next("S-2", noon.Add(time.Minute))
	s.Bindings, s.EndedBinds = []settle.SnapshotBinding{bind("B-9", h.stranger, h.patient, settle.Sibling, 3)}, []string{"B-1"}
	h.apply(s)
	if state("Q1") != settle.RequestConfirmed || state("Q2") != settle.RequestConfirmed {
		t.Error("the snapshot did not answer them")
	}
	h.wantVerified()
}

// TestLostCancellationIsNotAddedTwice: the centre booked the first copy of a G104, its answer was lost, a snapshot came, and
// the repeat was answered later.
func TestLostCancellationIsNotAddedTwice(t *testing.T) {
	h := newHouse(t)
	h.pay(h.premiumOrder("P1", h.spouse, h.child, 12000))
	at := func(second int) time.Time { return noon.Add(time.Duration(second) * time.Second) }
	result := func(state settle.DispatchState) settle.DispatchResult {
		report := h.due()
		return settle.DispatchResult{MsgID: h.send(report.ID, "G104"), State: state, Report: report.ID, ReportState: settle.ReportUnknown, Attempt: true}
	}
	accepted := func(second int) settle.DispatchResult {
		r := result(settle.DispatchAccepted)
		r.ReportState, r.Done, r.Booking = settle.ReportAccepted, true, &settle.Booking{MsgID: r.MsgID, CentreTime: at(second)}
		return r
	}
	h.finish(accepted(1))
	if _, _, err := h.CancelPremium(t.Context(), h.cancelOrder("X1", "P1", h.spouse)); err != nil {
		t.Fatal(err)
	}
	h.finish(result(settle.DispatchUnknown)) // booked there at second 3
	s := h.next("S-2", at(4))
	account := h.spouse.account(20000)
	account.ContainsThrough = map[string]time.Time{venueCode: at(4)}
	s.Accounts = []settle.SnapshotAccount{account}
	h.apply(s)
	h.wantAvailable(h.spouse, 20000)
	h.finish(accepted(6))
	h.wantAvailable(h.spouse, 20000)
	h.wantVerified()
}

func TestChangesOfABinding(t *testing.T) {
	h := newHouse(t)
	change := func(id string, action settle.BindingAction, set func(*settle.BindingRequest)) settle.BindingOrder {
		order := settle.BindingOrder{
			Request: settle.BindingRequest{ID: id, POS: "till-1", Action: action, Binding: "B-2", Operator: settle.Operator{ID: "1001"}},
			Actor:   h.id(h.spouse), Presence: h.presence(h.spouse),
		}
		set(&order.Request)
		return order
	}
	reorder := change("Q1", settle.BindingReorder, func(q *settle.BindingRequest) { q.Rank = 1 })
	limit := change("Q2", settle.BindingLimit, func(q *settle.BindingRequest) { q.Limit = settle.CapOf(700) })
	end := change("Q3", settle.BindingUnbind, func(q *settle.BindingRequest) { q.EndReason = settle.EndDivorce })
	for _, actor := range []human{h.stranger, h.daughter} {
		order := end
		order.Actor, order.Presence = h.id(actor), h.presence(actor)
		_, _, err := h.RequestBinding(t.Context(), order)
		wantCode(t, err, settle.NotFound)
	}
	byPatient := end
	byPatient.Actor, byPatient.Presence = h.id(h.patient), h.presence(h.patient)
	_, _, err := h.RequestBinding(t.Context(), byPatient)
	wantCode(t, err, settle.RuleRefused, settle.EBindingActor)

	h.request(reorder)
	h.answer(settle.RequestConfirmed, "", nil)
	h.request(limit)
	if view, replayed, err := h.RequestBinding(t.Context(), limit); err != nil || !replayed || view.Rank != 1 || view.Limit.Max != 700 {
		t.Errorf("replay %+v %v %v", view, replayed, err)
	}
	h.answer(settle.RequestConfirmed, "", nil)
	family, err := h.Bindings(t.Context(), h.id(h.spouse))
	if err != nil || len(family.Bindings) != 2 || !family.Bindings[0].AsGiver || family.Bindings[0].Rank != 1 || family.Bindings[0].Limit != settle.CapOf(700) {
		t.Fatalf("family %+v, %v", family.Bindings, err)
	}
	if got := h.shared(h.patient, 40000); got != 5700 {
		t.Errorf("shared %s under the limit", got)
	}
	h.request(end)
	h.answer(settle.RequestConfirmed, "", nil)
	if got := h.shared(h.patient, 40000); got != 5000 {
		t.Errorf("shared %s after the end", got)
	}
	_, _, err = h.RequestBinding(t.Context(), change("Q4", settle.BindingReorder, func(q *settle.BindingRequest) { q.Rank = 2 }))
	wantCode(t, err, settle.NotFound)
	h.wantVerified()
}

func TestRequestsAreCheckedByThePolicy(t *testing.T) {
	h := newHouse(t)
	refused := func(order settle.BindingOrder, reason settle.Reason) {
		t.Helper()
		_, _, err := h.RequestBinding(t.Context(), order)
		e := wantCode(t, err, settle.RuleRefused, reason)
		if settle.ReasonSentences[e.Reason].Message == "" || e.Members["rule"] == "" {
			t.Errorf("%s has no sentence or rule", reason)
		}
	}
	refused(h.bindOrder("Q1", h.stranger, h.stranger, settle.Sibling), settle.EBindingSelf)
	refused(h.bindOrder("Q1", h.daughter, h.patient, settle.Parent), settle.EBindingDuplicate)
	unsigned := h.bindOrder("Q1", h.stranger, h.patient, settle.Sibling)
	unsigned.Request.Commitment = false
	refused(unsigned, settle.EBindingProof)
	misnamed := h.bindOrder("Q1", h.stranger, h.patient, settle.Sibling)
	misnamed.BeneficiaryName = "别人"
	_, _, err := h.RequestBinding(t.Context(), misnamed)
	if e := wantCode(t, err, settle.BadRequest); e.Fields[0].Field != "beneficiary.name" {
		t.Errorf("fields %v", e.Fields)
	}
	elsewhere := h.bindOrder("Q1", h.stranger, h.patient, settle.Sibling)
	elsewhere.Presence = h.presence(h.spouse)
	_, _, err = h.RequestBinding(t.Context(), elsewhere)
	wantCode(t, err, settle.PersonCardMismatch)
	h.rules.Members.Max = 1
	h.request(h.bindOrder("Q1", h.stranger, h.patient, settle.Sibling))
	refused(h.bindOrder("Q2", h.stranger, h.patient, settle.Sibling), settle.EBindingDuplicate) // one is asked for
	refused(h.bindOrder("Q2", h.stranger, h.child, settle.Child), settle.EBindingMembers)
	h.wantVerified()
}

// premiumOrder pays for the child, a resident; for anybody else, who is an employee, for long-term care.
func (h *house) premiumOrder(id string, payer, beneficiary human, amount settle.Fen) settle.PremiumOrder {
	h.rules.Premium.Kinds = []string{settle.KindResident, "ltc"}
	kind := settle.KindResident
	if beneficiary != h.child {
		kind = "ltc"
	}
	return settle.PremiumOrder{
		Premium: settle.Premium{
			ID: id, POS: "till-1", Kind: kind, Year: 2027, Amount: amount, Payer: h.id(payer), Beneficiary: h.id(beneficiary),
			Operator: settle.Operator{ID: "1001"},
		},
		BeneficiaryName: beneficiary.name, Presence: h.presence(payer),
	}
}

func (h *house) pay(order settle.PremiumOrder) settle.PremiumView {
	h.t.Helper()
	view, replayed, err := h.PayPremium(h.t.Context(), order)
	if err != nil || replayed {
		h.t.Fatalf("premium: %v (replayed %v)", err, replayed)
	}
	return view
}

func (h *house) cancelOrder(id, premium string, payer human) settle.PremiumCancelOrder {
	presence := h.presence(payer)
	return settle.PremiumCancelOrder{
		ID: id, POS: "till-1", Premium: premium, Operator: settle.Operator{ID: "1001"}, Reason: "重复", Presence: &presence,
	}
}

func TestPremium(t *testing.T) {
	h := newHouse(t)
	order := h.premiumOrder("P1", h.spouse, h.child, 12000)
	paid := h.pay(order)
	if len(paid.Postings) != 1 || paid.Postings[0].After != 8000 || paid.AtCounter || paid.Policy.ID != settle.CNID || paid.ReceiptNo == "" {
		t.Errorf("premium %+v", paid)
	}
	h.wantAvailable(h.spouse, 8000)
	if again, replayed, err := h.PayPremium(t.Context(), order); err != nil || !replayed || again.ReceiptNo != paid.ReceiptNo {
		t.Errorf("replay %+v %v %v", again, replayed, err)
	}
	order.Premium.Amount++
	_, _, err := h.PayPremium(t.Context(), order)
	if e := wantCode(t, err, settle.IdempotencyConflict); e.Members["field"] != "amount" {
		t.Errorf("members %v", e.Members)
	}
	_, _, err = h.PayPremium(t.Context(), h.premiumOrder("P2", h.spouse, h.child, 100))
	wantCode(t, err, settle.RuleRefused, settle.EPremiumDuplicate)
	// Whether it was paid is nobody's business who may not pay it.
	_, _, err = h.PayPremium(t.Context(), h.premiumOrder("P2", h.daughter, h.child, 100))
	if e := wantCode(t, err, settle.RuleRefused, settle.EPremiumBalance); e.Members["why"] != string(settle.KNotBound) {
		t.Errorf("members %v", e.Members)
	}
	_, _, err = h.PayPremium(t.Context(), h.premiumOrder("P2", h.stranger, h.patient, 100))
	if e := wantCode(t, err, settle.RuleRefused, settle.EPremiumBalance); e.Members["why"] != string(settle.KNotBound) {
		t.Errorf("members %v", e.Members)
	}
	_, _, err = h.PayPremium(t.Context(), h.premiumOrder("P2", h.spouse, h.patient, 8001))
	wantCode(t, err, settle.RuleRefused, settle.EPremiumBalance)
	offline := h.premiumOrder("P2", h.spouse, h.patient, 100)
	offline.Offline = true
	_, _, err = h.PayPremium(t.Context(), offline)
	wantCode(t, err, settle.UpstreamSilent)

	d, err := h.Dossier(t.Context(), h.due().ID)
	if err != nil || d.Report.Kind != settle.ReportPremium || d.Premium.ID != "P1" || d.Identity.PsnNo != h.spouse.psnNo ||
		d.Other.PsnNo != h.child.psnNo || d.Report.Amount != 12000 || d.ReceiptNo != paid.ReceiptNo || d.Card.Number != h.spouse.card {
		t.Fatalf("dossier %+v, %v", d, err)
	}
	// The caps of a bill know nothing of contributions.
	h.rules.Caps.YearSharedPerBeneficiary = settle.CapOf(1)
	h.pay(h.premiumOrder("P3", h.spouse, h.patient, 100))
	if got := h.shared(h.patient, 5000); got != 1 {
		t.Errorf("shared %s: a contribution used the cap", got)
	}
	if report := h.wantVerified(); report.Premiums != 2 {
		t.Errorf("verified %+v", report)
	}
}

// TestPremiumOfWhoIsInsured: no resident's contribution for an employee, and none again for a year in which the centre has the
// resident as insured, unless somebody has checked.
func TestPremiumOfWhoIsInsured(t *testing.T) {
	h := newHouse(t)
	employee := h.premiumOrder("P1", h.spouse, h.patient, 100)
	employee.Premium.Kind = settle.KindResident
	_, _, err := h.PayPremium(t.Context(), employee)
	wantCode(t, err, settle.RuleRefused, settle.EPremiumInsured)
	employee = h.premiumOrder("P1", h.stranger, h.patient, 100)
	employee.Premium.Kind = settle.KindResident
	_, _, err = h.PayPremium(t.Context(), employee)
	wantCode(t, err, settle.RuleRefused, settle.EPremiumBalance)

	running := h.premiumOrder("P2", h.spouse, h.child, 100)
	running.Premium.Year = h.clock.now().In(settle.Beijing).Year()
	_, _, err = h.PayPremium(t.Context(), running)
	wantCode(t, err, settle.RuleRefused, settle.EPremiumCovered)
	running.Premium.StillDue = true
	if paid := h.pay(running); !paid.StillDue {
		t.Error("that somebody has checked is not recorded")
	}
	next := h.premiumOrder("P3", h.spouse, h.child, 100)
	h.rules.Premium.Windows = []settle.Span{{From: 20990101, To: 20990301}}
	_, _, err = h.PayPremium(t.Context(), next)
	if said := settle.SentenceOf(wantCode(t, err, settle.RuleRefused, settle.EPremiumWindow)).Message; !strings.Contains(said, "2099-01-01 至 2099-03-01") {
		t.Errorf("the cashier reads %q", said)
	}
	h.wantVerified()
}

// TestPremiumIsContained: the centre books a contribution and its cancellation, and snapshots contain each from then on.
func TestPremiumIsContained(t *testing.T) {
	h := newHouse(t)
	h.pay(h.premiumOrder("P1", h.spouse, h.child, 12000))
	book := func(kind settle.ReportKind, second int) {
		t.Helper()
		report := h.due()
		if report.Kind != kind || report.Person != h.id(h.spouse) {
			t.Fatalf("due %+v", report)
		}
		h.finish(settle.DispatchResult{
			MsgID: h.send(report.ID, "G104"), State: settle.DispatchAccepted, Report: report.ID, ReportState: settle.ReportAccepted, Done: true,
			Booking: &settle.Booking{MsgID: "x", CentreTime: noon.Add(time.Duration(second) * time.Second)},
		})
	}
	contain := func(second int, balance, want settle.Fen) {
		t.Helper()
		at := noon.Add(time.Duration(second) * time.Second)
		s := h.next(at.String(), at)
		account := h.spouse.account(balance)
		account.ContainsThrough = map[string]time.Time{venueCode: at}
		s.Accounts = []settle.SnapshotAccount{account}
		h.apply(s)
		h.wantAvailable(h.spouse, want)
	}
	book(settle.ReportPremium, 5)
	contain(4, 20000, 8000)
	contain(6, 8000, 8000)
	cancel, replayed, err := h.CancelPremium(t.Context(), h.cancelOrder("X1", "P1", h.spouse))
	if err != nil || replayed || cancel.Postings[0].Amount != -12000 || cancel.Postings[0].After != 20000 || !cancel.Premium.Cancelled {
		t.Fatalf("cancel %+v %v %v", cancel, replayed, err)
	}
	h.wantAvailable(h.spouse, 20000)
	book(settle.ReportPremiumCancel, 9)
	contain(8, 8000, 20000)
	contain(10, 20000, 20000)
	view, err := h.Premium(t.Context(), "P1")
	if err != nil || view.CancelID != "X1" || view.Report != settle.ReportAccepted {
		t.Errorf("premium %+v, %v", view, err)
	}
	h.wantVerified()
}

func TestPremiumCancellation(t *testing.T) {
	h := newHouse(t)
	h.pay(h.premiumOrder("P1", h.spouse, h.child, 12000))
	order := h.cancelOrder("X1", "P1", h.spouse)
	bare := order
	bare.Presence = nil
	_, _, err := h.CancelPremium(t.Context(), bare)
	wantCode(t, err, settle.CardAbsent)
	_, _, err = h.CancelPremium(t.Context(), h.cancelOrder("X1", "none", h.spouse))
	wantCode(t, err, settle.NotFound)
	first, _, err := h.CancelPremium(t.Context(), order)
	if err != nil {
		t.Fatal(err)
	}
	h.reopen()
	again, replayed, err := h.CancelPremium(t.Context(), order)
	if err != nil || !replayed || again.ReceiptNo != first.ReceiptNo {
		t.Errorf("replay %v %v", replayed, err)
	}
	order.Reason = "别的"
	_, _, err = h.CancelPremium(t.Context(), order)
	if e := wantCode(t, err, settle.IdempotencyConflict); e.Members["field"] != "reason" {
		t.Errorf("members %v", e.Members)
	}
	_, _, err = h.CancelPremium(t.Context(), h.cancelOrder("X2", "P1", h.spouse))
	if said := settle.SentenceOf(wantCode(t, err, settle.AlreadyReversed)).Message; said != "这笔代缴已经撤销（撤销单号 X1）。" {
		t.Errorf("the cashier reads %q", said)
	}
	h.wantAvailable(h.spouse, 20000)
	// The year is free again, and once it has begun a contribution stays paid.
	h.pay(h.premiumOrder("P2", h.spouse, h.child, 12000))
	h.clock.add(60 * 24 * time.Hour)
	_, _, err = h.CancelPremium(t.Context(), h.cancelOrder("X2", "P2", h.spouse))
	wantCode(t, err, settle.RuleRefused, settle.ERefundWindow)
	h.wantVerified()
}

// TestMoneyOfAClosedAccountGoesToTheAgency: never back to the account, never cash, and a person is told.
func TestMoneyOfAClosedAccountGoesToTheAgency(t *testing.T) {
	for _, status := range []settle.Status{settle.StatusClosed, settle.StatusDeceased} {
		t.Run(string(status), func(t *testing.T) {
			h := newHouse(t)
			sold := h.buy(h.patient, 3000) // 10.00 own, 20.00 of the daughter
			h.pay(h.premiumOrder("P1", h.daughter, h.patient, 500))
			s := h.next("S-2", noon)
			account := h.daughter.account(5000)
			account.Status, account.ContainsThrough = status, map[string]time.Time{venueCode: noon.Add(-time.Hour)}
			s.Accounts = []settle.SnapshotAccount{account}
			h.apply(s)
			before := h.available(h.daughter)
			back := h.giveBack(giveBack("R1", sold.ID))
			if back.Figures.Cash != 0 || back.Postings[0].Pot != settle.PotBalance || back.Postings[1].Pot != settle.PotAgency ||
				back.Postings[1].Amount != -2000 || back.Postings[1].After != 0 {
				t.Errorf("back %+v", back)
			}
			cancel, _, err := h.CancelPremium(t.Context(), h.cancelOrder("X1", "P1", h.daughter))
			if err != nil || cancel.Postings[0].Pot != settle.PotAgency {
				t.Errorf("cancel %+v, %v", cancel, err)
			}
			h.wantAvailable(h.daughter, before)
			h.wantAvailable(h.patient, 1000)
			list, err := h.AttentionList(t.Context(), 10)
			if err != nil || len(list) != 2 || list[0].Kind != AttentionAgency || !strings.Contains(list[0].Detail, "20.00") || list[0].Return != "R1" ||
				list[1].Return != "X1" {
				t.Errorf("attention %+v, %v", list, err)
			}
			for range 2 { // the sale is booked, then cancelled at the centre: the items stay until a person closes them
				h.accept(h.dueOf(h.patient), noon)
			}
			if list, err = h.AttentionList(t.Context(), 10); err != nil || len(list) != 2 {
				t.Errorf("attention %+v, %v", list, err)
			}
			h.wantVerified()
		})
	}
}

// dueOf is the report of a person that is due now.
func (h *house) dueOf(who human) settle.Report {
	h.t.Helper()
	reports, err := h.DueReports(h.t.Context(), h.clock.now(), 10)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, r := range reports {
		if r.Person == h.id(who) {
			return r
		}
	}
	h.t.Fatalf("no report of %s is due", who.card)
	return settle.Report{}
}

func TestTamperingWithAFamilyIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		statement, where string
		kind             FindingKind
	}{
		"request confirmed by hand": {"UPDATE request SET state = 'confirmed'", "request Q1", FoundChanged},
		"request's people":          {"UPDATE request SET giver = beneficiary", "request Q1", FoundChanged},
		"request gone":              {"DELETE FROM request", "request Q1", FoundRemoved},
		"premium's amount":          {"UPDATE premium SET amount = 1", "premium P1", FoundChanged},
		"premium's posting":         {"UPDATE posting SET amount = 1 WHERE premium IS NOT NULL AND leg = 0", "premium P1", FoundChanged},
		"premium free again":        {"UPDATE premium SET cancelled = 0", "premium P1", FoundChanged},
		"cancellation gone":         {"DELETE FROM premium_cancel", "premium_cancel X1", FoundRemoved},
		"presence gone":             {"DELETE FROM presence WHERE record = (SELECT record FROM premium)", "premium P1", FoundRemoved},
		"report gone":               {"DELETE FROM report WHERE kind = 'binding'", "request Q1", FoundRemoved},
		"report inserted":           {"INSERT INTO report SELECT 99, kind, settlement, refund, premium, request, intent, person, state, done, created, attempts, next, fault, amount, 1 FROM report WHERE kind = 'binding'", "report 99", FoundInserted},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.buy(h.stranger, 10)
			h.request(h.bindOrder("Q1", h.stranger, h.patient, settle.Sibling))
			h.pay(h.premiumOrder("P1", h.spouse, h.child, 100))
			if _, _, err := h.CancelPremium(t.Context(), h.cancelOrder("X1", "P1", h.spouse)); err != nil {
				t.Fatal(err)
			}
			h.wantVerified()
			if err := h.Close(); err != nil {
				t.Fatal(err)
			}
			db, err := sql.Open("sqlite3", filepath.Join(h.options.Dir, databaseName))
			if err != nil {
				t.Fatal(err)
			}
			if name == "report inserted" {
				if _, err := db.Exec("CREATE TABLE spare AS SELECT * FROM report; DROP TABLE report; ALTER TABLE spare RENAME TO report"); err != nil {
					t.Fatal(err)
				}
			}
			result, err := db.Exec(c.statement)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := result.RowsAffected(); err != nil || n == 0 {
				t.Fatalf("nothing was tampered with: %v", err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			report, err := VerifyDir(t.Context(), h.options.Dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range report.Findings {
				if f.Kind == c.kind && strings.Contains(f.Where, c.where) {
					return
				}
			}
			t.Errorf("findings %v, want %s of %s", report.Findings, c.kind, c.where)
		})
	}
}
