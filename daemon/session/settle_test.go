package session_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"gongji/cardreader"
	"gongji/daemon/session"
	. "gongji/daemon/session/sessiontest"
	"gongji/settle"
)

func TestSettleOwnAccountThenRelatives(t *testing.T) {
	r := newRig(t, nil)
	r.reader.Insert(Patient.Card())
	got := r.mustSettle(sale("S1", "300.00"))
	if got.Figures != (settle.Figures{Total: 30000, Own: 5000, Shared: 25000}) {
		t.Fatalf("figures %+v", got.Figures)
	}
	p := got.Presence
	if p.Reader != "counter" || p.Seq != r.reader.Seq() || p.EvidenceSource != "number+name" || p.CardHash == "" || len(p.CardSealed) == 0 || !p.MatchedAt.Equal(r.clock.Now()) {
		t.Fatalf("presence %+v", p)
	}
}

// TestHolderIsThePatient: without a stated patient the card's holder is the patient.
func TestHolderIsThePatient(t *testing.T) {
	r := newRig(t, nil)
	r.reader.Insert(Daughter.Card())
	request := sale("S1", "10.00")
	request.Patient = session.PatientRequest{}
	got := r.mustSettle(request)
	if got.Figures.Own != 1000 || got.Presence.EvidenceSource != "holder" || got.Presence.MaskedHolder != "李**" {
		t.Fatalf("got %+v %q %q", got.Figures, got.Presence.EvidenceSource, got.Presence.MaskedHolder)
	}
}

// TestCardCodes: each state of reader and card has its own code, and nothing is settled.
func TestCardCodes(t *testing.T) {
	authenticated := Newcomer.Card()
	authenticated.IDNumber, authenticated.Name, authenticated.NeedsAuthentication = "", "", true
	health := Patient.Card()
	health.Kind = cardreader.CardHealth
	blank := Patient.Card()
	blank.IDNumber = ""
	expired := Newcomer.Card()
	expired.ExpiresOn = "2020-10-01"
	for _, c := range []struct {
		name string
		do   func(*Reader)
		want settle.Code
	}{
		{"no card", func(*Reader) {}, settle.CardAbsent},
		{"unreadable", func(r *Reader) { r.Spoil(cardreader.CodeCardUnreadable) }, settle.CardUnreadable},
		{"stranger kind", func(r *Reader) { r.Spoil(cardreader.CodeCardNotSocialSecurity) }, settle.CardNotSocialSecurity},
		{"unplugged", func(r *Reader) { r.Unplug() }, settle.ReaderDown},
		{"unplugged and back", func(r *Reader) { r.Insert(Patient.Card()); r.Unplug(); r.Plug() }, settle.CardAbsent},
		{"never read", func(r *Reader) { r.Reading() }, settle.CardUnreadable},
		{"health card", func(r *Reader) { r.Insert(health) }, settle.CardNotSocialSecurity},
		{"no number", func(r *Reader) { r.Insert(blank) }, settle.CardUnreadable},
		{"needs authentication", func(r *Reader) { r.Insert(authenticated) }, settle.CardNeedsAuthentication},
		{"expired, unknown", func(r *Reader) { r.Insert(expired) }, settle.CardExpiredCode},
		{"nobody knows the person", func(r *Reader) { r.Insert(Newcomer.Card()) }, settle.PersonUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, func(_ *rig, o *session.Options) { o.ReadWait = 10 * time.Millisecond })
			c.do(r.reader)
			request := sale("S1", "10.00")
			request.Patient = session.PatientRequest{}
			_, _, err := r.Settle(context.Background(), request)
			wantCode(t, err, c.want)
			_, err = r.SettlementBySale(context.Background(), "till", "S1")
			wantCode(t, err, settle.NotFound)
		})
	}
}

