package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gongji/settle"
	"gongji/settle/ledger"
	"gongji/sync/centre"
	"gongji/sync/nhsa"
	"gongji/sync/reconcile"
)

// The ledger is the worker's store in the daemon; here its real database stands behind the worker.
var (
	_ Store           = (*ledger.Ledger)(nil)
	_ Uploads         = (*ledger.Ledger)(nil)
	_ InlineStore     = (*ledger.Ledger)(nil)
	_ reconcile.Store = (*ledger.Ledger)(nil)
)

// shop is a venue with its ledger on disk, and the reference centre behind real HTTP.
type shop struct {
	t       testing.TB
	dir     string
	members []centre.Member
	centre  *centre.Centre
	server  *httptest.Server
	goods   bool
	sales   atomic.Int64

	mu       sync.Mutex
	faults   centre.Faults
	arrived  int
	reportOf map[string]int64  // of each message that was begun
	saleOf   map[string]string // of each message in line
	asked    []string          // questions in line

	*ledger.Ledger
}

// quickDir is a folder on memory where the machine has one. The ledger flushes there as anywhere; only the flush is fast.
func quickDir(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "gongji-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func newShop(t testing.TB, dir string, goods bool, s settle.Snapshot, members []centre.Member) *shop {
	h := &shop{t: t, dir: dir, goods: goods, members: members, reportOf: map[string]int64{}, saleOf: map[string]string{}}
	var err error
	h.centre, err = centre.New(centre.Options{Faults: func(infno string) centre.Fault {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.arrived++
		if h.faults == nil {
			return centre.Fault{}
		}
		return h.faults(infno)
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.centre.Seed(s); err != nil {
		t.Fatal(err)
	}
	h.server = httptest.NewServer(h.centre.Handler())
	h.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	h.open()
	if err := h.ApplySnapshot(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *shop) open() {
	rules := settle.DefaultRules()
	var err error
	h.Ledger, err = ledger.Open(context.Background(), ledger.Options{
		Dir: h.dir, Clock: time.Now, Registerer: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler), Goods: h.goods,
		Venue:    settle.Venue{Code: "P43010000001", Name: "示例大药房", Kind: "pharmacy", Area: "430100", AgreementUntil: 20991231},
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

func (h *shop) close() {
	h.server.Close()
	if err := h.Close(); err != nil {
		h.t.Error(err)
	}
}

// order is a sale of a member over these amounts, a line each.
func (h *shop) order(member centre.Member, clinic, traced bool, totals ...settle.Fen) settle.SettleOrder {
	n := h.sales.Add(1)
	person := h.PersonID(member.PsnNo)
	card, err := json.Marshal(settle.CardNumbers{Number: member.CardNumber, Identifier: member.Identifier, IDNumber: member.IDNumber})
	if err != nil {
		h.t.Fatal(err)
	}
	sealed, err := h.Seal(ledger.KindCard, card)
	if err != nil {
		h.t.Fatal(err)
	}
	sale := settle.Sale{
		POS: "till-1", ID: fmt.Sprintf("C1-%06d", n), Terminal: "counter-1", Operator: settle.Operator{ID: "1001", Name: "李敏"}, MedType: "41",
		Patient: person, Presenter: settle.Presenter{SamePerson: true, PatientPresent: true},
		Credential: settle.Credential{Kind: settle.CredentialCard, Owner: person}, UseAccounts: true, PersonCheck: "card_read",
	}
	if clinic {
		sale.MedType, sale.Visit = "11", aVisit(fmt.Sprintf("V%06d", n))
	}
	for i, total := range totals {
		line := settle.Line{
			ID: fmt.Sprint(i + 1), Code: "XA01", ShopCode: "6901", Name: "阿莫西林胶囊", Class: "service_in", Quantity: "1", UnitPrice: total.String(),
			Total: total, Batch: "B7", Personal: [settle.BucketCount]settle.Fen{settle.Coinsurance: total},
		}
		if traced {
			line.TraceCodes = []string{fmt.Sprintf("81%016d%02d", n, i)}
		}
		sale.Lines = append(sale.Lines, line)
	}
	return settle.SettleOrder{Sale: sale, Presence: settle.Presence{
		Reader: "counter-1", Seq: uint64(n), Kind: settle.CredentialCard, CardHash: h.Index(ledger.KindCard, member.CardNumber+"|"+member.Identifier),
		CardSealed: sealed, MaskedHolder: settle.MaskName(member.Name), MatchedAt: time.Now(), PersonCheck: "card_read", EvidenceSource: "number+name",
	}}
}

// mortal is one life of the daemon over the ledger: after it is killed, nothing that it does reaches the disk any more.
type mortal struct {
	*ledger.Ledger
	shop   *shop
	killed atomic.Bool
}

func (m *mortal) alive() error {
	if m.killed.Load() {
		return errKilled
	}
	return nil
}

func (m *mortal) BeginDispatch(ctx context.Context, d settle.Dispatch) error {
	if err := errors.Join(m.alive(), ctx.Err()); err != nil {
		return err
	}
	m.shop.mu.Lock()
	m.shop.reportOf[d.MsgID] = d.Report
	m.shop.mu.Unlock()
	return m.Ledger.BeginDispatch(ctx, d)
}

func (m *mortal) FinishDispatch(ctx context.Context, r settle.DispatchResult) error {
	if err := m.alive(); err != nil {
		return err
	}
	return m.Ledger.FinishDispatch(ctx, r)
}

func (m *mortal) PostponeReport(ctx context.Context, report int64, until time.Time, state settle.ReportState, fault string, done bool) error {
	if err := m.alive(); err != nil {
		return err
	}
	return m.Ledger.PostponeReport(ctx, report, until, state, fault, done)
}

func (m *mortal) BeginUpload(ctx context.Context, u settle.UploadMessage) error {
	if err := m.alive(); err != nil {
		return err
	}
	return m.Ledger.BeginUpload(ctx, u)
}

func (m *mortal) FinishUpload(ctx context.Context, r settle.UploadResult) error {
	if err := m.alive(); err != nil {
		return err
	}
	return m.Ledger.FinishUpload(ctx, r)
}

func (m *mortal) BeginInline(ctx context.Context, i settle.InlineIntent) (bool, error) {
	if err := errors.Join(m.alive(), ctx.Err()); err != nil {
		return false, err
	}
	m.shop.mu.Lock()
	m.shop.saleOf[i.MsgID] = i.SaleID
	if i.Question == "" {
		m.shop.asked = append(m.shop.asked, i.MsgID)
	}
	m.shop.mu.Unlock()
	return m.Ledger.BeginInline(ctx, i)
}

func (m *mortal) EndInline(ctx context.Context, msgid string, state settle.DispatchState, fault string) error {
	if err := m.alive(); err != nil {
		return err
	}
	return m.Ledger.EndInline(ctx, msgid, state, fault)
}

func (m *mortal) StepInline(ctx context.Context, s settle.InlineStep) error {
	if err := m.alive(); err != nil {
		return err
	}
	return m.Ledger.StepInline(ctx, s)
}

func (m *mortal) ParkInline(ctx context.Context, question string) error {
	if err := m.alive(); err != nil {
		return err
	}
	return m.Ledger.ParkInline(ctx, question)
}

func (m *mortal) AbandonInline(ctx context.Context, msgid, why string) (bool, error) {
	if err := m.alive(); err != nil {
		return false, err
	}
	return m.Ledger.AbandonInline(ctx, msgid, why)
}

// shopLife is one life of the worker, and of what asks in line.
type shopLife struct {
	*Worker
	inline *Inline
	store  *mortal
	client *nhsa.Client
	cancel context.CancelFunc
	ended  chan error
}

// begin starts a life. proof is how long after a message its absence can be proved.
func (h *shop) begin(timeout, proof time.Duration, change func(*Options)) *shopLife {
	store := &mortal{Ledger: h.Ledger, shop: h}
	client, err := nhsa.NewClient(nhsa.Options{
		URL: h.server.URL, Venue: settle.Venue{Code: "P43010000001", Name: "示例大药房", Area: "430100"}, Serials: store.NextMessageSerial, Timeout: timeout,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	signIns := nhsa.NewSignIns(client)
	prover, err := reconcile.New(reconcile.Options{Store: h.Ledger, Client: client, SignIns: signIns, ProofAfter: proof})
	if err != nil {
		h.t.Fatal(err)
	}
	options := Options{
		Store: store, Uploads: store, Client: client, SignIns: signIns, Prover: prover, Extensions: nhsa.Extensions{ExpectedSplit: true, Trace: true},
		LeastWait: time.Millisecond, MostWait: 40 * time.Millisecond, ProbeEvery: 5 * time.Millisecond, ProofAfter: proof,
	}
	if change != nil {
		change(&options)
	}
	worker, err := New(options)
	if err != nil {
		h.t.Fatal(err)
	}
	inline, err := NewInline(InlineOptions{Store: store, Client: client, SignIns: signIns, Extensions: options.Extensions, Within: 8 * timeout})
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	inline.Sweep(ctx) // as Run does before all
	l := &shopLife{Worker: worker, inline: inline, store: store, client: client, cancel: cancel, ended: make(chan error, 1)}
	go func() { l.ended <- worker.Run(ctx) }()
	return l
}

func (l *shopLife) end(t testing.TB) {
	l.cancel()
	if err := <-l.ended; err != nil && !l.store.killed.Load() {
		t.Error(err)
	}
	l.client.Close()
}

// crash ends a life as a power cut would, and opens the ledger anew.
func (h *shop) crash(l *shopLife) {
	l.store.killed.Store(true)
	l.end(h.t)
	if err := h.Close(); err != nil {
		h.t.Fatal(err)
	}
	h.open()
}

// rest waits until nothing is left to send.
func (h *shop) rest(within time.Duration) bool {
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		totals, err := h.OutboxTotals(h.t.Context())
		if err != nil {
			h.t.Fatal(err)
		}
		due, err := h.DueUploads(h.t.Context(), time.Now().Add(50*time.Minute), 1)
		if err != nil {
			h.t.Fatal(err)
		}
		if totals.Unsent == 0 && len(due) == 0 {
			return true
		}
	}
	return false
}
