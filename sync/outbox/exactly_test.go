package outbox

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gongji/settle"
	"gongji/sync/centre"
	"gongji/sync/nhsa"
)

// TestExactlyOnceOnDisk: over the real database and the real centre, for any interleaving of sales of a pharmacy and a
// clinic, reported after or asked for in line, quotes, tills that leave or die in the middle, returns, lost, half, late and garbled answers, expired sign-ins, busy rows and power cuts, each sale stands at
// the centre exactly once with what is kept of it, or not at all; the ledger has the same booking and the same money;
// every trace code that was sold and not returned is there once; and the chain verifies.
func TestExactlyOnceOnDisk(t *testing.T) {
	rounds := 24
	if testing.Short() {
		rounds = 6
	}
	for seed := range rounds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { exactlyOnceOnDisk(t, rapid.Custom(drawCourse).Example(seed+1)) })
	}
}

// deed is one thing that happens, while the worker works.
type deed struct {
	Kind           string // settle, ask, leave, die, reverse, refund, crash, pause
	Member         int
	Clinic, Traced bool
	First, Second  int
	Of             int // which sale a return is of, counted from the newest
	Quote, Again   bool
}

type course struct {
	Deeds  []deed
	Faults []centre.FaultKind
}

func drawCourse(t *rapid.T) course {
	return course{
		Deeds: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) deed {
			return deed{
				Kind:   rapid.SampledFrom([]string{"settle", "settle", "ask", "ask", "leave", "die", "reverse", "refund", "crash", "pause", "pause"}).Draw(t, "kind"),
				Member: rapid.IntRange(0, 4).Draw(t, "member"), Clinic: rapid.Bool().Draw(t, "clinic"), Traced: rapid.Bool().Draw(t, "traced"),
				First: rapid.IntRange(1, 4000).Draw(t, "first"), Second: rapid.IntRange(1, 4000).Draw(t, "second"), Of: rapid.IntRange(0, 3).Draw(t, "of"),
				Quote: rapid.Bool().Draw(t, "quote"), Again: rapid.Bool().Draw(t, "again"),
			}
		}), 8, 20).Draw(t, "deeds"),
		Faults: rapid.SliceOfN(rapid.SampledFrom([]centre.FaultKind{
			centre.FaultNone, centre.FaultNone, centre.FaultNone, centre.FaultLoseAnswer, centre.FaultHalfAnswer, centre.FaultBadBefore,
			centre.FaultBadAfter, centre.FaultPageAfter, centre.FaultDelayBefore, centre.FaultDelayAfter, centre.FaultExpireSignIn, centre.FaultBusyRows,
		}), 10, 60).Draw(t, "faults"),
	}
}

// counted is a sale as it should stand.
type counted struct {
	settlement settle.Settlement
	kept       settle.Fen
	codes      []string // trace codes with the patient
	returns    int
}

const (
	courseTimeout = 50 * time.Millisecond
	courseProof   = 150 * time.Millisecond // longer than any message is late
)

