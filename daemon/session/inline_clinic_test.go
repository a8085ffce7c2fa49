package session_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"gongji/daemon/session"
	. "gongji/daemon/session/sessiontest"
	"gongji/settle"
	"gongji/sync/centre"
	"gongji/sync/nhsa"
)

// clinicWithin is the patience of a clinic's till, which waits for five messages.
const clinicWithin = 3 * time.Second

// attended is a bill of a visit.
func attended(id string, total settle.Fen) session.SettleRequest {
	r := bill(Patient, id, total)
	r.MedType = "11"
	r.Visit = &session.VisitRequest{
		Number: "V" + id, DoctorCode: "D430100000001", DoctorName: "张伟", DeptCode: "A02", DeptName: "全科", Caty: "A02",
		BeganAt: "2026-11-22T09:00:00+08:00", Diagnoses: []session.DiagnosisRequest{{Code: "J20.900", Name: "急性支气管炎"}},
	}
	return r
}

// untouched fails unless the centre stands as it did before, with no visit left open.
func (p *platform) untouched(before map[string]settle.Fen) {
	p.t.Helper()
	if open := p.centre.OpenVisits(); open != 0 || len(p.centre.Standing()) != 0 || fmt.Sprint(p.centre.Balances()) != fmt.Sprint(before) {
		p.t.Errorf("%d visits are open, the centre has %+v and %v", open, p.centre.Standing(), p.centre.Balances())
	}
	p.verify()
}

// TestClinicInLine: the visit is opened by the quote, divided by 2206 and settled by 2207 with the centre's figures; its return
// cancels that very booking and closes the visit.
func TestClinicInLine(t *testing.T) {
	p := newPlatformWithin(t, clinicWithin, func(s *settle.Snapshot) { s.Accounts[0].Balance = 3000 })
	p.reader.Insert(Patient.Card())
	before := p.centre.Balances()
	request := attended("C1", 8000)
	quote, err := p.session.Quote(t.Context(), request.SaleRequest)
	if err != nil || quote.Figures != (settle.Figures{Total: 8000, Own: 3000, Shared: 5000}) || quote.Offline {
		t.Fatalf("quote %+v, %v", quote.Figures, err)
	}
	if len(p.centre.Book()) != 0 || p.centre.OpenVisits() != 1 {
		t.Fatalf("after the quote %d rows, %d visits", len(p.centre.Book()), p.centre.OpenVisits())
	}
	request.QuoteDigest = quote.Digest
	s, replayed, err := p.session.Settle(t.Context(), request)
	if err != nil || replayed || s.Figures != quote.Figures || s.State() != "accepted" || s.Offline {
		t.Fatalf("settled %+v as %s, %v", s.Figures, s.State(), err)
	}
	rows := p.centre.Standing()
	if len(rows) != 1 || rows[0].Figures != s.Figures || rows[0].Infno != nhsa.InfnoClinicSettle {
		t.Errorf("the centre has %+v", rows)
	}
	if _, replayed, err := p.session.Settle(t.Context(), request); err != nil || !replayed {
		t.Errorf("a repeat: %v, %v", replayed, err)
	}
	if open, err := p.ledger.OpenInlines(t.Context()); err != nil || len(open) != 0 {
		t.Errorf("open %v, %v", open, err)
	}
	p.verify()
	p.giveBack(s)
	p.rest()
	p.untouched(before)
}

