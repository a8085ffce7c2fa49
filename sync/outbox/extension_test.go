package outbox

import (
	"strings"
	"testing"
	"time"

	"gongji/settle"
	"gongji/sync/centre"
	"gongji/sync/nhsa"
)

func (b *bench) ask(giver, beneficiary centre.Member, request settle.BindingRequest) int64 {
	request.At, request.Operator = time.Now(), settle.Operator{ID: "1001", Name: "李敏"}
	return b.store.add(settle.ReportBinding, "", &sold{person: identityOf(giver), other: identityOf(beneficiary), request: &request})
}

func (b *bench) premium(kind settle.ReportKind, payer, beneficiary centre.Member, id string, amount settle.Fen) int64 {
	premium := settle.Premium{ID: id, Kind: "resident", Year: 2027, Amount: amount, At: time.Now(), Operator: settle.Operator{ID: "1001", Name: "李敏"}}
	return b.store.add(kind, "", &sold{person: identityOf(payer), other: identityOf(beneficiary), premium: &premium})
}

func identityOf(m centre.Member) settle.Identity {
	return settle.Identity{PsnNo: m.PsnNo, IDNumber: m.IDNumber, Name: m.Name, Insurance: m.Insurance, Area: m.Area}
}

func (b *bench) answer(report int64) settle.DispatchResult {
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	return b.store.contents[report].answer
}

// TestBindingRequest: a request is asked for until it is answered, whatever is lost, and changes the centre once.
func TestBindingRequest(t *testing.T) {
	b := newBench(t)
	defer b.close()
	b.plan("G103=lose-answer:2", "G103=502-before", "G103=expire-signin")
	f := b.family
	bind := b.ask(f.Stranger, f.Patient, settle.BindingRequest{ID: "Q1", Action: settle.BindingBind, Relation: settle.Sibling, Rank: 1, Limit: settle.CapOf(5000)})
	again := b.ask(f.Stranger, f.Patient, settle.BindingRequest{ID: "Q2", Action: settle.BindingBind, Relation: settle.Sibling})
	end := b.ask(f.Stranger, f.Patient, settle.BindingRequest{ID: "Q3", Action: settle.BindingUnbind, EndReason: "other"})
	l := b.start(nil)
	b.await(allDone)
	l.stop(t)
	first := b.answer(bind)
	if first.RequestState != settle.RequestConfirmed || first.Binding == nil || first.Binding.Rank != 1 || first.Binding.Limit != settle.CapOf(5000) || first.Binding.LimitAll {
		t.Fatalf("%+v", first)
	}
	if second := b.answer(again); second.RequestState != settle.RequestRefused || second.RequestAnswer == "" || b.store.report(again).State != settle.ReportAccepted {
		t.Errorf("a second binding of the pair: %+v", second)
	}
	if third := b.answer(end); third.RequestState != settle.RequestConfirmed || third.Binding == nil || third.Binding.Active {
		t.Errorf("%+v", third)
	}
	if n := b.arrived("2601"); n != 0 {
		t.Errorf("%d messages 2601 for requests", n)
	}
}

// TestBindingPending: a request that the centre has not decided either ends and waits for the feed, or is asked again.
func TestBindingPending(t *testing.T) {
	for _, again := range []time.Duration{0, time.Millisecond} {
		b := newBenchWith(t, centre.Options{Desk: centre.Desk{Pending: 2}})
		id := b.ask(b.family.Stranger, b.family.Patient, settle.BindingRequest{ID: "Q1", Action: settle.BindingBind, Relation: settle.Sibling})
		l := b.start(func(_ *nhsa.Options, o *Options) { o.AskAgain = again })
		b.await(allDone)
		l.stop(t)
		want := settle.RequestPending
		if again > 0 {
			want = settle.RequestConfirmed
		}
		if got := b.answer(id); got.RequestState != want || b.store.report(id).State != settle.ReportAccepted {
			t.Errorf("asked again after %v: %+v", again, got)
		}
		b.close()
	}
}

