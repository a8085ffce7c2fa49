package ledger

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gongji/settle"
)

// bookOther lets the centre book a due report with its own figures and returns the settlement afterwards.
func (h *house) bookOther(report settle.Report, theirs settle.Figures, centre time.Time) settle.Settlement {
	h.t.Helper()
	msgid := h.send(report.ID, "2102")
	h.finish(settle.DispatchResult{
		MsgID: msgid, State: settle.DispatchAccepted, At: h.clock.now(), Report: report.ID, ReportState: settle.ReportAccepted, Done: true,
		Booking: &settle.Booking{SetlID: "SETL" + msgid, MdtrtID: "M1", MsgID: msgid, CentreTime: centre, Figures: theirs},
	})
	return h.stored(report.Settlement)
}

func (h *house) stored(id string) settle.Settlement {
	h.t.Helper()
	s, err := h.Settlement(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

// item is the one open item of a kind.
func (h *house) item(kind AttentionKind) Attention {
	h.t.Helper()
	list, err := h.AttentionList(h.t.Context(), 100)
	if err != nil {
		h.t.Fatal(err)
	}
	at := slices.IndexFunc(list, func(a Attention) bool { return a.Kind == kind })
	if at < 0 {
		h.t.Fatalf("no item of kind %s in %+v", kind, list)
	}
	return list[at]
}

func (h *house) decide(id int64, decision settle.Decision) {
	h.t.Helper()
	err := h.Decide(h.t.Context(), settle.AttentionOrder{ID: id, Decision: decision, Operator: settle.Operator{ID: "2001", Name: "店长"}, Note: "已核对"})
	if err != nil {
		h.t.Fatalf("decide %s: %v", decision, err)
	}
}

// TestCentreTakesLess: the centre found less on the relatives' accounts than we did; the last payer gets money back, and the
// patient owes the difference in cash.
func TestCentreTakesLess(t *testing.T) {
	h := newHouse(t)
	h.buy(h.patient, 8000) // 10.00 own, 50.00 of the daughter, 20.00 of the spouse
	h.wantAvailable(h.spouse, 18000)
	s := h.bookOther(h.due(), settle.Figures{Total: 8000, Own: 1000, Shared: 4500, Cash: 2500}, noon)
	h.wantAvailable(h.spouse, 20000)
	h.wantAvailable(h.daughter, 500)
	if s.Report != settle.ReportAdjusted || s.Standing() != (settle.Figures{Total: 8000, Own: 1000, Shared: 4500, Cash: 2500}) || s.CashState.Open != 2500 {
		t.Errorf("stands at %+v, %+v", s.Standing(), s.CashState)
	}
	if len(s.Adjustments) != 1 || len(s.Adjustments[0].Postings) != 2 || s.Adjustments[0].Postings[0].Amount != -2000 || s.Adjustments[0].Postings[0].Relation != settle.Spouse {
		t.Errorf("adjustments %+v", s.Adjustments)
	}
	h.wantVerified()
	item := h.item(AttentionAdjusted)
	if item.Amount != 2500 || item.Holder != settle.MaskName(h.patient.name) || !slices.Equal(item.Decisions, []settle.Decision{settle.DecideCashSettled, settle.DecideWriteOff}) {
		t.Errorf("item %+v", item)
	}
	wantCode(t, h.CloseAttention(t.Context(), item.ID, "1001", ""), settle.BadRequest)
	h.decide(item.ID, settle.DecideCashSettled)
	if s = h.stored(s.ID); s.CashState != (settle.CashStanding{}) || s.Adjustments[1].Settled != 2500 || s.Adjustments[1].Operator.ID != "2001" {
		t.Errorf("after the cash was collected: %+v %+v", s.CashState, s.Adjustments)
	}
	// A snapshot of after the booking has the centre's figures in it.
	next := h.next("S-2", noon.Add(time.Minute))
	next.Accounts = []settle.SnapshotAccount{h.patient.account(0), h.daughter.account(500), h.spouse.account(20000)}
	h.apply(next)
	h.wantAvailable(h.patient, 0)
	h.wantAvailable(h.daughter, 500)
	h.wantAvailable(h.spouse, 20000)
	back := h.giveBack(giveBack("R1", s.ID))
	if back.Figures != s.Standing() || back.CashOffset != 0 {
		t.Errorf("comes back: %+v", back)
	}
	h.wantAvailable(h.patient, 1000)
	h.wantAvailable(h.daughter, 5000)
	h.wantAvailable(h.spouse, 20000)
	h.reopen()
	h.wantVerified()
}

// TestCentreTakesMore: more is taken in the plan's order; what no account here has is a difference that the work list names.
func TestCentreTakesMore(t *testing.T) {
	h := newHouse(t)
	order := h.order(h.patient, line("1", 1500))
	order.Sale.UseAccounts = true
	h.settle(order) // 10.00 own, 5.00 of the daughter
	s := h.bookOther(h.due(), settle.Figures{Total: 1500, Own: 1300, Shared: 200}, noon)
	if adj := s.Adjustments[0]; adj.RestOwn != 300 || len(adj.Postings) != 1 || adj.Postings[0].Amount != -300 || adj.Cash.Open != 0 {
		t.Errorf("adjustment %+v", adj)
	}
	item := h.item(AttentionAdjusted)
	if !strings.Contains(item.Detail, `"rest_own":"3.00"`) || !strings.Contains(item.Detail, settle.MaskName(h.patient.name)) {
		t.Errorf("detail %s", item.Detail)
	}
	h.decide(item.ID, settle.DecideNone)
	back := h.giveBack(giveBack("R1", s.ID))
	if back.Figures != (settle.Figures{Total: 1500, Own: 1300, Shared: 200}) {
		t.Errorf("comes back %+v", back)
	}
	h.wantAvailable(h.patient, 1000)
	h.wantAvailable(h.daughter, 5000)
	h.wantVerified()
}

// TestUncollectedCashIsNotHandedOut: the patient never paid the difference, so a return does not pay it out.
func TestUncollectedCashIsNotHandedOut(t *testing.T) {
	h := newHouse(t)
	s := h.buy(h.patient, 600)
	h.bookOther(h.due(), settle.Figures{Total: 600, Own: 100, Cash: 500}, noon)
	back := h.giveBack(giveBack("R1", s.ID))
	if back.Figures.Cash != 500 || back.CashOffset != 500 {
		t.Errorf("hands out %s less %s", back.Figures.Cash, back.CashOffset)
	}
	if got := h.stored(s.ID).CashState; got != (settle.CashStanding{}) {
		t.Errorf("left open: %+v", got)
	}
	h.wantVerified()
}

// TestBookedAfterTheReturn: the goods were back before the centre booked the sale otherwise. The difference goes with the
// cancellation, and nobody's cash has to do with it.
func TestBookedAfterTheReturn(t *testing.T) {
	h := newHouse(t)
	s := h.buy(h.patient, 3000) // 10.00 own, 20.00 of the daughter
	h.giveBack(giveBack("R1", s.ID))
	s = h.bookOther(h.due(), settle.Figures{Total: 3000, Own: 400, Shared: 2600}, noon)
	if len(s.Adjustments) != 1 || !s.Adjustments[0].Transit || s.CashState.Open != 0 || s.Standing() != s.Figures {
		t.Errorf("%+v", s.Adjustments)
	}
	// The centre's book between the two messages, as a snapshot shows it.
	next := h.next("S-2", noon.Add(time.Second))
	next.Accounts = []settle.SnapshotAccount{h.patient.account(600), h.daughter.account(2400)}
	h.apply(next)
	h.wantAvailable(h.patient, 1000)
	h.wantAvailable(h.daughter, 5000)
	h.accept(h.due(), noon.Add(2*time.Second))
	next = h.next("S-3", noon.Add(time.Minute))
	next.Accounts = []settle.SnapshotAccount{h.patient.account(1000), h.daughter.account(5000)}
	h.apply(next)
	h.wantAvailable(h.patient, 1000)
	h.wantAvailable(h.daughter, 5000)
	h.wantVerified()
}

// refuse lets the centre refuse a due report.
func (h *house) refuse(report settle.Report) {
	h.t.Helper()
	h.finish(settle.DispatchResult{
		MsgID: h.send(report.ID, "2102"), State: settle.DispatchRefused, Report: report.ID, ReportState: settle.ReportRefused, Done: true, Fault: "待遇已暂停",
	})
}

// TestRefusedSaleIsDecided: the goods are gone and the centre debits nobody: until a person decides the money is held here,
// and afterwards it is back on the accounts.
func TestRefusedSaleIsDecided(t *testing.T) {
	for _, decision := range []settle.Decision{settle.DecideCollect, settle.DecideWriteOff} {
		t.Run(string(decision), func(t *testing.T) {
			h := newHouse(t)
			s := h.buy(h.patient, 3000)
			h.refuse(h.due())
			item := h.item(AttentionRefused)
			if item.Amount != 3000 || item.Holder == "" || len(item.Decisions) != 3 {
				t.Errorf("item %+v", item)
			}
			wantCode(t, h.CloseAttention(t.Context(), item.ID, "1001", ""), settle.BadRequest)
			h.wantAvailable(h.daughter, 3000)
			h.decide(item.ID, decision)
			h.wantAvailable(h.patient, 1000)
			h.wantAvailable(h.daughter, 5000)
			s = h.stored(s.ID)
			adj := s.Adjustments[0]
			if s.Standing() != (settle.Figures{Total: 3000, Cash: 3000}) || s.CashState.Open != 0 {
				t.Errorf("stands at %+v, %+v", s.Standing(), s.CashState)
			}
			lost := settle.Fen(0)
			if decision == settle.DecideWriteOff {
				lost = 3000
			}
			if s.CashState.Lost != lost || adj.Written != lost || adj.Settled != 3000-lost {
				t.Errorf("%+v, %+v", s.CashState, adj)
			}
			wantCode(t, h.Decide(t.Context(), settle.AttentionOrder{ID: item.ID, Decision: decision}), settle.NotFound)
			if back := h.giveBack(giveBack("R1", s.ID)); back.Figures.Cash != 3000 || back.CashOffset != lost {
				t.Errorf("hands out %+v", back)
			}
			h.reopen()
			h.wantVerified()
		})
	}
}

// TestRefusedReportIsSentAgain: under a new message, once, and nothing else has changed.
func TestRefusedReportIsSentAgain(t *testing.T) {
	h := newHouse(t)
	s := h.buy(h.patient, 400)
	first := h.due()
	h.refuse(first)
	h.decide(h.item(AttentionRefused).ID, settle.DecideReReport)
	again := h.due()
	if again.ID != first.ID || again.State != settle.ReportPending || again.Fault != "" {
		t.Fatalf("due %+v", again)
	}
	h.accept(again, noon)
	if got := h.stored(s.ID); got.Report != settle.ReportAccepted {
		t.Errorf("report %s", got.Report)
	}
	h.wantAvailable(h.patient, 600)
	h.wantVerified()
}

// TestNoReportBehindTheReturn: the return of a refused sale was finished without a message; the sale may not be booked now.
func TestNoReportBehindTheReturn(t *testing.T) {
	h := newHouse(t)
	s := h.settle(h.order(h.patient, line("1", 300), line("2", 100)))
	h.refuse(h.due())
	h.giveBack(giveBack("R1", s.ID, settle.ReturnLine{ID: "2", Quantity: "1"}))
	if err := h.PostponeReport(t.Context(), h.due().ID, noon, settle.ReportAccepted, "原结算没有在中心入账，无需上报", true); err != nil {
		t.Fatal(err)
	}
	item := h.item(AttentionRefused)
	if item.Amount != 300 || !slices.Equal(item.Decisions, []settle.Decision{settle.DecideCollect, settle.DecideWriteOff}) {
		t.Errorf("item %+v", item)
	}
	h.decide(item.ID, settle.DecideCollect)
	h.wantAvailable(h.patient, 1000)
	h.wantVerified()
}

// TestAdjustmentsKeepTheBooks: sales, other figures of the centre, refusals, decisions and returns in any order: the ledger
// verifies, and once every answer is in, each account holds what the centre's book says.
func TestAdjustmentsKeepTheBooks(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := newHouse(t)
		defer func() { _ = h.Close() }()
		var sold []string
		returns := 0
		for range rapid.IntRange(4, 10).Draw(rt, "steps") {
			h.clock.add(time.Second)
			switch rapid.IntRange(0, 5).Draw(rt, "what") {
			case 0, 1:
				first := settle.Fen(rapid.IntRange(1, 3000).Draw(rt, "first"))
				sold = append(sold, h.settle(h.order(h.patient, line("1", first), line("2", settle.Fen(rapid.IntRange(1, 2000).Draw(rt, "second"))))).ID)
			case 2:
				if len(sold) > 0 {
					returns++
					order := giveBack(fmt.Sprintf("R%d", returns), rapid.SampledFrom(sold).Draw(rt, "sale"))
					if rapid.Bool().Draw(rt, "partly") {
						order.Lines = []settle.ReturnLine{{ID: rapid.SampledFrom([]string{"1", "2"}).Draw(rt, "line"), Quantity: "1"}}
					}
					back, _, err := h.Return(t.Context(), order)
					if code := settle.CodeOf(err); err != nil && code != settle.AlreadyReversed && code != settle.RefundOver {
						rt.Fatal(err)
					}
					if back.CashOffset < 0 || back.CashOffset > back.Figures.Cash {
						rt.Fatalf("offset %s of %s", back.CashOffset, back.Figures.Cash)
					}
				}
			case 3, 4:
				h.workOne(rt)
			case 5:
				h.decideOne(rt)
			}
			if report, err := h.Verify(t.Context(), nil); err != nil || !report.OK() {
				rt.Fatalf("verify: %v, %v", report.Findings, err)
			}
		}
		for h.workOne(rt) {
		}
		for h.decideOne(rt) {
		}
		h.wantSettled(rt, sold)
	})
}