// giveBack reverses a settlement.
func (p *platform) giveBack(s settle.Settlement) {
	p.t.Helper()
	_, _, err := p.ledger.Return(p.t.Context(), settle.ReturnOrder{
		ID: "R-" + s.Sale.ID, POS: "till", Settlement: s.ID, Operator: settle.Operator{ID: "1001", Name: "收银"}, Reason: "退费", WithoutCard: true,
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// TestClinicBasketChanges: lines that were quoted and are not sold are withdrawn; a split that is not what the patient was told
// is refused before anything is booked, and the visit serves the next attempt.
func TestClinicBasketChanges(t *testing.T) {
	p := newPlatformWithin(t, clinicWithin, nil)
	p.reader.Insert(Patient.Card())
	before := p.centre.Balances()
	quote, err := p.session.Quote(t.Context(), attended("C1", 8000).SaleRequest)
	if err != nil {
		t.Fatal(err)
	}
	other := attended("C1", 900)
	other.QuoteDigest = quote.Digest
	_, _, err = p.session.Settle(t.Context(), other)
	wantCode(t, err, settle.QuoteChanged)
	if len(p.centre.Book()) != 0 || p.centre.OpenVisits() != 1 {
		t.Fatalf("after the refusal %d rows, %d visits", len(p.centre.Book()), p.centre.OpenVisits())
	}
	other.QuoteDigest = ""
	s, _, err := p.session.Settle(t.Context(), other)
	if err != nil || s.State() != "accepted" || s.Figures.Total != 900 {
		t.Fatalf("settled %+v as %s, %v", s.Figures, s.State(), err)
	}
	p.giveBack(s)
	p.rest()
	p.untouched(before)
}

// TestClinicInLineFails: with any message of the visit lost in any way, the sale is settled once, from the ledger where the
// centre's word is not known, and stands at the centre once, reported by the same visit.
func TestClinicInLineFails(t *testing.T) {
	for _, infno := range []string{nhsa.InfnoRegister, nhsa.InfnoVisit, nhsa.InfnoFees, nhsa.InfnoClinicQuote, nhsa.InfnoClinicSettle} {
		for _, kind := range []centre.FaultKind{centre.FaultLoseAnswer, centre.FaultBadBefore, centre.FaultDelayBefore, centre.FaultExpireSignIn} {
			t.Run(infno+" "+string(kind), func(t *testing.T) {
				p := newPlatformWithin(t, clinicWithin, nil)
				p.reader.Insert(Patient.Card())
				p.learnOffice()
				p.cause(infno, kind)
				s, _, err := p.session.Settle(t.Context(), attended("C1", 900))
				if err != nil || s.Offline != (kind != centre.FaultExpireSignIn) {
					t.Fatalf("settled offline %v, %v", s.Offline, err)
				}
				p.rest()
				rows := slices.DeleteFunc(p.centre.Standing(), func(r centre.Row) bool { return r.Infno != nhsa.InfnoClinicSettle })
				if len(rows) != 1 || rows[0].Figures.Total != 900 || p.centre.OpenVisits() != 0 {
					t.Errorf("the centre has %+v, %d visits", rows, p.centre.OpenVisits())
				}
				p.verify()
			})
		}
	}
}

// learnOffice is a sale after which the ledger knows where the patient is cleared, without which no absence can be proved.
func (p *platform) learnOffice() {
	p.t.Helper()
	if _, _, err := p.session.Settle(p.t.Context(), bill(Patient, "P0", 100)); err != nil {
		p.t.Fatal(err)
	}
	p.rest()
}

// TestClinicInLineEndsUnsettled: whatever keeps the till from settling after the centre was asked, the booking is undone and the
// visit closed: a refusal of 2207, a card that leaves, a power cut, a patient who only asks.
func TestClinicInLineEndsUnsettled(t *testing.T) {
	for name, spoil := range map[string]func(p *platform) (restart bool){
		"refused": func(p *platform) bool { p.cause(nhsa.InfnoClinicSettle, centre.FaultBlind); return false },
		"removed": func(p *platform) bool { p.after = func() { p.reader.Remove() }; return false },
		"power":   func(p *platform) bool { p.after = func() { p.cut.Store(true) }; return true },
		"lost": func(p *platform) bool {
			p.cause(nhsa.InfnoClinicSettle, centre.FaultLoseAnswer)
			p.after = func() { p.reader.Remove() }
			return false
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlatformWithin(t, clinicWithin, nil)
			p.reader.Insert(Patient.Card())
			before := p.centre.Balances()
			restart := spoil(p)
			if _, _, err := p.session.Settle(t.Context(), attended("C1", 900)); err == nil {
				t.Fatal("settled")
			}
			if restart {
				p.end()
				p.start(false)
			}
			p.rest()
			p.untouched(before)
			if items, err := p.ledger.AttentionList(t.Context(), 10); err != nil || len(items) != 0 {
				t.Errorf("work list %+v, %v", items, err)
			}
		})
	}
	t.Run("only asked", func(t *testing.T) {
		p := newPlatformWithin(t, clinicWithin, nil)
		p.reader.Insert(Patient.Card())
		before := p.centre.Balances()
		if _, err := p.session.Quote(t.Context(), attended("C1", 900).SaleRequest); err != nil {
			t.Fatal(err)
		}
		if open, err := p.ledger.OpenInlines(t.Context()); err != nil || len(open) != 0 {
			t.Errorf("a fresh quote is taken away: %v, %v", open, err)
		}
		p.ahead.Store(int64(16 * time.Minute))
		eventually(t, "the visit is closed", func() bool { return p.centre.OpenVisits() == 0 })
		p.rest()
		p.untouched(before)
	})
}
