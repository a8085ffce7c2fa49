package session_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"gongji/cardreader"
	"gongji/daemon/session"
	. "gongji/daemon/session/sessiontest"
	"gongji/settle"
	"gongji/settle/ledger"
)

var _ session.Ledger = (*ledger.Ledger)(nil)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a session over a real ledger, a reader and a centre under the test's hands.
type rig struct {
	*session.Session
	t      *testing.T
	clock  *Clock
	ledger *ledger.Ledger
	reader *Reader
	centre *Centre
	reg    *prometheus.Registry
	logs   *logBuffer
}

// logBuffer is a log that a test reads while others write.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// newRig starts a session; change may alter its options first.
func newRig(t *testing.T, change func(*rig, *session.Options)) *rig {
	t.Helper()
	r := &rig{
		t: t, clock: NewClock(), reader: NewReader("counter", "counter-1", cardreader.RoleCard), centre: &Centre{},
		reg: prometheus.NewRegistry(), logs: &logBuffer{},
	}
	r.ledger = OpenLedger(t, r.clock)
	options := session.Options{
		Readers: []session.NamedReader{{Name: "counter", Terminal: "counter-1", Role: cardreader.RoleCard, Reader: r.reader}},
		Ledger:  r.ledger, Centre: r.centre, Venue: Venue, Clock: r.clock.Now, Registerer: r.reg,
		Logger: slog.New(slog.NewTextHandler(r.logs, nil)),
	}
	if change != nil {
		change(r, &options)
	}
	var err error
	if r.Session, err = session.New(options); err != nil {
		t.Fatal(err)
	}
	r.Start()
	t.Cleanup(r.Stop)
	return r
}

// sale is a bill of the patient over an amount, one line of a drug.
func sale(id, amount string) session.SettleRequest {
	return session.SettleRequest{SaleRequest: session.SaleRequest{
		POS: "till", SaleID: id, Terminal: "counter-1", Operator: session.OperatorRequest{ID: "1001", Name: "收银"}, MedType: "41",
		Patient: session.PatientRequest{IDNumber: Patient.IDNumber, Name: Patient.Name},
		Lines: []session.LineRequest{{
			ID: "1", Code: "XA01", Name: "阿莫西林胶囊", Class: "drug_a", Quantity: "1", UnitPrice: amount, Total: amount,
			TraceCodes: []string{TraceCode(id)},
		}},
	}}
}

// mustSettle settles and fails the test otherwise.
func (r *rig) mustSettle(request session.SettleRequest) settle.Settlement {
	r.t.Helper()
	result, _, err := r.Settle(context.Background(), request)
	if err != nil {
		r.t.Fatalf("settle: %v", err)
	}
	return result
}

// wantCode fails the test unless err carries the code, and returns the error.
func wantCode(t *testing.T, err error, code settle.Code) *settle.Error {
	t.Helper()
	var e *settle.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Fatalf("got %v, want %s", err, code)
	}
	return e
}

// eventually polls a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}
