package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/prometheus/client_golang/prometheus"

	"gongji/settle"
	"gongji/settle/ledger"
	"gongji/sync/centre"
	"gongji/sync/nhsa"
	"gongji/sync/outbox"
	"gongji/sync/reconcile"
)

// shop is a venue with its real ledger and outbox, the reference centre, and a message server between them that dies, comes
// back empty, and is cut off from either side.
type shop struct {
	t       *testing.T
	dir     string
	members []centre.Member
	book    *centre.Centre
	handler http.Handler
	sales   int

	ledger *ledger.Ledger
	port   int
	store  string
	hub    *server.Server
	way    *way // between the venue and the server
	stop   func()

	mu     sync.Mutex
	faults []centre.FaultKind
}

func openShop(t *testing.T) *shop {
	h := &shop{t: t, dir: t.TempDir(), store: t.TempDir(), port: freePorts(t, 1)[0]}
	if dir, err := os.MkdirTemp("/dev/shm", "gongji-test-"); err == nil { // where the machine has one, flushing is quick
		h.dir = dir
		t.Cleanup(func() { os.RemoveAll(dir) })
	}
	h.book, h.members = family(t, func(o *centre.Options) { o.Faults = h.next })
	h.handler = h.book.Handler()
	h.open()
	if err := h.ledger.ApplySnapshot(t.Context(), centre.DemoFamily(settle.DateOf(time.Now())).Snapshot(time.Now().Add(-time.Second))); err != nil {
		t.Fatal(err)
	}
	h.startHub()
	h.way = newWay(t, "127.0.0.1:"+strconv.Itoa(h.port))
	h.startCentre()
	t.Cleanup(func() {
		h.stop()
		if err := h.ledger.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func (h *shop) next(infno string) centre.Fault {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.faults) == 0 || asking[infno] {
		return centre.Fault{}
	}
	kind := h.faults[0]
	h.faults = h.faults[1:]
	return centre.Fault{Kind: kind, Delay: 500 * time.Millisecond}
}

func (h *shop) open() {
	rules := settle.DefaultRules()
	var err error
	h.ledger, err = ledger.Open(context.Background(), ledger.Options{
		Dir: h.dir, Clock: time.Now, Registerer: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler),
		Venue:    settle.Venue{Code: venueA, Name: "示例大药房", Kind: "pharmacy", Area: "430100", AgreementUntil: 20991231},
		RulesFor: func(settle.Date) (*settle.Rules, error) { return rules, nil },
		Offline: settle.OfflineLimits{
			MaxAge: 24 * time.Hour, MaxSale: settle.CapOf(1 << 40), MaxPersonTotal: settle.CapOf(1 << 40), MaxTotal: settle.CapOf(1 << 40),
			MaxCount: 1 << 30, Allowed: true, Shared: true,
		},
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *shop) startHub() {
	h.hub = hub(h.t, func(o *server.Options) { o.Port, o.StoreDir = h.port, h.store })
}

func (h *shop) startCentre() {
	_, h.stop = serving(h.t, ServerOptions{Endpoint: at(h.hub), Handler: h.handler, AckWait: 500 * time.Millisecond, Watch: WatchOptions{Beat: 200 * time.Millisecond}})
}

// life is one life of the daemon.
type life struct {
	client *nhsa.Client
	worker *outbox.Worker
	cancel context.CancelFunc
	ended  chan error
}

func (h *shop) begin() *life {
	l, err := NewLine(LineOptions{Endpoint: Endpoint{Servers: []string{"nats://" + h.way.addr()}}, Venue: venueA, Presence: 500 * time.Millisecond})
	if err != nil {
		h.t.Fatal(err)
	}
	c, err := nhsa.NewClient(nhsa.Options{
		URL: "https://centre/", Venue: settle.Venue{Code: venueA, Name: "示例大药房", Area: "430100"}, Transport: l,
		Serials: h.ledger.NextMessageSerial, Timeout: 300 * time.Millisecond,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	signIns := nhsa.NewSignIns(c)
	// What waits in a stream may arrive long after it was sent: absence is proved later than anything here is late.
	prover, err := reconcile.New(reconcile.Options{Store: h.ledger, Client: c, SignIns: signIns, ProofAfter: 4 * time.Second})
	if err != nil {
		h.t.Fatal(err)
	}
	worker, err := outbox.New(outbox.Options{
		Store: h.ledger, Client: c, SignIns: signIns, Prover: prover, Extensions: nhsa.Extensions{ExpectedSplit: true},
		LeastWait: 2 * time.Millisecond, MostWait: 100 * time.Millisecond, ProbeEvery: 10 * time.Millisecond,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	out := &life{client: c, worker: worker, cancel: cancel, ended: make(chan error, 1)}
	go func() { out.ended <- worker.Run(ctx) }()
	return out
}

func (h *shop) end(l *life) {
	l.cancel()
	if err := <-l.ended; err != nil && !errors.Is(err, context.Canceled) {
		h.t.Error(err)
	}
	l.client.Close()
}

// sell settles a sale of a member in the ledger.
func (h *shop) sell(l *life, m centre.Member, total settle.Fen) settle.Settlement {
	h.sales++
	person := h.ledger.PersonID(m.PsnNo)
	card, err := json.Marshal(settle.CardNumbers{Number: m.CardNumber, Identifier: m.Identifier, IDNumber: m.IDNumber})
	if err != nil {
		h.t.Fatal(err)
	}
	sealed, err := h.ledger.Seal(ledger.KindCard, card)
	if err != nil {
		h.t.Fatal(err)
	}
	settled, _, err := h.ledger.Settle(h.t.Context(), settle.SettleOrder{
		Sale: settle.Sale{
			POS: "till-1", ID: fmt.Sprintf("R1-%06d", h.sales), Terminal: "counter-1", Operator: operator, MedType: "41", Patient: person,
			Presenter:  settle.Presenter{SamePerson: true, PatientPresent: true},
			Credential: settle.Credential{Kind: settle.CredentialCard, Owner: person}, UseAccounts: true, PersonCheck: "card_read",
			Lines: []settle.Line{{
				ID: "1", Code: "XA01", ShopCode: "6901", Name: "阿莫西林胶囊", Class: "service_in", Quantity: "1", UnitPrice: total.String(),
				Total: total, Batch: "B7", Personal: [settle.BucketCount]settle.Fen{settle.Coinsurance: total},
			}},
		},
		Presence: settle.Presence{
			Reader: "counter-1", Seq: uint64(h.sales), Kind: settle.CredentialCard, CardHash: h.ledger.Index(ledger.KindCard, m.CardNumber+"|"+m.Identifier),
			CardSealed: sealed, MaskedHolder: settle.MaskName(m.Name), MatchedAt: time.Now(), PersonCheck: "card_read", EvidenceSource: "number+name",
		},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	l.worker.Wake()
	return settled
}

func (h *shop) reverse(l *life, s settle.Settlement) {
	_, _, err := h.ledger.Return(h.t.Context(), settle.ReturnOrder{
		ID: s.Sale.ID + "-1", POS: "till-1", Settlement: s.ID, Operator: operator, Reason: "退货", WithoutCard: true,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	l.worker.Wake()
}

func (h *shop) rested() bool {
	totals, err := h.ledger.OutboxTotals(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	return totals.Unsent == 0
}

// TestExactlyOnce: whatever falls between them, each sale stands at the centre exactly once and each returned sale not at
// all, with the same figures on both sides, by the real outbox, ledger and centre.
func TestExactlyOnce(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			exactlyOnce(t, rand.New(rand.NewPCG(seed, 10)))
		})
	}
}

func exactlyOnce(t *testing.T, dice *rand.Rand) {
	h := openShop(t)
	l := h.begin()
	kept := map[string]settle.Fen{} // by settlement
	last := h.sell(l, h.members[4], 100)
	kept[last.ID] = 100
	until(t, 20*time.Second, "the first sale gets through", h.rested) // absence is proved where people are cleared, which a booking says
	kinds := []centre.FaultKind{centre.FaultNone, centre.FaultNone, centre.FaultLoseAnswer, centre.FaultBadAfter, centre.FaultDelayAfter, centre.FaultBadBefore}
	h.mu.Lock()
	for range 10 {
		h.faults = append(h.faults, kinds[dice.IntN(len(kinds))])
	}
	h.mu.Unlock()
	for range 14 {
		switch dice.IntN(9) {
		case 0, 1, 2, 3:
			total := settle.Fen(1 + dice.IntN(4000))
			last = h.sell(l, h.members[dice.IntN(5)], total)
			kept[last.ID] = total
		case 4:
			if kept[last.ID] > 0 {
				h.reverse(l, last)
				kept[last.ID] = 0
			}
		case 5: // the daemon falls, and another life begins with what is on disk
			h.end(l)
			if err := h.ledger.Close(); err != nil {
				t.Fatal(err)
			}
			h.open()
			l = h.begin()
		case 6: // the message server dies with all that it held
			h.hub.Shutdown()
			h.hub.WaitForShutdown()
			h.startHub()
		case 7: // the venue is cut off for a moment
			h.way.cut()
			h.way.mend()
		case 8: // the centre's process ends and another begins
			h.stop()
			h.startCentre()
		}
		wait(t.Context(), time.Duration(dice.IntN(60))*time.Millisecond)
	}
	until(t, 60*time.Second, "the outbox comes to rest", h.rested)
	h.end(l)
	h.verify(kept)
}

// verify holds the centre's book against what was sold, and the ledger's accounts against the centre's.
func (h *shop) verify(kept map[string]settle.Fen) {
	ctx := h.t.Context()
	stands := map[string]centre.Row{}
	for _, row := range h.book.Standing() {
		if _, twice := stands[row.SetlID]; twice || row.Figures.Total < 0 {
			h.t.Errorf("a row that should not stand: %s", row.SetlID)
		}
		stands[row.SetlID] = row
	}
	var total, sold settle.Fen
	for _, row := range stands {
		total += row.Figures.Total
	}
	count := 0
	for id, amount := range kept {
		sold += amount
		if amount > 0 {
			count++
		}
		stored, err := h.ledger.Settlement(ctx, id)
		if err != nil || stored.Report != settle.ReportAccepted && stored.Report != settle.ReportAdjusted {
			h.t.Errorf("%s is %s, %v", id, stored.Report, err)
		}
	}
	if len(stands) != count || total != sold {
		h.t.Errorf("%d rows over %s stand at the centre, %d sales over %s are kept", len(stands), total, count, sold)
	}
	balances := h.book.Balances()
	for _, m := range h.members {
		views, err := h.ledger.Accounts(ctx, h.ledger.PersonID(m.PsnNo))
		if err != nil {
			h.t.Fatal(err)
		}
		for _, view := range views {
			if view.Person == h.ledger.PersonID(m.PsnNo) && view.Available != balances[m.PsnNo] {
				h.t.Errorf("…%s has %s here and %s at the centre", m.PsnNo[18:], view.Available, balances[m.PsnNo])
			}
		}
	}
}