// workOne does one message of a due report, as the centre will.
func (h *house) workOne(rt *rapid.T) bool {
	due, err := h.DueReports(h.t.Context(), h.clock.now(), 1)
	if err != nil || len(due) == 0 {
		return false
	}
	d, err := h.Dossier(h.t.Context(), due[0].ID)
	if err != nil {
		rt.Fatal(err)
	}
	cancelled := slices.ContainsFunc(d.Journal, func(m settle.Dispatch) bool { return m.Infno == "2103" && m.State == settle.DispatchAccepted })
	switch {
	case due[0].Kind != settle.ReportSettle && !cancelled && d.Booked == nil:
		if err := h.PostponeReport(h.t.Context(), due[0].ID, h.clock.now(), settle.ReportAccepted, "无需上报", true); err != nil {
			rt.Fatal(err)
		}
	case due[0].Kind != settle.ReportSettle && !cancelled:
		last := len(d.Sale.Lines) == 0
		state := map[bool]settle.ReportState{true: settle.ReportAccepted, false: settle.ReportPending}[last]
		h.finish(settle.DispatchResult{
			MsgID: h.send(due[0].ID, "2103"), State: settle.DispatchAccepted, Unbooked: true, Booking: &settle.Booking{CentreTime: h.clock.now()},
			Report: due[0].ID, ReportState: state, Done: last,
		})
	case rapid.IntRange(0, 4).Draw(rt, "fate") == 0:
		h.refuse(due[0])
	default:
		f := d.Figures
		if rapid.Bool().Draw(rt, "otherwise") {
			f.Own = settle.Fen(rapid.IntRange(0, int(f.Total)).Draw(rt, "own"))
			f.Shared = settle.Fen(rapid.IntRange(0, int(f.Total-f.Own)).Draw(rt, "shared"))
			f.Fund = settle.Fen(rapid.IntRange(0, int(f.Total-f.Own-f.Shared)).Draw(rt, "fund"))
			f.Cash = f.Total - f.Own - f.Shared - f.Fund
		}
		h.bookOther(due[0], f, h.clock.now())
	}
	return true
}

