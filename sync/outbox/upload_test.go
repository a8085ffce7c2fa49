package outbox

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"gongji/settle"
	"gongji/sync/centre"
	"gongji/sync/nhsa"
)

// goodsShop is a shop whose first sale of two traced lines is through, and what is done to its upload next.
func goodsShop(t *testing.T, spoil func(*settle.Sale), plans ...string) (*shop, *counted) {
	family := centre.DemoFamily(settle.DateOf(time.Now()))
	h := newShop(t, quickDir(t), true, family.Snapshot(time.Now().Add(-time.Second)), family.Members())
	faults, err := centre.PlanFaults(plans)
	if err != nil {
		t.Fatal(err)
	}
	h.mu.Lock()
	h.faults = faults
	h.mu.Unlock()
	order := h.order(family.Stranger, false, true, 100, 200, 300)
	if spoil != nil {
		spoil(&order.Sale)
	}
	settled, _, err := h.Settle(t.Context(), order)
	if err != nil {
		t.Fatal(err)
	}
	sale := &counted{settlement: settled, kept: settled.Figures.Total}
	for i := range settled.Sale.Lines {
		sale.codes = append(sale.codes, settled.Sale.Lines[i].TraceCodes...)
	}
	return h, sale
}

// TestUploads: whatever happens to 3505 and 3506, each code is at the centre once; rows that were busy are sent again, and
// only these.
func TestUploads(t *testing.T) {
	for name, plans := range map[string][]string{
		"clean": nil, "busy": {"3505=busy-rows", "3506=busy-rows"}, "lost": {"3505=lose-answer", "3506=lose-answer"},
		"half": {"3505=half-answer", "3506=half-answer"}, "gateway": {"3505=502-after", "3506=502-before"}, "sign-in": {"3505=expire-signin"},
	} {
		t.Run(name, func(t *testing.T) {
			h, sale := goodsShop(t, nil, plans...)
			defer h.close()
			sent := &rowCounter{rows: map[string][]int{}}
			l := h.begin(time.Second, 50*time.Millisecond, func(o *Options) { o.Uploads = sent.over(o.Uploads) })
			if !h.rest(10 * time.Second) {
				t.Fatal("no rest")
			}
			h.takeBack(l, sale, true)
			if !h.rest(10 * time.Second) {
				t.Fatal("no rest after the refund")
			}
			l.end(t)
			h.verify([]*counted{sale})
			if rows := sent.rows[nhsa.InfnoSold]; name == "busy" && (len(rows) != 2 || rows[0] != 3 || rows[1] != 2) {
				t.Errorf("rows of each 3505: %v", rows)
			}
		})
	}
}

// TestReturnAfterLateSale: a 3505 that was not answered arrives long after its repetition was taken, and after the goods came
// back. The 3506 goes out behind it, also across a power cut, so that the centre does not have the codes as sold for ever.
func TestReturnAfterLateSale(t *testing.T) {
	for name, cut := range map[string]bool{"": false, "power cut": true} {
		t.Run(name, func(t *testing.T) {
			const late, proof = 700 * time.Millisecond, time.Second
			h, sale := goodsShop(t, nil, "3505=delay-before:1:"+late.String())
			defer h.close()
			l := h.begin(50*time.Millisecond, proof, nil)
			if !h.rest(10 * time.Second) {
				t.Fatal("no rest")
			}
			h.takeBack(l, sale, false)
			if cut {
				h.await3506(func(u settle.Upload) bool { return u.Fault != "" })
				h.crash(l)
				l = h.begin(50*time.Millisecond, proof, nil)
			}
			if !h.rest(10 * time.Second) {
				t.Fatal("the return of the goods is lost")
			}
			l.end(t)
			h.server.Close() // whatever was late has arrived now
			h.verify([]*counted{sale})
		})
	}
}

// TestPackSoldAgain: a pack comes back and is sold to somebody else while the 3506 waits. The centre has the code as sold
// until then; the new 3505 waits behind it, and nobody has to decide anything.
func TestPackSoldAgain(t *testing.T) {
	h, sale := goodsShop(t, nil, "3505=delay-before:1:100ms")
	defer h.close()
	l := h.begin(50*time.Millisecond, 500*time.Millisecond, nil)
	if !h.rest(10 * time.Second) {
		t.Fatal("no rest")
	}
	h.takeBack(l, sale, false)
	h.await3506(func(u settle.Upload) bool { return u.Fault != "" })
	order := h.order(h.members[0], false, false, 100)
	order.Sale.Lines[0].TraceCodes = sale.settlement.Sale.Lines[0].TraceCodes
	settled, _, err := h.Settle(t.Context(), order)
	if err != nil {
		t.Fatal(err)
	}
	l.Wake()
	if !h.rest(10 * time.Second) {
		t.Fatal("no rest after the pack was sold again")
	}
	l.end(t)
	h.server.Close()
	h.verify([]*counted{sale, countedOf(settled)})
	if list, err := h.AttentionList(t.Context(), 10); err != nil || len(list) != 0 {
		t.Errorf("somebody is asked: %+v, %v", list, err)
	}
}

