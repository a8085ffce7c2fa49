package main

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gongji/daemon/localapi"
	"gongji/daemon/localapi/client"
	"gongji/daemon/session"
	"gongji/settle"
)

// turnedPC is a whole demo whose PC's clock the test turns; the centre's clock goes right.
type turnedPC struct {
	*scriptedTill
	t   *testing.T
	off atomic.Int64 // nanoseconds by which the PC's clock is off
	log *lockedLog
}

func newTurnedPC(t *testing.T) *turnedPC {
	p := &turnedPC{t: t}
	var s *sandbox
	s, p.log = startSandboxWith(t, sandboxOptions{dir: t.TempDir(), pc: func() time.Time {
		return time.Now().Round(0).Add(time.Duration(p.off.Load()))
	}})
	p.scriptedTill = counterTill(t, s)
	p.insert(t, "1")
	return p
}

func (p *turnedPC) set(off time.Duration) { p.off.Store(int64(off)) }

// warning waits until CLOCK_JUMP stands with such a text, or does not stand any more where the text is empty.
func (p *turnedPC) warning(text string) (w localapi.Warning) {
	p.t.Helper()
	var ready client.Readiness
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		var err error
		if ready, err = p.client.Ready(p.t.Context()); err != nil {
			p.t.Fatal(err)
		}
		w = localapi.Warning{}
		for _, one := range ready.Warnings {
			if one.Code == "CLOCK_JUMP" {
				w = one
			}
		}
		if text == "" && w.Code == "" || text != "" && strings.Contains(w.Text, text) {
			if !ready.Ready {
				p.t.Fatalf("a clock that was set stops the counter: %+v", ready.Warnings)
			}
			return w
		}
	}
	p.t.Fatalf("no warning with %q: %+v", text, ready.Warnings)
	return w
}

// cut takes the centre away and waits until the daemon settles offline.
func (p *turnedPC) cut() {
	p.t.Helper()
	if err := p.sandbox.SetCentre(false); err != nil {
		p.t.Fatal(err)
	}
	if err := p.until(p.t.Context(), "offline", func(client.Event) (bool, error) { return p.sandbox.daemon.Offline(), nil }); err != nil {
		p.t.Fatal(err)
	}
}

// stale tries a sale that must be refused, for the ledger is too old.
func (p *turnedPC) stale(saleID string) {
	p.t.Helper()
	_, _, err := p.client.Settle(p.t.Context(), session.SettleRequest{SaleRequest: p.bill(saleID)})
	if client.CodeOf(err) != settle.LedgerStale {
		p.t.Errorf("%s: %v, want LEDGER_STALE", saleID, err)
	}
}

// end brings the centre back: its time ends the warning and the age, every sale is booked once, and nothing is lost.
func (p *turnedPC) end(sales ...string) {
	p.t.Helper()
	ctx := p.t.Context()
	if err := p.sandbox.SetCentre(true); err != nil {
		p.t.Fatal(err)
	}
	for _, id := range sales {
		if err := p.accepted(ctx, id, "accepted"); err != nil {
			p.t.Fatal(err)
		}
	}
	p.set(0)
	p.warning("")
	sales = append(sales, p.mask(p.t, "AFTER"))
	if err := p.accepted(ctx, sales[len(sales)-1], "accepted"); err != nil {
		p.t.Fatal(err)
	}
	if rows := p.sandbox.centre.book.Standing(); len(rows) != len(sales) {
		p.t.Errorf("%d sales, and the centre has %d rows", len(sales), len(rows))
	}
	accounts, err := p.client.Accounts(ctx, "counter-1")
	if err != nil {
		p.t.Fatal(err)
	}
	patient := p.sandbox.family.Patient
	if want := p.sandbox.centre.book.Balances()[patient.PsnNo]; string(*accounts.Accounts[0].Available) != want.String() {
		p.t.Errorf("the account has %s here and %s at the centre", *accounts.Accounts[0].Available, want)
	}
	p.verified()
}

// verified walks the chain and re-adds every balance beside the running daemon, as the command line does.
func (p *turnedPC) verified() {
	p.t.Helper()
	root := rootCommand()
	out := &lockedLog{}
	root.SetOut(out)
	root.SetErr(out)
	root.SetArgs([]string{"verify", "--data", p.sandbox.dir + "/data"})
	if err := root.ExecuteContext(p.t.Context()); err != nil {
		p.t.Errorf("verify: %v\n%s", err, out)
	}
}

// TestClockTurnedBack: the PC's clock is set three days back while the centre is away. The counter says so and goes on settling,
// within limits that became no longer by it: a day later the ledger is too old, though the PC shows a day before its age began.
func TestClockTurnedBack(t *testing.T) {
	p := newTurnedPC(t)
	sales := []string{p.mask(t, "BEFORE")}
	p.cut()
	const back = -72 * time.Hour
	p.set(back)
	w := p.warning("-72h0m")
	if w.Title != "电脑时间跳变" || w.Severity != "warning" || !strings.Contains(w.Remedy, "自动对时") {
		t.Errorf("%+v", w)
	}
	sales = append(sales, p.mask(t, "BACK"))
	p.set(back + 25*time.Hour) // a day passes
	p.stale("LATER")
	p.set(back) // and is turned back again
	p.stale("AGAIN")
	if !strings.Contains(p.log.String(), "the PC's clock jumped") {
		t.Error("the log does not tell of the jump")
	}
	p.end(sales...)
}

// TestClockTurnedForward: the PC's clock jumps two days ahead while the centre is away. The ledger is too old at once, and stays so
// when the clock is set right: only the centre's time ends it.
func TestClockTurnedForward(t *testing.T) {
	p := newTurnedPC(t)
	sales := []string{p.mask(t, "BEFORE")}
	p.cut()
	p.set(48 * time.Hour)
	p.stale("AHEAD")
	p.warning("+48h0m")
	p.set(0)
	p.warning("") // it goes right again
	p.stale("RIGHT")
	p.end(sales...)
}