func exactlyOnceOnDisk(t *testing.T, c course) {
	family := centre.DemoFamily(settle.DateOf(time.Now()))
	h := newShop(t, quickDir(t), true, family.Snapshot(time.Now().Add(-time.Second)), family.Members())
	defer h.close()
	l := h.begin(courseTimeout, courseProof, nil)
	// Where people are cleared is only known after a booking; without it absence is never proved.
	sales := []*counted{h.sell(l, deed{Member: 4, First: 1, Second: 1})}
	if !h.rest(10 * time.Second) {
		t.Fatal("the first sale does not get through")
	}
	faults := c.Faults
	h.mu.Lock()
	h.faults = func(infno string) centre.Fault {
		if len(faults) == 0 || infno == nhsa.InfnoSignIn || slices.Contains(asking, infno) && infno != nhsa.InfnoDetails {
			return centre.Fault{}
		}
		fault := centre.Fault{Kind: faults[0], Delay: 80 * time.Millisecond}
		faults = faults[1:]
		return fault
	}
	h.mu.Unlock()
	for _, d := range c.Deeds {
		switch d.Kind {
		case "settle":
			sales = append(sales, h.sell(l, d))
		case "ask", "leave":
			sales = append(sales, h.ask(l, d, h.draw(d))...)
		case "die":
			order := h.draw(d)
			sales = append(sales, h.die(l, d, order)...)
			l = h.begin(courseTimeout, courseProof, nil)
			if d.Again { // the till repeats what it has no answer to
				d.Kind = "ask"
				sales = append(sales, h.ask(l, d, order)...)
			}
		case "reverse", "refund":
			h.takeBack(l, sales[max(0, len(sales)-1-d.Of)], d.Kind == "refund")
		case "crash":
			h.crash(l)
			l = h.begin(courseTimeout, courseProof, nil)
		case "pause":
			h.pause()
		}
	}
	for _, question := range h.asked { // nobody comes back to a quote
		if _, err := h.AbandonInline(t.Context(), question, "报价未成交"); err != nil {
			t.Fatal(err)
		}
	}
	l.Wake()
	rested := h.rest(30 * time.Second)
	l.end(t)
	h.server.Close() // whatever was late has arrived now
	if !rested {
		list, err := h.AttentionList(t.Context(), 20)
		t.Fatalf("the outbox does not come to rest: %+v, %v", list, err)
	}
	h.verify(sales)
}

// pause lets some messages arrive.
func (h *shop) pause() {
	count := func() int { h.mu.Lock(); defer h.mu.Unlock(); return h.arrived }
	for begin, deadline := count(), time.Now().Add(30*time.Millisecond); count() < begin+3 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
}

func (h *shop) draw(d deed) settle.SettleOrder {
	return h.order(h.members[d.Member], d.Clinic, d.Traced, settle.Fen(d.First), settle.Fen(d.Second))
}

// ask is a sale under authority platform, as the counter does it; none where the centre refuses or the till leaves.
func (h *shop) ask(l *shopLife, d deed, order settle.SettleOrder) []*counted {
	ctx := h.t.Context()
	if d.Quote {
		_, _, _ = l.inline.Quote(ctx, order, "") // whatever it says, the settlement asks again
	}
	answer, err := l.inline.Settle(ctx, order, "")
	switch {
	case l.store.killed.Load() || settle.CodeOf(err) == settle.UpstreamRefused:
		return nil
	case err != nil:
		h.t.Fatal(err)
	case d.Kind == "leave":
		if answer.MsgID != "" {
			l.inline.Abandon(ctx, answer.MsgID, "收银台没有结算")
		}
		return nil
	}
	order.Inline, order.Offline = &answer, answer.State != settle.InlineAnswered
	settled, replayed, err := h.Settle(ctx, order)
	if err != nil {
		h.t.Fatal(err)
	}
	if answer.MsgID != "" {
		l.inline.Settled(answer.MsgID)
	}
	l.Wake()
	if replayed {
		return nil
	}
	return []*counted{countedOf(settled)}
}

// die is a power cut while a sale is asked for.
func (h *shop) die(l *shopLife, d deed, order settle.SettleOrder) (sales []*counted) {
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		sales = h.ask(l, d, order)
	}()
	for range d.Of + 1 {
		h.pause()
	}
	l.store.killed.Store(true)
	<-asked
	h.crash(l)
	return sales
}

func (h *shop) sell(l *shopLife, d deed) *counted {
	settled, _, err := h.Settle(h.t.Context(), h.draw(d))
	if err != nil {
		h.t.Fatal(err)
	}
	l.Wake()
	return countedOf(settled)
}

func countedOf(settled settle.Settlement) *counted {
	sale := &counted{settlement: settled, kept: settled.Figures.Total}
	for i := range settled.Sale.Lines {
		sale.codes = append(sale.codes, settled.Sale.Lines[i].TraceCodes...)
	}
	return sale
}