// TestPackSoldAgainBeforeItsReturnIsAccepted: a pack comes back and is sold to somebody else while the return's report finds no way
// to the centre. The new sale is accepted, and its 3505 waits until the return's 3506 is through: it leaves once, and is not refused.
func TestPackSoldAgainBeforeItsReturnIsAccepted(t *testing.T) {
	h, sale := goodsShop(t, nil, "2103=502-before:3")
	defer h.close()
	sent := &rowCounter{rows: map[string][]int{}}
	l := h.begin(time.Second, 50*time.Millisecond, func(o *Options) { o.Uploads = sent.over(o.Uploads) })
	if !h.rest(10 * time.Second) {
		t.Fatal("no rest")
	}
	h.takeBack(l, sale, false)
	order := h.order(h.members[0], false, false, 100)
	order.Sale.Lines[0].TraceCodes = sale.settlement.Sale.Lines[0].TraceCodes
	settled, _, err := h.Settle(t.Context(), order)
	if err != nil {
		t.Fatal(err)
	}
	l.Wake()
	if !h.rest(20 * time.Second) {
		t.Fatal("no rest after the pack was sold again")
	}
	l.end(t)
	h.server.Close()
	h.verify([]*counted{sale, countedOf(settled)})
	if list, err := h.AttentionList(t.Context(), 10); err != nil || len(list) != 0 {
		t.Errorf("somebody is asked: %+v, %v", list, err)
	}
	if sold, back := len(sent.rows[nhsa.InfnoSold]), len(sent.rows[nhsa.InfnoReturned]); sold != 2 || back != 1 {
		t.Errorf("%d messages of sales and %d of returns left", sold, back)
	}
}

// await3506 waits until the return of goods that is due stands as it should.
func (h *shop) await3506(as func(settle.Upload) bool) {
	h.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		due, err := h.DueUploads(h.t.Context(), time.Now().Add(50*time.Minute), 1)
		if err != nil {
			h.t.Fatal(err)
		}
		if len(due) == 1 && due[0].Kind == settle.UploadReturned && as(due[0]) {
			return
		}
	}
	h.t.Fatal("the return of the goods does not come to that")
}

// rowCounter notes how many rows each message had.
type rowCounter struct {
	Uploads
	mu   sync.Mutex
	rows map[string][]int
}

func (c *rowCounter) over(u Uploads) Uploads { c.Uploads = u; return c }

func (c *rowCounter) BeginUpload(ctx context.Context, m settle.UploadMessage) error {
	c.mu.Lock()
	c.rows[m.Infno] = append(c.rows[m.Infno], len(m.Rows))
	c.mu.Unlock()
	return c.Uploads.BeginUpload(ctx, m)
}

// TestReturnOfGoodsNeverTaken: what the centre refused to take as sold (3505) is not sent as a return (3506), alone or beside
// other lines, and nobody is asked about it twice.
func TestReturnOfGoodsNeverTaken(t *testing.T) {
	h, sale := goodsShop(t, func(s *settle.Sale) { s.Lines[0].Batch = "" })
	defer h.close()
	sent := &rowCounter{rows: map[string][]int{}}
	l := h.begin(time.Second, time.Minute, func(o *Options) { o.Uploads = sent.over(o.Uploads) })
	if !h.rest(10 * time.Second) {
		t.Fatal("no rest")
	}
	h.takeBack(l, sale, true) // the line that was refused
	if !h.rest(10 * time.Second) {
		t.Fatal("no rest after the refund")
	}
	if rows := sent.rows[nhsa.InfnoReturned]; len(rows) != 0 {
		t.Errorf("3506 went out for goods that were never taken: %v", rows)
	}
	h.takeBack(l, sale, false) // the rest, which was taken
	if !h.rest(10 * time.Second) {
		t.Fatal("no rest after the reversal")
	}
	l.end(t)
	if rows := sent.rows[nhsa.InfnoReturned]; len(rows) != 1 || rows[0] != 2 {
		t.Errorf("rows of each 3506: %v", rows)
	}
	if list, err := h.AttentionList(t.Context(), 10); err != nil || len(list) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	h.verify([]*counted{sale})
}

// TestRefusedRow: a row that does not fit the interface, and one whose code was sold before, are named on the work list;
// the rest of the sale is taken and the person's money goes on.
func TestRefusedRow(t *testing.T) {
	h, _ := goodsShop(t, func(s *settle.Sale) {
		s.Lines[0].Batch = ""
		s.Lines[1].Name = "布洛芬缓释胶囊"
	})
	defer h.close()
	l := h.begin(time.Second, time.Minute, nil)
	if !h.rest(10 * time.Second) {
		t.Fatal("no rest")
	}
	list, err := h.AttentionList(t.Context(), 10)
	if err != nil || len(list) != 1 || !strings.Contains(list[0].Detail, "第 1 行 阿莫西林胶囊") || !strings.Contains(list[0].Detail, "fixmedins_bchno") ||
		strings.Contains(list[0].Detail, "布洛芬") {
		t.Fatalf("%+v, %v", list, err)
	}
	h.sell(l, deed{Member: 4, First: 100, Second: 100})
	if !h.rest(10 * time.Second) {
		t.Fatal("the person's next sale does not get through")
	}
	l.end(t)
	if codes := h.centre.SoldTraces(); len(codes) != 2 || len(h.centre.Standing()) != 2 {
		t.Errorf("%v, %d rows", codes, len(h.centre.Standing()))
	}
}
