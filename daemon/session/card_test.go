package session_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"gongji/cardreader"
	"gongji/daemon/session"
	. "gongji/daemon/session/sessiontest"
	"gongji/settle"
)

// TestWaitForCard: a sale that waits settles as soon as the card is there.
func TestWaitForCard(t *testing.T) {
	r := newRig(t, nil)
	idle := r.reader.Subscribers()
	request := sale("S1", "10.00")
	request.WaitSeconds = 60
	done := make(chan error, 1)
	go func() {
		_, _, err := r.Settle(context.Background(), request)
		done <- err
	}()
	eventually(t, "the sale waits", func() bool { return r.reader.Subscribers() > idle })
	r.reader.Reading()
	r.reader.Insert(Patient.Card())
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	eventually(t, "the subscription ends", func() bool { return r.reader.Subscribers() == idle })
}

func TestWaitEnds(t *testing.T) {
	for name, end := range map[string]func(r *rig, cancel context.CancelFunc){
		"the daemon stops":  func(r *rig, _ context.CancelFunc) { r.StopWaiting() },
		"the till leaves":   func(_ *rig, cancel context.CancelFunc) { cancel() },
		"the reader breaks": func(r *rig, _ context.CancelFunc) { r.reader.Unplug() },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			idle := r.reader.Subscribers()
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			request := sale("S1", "10.00")
			request.WaitSeconds = 120
			done := make(chan error, 1)
			go func() {
				_, err := r.Quote(ctx, request.SaleRequest)
				done <- err
			}()
			eventually(t, "the quote waits", func() bool { return r.reader.Subscribers() > idle })
			end(r, cancel)
			select {
			case err := <-done:
				if err == nil {
					t.Fatal("quoted without a card")
				}
			case <-time.After(10 * time.Second):
				t.Fatal("still waiting")
			}
		})
	}
}

func TestWaitRunsOut(t *testing.T) {
	r := newRig(t, nil)
	request := sale("S1", "10.00")
	request.WaitSeconds = 1
	began := time.Now()
	_, err := r.Quote(context.Background(), request.SaleRequest)
	wantCode(t, err, settle.CardAbsent)
	if waited := time.Since(began); waited < time.Second {
		t.Fatalf("gave up after %s", waited)
	}
}

// TestTerminalPicksReader: with two readers each till has its own card.
func TestTerminalPicksReader(t *testing.T) {
	second := NewReader("back", "counter-2", cardreader.RoleCard)
	r := newRig(t, func(_ *rig, o *session.Options) {
		o.Readers = append(o.Readers, session.NamedReader{Name: "back", Terminal: "counter-2", Role: cardreader.RoleCard, Reader: second})
	})
	second.Insert(Patient.Card())
	_, _, err := r.Settle(context.Background(), sale("S1", "10.00"))
	wantCode(t, err, settle.CardAbsent)
	request := sale("S2", "10.00")
	request.Terminal = "counter-2"
	if got := r.mustSettle(request); got.Presence.Reader != "back" {
		t.Fatalf("reader %q", got.Presence.Reader)
	}
	request = sale("S3", "10.00")
	request.Terminal = "counter-3"
	_, _, err = r.Settle(context.Background(), request)
	if e := wantCode(t, err, settle.BadRequest); e.Fields[0].Field != "terminal" {
		t.Fatalf("fields %v", e.Fields)
	}
}

// TestCentreIsAskedOnInsertion: once for each insertion, and a quote waits for the answer on its way.
func TestCentreIsAskedOnInsertion(t *testing.T) {
	r := newRig(t, nil)
	asked, release := make(chan struct{}), make(chan struct{})
	r.centre.Answer(func(ctx context.Context, _ cardreader.Credential) error {
		close(asked)
		select {
		case <-release:
		case <-ctx.Done():
			return ctx.Err()
		}
		return r.ledger.ApplySnapshot(ctx, Arrival(Newcomer, 777, r.clock.Now()))
	})
	r.reader.Insert(Newcomer.Card())
	<-asked
	quoted := make(chan settle.Quote, 1)
	go func() {
		request := sale("S1", "10.00")
		request.Patient = session.PatientRequest{}
		quote, err := r.Quote(context.Background(), request.SaleRequest)
		if err != nil {
			t.Errorf("quote: %v", err)
		}
		quoted <- quote
	}()
	close(release)
	if quote := <-quoted; quote.Figures.Own != 777 || quote.Figures.Cash != 223 {
		t.Fatalf("figures %+v", quote.Figures)
	}
	if n := r.centre.Asked(); n != 1 {
		t.Fatalf("asked %d times", n)
	}
}

// looking is a ledger that tells when a sale has begun to look at a card.
type looking struct {
	session.Ledger
	began chan struct{}
	once  *sync.Once
}

func (l looking) Index(kind, value string) string {
	l.once.Do(func() { close(l.began) })
	return l.Ledger.Index(kind, value)
}