// takeBack reverses a sale, or refunds its first line; what is gone already stays gone.
func (h *shop) takeBack(l *shopLife, sale *counted, part bool) {
	if sale.kept == 0 || part && sale.returns > 0 {
		return
	}
	sale.returns++
	order := settle.ReturnOrder{
		ID: fmt.Sprintf("%s-%d", sale.settlement.Sale.ID, sale.returns), POS: "till-1", Settlement: sale.settlement.ID,
		Operator: settle.Operator{ID: "1001", Name: "李敏"}, Reason: "退货", WithoutCard: true,
	}
	if part {
		first := &sale.settlement.Sale.Lines[0]
		order.Lines = []settle.ReturnLine{{ID: first.ID, Quantity: "1", TraceCodes: first.TraceCodes}}
	}
	back, _, err := h.Return(h.t.Context(), order)
	if err != nil {
		h.t.Fatal(err)
	}
	l.Wake()
	sale.kept -= back.Figures.Total
	if part {
		sale.codes = sale.codes[min(1, len(sale.codes)):]
	} else {
		sale.codes = nil
	}
}

// verify holds the centre's book against what was sold and kept, and the ledger against the centre's book.
func (h *shop) verify(sales []*counted) {
	ctx := h.t.Context()
	standing := map[string][]centre.Row{}
	for _, row := range h.centre.Standing() {
		if sale, inline := h.saleOf[row.MsgID]; inline {
			stored, err := h.SettlementBySale(ctx, "till-1", sale)
			if err != nil {
				h.t.Fatalf("a row that was asked for and never settled: %s %v", sale, err)
			}
			standing[stored.ID] = append(standing[stored.ID], row)
			continue
		}
		d, err := h.Dossier(ctx, h.reportOf[row.MsgID])
		if err != nil {
			h.t.Fatalf("a row that no report began: %v", err)
		}
		if d.Booked == nil || d.Booked.SetlID != row.SetlID || d.Booked.MsgID != row.MsgID || d.Booked.Figures != row.Figures {
			h.t.Errorf("the centre has %s with %+v, the ledger %+v", row.SetlID, row.Figures, d.Booked)
		}
		standing[d.Report.Settlement] = append(standing[d.Report.Settlement], row)
	}
	codes := h.centre.SoldTraces()
	for _, sale := range sales {
		rows := standing[sale.settlement.ID]
		if len(rows) > 1 || (len(rows) == 1) != (sale.kept > 0) || len(rows) == 1 && rows[0].Figures.Total != sale.kept {
			h.t.Errorf("sale %s stands with %+v, %s is kept", sale.settlement.Sale.ID, rows, sale.kept)
		}
		stored, err := h.Settlement(ctx, sale.settlement.ID)
		if err != nil || stored.Report != settle.ReportAccepted && stored.Report != settle.ReportAdjusted {
			h.t.Errorf("sale %s is %s, %v", sale.settlement.Sale.ID, stored.Report, err)
		}
		for _, code := range sale.codes {
			if codes[code] != sale.settlement.ReceiptNo {
				h.t.Errorf("trace code %s is at the centre under %q", code, codes[code])
			}
			delete(codes, code)
		}
	}
	if len(codes) > 0 {
		h.t.Errorf("trace codes that nobody has: %v", codes)
	}
	balances := h.centre.Balances()
	for _, m := range h.members {
		views, err := h.Accounts(ctx, h.PersonID(m.PsnNo))
		if err != nil {
			h.t.Fatal(err)
		}
		for _, view := range views {
			if view.Person == h.PersonID(m.PsnNo) && view.Available != balances[m.PsnNo] {
				h.t.Errorf("…%s has %s here and %s at the centre", m.PsnNo[18:], view.Available, balances[m.PsnNo])
			}
		}
	}
	if n := h.centre.OpenVisits(); n != 0 {
		h.t.Errorf("%d visits are open", n)
	}
	report, err := h.Verify(ctx, nil)
	if err != nil || !report.OK() {
		h.t.Errorf("the chain: %v, %v", report.Findings, err)
	}
}