// TestExpiry: decided by what the ledger says first, then by the card's own date.
func TestExpiry(t *testing.T) {
	for _, c := range []struct {
		name    string
		status  settle.CardStatus
		expires settle.Date
		printed string
		want    settle.Code // empty: settles
	}{
		{"valid, later date printed", settle.CardValid, 20350101, "2035-01-01", ""},
		{"renewed without a new card", settle.CardValid, 20350101, "2020-10-01", ""},
		{"printed date passed, ledger has no date", settle.CardValid, 0, "2020-10-01", settle.CardExpiredCode},
		{"printed date passed, ledger's too", settle.CardValid, 20210101, "2020-10-01", settle.CardExpiredCode},
		{"good on its last day", settle.CardValid, 0, "2026-03-10", ""},
		{"no printed date", settle.CardValid, 0, "", ""},
		{"expired by the centre", settle.CardExpired, 20350101, "2035-01-01", settle.CardExpiredCode},
		{"lost", settle.CardLost, 20350101, "2035-01-01", settle.CardReportedLost},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, nil)
			snapshot := Family(r.clock.Now().Add(time.Second))
			snapshot.People[0].Cards[0].Status, snapshot.People[0].Cards[0].Expires = c.status, c.expires
			if err := r.ledger.ApplySnapshot(context.Background(), snapshot); err != nil {
				t.Fatal(err)
			}
			card := Patient.Card()
			card.ExpiresOn = c.printed
			r.reader.Insert(card)
			_, _, err := r.Settle(context.Background(), sale("S1", "10.00"))
			if c.want == "" && err != nil {
				t.Fatalf("refused: %v", err)
			}
			_, quoteErr := r.Quote(context.Background(), sale("S2", "10.00").SaleRequest)
			if c.want != "" {
				wantCode(t, err, c.want)
				wantCode(t, quoteErr, c.want)
				shown, err := r.ledger.Incidents(context.Background(), time.Time{}, 10)
				if lost := c.want == settle.CardReportedLost; err != nil || (len(shown) > 0) != lost || lost && shown[0].Kind != string(c.want) {
					t.Errorf("incidents %+v, %v", shown, err)
				}
			}
		})
	}
}

func TestWrongCard(t *testing.T) {
	r := newRig(t, nil)
	for _, c := range []struct {
		name, differs string
		card          Member
		patient       session.PatientRequest
	}{
		{"a stranger's card", "number", Stranger, session.PatientRequest{IDNumber: Patient.IDNumber, Name: Patient.Name}},
		{"a relative's card", "number", Daughter, session.PatientRequest{IDNumber: Patient.IDNumber}},
		{"another name", "name", Patient, session.PatientRequest{IDNumber: Patient.IDNumber, Name: "王方"}},
		{"name only", "name", Daughter, session.PatientRequest{Name: Patient.Name}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.reader.Swap(c.card.Card())
			request := sale("S1", "10.00")
			request.Patient = c.patient
			_, _, err := r.Settle(context.Background(), request)
			e := wantCode(t, err, settle.PersonCardMismatch)
			if e.Reason != settle.ECardOwnerMismatch || e.Members["differs"] != c.differs {
				t.Fatalf("reason %s, differs %v", e.Reason, e.Members["differs"])
			}
			if _, err := r.Quote(context.Background(), request.SaleRequest); settle.CodeOf(err) != settle.PersonCardMismatch {
				t.Fatalf("quote: %v", err)
			}
		})
	}
}

// TestMismatchIsRecorded: a refused card is in the audit record, with hashes and ids and no identity.
func TestMismatchIsRecorded(t *testing.T) {
	r := newRig(t, nil)
	r.reader.Insert(Stranger.Card())
	_, _, err := r.Settle(context.Background(), sale("S1", "10.00"))
	wantCode(t, err, settle.PersonCardMismatch)
	incidents, err := r.ledger.Incidents(context.Background(), time.Time{}, 10)
	if err != nil || len(incidents) != 1 {
		t.Fatalf("incidents %v %v", incidents, err)
	}
	got := incidents[0]
	if got.Kind != string(settle.PersonCardMismatch) || got.Reader != "counter" || got.POS != "till" || got.CardHash == "" ||
		got.Detail["subject"] != "S1" || got.Detail["differs"] != "number" || got.Detail["operator"] != "1001" {
		t.Fatalf("incident %+v", got)
	}
	for _, value := range got.Detail {
		for _, secret := range Secrets() {
			if value == secret {
				t.Fatal("the incident holds an identity")
			}
		}
	}
}