// TestWithoutBindings: a centre without G103 refuses the request and holds nothing up.
func TestWithoutBindings(t *testing.T) {
	b := newBenchWith(t, centre.Options{Without: []string{"G103"}})
	defer b.close()
	id := b.ask(b.family.Stranger, b.family.Patient, settle.BindingRequest{ID: "Q1", Action: settle.BindingBind, Relation: settle.Sibling})
	broken := b.ask(b.family.Stranger, b.family.Patient, settle.BindingRequest{ID: "Q2", Action: "wish"})
	l := b.start(nil)
	b.await(allDone)
	l.stop(t)
	if got := b.answer(id); got.RequestState != settle.RequestRefused || !strings.Contains(got.RequestAnswer, "不在线受理") {
		t.Errorf("%+v", got)
	}
	if report := b.store.report(broken); report.State != settle.ReportRefused || !strings.Contains(report.Fault, "data.action") {
		t.Errorf("%+v", report)
	}
}

// TestPremium: a contribution is debited once and given back once, whatever is lost; what cannot be paid is held.
func TestPremium(t *testing.T) {
	b := newBench(t)
	defer b.close()
	b.plan("G104=lose-answer:2", "G104=half-answer", "G104=502-after", "G104=lose-answer")
	f := b.family
	had := b.centre.Balances()[f.Patient.PsnNo]
	kept := b.premium(settle.ReportPremium, f.Patient, f.Child, "PR-1", 2000)
	twice := b.premium(settle.ReportPremium, f.Patient, f.Child, "PR-2", 1000)
	back := b.premium(settle.ReportPremiumCancel, f.Patient, f.Child, "PR-1", 2000)
	dear := b.premium(settle.ReportPremium, f.Patient, f.Child, "PR-3", had+1)
	nobody := b.premium(settle.ReportPremiumCancel, f.Patient, f.Child, "PR-4", 1)
	paid := b.premium(settle.ReportPremium, f.Patient, f.Child, "PR-5", 1500)
	unbound := b.premium(settle.ReportPremium, f.Stranger, f.Child, "PR-6", 1500)
	l := b.start(nil)
	b.await(allDone)
	l.stop(t)
	for id, want := range map[int64]settle.ReportState{
		kept: settle.ReportAccepted, twice: settle.ReportRefused, back: settle.ReportAccepted, dear: settle.ReportRefused,
		nobody: settle.ReportRefused, paid: settle.ReportAccepted, unbound: settle.ReportRefused,
	} {
		if report := b.store.report(id); report.State != want {
			t.Errorf("report %d: %+v", id, report)
		}
	}
	if now := b.centre.Balances()[f.Patient.PsnNo]; now != had-1500 {
		t.Errorf("balance %s, had %s", now, had)
	}
	if got := b.answer(kept); got.Booking == nil || got.Booking.CentreTime.IsZero() || got.Unbooked {
		t.Errorf("%+v", got)
	}
	if got := b.answer(back); !got.Unbooked {
		t.Errorf("%+v", got)
	}
}

// TestPremiumPending: a contribution that the centre has not decided stays open, and so does its message.
func TestPremiumPending(t *testing.T) {
	b := newBench(t)
	defer b.close()
	l := b.start(nil)
	defer l.stop(t)
	for _, kind := range []settle.ReportKind{settle.ReportPremium, settle.ReportPremiumCancel} {
		r := &run{w: l.Worker, report: settle.Report{Kind: kind}, dossier: settle.Dossier{Premium: &settle.Premium{ID: "P"}}}
		result := settle.DispatchResult{At: time.Now()}
		r.paid(&result, nhsa.Outcome{Result: nhsa.Answered, Answer: &nhsa.Answer{Output: []byte(`{"premium_id":"P","state":"pending","reason":"审核中"}`)}})
		if result.State != settle.DispatchUnknown || result.ReportState != settle.ReportPending || result.Done || result.Unbooked || result.Booking != nil ||
			result.RequestState != settle.RequestPending || !result.NextAt.After(result.At) {
			t.Errorf("%s: %+v", kind, result)
		}
	}
}
