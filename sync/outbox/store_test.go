package outbox

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gongji/settle"
	"gongji/sync/nhsa"
	"gongji/sync/reconcile"
)

// memory is a Store in memory that holds the worker to the rules of the journal: a message is in it before it leaves, a
// msgid is used once, and nothing is booked or cancelled while an earlier message of the report is open.
type memory struct {
	t testing.TB

	mu       sync.Mutex
	serial   uint64
	reports  []*settle.Report
	contents map[int64]*sold // of each report
	booked   map[string]*settle.Booking
	journal  map[int64][]settle.Dispatch
	began    map[string]int64 // msgid → report
	rows     []reconcile.Row  // what the centre has acknowledged
	changed  chan struct{}
}

// sold is what a report tells: the sale, or what of it is kept.
type sold struct {
	person  settle.Identity
	card    settle.CardNumbers
	sale    settle.Sale
	figures settle.Figures
	request *settle.BindingRequest
	premium *settle.Premium
	other   settle.Identity
	answer  settle.DispatchResult // the last word on a request or premium
}

func newMemory(t testing.TB) *memory {
	return &memory{t: t, contents: map[int64]*sold{}, booked: map[string]*settle.Booking{}, journal: map[int64][]settle.Dispatch{}, began: map[string]int64{}, changed: make(chan struct{}, 1)}
}

func (m *memory) poke() {
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

// add writes a report for a settlement.
func (m *memory) add(kind settle.ReportKind, id string, s *sold) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	report := &settle.Report{
		ID: int64(len(m.reports) + 1), Kind: kind, Settlement: id, Person: settle.PersonID("p-" + s.person.PsnNo), State: settle.ReportPending,
		CreatedAt: time.Now(), Amount: s.figures.Own + s.figures.Shared,
	}
	m.reports = append(m.reports, report)
	m.contents[report.ID] = s
	return report.ID
}

func (m *memory) report(id int64) settle.Report {
	m.mu.Lock()
	defer m.mu.Unlock()
	return *m.reports[id-1]
}

// await waits until the condition holds over all reports.
func (m *memory) await(within time.Duration, condition func([]settle.Report) bool) bool {
	deadline := time.After(within)
	for {
		m.mu.Lock()
		all := make([]settle.Report, 0, len(m.reports))
		for _, r := range m.reports {
			all = append(all, *r)
		}
		m.mu.Unlock()
		if condition(all) {
			return true
		}
		select {
		case <-m.changed:
		case <-deadline:
			return false
		}
	}
}

func allDone(reports []settle.Report) bool {
	return !slices.ContainsFunc(reports, func(r settle.Report) bool { return !r.Done })
}

func (m *memory) RecoverDispatches(context.Context) (n int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, messages := range m.journal {
		for i := range messages {
			if messages[i].State == settle.DispatchSent {
				messages[i].State = settle.DispatchUnknown
				m.reports[id-1].State = settle.ReportUnknown
				n++
			}
		}
	}
	return n, nil
}

func (m *memory) heads() (heads []*settle.Report) {
	seen := map[settle.PersonID]bool{}
	for _, r := range m.reports {
		if !r.Done && !seen[r.Person] {
			seen[r.Person] = true
			heads = append(heads, r)
		}
	}
	return heads
}

func (m *memory) DueDossiers(ctx context.Context, now time.Time, n int, except []int64) (due []settle.DueReport, err error) {
	m.mu.Lock()
	for _, r := range m.heads() {
		if !r.NextAt.After(now) && len(due) < n && !slices.Contains(except, r.ID) {
			due = append(due, settle.DueReport{Report: r.ID, Person: r.Person})
		}
	}
	m.mu.Unlock()
	for i := range due {
		dossier, err := m.Dossier(ctx, due[i].Report)
		if err != nil {
			return nil, err
		}
		due[i].Dossier = &dossier
	}
	return due, nil
}

func (m *memory) NextDue(context.Context) (next time.Time, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, r := range m.heads() {
		at := r.NextAt
		if at.IsZero() {
			at = r.CreatedAt
		}
		if i == 0 || at.Before(next) {
			next = at
		}
	}
	return next, nil
}

func (m *memory) Dossier(_ context.Context, id int64) (settle.Dossier, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	report := *m.reports[id-1]
	s := m.contents[id]
	return settle.Dossier{
		Report: report, Identity: s.person, Credential: settle.CredentialCard, Card: s.card, Sale: s.sale, Figures: s.figures,
		At: time.Now(), ReceiptNo: "R" + report.Settlement, Booked: m.booked[report.Settlement], Journal: slices.Clone(m.journal[id]),
		Request: s.request, Premium: s.premium, Other: s.other,
	}, nil
}

func (m *memory) NextMessageSerial(context.Context) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.serial++
	return m.serial, nil
}

func (m *memory) BeginDispatch(_ context.Context, d settle.Dispatch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, used := m.began[d.MsgID]; used {
		m.t.Errorf("msgid %s is used twice", d.MsgID)
	}
	if d.State != settle.DispatchSent || len(d.Body) == 0 || d.SentAt.IsZero() {
		m.t.Errorf("journal entry %+v is not whole", d)
	}
	for _, before := range m.journal[d.Report] {
		if books(before.Infno) && open(before.State) && (d.Infno != nhsa.InfnoReverse || d.Original != before.MsgID) {
			m.t.Errorf("%s is begun while %s of the same report is open", d.Infno, before.Infno)
		}
	}
	m.began[d.MsgID] = d.Report
	m.journal[d.Report] = append(m.journal[d.Report], d)
	return nil
}