// pulling is a ledger before which the card leaves at the last moment: after the match, before the commit.
type pulling struct {
	session.Ledger
	before func()
}

func (p pulling) Settle(ctx context.Context, order settle.SettleOrder) (settle.Settlement, bool, error) {
	p.before()
	return p.Ledger.Settle(ctx, order)
}

func (p pulling) Return(ctx context.Context, order settle.ReturnOrder) (settle.Return, bool, error) {
	p.before()
	return p.Ledger.Return(ctx, order)
}

func TestCardMustNotMoveBetweenMatchAndCommit(t *testing.T) {
	for name, move := range map[string]func(*Reader){
		"pulled":                 (*Reader).Remove,
		"pulled and put back":    func(r *Reader) { r.Swap(Patient.Card()) },
		"swapped":                func(r *Reader) { r.Swap(Stranger.Card()) },
		"reader unplugged":       (*Reader).Unplug,
		"pulled and not read":    (*Reader).Reading,
		"unplugged, put back in": func(r *Reader) { r.Unplug(); r.Plug(); r.Insert(Patient.Card()) },
	} {
		t.Run(name, func(t *testing.T) {
			armed := true
			r := newRig(t, func(r *rig, o *session.Options) {
				o.Ledger = pulling{o.Ledger, func() {
					if armed {
						move(r.reader)
					}
				}}
			})
			r.reader.Insert(Patient.Card())
			_, _, err := r.Settle(context.Background(), sale("S1", "10.00"))
			wantCode(t, err, settle.CardRemoved)
			_, err = r.SettlementBySale(context.Background(), "till", "S1")
			wantCode(t, err, settle.NotFound)

			armed = false
			r.reader.Plug()
			r.reader.Insert(Patient.Card())
			settlement := r.mustSettle(sale("S1", "10.00"))
			armed = true
			_, _, err = r.Reverse(context.Background(), session.ReverseRequest{
				POS: "till", Settlement: settlement.ID, ReversalID: "R1", Operator: session.OperatorRequest{ID: "1"},
			})
			wantCode(t, err, settle.CardRemoved)
		})
	}
}

func TestRepeatNeedsNoCard(t *testing.T) {
	r := newRig(t, nil)
	r.reader.Insert(Patient.Card())
	first := r.mustSettle(sale("S1", "120.00"))
	r.reader.Remove()
	r.clock.Add(48 * time.Hour)
	for name, change := range map[string]func(*session.SettleRequest){
		"the same":                func(*session.SettleRequest) {},
		"patient left out":        func(s *session.SettleRequest) { s.Patient = session.PatientRequest{} },
		"longer wait, new digest": func(s *session.SettleRequest) { s.WaitSeconds, s.QuoteDigest = 30, "0123" },
	} {
		request := sale("S1", "120.00")
		change(&request)
		again, replayed, err := r.Settle(context.Background(), request)
		if err != nil || !replayed || again.ID != first.ID || again.Figures != first.Figures {
			t.Errorf("%s: %v %v %s", name, err, replayed, again.ID)
		}
	}
	for field, change := range map[string]func(*session.SettleRequest){
		"patient":  func(s *session.SettleRequest) { s.Patient = session.PatientRequest{IDNumber: Stranger.IDNumber} },
		"patient ": func(s *session.SettleRequest) { s.Patient = session.PatientRequest{IDNumber: Newcomer.IDNumber} },
		"lines[0].quantity": func(s *session.SettleRequest) {
			s.Lines[0].Quantity, s.Lines[0].UnitPrice = "2", "60.00"
		},
	} {
		request := sale("S1", "120.00")
		change(&request)
		_, _, err := r.Settle(context.Background(), request)
		e := wantCode(t, err, settle.IdempotencyConflict)
		if e.Members["field"] != trimmed(field) {
			t.Errorf("conflict names %v, want %s", e.Members["field"], field)
		}
		if said := settle.SentenceOf(e).Message; !strings.Contains(said, first.ID) {
			t.Errorf("%s: the conflict says %q", field, said)
		}
	}
	_, err := r.Quote(context.Background(), sale("S1", "120.00").SaleRequest)
	e := wantCode(t, err, settle.AlreadySettled)
	said := settle.SentenceOf(e).Message
	if !strings.Contains(said, first.ID) || !strings.Contains(said, first.At.In(settle.Beijing).Format("2006-01-02 15:04")) {
		t.Errorf("a quote of what is settled says %q", said)
	}
	other := sale("S1", "120.00")
	other.POS = "another till"
	_, _, err = r.Settle(context.Background(), other)
	wantCode(t, err, settle.CardAbsent) // an id of another till is another sale
}

