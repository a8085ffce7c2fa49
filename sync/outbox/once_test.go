package outbox

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gongji/settle"
	"gongji/sync/centre"
	"gongji/sync/nhsa"
)

// TestExactlyOnce: for any mixture of lost, half, late and garbled answers, messages that never arrive, expired
// sign-ins and power cuts, each sale stands at the centre exactly once, or not at all where it was returned, or is
// reported unknown; never twice, and no yuan is made or lost. With a reconciliation nothing stays unknown.
func TestExactlyOnce(t *testing.T) {
	const rounds = 30
	for seed := range uint64(rounds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { exactlyOnce(t, rapid.Custom(drawStory).Example(int(seed)+1)) })
	}
}

// story is one drawn course of events.
type story struct {
	Sales   []saleDrawn
	Faults  []centre.FaultKind // of the messages that change the book, one after the other
	Crashes []int              // a power cut after so many messages have arrived since the last
	Order   uint64
	Proof   time.Duration // 0: without a reconciliation, what never arrived stays unknown
}

type saleDrawn struct {
	Member int
	Total  int
	Back   settle.ReportKind // empty: kept
	Kept   int               // of a refund, in hundredths of the total
}

func drawStory(t *rapid.T) story {
	return story{
		Sales: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) saleDrawn {
			return saleDrawn{
				Member: rapid.IntRange(0, 4).Draw(t, "member"), Total: rapid.IntRange(1, 9000).Draw(t, "total"),
				Back: rapid.SampledFrom([]settle.ReportKind{"", settle.ReportReverse, settle.ReportRefund}).Draw(t, "back"),
				Kept: rapid.IntRange(0, 99).Draw(t, "kept"),
			}
		}), 2, 8).Draw(t, "sales"),
		Faults: rapid.SliceOfN(rapid.SampledFrom([]centre.FaultKind{
			centre.FaultNone, centre.FaultNone, centre.FaultNone, centre.FaultLoseAnswer, centre.FaultHalfAnswer, centre.FaultBadBefore, centre.FaultBadAfter,
			centre.FaultPageAfter, centre.FaultDelayBefore, centre.FaultDelayAfter, centre.FaultExpireSignIn,
		}), 5, 25).Draw(t, "faults"),
		Crashes: rapid.SliceOfN(rapid.IntRange(1, 6), 0, 4).Draw(t, "crashes"),
		Order:   rapid.Uint64().Draw(t, "order"),
		Proof:   rapid.SampledFrom([]time.Duration{0, 150 * time.Millisecond}).Draw(t, "proof"), // longer than any message is late
	}
}

func exactlyOnce(t *testing.T, s story) {
	b := newBench(t)
	defer b.close()
	b.proofAfter = s.Proof
	before := b.centre.Balances()
	faults := s.Faults
	b.mu.Lock()
	b.faults = func(infno string) centre.Fault {
		if len(faults) == 0 || infno == nhsa.InfnoSignIn || slices.Contains(asking, infno) && infno != nhsa.InfnoDetails {
			return centre.Fault{}
		}
		fault := centre.Fault{Kind: faults[0], Delay: 80 * time.Millisecond}
		faults = faults[1:]
		return fault
	}
	b.mu.Unlock()
	patient := func(o *nhsa.Options, _ *Options) { o.Timeout = 50 * time.Millisecond }
	for i, sale := range s.Sales {
		total := settle.Fen(sale.Total)
		b.sell(b.family.Members()[sale.Member], fmt.Sprint(i), settle.Figures{Total: total, Own: total})
	}
	l := b.start(patient)
	order := rand.New(rand.NewPCG(s.Order, 1))
	for _, i := range order.Perm(len(s.Sales)) {
		sale := s.Sales[i]
		// A return is made once its sale's report is settled one way or the other, or while it is open.
		kept := settle.Fen(sale.Total * sale.Kept / 100)
		switch sale.Back {
		case settle.ReportReverse:
			kept = 0
		case "":
			continue
		}
		b.await(func(r []settle.Report) bool {
			return r[i].Done || r[i].Attempts >= 6 || r[i].State == settle.ReportPending
		})
		if b.store.report(int64(i + 1)).Done {
			b.giveBack(sale.Back, fmt.Sprint(i), settle.Figures{Total: kept, Own: kept})
			l.Wake()
		} else {
			s.Sales[i].Back = "" // its sale is still open: the till waits with the return
		}
	}
	for _, after := range s.Crashes {
		begin := len(b.seenAll())
		deadline := time.Now().Add(200 * time.Millisecond)
		for len(b.seenAll()) < begin+after && time.Now().Before(deadline) {
			time.Sleep(time.Millisecond)
		}
		l.kill()
		l = b.start(patient)
	}
	// Everything ends, or is open because the centre cannot find what never arrived.
	settled := b.store.await(20*time.Second, func(reports []settle.Report) bool {
		blocked := map[settle.PersonID]bool{}
		for _, r := range reports {
			if !r.Done && !blocked[r.Person] && (s.Proof > 0 || r.State != settle.ReportUnknown || r.Attempts < 8) {
				return false
			}
			blocked[r.Person] = blocked[r.Person] || !r.Done
		}
		return true
	})
	l.stop(t)
	b.server.Close() // whatever was late has arrived now
	if !settled {
		t.Fatalf("the outbox does not come to rest\n%s", b.log)
	}
	b.verify(s, before)
}

func (b *bench) seenAll() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.seen
}

// verify holds the centre's book against what was sold and returned.
func (b *bench) verify(s story, before map[string]settle.Fen) {
	standing := map[string][]centre.Row{}
	paid := map[string]settle.Fen{}
	for _, row := range b.centre.Standing() {
		report := b.store.report(b.store.began[row.MsgID])
		standing[report.Settlement] = append(standing[report.Settlement], row)
		for _, pay := range row.Pays {
			paid[pay.PsnNo] += pay.Amount
		}
	}
	for i, sale := range s.Sales {
		id := fmt.Sprint(i)
		rows := standing[id]
		if len(rows) > 1 {
			b.t.Errorf("sale %s stands %d times", id, len(rows))
		}
		open := false
		for n := range b.store.reports {
			r := b.store.report(int64(n + 1))
			open = open || r.Settlement == id && !r.Done
			if r.Settlement == id && r.Done && r.State == settle.ReportRefused {
				b.t.Errorf("sale %s was refused: %s", id, r.Fault)
			}
		}
		if open {
			continue
		}
		want := settle.Fen(sale.Total)
		if sale.Back != "" {
			want = settle.Fen(sale.Total * sale.Kept / 100)
		}
		if sale.Back == settle.ReportReverse {
			want = 0
		}
		var got settle.Fen
		for _, row := range rows {
			got += row.Figures.Total
		}
		if got != want {
			b.t.Errorf("sale %s (%s) stands with %s, want %s", id, sale.Back, got, want)
		}
	}
	for psn, had := range before {
		if now := b.centre.Balances()[psn]; now+paid[psn] != had {
			b.t.Errorf("an account has %s and paid %s of %s", now, paid[psn], had)
		}
	}
}
