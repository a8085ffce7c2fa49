package outbox

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"gongji/settle"
	"gongji/sync/centre"
	"gongji/sync/nhsa"
)

// inlineMemory is the durable side in memory: one dossier, and the intents as they were written.
type inlineMemory struct {
	mu      sync.Mutex
	dossier settle.Dossier
	busy    int // so many looks find the person busy
	intents []settle.InlineIntent
	ended   []settle.DispatchState
	orphans []string
	fault   error // of AbandonInline
	stuck   string
}

// stuck is a store that does not come to a request in its time.
func stuck(ctx context.Context) error {
	<-ctx.Done()
	return settle.NewError(settle.StoreBroken, ctx.Err())
}

func (m *inlineMemory) PrepareInline(ctx context.Context, _ settle.SettleOrder) (settle.Dossier, bool, error) {
	if m.stuck == "prepare" {
		return settle.Dossier{}, false, stuck(ctx)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.busy--
	return m.dossier, m.busy < 0, nil
}

func (m *inlineMemory) BeginInline(ctx context.Context, i settle.InlineIntent) (bool, error) {
	if m.stuck == "begin" {
		return false, stuck(ctx)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.intents = append(m.intents, i)
	return true, nil
}

func (m *inlineMemory) EndInline(_ context.Context, msgid string, state settle.DispatchState, _ string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.intents = slices.DeleteFunc(m.intents, func(i settle.InlineIntent) bool { return i.MsgID == msgid })
	m.ended = append(m.ended, state)
	return nil
}

func (m *inlineMemory) AbandonInline(_ context.Context, msgid, _ string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fault != nil {
		return false, m.fault
	}
	before := len(m.intents)
	m.intents = slices.DeleteFunc(m.intents, func(i settle.InlineIntent) bool { return i.MsgID == msgid })
	m.orphans = append(m.orphans, msgid)
	return len(m.intents) < before, nil
}

func (m *inlineMemory) OpenInlines(context.Context) (open []string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, i := range m.intents {
		open = append(open, i.MsgID)
	}
	return open, nil
}

func (m *inlineMemory) StepInline(context.Context, settle.InlineStep) error { return nil }

func (m *inlineMemory) ParkInline(context.Context, string) error { return nil }

func (m *inlineMemory) QuoteCentre(context.Context, settle.Sale, settle.Figures) (settle.Quote, error) {
	return settle.Quote{}, nil
}

// inlineBench is an asker before the reference centre.
type inlineBench struct {
	*bench
	*Inline
	store *inlineMemory
	reg   *prometheus.Registry
	order settle.SettleOrder
}

func newInlineBench(t *testing.T, line bool) *inlineBench {
	b := &inlineBench{bench: newBench(t), reg: prometheus.NewRegistry()}
	t.Cleanup(b.close)
	patient := b.family.Patient
	sale := settle.Sale{
		POS: "till", ID: "C1", MedType: "41", Patient: "p", UseAccounts: true, Operator: settle.Operator{ID: "1001", Name: "收银"},
		Lines: []settle.Line{{ID: "1", Code: "C1", Name: "口罩", Quantity: "1", UnitPrice: "10.00", Total: 1000}},
	}
	b.order = settle.SettleOrder{Sale: sale}
	b.store = &inlineMemory{dossier: settle.Dossier{
		Sale: sale, Figures: settle.Figures{Total: 1000, Own: 1000}, At: time.Now(), Credential: settle.CredentialEvoucher,
		Identity: settle.Identity{PsnNo: patient.PsnNo, IDNumber: patient.IDNumber, Name: patient.Name, Insurance: settle.InsuranceEmployee, Area: "430100"},
		Card:     settle.CardNumbers{IDNumber: patient.IDNumber},
	}}
	var serial uint64
	client, err := nhsa.NewClient(nhsa.Options{
		URL: b.server.URL, Venue: settle.Venue{Code: "P43010000001", Name: "示例大药房", Area: "430100"}, Timeout: time.Second,
		Serials: func(ctx context.Context) (uint64, error) {
			if b.store.stuck == "serial" {
				return 0, stuck(ctx)
			}
			serial++
			return serial, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	signIns := nhsa.NewSignIns(client)
	if line {
		if _, _, err := signIns.Number(t.Context(), sale.Operator); err != nil || client.Offline() {
			t.Fatalf("no line: %v", err)
		}
	}
	if b.Inline, err = NewInline(InlineOptions{
		Store: b.store, Client: client, SignIns: signIns, Registerer: b.reg, Within: 300 * time.Millisecond,
	}); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestInlineOnABusyMachine: where the ledger itself does not come to a question in the time that the centre has, the ledger decides
// as it does when the centre is silent; nothing has left, and nobody is told that the ledger is broken. Another fault is one.
func TestInlineOnABusyMachine(t *testing.T) {
	for _, where := range []string{"prepare", "serial", "begin"} {
		b := newInlineBench(t, true)
		b.store.stuck = where
		answer, err := b.Settle(t.Context(), b.order, "")
		if err != nil || answer.State != settle.InlineUnreached && answer.State != settle.InlineWaits || answer.MsgID != "" {
			t.Errorf("%s: %+v %v", where, answer, err)
		}
		if rows := b.centre.Book(); len(rows) != 0 || len(b.store.intents) != 0 {
			t.Errorf("%s: %d rows at the centre, %d intents", where, len(rows), len(b.store.intents))
		}
		ended, stop := context.WithCancel(t.Context())
		stop()
		if _, err := b.Settle(ended, b.order, ""); settle.CodeOf(err) != settle.StoreBroken {
			t.Errorf("%s, and the daemon stops: %v", where, err)
		}
	}
}

// TestInlineCodeIsNotJournalled: a 医保码 goes out and is cut out of what is kept, also where it cannot be found in the body.
func TestInlineCodeIsNotJournalled(t *testing.T) {
	code := "4240123456789012345678430000"
	for _, body := range []string{`{"infno":"2102","input":{"mdtrt_cert_no":"` + code + `"}}`, `{"infno":"2102","input":"9f00aa"}`} {
		kept := withoutCode(nhsa.Prepared{MsgID: "M1", Infno: "2102", Body: []byte(body)}, code)
		if bytes.Contains(kept, []byte(code)) || bytes.Contains(kept, []byte("9f00aa")) || !bytes.Contains(kept, []byte("2102")) {
			t.Errorf("kept %s", kept)
		}
	}
	if kept := withoutCode(nhsa.Prepared{Body: []byte("body")}, ""); string(kept) != "body" {
		t.Errorf("kept %s", kept)
	}
}

// TestInlineSweepLeavesWhatIsHeld: only what nobody holds is undone, and what could not be noted is found again.
func TestInlineSweepLeavesWhatIsHeld(t *testing.T) {
	b := newInlineBench(t, true)
	b.store.intents = []settle.InlineIntent{{MsgID: "left over"}}
	b.hold("in hand", true)
	b.store.intents = append(b.store.intents, settle.InlineIntent{MsgID: "in hand"})
	b.Sweep(t.Context())
	if !slices.Equal(b.store.orphans, []string{"left over"}) {
		t.Fatalf("orphans %v", b.store.orphans)
	}
	b.store.fault = errors.New("disk full")
	b.Abandon(t.Context(), "in hand", "x")
	b.store.fault = nil
	b.Sweep(t.Context())
	if !slices.Equal(b.store.orphans, []string{"left over", "in hand"}) || testutil.ToFloat64(b.metrics.orphans) != 2 {
		t.Errorf("orphans %v", b.store.orphans)
	}
}

// TestInlineWaitsAndGivesUp: earlier reports of the person are waited for within half of the deadline; a line that is not there
// is not asked at all.
func TestInlineWaitsAndGivesUp(t *testing.T) {
	b := newInlineBench(t, true)
	b.store.busy = 1 << 30
	answer, err := b.Settle(t.Context(), b.order, "")
	if err != nil || answer.State != settle.InlineWaits || answer.MsgID != "" || len(b.store.intents) != 0 {
		t.Fatalf("%+v, %v", answer, err)
	}
	off := newInlineBench(t, false)
	answer, err = off.Settle(t.Context(), off.order, "")
	if err != nil || answer.State != settle.InlineUnreached || len(off.seenAll()) != 0 {
		t.Fatalf("%+v, %v, %v", answer, err, off.seenAll())
	}
	if testutil.ToFloat64(b.metrics.asked.WithLabelValues("settle", "waits")) != 1 {
		t.Error("not counted")
	}
}

// TestInlineQuoteNeedsNoJournal: 2101 is asked with nothing written; an expired sign-in costs one more message.
func TestInlineQuoteNeedsNoJournal(t *testing.T) {
	b := newInlineBench(t, true)
	b.store.busy = 2 // an earlier report is just on its way
	b.store.dossier.Credential = settle.CredentialID
	figures, state, err := b.Quote(t.Context(), b.order, "")
	if err != nil || state != settle.InlineAnswered || figures.Total != 1000 || figures.Self() != 1000 {
		t.Fatalf("%+v, %s, %v", figures, state, err)
	}
	if len(b.store.intents)+len(b.store.ended) != 0 || !slices.Contains(b.seenAll(), nhsa.InfnoQuote) {
		t.Errorf("%v, seen %v", b.store.intents, b.seenAll())
	}
	b.bench.mu.Lock()
	b.faults = func(infno string) centre.Fault {
		if infno == nhsa.InfnoQuote {
			return centre.Fault{Kind: centre.FaultPageAfter}
		}
		return centre.Fault{}
	}
	b.bench.mu.Unlock()
	if _, state, err := b.Quote(t.Context(), b.order, ""); err != nil || state != settle.InlineUnknown {
		t.Errorf("%s, %v", state, err)
	}
}