func trimmed(s string) string {
	for len(s) > 0 && s[len(s)-1] == ' ' {
		s = s[:len(s)-1]
	}
	return s
}

// TestSelectionThatNobodyReads: where the region fixes the order, a choice is refused and not dropped.
func TestSelectionThatNobodyReads(t *testing.T) {
	r := newRig(t, nil)
	r.reader.Insert(Patient.Card())
	accounts, err := r.Accounts(context.Background(), "till", "counter-1")
	if err != nil || len(accounts) != 3 {
		t.Fatalf("accounts %v %v", accounts, err)
	}
	request := sale("S1", "10.00")
	request.Selected = []string{accounts[2].GiverRef}
	_, _, err = r.Settle(context.Background(), request)
	if e := wantCode(t, err, settle.BadRequest); len(e.Fields) != 1 || e.Fields[0].Field != "selected_givers" {
		t.Fatalf("fields %v", e.Fields)
	}
}

func TestSelectedGivers(t *testing.T) {
	r := newRig(t, func(r *rig, o *session.Options) {
		rules := settle.DefaultRules()
		rules.Order.Source = settle.OrderManualSelect
		r.ledger = OpenLedgerUnder(t, r.clock, rules)
		o.Ledger = r.ledger
	})
	r.reader.Insert(Patient.Card())
	accounts, err := r.Accounts(context.Background(), "till", "counter-1")
	if err != nil || len(accounts) != 3 {
		t.Fatalf("accounts %v %v", accounts, err)
	}
	request := sale("S1", "10.00")
	request.Selected = []string{accounts[2].GiverRef, "nobody"}
	_, _, err = r.Settle(context.Background(), request)
	e := wantCode(t, err, settle.BadRequest)
	if len(e.Fields) != 1 || e.Fields[0].Field != "selected_givers[1]" {
		t.Fatalf("fields %v", e.Fields)
	}
	request.Selected = request.Selected[:1]
	first := r.mustSettle(request)
	if len(first.Sale.Selected) != 1 || first.Sale.Selected[0] != accounts[2].Person {
		t.Fatalf("selected %v", first.Sale.Selected)
	}
	r.reader.Remove()
	again, replayed, err := r.Settle(context.Background(), request)
	if err != nil || !replayed || again.ID != first.ID {
		t.Fatalf("repeat with a selection: %v %v", replayed, err)
	}
}

// TestPrescriptionPerson: the prescription's person becomes an id that is the patient's or is not.
func TestPrescriptionPerson(t *testing.T) {
	r := newRig(t, nil)
	r.reader.Insert(Patient.Card())
	request := sale("A", "1.00")
	request.Prescription.PatientIDNumber = Patient.IDNumber
	if got := r.mustSettle(request); got.Sale.Prescription.Patient != got.Sale.Patient {
		t.Errorf("prescription's person %q, patient %q", got.Sale.Prescription.Patient, got.Sale.Patient)
	}
	for i, number := range []string{Daughter.IDNumber, Newcomer.IDNumber} {
		request := sale(string(rune('B'+i)), "1.00")
		request.Prescription.PatientIDNumber = number
		_, _, err := r.Settle(context.Background(), request)
		wantCode(t, err, settle.RuleRefused)
		if settle.ReasonOf(err) != settle.ERxPerson {
			t.Errorf("%d: %v", i, err)
		}
	}
	incidents, err := r.ledger.Incidents(context.Background(), time.Time{}, 10)
	if err != nil || len(incidents) != 2 || incidents[0].Kind != string(settle.ERxPerson) || incidents[0].Detail["subject"] != "B" {
		t.Errorf("incidents %+v, %v", incidents, err)
	}
}
