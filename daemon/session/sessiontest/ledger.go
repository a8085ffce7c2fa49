package sessiontest

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gongji/settle"
	"gongji/settle/ledger"
)

// Clock is a clock that a test moves.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock stands at ten in the morning of 10 March 2026 in Beijing.
func NewClock() *Clock { return &Clock{now: time.Date(2026, 3, 10, 10, 0, 0, 0, settle.Beijing)} }

// Now is the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Add moves the clock.
func (c *Clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Venue is the invented pharmacy.
var Venue = settle.Venue{Code: "P43010000001", Name: "示例大药房", Kind: "pharmacy", Area: "430100", AgreementUntil: 20301231}

// OpenLedger is a real ledger on disk under the baseline rules, with the family in it.
func OpenLedger(t testing.TB, clock *Clock) *ledger.Ledger {
	t.Helper()
	rules := settle.DefaultRules()
	rules.Premium.Kinds = []string{settle.KindResident, "ltc"} // the family are employees, who pay for long-term care
	return OpenLedgerUnder(t, clock, rules)
}

// OpenLedgerUnder is OpenLedger under other rules.
func OpenLedgerUnder(t testing.TB, clock *Clock, rules *settle.Rules) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(context.Background(), ledger.Options{
		Dir: t.TempDir(), Venue: Venue, Clock: clock.Now, Registerer: prometheus.NewRegistry(),
		RulesFor: func(settle.Date) (*settle.Rules, error) { return rules, nil },
		Offline:  settle.OfflineLimits{Allowed: true, Shared: true, MaxAge: 24 * time.Hour, MaxSale: settle.CapOf(50000)},
		Logger:   slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatalf("open ledger: %v", err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("close ledger: %v", err)
		}
	})
	if err := l.ApplySnapshot(context.Background(), Family(clock.Now())); err != nil {
		t.Fatalf("apply the family: %v", err)
	}
	return l
}

// Family is the snapshot of the family: the patient has 50.00, her daughter 200.00, her husband 300.00.
func Family(at time.Time) settle.Snapshot {
	s := settle.Snapshot{ID: "family-" + at.Format(time.RFC3339Nano), CentreTime: at, Full: true}
	balances := map[string]settle.Fen{Patient.PsnNo: 5000, Daughter.PsnNo: 20000, Husband.PsnNo: 30000, Stranger.PsnNo: 10000}
	for _, m := range Members {
		s.People = append(s.People, m.Person())
		s.Accounts = append(s.Accounts, settle.SnapshotAccount{PsnNo: m.PsnNo, Status: settle.StatusNormal, Balance: balances[m.PsnNo]})
	}
	s.Bindings = []settle.SnapshotBinding{
		binding("B1", Daughter, settle.Parent, 1),
		binding("B2", Husband, settle.Spouse, 2),
	}
	return s
}

func binding(id string, giver Member, relation settle.Relation, rank int) settle.SnapshotBinding {
	return settle.SnapshotBinding{
		ID: id, Giver: giver.PsnNo, Beneficiary: Patient.PsnNo, Relation: relation, Rank: rank, BoundAt: 20250101, ValidFrom: 20250101,
		Mode: settle.Direct, Active: true,
	}
}

// Person is the member as the centre names them, with the card valid until 2035.
func (m Member) Person() settle.SnapshotPerson {
	return settle.SnapshotPerson{
		PsnNo: m.PsnNo, IDNumber: m.IDNumber, Name: m.Name, Insurance: settle.InsuranceEmployee, Status: settle.StatusNormal, Area: "430100",
		Cards: []settle.SnapshotCard{{Number: m.CardNumber, Identifier: m.Identifier, Status: settle.CardValid, Expires: 20350101}},
	}
}

// Arrival is the snapshot that makes a person known with a balance, as the answer to a question about a card does.
func Arrival(m Member, balance settle.Fen, at time.Time) settle.Snapshot {
	return settle.Snapshot{
		ID: "arrival-" + m.PsnNo + at.Format(time.RFC3339Nano), CentreTime: at, OwnOnly: true, People: []settle.SnapshotPerson{m.Person()},
		Accounts: []settle.SnapshotAccount{{PsnNo: m.PsnNo, Status: settle.StatusNormal, Balance: balance}},
	}
}

// AnswerRequest lets the centre answer the binding request that is due at an instant.
func AnswerRequest(t testing.TB, l *ledger.Ledger, at time.Time, result settle.DispatchResult) {
	t.Helper()
	ctx := context.Background()
	due, err := l.DueReports(ctx, at, 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, report := range due {
		if report.Kind != settle.ReportBinding {
			continue
		}
		result.MsgID, result.Report, result.State = "G103-"+report.Return, report.ID, settle.DispatchAccepted
		result.ReportState, result.Done = settle.ReportAccepted, true
		if err := l.BeginDispatch(ctx, settle.Dispatch{MsgID: result.MsgID, Report: report.ID, Infno: "G103"}); err != nil {
			t.Fatal(err)
		}
		if err := l.FinishDispatch(ctx, result); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatal("no request is due")
}