// decideOne decides about the first item that asks for it.
func (h *house) decideOne(rt *rapid.T) bool {
	list, err := h.AttentionList(h.t.Context(), 100)
	if err != nil {
		rt.Fatal(err)
	}
	for _, item := range list {
		if item.Kind == AttentionRefused || item.Kind == AttentionAdjusted {
			allowed := slices.DeleteFunc(slices.Clone(item.Decisions), func(d settle.Decision) bool { return d == settle.DecideReReport })
			h.decide(item.ID, rapid.SampledFrom(allowed).Draw(rt, "decision"))
			return true
		}
	}
	return false
}

// wantSettled: with every answer in and every item decided, the accounts are debited for what stands, but for the
// differences, and no cash is open.
func (h *house) wantSettled(rt *rapid.T, sold []string) {
	var paid, cash settle.Fen
	for _, id := range sold {
		s := h.stored(id)
		f := s.Standing()
		paid += f.Own + f.Shared - s.Refunded.Own - s.Refunded.Shared
		cash += s.CashState.Open
		if f.Total != s.Figures.Total || min(f.Own-s.Refunded.Own, f.Shared-s.Refunded.Shared, f.Cash-s.Refunded.Cash, f.Fund-s.Refunded.Fund) < 0 {
			rt.Fatalf("stands at %+v, given back %+v", f, s.Refunded)
		}
	}
	var posted settle.Fen
	err := h.read(h.t.Context(), func(t *tx) error {
		return t.get("SELECT COALESCE(SUM(amount), 0) FROM posting", nil, &posted)
	})
	if err != nil || posted > paid || cash != 0 {
		rt.Fatalf("posted %s for %s, open cash %s: %v", posted, paid, cash, err)
	}
	if got := h.available(h.patient) + h.available(h.daughter) + h.available(h.spouse); got != 26000-posted {
		rt.Fatalf("the accounts offer %s, posted are %s", got, posted)
	}
}
