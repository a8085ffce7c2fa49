package outbox

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gongji/settle"
	"gongji/sync/centre"
	"gongji/sync/nhsa"
)

// queue is a Store that costs next to nothing, so that the benchmark measures the worker, the wire and the centre: each
// person has one line of reports, and the heads of the lines are what is due.
type queue struct {
	mu     sync.Mutex
	heads  []settle.Report // due, in order
	done   []bool          // by report
	people []settle.Identity
	cards  []string
	per    int // reports of each person
	serial atomic.Uint64
	left   atomic.Int64
	failed atomic.Int64
	ended  chan struct{}
}

func newQueue(members []centre.Member, per int) *queue {
	q := &queue{done: make([]bool, len(members)*per), per: per, ended: make(chan struct{})}
	for i, m := range members {
		q.people = append(q.people, identityOf(m))
		q.cards = append(q.cards, m.CardNumber)
		q.heads = append(q.heads, q.report(i, 0))
	}
	q.left.Store(int64(len(members) * per))
	return q
}

func (q *queue) report(person, n int) settle.Report {
	return settle.Report{
		ID: int64(person*q.per + n + 1), Kind: settle.ReportSettle, Settlement: fmt.Sprint(person, "-", n), Person: settle.PersonID(fmt.Sprint("p", person)),
		State: settle.ReportPending,
	}
}

func (q *queue) RecoverDispatches(context.Context) (int, error) { return 0, nil }

func (q *queue) DueDossiers(ctx context.Context, _ time.Time, n int, except []int64) (due []settle.DueReport, err error) {
	q.mu.Lock()
	for _, head := range q.heads {
		if len(due) < n && !slices.Contains(except, head.ID) {
			due = append(due, settle.DueReport{Report: head.ID, Person: head.Person})
		}
	}
	q.mu.Unlock()
	for i := range due {
		dossier, err := q.Dossier(ctx, due[i].Report)
		if err != nil {
			return nil, err
		}
		due[i].Dossier = &dossier
	}
	return due, nil
}

func (q *queue) NextDue(context.Context) (time.Time, error) { return time.Time{}, nil }

func (q *queue) Dossier(_ context.Context, id int64) (settle.Dossier, error) {
	person, n := int(id-1)/q.per, int(id-1)%q.per
	report := q.report(person, n)
	q.mu.Lock()
	report.Done = q.done[id-1]
	q.mu.Unlock()
	return settle.Dossier{
		Report: report, Identity: q.people[person], Credential: settle.CredentialCard, Card: settle.CardNumbers{Number: q.cards[person]},
		Sale: aSale(100, settle.Operator{ID: "1001", Name: "李敏"}), Figures: settle.Figures{Total: 100, Own: 100}, At: time.Now(),
	}, nil
}

func (q *queue) NextMessageSerial(context.Context) (uint64, error) { return q.serial.Add(1), nil }

func (q *queue) BeginDispatch(context.Context, settle.Dispatch) error { return nil }

func (q *queue) FinishDispatch(_ context.Context, r settle.DispatchResult) error {
	if r.ReportState != settle.ReportAccepted {
		q.failed.Add(1)
	}
	q.mu.Lock()
	q.done[r.Report-1] = true
	for i := range q.heads {
		if q.heads[i].ID == r.Report {
			person, n := int(r.Report-1)/q.per, int(r.Report-1)%q.per
			q.heads = append(q.heads[:i], q.heads[i+1:]...)
			if n+1 < q.per {
				q.heads = append(q.heads, q.report(person, n+1))
			}
			break
		}
	}
	q.mu.Unlock()
	if q.left.Add(-1) == 0 {
		close(q.ended)
	}
	return nil
}

func (q *queue) PostponeReport(context.Context, int64, time.Time, settle.ReportState, string, bool) error {
	q.failed.Add(1)
	return nil
}

func (q *queue) OutboxTotals(context.Context) (settle.OutboxTotals, error) {
	return settle.OutboxTotals{}, nil
}

// crowd is n invented people with an account each.
func crowd(n int) []centre.Member {
	members := make([]centre.Member, 0, n)
	for i := range n {
		body := fmt.Sprintf("430102199001%02d%03d", i%28+1, i/28)
		members = append(members, centre.Member{
			Name: "某人", IDNumber: body + string(settle.CheckCharacter(body)), PsnNo: fmt.Sprintf("4301000000000001%04d", i),
			Insurance: settle.InsuranceEmployee, Area: "430100", CardNumber: fmt.Sprintf("E%08d", i), Identifier: fmt.Sprintf("430100D1560000054D7E3A10C2E%05d", i),
			Expires: 20331231, Account: true, Balance: 1_000_000_000,
		})
	}
	return members
}

// crowdSnapshot is everybody of a crowd as the centre knows them.
func crowdSnapshot(members []centre.Member) settle.Snapshot {
	s := settle.Snapshot{ID: "crowd", CentreTime: time.Now().Truncate(time.Millisecond)}
	for _, m := range members {
		s.People = append(s.People, settle.SnapshotPerson{
			PsnNo: m.PsnNo, IDNumber: m.IDNumber, Name: m.Name, Insurance: m.Insurance, Status: settle.StatusNormal, Area: m.Area,
			Cards: []settle.SnapshotCard{{Number: m.CardNumber, Identifier: m.Identifier, Status: settle.CardValid, Expires: m.Expires}},
		})
		s.Accounts = append(s.Accounts, settle.SnapshotAccount{PsnNo: m.PsnNo, Status: settle.StatusNormal, Balance: m.Balance})
	}
	return s
}

// BenchmarkDrainWire measures how fast a backlog reaches the reference centre over loopback HTTP, with a store
// that costs nothing. One operation is one report.
func BenchmarkDrainWire(b *testing.B) {
	const people = 256
	members := crowd(people)
	c, err := centre.New(centre.Options{})
	if err != nil {
		b.Fatal(err)
	}
	s := crowdSnapshot(members)
	if err := c.Seed(s); err != nil {
		b.Fatal(err)
	}
	server := httptest.NewServer(c.Handler())
	defer server.Close()
	q := newQueue(members, max(1, (b.N+people-1)/people))
	client, err := nhsa.NewClient(nhsa.Options{
		URL: server.URL, Venue: settle.Venue{Code: "P43010000001", Name: "示例大药房", Area: "430100"}, Serials: q.NextMessageSerial,
	})
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	worker, err := New(Options{Store: q, Client: client, SignIns: nhsa.NewSignIns(client), Extensions: nhsa.Extensions{ExpectedSplit: true}, Parallel: 32})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	reports := q.left.Load()
	b.ResetTimer()
	begin := time.Now()
	go func() { ended <- worker.Run(ctx) }()
	select {
	case <-q.ended:
	case <-time.After(2 * time.Minute):
		b.Fatalf("%d of %d reports are left", q.left.Load(), reports)
	}
	took := time.Since(begin)
	b.StopTimer()
	cancel()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
	if n := q.failed.Load(); n > 0 || int64(len(c.Standing())) != reports {
		b.Fatalf("%d reports failed, %d of %d are booked", n, len(c.Standing()), reports)
	}
	b.ReportMetric(float64(reports)/took.Seconds(), "reports/s")
}

var _ Store = (*queue)(nil)