// TestQuoteWaitsForFreshBalance: a person the ledger knows is quoted for from the centre's answer on its way, not from
// what was known before.
func TestQuoteWaitsForFreshBalance(t *testing.T) {
	began := make(chan struct{})
	r := newRig(t, func(_ *rig, o *session.Options) {
		o.Ledger, o.RefreshWait = looking{o.Ledger, began, &sync.Once{}}, time.Minute
	})
	r.centre.Answer(func(ctx context.Context, _ cardreader.Credential) error {
		select {
		case <-began:
		case <-ctx.Done():
			return ctx.Err()
		}
		return r.ledger.ApplySnapshot(ctx, Arrival(Patient, 9900, r.clock.Now().Add(time.Second)))
	})
	r.reader.Insert(Patient.Card())
	quote, err := r.Quote(context.Background(), sale("S1", "99.00").SaleRequest)
	if err != nil || quote.Figures.Own != 9900 {
		t.Fatalf("figures %+v %v", quote.Figures, err)
	}
}

// TestSilentCentre: a person the ledger knows is settled for without the centre; somebody else is asked about once more.
func TestSilentCentre(t *testing.T) {
	r := newRig(t, func(r *rig, o *session.Options) {
		o.RefreshWait, o.AskWait, o.RefreshTimeout = 5*time.Millisecond, 20*time.Millisecond, 10*time.Millisecond
		r.centre.Answer(Silent)
	})
	r.reader.Insert(Patient.Card())
	r.mustSettle(sale("S1", "10.00"))
	r.reader.Swap(Newcomer.Card())
	eventually(t, "the insertion was asked about", func() bool { return r.centre.Asked() >= 2 })
	request := sale("S2", "10.00")
	request.Patient = session.PatientRequest{}
	_, _, err := r.Settle(context.Background(), request)
	wantCode(t, err, settle.PersonUnknown)
	if n := r.centre.Asked(); n > 3 {
		t.Fatalf("asked %d times", n)
	}
}

// TestUnknownPersonIsAskedForAgain: the first question failed, the one of the sale succeeds.
func TestUnknownPersonIsAskedForAgain(t *testing.T) {
	r := newRig(t, nil)
	r.centre.Answer(func(context.Context, cardreader.Credential) error { return settle.NewError(settle.UpstreamSilent, nil) })
	r.reader.Insert(Newcomer.Card())
	eventually(t, "the first question", func() bool { return r.centre.Asked() == 1 })
	r.centre.Answer(func(ctx context.Context, _ cardreader.Credential) error {
		return r.ledger.ApplySnapshot(ctx, Arrival(Newcomer, 5000, r.clock.Now()))
	})
	request := sale("S1", "10.00")
	request.Patient = session.PatientRequest{IDNumber: Newcomer.IDNumber}
	if got := r.mustSettle(request); got.Figures.Own != 1000 {
		t.Fatalf("figures %+v", got.Figures)
	}
}

// TestCardWithoutNumber: a 3.00 card is resolved by what the centre said of it, and still must be the patient's.
func TestCardWithoutNumber(t *testing.T) {
	r := newRig(t, nil)
	card := Patient.Card()
	card.Version, card.IDNumber, card.Name, card.NeedsAuthentication = "3.00", "", "", true
	r.reader.Insert(card)
	got := r.mustSettle(sale("S1", "10.00"))
	if got.Presence.EvidenceSource != "card_ledger" || got.Figures.Own != 1000 {
		t.Fatalf("evidence %q, figures %+v", got.Presence.EvidenceSource, got.Figures)
	}
	for _, m := range []Member{Stranger, Newcomer} {
		request := sale("S2", "10.00")
		request.Patient = session.PatientRequest{IDNumber: m.IDNumber}
		_, _, err := r.Settle(context.Background(), request)
		wantCode(t, err, settle.PersonCardMismatch)
	}
}

// TestCardOfSomebodyElse: the number on the card is the patient's, but the centre says the card is another's.
func TestCardOfSomebodyElse(t *testing.T) {
	r := newRig(t, nil)
	card := Patient.Card()
	card.Number, card.Identifier = Stranger.CardNumber, Stranger.Identifier
	r.reader.Insert(card)
	_, _, err := r.Settle(context.Background(), sale("S1", "10.00"))
	if e := wantCode(t, err, settle.PersonCardMismatch); e.Members["differs"] != "card" {
		t.Fatalf("differs %v", e.Members["differs"])
	}
}

func TestReaderViewsAndEventsAreMasked(t *testing.T) {
	r := newRig(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	events := r.Subscribe(ctx)
	r.reader.Insert(Patient.Card())
	event := <-events
	if event.Kind != cardreader.CardInserted || event.Reader.Card == nil || event.Reader.Card.Holder != "王*" || event.Reader.Card.Number != "*****5678" {
		t.Fatalf("event %+v", event)
	}
	views := r.ReaderViews()
	if len(views) != 1 || views[0].State != cardreader.StatePresent || views[0].Seq != r.reader.Seq() || views[0].Card.Holder != "王*" {
		t.Fatalf("views %+v", views)
	}
	r.reader.Unplug()
	if event := <-events; event.Kind != cardreader.ReaderFault || event.Reader.Card != nil || event.Reader.Fault == nil {
		t.Fatalf("event %+v", event)
	}
	cancel()
	eventually(t, "the channel closes", func() bool {
		select {
		case _, open := <-events:
			return !open
		default:
			return false
		}
	})
}