func (m *memory) FinishDispatch(_ context.Context, r settle.DispatchResult) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	defer m.poke()
	found := false
	for i := range m.journal[r.Report] {
		entry := &m.journal[r.Report][i]
		if entry.MsgID == r.MsgID {
			entry.State, entry.Fault, entry.EndedAt, found = r.State, r.Fault, r.At, true
			if r.Visit != "" {
				entry.Visit = r.Visit
			}
		}
		if r.Undone != "" && entry.MsgID == r.Undone {
			entry.State = settle.DispatchReversed
		}
	}
	if !found {
		m.t.Errorf("outcome of %s, which was never begun", r.MsgID)
	}
	report := m.reports[r.Report-1]
	if r.RequestState != "" {
		m.contents[r.Report].answer = r
	}
	m.keepRow(report, &r)
	switch {
	case r.Unbooked:
		m.booked[report.Settlement] = nil
	case r.Booking != nil:
		booking := *r.Booking
		m.booked[report.Settlement] = &booking
	}
	report.State, report.Done, report.NextAt, report.Fault = r.ReportState, r.Done, r.NextAt, r.Fault
	if r.Attempt {
		report.Attempts++
	}
	return nil
}

// keepRow notes what a result says of the centre's book, for the reconciliation.
func (m *memory) keepRow(report *settle.Report, r *settle.DispatchResult) {
	m.rows = slices.DeleteFunc(m.rows, func(row reconcile.Row) bool { return row.MsgID == r.Undone })
	before := m.booked[report.Settlement]
	if r.Booking == nil || r.Unbooked && before == nil {
		return
	}
	row := reconcile.Row{
		SetlID: r.Booking.SetlID, MdtrtID: r.Booking.MdtrtID, PsnNo: m.contents[report.ID].person.PsnNo, MsgID: r.Booking.MsgID,
		Settlement: report.Settlement, Insurance: m.contents[report.ID].person.Insurance, ClrType: "41", Office: "430100", Figures: r.Booking.Figures,
		At: r.Booking.CentreTime,
	}
	if r.Unbooked {
		f := before.Figures
		row.Refund, row.Figures = true, settle.Figures{Total: -f.Total, Fund: -f.Fund, Own: -f.Own, Shared: -f.Shared, Cash: -f.Cash}
	}
	m.rows = append(m.rows, row)
}

func (m *memory) BookedRows(_ context.Context, begin, end settle.Date) (rows []reconcile.Row, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, row := range m.rows {
		if day := settle.DateOf(row.At); day >= begin && day <= end {
			rows = append(rows, row)
		}
	}
	return rows, nil
}

func (m *memory) UnknownDispatches(context.Context, settle.Date, settle.Date) (list []reconcile.Unknown, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, messages := range m.journal {
		for _, message := range messages {
			if books(message.Infno) && open(message.State) {
				person := m.contents[id].person
				list = append(list, reconcile.Unknown{Dispatch: message, Insurance: person.Insurance, Area: person.Area})
			}
		}
	}
	return list, nil
}

func (m *memory) ClearingOffices(context.Context, string) ([]string, error) {
	return []string{"430100"}, nil
}

func (m *memory) RecordReconciliation(context.Context, settle.Reconciliation) error { return nil }

func (m *memory) PostponeReport(_ context.Context, id int64, until time.Time, state settle.ReportState, fault string, done bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	defer m.poke()
	report := m.reports[id-1]
	report.State, report.Done, report.NextAt, report.Fault = state, done, until, fault
	return nil
}

func (m *memory) OutboxTotals(context.Context) (totals settle.OutboxTotals, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.reports {
		if r.State == settle.ReportAccepted || r.State == settle.ReportAdjusted {
			continue
		}
		totals.Unsent++
		totals.UnsentAmount += r.Amount
		if r.State == settle.ReportUnknown {
			totals.Unknown++
		}
		if totals.OldestUnsent.IsZero() {
			totals.OldestUnsent = r.CreatedAt
		}
	}
	return totals, nil
}

// process is one life of the daemon over the memory: after it is killed, nothing it does reaches the disk any more.
type process struct {
	*memory
	killed atomic.Bool
}

var errKilled = errors.New("the process was killed")

func (p *process) FinishDispatch(ctx context.Context, r settle.DispatchResult) error {
	if p.killed.Load() {
		return errKilled
	}
	return p.memory.FinishDispatch(ctx, r)
}

func (p *process) BeginDispatch(ctx context.Context, d settle.Dispatch) error {
	if p.killed.Load() {
		return errKilled
	}
	return p.memory.BeginDispatch(ctx, d)
}

func (p *process) PostponeReport(ctx context.Context, id int64, until time.Time, state settle.ReportState, fault string, done bool) error {
	if p.killed.Load() {
		return errKilled
	}
	return p.memory.PostponeReport(ctx, id, until, state, fault, done)
}

// aSale is a sale of one line over so many fen.
func aSale(total settle.Fen, operator settle.Operator) settle.Sale {
	return settle.Sale{
		MedType: "41", UseAccounts: true, Operator: operator,
		Lines: []settle.Line{{ID: "1", Code: "XA01", ShopCode: "69", Class: "drug_a", Quantity: "1", UnitPrice: total.String(), Total: total}},
	}
}

var (
	_ Store           = (*process)(nil)
	_ reconcile.Store = (*memory)(nil)
)
